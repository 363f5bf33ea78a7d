"""Effective rank: how many directions hold the variance, by entropy."""

from __future__ import annotations

import numpy as np

from spectral_core.diagnostics.geometry import Floats, Points
from spectral_core.diagnostics.reference import NO_INTERVAL, noise_band, state_interval
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, figure
from spectral_core.diagnostics.white_noise import FEW_DRAWS, tridiagonal_draws
from spectral_core.probe.threads import threads_for

NAME = "effective_rank"


def effective_rank(points: Points) -> Diagnostic | NotGiven:
    """Compute exp(−Σ p ln p) of the shares p of variance along the principal components within classes.

    It is the effective rank of Roy & Vetterli (EUSIPCO 2007) applied to the pooled covariance matrix,
    whose singular values are its eigenvalues: d for equal variances, 1 for one component. It counts weak
    components that the participation ratio neglects, and cannot exceed the degrees of freedom ν: with few units
    it describes them, not the population.

    Args:
        points: Means of units.

    Returns:
        The rank; its interval is the infinitesimal jackknife's, for the effective rank of so many units.
    """
    sample, (residual, nu) = points.sample, points.residual
    if nu < 1 or points.is_flat:
        because = "each class has one unit" if nu < 1 else "the units of each class have equal spectra"
        return NotGiven(NAME, because, sample)
    with threads_for(residual.size):
        values, vectors = np.linalg.eigh(residual)
    values = np.clip(values, 0.0, None)
    estimate = float(entropy_rank(values))
    low, high = _interval(values, vectors, points, estimate)
    band = noise_band(estimate, _white(nu, sample.d, sample.seed))
    saturated = estimate > 0.5 * min(nu, sample.d) and nu < sample.d
    assumptions = (*points.assumptions,
                   Assumption("many more units than directions", "violated" if saturated else "assumed",
                              f"{nu} degrees of freedom bound the figure"),
                   *state_interval((low, high), points.unit.size))  # fmt: skip
    limit = f"; more units would raise it, for so many can show {nu:,} at most" if saturated else ""
    reading = (
        f"The variance within classes is spread over about {figure(estimate)} components (white noise "
        f"{figure(band.low)} to {figure(band.high)}){limit}."
    )
    return Diagnostic(NAME, estimate, low, high, band, sample, assumptions, reading, {"degrees_of_freedom": float(nu)})


def entropy_rank(values: Floats) -> Floats:
    """Compute exp(−Σ p ln p), p = λ/Σλ, along the last axis.

    Example:
        >>> round(float(entropy_rank(np.array([1.0, 1.0, 2.0]))), 4)  # exp(1.5 ln 2) = 2^1.5
        2.8284
    """
    shares = values / values.sum(axis=-1, keepdims=True)
    return np.asarray(np.exp(-(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=-1)))


def _interval(values: Floats, vectors: Floats, points: Points, estimate: float) -> tuple[float, float]:
    """Infinitesimal jackknife over units: unit i gives component k the share p_k·u_ik² of the variance.

    With H = ln(rank), raising the weight of i moves H by −Σ_k p_k u_ik² (ln p_k + H).
    """
    units = np.unique(points.unit, return_inverse=True)[1]
    if units.max() < 2:
        return NO_INTERVAL
    shares = values / values.sum()
    slope = -shares * (np.log(np.where(shares > 0, shares, 1.0)) + np.log(estimate))
    moved = np.bincount(units, (vectors**2) @ slope)
    from scipy.stats import t

    m = moved.size
    error = float(np.sqrt(m / (m - 1) * ((moved - moved.mean()) ** 2).sum()))
    factor = float(np.exp(min(float(t.ppf(0.975, m - 1)) * error, 700.0)))
    return max(estimate / factor, 1.0), estimate * factor


def _white(nu: int, d: int, seed: int) -> Floats:
    from scipy.linalg import eigvalsh_tridiagonal

    return np.array([
        entropy_rank(np.clip(eigvalsh_tridiagonal(diagonal, beside, lapack_driver="sterf"), 0.0, None))
        for diagonal, beside in tridiagonal_draws(nu, d, draws=FEW_DRAWS, seed=seed)
    ])  # fmt: skip
