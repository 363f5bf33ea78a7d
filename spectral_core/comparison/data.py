"""What changed in the data: spectra and units that came or went, by class and batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from spectral_core.comparison.side import Side
from spectral_core.comparison.units import UnitTable

_ROLES = ("label", "unit", "batch")


@dataclass(frozen=True)
class Moved:
    """Spectra that one audit holds and the other does not.

    `units` are those of which the other holds nothing; `spectrum_ids` are empty where only units are known.
    """

    spectra: int
    units: tuple[str, ...]
    by_class: dict[str, int]
    by_batch: dict[str, int]
    spectrum_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataChange:
    """How the spectra of two audits differ.

    `known_by` is "spectrum_id" (read from the archive), "unit" (read from the reports), or "count" where nothing but
    numbers is known; `why` says what could not be looked up. `relabelled` counts the spectra of both audits whose
    label, unit or batch was corrected in between, by column.
    """

    known_by: str
    why: str
    spectra_a: int
    spectra_b: int
    units_a: int
    units_b: int
    units_common: int | None
    added: Moved | None
    removed: Moved | None
    relabelled: dict[str, int]

    @property
    def same(self) -> bool:
        """Whether nothing came, went or was corrected, as far as is known."""
        moved = [part.spectra for part in (self.added, self.removed) if part is not None]
        counted = self.spectra_a == self.spectra_b and self.units_a == self.units_b
        return counted and not any(moved) and not self.relabelled

    def to_dict(self) -> dict[str, Any]:
        """Give the change as plain values."""
        return {**asdict(self), "same": self.same}


def data_change(a: Side, b: Side) -> DataChange:
    """Compare the spectra behind two audits as closely as they can be looked up."""
    if a.metadata is not None and b.metadata is not None:
        return _by_spectrum(a, b, a.metadata, b.metadata)
    missing = next(side.no_metadata for side in (a, b) if side.metadata is None)
    why = f"spectrum ids were not looked up: {missing}"
    tables = UnitTable.of(a.report), UnitTable.of(b.report)
    if tables[0] is not None and tables[1] is not None:
        return _by_unit(a, b, tables[0], tables[1], why)
    return DataChange("count", why, *_counts(a, b), None, None, None, {})


def _counts(a: Side, b: Side) -> tuple[int, int, int, int]:
    designs = a.report["design"], b.report["design"]
    spectra, units = ([int(design.get(key) or 0) for design in designs] for key in ("n_spectra", "n_units"))
    return spectra[0], spectra[1], units[0], units[1]


def _by_spectrum(a: Side, b: Side, before: xr.Dataset, after: xr.Dataset) -> DataChange:
    rows_a, rows_b = _rows(before), _rows(after)
    units_a, units_b = ({row["unit"] for row in rows.values()} for rows in (rows_a, rows_b))
    added, removed = (
        _moved({key: row for key, row in rows.items() if key not in others}, known)
        for rows, others, known in ((rows_b, rows_a, units_a), (rows_a, rows_b, units_b))
    )
    pairs = [(rows_a[key], rows_b[key]) for key in rows_a.keys() & rows_b.keys()]
    relabelled = {role: n for role in _ROLES if (n := sum(p[role] != q[role] for p, q in pairs))}
    common = len(units_a & units_b)
    return DataChange("spectrum_id", "", *_counts(a, b), common, added, removed, relabelled)


def _rows(metadata: xr.Dataset) -> dict[str, dict[str, str]]:
    """Spectrum id → label, unit and batch; a spectrum without a unit is its own."""
    ids = [str(v) for v in metadata["spectrum_id"].values]
    columns = {role: [str(v) for v in metadata[role].values] for role in _ROLES}
    columns["unit"] = [unit or key for unit, key in zip(columns["unit"], ids, strict=True)]
    return {key: {role: columns[role][i] for role in _ROLES} for i, key in enumerate(ids)}


def _moved(rows: dict[str, dict[str, str]], known_units: set[str]) -> Moved:
    units = sorted({row["unit"] for row in rows.values()} - known_units)
    return Moved(
        len(rows), tuple(units), _tally(row["label"] for row in rows.values()),
        _tally(row["batch"] for row in rows.values()), tuple(sorted(rows)),
    )  # fmt: skip


def _by_unit(a: Side, b: Side, before: UnitTable, after: UnitTable, why: str) -> DataChange:
    added, removed = _only(after, before), _only(before, after)
    common = len(before.units & after.units)
    return DataChange("unit", why, *_counts(a, b), common, added, removed, {})


def _only(table: UnitTable, other: UnitTable) -> Moved:
    rows = [i for i, name in enumerate(table.name) if name not in other.units]
    by_class, by_batch = (
        _tally(names[i] for i in rows for _ in range(int(table.spectra[i])))
        for names in (table.class_name, table.batch)
    )
    units = tuple(sorted({table.name[i] for i in rows}))
    return Moved(int(table.spectra[rows].sum()), units, by_class, by_batch)


def _tally(names: Iterable[str]) -> dict[str, int]:
    return {name or "not stated": n for name, n in sorted(Counter(names).items())}
