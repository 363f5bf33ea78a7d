"""Probit of accuracy against the root of the number of channels: straight for what is diffuse, flat for bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from spectral_core.diagnostics.curve_band import central, jackknife_errors

Floats = npt.NDArray[np.float64]
SPREAD = "units to classify only"


@dataclass(frozen=True)
class ProbitSlope:
    """Slope of Φ⁻¹(accuracy) per root of a channel.

    `low` to `high` is its jackknife spread over units to classify only: models are not learnt anew, so another draw
    of units to learn from may well give a slope outside. `permuted_low` to `permuted_high` are the central 95 % of
    permuted labels, for which models are learnt anew. `shift` is κ of the line Φ(κ√d/2) through the origin: diffuse
    mean shifts of that size, in standard deviations of a channel, would classify as well.
    """

    value: float
    low: float
    high: float
    permuted_low: float
    permuted_high: float
    shift: float


def probit(accuracy: Floats, units: int) -> Floats:
    """Compute Φ⁻¹ of accuracies, moved inwards by half a unit so that none is infinite."""
    return np.asarray(ndtri((accuracy * units + 0.5) / (units + 1.0)))


def fit_slope(channels: tuple[int, ...], accuracy: Floats, without: Floats, *, units: int) -> ProbitSlope:
    """Fit a line to probit(accuracy) against √d by least squares.

    Points from the second one on at which no unit is misclassified are left out: they show a bound only.

    Args:
        channels: J numbers of channels, two or more.
        accuracy: (1 + P) × J accuracies, those under the observed labels first.
        without: G × J observed accuracies, each without one group of units to classify.
        units: Units that accuracies are averages of.
    """
    from scipy.stats import t

    perfect = np.flatnonzero(accuracy[0] >= 1.0)
    used = slice(0, max(int(perfect[0]) + 1, 2) if perfect.size else len(channels))
    root = np.sqrt(np.array(channels, dtype=np.float64))[used]
    heights = probit(accuracy[:, used], units)
    left = _slopes(root, probit(without[:, used], units))
    slopes = _slopes(root, heights)
    reach = float(t.ppf(0.975, without.shape[0] - 1) * jackknife_errors(left[:, None])[0])
    shift = 2.0 * float(heights[0] @ root) / float(root @ root)
    value = float(slopes[0])
    return ProbitSlope(value, value - reach, value + reach, *central(slopes[1:]), shift)


def _slopes(root: Floats, heights: Floats) -> Floats:
    about = root - root.mean()
    return np.asarray(heights @ about / (about @ about))
