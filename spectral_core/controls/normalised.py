"""Were the spectra normalised before the audit saw them? Then no channel is free of what the bands hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_FEWEST = 16  # channels
_SAME = 1e-4  # relative: equal, allowing for an export with four digits

_TRIED: dict[str, Callable[[Floats, Floats], Floats]] = {
    "standard deviation": lambda x, axis: x.std(axis=1),
    "area": lambda x, axis: np.abs(x).sum(axis=1),
    "area under the curve": lambda x, axis: np.trapezoid(np.abs(x), axis, axis=1),
    "norm": lambda x, axis: np.sqrt((x**2).sum(axis=1)),
    "maximum": lambda x, axis: x.max(axis=1),
}


def normalised_by(x: npt.NDArray[np.floating], axis: Floats) -> str:
    """Name what every spectrum has alike, by which somebody divided: "" if nothing.

    Standard deviation (SNV), area, norm and maximum are tried. A detector's ceiling makes maxima equal as well.

    Args:
        x: n × d intensities as they were handed in.
        axis: d channel positions.

    Example:
        >>> x = np.random.default_rng(0).normal(5.0, 1.0, size=(6, 40))
        >>> normalised_by(x, np.arange(40.0)), normalised_by(x / x.sum(axis=1, keepdims=True), np.arange(40.0))
        ('', 'area')
    """
    same = Sameness(axis)
    same.add(x)
    return same.name


class Sameness:
    """What all spectra have alike so far; blocks of them are added one after the other."""

    def __init__(self, axis: Floats) -> None:
        self.axis, self.n, self.differ = axis, 0, False
        self.first: npt.NDArray[np.floating] = np.empty(0)
        self.ends: dict[str, tuple[float, float]] = dict.fromkeys(_TRIED, (np.inf, -np.inf))

    def add(self, x: npt.NDArray[np.floating]) -> None:
        """Add n × d spectra; only what has been alike so far is computed."""
        if not x.shape[0]:
            return
        if not self.n:
            self.first = np.array(x[0])
        self.n += x.shape[0]
        self.differ = self.differ or bool((x != self.first).any())
        largest = float(np.abs(x).max()) or 1.0
        values = np.asarray(x, dtype=np.float64) / largest if self.ends else np.empty(0)
        for name in list(self.ends):
            found = _TRIED[name](values, self.axis) * largest
            self._widen(name, float(found.min()), float(found.max()))

    def _widen(self, name: str, low: float, high: float) -> None:
        ends = (min(low, self.ends[name][0]), max(high, self.ends[name][1]))
        self.ends[name] = ends
        if not (ends[0] > 0 and ends[1] - ends[0] <= _SAME * ends[1]):
            del self.ends[name]

    @property
    def name(self) -> str:
        """The first thing that all have alike, "" if there is none or it means nothing."""
        if self.n < 2 or self.axis.size < _FEWEST or not self.differ:
            return ""
        return next(iter(self.ends), "")

    @classmethod
    def of(cls, parts: Sequence[Sameness]) -> Sameness:
        """Put parts together."""
        whole = parts[0]
        for part in parts[1:]:
            whole.n += part.n
            whole.differ = whole.differ or part.differ or bool((part.first != whole.first).any())
            for name in list(whole.ends):
                if name in part.ends:
                    whole._widen(name, *part.ends[name])
                else:
                    del whole.ends[name]
        return whole
