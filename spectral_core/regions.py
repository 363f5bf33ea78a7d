"""Bands, blanks and off-band as channel masks on one axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spectral_core.errors import AuditError

Mask = npt.NDArray[np.bool_]
Intervals = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Regions:
    """Which channels belong to which region.

    `bands` and `blanks` map names to masks of d channels; `in_band` and `blank` are their unions;
    `off_band` is everything outside the bands and outside a guard of half a band's width on either side.
    """

    axis: npt.NDArray[np.float64]
    bands: Mapping[str, Mask]
    blanks: Mapping[str, Mask]
    off_band: Mask

    @property
    def in_band(self) -> Mask:
        """Channels inside any declared band."""
        return _union(self.bands, self.axis.size)

    @property
    def blank(self) -> Mask:
        """Channels inside any declared blank."""
        return _union(self.blanks, self.axis.size)


def as_intervals(given: object, what: str) -> dict[str, tuple[float, float]]:
    """Take declared intervals as names and pairs of numbers; nothing where none are given.

    Raises:
        AuditError: No mapping, or an interval that is no pair of numbers.

    Example:
        >>> as_intervals({"C=O": (1700, 1780)}, "bands")
        {'C=O': (1700.0, 1780.0)}
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise AuditError(what, "name to (low, high)", type(given).__name__, f"Pass {what}={{'name': (low, high)}}.")
    found = {}
    for name, ends in given.items():
        try:
            low, high = (float(end) for end in ends)
        except (TypeError, ValueError):
            raise AuditError(f"{what}, {name!r}", "(low, high), two numbers", repr(ends),
                             "Give where the interval begins and ends.") from None  # fmt: skip
        found[str(name)] = (low, high)
    return found


def locate_regions(axis: npt.NDArray[np.float64], *, axis_unit: str, bands: Intervals, blanks: Intervals) -> Regions:
    """Find the channels of each declared interval; its ends belong to it.

    Args:
        axis: d channel positions, strictly increasing.
        axis_unit: For messages.
        bands: Name to (low, high) in axis units.
        blanks: Name to (low, high) in axis units.

    Raises:
        AuditError: An interval holds no channel of the axis or reaches beyond it, is reversed, or a blank
            overlaps a band.
    """
    band_masks = {name: _mask(axis, interval, f"band {name!r}", axis_unit) for name, interval in bands.items()}
    blank_masks = {name: _mask(axis, interval, f"blank {name!r}", axis_unit) for name, interval in blanks.items()}
    for blank, blank_mask in blank_masks.items():
        for band, band_mask in band_masks.items():
            if (blank_mask & band_mask).any():
                raise AuditError(f"blank {blank!r}", "no channel of a declared band", f"channels of band {band!r}",
                                 "Move one of the two.")  # fmt: skip
    return Regions(axis, band_masks, blank_masks, off_band_mask(axis, bands))


def off_band_mask(axis: npt.NDArray[np.float64], bands: Intervals) -> Mask:
    """Find the channels outside every band and outside a guard of half its width on either side."""
    mask = np.ones(axis.size, dtype=np.bool_)
    for low, high in bands.values():
        guard = (high - low) / 2
        mask &= (axis < low - guard) | (axis > high + guard)
    return mask


def _mask(axis: npt.NDArray[np.float64], interval: tuple[float, float], name: str, unit: str) -> Mask:
    low, high = interval
    spacing = float(np.median(np.diff(axis))) if axis.size > 1 else 0.0
    mask = (axis >= low) & (axis <= high)
    if not low < high or not mask.any() or low < axis[0] - spacing or high > axis[-1] + spacing:
        raise AuditError(name, f"an interval inside the axis, {axis[0]:g} to {axis[-1]:g} {unit}".rstrip(),
                         f"{low:g} to {high:g} ({int(mask.sum())} channels)",
                         "Correct the interval or the axis unit.")  # fmt: skip
    return mask


def _union(masks: Mapping[str, Mask], d: int) -> Mask:
    union = np.zeros(d, dtype=np.bool_)
    for mask in masks.values():
        union |= mask
    return union


def segments(axis: npt.NDArray[np.float64], *, gap: float = 1.75) -> list[slice]:
    """Split channels into runs without gaps: a step of more than `gap` times the local spacing parts them.

    The local spacing is the mean of up to eight neighbouring steps, those of gaps left out, so that neither a
    slowly widening grid nor positions rounded in the file look like gaps.
    """
    if axis.size < 3:
        return [slice(0, axis.size)]
    steps = np.diff(axis)
    padded = np.concatenate([np.full(4, np.nan), steps, np.full(4, np.nan)])
    around = np.lib.stride_tricks.sliding_window_view(padded, 9).copy()
    around[:, 4] = np.nan
    around[around > 2.01 * np.nanmin(around, axis=1, keepdims=True)] = np.nan
    cuts = np.flatnonzero(steps > gap * np.nanmean(around, axis=1)) + 1
    edges = [0, *cuts.tolist(), axis.size]
    return [slice(a, b) for a, b in pairwise(edges)]
