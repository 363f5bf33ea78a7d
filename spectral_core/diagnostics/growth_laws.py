"""Laws of growth: how separability rises with the number of channels, fitted to many curves at once.

Three laws of two parameters each: saturating D∞(1 − e^(−d/d₀)), logarithmic a + b ln d, and power b·d^β. Squared
deviations are weighted by one over the variance under permuted labels. β ≈ 0 behaves like equivalence, β ≈ 1
like unbounded separability; no finite curve shows either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.curve_band import CurveBand, band_of, central, jackknife_errors
from spectral_core.diagnostics.reference import NO_INTERVAL, Interval, interval_over_units

Floats = npt.NDArray[np.float64]
FEWEST_POINTS = 4
LEAST_BETA, MOST_BETA = -1.0, 2.0
MOST_TAILS = 4.0  # standard errors: about one Gaussian study in a hundred lies beyond
_STEPS = 301


@dataclass(frozen=True)
class FittedLaw:
    """One law: its parameters by name, and the share of the weighted squares that it leaves unexplained.

    `intervals` are 95 % jackknives over units, those of a scale and of a positive height symmetric as a ratio; NaN
    where the curve, with or without a group of units, does not determine the parameter: the scale of a curve that
    shows no bend, and the plateau with it, or an exponent at an end of the range searched.
    """

    name: str
    parameters: Mapping[str, float]
    intervals: Mapping[str, Interval]
    left: float


@dataclass(frozen=True)
class GrowthFit:
    """What a curve of separability against channels says.

    `channels` and `values` are the curve, `errors` its jackknife standard errors over units, `band` what permuted
    labels give; `bounds` marks the heights that are lower bounds, because these units can show no more. Laws are
    fitted to the `fitted` points before the first bound. `laws` are the three laws, the best first. `beta` is the
    exponent of b·d^β with its 95 % jackknife interval (of held-out scores over units to classify only), beside the
    central 95 % of the exponents of permuted labels; it is searched between −1 and 2. With fewer than four points
    before a bound there are no laws, and β is NaN. `tails` is how far classes are from Gaussian, if heights take
    them for Gaussian: see `plug_in.mardia_scores`.
    """

    channels: tuple[int, ...]
    values: Floats
    errors: Floats
    band: CurveBand
    bounds: tuple[bool, ...]
    laws: tuple[FittedLaw, ...]
    beta: float
    beta_low: float
    beta_high: float
    permuted_low: float
    permuted_high: float
    tails: float

    @property
    def fitted(self) -> int:
        """Number of points before the first lower bound."""
        return self.bounds.index(True) if any(self.bounds) else len(self.bounds)

    @property
    def gaussian(self) -> bool:
        """Whether classes are near enough to Gaussian for an overlap to follow from the distance."""
        return abs(self.tails) <= MOST_TAILS


def fit_growth(
    channels: tuple[int, ...],
    curves: Floats,
    without: Floats,
    *,
    bounds: tuple[bool, ...] = (),
    tails: float = 0.0,
) -> GrowthFit:
    """Fit the laws to the observed curve, and the power law also to permuted and jackknifed curves.

    A height that is a lower bound says nothing of growth: a curve that reached what its units can show would look
    flat, as if the classes were equivalent. Laws end before the first of them.

    Args:
        channels: J numbers of channels, at least `FEWEST_POINTS`.
        curves: (1 + P) × J heights under all labelings, the observed ones first.
        without: G × J observed heights, each without one group of units.
        bounds: Which of the J observed heights are lower bounds; none by default.
        tails: Standard errors by which classes depart from the Gaussian that heights take them for.
    """
    bounds = bounds or (False,) * len(channels)
    variance = curves[1:].var(axis=0)
    weights = 1.0 / np.where(variance > 0, variance, np.inf)
    seen = slice(bounds.index(True) if any(bounds) else len(bounds))
    laws: list[FittedLaw] = []
    exponent = (np.nan,) * 5
    if len(channels[seen]) >= FEWEST_POINTS:
        d = np.array(channels[seen], dtype=np.float64)
        exponent = _exponent(d, curves[:, seen], without[:, seen], weights[seen])
        observed = np.vstack([curves[:1, seen], without[:, seen]])
        laws = sorted(_laws(d, observed, weights[seen]), key=lambda law: law.left)
    return GrowthFit(
        channels, curves[0], jackknife_errors(without), band_of(curves), bounds, tuple(laws), *exponent,
        tails,
    )  # fmt: skip


def _exponent(d: Floats, curves: Floats, without: Floats, weights: Floats) -> tuple[float, float, float, float, float]:
    """β under the observed labels, its jackknife interval, and the central 95 % under permuted ones."""
    from scipy.stats import t

    beta = power_exponents(d, curves, weights)
    reach = t.ppf(0.975, without.shape[0] - 1) * jackknife_errors(power_exponents(d, without, weights)[:, None])[0]
    ends = max(float(beta[0] - reach), LEAST_BETA), min(float(beta[0] + reach), MOST_BETA)
    return float(beta[0]), *ends, *central(beta[1:])


def power_exponents(channels: Floats, curves: Floats, weights: Floats) -> Floats:
    """Fit β of b·d^β to each of R curves by weighted least squares.

    Args:
        channels: J numbers of channels.
        curves: R × J heights.
        weights: J weights.

    Returns:
        R exponents between −1 and 2.

    Example:
        >>> d = np.array([1.0, 4.0, 16.0, 64.0])
        >>> power_exponents(d, np.stack([0.2 * d, 3.0 * d**0.25]), np.ones(4)).round(3).tolist()
        [1.0, 0.25]
    """
    grid = np.linspace(LEAST_BETA, MOST_BETA, _STEPS)
    left, _ = _profile(channels ** grid[:, None], curves, weights)
    return _refined(grid, left)


def _profile(shapes: Floats, curves: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weighted squares (R × T) left by b·shape with the best b, and that b, for T × J shapes."""
    shapes = shapes / np.abs(shapes).max(axis=1, keepdims=True)
    squared = (weights * shapes**2).sum(axis=1)
    height = (curves * weights) @ shapes.T / np.where(squared > 0, squared, 1.0)
    return (weights * curves**2).sum(axis=1)[:, None] - height**2 * squared, height


def _refined(grid: Floats, left: Floats) -> Floats:
    """Place of the minimum of each row, by the parabola through its three lowest neighbours."""
    best = np.clip(left.argmin(axis=1), 1, grid.size - 2)
    row = np.arange(left.shape[0])
    low, middle, high = (left[row, best + step] for step in (-1, 0, 1))
    bend = low - 2 * middle + high
    offset = np.where(bend > 0, (low - high) / 2.0 / np.where(bend > 0, bend, 1.0), 0.0)
    edge = grid[left.argmin(axis=1)]
    inside = (left.argmin(axis=1) == best) & (np.abs(offset) <= 1)
    return np.asarray(np.where(inside, grid[best] + offset * (grid[1] - grid[0]), edge))


def _laws(d: Floats, curves: Floats, weights: Floats) -> list[FittedLaw]:
    """Fit the laws to the first of R curves; the others, each without one group of units, give the intervals."""
    return [_saturating(d, curves, weights), _logarithmic(d, curves, weights), _power(d, curves, weights)]


def _saturating(d: Floats, curves: Floats, weights: Floats) -> FittedLaw:
    scales = np.geomspace(d[0] / 4.0, d[-1] * 4.0, _STEPS)
    left, top = _profile(-np.expm1(-d / scales[:, None]), curves, weights)
    best = left.argmin(axis=1)
    inside = bool(((best > 0) & (best < _STEPS - 1)).all())
    scale = np.exp(_refined(np.log(scales), left))
    plateau = np.take_along_axis(top, best[:, None], axis=1)[:, 0] / -np.expm1(-d[-1] / scales[best])
    return _law("saturating", {"plateau": plateau, "scale": scale}, left[0, best[0]] / _whole(curves, weights),
                as_ratio=("plateau", "scale"), determined=inside)  # fmt: skip


def _logarithmic(d: Floats, curves: Floats, weights: Floats) -> FittedLaw:
    root = np.sqrt(weights)
    design = np.stack([np.ones_like(d), np.log(d)], axis=1)
    found = np.linalg.lstsq(design * root[:, None], (curves * root).T)[0]
    left = float((weights * (curves[0] - design @ found[:, 0]) ** 2).sum())
    return _law("logarithmic", {"intercept": found[0], "slope": found[1]}, left / _whole(curves, weights))


def _power(d: Floats, curves: Floats, weights: Floats) -> FittedLaw:
    grid = np.linspace(LEAST_BETA, MOST_BETA, _STEPS)
    left, top = _profile(d ** grid[:, None], curves, weights)
    best = left.argmin(axis=1)
    inside = bool(((best > 0) & (best < _STEPS - 1)).all())
    factor = np.take_along_axis(top, best[:, None], axis=1)[:, 0] / (d ** grid[best, None]).max(axis=1)
    return _law("power", {"factor": factor, "exponent": _refined(grid, left)},
                left[0, best[0]] / _whole(curves, weights), as_ratio=("factor",), determined=inside)  # fmt: skip


def _whole(curves: Floats, weights: Floats) -> float:
    return float((weights * curves[0] ** 2).sum()) or 1.0


def _law(
    name: str, values: Mapping[str, Floats], left: float, *, as_ratio: tuple[str, ...] = (), determined: bool = True
) -> FittedLaw:
    """Take the first value of each parameter as its estimate, the others for its interval."""
    intervals = {}
    for parameter, found in values.items():
        ratio = parameter in as_ratio and bool((found > 0).all())
        intervals[parameter] = NO_INTERVAL if not determined else interval_over_units(
            float(found[0]), found[1:], scale="log" if ratio else "linear")  # fmt: skip
    return FittedLaw(name, {parameter: float(found[0]) for parameter, found in values.items()}, intervals, float(left))
