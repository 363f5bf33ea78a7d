"""How often 95 % intervals hold what they estimate, when units are drawn anew from a population.

Held-out classifications are drawn, not fitted: for a unit of either class two classifiers are right where a
normal variable exceeds a threshold; replicates of a unit share part of that variable, and so do the two
classifiers. The true balanced accuracies, and their difference, are then known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from spectral_core.inference import Estimate, balanced_mean
from spectral_core.splits import Design, make_design

Floats = npt.NDArray[np.float64]
SETS = 2000
BOOTSTRAPPED = 500  # of the sets: it is a hundred times dearer
RESAMPLES = 499
_SHARED_BY_REPLICATES, _SHARED_BY_CLASSIFIERS = 0.6, 0.5


@dataclass(frozen=True)
class Population:
    """Balanced accuracy of two classifiers, units in each class, spectra of each unit."""

    accuracy: float
    other: float
    units: tuple[int, ...]
    replicates: int = 1

    @property
    def difference(self) -> float:
        """The true difference of the two accuracies."""
        return self.accuracy - self.other

    def design(self) -> Design:
        """Classes and units of one draw."""
        label = np.repeat(np.repeat(np.arange(len(self.units)), self.units), self.replicates)
        return make_design(label, unit=np.repeat(np.arange(sum(self.units)), self.replicates))

    def draw(self, rng: np.random.Generator, unit: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Draw credits of both classifiers for each spectrum."""
        units = int(unit.max()) + 1
        common = rng.normal(size=(units, 1)) * np.sqrt(_SHARED_BY_CLASSIFIERS)
        own = rng.normal(size=(units, 2)) * np.sqrt(1 - _SHARED_BY_CLASSIFIERS)
        of_unit = (common + own)[unit]
        spread = rng.normal(size=of_unit.shape)
        latent = np.sqrt(_SHARED_BY_REPLICATES) * of_unit + np.sqrt(1 - _SHARED_BY_REPLICATES) * spread
        right = latent < stats.norm.ppf([self.accuracy, self.other])
        return right[:, 0].astype(np.float64), right[:, 1].astype(np.float64)


@dataclass(frozen=True)
class Coverage:
    """Shares of draws whose two-sided interval, lower and upper one-sided bound hold the truth; mean width."""

    interval: float
    at_least: float
    at_most: float
    width: float


def populations() -> tuple[Population, ...]:
    """Combine accuracies, designs and replicates."""
    accuracies = ((0.6, 0.6), (0.75, 0.6), (0.9, 0.9), (0.9, 0.75), (0.97, 0.97), (0.97, 0.9), (0.99, 0.93))
    designs = ((10, 10), (20, 20), (40, 40), (80, 80), (12, 60), (30, 30, 30), (20,) * 5)
    single = [Population(a, b, units) for a, b in accuracies for units in designs]
    return (*single, *(Population(a, b, units, 4) for a, b in accuracies for units in ((20, 20), (40, 40))))


def measure(population: Population) -> tuple[Coverage, Coverage, Coverage, Coverage]:
    """Measure the audit's intervals of an accuracy and of a difference, then the percentile bootstrap of both."""
    design = population.design()
    rng = np.random.default_rng([sum(population.units), population.replicates, round(1000 * population.accuracy)])
    resampling = np.random.default_rng(0)
    accuracy, difference, resampled, resampled_difference = [], [], [], []
    for i in range(SETS):
        a, b = population.draw(rng, design.unit)
        accuracy.append(balanced_mean(design, a, alpha=0.05))
        difference.append(balanced_mean(design, a - b, alpha=0.05, low=-1.0))
        if i < BOOTSTRAPPED:
            resampled.append(_percentile(design, a, resampling))
            resampled_difference.append(_percentile(design, a - b, resampling))
    return (
        _coverage(accuracy, population.accuracy),
        _coverage(difference, population.difference),
        _coverage(resampled, population.accuracy),
        _coverage(resampled_difference, population.difference),
    )


def _coverage(found: list[Estimate], truth: float) -> Coverage:
    bounds = np.array([(e.low, e.high, e.at_least, e.at_most) for e in found])
    # bounds are sums of shares: equal to the truth up to rounding counts as held
    low, high, at_least, at_most = (bounds + np.array([-1, 1, -1, 1]) * 1e-12).T
    return Coverage(
        float(((low <= truth) & (truth <= high)).mean()),
        float((at_least <= truth).mean()),
        float((truth <= at_most).mean()),
        float((high - low).mean()),
    )


def _percentile(design: Design, values: Floats, rng: np.random.Generator) -> Estimate:
    """Resample units of each class and take percentiles (Efron, 1979): what the audit does not do."""
    classes, drawn = len(design.classes), np.zeros(RESAMPLES)
    for c in range(classes):
        rows = design.codes == c
        unit = np.unique(design.unit[rows], return_inverse=True)[1]
        sums, sizes = np.bincount(unit, values[rows]), np.bincount(unit)
        counts = rng.multinomial(sizes.size, np.full(sizes.size, 1 / sizes.size), size=RESAMPLES)
        drawn += (counts @ sums) / (counts @ sizes) / classes
    low, at_least, at_most, high = np.quantile(drawn, [0.025, 0.05, 0.95, 0.975])
    return Estimate(float(np.median(drawn)), float(low), float(high), float(at_least), float(at_most))
