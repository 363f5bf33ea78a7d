"""Two audits side by side: what changed, and what of it is more than noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spectral_core.comparison.data import DataChange, data_change
from spectral_core.comparison.declared import Change, settings_changes, undisclosed, version_changes
from spectral_core.comparison.figures import Figure, compare_figures, factor_of
from spectral_core.comparison.noise import Contrast
from spectral_core.comparison.regions import RegionChange, compare_regions
from spectral_core.comparison.side import Side
from spectral_core.inference import holm_between_groups

SCHEMA_VERSION = 1
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Codes:
    """Reasons or caveats of two audits by code: rows of report.json that `came`, `went` or `stayed` (as B says it)."""

    came: Rows
    went: Rows
    stayed: Rows

    @classmethod
    def of(cls, a: Side, b: Side, key: str) -> Codes:
        """Compare the codes under `key`."""
        before, after = ({row["code"]: row for row in side.report.get(key) or []} for side in (a, b))
        came, stayed = ([row for c, row in after.items() if (c in before) is known] for known in (False, True))
        return cls(came, [row for c, row in before.items() if c not in after], stayed)

    def to_dict(self) -> dict[str, Any]:
        """Give the rows as lists."""
        return {key: [dict(row) for row in rows] for key, rows in vars(self).items()}


@dataclass(frozen=True)
class Comparison:
    """What differs between audit `a` and audit `b`.

    `verdicts` maps each variant to both verdicts, None where a side lacks it. Every contrast of `figures` and
    `regions` carries a p-value corrected by Holm's method over all `n_tests` of them: the chance that any is declared
    more than noise while none is, is at most `alpha`. `factor` widened the standard errors for training sets.
    """

    a: Side
    b: Side
    data: DataChange
    settings: Sequence[Change]
    settings_hidden: bool
    versions: Sequence[Change]
    verdicts: Mapping[str, tuple[str | None, str | None]]
    reasons: Codes
    caveats: Codes
    figures: Sequence[Figure]
    regions: Sequence[RegionChange]
    alpha: float
    factor: float

    @property
    def n_tests(self) -> int:
        """Number of differences that were tested, and corrected for."""
        return sum(len(f.contrasts) for f in self.figures) + sum(r.contrast is not None for r in self.regions)

    def beyond(self, contrast: Contrast | None) -> bool:
        """Tell whether a difference is more than noise."""
        return contrast is not None and contrast.p_adjusted <= self.alpha

    @property
    def moved(self) -> list[Figure]:
        """Figures of which some contrast is more than noise."""
        return [figure for figure in self.figures if any(map(self.beyond, figure.contrasts.values()))]

    @property
    def moved_regions(self) -> list[RegionChange]:
        """Regions whose accuracy alone changed by more than noise."""
        return [region for region in self.regions if self.beyond(region.contrast)]

    def to_dict(self) -> dict[str, Any]:
        """Give the one document that `offband compare --json` prints."""
        from spectral_core.comparison.sentences import notes, summary

        return {
            "schema_version": SCHEMA_VERSION, "summary": summary(self), "notes": notes(self),
            "a": self.a.to_dict(), "b": self.b.to_dict(), "data": self.data.to_dict(),
            "settings": [change.to_dict() for change in self.settings],
            "versions": [change.to_dict() for change in self.versions],
            "seeds": [side.report["settings"].get("seed") for side in (self.a, self.b)],
            "verdicts": [{"variant": v, "a": pair[0], "b": pair[1]} for v, pair in self.verdicts.items()],
            "reasons": self.reasons.to_dict(), "caveats": self.caveats.to_dict(),
            "figures": [self._figure(figure) for figure in self.figures],
            "relevance": [self._region(region) for region in self.regions],
            "multiplicity": {"method": "Holm", "tests": self.n_tests, "alpha": self.alpha,
                             "training_factor": self.factor},
        }  # fmt: skip

    def _contrast(self, found: Contrast) -> dict[str, Any]:
        return {**found.to_dict(), "more_than_noise": self.beyond(found)}

    def _figure(self, figure: Figure) -> dict[str, Any]:
        return {
            "variant": figure.variant, "figure": figure.block,
            "a": figure.a.to_dict() if figure.a else None, "b": figure.b.to_dict() if figure.b else None,
            "judged_by": list(figure.judges), "paired": figure.paired, "more_than_noise": figure in self.moved,
            "differences": {name: self._contrast(found) for name, found in figure.contrasts.items()},
        }  # fmt: skip

    def _region(self, region: RegionChange) -> dict[str, Any]:
        return {
            "variant": region.variant, "region": region.region, "kind": region.kind, "interval_changed": region.moved,
            "a": region.a, "b": region.b,
            "difference": self._contrast(region.contrast) if region.contrast else None,
        }  # fmt: skip


def compare_audits(a: Side, b: Side) -> Comparison:
    """Compare two audits: data, declarations, versions, verdicts, reasons, accuracies and relevance.

    Args:
        a: The earlier, or what is compared with.
        b: The later.

    Returns:
        The comparison. A difference counts as more than noise at the smaller alpha of both audits, corrected over all
        differences tested.
    """
    alpha = min(float(side.report["settings"].get("alpha", 0.05)) for side in (a, b))
    figures, regions = _corrected(compare_figures(a, b, alpha=alpha), compare_regions(a, b, alpha=alpha))
    verdicts = [{name: str(found["verdict"]) for name, found in side.variants().items()} for side in (a, b)]
    return Comparison(
        a, b, data_change(a, b), settings_changes(a, b), undisclosed(a, b), version_changes(a, b),
        {name: (verdicts[0].get(name), verdicts[1].get(name)) for name in dict.fromkeys([*verdicts[0], *verdicts[1]])},
        Codes.of(a, b, "reasons"), Codes.of(a, b, "caveats"), figures, regions, alpha, factor_of(a, b),
    )  # fmt: skip


def _corrected(figures: Sequence[Figure], regions: Sequence[RegionChange]) -> tuple[list[Figure], list[RegionChange]]:
    """Correct all p-values together."""
    tested = [found for figure in figures for found in figure.contrasts.values()]
    tested += [region.contrast for region in regions if region.contrast is not None]
    adjusted = holm_between_groups([np.array([found.p]) for found in tested])
    left = iter([float(p[0]) for p in adjusted])

    def with_next(found: Contrast) -> Contrast:
        return replace(found, p_adjusted=next(left))

    done = [
        replace(figure, contrasts={name: with_next(found) for name, found in figure.contrasts.items()})
        for figure in figures
    ]
    regions = [replace(r, contrast=with_next(r.contrast)) if r.contrast is not None else r for r in regions]
    return done, list(regions)
