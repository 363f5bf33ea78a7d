"""The axis an archive is built on: which files fit it, and which axis a first batch agrees on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

TOLERANCE = 1e-4
"""Largest difference between positions that count as the same channel, in units of the channel spacing."""


@dataclass(frozen=True, eq=False)
class ArchiveAxis:
    """Channel positions with their unit, and the quantity measured on them.

    Args:
        positions: d channel positions in `unit`, strictly increasing.
        unit: Unit of the positions, such as "cm-1".
        intensity_unit: The quantity measured, such as "absorbance"; "" if unknown.
    """

    positions: npt.NDArray[np.float64]
    unit: str
    intensity_unit: str

    def __str__(self) -> str:
        n, quantity = len(self.positions), self.intensity_unit or "unstated"
        span = f"{self.positions[0]:.10g} to {self.positions[-1]:.10g} {self.unit}"
        return f"{n} channel{'s' * (n != 1)} from {span} (intensity unit {quantity})"

    def fits(self, other: ArchiveAxis) -> bool:
        """Tell whether `other` has the same units and every channel within `TOLERANCE` of a spacing."""
        if (self.unit, self.intensity_unit) != (other.unit, other.intensity_unit):
            return False
        if self.positions.shape != other.positions.shape:
            return False
        spacing = float(np.diff(self.positions).min()) if len(self.positions) > 1 else 0.0
        return bool(np.abs(self.positions - other.positions).max() <= TOLERANCE * spacing)

    def difference(self, other: ArchiveAxis) -> str:
        """Say in words where `other`, which does not fit, departs from this axis."""
        if self.positions.shape == other.positions.shape and self.unit == other.unit:
            off = np.abs(self.positions - other.positions)
            at = int(off.argmax())
            if off[at] > 0:
                return f"{other}, off by {off[at]:.3g} {self.unit} at channel {at + 1}"
        return str(other)


def axis_of(dataset: xr.Dataset) -> ArchiveAxis:
    """Read the axis and its units from a Spectra dataset.

    Example:
        >>> from spectral_core.spectra import make_spectra
        >>> spectra = make_spectra([1, 2, 3], [400, 402, 404], axis_unit="nm", intensity_unit="counts")
        >>> str(axis_of(spectra))
        '3 channels from 400 to 404 nm (intensity unit counts)'
    """

    def units(variable: xr.Variable) -> Any:
        return variable.attrs.get("units", "")

    axis, intensity = dataset.variables["axis"], dataset.variables["intensity"]
    return ArchiveAxis(np.asarray(axis.values, dtype=np.float64), str(units(axis)), str(units(intensity)))


def most_frequent_axis(axes: Sequence[ArchiveAxis]) -> ArchiveAxis:
    """Choose the axis that most files share, so that one odd file cannot decide; ties go to the first.

    Args:
        axes: One axis a file, in order of the files' names; at least one.
    """
    kinds: list[ArchiveAxis] = []
    votes: list[int] = []
    for axis in axes:
        kind = next((k for k, known in enumerate(kinds) if known.fits(axis)), None)
        if kind is None:
            kinds.append(axis)
            votes.append(1)
        else:
            votes[kind] += 1
    return kinds[votes.index(max(votes))]
