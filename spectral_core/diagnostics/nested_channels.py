"""Nested sets of channels: each order of the channels turns one spectrum into a sequence of ever finer ones.

Decimation throws photons away, binning keeps them; both end at the whole spectrum. Separability of the
population can only grow along nested sets, so a curve that falls shows what n units fail to learn.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from spectral_core.regions import segments

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Order = Literal["decimation", "binning", "contiguous", "random", "components"]
_FOURTH = np.sqrt(70.0)  # 1 + 16 + 36 + 16 + 1: white noise keeps its standard deviation


def powers_of_two(channels: int) -> list[int]:
    """List 1, 2, 4, … below d, then d itself.

    Example:
        >>> powers_of_two(10)
        [1, 2, 4, 8, 10]
    """
    return [*(2**k for k in range((channels - 1).bit_length())), channels]


def half_steps(channels: int) -> list[int]:
    """List 1, 2, 3, 4, 6, 8, 12, … up to d.

    Example:
        >>> half_steps(12)
        [1, 2, 3, 4, 6, 8, 12]
    """
    both = {2**k for k in range(channels.bit_length())} | {3 * 2**k for k in range(channels.bit_length())}
    return sorted(size for size in both if size <= channels)


def decimated(channels: int) -> Codes:
    """Order d channels so that the first 2^k are evenly spaced, for every k.

    Positions follow van der Corput's sequence, the binary digits of the running number in reverse.

    Example:
        >>> decimated(8).tolist()
        [0, 4, 2, 6, 1, 5, 3, 7]
    """
    digits = max(1, (channels - 1).bit_length())
    number = np.arange(2**digits)
    reverse = sum(((number >> k) & 1) << (digits - 1 - k) for k in range(digits))
    position = np.asarray(reverse) * channels // 2**digits
    return np.asarray(position[np.sort(np.unique(position, return_index=True)[1])], dtype=np.intp)


def contiguous(channels: int) -> Codes:
    """Order d channels outwards from the middle: the first s are a window.

    Example:
        >>> contiguous(5).tolist()
        [2, 1, 3, 0, 4]
    """
    return np.argsort(np.abs(np.arange(channels) - (channels - 1) / 2), kind="stable")


def binned(x: Floats, bins: int) -> Floats:
    """Add up neighbouring channels into bins whose widths differ by one at most.

    Sums are divided by the root of the width, so white noise keeps its standard deviation. With bins a power
    of two, the bins of half as many are sums of these.

    Args:
        x: n × d intensities.
        bins: 1 to d.

    Returns:
        n × bins.

    Example:
        >>> binned(np.array([[1.0, 2.0, 3.0, 4.0]]), 2).round(3).tolist()
        [[2.121, 4.95]]
    """
    edges = np.arange(bins + 1) * x.shape[1] // bins
    return np.asarray(np.add.reduceat(x, edges[:-1], axis=1) / np.sqrt(np.diff(edges)))


def halved(x: Floats, channels: int) -> Floats:
    """Write the bins as nested columns: the first 2^k columns span what 2^k bins span.

    The columns are the whole, its left half, the left half of either half, and so on. Separability of Gaussian
    classes depends on the span only.

    Args:
        x: n × d intensities.
        channels: Number of columns wanted, up to d.

    Returns:
        n × channels sums of neighbouring channels.
    """
    d, columns, level = x.shape[1], [x.sum(axis=1)], 1
    total = np.concatenate([np.zeros((x.shape[0], 1)), np.cumsum(x - x.mean(axis=0), axis=1)], axis=1)
    while len(columns) < channels and level < d:
        edges = np.arange(2 * level + 1) * d // (2 * level)
        for left in range(0, 2 * level, 2):
            start, middle, stop = edges[left : left + 3]
            if start < middle < stop:
                columns.append(total[:, middle] - total[:, start])
        level *= 2
    return np.stack(columns[:channels], axis=1)


def high_frequency_residual(x: Floats, axis: Floats) -> Floats:
    """Take fourth differences over √70 of each run of channels: cubic polynomials vanish, white noise stays.

    Resolved bands and backgrounds are smooth on the scale of five channels and almost vanish too, so what
    separates classes here is hardly a band. Channel noise is spread over five neighbours.

    Args:
        x: n × d intensities.
        axis: d positions of the channels.

    Returns:
        n × (d − 4 per run) residuals; runs shorter than five channels give none.
    """
    runs = [run for run in segments(axis) if run.stop - run.start >= 5]
    if not runs:
        return np.zeros((x.shape[0], 0))
    return np.asarray(np.hstack([np.diff(x[:, run], n=4, axis=1) for run in runs]) / _FOURTH)


def principal_components(x: Floats) -> Floats:
    """Compute scores of all components in the order of their variance, blind to labels.

    Args:
        x: n × d intensities.

    Returns:
        n × r scores, r ≤ min(n, d) the numerical rank; components below a relative 1e-12 of variance are left out.
    """
    largest = float(np.abs(x).max(initial=0.0)) or 1.0
    z = x / largest  # its squares neither vanish nor overflow
    z -= z.mean(axis=0)
    if x.shape[1] <= x.shape[0]:
        values, vectors = np.linalg.eigh(z.T @ z)
        scores = z @ vectors[:, ::-1]
    else:
        values, vectors = np.linalg.eigh(z @ z.T)
        scores = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    return np.ascontiguousarray(scores[:, values[::-1] > max(values[-1], 0.0) * 1e-12] * largest)


def independent_columns(x: Floats, channels: int) -> tuple[Floats, Codes]:
    """Replace the first columns by orthonormal ones with the same nested spans.

    A column that earlier ones determine to a relative 1e-9 adds no dimension and is left out: constant
    channels and copies.

    Args:
        x: n × d intensities in the order asked about.
        channels: How many columns to take.

    Returns:
        n × r orthonormal columns without mean, and for 1, …, `channels` columns the dimensions that they span.
    """
    taken = x[:, :channels] / (np.abs(x[:, :channels]).max(initial=0.0) or 1.0)  # squares neither vanish nor overflow
    scale = np.linalg.norm(taken, axis=0)
    z = (taken - taken.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    kept = np.arange(taken.shape[1])
    new = np.zeros(kept.size, dtype=np.bool_)
    while not new.all():  # a column left out frees the direction that rounding had given it
        q, r = np.linalg.qr(z[:, kept])
        new = np.abs(np.diag(r)) > 1e-9
        kept = kept[: new.size][new]
    return q, np.searchsorted(kept, np.arange(taken.shape[1]), side="right")
