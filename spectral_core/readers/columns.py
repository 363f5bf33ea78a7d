"""What the columns of a file mean: axis, quantities, names of spectra, metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from spectral_core.errors import ReadError, offenders
from spectral_core.quality import COLUMNS as QUALITY_COLUMNS
from spectral_core.readers.stated import AXIS_WORDS, UNITS, agree_axis_unit, axis_units, quantity
from spectral_core.spectra import canonical_axis_unit

RESERVED = frozenset(
    {"sample", "channel", "axis", "intensity", "spectrum_id", "source", "source_sha256", *QUALITY_COLUMNS}
)
"""Names that the Spectra contract uses otherwise; a file's or sheet's column of that name gets another."""

_MEASURED = frozenset({"raw", "raw data", "dark subtracted", "processed"})
_PARTS = frozenset({"sample", "dark", "reference", "background", "white", "scope", "raw", "raw data"})


def column_name(name: str) -> str:
    """Give the name under which a column is kept beside the spectra.

    Example:
        >>> column_name("plate"), column_name("sample")
        ('plate', 'sample_name')
    """
    name = name.strip()
    return f"{name}_name" if name.lower() in RESERVED else name


def from_file(texts: Mapping[str, Sequence[str]], *, where: str) -> dict[str, list[str]]:
    """Name the metadata columns of a table, adding `spectrum` where none of them is called so."""
    kept = {column_name(name): [str(text).strip() for text in column] for name, column in texts.items()}
    if len(kept) != len(texts):
        raise ReadError(where, "different headings", offenders(list(texts)), "Rename the columns.")
    if "spectrum" in kept:
        return kept
    n = len(next(iter(kept.values()), []))
    return {**kept, "spectrum": [str(i + 1) for i in range(n)] if n > 1 else [""] * n}


def spectrum_names(names: Sequence[str], *, where: str) -> list[str]:
    """Name the spectra of a file: "" for a single one, the headings of several, numbers without headings.

    Raises:
        ReadError: Two headings are the same, so that no sheet could tell the spectra apart.
    """
    if len(names) == 1:
        return [""]
    named = [name or str(i + 1) for i, name in enumerate(names)]
    twice = sorted({name for name in named if named.count(name) > 1}) if len(set(named)) < len(named) else []
    if twice:
        raise ReadError(where, "a different heading for every spectrum", f"{offenders(twice)} more than once",
                        "Rename the columns.")  # fmt: skip
    return named


def axis_column(
    names: Sequence[str], units: Sequence[str], axis_unit: str, *, where: str
) -> tuple[int, tuple[int, ...]]:
    """Choose the column of positions, and name the other columns of positions.

    The first column, unless headings say otherwise: where several do, the one in the study's unit, and of
    "Wavenumber" and "Raman Shift" (both cm-1) the shift.

    Raises:
        ReadError: No heading agrees with the study's unit, or several do.
    """
    heads = [i for i, name in enumerate(names) if heads_axis(name, at=i)]
    found = {i: axis_units(units[i]) or axis_units(names[i]) for i in heads}
    declared = canonical_axis_unit(axis_unit)
    if not found:
        agree_axis_unit(units[0] or names[0], axis_unit, where=f"{where}, column 1")
        return 0, ()
    fitting = [i for i, admitted in found.items() if declared in (admitted or {declared})]
    if not fitting:
        first = min(found)
        agree_axis_unit(units[first] or names[first], axis_unit, where=f"{where}, column {first + 1}")
    shifts = [i for i in fitting if "shift" in names[i].lower()]
    fitting = shifts if len(shifts) == 1 else fitting
    if len(fitting) != 1:
        shown = offenders([names[i] for i in fitting])
        raise ReadError(where, f"one column of positions in {declared!r}", shown, "Export each spectrum with one axis.")
    return fitting[0], tuple(i for i in found if i != fitting[0])


def heads_axis(name: str, *, at: int) -> bool:
    """Whether a heading is one of positions; beyond the first column only the plain words for them are."""
    if at == 0:
        return bool(axis_units(name))
    bare = re.sub(r"[(\[].*$", "", name).strip().lower()
    return canonical_axis_unit(name) in UNITS or (bare in AXIS_WORDS and bare not in ("x", "axis"))


def differ_in_quantity(names: Sequence[str], units: Sequence[str]) -> bool:
    """Whether columns are several quantities of one spectrum (Sample, Dark, Reference, Reflectance)."""
    if len(names) < 2:
        return False
    if len({unit for unit in units if unit}) > 1:
        return True
    bare = [re.sub(r"\s*(#\s*\d+|[(\[].*)$", "", name).strip().lower() for name in names]
    measured = {quantity(name) or word for name, word in zip(names, bare, strict=True)
                if quantity(name) or word in _MEASURED}  # fmt: skip
    parts = {word for word in bare if word in _PARTS}
    return len(measured | parts) > 1 and bool(measured or (parts & {"sample", "scope"} and len(parts) > 1))


def choose(names: Sequence[str], units: Sequence[str], among: Sequence[int], intensity_unit: str, *, where: str) -> int:
    """Choose the column that the study asks for, by its heading or by its quantity.

    Raises:
        ReadError: None or several fit; they are listed.
    """
    wanted = intensity_unit.strip().lower()
    kind = quantity(intensity_unit)
    fitting = [i for i in among if wanted and names[i].strip().lower() == wanted]
    fitting = fitting or [i for i in among if kind and kind == (quantity(names[i]) or quantity(units[i]))]
    if len(fitting) != 1:
        found = [f"{names[i]} {units[i]}".strip() for i in (fitting or among)]
        raise ReadError(
            where, "one quantity, or a study that says which one", ", ".join(map(repr, found[:12])),
            "Set reading.intensity_unit to a quantity or to the heading of one column.",
        )  # fmt: skip
    return fitting[0]
