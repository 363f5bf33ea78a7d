"""What a file says about its axis and its quantity, held against what the study declares; never converted."""

from __future__ import annotations

import re

from spectral_core.errors import ReadError
from spectral_core.spectra import canonical_axis_unit

UNITS = frozenset({"cm-1", "nm", "um", "eV", "m/z", "THz", "ppm", "channel"})
"""Axis units that are recognised wherever they are written."""

AXIS_WORDS = {
    "wavenumber": {"cm-1"}, "wavenumbers": {"cm-1"}, "raman shift": {"cm-1"}, "ramanshift": {"cm-1"},
    "wavelength": {"nm", "um"}, "wavelengths": {"nm", "um"}, "lambda": {"nm", "um"},
    "wave": {"nm", "um", "cm-1"},
    "pixel": {"channel"}, "channel": {"channel"}, "energy": {"eV"}, "frequency": {"THz"},
    "chemical shift": {"ppm"}, "axis": set(UNITS), "x": set(UNITS),
}  # fmt: skip
"""Words for an axis, and the units that measure it."""

_QUANTITIES = {
    "absorbance": ("absorbance", "absorbance units", "abs", "abs."),
    "transmittance": (
        "transmittance", "transmission", "%t", "% t", "%transmittance", "% transmittance", "%transmission",
        "% transmission", "percent transmittance", "percent transmission",
    ),
    "reflectance": (
        "reflectance", "%r", "% r", "%reflectance", "% reflectance", "percent reflectance",
        "diffuse reflectance",
    ),
    "log(1/R)": ("log(1/r)", "log 1/r", "log10(1/r)", "log10 1/r"),
    "kubelka-munk": ("kubelka-munk", "kubelka munk", "kubelka-munk units", "k-m"),
    "counts": ("counts", "count", "cts", "detector counts"),
    "irradiance": ("irradiance",),
    "%TR": ("%tr",),
}  # fmt: skip
_BY_WORD = {word: quantity for quantity, words in _QUANTITIES.items() for word in words}
_BY_LETTER = {"a": "absorbance", "t": "transmittance", "r": "reflectance"}
_SILENT = frozenset({
    "", "arbitrary", "arbitrary units", "arbitrary unit", "arb. units", "arb.units", "arb units", "a.u.",
    "a. u.", "au", "intensity", "relative intensity", "raman intensity", "signal", "value", "y", "unknown",
    "none",
})  # fmt: skip
_BRACKETED = re.compile(r"[(\[]([^()\[\]]{1,40})[)\]]\s*$")
_NUMBERED = re.compile(r"\s*#\s*\d+$")


def axis_units(text: str) -> frozenset[str]:
    """Give the axis units that a heading admits; empty if it is no heading of an axis.

    Example:
        >>> [sorted(axis_units(text)) for text in ("Wavenumber (cm-1)", "wavelength", "leaf 1")]
        [['cm-1'], ['nm', 'um'], []]
    """
    text = text.strip().strip('"')
    bracketed = _BRACKETED.search(text)
    for part in ((bracketed[1],) if bracketed else ()) + (text, re.split(r"[\s_,/]", text)[-1]):
        unit = canonical_axis_unit(part.strip("()[] "))
        if unit in UNITS:
            return frozenset({unit})
    bare = text[: bracketed.start()] if bracketed else text
    return frozenset(AXIS_WORDS.get(bare.strip().lower().replace("_", " "), ()))


def quantity(text: str) -> str:
    """Give the quantity that a heading or unit names, "" if it names none that is known.

    Letters alone ("A") and arbitrary units name none: see `agreed_quantity` for files with a field for it.

    Example:
        >>> quantity("Absorbance #1"), quantity("%T"), quantity("signal [counts]"), quantity("leaf 7")
        ('absorbance', 'transmittance', 'counts', '')
    """
    text = _NUMBERED.sub("", text.strip().strip('"')).lower()
    bracketed = _BRACKETED.search(text)
    bare = text[: bracketed.start()].strip() if bracketed else text
    known = _BY_WORD.get(bare) or _BY_WORD.get(text.strip("()[] "))
    return known or (_BY_WORD.get(bracketed[1].strip(), "") if bracketed else "")


def agree_axis_unit(stated: str, declared: str, *, where: str) -> None:
    """Refuse a file that states another axis unit than the study declares.

    Args:
        stated: A heading or the unit as the file writes it; "" or a heading without a unit states nothing.
        declared: The study's `reading.axis_unit`.
        where: Place named in the error.

    Raises:
        ReadError: The file states another unit, or an axis ("wavelength") that the unit does not measure.
    """
    units = axis_units(stated)
    if units and canonical_axis_unit(declared) not in units:
        _refuse_axis(stated, declared, where)


def agree_axis_field(stated: str, declared: str, *, where: str) -> None:
    """Refuse like `agree_axis_unit`, from a field made for the unit: an unknown unit differs, too."""
    unit = canonical_axis_unit(declared)
    units = axis_units(stated) or {canonical_axis_unit(stated)}
    if stated.strip().lower() not in _SILENT and not {u.lower() for u in units} & {unit.lower()}:
        _refuse_axis(stated, declared, where)


def _refuse_axis(stated: str, declared: str, where: str) -> None:
    raise ReadError(where, f"an axis in {declared!r}, as the study declares", repr(stated.strip()),
                    "Correct reading.axis_unit, or keep the file out of this study.")  # fmt: skip


def agreed_quantity(stated: str, declared: str, *, where: str) -> str:
    """Give the quantity to record: the study's word, or the file's where the study has none.

    "Arbitrary units" and a bare "intensity" state no quantity and agree with every declaration. Percent and
    fraction are one quantity; numbers are kept as they are.

    Args:
        stated: The quantity as the file's field for it writes it ("ABSORBANCE", "A", "%T", "").
        declared: The study's `reading.intensity_unit`, "" if it declares none.
        where: Place named in the error.

    Raises:
        ReadError: The file states another quantity than the study declares.

    Example:
        >>> agreed_quantity("%T", "transmittance", where="a.jdx"), agreed_quantity("A", "", where="a.jdx")
        ('transmittance', 'absorbance')
    """
    text = stated.strip()
    found = quantity(text) or _BY_LETTER.get(text.lower(), "")
    if text.lower() in _SILENT and not found:
        return declared
    if not declared:
        return found or text
    wanted = quantity(declared) or _BY_LETTER.get(declared.strip().lower(), declared.strip())
    if (found or text).lower() != wanted.lower():
        raise ReadError(where, f"{declared!r}, as the study declares", repr(text),
                        "Correct reading.intensity_unit, or keep the file out of this study.")  # fmt: skip
    return declared
