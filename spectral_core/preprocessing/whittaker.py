"""Reweighted Whittaker smoothing of many spectra side by side.

A baseline z of a spectrum y minimises Σ w (y − z)² + lam Σ (second differences of z)²: one symmetric linear
system with five diagonals a round, and new weights w after it. The systems of all spectra have one shape, so a
round runs through the channels once, each operation for all spectra together; a spectrum whose weights have
settled leaves. Arrays are d × n here, channels first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, solveh_banded

from spectral_core.preprocessing.row_scalars import short_buffers

Columns = npt.NDArray[np.float64]
Scalars = npt.NDArray[np.float64]
Reweigh = Callable[[Columns, Columns, Columns, int], Scalars]
"""(y, z, w, round from 1) puts the next weights into w and gives their change, 0 where the fit must stop."""

MOST_ROUNDS = 51
TOLERANCE = 1e-3

_TINY = float(np.finfo(np.float64).tiny)
# Fewer spectra, or fewer channels, than this are sooner solved one by one.
_SIDE_BY_SIDE = 64
# Spectra fitted side by side: 1,024 of 1,024 channels, some eight arrays of this size in use; never fewer than the
# number that outweighs what a call of numpy costs.
_BATCH_BYTES = 8 * 2**20
_LEAST_BATCH = 256
# What a rule works on at a time stays in the processor's second cache.
_PART_BYTES = 2**18
# Where an inverse pivot (of the system over lam) exceeds this, rounding shows in the seventh digit, and LAPACK,
# which pybaselines uses, is asked.
_LARGEST_INVERSE = 1e8
# Below this a variance is not the difference of two sums of squares any more.
_CANCELLED = 1e-6


def baselines(x: npt.NDArray[Any], *, lam: float, reweigh: Reweigh) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Fit a baseline to every spectrum.

    Args:
        x: n × d spectra, d ≥ 3.
        lam: Stiffness of the baseline.
        reweigh: The rule that gives the next weights; the first are 1.

    Returns:
        n × d baselines, NaN where the system has no solution in floating point, and the n numbers of rounds.
    """
    n, d = x.shape
    fits, rounds = np.empty((n, d)), np.empty(n, dtype=np.intp)
    together = spectra_together(d)
    with np.errstate(all="ignore"), short_buffers():
        for start in range(0, n, together):
            rows = slice(start, start + together)
            _fit_together(x[rows], lam, reweigh, fits[rows], rounds[rows])
    return fits, rounds


def spectra_together(d: int) -> int:
    """Give the number of spectra of d channels that are fitted side by side."""
    return max(_LEAST_BATCH, _BATCH_BYTES // (8 * d))


def asymmetric(p: float) -> Reweigh:
    """Weigh channels above the baseline p, the others 1 − p (Eilers & Boelens, 2005)."""

    def reweigh(y: Columns, z: Columns, w: Columns, turn: int) -> Scalars:
        change = _Change(y.shape[1])
        for part in _parts(y):
            fresh = (y[part] > z[part]).astype(np.float64)
            fresh *= p - (1 - p)
            fresh += 1 - p
            change.replace(w[part], fresh)
        return change.relative()

    return reweigh


def logistic(y: Columns, z: Columns, w: Columns, turn: int) -> Scalars:
    """Weigh by a logistic of the residual over the noise below the baseline (arPLS; Baek et al., 2015)."""
    squares, total, count = np.zeros((3, y.shape[1]))
    for part in _parts(y):
        below = y[part] - z[part]
        np.minimum(below, 0.0, out=below)
        squares += np.einsum("ij,ij->j", below, below)
        total += np.add.reduce(below, axis=0)
        count -= np.add.reduce(np.sign(below, out=below), axis=0)
    mean = total / count
    spread = np.sqrt((squares - count * mean**2) / (count - 1))
    for column in np.flatnonzero(~(spread**2 > _CANCELLED * mean**2) & (count >= 2)):
        residual = y[:, column] - z[:, column]
        spread[column] = residual[residual < 0].std(ddof=1) or _TINY
    steepness, centre, change = 2 / spread, 2 * spread - mean, _Change(y.shape[1])
    for part in _parts(y):
        fresh = y[part] - z[part]
        fresh -= centre
        fresh *= steepness
        np.exp(fresh, out=fresh)
        fresh += 1.0
        change.replace(w[part], np.reciprocal(fresh, out=fresh))
    return np.where(count < 2, 0.0, change.relative())


def adaptive(y: Columns, z: Columns, w: Columns, turn: int) -> Scalars:
    """Weigh channels below the baseline by their share of all that is below (airPLS; Zhang et al., 2010)."""
    total, count, size = np.zeros((3, y.shape[1]))
    for part in _parts(y):
        below = np.minimum(y[part] - z[part], 0.0)
        total += np.add.reduce(below, axis=0)
        count -= np.add.reduce(np.sign(below, out=below), axis=0)
        size += np.add.reduce(np.abs(y[part], out=below), axis=0)
    steepness = min(turn, 50) / total
    for part in _parts(y):
        below = np.minimum(y[part] - z[part], 0.0)
        fresh = np.exp(below * steepness, out=w[part])
        fresh *= np.negative(np.sign(below, out=below), out=below)
    return np.where(count < 2, 0.0, -total / size)


class _Change:
    """By how much the weights of each spectrum change in a round, |new − old| / |old|."""

    def __init__(self, n: int) -> None:
        self._moved, self._before = np.zeros((2, n))

    def replace(self, w: Columns, fresh: Columns) -> None:
        self._before += np.einsum("ij,ij->j", w, w)
        w -= fresh
        self._moved += np.einsum("ij,ij->j", w, w)
        w[...] = fresh

    def relative(self) -> Scalars:
        change: Scalars = np.sqrt(self._moved) / np.maximum(np.sqrt(self._before), _TINY)
        return change


def _parts(y: Columns) -> Iterator[slice]:
    """Cut the channels into runs that stay in the cache through all steps of a rule."""
    channels = max(1, _PART_BYTES // (8 * y.shape[1]))
    for start in range(0, y.shape[0], channels):
        yield slice(start, start + channels)


def _fit_together(
    x: npt.NDArray[Any], lam: float, reweigh: Reweigh, fits: npt.NDArray[np.float64], rounds: npt.NDArray[Any]
) -> None:
    y = np.array(x.T, dtype=np.float64, order="C")
    w, rows = np.ones_like(y), np.arange(y.shape[1])
    for turn in range(1, MOST_ROUNDS + 1):
        z = _smoothed(y, w, lam)
        change = reweigh(y, z, w, turn)
        settled = ~(change >= TOLERANCE) | ~np.isfinite(z[0])
        if turn == MOST_ROUNDS:
            settled[:] = True
        if settled.any():
            fits[rows[settled]], rounds[rows[settled]] = z[:, settled].T, turn
            if settled.all():
                return
            left = np.flatnonzero(~settled)
            rows, y, w = rows[left], y.take(left, axis=1), w.take(left, axis=1)


def _smoothed(y: Columns, w: Columns, lam: float) -> Columns:
    """Solve (w + lam·DᵀD) z = w y for every column; NaN where it cannot be solved."""
    main, beside = _penalty(y.shape[0])
    if min(y.shape) < _SIDE_BY_SIDE:
        return _one_by_one(y, w, lam, main, beside)
    weights, z = np.empty_like(y), np.empty_like(y)
    for part in _parts(y):
        np.divide(w[part], lam, out=weights[part])
        np.multiply(weights[part], y[part], out=z[part])
        weights[part] += main[part, None]
    _side_by_side(weights, z, beside)
    least, largest = np.minimum.reduce(weights, axis=0), np.maximum.reduce(weights, axis=0)
    unsure = np.flatnonzero(~((least > 0) & (largest < _LARGEST_INVERSE)))
    if unsure.size:
        z[:, unsure] = _one_by_one(y[:, unsure], w[:, unsure], lam, main, beside)
    return z


def _penalty(d: int) -> tuple[Scalars, Scalars]:
    """Give main and first diagonal of DᵀD; its second diagonal is 1."""
    main, beside = np.zeros(d), np.zeros(d - 1)
    for offset, value in enumerate((1.0, -2.0, 1.0)):  # one second difference: its square, summed over all of them
        main[offset : d - 2 + offset] += value**2
    for offset in (0, 1):
        beside[offset : d - 2 + offset] -= 2.0
    return main, beside


def _one_by_one(y: Columns, w: Columns, lam: float, main: Scalars, beside: Scalars) -> Columns:
    z = np.empty_like(y)
    bands = np.zeros((3, main.size))
    bands[1, :-1], bands[2, :-2] = lam * beside, lam
    for column in range(y.shape[1]):
        bands[0] = lam * main + w[:, column]
        right = w[:, column] * y[:, column]
        try:
            z[:, column] = solveh_banded(bands, right, overwrite_b=True, lower=True, check_finite=False)
        except LinAlgError:
            z[:, column] = np.nan
    return z


def _side_by_side(diagonal: Columns, right: Columns, beside: Scalars) -> None:
    """Solve by LDLᵀ, channel by channel; `diagonal` becomes 1/D and `right` the solution.

    With second diagonal 1 the factor's second subdiagonal is 1/D two channels before, and the first is f.
    """
    d, n = diagonal.shape
    f_rows = np.zeros((d, n))
    inverse, f, z = list(diagonal), list(f_rows), list(right)
    s, t = np.empty(n), np.empty(n)
    subtract, multiply, reciprocal = np.subtract, np.multiply, np.reciprocal
    reciprocal(inverse[0], inverse[0])
    multiply(inverse[0], beside[0], f[1])
    inverse[1] -= beside[0] * f[1]
    reciprocal(inverse[1], inverse[1])
    z[1] -= f[1] * z[0]
    for i in range(2, d):
        before, second, now, f_i, z_i = inverse[i - 1], inverse[i - 2], inverse[i], f[i], z[i]
        subtract(beside[i - 1], f[i - 1], s)
        multiply(s, before, f_i)
        multiply(s, f_i, s)
        subtract(now, s, now)
        subtract(now, second, now)
        reciprocal(now, now)
        multiply(f_i, z[i - 1], s)
        multiply(second, z[i - 2], t)
        subtract(z_i, s, z_i)
        subtract(z_i, t, z_i)
    for i in range(d - 1, -1, -1):
        z_i = z[i]
        if i < d - 2:
            subtract(z_i, z[i + 2], z_i)
        multiply(z_i, inverse[i], z_i)
        if i < d - 1:
            multiply(f[i + 1], z[i + 1], s)
            subtract(z_i, s, z_i)
