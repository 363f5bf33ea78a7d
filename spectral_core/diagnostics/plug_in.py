"""Bhattacharyya terms along nested channels from sample means and covariances, with their bias taken off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.bhattacharyya import nested_terms, small_sample
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
    """Plug-in terms and the share of class 0 at each of d (3 × J); all n rows have mean zero and this scatter."""
    total, count, zeros = ones.sum(axis=0), ones.shape[0], n - ones.shape[0]
    outer = np.outer(total, total)
    inside = ones.T @ ones
    second = (inside - outer / count) / (count - 1)
    first = (scatter - inside - outer / zeros) / (zeros - 1)
    return np.stack(nested_terms(total / count + total / zeros, first, second))[:, d - 1]


def _corrected(raw: Floats, d: Floats, units: tuple[int, int]) -> tuple[Floats, Floats]:
    """Take the bias off plug-in terms (3 × P × J)."""
    squared, logarithm, share = raw
    # S̄⁻¹ leans towards the smaller class: E tr(S̄⁻¹S₀)/d = 1 + (d + 1)(1/ν₁ − 1/ν₀)/4 for equal covariances
    lean = (d + 1.0) * (1.0 / (units[1] - 1) - 1.0 / (units[0] - 1)) / 4.0
    zero, one = share / (1.0 + lean), (2.0 - share) / (1.0 - lean)
    bias = small_sample(d, units, share=2.0 * zero / (zero + one))
    return (squared / bias.inflation - bias.floor) / 8.0, logarithm - bias.logarithm


def plug_in_without(q: Floats, observed: Codes, sizes: Sequence[int], groups: Codes) -> tuple[Floats, Floats]:
    """Compute both terms under the observed labels with each group of units left out (G × J each)."""
    left_out = [
        plug_in_curves(q[groups != g], observed[groups != g, None], sizes) for g in range(int(groups.max()) + 1)
    ]  # fmt: skip
    return np.concatenate([mean for mean, _ in left_out]), np.concatenate([covariance for _, covariance in left_out])
