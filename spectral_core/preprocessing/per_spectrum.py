"""Steps that treat every channel of a spectrum alike: crop, SNV, normalisations, log10(1/R).

The functions take n × d spectra (float32 or float64) and give the same rows in the same precision. They work
through blocks of rows that fit the processor's cache, in double precision inside a block only; SNV of float32
has a faster way that is as good. All take the axis, also those that have no use for it, so that a chain can call
any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.errors import SpectraError
from spectral_core.preprocessing.row_scalars import row_products, short_buffers
from spectral_core.preprocessing.single_precision import standardised
from spectral_core.regions import segments

Spectra = npt.NDArray[Any]
Axis = npt.NDArray[np.float64]

_BLOCK_BYTES = 256 * 1024
# Rounding in the mean of a constant spectrum leaves a relative spread near 1e-15; one float32 digit of one
# channel in 10,000 leaves 6e-10.
_FLAT = 1e-12
# A white reference is exceeded by noise and gloss, never twofold; per cent and counts are.
_LARGEST_FRACTION = 2.0


def row_blocks(x: Spectra) -> Iterator[slice]:
    """Cut n × d spectra into runs of rows that fit the processor's cache in double precision."""
    rows = max(1, _BLOCK_BYTES // (8 * max(1, x.shape[1])))
    for start in range(0, x.shape[0], rows):
        yield slice(start, min(start + rows, x.shape[0]))


def raw(x: Spectra, axis: Axis | None = None) -> Spectra:
    """Leave the spectra as they were measured.

    Args:
        x: n × d spectra.
        axis: Not used.
    """
    return x


def crop(x: Spectra, axis: Axis, *, low: float, high: float) -> Spectra:
    """Keep the channels from `low` to `high`, both included.

    Args:
        x: n × d spectra.
        axis: d channel positions, strictly increasing.
        low: First position kept, in axis units.
        high: Last position kept, in axis units.
    """
    return x[:, _inside(axis, low, high)]


def cropped_axis(axis: Axis, *, low: float, high: float) -> Axis:
    """Give the positions that `crop` keeps."""
    return axis[_inside(axis, low, high)]


def snv(x: Spectra, axis: Axis | None = None) -> Spectra:
    """Centre each spectrum to mean 0 and scale it to standard deviation 1 (standard normal variate).

    Barnes, Dhanoa & Lister, Appl. Spectrosc. 43:772 (1989); they divide by d − 1, this divides by d (as numpy
    does), which scales all spectra by the same constant. A constant spectrum has no shape and becomes zeros.

    Args:
        x: n × d spectra.
        axis: Not used.

    Example:
        >>> snv(np.array([[1.0, 3.0], [5.0, 5.0]]))
        array([[-1.,  1.],
               [ 0.,  0.]])
    """
    return standardised(x, _snv) if x.dtype == np.float32 else _snv(x)


def vector(x: Spectra, axis: Axis | None = None) -> Spectra:
    """Scale each spectrum to Euclidean norm 1; a spectrum of zeros stays zeros.

    Args:
        x: n × d spectra.
        axis: Not used.
    """
    return _scaled(x, lambda block: np.sqrt(row_products(block, block)))


def maximum(x: Spectra, axis: Axis | None = None) -> Spectra:
    """Scale each spectrum so that its largest absolute intensity is 1; a spectrum of zeros stays zeros.

    Args:
        x: n × d spectra.
        axis: Not used.
    """
    return _scaled(x, lambda block: np.abs(block).max(axis=1, initial=0.0))


def area(x: Spectra, axis: Axis) -> Spectra:
    """Scale each spectrum so that the area under its absolute intensities is 1, in axis units.

    Trapezoidal rule; no area is counted across a gap of the axis. A spectrum of zeros stays zeros.

    Args:
        x: n × d spectra.
        axis: d channel positions, strictly increasing.
    """
    widths = _channel_widths(axis)
    return _scaled(x, lambda block: row_products(np.abs(block), widths))


def absorbance(x: Spectra, axis: Axis, *, percent: bool = False) -> Spectra:
    """Turn reflectance or transmittance R into apparent absorbance log10(1/R).

    Args:
        x: n × d reflectances or transmittances: fractions, or per cent if `percent`.
        axis: d channel positions, for messages.
        percent: Whether 100 stands for the white reference or the empty beam.

    Raises:
        SpectraError: A value is zero or negative, or more than twice the reference (so not of the stated
            scale); the message names spectrum and axis position.
    """
    full = 100.0 if percent else 1.0
    scale = "per cent" if percent else "fraction"
    out = np.empty(x.shape, dtype=x.dtype)
    for rows in row_blocks(x):
        block = x[rows].astype(np.float64)
        _refuse(~(block > 0), block, rows, axis, f"a positive reflectance or transmittance ({scale})",
                "Crop the channels without light, or leave the spectrum out.")  # fmt: skip
        most = _LARGEST_FRACTION * full
        _refuse(block > most, block, rows, axis, f"at most {most:g} ({scale})",
                "Write absorbance(percent=True) for per cent; counts need a reference first.")  # fmt: skip
        out[rows] = np.negative(np.log10(np.divide(block, full, out=block), out=block), out=block)
    return out


def _snv(x: Spectra) -> Spectra:
    out = np.empty(x.shape, dtype=x.dtype)
    with short_buffers():
        for rows in row_blocks(x):
            block = x[rows].astype(np.float64)
            mean = block.mean(axis=1, keepdims=True)
            block -= mean
            deviation = np.sqrt(row_products(block, block)[:, None] / max(1, x.shape[1]))
            flat = deviation <= _FLAT * np.abs(mean)
            deviation[flat] = np.inf
            out[rows] = np.divide(block, deviation, out=block)
    return out


def _inside(axis: Axis, low: float, high: float) -> slice:
    return slice(int(np.searchsorted(axis, low, "left")), int(np.searchsorted(axis, high, "right")))


def _scaled(x: Spectra, size: Callable[[Spectra], Spectra]) -> Spectra:
    out = np.empty(x.shape, dtype=x.dtype)
    with short_buffers():
        for rows in row_blocks(x):
            block = x[rows].astype(np.float64)
            sizes = size(block)[:, None]
            sizes[sizes == 0] = 1.0
            out[rows] = np.divide(block, sizes, out=block)
    return out


def _channel_widths(axis: Axis) -> Axis:
    """Trapezoidal weight of each channel; a channel alone between gaps counts one channel spacing."""
    widths = np.zeros(axis.size)
    for run in segments(axis):
        steps = np.diff(axis[run])
        widths[run][:-1] += steps / 2
        widths[run][1:] += steps / 2
    lonely = widths == 0
    widths[lonely] = np.median(widths[~lonely]) if (~lonely).any() else 1.0
    return widths


def _refuse(bad: npt.NDArray[np.bool_], block: Spectra, rows: slice, axis: Axis, expected: str, remedy: str) -> None:
    if bad.any():
        row, channel = (int(i) for i in np.argwhere(bad)[0])
        where = f"absorbance, spectrum {rows.start + row + 1}, axis {axis[channel]:g}"
        raise SpectraError(where, expected, f"{block[row, channel]:g}", remedy)
