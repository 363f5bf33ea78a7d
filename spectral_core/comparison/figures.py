"""How each accuracy changed, and whether by more than noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spectral_core.comparison.newcomers import newcomers, shared_classes
from spectral_core.comparison.noise import Contrast, contrast, from_intervals, training_factor
from spectral_core.comparison.side import Report, Side
from spectral_core.comparison.units import Credits, Pairing, UnitTable
from spectral_core.evidence import CLAIMS

Ends = tuple[float, float, float]
CONTRASTS = {
    "all": "all units of each audit",
    "common": "units of both audits",
    "added": "added units beside the others of B",
    "removed": "removed units beside the others of A",
}


@dataclass(frozen=True)
class Accuracy:
    """A balanced accuracy with its interval and its adjusted p-value against shuffled labels (None: not settled)."""

    value: float
    low: float
    high: float
    p_adjusted: float | None

    @classmethod
    def of(cls, row: Report) -> Accuracy:
        """Read a probe's row of report.json."""
        low, high = row["interval"]
        return cls(row["balanced_accuracy"], low, high, row.get("p_adjusted"))

    @property
    def ends(self) -> Ends:
        """The value and the ends of its interval."""
        return self.value, self.low, self.high

    def to_dict(self) -> dict[str, Any]:
        """Give the accuracy under the names of report.json."""
        return {"balanced_accuracy": self.value, "interval": [self.low, self.high], "p_adjusted": self.p_adjusted}


@dataclass(frozen=True)
class Figure:
    """One accuracy in both audits: a block of a variant, None on the side that did not ask.

    `contrasts` by name (see CONTRASTS), empty where the two cannot be compared; `paired` says whether units were
    matched. `judges` are who classified, the probe or a model.
    """

    variant: str
    block: str
    a: Accuracy | None
    b: Accuracy | None
    judges: tuple[str, str]
    paired: bool
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)


def compare_figures(a: Side, b: Side, *, alpha: float) -> list[Figure]:
    """Compare every accuracy that the verdict may rest on, on every variant of either audit.

    A figure is compared in up to four ways: over all units; over the units that both audits hold; and the units that
    one audit alone holds beside the others of that audit, which says whether they are of another kind.
    """
    variants_a, variants_b = a.variants(), b.variants()
    pairing = _pairing(a, b)
    comparable = _classes(a) == _classes(b)
    found = []
    for variant in dict.fromkeys([*variants_a, *variants_b]):
        sides = variants_a.get(variant, {}), variants_b.get(variant, {})
        for block in CLAIMS:
            rows = [(side.get("probes") or {}).get(block) for side in sides]
            both = [None if row is None else Accuracy.of(row) for row in rows]
            if any(both):
                contrasts = _contrasts(a, b, variant, block, both, pairing, alpha) if comparable and all(both) else {}
                judges = tuple(str(side.get("judged_by", "")) for side in sides)
                found.append(Figure(variant, block, both[0], both[1], (judges[0], judges[1]), pairing is not None,
                                    contrasts))  # fmt: skip
    return _with_newcomers(found, a, b, pairing, alpha=alpha)


def factor_of(a: Side, b: Side) -> float:
    """Give the larger of both audits' `training_factor`."""
    folds = [
        min(int(side.report["settings"].get("n_folds", 5)), int(side.report["design"].get("n_units") or 5))
        for side in (a, b)
    ]
    return max(training_factor(max(k, 2)) for k in folds)


def _pairing(a: Side, b: Side) -> Pairing | None:
    tables = UnitTable.of(a.report), UnitTable.of(b.report)
    return None if tables[0] is None or tables[1] is None else Pairing(tables[0], tables[1])


def _classes(side: Side) -> set[str]:
    return set(side.report["design"]["classes"])


def _contrasts(
    a: Side, b: Side, variant: str, block: str, both: Sequence[Accuracy | None], pairing: Pairing | None, alpha: float
) -> dict[str, Contrast]:
    factor = factor_of(a, b)
    credits = None if pairing is None else pairing.credits(variant, block)
    if pairing is None or credits is None:
        ends = [found.ends for found in both if found is not None]
        n = int(a.report["design"]["n_units"]), int(b.report["design"]["n_units"])
        return {"all": from_intervals(ends[0], ends[1], n=n, factor=factor, alpha=alpha)}
    found = {"all": contrast(*credits, n_units=pairing.n_units, factor=factor, alpha=alpha)}
    held = [table.inside(pairing.common) for table in (pairing.a, pairing.b)]
    if any(rows.any() for rows in held) and not all(rows.all() for rows in held):
        kept = [side.take(rows) for side, rows in zip(credits, held, strict=True)]
        if set(kept[0].class_code) == set(kept[1].class_code):
            found["common"] = contrast(kept[0], kept[1], n_units=pairing.n_units, factor=factor, alpha=alpha)
    return found


def _with_newcomers(
    figures: Sequence[Figure], a: Side, b: Side, pairing: Pairing | None, *, alpha: float
) -> list[Figure]:
    """Add what the units of one audit alone reach beside its others; all figures share the permutations."""
    if pairing is None or not pairing.common:
        return list(figures)
    extra: list[dict[str, Contrast]] = [dict(figure.contrasts) for figure in figures]
    for name, side, place in (("removed", a, 0), ("added", b, 1)):
        table = (pairing.a, pairing.b)[place]
        tags = ~table.inside(pairing.common)
        asked = [i for i, figure in enumerate(figures) if figure.contrasts and _known(pairing, figure)]
        credits = [found[place] for i in asked if (found := pairing.credits(figures[i].variant, figures[i].block))]
        if not tags.any() or not credits or not shared_classes(credits[0], tags):
            continue
        p_values = newcomers(credits, tags, seed=int(side.report["settings"]["seed"]))
        for i, of_figure, p in zip(asked, credits, p_values, strict=True):
            extra[i][name] = _beside(of_figure, tags, p, n_units=pairing.n_units, alpha=alpha)
    return [Figure(**{**vars(f), "contrasts": more}) for f, more in zip(figures, extra, strict=True)]


def _known(pairing: Pairing, figure: Figure) -> bool:
    return pairing.credits(figure.variant, figure.block) is not None


def _beside(credits: Credits, tags: Any, p: float, *, n_units: int, alpha: float) -> Contrast:
    """The tagged units' accuracy beside that of the others, over the classes that both have; p is the permutations'."""
    shared = np.isin(credits.class_code, shared_classes(credits, tags))
    others, tagged = credits.take(~tags & shared), credits.take(tags & shared)
    found = contrast(others, tagged, n_units=n_units, factor=1.0, alpha=alpha)
    return Contrast(found.a, found.b, found.low, found.high, p, found.n_a, found.n_b)
