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
_SIDE_BY_SIDE = 48
# Spectra fitted side by side: 1,024 of 1,024 channels, some eight arrays of this size in use; never fewer than the
# number that outweighs what a call of numpy costs.
_BATCH_BYTES = 8 * 2**20
_LEAST_BATCH = 256
# What a rule works on at a time stays in the processor's second cache.
_PART_BYTES = 2**18
# Where an inverse pivot (of the system over lam) exceeds this, rounding shows in the seventh digit, and LAPACK,
# which pybaselines uses, is asked.
_LARGEST_INVERSE = 1e6
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
        yield slice(start, min(start + channels, y.shape[0]))


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
    d, n = y.shape
    main, beside = _penalty(d)
    if min(d, n) < _SIDE_BY_SIDE:
        return _one_by_one(y, w, lam, main, beside)
    diagonal, right = _folded(y, w, lam)
    largest = _from_both_ends(diagonal, right, beside)
    z = np.empty_like(y)
    half = len(right)
    z[:half], z[half:] = right[:, :n], right[d % 2 :, n:][::-1]
    unsure = np.flatnonzero(~(largest < _LARGEST_INVERSE))
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


def _folded(y: Columns, w: Columns, lam: float) -> tuple[Columns, Columns]:
    """Lay diagonal and right side of w/lam + DᵀD so that the last channels stand beside the first.

    An odd number of channels gets one more at the end. Its weight is 0, so it continues the baseline in a straight
    line, which costs nothing, and changes no other channel.
    """
    d, n = y.shape
    half, odd = (d + 1) // 2, d % 2
    main = _penalty(d + odd)[0][:half, None]
    diagonal, right = np.empty((2, half, 2 * n))
    diagonal[:odd, n:], right[:odd, n:] = 0.0, 0.0
    for part in _parts(y[:half]):
        np.divide(w[part], lam, out=diagonal[part, :n])
        np.multiply(diagonal[part, :n], y[part], out=right[part, :n])
    for part in _parts(y[half:]):
        here = slice(part.start + odd, part.stop + odd)
        np.divide(w[half:][::-1][part], lam, out=diagonal[here, n:])
        np.multiply(diagonal[here, n:], y[half:][::-1][part], out=right[here, n:])
    diagonal += main
    return diagonal, right


def _from_both_ends(diagonal: Columns, right: Columns, beside: Scalars) -> Scalars:
    """Solve by LDLᵀ, first and last channels together; `diagonal` becomes 1/D and `right` the solution.

    With second diagonal 1 the factor's second subdiagonal is 1/D two channels before, and the first is f.
    Returns the largest 1/D of each spectrum, infinite where one is not positive.
    """
    half, width = diagonal.shape
    inverse, z = list(diagonal), list(right)
    f = list(np.zeros((half, width)))
    s, t = np.empty((2, width))
    subtract, multiply, reciprocal = np.subtract, np.multiply, np.reciprocal
    for i in range(half - 1):
        now, f_i, z_i = inverse[i], f[i], z[i]
        if i >= 1:
            before = inverse[i - 1]
            subtract(beside[i - 1], f[i - 1], s)
            multiply(s, before, f_i)
            multiply(s, f_i, s)
            subtract(now, s, now)
            multiply(f_i, z[i - 1], s)
            subtract(z_i, s, z_i)
        if i >= 2:
            second = inverse[i - 2]
            subtract(now, second, now)
            multiply(second, z[i - 2], t)
            subtract(z_i, t, z_i)
        reciprocal(now, now)
    last = beside[half - 2] - f[half - 2]
    largest = _joined(diagonal, right, last, beside[half - 1])
    for i in range(half - 3, -1, -1):
        z_i = z[i]
        subtract(z_i, z[i + 2], z_i)
        multiply(z_i, inverse[i], z_i)
        multiply(f[i + 1], z[i + 1], s)
        subtract(z_i, s, z_i)
    return largest


def _joined(inverse: Columns, z: Columns, last: Scalars, across: float) -> Scalars:
    """Solve for the four channels in the middle: rows −2 (eliminated) and −1 (not yet) of both ends.

    `last` couples rows −2 and −1 of an end, `across` the two rows −1; rows −2 and −1 of different ends by 1.
    """
    n = z.shape[1] // 2
    other = np.r_[n : 2 * n, :n]
    inner = inverse[-1] - inverse[-3]  # what the channel before the last eliminated one leaves
    own = z[-1] - inverse[-3] * z[-3]
    near, far = last * inverse[-2], inverse[-2, other]
    inner -= near * last + far
    own -= near * z[-2] + far * z[-2, other]
    coupling = across - near - near[other]
    pivot, factor = 1 / inner[:n], coupling[:n] / inner[:n]
    final = 1 / (inner[n:] - factor * coupling[:n])
    z[-1, n:] = (own[n:] - factor * own[:n]) * final
    z[-1, :n] = own[:n] * pivot - factor * z[-1, n:]
    z[-2] = (z[-2] - last * z[-1] - z[-1, other]) * inverse[-2]
    inverse[-1, :n], inverse[-1, n:] = pivot, final
    largest, least = np.maximum.reduce(inverse, axis=0), np.minimum.reduce(inverse, axis=0)
    largest[~(least > 0)] = np.inf
    of_both: Scalars = np.maximum(largest[:n], largest[n:])
    return of_both
