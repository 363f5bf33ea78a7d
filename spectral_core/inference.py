"""Error rates: permutation p-values, step-down maxT, Holm between groups, unit-level intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
# shared by the classes, see balanced_mean; measured in docs/calibration.md
_PSEUDO_OF_BOUNDS, _PSEUDO_OF_ACCURACIES, _PSEUDO_OF_DIFFERENCES = 3.0, 4.0, 1.0
TIE = 1e-7  # statistics closer than this are one: rounding, which differs between thread counts, decides nothing


@dataclass(frozen=True)
class Estimate:
    """A number, its 95 % interval, and one-sided 95 % bounds for decisions.

    `low` and `high` are the ends of the two-sided interval of level 1 − alpha; `at_least` and `at_most` are
    the one-sided bounds of that level. They describe drawing other units of the same kind with the held-out
    classifications as they are: not the accuracy of one fitted model, nor the spread over training sets.
    """

    value: float
    low: float
    high: float
    at_least: float
    at_most: float

    def shifted(self, by: float) -> Estimate:
        """Add a constant."""
        return Estimate(self.value + by, self.low + by, self.high + by, self.at_least + by, self.at_most + by)

    def to_dict(self) -> dict[str, float | list[float]]:
        """Give the estimate as plain numbers."""
        bounds = {"at_least": self.at_least, "at_most": self.at_most}
        return {"estimate": self.value, "interval": [self.low, self.high], **bounds}


def class_weights(design: Design, codes: Codes) -> Floats:
    """Weight each spectrum so that a weighted sum is the mean over classes of class means (n × P codes)."""
    n_classes = len(design.classes)
    counts = np.stack([(codes == c).sum(axis=0) for c in range(n_classes)])
    present = (counts > 0).sum(axis=0)
    with np.errstate(divide="ignore"):
        weights = 1.0 / (counts * present)
    return np.asarray(np.take_along_axis(weights, codes, axis=0))


def class_means(design: Design, codes: Codes, values: Floats) -> Floats:
    """Average values over classes of class means, for each labeling (n × P codes and values)."""
    return np.asarray((class_weights(design, codes) * values).sum(axis=0))


def credit(margin: Floats, n_classes: int) -> Floats:
    """Turn margins into credit for a correct class: 1 or 0, and 1/C on the border."""
    return np.asarray(np.where(margin > 0, 1.0, np.where(margin == 0, 1.0 / n_classes, 0.0)))


def permutation_p(observed: float, null: Floats) -> float:
    """Compute p = (1 + #{null ≥ observed}) / (1 + P), never zero (Phipson & Smyth, 2010); ties are within `TIE`.

    Example:
        >>> permutation_p(3.0, np.array([1.0, 2.0, 4.0]))
        0.5
    """
    return float((1 + (null >= observed - TIE).sum()) / (1 + null.size))


def step_down_max_t(observed: Floats, null: Floats) -> Floats:
    """Adjust p-values of m claims that share P permutations (Westfall & Young, 1993, algorithm 4.1).

    Args:
        observed: m statistics on comparable scales.
        null: m × P statistics of the same claims under the same permutations.

    Returns:
        m adjusted p-values, controlling the family-wise error whatever the dependence between claims.
    """
    order = np.argsort(observed)  # smallest first
    successive = np.maximum.accumulate(null[order], axis=0)
    raw = (1 + (successive >= observed[order, None] - TIE).sum(axis=1)) / (1 + null.shape[1])
    adjusted = np.empty_like(raw)
    adjusted[order] = np.maximum.accumulate(raw[::-1])[::-1]
    return np.asarray(adjusted)


def holm_between_groups(groups: Sequence[Floats]) -> list[Floats]:
    """Adjust families whose permutations differ, each family by its smallest p-value (Holm, 1979)."""
    order = sorted(range(len(groups)), key=lambda g: float(groups[g].min()))
    adjusted: list[Floats] = [np.empty(0)] * len(groups)
    floor = 0.0
    for rank, g in enumerate(order):
        adjusted[g] = np.clip(groups[g] * (len(groups) - rank), floor, 1.0)
        floor = float(adjusted[g].min())
    return adjusted


def balanced_mean(design: Design, values: Floats, *, alpha: float, low: float = 0.0) -> Estimate:
    """Estimate the mean over classes of the class means of one value per spectrum, with intervals over units.

    Differences lie in [−1, 1] (`low=-1`), accuracies in [0, 1]. Class means are ratios of unit sums; their
    variance is the linearised one between units. So that "no error seen" does not become "no error
    possible", pseudo-units are shared by the classes, half of them at either end of the range (Agresti & Coull,
    1998; Agresti & Caffo, 2000; Bonett & Price, 2012, for paired differences). Three of them in the one-sided
    bounds, which decide: with no discordant unit at all such a bound is then close to the rule of three, 3/n.
    Four and the normal quantile in the interval of an accuracy, which for two classes is Agresti's and Caffo's;
    one in that of a difference. No interval ends inside a bound.

    Args:
        design: Classes and units of n spectra.
        values: n credits, or differences of credits.
        alpha: Error level of the two-sided interval and of each one-sided bound.
        low: Lower end of the range of a value; the upper end is 1.
    """
    rows = [design.codes == c for c in range(len(design.classes))]
    value = float(np.mean([values[of_class].mean() for of_class in rows]))
    df = max(sum(design.units_per_class) - len(rows), 1)

    def limits(pseudo: float, quantile: float) -> tuple[float, float]:
        centre, error = _shrunk(design, values, pseudo=pseudo, low=low)
        ends = np.clip([centre - quantile * error, centre + quantile * error], low, 1.0)
        return min(float(ends[0]), value), max(float(ends[1]), value)

    at_least, at_most = limits(_PSEUDO_OF_BOUNDS, stats.t.ppf(1 - alpha, df=df))
    lower, upper = (
        limits(_PSEUDO_OF_DIFFERENCES, stats.t.ppf(1 - alpha / 2, df=df))
        if low < 0
        else limits(_PSEUDO_OF_ACCURACIES, stats.norm.ppf(1 - alpha / 2))
    )
    return Estimate(value, min(lower, at_least), max(upper, at_most), at_least, at_most)


def _shrunk(design: Design, values: Floats, *, pseudo: float, low: float) -> tuple[float, float]:
    """Balanced mean and its standard error with `pseudo` further units shared by the classes."""
    n_classes = len(design.classes)
    centre, variance, influence, extra = 0.0, 0.0, np.zeros(design.n_units), pseudo / n_classes
    for c in range(n_classes):
        rows = design.codes == c
        sums = np.bincount(design.unit[rows], values[rows], minlength=design.n_units)
        sizes = np.bincount(design.unit[rows], minlength=design.n_units).astype(np.float64)
        m = int((sizes > 0).sum())
        size = sizes.sum() / m
        total = sizes.sum() + extra * size
        mean = (sums.sum() + extra * size * (1 + low) / 2) / total
        influence += (sums - mean * sizes) / (total * n_classes) * np.sqrt((m + extra) / max(m + extra - 1, extra))
        variance += extra / 2 * (size / total / n_classes) ** 2 * ((1 - mean) ** 2 + (low - mean) ** 2)
        centre += mean / n_classes
    return float(centre), float(np.sqrt(variance + (influence**2).sum()))
