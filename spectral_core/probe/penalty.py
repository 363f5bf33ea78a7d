"""How much to shrink: the penalty that spends a fixed share of the degrees of freedom, blind to the labels.

Only the sum Σ λ_i/(λ_i + λ) over the eigenvalues of the Gram matrix matters, so no eigenvalue need be known: the
matrix is brought to a tridiagonal one T of the same eigenvalues, and with the pivots p_i of T + λI from the
first row down and q_i from the last row up, (T + λI)⁻¹ has the diagonal 1/(p_i + q_i − t_ii − λ) (Meurant, SIAM
Journal on Matrix Analysis and Applications 13:707, 1992).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize

Floats = npt.NDArray[np.float64]


def choose_penalty(scatter: Floats, *, n: int | None = None) -> tuple[float, int]:
    """Choose λ, and count the numerical rank r, so that the fit has n·r/(n + 2r) effective degrees of freedom.

    The rule never sees labels. With more channels than spectra it spends a third of the n degrees of
    freedom, with many spectra per channel it approaches ordinary least squares, and it does not depend on
    the intensity unit (effective degrees of freedom: Hastie, Tibshirani & Friedman, The Elements of
    Statistical Learning, 2nd ed., section 3.4.1). They are exact to 1e-10 of their number: λ does not wander
    with the rounding of another thread count.

    Args:
        scatter: Gram matrix of n centred spectra, or their d × d scatter matrix.
        n: Number of spectra, for a scatter matrix.

    Returns:
        λ on the scale of `scatter`, and r.
    """
    diagonal, beside = _tridiagonal(scatter)
    size = diagonal.size
    spectra = size if n is None else n
    top = float(_eigenvalues(diagonal, beside, select="i", select_range=(size - 1, size - 1))[0])
    if top <= 0.0:
        return 1.0, 0
    negligible = top * spectra * float(np.finfo(np.float64).eps)
    # found only to within `negligible`: their number is all that is asked
    rank = size - int(
        _eigenvalues(diagonal, beside, select="v", select_range=(-np.inf, negligible), tol=negligible).size
    )  # fmt: skip
    target = spectra * rank / (spectra + 2 * rank)
    if rank == spectra - 1 and size == spectra > 2:  # all but the mean; of two spectra the pivots cancel
        low, spent = negligible, _by_pivots(diagonal, beside)
    else:
        positive = _eigenvalues(diagonal, beside)[size - rank :]
        low, spent = float(positive[0]) * 1e-6, _by_eigenvalues(positive)

    def excess(log_penalty: float) -> float:
        return spent(float(np.exp(log_penalty))) - target

    found = scipy.optimize.brentq(excess, np.log(low), np.log(top * spectra), xtol=1e-12)
    return float(np.exp(found)), rank


def _tridiagonal(symmetric: Floats) -> tuple[Floats, Floats]:
    """Diagonal and subdiagonal of a tridiagonal matrix with the same eigenvalues (Householder)."""
    work = int(scipy.linalg.lapack.dsytrd_lwork(symmetric.shape[0], lower=1)[0])
    diagonal, beside = scipy.linalg.lapack.dsytrd(symmetric.T, lower=1, lwork=work)[1:3]
    return np.asarray(diagonal), np.asarray(beside)


def _eigenvalues(diagonal: Floats, beside: Floats, **which: object) -> Floats:
    """Ascending eigenvalues of a tridiagonal matrix."""
    return np.asarray(scipy.linalg.eigvalsh_tridiagonal(diagonal, beside, check_finite=False, **which))


def _by_pivots(diagonal: Floats, beside: Floats) -> Callable[[float], float]:
    """λ to Σ λ_i/(λ_i + λ) = n − λ·trace (T + λI)⁻¹, for a matrix whose smallest eigenvalue is rounding of zero."""

    def spent(penalty: float) -> float:
        shifted = diagonal + penalty
        down = scipy.linalg.lapack.dpttrf(shifted, beside)[0]
        up = scipy.linalg.lapack.dpttrf(shifted[::-1], beside[::-1])[0][::-1]
        return float(diagonal.size - penalty * (1.0 / (down + up - shifted)).sum())

    return spent


def _by_eigenvalues(positive: Floats) -> Callable[[float], float]:
    """λ to Σ λ_i/(λ_i + λ), leaving out the eigenvalues that are rounding of zero."""
    return lambda penalty: float((positive / (positive + penalty)).sum())
