"""The mean spectra of a report, ready to draw: finite numbers, runs without gaps, fewer points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectral_core.regions import segments
from spectral_core.report.scale import Floats, Frame, thin

_ABSORPTION = ("absorb", "transmi", "reflect", "log", "kubelka", "kubelka-munk", "extinction", "a.u. abs")


@dataclass(frozen=True)
class MeanSpectra:
    """Class means and standard deviations (label → d values, NaN where there is none) on one axis."""

    axis: Floats
    axis_unit: str
    intensity_unit: str
    mean: Mapping[str, Floats]
    sd: Mapping[str, Floats]
    reversed: bool

    def within(self, low: float, high: float) -> MeanSpectra | None:
        """The channels from low to high; `None` where fewer than two lie there."""
        inside = (self.axis >= low) & (self.axis <= high)
        if inside.sum() < 2:
            return None
        cut = [{label: values[inside] for label, values in part.items()} for part in (self.mean, self.sd)]
        return MeanSpectra(self.axis[inside], self.axis_unit, self.intensity_unit, cut[0], cut[1], self.reversed)

    def frame(self) -> Frame | None:
        """The frame that holds every mean ± sd; `None` where no intensity is finite."""
        edges = [m + sign * self.spread(label) for label, m in self.mean.items() for sign in (-1, 1)]
        values = np.concatenate(edges) if edges else np.empty(0)
        values = values[np.isfinite(values)]
        if values.size == 0 or not self.axis[-1] > self.axis[0]:
            return None
        low, high = float(values.min()), float(values.max())
        margin = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
        left, right = float(self.axis[0]), float(self.axis[-1])
        left, right = (right, left) if self.reversed else (left, right)
        return Frame(left, right, low - margin, high + margin)

    def spread(self, label: str) -> Floats:
        """Standard deviation of a class, 0 where it is not known."""
        return np.nan_to_num(self.sd.get(label, np.zeros(self.axis.size)))


def read_means(report: Mapping[str, Any]) -> MeanSpectra | None:
    """Take the mean spectra out of a report; `None` where it has none that can be drawn.

    An axis in cm⁻¹ runs from high to low where the intensity is an absorption (absorbance, transmittance,
    reflectance …), as is customary in the infrared, and from low to high elsewhere, as in Raman;
    `spectra.axis_reversed` in the report overrides this.
    """
    spectra = report.get("spectra") or {}
    axis = np.asarray(spectra.get("axis") or [], dtype=np.float64)
    mean = _curves(spectra.get("mean"), axis.size)
    if axis.size < 2 or not mean or not (np.diff(axis) > 0).all():
        return None
    unit, intensity = str(spectra.get("axis_unit") or ""), str(spectra.get("intensity_unit") or "")
    customary = unit == "cm-1" and any(word in intensity.lower() for word in _ABSORPTION)
    turned = spectra.get("axis_reversed")
    return MeanSpectra(
        axis, unit, intensity, mean, _curves(spectra.get("sd"), axis.size),
        customary if turned is None else bool(turned),
    )  # fmt: skip


def _curves(part: Mapping[str, Any] | None, d: int) -> dict[str, Floats]:
    # None in the JSON becomes NaN here
    curves = {str(k): np.asarray(v, dtype=np.float64) for k, v in (part or {}).items()}
    return {label: values for label, values in curves.items() if values.shape == (d,)}


def runs(means: MeanSpectra, label: str, *, most: int) -> list[tuple[Floats, Floats, Floats]]:
    """Cut one class at gaps of the axis and at missing values; give (axis, mean, sd) of each run, thinned."""
    axis, mean, sd = means.axis, means.mean[label], means.spread(label)
    cut = []
    for piece in segments(axis):
        finite = np.isfinite(mean[piece])
        starts = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]])))
        for first, last in zip(starts[::2] + piece.start, starts[1::2] + piece.start, strict=True):
            limit = max(4, most * int(last - first) // axis.size)
            kept = first + thin(mean[first:last], most=limit)
            cut.append((axis[kept], mean[kept], sd[kept]))
    return cut
