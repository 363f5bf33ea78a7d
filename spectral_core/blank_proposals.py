"""Intervals that look empty: candidates for a blank, to be checked by a spectroscopist and never used unasked.

An interval is proposed where nothing but noise and a straight baseline is seen, neither in what differs between
spectra nor in their mean. Offset, slope and gain of a flat baseline are taken out first, so that an artefact of the
measurement does not hide an empty region: that is where a blank would convict it. Labels are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.regions import Mask, segments

Floats = npt.NDArray[np.float64]
MOST = 4
_NARROWEST = 24  # channels
_SHARE = 20  # an interval spans one twentieth of the axis at least: bands are narrower than that
_CELLS = 4  # to the narrowest interval
_LAG = 2  # neighbours may share noise (zero filling, smoothing); channels two apart do so less
_AT_NOISE = 1.5  # variance between spectra, of the noise variance
_STRAIGHT = 2.0  # deviation of the mean spectrum from a line, in noise standard deviations of one spectrum
_LEVEL = 0.1  # rise of the mean spectrum over an interval, of its range over the axis: no flank of a band
_FEWEST = 5  # spectra


@dataclass(frozen=True)
class BlankProposal:
    """An interval that looks empty.

    `variance_over_noise`: variance between spectra around straight lines, over the variance of the noise (1 where
    there is nothing else); `mean_deviation`: the largest distance of the mean spectrum from a straight line, in
    noise standard deviations of one spectrum.
    """

    low: float
    high: float
    n_channels: int
    variance_over_noise: float
    mean_deviation: float

    def to_dict(self) -> dict[str, Any]:
        """Give the proposal as plain values."""
        return {
            "interval": [self.low, self.high], "n_channels": self.n_channels,
            "variance_over_noise": self.variance_over_noise, "mean_deviation": self.mean_deviation,
        }  # fmt: skip


def propose_blanks(
    x: npt.NDArray[np.floating], axis: Floats, *, free: Mask, most: int = MOST
) -> tuple[BlankProposal, ...]:
    """Find intervals that look empty, the widest first.

    An interval of at least one twentieth of the axis (and 24 channels) is proposed if, a straight line taken out of
    every spectrum, the variance between spectra is at most 1.5 times that of the noise, over the whole and over every
    stretch of the narrowest width; if the mean spectrum stays within 2 noise standard deviations of a line; and if
    that line rises by at most a tenth of the mean spectrum's range (or 2 noise standard deviations), so that it is no
    flank. The noise comes from second differences of channels two apart, less their mean over spectra, divided by √6.
    Where the spectra hold smoothed noise only, nothing is at noise level and nothing is proposed.

    Args:
        x: n × d raw intensities.
        axis: d channel positions, strictly increasing.
        free: d channels that may be proposed: outside bands and their guards.
        most: Proposals at most.

    Returns:
        Intervals that do not overlap; none for fewer than 5 spectra.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> axis = np.arange(200.0)
        >>> heights = 1 + 0.1 * rng.normal(size=(30, 1))
        >>> x = heights * np.exp(-0.5 * ((axis - 50) / 12) ** 2) + 0.01 * rng.normal(size=(30, 200))
        >>> [(p.low > 80, p.high) for p in propose_blanks(x, axis, free=np.ones(200, dtype=bool))]
        [(True, 199.0)]
    """
    if x.shape[0] < _FEWEST:
        return ()
    narrowest = max(_NARROWEST, axis.size // _SHARE)
    mean = x.mean(axis=0, dtype=np.float64)
    level = _LEVEL * float(np.ptp(mean))
    found = [
        proposal
        for run in _free_runs(axis, free)
        if run.size >= narrowest
        for proposal in _Run(np.asarray(x[:, run], dtype=np.float64), axis[run], narrowest, level).proposals()
    ]
    return tuple(sorted(found, key=lambda p: -p.n_channels)[:most])


def _free_runs(axis: Floats, free: Mask) -> Iterator[npt.NDArray[np.intp]]:
    """Runs of free channels, cut at gaps of the axis."""
    for piece in segments(axis):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], free[piece], [False]]).astype(np.int8)))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            yield np.arange(piece.start + first, piece.start + last)


class _Run:
    """One run of free channels, summed over cells: every interval of cells is then judged without the spectra."""

    def __init__(self, x: Floats, axis: Floats, narrowest: int, rise: float) -> None:
        width = narrowest // _CELLS
        self.axis, self.mean, self.rise = axis, x.mean(axis=0), rise
        self.edges = np.append(np.arange(0, axis.size - width + 1, width), axis.size)
        self.edges = np.delete(self.edges, -2) if self.edges[-1] - self.edges[-2] < width else self.edges
        self.n = x.shape[0]
        line = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, axis.size), 1))[0]
        around = x - self.mean
        around -= (around @ line) @ line.T  # keeps the sums below from cancelling under a large offset
        self.at = np.linspace(-1, 1, axis.size)
        starts = self.edges[:-1]
        self.level = _summed(np.add.reduceat(around, starts, axis=1))
        self.tilt = _summed(np.add.reduceat(around * self.at, starts, axis=1))
        self.squares = _summed(np.add.reduceat((around**2).sum(axis=0), starts))
        bent = ((around[:, 2 * _LAG :] - 2 * around[:, _LAG:-_LAG] + around[:, : -2 * _LAG]) ** 2).sum(axis=0)
        padded = np.concatenate([np.zeros(_LAG), bent, np.zeros(_LAG)])
        self.bent = _summed(np.add.reduceat(padded, starts))
        cells = self.edges.size - 1
        self.quiet = np.array([self._over_noise(i, i + _CELLS)[0] <= _AT_NOISE for i in range(cells - _CELLS + 1)])

    def proposals(self) -> Iterator[BlankProposal]:
        """Take the widest empty interval, of several the one with the straightest mean, then look beside it."""
        cells = self.edges.size - 1
        open_ = [(0, cells)]
        while open_:
            first, last = open_.pop()
            for width in range(last - first, _CELLS - 1, -1):
                found = {a: p for a in range(first, last - width + 1) if (p := self._judge(a, a + width))}
                if found:
                    a = min(found, key=lambda start: found[start].mean_deviation)
                    yield found[a]
                    open_ += [(first, a), (a + width, last)]
                    break

    def _judge(self, a: int, b: int) -> BlankProposal | None:
        """Propose cells a to b − 1, or not."""
        if not self.quiet[a : b - _CELLS + 1].all():
            return None
        ratio, noise = self._over_noise(a, b)
        if not ratio <= _AT_NOISE:
            return None
        deviation, rise = self._mean_line(a, b)
        if deviation > _STRAIGHT * noise or rise > max(self.rise, _STRAIGHT * noise):
            return None
        i, j = int(self.edges[a]), int(self.edges[b])
        return BlankProposal(float(self.axis[i]), float(self.axis[j - 1]), j - i, ratio, deviation / noise)

    def _over_noise(self, a: int, b: int) -> tuple[float, float]:
        """Variance between spectra around straight lines over that of the noise, and the noise; inf without noise."""
        i, j = int(self.edges[a]), int(self.edges[b])
        at = self.at[i:j]
        level = self.level[:, b] - self.level[:, a]
        tilt = self.tilt[:, b] - self.tilt[:, a] - at.mean() * level
        lines = (level**2).sum() / at.size + (tilt**2).sum() / ((at - at.mean()) ** 2).sum()
        between = (self.squares[b] - self.squares[a] - lines) / ((self.n - 1) * (at.size - 2))
        inside = min(j, self.axis.size - _LAG) - max(i, _LAG)
        noise = (self.bent[b] - self.bent[a]) / (6 * (self.n - 1) * inside)
        return (float(between / noise), float(np.sqrt(noise))) if noise > 0 else (np.inf, 0.0)

    def _mean_line(self, a: int, b: int) -> tuple[float, float]:
        """Largest distance of the mean spectrum from a straight line, and how far that line rises or falls."""
        i, j = int(self.edges[a]), int(self.edges[b])
        line = np.polynomial.legendre.legvander(np.linspace(-1, 1, j - i), 1)
        fitted = line @ np.linalg.lstsq(line, self.mean[i:j], rcond=None)[0]
        return float(np.abs(self.mean[i:j] - fitted).max()), float(np.ptp(fitted))


def _summed(cells: Floats) -> Floats:
    """Running sums over cells, from zero."""
    return np.concatenate([np.zeros((*cells.shape[:-1], 1)), np.cumsum(cells, axis=-1)], axis=-1)
