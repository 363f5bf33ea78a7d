"""Steps that mix neighbouring channels: Savitzky–Golay filters and resampling.

A chain calls them once for each run of channels without a gap; here the axis is one such run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from numpy.polynomial import legendre

from spectral_core.errors import SpectraError
from spectral_core.preprocessing.per_spectrum import row_blocks

Spectra = npt.NDArray[Any]
Axis = npt.NDArray[np.float64]

# The derivative of the axis along itself is 1. Where the filter finds it wrong by more than this, it would
# find every other derivative as wrong.
_MOST_DISTORTION = 0.05
# Channels a step of the filter: more costs products with zeros, fewer leaves the processor's vectors empty.
_SLIDE = 16
# Two blocks of this size are in use.
_BLOCK_BYTES = 2**20
# From 2^18 multiplications on a product may wake BLAS's own threads, which Dask's threads would wait for.
_ONE_THREAD = 2**18 - 1


def savgol(x: Spectra, axis: Axis, *, window: int = 11, order: int = 2, deriv: int = 0) -> Spectra:
    """Smooth or differentiate each spectrum by local polynomials (Savitzky & Golay).

    Anal. Chem. 36:1627 (1964). The polynomial of the first and of the last full window also gives the
    channels at the ends, so polynomials up to `order` are reproduced exactly everywhere.

    Args:
        x: n × d spectra, d ≥ window.
        axis: d evenly spaced channel positions.
        window: Channels in a window, odd.
        order: Degree of the polynomial.
        deriv: Order of the derivative, per axis unit; 0 smooths.

    Returns:
        n × d values in x units, or x units / axis unit^deriv.

    Raises:
        SpectraError: There are fewer channels than `window`, or a derivative is asked for on an axis that is
            not evenly spaced.

    Example:
        >>> line = np.array([[0.0, 2.0, 4.0, 6.0, 8.0]])
        >>> savgol(line, np.array([0.0, 0.5, 1.0, 1.5, 2.0]), window=3, order=1, deriv=1).round(6)
        array([[4., 4., 4., 4., 4.]])
    """
    if axis.size < window:
        raise SpectraError("savgol", f"at least window = {window} channels", f"{axis.size}", "Choose a smaller window.")
    spacing = float(axis[-1] - axis[0]) / (axis.size - 1) if deriv else 1.0
    if deriv:
        _check_spacing(axis, spacing, window, order)
    return _filtered(x, _weights(window, order, deriv, spacing))


def resample(x: Spectra, axis: Axis, *, start: float, stop: float, step: float) -> Spectra:
    """Interpolate each spectrum linearly onto start, start + step, …, stop; never extrapolate.

    Grid positions outside the measured axis are left out. A grid coarser than the axis reads single positions
    and discards the measurements between them: smooth first to keep their light.

    Args:
        x: n × d spectra.
        axis: d channel positions, strictly increasing.
        start: First grid position, in axis units.
        stop: Last grid position, in axis units.
        step: Distance of grid positions, in axis units.

    Returns:
        n × m values at `resampled_axis(axis, …)`.
    """
    grid = resampled_axis(axis, start=start, stop=stop, step=step)
    left = np.clip(np.searchsorted(axis, grid, "right") - 1, 0, max(0, axis.size - 2))
    right = np.minimum(left + 1, axis.size - 1)
    width = axis[right] - axis[left]
    share = np.divide(grid - axis[left], width, out=np.zeros(grid.size), where=width > 0)
    out = np.empty((x.shape[0], grid.size), dtype=x.dtype)
    for rows in row_blocks(x):
        at_left = x[rows].take(left, axis=1).astype(np.float64)
        out[rows] = at_left + (x[rows].take(right, axis=1) - at_left) * share
    return out


def resampled_axis(axis: Axis, *, start: float, stop: float, step: float) -> Axis:
    """Give the grid positions that lie within the axis.

    Example:
        >>> resampled_axis(np.array([0.5, 1.5, 2.5]), start=0, stop=9, step=1)
        array([1., 2.])
    """
    # a billionth of a step: 0.3 / 0.1 is 2.9999999999999996
    count = int(np.floor((stop - start) / step + 1e-9)) + 1
    grid = start + step * np.arange(count)
    slack = 1e-9 * step
    inside = (grid >= axis[0] - slack) & (grid <= axis[-1] + slack)
    within: Axis = np.clip(grid[inside], axis[0], axis[-1])
    return within


@lru_cache(maxsize=64)
def _weights(window: int, order: int, deriv: int, spacing: float) -> npt.NDArray[np.float64]:
    """Give the filter for each position in a window (window × window); its middle row serves the interior."""
    half = window // 2
    positions = (np.arange(window) - half) / half
    basis = legendre.legvander(positions, order)
    derived = legendre.legval(positions, legendre.legder(np.eye(order + 1), deriv)).T
    weights: npt.NDArray[np.float64] = derived @ np.linalg.pinv(basis) / (half * spacing) ** deriv
    weights.flags.writeable = False
    return weights


def _filtered(x: Spectra, weights: npt.NDArray[np.float64]) -> Spectra:
    """Apply the filter as products of blocks of spectra with one banded matrix that slides along the channels."""
    n, d = x.shape
    half = weights.shape[0] // 2
    inner = min(_SLIDE, d - 2 * half)
    band = _band(weights[half], inner)
    together = max(1, min(_BLOCK_BYTES // (8 * d), _ONE_THREAD // band.size))
    given, found = np.empty((2, min(n, together), d))
    out: Spectra = np.empty(x.shape, dtype=x.dtype)
    for start in range(0, n, together):
        rows = slice(start, start + together)
        block, result = given[: len(x[rows])], found[: len(x[rows])]
        np.copyto(block, x[rows])
        _slide(block, band, inner, result[:, half : d - half])
        np.matmul(block[:, : 2 * half + 1], weights[:half].T, out=result[:, :half])
        np.matmul(block[:, d - 2 * half - 1 :], weights[half + 1 :].T, out=result[:, d - half :])
        np.copyto(out[rows], result, casting="same_kind")
    return out


def _slide(block: Spectra, band: npt.NDArray[np.float64], inner: int, result: Spectra) -> None:
    """Fill `result`, `inner` channels a step; the last step overlaps the one before where they do not divide."""
    steps = result.shape[1] // inner
    windows = sliding_window_view(block, band.shape[0], axis=1)
    slots = result[:, : steps * inner].reshape(result.shape[0], steps, inner)
    np.matmul(windows[:, : steps * inner : inner].swapaxes(0, 1), band, out=slots.swapaxes(0, 1))
    if steps * inner < result.shape[1]:
        np.matmul(block[:, -band.shape[0] :], band, out=result[:, -inner:])


def _band(weights: npt.NDArray[np.float64], inner: int) -> npt.NDArray[np.float64]:
    """Give the (window + inner − 1) × inner matrix whose columns hold the filter, each one channel further."""
    band = np.zeros((weights.size + inner - 1, inner))
    for column in range(inner):
        band[column : column + weights.size, column] = weights
    return band


def _check_spacing(axis: Axis, spacing: float, window: int, order: int) -> None:
    own: Axis = _filtered(axis[None, :], _weights(window, order, 1, spacing))[0]
    worst = int(np.argmax(np.abs(own - 1)))
    if abs(own[worst] - 1) > _MOST_DISTORTION:
        raise SpectraError(
            f"savgol, axis {axis[worst]:g}",
            f"evenly spaced channels (about {spacing:g} apart) for a derivative",
            f"a spacing of about {spacing * own[worst]:g}",
            "Put resample(start, stop, step) before savgol.",
        )
