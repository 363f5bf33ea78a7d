"""Which bands and blanks gained or lost relevance: the band tables of two audits, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spectral_core.comparison.figures import Ends, factor_of
from spectral_core.comparison.noise import Contrast, from_intervals
from spectral_core.comparison.side import Report, Side

_KINDS = ("band", "blank")  # the rows of all bands and of off-band are figures of their own


@dataclass(frozen=True)
class RegionChange:
    """One declared region in both audits, None on the side that lacks it.

    `alone` is what a classifier of nothing but the region reaches, with its permutation p-value (not corrected);
    `necessity` what the full spectrum loses without it; `contrast` the difference of `alone`, None where one side
    lacks it or the region was moved.
    """

    variant: str
    region: str
    kind: str
    a: Mapping[str, Any] | None
    b: Mapping[str, Any] | None
    moved: bool
    contrast: Contrast | None


def compare_regions(a: Side, b: Side, *, alpha: float) -> list[RegionChange]:
    """Compare the band tables of every variant that both audits hold."""
    variants_a, variants_b = a.variants(), b.variants()
    comparable = set(a.report["design"]["classes"]) == set(b.report["design"]["classes"])
    found = []
    for variant in (name for name in variants_a if name in variants_b):
        rows = _rows(variants_a[variant]), _rows(variants_b[variant])
        for name in dict.fromkeys([*rows[0], *rows[1]]):
            before, after = rows[0].get(name), rows[1].get(name)
            moved = _interval(a.report, name) != _interval(b.report, name)
            difference = None
            if comparable and not moved and before is not None and after is not None:
                n = int(a.report["design"]["n_units"]), int(b.report["design"]["n_units"])
                difference = from_intervals(_ends(before), _ends(after), n=n, factor=factor_of(a, b), alpha=alpha)
            kind = str((before or after or {})["kind"])
            found.append(RegionChange(variant, name, kind, _told(before), _told(after), moved, difference))
    return found


def _rows(variant: Report) -> dict[str, Report]:
    table = (variant.get("relevance") or {}).get("per_band") or []
    return {str(row["name"]): row for row in table if row["kind"] in _KINDS}


def _interval(report: Report, name: str) -> object:
    regions = report.get("regions") or {}
    declared = {**(regions.get("bands") or {}), **(regions.get("blanks") or {})}.get(name)
    return declared.get("interval", declared.get("features")) if isinstance(declared, Mapping) else declared


def _ends(row: Report) -> Ends:
    return row["alone"]["estimate"], row["alone"]["interval"][0], row["alone"]["interval"][1]


def _told(row: Report | None) -> dict[str, Any] | None:
    if row is None:
        return None
    necessity = row.get("necessity")
    return {
        "alone": row["alone"]["estimate"], "interval": row["alone"]["interval"], "p": row["alone_p"],
        "necessity": None if necessity is None else necessity["estimate"],
        "necessity_interval": None if necessity is None else necessity["interval"],
    }  # fmt: skip
