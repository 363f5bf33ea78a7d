"""White noise of the same size, drawn through its Gram matrix: n × n numbers whatever the channels.

The Gram matrix of n rows of d independent normal numbers is Wishart. Its Cholesky factor has independent
entries (Bartlett, Proceedings of the Royal Society of Edinburgh 53:260, 1933), and its eigenvalues are those
of BBᵀ with B bidiagonal and independent chi-distributed entries (Dumitriu & Edelman, Journal of Mathematical
Physics 43:5830, 2002): moments cost O(n) and eigenvalues O(n²) a draw.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
DRAWS = 199
FEW_DRAWS = 39
"""Draws of what costs O(n³) each: the band is then from the smallest to the largest."""
_TRIDIAGONAL, _DISTANCES, _RADII = 51, 52, 53


def tridiagonal_draws(rows: int, d: int, *, draws: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Draw the Gram matrix of rows × d white noise in tridiagonal form.

    Returns:
        For each draw, the diagonal (m = min(rows, d) numbers) and the off-diagonal (m − 1); their eigenvalues
        are the eigenvalues other than zero of the Gram matrix.
    """
    rng = np.random.default_rng([seed, _TRIDIAGONAL])
    m, longer = min(rows, d), max(rows, d)
    for _ in range(draws):
        diagonal = rng.chisquare(longer - np.arange(m))
        below = rng.chisquare(np.arange(m - 1, 0, -1)) if m > 1 else np.empty(0)
        yield diagonal + np.r_[0.0, below], np.sqrt(diagonal[:-1] * below)


def trace_moments(rows: int, d: int, *, draws: int, seed: int) -> Floats:
    """Draw tr W and tr W² of the Gram matrix W of rows × d white noise (draws × 2)."""
    return np.array([
        (diagonal.sum(), (diagonal**2).sum() + 2 * (beside**2).sum())
        for diagonal, beside in tridiagonal_draws(rows, d, draws=draws, seed=seed)
    ])  # fmt: skip


def squared_distance_draws(rows: int, d: int, *, draws: int, seed: int) -> Iterator[Singles]:
    """Draw the rows × rows squared distances between spectra of white noise with unit variance a channel.

    In single precision: white noise has no distances so small that they cancel.
    """
    for factor in spectra_draws(rows, d, draws=draws, seed=seed):
        gram = factor @ factor.T
        own = np.diagonal(gram).copy()
        gram *= -2
        gram += own
        gram += own[:, None]
        yield np.maximum(gram, 0, out=gram)


def spectra_draws(rows: int, d: int, *, draws: int, seed: int) -> Iterator[Singles]:
    """Draw white noise with unit variance a channel, in coordinates of its own where it has fewer rows than channels.

    Returns:
        For each draw, rows × min(rows, d) numbers with the Gram matrix of rows × d white noise.
    """
    rng = np.random.default_rng([seed, _DISTANCES])
    for _ in range(draws):
        if d <= rows:
            factor = rng.standard_normal((rows, d), dtype=np.float32)
        else:
            factor = np.zeros((rows, rows), dtype=np.float32)
            factor[np.tril_indices(rows, -1)] = rng.standard_normal(rows * (rows - 1) // 2, dtype=np.float32)
            factor[np.diag_indices(rows)] = np.sqrt(rng.chisquare(d - np.arange(rows)))
        yield factor


def squared_radii(rows: int, d: int, *, draws: int, seed: int) -> Floats:
    """Draw squared distances of white noise from its centre: chi-square with d degrees of freedom (draws × rows)."""
    return np.random.default_rng([seed, _RADII]).chisquare(d, size=(draws, rows))
