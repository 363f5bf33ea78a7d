"""Quality at the door: what of each spectrum looks like a fault of the measurement, as plain numbers.

Nothing here decides by itself. The numbers are stored beside every spectrum; a spectrum is refused only where the
study gives a limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spectral_core.errors import ReadError

if TYPE_CHECKING:
    from spectral_core.study import Quality

Floats = npt.NDArray[np.float64]

COLUMNS = (
    "quality_interpolated", "quality_saturated", "quality_spikes", "quality_dead", "quality_negative",
    "quality_signal_to_noise",
)  # fmt: skip
"""Metadata columns that ingestion adds to every spectrum; texts, "" where a number is not defined."""

NEVER_NEGATIVE = frozenset({"counts", "transmittance", "reflectance", "irradiance", "%TR"})
"""Quantities that have no values below zero."""

PLATEAU = 3
"""Neighbouring channels at a spectrum's largest value that count as a ceiling, where the study states none."""

DEAD_RUN = 8
"""Neighbouring channels of one and the same value that count as dead."""

SPIKE = 10.0
"""A spike departs from the median of five channels by this many times the noise, and by a hundredth of the range."""

_ROWS = 128


@dataclass(frozen=True)
class Measured:
    """The quality of n spectra; NaN where a number is not defined.

    Args:
        saturated: Share of channels at the ceiling.
        spikes: Number of channels in spikes.
        dead: Share of channels in runs of one value.
        negative: Share of channels below zero, for quantities that have none there.
        signal_to_noise: Median intensity over noise.
    """

    saturated: Floats
    spikes: Floats
    dead: Floats
    negative: Floats
    signal_to_noise: Floats

    def columns(self) -> dict[str, list[str]]:
        """Give the numbers as metadata columns."""
        return {f"quality_{name}": [_text(value) for value in values] for name, values in vars(self).items()}

    def check(self, limits: Quality, row: int, *, where: str) -> None:
        """Refuse a spectrum beyond a limit of the study.

        Raises:
            ReadError: It is; the number and the limit are named.
        """
        for name, key, what, limit in _limits(limits):
            value = float(getattr(self, name)[row])
            beyond = value < limit if key.startswith("least") else value > limit
            if beyond:
                bound = "at least" if key.startswith("least") else "at most"
                raise ReadError(where, f"{what} {bound} {limit:g} (quality.{key})", f"{value:.4g}",
                                f"Measure it again, or change quality.{key}.")  # fmt: skip


def measure_quality(x: npt.NDArray[np.float32], *, signed: bool = True, ceiling: float | None = None) -> Measured:
    """Measure saturation, spikes, dead channels, negative intensities and signal to noise of each spectrum.

    Noise is estimated as DER_SNR does, 1.482602/√6 · median |2 x_i − x_{i−2} − x_{i+2}|, which is exact for white
    noise on a line; noise that neighbouring channels share is underestimated. The signal is the median's size.
    Source: Stoehr, White, Smith et al., ADASS XVII, ASP Conference Series 394 (2008), 505.

    Args:
        x: n × d raw intensities.
        signed: Whether the quantity may be negative; `negative` is NaN then.
        ceiling: The largest intensity that the detector gives. Without it a plateau of `PLATEAU` channels at a
            spectrum's own largest value is taken for one.

    Returns:
        n numbers of each kind.

    Example:
        >>> top = np.float32([[0, 1, 2, 3, 3, 3, 2, 1, 0, 1]])
        >>> float(measure_quality(top).saturated[0])
        0.3
    """
    parts = [_measure(x[at : at + _ROWS], signed, ceiling) for at in range(0, len(x), _ROWS)]
    return Measured(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _measure(x: npt.NDArray[np.float32], signed: bool, ceiling: float | None) -> tuple[Floats, ...]:
    top, bottom = x.max(axis=1, keepdims=True), x.min(axis=1, keepdims=True)
    noise = _noise(x)
    signal = np.abs(np.median(x, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((signal == 0) & (noise == 0), 0.0, signal / noise)
    negative = np.full(len(x), np.nan) if signed else (x < 0).mean(axis=1)
    return (
        _saturated(x, top, bottom, ceiling),
        _spikes(x, noise, (top - bottom)[:, 0]),
        _dead(x, top, bottom),
        negative,
        np.asarray(ratio, dtype=np.float64),
    )


def _saturated(
    x: npt.NDArray[np.float32], top: npt.NDArray[np.float32], bottom: npt.NDArray[np.float32], ceiling: float | None
) -> Floats:
    if ceiling is not None:
        return np.asarray((x >= np.float32(ceiling)).mean(axis=1))
    share = np.zeros(len(x))
    if x.shape[1] < PLATEAU:
        return share
    at_top = x == top
    plateau = np.logical_and.reduce([at_top[:, k : x.shape[1] - PLATEAU + 1 + k] for k in range(PLATEAU)]).any(axis=1)
    rows = np.flatnonzero(plateau & (top > bottom)[:, 0])
    share[rows] = at_top[rows].mean(axis=1)
    return share


def _dead(x: npt.NDArray[np.float32], top: npt.NDArray[np.float32], bottom: npt.NDArray[np.float32]) -> Floats:
    """Share of channels in runs of one value, zero or not, below the spectrum's largest value if it has another."""
    share = np.zeros(len(x))
    same = x[:, 1:] == x[:, :-1]
    for row in np.flatnonzero(same.sum(axis=1) >= DEAD_RUN - 1):
        ends = np.flatnonzero(np.concatenate([[True], ~same[row], [True]]))
        lengths = np.diff(ends)
        dead = (lengths >= DEAD_RUN) & ((x[row, ends[:-1]] < top[row]) | (top[row] == bottom[row]))
        share[row] = lengths[dead].sum() / x.shape[1]
    return share


def _noise(x: npt.NDArray[np.float32]) -> Floats:
    if x.shape[1] < 5:
        return np.full(len(x), np.nan)
    bends = np.abs(2 * x[:, 2:-2] - x[:, :-4] - x[:, 4:])
    return np.asarray(1.482602 / np.sqrt(6) * np.median(bends, axis=1), dtype=np.float64)


def _spikes(x: npt.NDArray[np.float32], noise: Floats, span: npt.NDArray[np.float32]) -> Floats:
    if x.shape[1] < 5:
        return np.full(len(x), np.nan)
    a, b, c, d, e = (x[:, k : x.shape[1] - 4 + k] for k in range(5))
    low, high = np.maximum(np.minimum(a, b), np.minimum(d, e)), np.minimum(np.maximum(a, b), np.maximum(d, e))
    middle = np.maximum(np.minimum(c, low), np.minimum(np.maximum(c, low), high))
    least = np.maximum(SPIKE * noise, span / 100)
    return np.asarray((np.abs(c - middle) > least[:, None].astype(np.float32)).sum(axis=1), dtype=np.float64)


def _limits(limits: Quality) -> Iterator[tuple[str, str, str, float]]:
    for name, key, what in (
        ("saturated", "most_saturated", "a share of saturated channels of"),
        ("spikes", "most_spikes", "a number of channels in spikes of"),
        ("dead", "most_dead", "a share of dead channels of"),
        ("negative", "most_negative", "a share of negative intensities of"),
        ("signal_to_noise", "least_signal_to_noise", "a signal-to-noise ratio of"),
    ):
        limit = getattr(limits, key)
        if limit is not None:
            yield name, key, what, float(limit)


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"
