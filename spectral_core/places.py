"""Declared bands and blanks: where they lie, and what sentences call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spectral_core.regions import Intervals
from spectral_core.relevance import Region, list_regions


class Places(Protocol):
    """Declared bands and blanks: where they lie and what sentences call them.

    `on_axis` tells whether channels have neighbours; `scalars` and `nothing` are what a sentence says of chemistry-free
    scalars and of blanks.
    """

    @property
    def axis_unit(self) -> str:
        """Unit of the axis."""

    @property
    def bands(self) -> Mapping[str, Any]:
        """What was declared as bands, by name."""

    @property
    def blanks(self) -> Mapping[str, Any]:
        """What was declared as blanks, by name."""

    @property
    def on_axis(self) -> bool:
        """Whether the channels lie on an axis."""

    @property
    def scalars(self) -> str:
        """What the chemistry-free scalars measure."""

    @property
    def nothing(self) -> str:
        """What a blank lacks."""

    def name(self, declared: Mapping[str, Any]) -> str:
        """Write bands or blanks in a sentence."""

    def position(self, at: float) -> str:
        """Write one channel's place in a sentence."""

    def regions(self, axis: npt.NDArray[np.float64]) -> list[Region]:
        """Find bands, off-band and blanks among the channels of an axis, however many are left of it."""

    def to_dict(self) -> dict[str, Any]:
        """Give what was declared as plain values."""


@dataclass(frozen=True)
class AxisPlaces:
    """Bands and blanks as intervals of an axis."""

    axis_unit: str
    bands: Intervals
    blanks: Intervals
    on_axis = True
    scalars = "level, noise or shape"
    nothing = "nothing absorbs there"

    def name(self, declared: Intervals) -> str:
        """Write intervals as `2,450–2,600 and 3,800–3,985 cm⁻¹`."""
        return f"{listed([f'{low:,.6g}–{high:,.6g}' for low, high in declared.values()])} {self._unit()}"

    def _unit(self) -> str:
        return {"cm-1": "cm⁻¹", "um": "µm"}.get(self.axis_unit, self.axis_unit)

    def position(self, at: float) -> str:
        """Write a position as `1,652.3 cm⁻¹`."""
        return f"{at:,.5g} {self._unit()}"

    def regions(self, axis: npt.NDArray[np.float64]) -> list[Region]:
        """Find the intervals that hold a channel, and off-band."""
        return list_regions(axis, self.bands, self.blanks)

    def to_dict(self) -> dict[str, Any]:
        """Give the intervals as plain values."""
        return {
            "axis_unit": self.axis_unit,
            "bands": {name: {"interval": list(ends), "assignment": ""} for name, ends in self.bands.items()},
            "blanks": {name: {"interval": list(ends), "reason": ""} for name, ends in self.blanks.items()},
        }


def listed(texts: Sequence[str]) -> str:
    """Write a list in a sentence.

    Example:
        >>> listed(["a", "b", "c"]), listed(["a"])
        ('a, b and c', 'a')
    """
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
