"""Bhattacharyya terms along nested channels from sample means and covariances, with their bias taken off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from spectral_core.diagnostics.bhattacharyya import expected_logarithm, nested_terms, small_sample
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]


def most_plug_in(units: tuple[int, int]) -> int:
    """Largest number of channels below half the degrees of freedom of the smaller class.

    Example:
        >>> most_plug_in((30, 60))
        14
    """
    return max((min(units) - 2) // 2, 0)


def plug_in_curves(q: Floats, codes: Codes, sizes: Sequence[int]) -> tuple[Floats, Floats]:
    """Compute both bias-corrected terms for the first 1, 2, … columns, under every labeling.

    Args:
        q: n × r columns whose leading spans are asked about, n units in rows.
        codes: n × P labelings of 0 and 1, all with the same class sizes.
        sizes: J numbers of columns, ascending; 0 gives 0, and none exceeds `most_plug_in`.

    Returns:
        P × J mean terms and P × J covariance terms. Without a difference, and with as many units in either
        class, both have mean zero exactly; see `small_sample` for the rest.
    """
    d = np.array([size for size in sizes if size > 0], dtype=np.intp)
    mean, covariance = np.zeros((2, codes.shape[1], len(sizes)))
    if d.size == 0:
        return mean, covariance
    q = np.ascontiguousarray(q[:, : d[-1]] - q[:, : d[-1]].mean(axis=0))
    scatter = q.T @ q
    raw = np.stack([_terms(q[codes[:, p] == 1], q.shape[0], scatter, d) for p in range(codes.shape[1])], axis=1)
    count = int((codes[:, 0] == 1).sum())
    mean[:, -d.size :], covariance[:, -d.size :] = _corrected(raw, d.astype(np.float64), (q.shape[0] - count, count))
    return mean, covariance


def _terms(ones: Floats, n: int, scatter: Floats, d: Codes) -> Floats:
    """Plug-in terms and ln(|S₀|/|S₁|) at each of d (3 × J); all n rows have mean zero and this scatter."""
    total, count, zeros = ones.sum(axis=0), ones.shape[0], n - ones.shape[0]
    outer = np.outer(total, total)
    inside = ones.T @ ones
    second = (inside - outer / count) / (count - 1)
    first = (scatter - inside - outer / zeros) / (zeros - 1)
    return np.stack(nested_terms(total / count + total / zeros, first, second))[:, d - 1]


def _corrected(raw: Floats, d: Floats, units: tuple[int, int]) -> tuple[Floats, Floats]:
    """Take the bias off plug-in terms (3 × P × J)."""
    squared, logarithm, ratio = raw
    own = [expected_logarithm(np.full(d.shape, count - 1.0), d) for count in units]
    share = 2.0 * expit((ratio - own[0] + own[1]) / d)  # of classes with proportional covariances
    bias = small_sample(d, units, share=share)
    return (squared / bias.inflation - bias.floor) / 8.0, logarithm - bias.logarithm


def permuted_plug_in_curves(q: Floats, codes: Codes, sizes: Sequence[int]) -> tuple[Floats, Floats]:
    """Compute `plug_in_curves`, the covariance terms of permuted labels without what observed means add to them.

    Classes of permuted labels are mixtures of the observed ones: where means differ, their covariances hold the
    shift in shares that vary with the draw, and the term would lie below zero. Permuted covariance terms are
    therefore those of `class_centred` columns (residuals: Anderson, Biometrics 62:245, 2006).

    Args:
        q: n × r columns whose leading spans are asked about, n units in rows.
        codes: n × (1 + P) labelings of 0 and 1, the observed ones first, all with the same class sizes.
        sizes: As for `plug_in_curves`.
    """
    mean, covariance = plug_in_curves(q, codes, sizes)
    covariance[1:] = plug_in_curves(class_centred(q, codes[:, 0]), codes[:, 1:], sizes)[1]
    return mean, covariance


def class_centred(q: Floats, observed: Codes) -> Floats:
    """Take its class mean off each row and multiply by √(m/(m − 1)), m rows a class: variances stay unbiased.

    Example:
        >>> class_centred(np.array([[1.0], [3.0], [10.0], [10.0]]), np.array([0, 0, 1, 1])).round(3).ravel().tolist()
        [-1.414, 1.414, 0.0, 0.0]
    """
    centred = np.empty_like(q)
    for c in (0, 1):
        own = observed == c
        count = int(own.sum())
        centred[own] = (q[own] - q[own].mean(axis=0)) * np.sqrt(count / (count - 1.0))
    return centred


def plug_in_without(q: Floats, observed: Codes, sizes: Sequence[int], groups: Codes) -> tuple[Floats, Floats]:
    """Compute both terms under the observed labels with each group of units left out (G × J each)."""
    left_out = [
        plug_in_curves(q[groups != g], observed[groups != g, None], sizes) for g in range(int(groups.max()) + 1)
    ]  # fmt: skip
    return np.concatenate([mean for mean, _ in left_out]), np.concatenate([covariance for _, covariance in left_out])


def mardia_scores(q: Floats, observed: Codes, sizes: Sequence[int]) -> Floats:
    """Say how far the classes are from Gaussian at J numbers of columns, in standard errors of their kurtosis.

    Mardia's b = Σᵢ((xᵢ − x̄)ᵀM⁻¹(xᵢ − x̄))²/m of m rows, M their covariance with divisor m, has mean
    d(d + 2)(m − 1)/(m + 1) and variance 8d(d + 2)(m − 3)(m − d − 1)(m − d + 1)/((m + 1)²(m + 3)(m + 5)) in a
    Gaussian class (Mardia, Sankhyā B 36:115, 1974). To second order its excess e adds −e/2m to E ln|S|, and thus
    (e₀/m₀ + e₁/m₁)/16 to a covariance term of classes with equal covariances: that sum is what is judged.

    Args:
        q: n × r columns whose leading spans are asked about.
        observed: Class 0 or 1 of each row.
        sizes: J numbers of columns; 0 gives 0.

    Returns:
        J scores: positive for heavy tails, negative for light ones.
    """
    d = np.array([size for size in sizes if size > 0], dtype=np.intp)
    scores = np.zeros(len(sizes))
    if d.size == 0:
        return scores
    excess, variance = np.zeros((2, d.size))
    for c in (0, 1):
        rows = q[observed == c][:, : d[-1]]
        m = float(rows.shape[0])
        axes = np.linalg.qr(rows - rows.mean(axis=0))[0]  # its leading columns span those of the rows
        b = m * (np.cumsum(axes**2, axis=1) ** 2).sum(axis=0)[d - 1]
        spread = 8.0 * d * (d + 2.0) * (m - 3) * (m - d - 1) * (m - d + 1) / ((m + 1) ** 2 * (m + 3) * (m + 5))
        excess += (b - d * (d + 2.0) * (m - 1) / (m + 1)) / m
        variance += spread / m**2
    scores[-d.size :] = excess / np.sqrt(variance)
    return scores
