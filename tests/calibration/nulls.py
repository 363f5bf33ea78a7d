"""Studies without any difference between the classes: every p-value should be uniform."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_core.simulate import Recipe
from tests.calibration.trial import Study

SEEDS = 600
SEVEN = (
    "raw", "snv", "area", "savgol(window=11, order=2, deriv=1)", "snv | savgol(window=11, order=2, deriv=1)",
    "savgol(window=11, order=2, deriv=2)", "savgol(window=15, order=2) | snv",
)  # fmt: skip


@dataclass(frozen=True)
class Null:
    """A study and which of its p-values are under their null hypothesis.

    With `within_only` class and batch are associated and batches differ: then labels are exchangeable inside
    batches only, and the p-values of permutations anywhere are rightly small.
    """

    study: Study
    seeds: int = SEEDS
    within_only: bool = False

    def asks(self, p_value: str) -> bool:
        """Whether this p-value is under its null hypothesis."""
        if p_value == "batch from spectrum":
            return self.study.recipe.batch_offset == 0
        return not self.within_only or "anywhere" not in p_value


def _null(name: str, recipe: Recipe, *, within_only: bool = False, seeds: int = SEEDS) -> Null:
    return Null(Study(name, recipe), seeds, within_only)


NULLS = (
    _null("two classes, d ≫ n", Recipe(units=(20, 20))),
    _null("replicates", Recipe(units=(12, 12), replicates=4, fingerprint=0.05)),
    _null("unequal units", Recipe(units=(14, 14), replicates=(1, 2, 7), fingerprint=0.05)),
    _null("three classes", Recipe(units=(14, 14, 14))),
    _null("imbalance 90/10", Recipe(units=(54, 6))),
    _null("n ≫ d", Recipe(units=(100, 100), channels=30)),
    _null("heavy-tailed noise", Recipe(units=(20, 20), tails=2.0)),
    _null("batches", Recipe(units=(24, 24), batches=4, batch_offset=0.3)),
    _null("batches, no batch effect, 80/20", Recipe(units=(24, 24), batches=4, batch_mix=0.8)),
    _null("batches, 80/20, offset", Recipe(units=(24, 24), batches=4, batch_mix=0.8, batch_offset=0.3),
          within_only=True),
    _null("units crossed with batches", Recipe(units=(10, 10), replicates=4, batches=4, crossed=True,
                                               batch_offset=0.3, fingerprint=0.05)),
    _null("units that mix classes", Recipe(units=(24, 24), mixed=True, fingerprint=0.05)),
    _null("batch names partly lost", Recipe(units=(24, 24), batches=4, batch_offset=0.3, batch_lost=0.3)),
    Null(Study("seven variants", Recipe(units=(20, 20)), variants=SEVEN), seeds=600),
)  # fmt: skip
