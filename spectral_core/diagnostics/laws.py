"""Population laws of separability: what n and d alone decide, to be laid over measured curves.

Channels are independent and Gaussian with standard deviation σ. Each law was checked by simulation; the limits
hold for a small difference and many channels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import fdtr, gammainc, gammaincc, ndtr

Floats = npt.NDArray[np.float64]


def dilation_norm_auc(channels: npt.ArrayLike, *, excess: float) -> Floats:
    """Compute the AUC of the spectrum's norm where one class has noise (1 + ε) times as large.

    ‖x‖²/‖y‖² of N(0, I) against N(0, (1 + ε)²I) is an F ratio with d and d degrees of freedom, so the AUC is
    its distribution function at (1 + ε)².

    Args:
        channels: d, one number or several.
        excess: ε > 0, relative excess of the noise standard deviation.

    Example:
        >>> float(dilation_norm_auc(1192, excess=0.1).round(4))
        0.9995
    """
    d = np.asarray(channels, dtype=np.float64)
    return np.asarray(fdtr(d, d, (1.0 + excess) ** 2))


def dilation_norm_auc_limit(channels: npt.ArrayLike, *, excess: float) -> Floats:
    """Compute Φ(ε√d), the limit of `dilation_norm_auc`.

    Example:
        >>> float(dilation_norm_auc_limit(400, excess=0.1).round(4))
        0.9772
    """
    return np.asarray(ndtr(excess * np.sqrt(np.asarray(channels, dtype=np.float64))))


def dilation_accuracy(channels: npt.ArrayLike, *, excess: float) -> Floats:
    """Compute the best accuracy where one class has noise (1 + ε) times as large, with equal priors.

    The likelihood ratio depends on ‖x‖² only and is one at t = 2d ln s/(1 − s⁻²), s = 1 + ε; the accuracy is the
    mean of χ²_d's distribution function at t and of one minus it at t/s².

    Args:
        channels: d, one number or several.
        excess: ε > 0, relative excess of the noise standard deviation.

    Example:
        Channels that give 99 % for ε = 0.1, 0.05 and 0.01:

        >>> [float(dilation_accuracy(d, excess=e).round(4)) for d, e in ((1192, 0.1), (4548, 0.05), (109322, 0.01))]
        [0.99, 0.99, 0.99]
    """
    half = np.asarray(channels, dtype=np.float64) / 2.0
    scale = 1.0 + excess
    threshold = 4.0 * half * np.log(scale) / (1.0 - scale**-2)
    return np.asarray((gammainc(half, threshold / 2.0) + gammaincc(half, threshold / 2.0 / scale**2)) / 2.0)


def dilation_accuracy_limit(channels: npt.ArrayLike, *, excess: float) -> Floats:
    """Compute Φ(ε√(d/2)), the limit of `dilation_accuracy`.

    Example:
        >>> float(dilation_accuracy_limit(800, excess=0.1).round(4))
        0.9772
    """
    return np.asarray(ndtr(excess * np.sqrt(np.asarray(channels, dtype=np.float64) / 2.0)))


def mean_shift_accuracy(channels: npt.ArrayLike, *, shift: float) -> Floats:
    """Compute the best accuracy Φ(κ√d/2) where the means of every channel differ by κσ, with equal priors.

    Example:
        The first number of channels with 99 %, for κ = 0.1:

        >>> (mean_shift_accuracy([2164, 2165], shift=0.1) >= 0.99).tolist()
        [False, True]
    """
    return np.asarray(ndtr(shift * np.sqrt(np.asarray(channels, dtype=np.float64)) / 2.0))


def learnable_accuracy(units: npt.ArrayLike, *, distance: float, channels: float) -> Floats:
    """Compute the expected accuracy after n/2 training units a class, Φ(Δ²/(2√(Δ² + 4d/n))).

    The covariance is known and shared; only the direction is learnt, as the difference of two class means. With
    n → ∞ this is Φ(Δ/2), what the population allows; with Δ² ≪ 4d/n hardly anything is learnt of it.

    Args:
        units: n, training units of both classes together.
        distance: Δ, the Mahalanobis distance of the class means.
        channels: d, channels, or the effective number among which the direction is sought.

    Example:
        >>> learnable_accuracy([100, 10_000_000], distance=4.0, channels=1000).round(3).tolist()
        [0.857, 0.977]
    """
    n = np.asarray(units, dtype=np.float64)
    return np.asarray(ndtr(distance**2 / 2.0 / np.sqrt(distance**2 + 4.0 * channels / n)))
