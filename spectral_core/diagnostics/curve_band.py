"""Where a whole curve would lie without a difference: permutation bands, point by point and over all points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.reference import jackknife_error
from spectral_core.inference import permutation_p

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CurveBand:
    """The central 95 % of a curve of J points under permuted labels.

    `point_low` to `point_high` hold one point at a time. `low` to `high` hold the whole curve: without a
    difference all J points lie inside in at least 95 % of studies. `p` tests the largest standardised height
    over the curve against permuted curves, one-sided and never 0.
    """

    point_low: Floats
    point_high: Floats
    low: Floats
    high: Floats
    p: float

    @property
    def count(self) -> int:
        """Number of points."""
        return self.low.size


def band_of(curves: Floats, *, alpha: float = 0.05) -> CurveBand:
    """Compute the bands of curves under all labelings.

    Heights are standardised by mean and standard deviation over all labelings, the observed one included, so that
    the observed curve is one of 1 + P exchangeable ones (maxT: Westfall & Young, 1993). Points that no
    labeling moves count for nothing.

    Args:
        curves: (1 + P) × J heights, the observed curve first.
        alpha: Error level of both bands.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> band = band_of(rng.normal(size=(100, 5)) + np.r_[9.0, np.zeros(99)][:, None])
        >>> band.p, bool((band.high < 9.0).all())
        (0.01, True)
    """
    mean, sd = curves.mean(axis=0), curves.std(axis=0)
    height = (curves - mean) / np.where(sd > 0, sd, np.inf)
    largest = np.sort(np.abs(height).max(axis=1, initial=0.0))
    # the curve that sets the reach lies inside whatever the rounding
    reach = largest[min(int(np.ceil((1 - alpha) * largest.size)), largest.size) - 1] * (1 + 1e-9)
    point_low, point_high = np.quantile(curves[1:], [alpha / 2, 1 - alpha / 2], axis=0, method="weibull")
    top = height.max(axis=1, initial=-np.inf)
    return CurveBand(point_low, point_high, mean - reach * sd, mean + reach * sd, permutation_p(top[0], top[1:]))


def central(values: Floats, *, alpha: float = 0.05) -> tuple[float, float]:
    """Compute the central 95 % of permuted figures."""
    low, high = np.quantile(values, [alpha / 2, 1 - alpha / 2], method="weibull")
    return float(low), float(high)


def jackknife_errors(values: Floats) -> Floats:
    """Compute standard errors from G × J estimates, each row without one group of units."""
    return np.array([jackknife_error(column) for column in values.T])
