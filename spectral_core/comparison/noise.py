"""Is a difference between two audits more than noise: differences of accuracies whose units partly coincide.

Both audits classify what they held out, so the accuracies of two archives drawn from one population differ for two
reasons: the units differ, and so do the training sets. The first is seen in the spread of credits between units, the
second is not (Bengio & Grandvalet, JMLR 5:1089, 2004: no unbiased estimate exists). It is allowed for by the factor of
Nadeau & Bengio (Machine Learning 52:239, 2003): with k folds the variance is taken 1 + k·n_test/n_train = 1 + k/(k − 1)
times, a factor of 1.5 on the standard error for five. Measured, the true spread was 0.7–1.4 times the one between
units (docs/comparing.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from spectral_core.comparison.units import Credits

Floats = npt.NDArray[np.float64]
_PSEUDO = (
    2.0  # pseudo-units of an audit, shared by its classes, half at either end: four in all (Agresti & Caffo, 2000)
)
_SMALLEST = 1e-9  # distance to an end: intervals do not end on their estimate


@dataclass(frozen=True)
class Contrast:
    """The difference `b` − `a` of two accuracies, its interval, and its p-value against no difference.

    `n_a` and `n_b` units stand behind the two; of an audit without a unit table they are those that it counted.
    `p_adjusted` is the p-value corrected for everything that the comparison tests (1 until that is known).
    """

    a: float
    b: float
    low: float
    high: float
    p: float
    n_a: int
    n_b: int
    p_adjusted: float = 1.0

    @property
    def value(self) -> float:
        """The difference."""
        return self.b - self.a

    def to_dict(self) -> dict[str, float | list[float]]:
        """Give the contrast as plain values."""
        return {"a": self.a, "b": self.b, "estimate": self.value, "interval": [self.low, self.high], "p": self.p,
                "p_adjusted": self.p_adjusted, "units_a": self.n_a, "units_b": self.n_b}  # fmt: skip


def training_factor(folds: int) -> float:
    """Compute what other training sets add to a standard error: sqrt(1 + k/(k − 1)) of k folds.

    Example:
        >>> training_factor(5), round(training_factor(2), 3)
        (1.5, 1.732)
    """
    return sqrt(1 + folds / (folds - 1))


def contrast(a: Credits, b: Credits, *, n_units: int, factor: float, alpha: float) -> Contrast:
    """Estimate the difference of two balanced accuracies, paired wherever a unit is in both.

    The variance is the linearised one between units: each unit's influence on the difference, squared and summed. A
    unit of both audits has one influence, so what it adds to both cancels; units of one audit only add as in two
    independent samples. With the same units in both this is the paired difference, with none in common the unpaired.

    Args:
        a: Rows of the first audit.
        b: Rows of the second, with the same codes.
        n_units: Number of unit codes.
        factor: On the standard error, see `training_factor`; 1 inside one audit.
        alpha: Error level of the interval.
    """
    (centre_a, influence_a, extra_a), (centre_b, influence_b, extra_b) = (_linearised(of, n_units) for of in (a, b))
    error = factor * sqrt(float(((influence_b - influence_a) ** 2).sum()) + extra_a + extra_b)
    freedom = min(a.freedom, b.freedom)
    value, centre = b.accuracy - a.accuracy, centre_b - centre_a
    p = float(min(1.0, 2 * stdtr(freedom, -abs(centre) / error)))
    reach = float(stdtrit(freedom, 1 - alpha / 2)) * error
    low, high = max(min(centre - reach, value), -1.0), min(max(centre + reach, value), 1.0)
    return Contrast(a.accuracy, b.accuracy, low, high, p, a.n_units, b.n_units)


def _linearised(credits: Credits, n_units: int) -> tuple[float, Floats, float]:
    """Shrunk balanced mean, each unit's influence on it, and the variance of the pseudo-units."""
    classes = np.unique(credits.class_code)
    centre, influence, variance, extra = 0.0, np.zeros(n_units), 0.0, _PSEUDO / classes.size
    for c in classes:
        rows = credits.class_code == c
        sizes = np.bincount(credits.unit[rows], credits.spectra[rows], minlength=n_units)
        sums = np.bincount(credits.unit[rows], (credits.value * credits.spectra)[rows], minlength=n_units)
        m, size = int((sizes > 0).sum()), sizes.sum() / (sizes > 0).sum()
        total = sizes.sum() + extra * size
        mean = (sums.sum() + extra * size / 2) / total
        small = sqrt((m + extra) / max(m + extra - 1, extra))
        influence += (sums - mean * sizes) / (total * classes.size) * small
        variance += extra / 2 * (size / total / classes.size) ** 2 * ((1 - mean) ** 2 + mean**2)
        centre += mean / classes.size
    return float(centre), influence, float(variance)


def from_intervals(
    a: tuple[float, float, float], b: tuple[float, float, float], *, n: tuple[int, int], factor: float, alpha: float
) -> Contrast:
    """Estimate the difference of two accuracies from their intervals alone, as if the samples were independent.

    The interval of the difference puts the distances to the ends together (Newcombe, Stat. Med. 17:873, 1998; Zou &
    Donner, Stat. Med. 27:1693, 2008), each times `factor`; the p-value takes the side towards no difference as
    normal. Accuracies of audits that share units vary together, and the result is then wider than need be.

    Args:
        a: Accuracy of the first and the ends of its interval of level 1 − alpha.
        b: Those of the second.
        n: Number of units of each.
        factor: See `training_factor`.
        alpha: Error level of all intervals.
    """
    value = b[0] - a[0]
    down = factor * sqrt((b[0] - b[1]) ** 2 + (a[2] - a[0]) ** 2)
    up = factor * sqrt((b[2] - b[0]) ** 2 + (a[0] - a[1]) ** 2)
    towards = down if value > 0 else up
    quantile = float(stdtrit(1e9, 1 - alpha / 2))
    z = 0.0 if value == 0 else abs(value) / max(towards, _SMALLEST) * quantile
    p = float(min(1.0, 2 * stdtr(1e9, -z)))
    return Contrast(a[0], b[0], max(value - down, -1.0), min(value + up, 1.0), p, *n)
