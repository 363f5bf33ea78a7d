"""SNV and MSC of single-precision spectra in single precision, as good as if computed in double.

A spectrum is first centred on its mean rounded to single precision. That difference is exact to one digit of
itself, however large the offset was; what the rounding of the mean left is found in the difference and taken out
at the end. Spectra for which sums of squares in single precision cannot be trusted are left to double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.preprocessing.row_scalars import row_products, short_buffers

Spectra = npt.NDArray[Any]
Scalars = npt.NDArray[np.float64]
Exact = Callable[[Spectra], Spectra]

# Two blocks of this size are in use: they fit the processor's second or third cache.
_BLOCK_BYTES = 2 * 2**20
# A spread this small against the mean is rounding in part.
_LEAST_SPREAD = 1e-5
# Squares outside this range leave single precision.
_SQUARES = (1e-30, 1e30)
# The slope on a reference that is correlated less than this is the difference of larger sums.
_LEAST_CORRELATION = 0.2


def standardised(x: Spectra, exact: Exact) -> Spectra:
    """Centre each spectrum to mean 0 and scale it to standard deviation 1.

    Args:
        x: n × d spectra, float32.
        exact: Does the same in double precision, for those spectra that need it.
    """
    out = np.empty(x.shape, dtype=np.float32)
    with np.errstate(all="ignore"), short_buffers():
        for rows, block, mean, rest in _centred(x, out):
            spread, trusted = _spread(block, mean, rest)
            factor = 1 / spread
            np.multiply(block, _column(factor), out=block)
            np.subtract(block, _column(rest * factor), out=block)
            _redo(block, x[rows], ~trusted, exact)
    return out


def scatter_corrected(x: Spectra, reference: Scalars, exact: Exact) -> Spectra:
    """Remove from each spectrum its least-squares offset and slope on the reference.

    Args:
        x: n × d spectra, float32.
        reference: d intensities.
        exact: Does the same in double precision, for those spectra that need it.
    """
    level, centred = reference.mean(), reference - reference.mean()
    length = np.sqrt(centred @ centred)
    direction = (centred / (length or 1.0)).astype(np.float32)
    out = np.empty(x.shape, dtype=np.float32)
    with np.errstate(all="ignore"), short_buffers():
        for rows, block, mean, rest in _centred(x, out):
            spread, trusted = _spread(block, mean, rest)
            slope = row_products(block, direction)
            trusted &= np.abs(slope) > _LEAST_CORRELATION * spread * np.sqrt(x.shape[1])
            factor = length / slope
            np.multiply(block, _column(factor), out=block)
            np.add(block, _column(level - rest * factor), out=block)
            _redo(block, x[rows], ~trusted, exact)
    return out


def _centred(x: Spectra, out: Spectra) -> Iterator[tuple[slice, Spectra, Scalars, Scalars]]:
    """Give rows, the spectra less their rounded means (in `out`), those means, and the means of what is left."""
    n, d = x.shape
    together, ones = max(1, _BLOCK_BYTES // (4 * max(1, d))), np.ones(d, dtype=np.float32)
    for start in range(0, n, together):
        rows = slice(start, start + together)
        block = out[rows]
        mean = _column(row_products(x[rows], ones) / d)
        np.subtract(x[rows], mean, out=block)
        yield rows, block, mean[:, 0].astype(np.float64), row_products(block, ones) / d


def _spread(block: Spectra, mean: Scalars, rest: Scalars) -> tuple[Scalars, npt.NDArray[np.bool_]]:
    """Give the standard deviation of each spectrum, and whether it can be trusted."""
    squares = row_products(block, block)
    spread: Scalars = np.sqrt(squares / block.shape[1] - rest**2)
    trusted = (squares > _SQUARES[0]) & (squares < _SQUARES[1]) & (spread > _LEAST_SPREAD * np.abs(mean))
    return spread, trusted


def _redo(block: Spectra, x: Spectra, doubtful: npt.NDArray[np.bool_], exact: Exact) -> None:
    if doubtful.any():
        block[doubtful] = exact(x[doubtful])


def _column(scalars: Scalars) -> Spectra:
    return scalars.astype(np.float32)[:, None]
