"""One number a spectrum, from all its channels or applied to all of them, without temporary arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

Spectra = npt.NDArray[Any]
Scalars = npt.NDArray[np.float64]

# The smallest that numpy takes; anything below the number of channels will do.
_BUFFER_ELEMENTS = 16
# Single precision is not summed any longer than this; and longer products may wake BLAS's own threads.
_SUMMED_AT_ONCE = 4096


@contextmanager
def short_buffers() -> Iterator[None]:
    """Let numpy combine an n × 1 column with n × d spectra row by row.

    With its default buffer of 8,192 elements it copies the column, repeated d times, through that buffer, which
    costs as much as the arithmetic. Inside, ufuncs must not convert types: those conversions use the buffer and
    become slow. The size belongs to the thread and to `numpy.errstate`, which restores it.
    """
    with np.errstate():
        np.setbufsize(_BUFFER_ELEMENTS)
        yield


def row_products(x: Spectra, other: Spectra) -> Scalars:
    """Sum x · other along the channels of each spectrum.

    Args:
        x: n × d spectra.
        other: d numbers, or n × d, of the same precision.

    Returns:
        n sums in double precision; of single-precision spectra they are good to about 10⁻⁷ of Σ|x · other|.

    Example:
        >>> row_products(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
        array([21., 43.])
    """
    sums = np.zeros(x.shape[0])
    for start in range(0, x.shape[1], _SUMMED_AT_ONCE):
        part = slice(start, start + _SUMMED_AT_ONCE)
        sums += np.vecdot(x[:, part], other[..., part]).astype(np.float64)
    return sums
