"""The per-spectrum steps a chain may name: their arguments, checked, and what they need and keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.preprocessing import baselines, neighbours, per_spectrum
from spectral_core.preprocessing.arguments import number, refusal, truth, whole_number

Spectra = npt.NDArray[Any]
Axis = npt.NDArray[np.float64]
Argument = int | float | bool

DIMENSIONLESS = "1"


@dataclass(frozen=True)
class Operation:
    """One step with its arguments bound.

    `function(x, axis, **arguments)` gives the new spectra and `positions(axis, **arguments)` the new axis,
    where the step moves it. A step that mixes neighbours states the `least_channels` it needs side by side;
    `None` means that it treats channels alike and gaps do not matter. `unit` is the quantity that the step
    turns spectra into: `None` keeps it, `""` is a quantity without a name. `slow` steps hold the GIL.
    """

    name: str
    function: Callable[..., Spectra]
    arguments: tuple[tuple[str, Argument], ...] = ()
    positions: Callable[..., Axis] | None = None
    least_channels: int | None = None
    unit: str | None = None
    slow: bool = False

    def __str__(self) -> str:
        inner = ", ".join(f"{key}={_written(value)}" for key, value in self.arguments)
        return f"{self.name}({inner})" if inner else self.name

    def __call__(self, x: Spectra, axis: Axis) -> tuple[Spectra, Axis]:
        """Apply to n × d spectra on one axis; for neighbour-mixing steps an axis without gaps."""
        arguments = dict(self.arguments)
        moved = axis if self.positions is None else self.positions(axis, **arguments)
        return self.function(x, axis, **arguments), moved


def _written(value: Argument) -> str:
    text = repr(value)
    return text.removesuffix(".0") if isinstance(value, float) else text


def _raw() -> Operation:
    return Operation("raw", per_spectrum.raw)


def _crop(low: float, high: float) -> Operation:
    low, high = number(low, step="crop", name="low"), number(high, step="crop", name="high")
    if not low < high:
        raise refusal("crop", "high", f"a position above low ({low:g})", high)
    bounds = (("low", low), ("high", high))
    return Operation("crop", per_spectrum.crop, bounds, positions=per_spectrum.cropped_axis)


def _snv() -> Operation:
    return Operation("snv", per_spectrum.snv, unit=DIMENSIONLESS)


def _area() -> Operation:
    return Operation("area", per_spectrum.area, unit="")


def _maximum() -> Operation:
    return Operation("maximum", per_spectrum.maximum, unit=DIMENSIONLESS)


def _vector() -> Operation:
    return Operation("vector", per_spectrum.vector, unit=DIMENSIONLESS)


def _absorbance(percent: bool = False) -> Operation:
    percent = truth(percent, step="absorbance", name="percent")
    return Operation("absorbance", per_spectrum.absorbance, (("percent", percent),), unit="absorbance")


def _savgol(window: int = 11, order: int = 2, deriv: int = 0) -> Operation:
    window = whole_number(window, step="savgol", name="window", least=3)
    order = whole_number(order, step="savgol", name="order", least=0)
    deriv = whole_number(deriv, step="savgol", name="deriv", least=0)
    if window % 2 == 0:
        raise refusal("savgol", "window", "an odd number of channels", window)
    if order >= window:
        raise refusal("savgol", "order", f"a degree below the window ({window})", order)
    if deriv > order:
        raise refusal("savgol", "deriv", f"at most the order ({order}): higher derivatives are zero", deriv)
    arguments = (("window", window), ("order", order), ("deriv", deriv))
    return Operation("savgol", neighbours.savgol, arguments, least_channels=window, unit="" if deriv else None)


def _resample(start: float, stop: float, step: float) -> Operation:
    start, stop = number(start, step="resample", name="start"), number(stop, step="resample", name="stop")
    step = number(step, step="resample", name="step", above=0)
    if not start < stop:
        raise refusal("resample", "stop", f"a position above start ({start:g})", stop)
    if (stop - start) / step > 1e7:
        raise refusal("resample", "step", "a step that gives at most ten million channels", step)
    grid = (("start", start), ("stop", stop), ("step", step))
    return Operation("resample", neighbours.resample, grid, positions=neighbours.resampled_axis, least_channels=1)


def _als(lam: float = 1e5, p: float = 0.01) -> Operation:
    lam = number(lam, step="als", name="lam", above=0)
    p = number(p, step="als", name="p", above=0, below=1)
    return _baseline("als", baselines.als, ("lam", lam), ("p", p))


def _arpls(lam: float = 1e5) -> Operation:
    return _baseline("arpls", baselines.arpls, ("lam", number(lam, step="arpls", name="lam", above=0)))


def _airpls(lam: float = 1e5) -> Operation:
    return _baseline("airpls", baselines.airpls, ("lam", number(lam, step="airpls", name="lam", above=0)))


def _baseline(name: str, function: Callable[..., Spectra], *arguments: tuple[str, Argument]) -> Operation:
    return Operation(name, function, arguments, least_channels=baselines.LEAST_CHANNELS, slow=True)


STEPS: Mapping[str, Callable[..., Operation]] = {
    "raw": _raw, "crop": _crop, "snv": _snv, "area": _area, "maximum": _maximum, "vector": _vector,
    "absorbance": _absorbance, "savgol": _savgol, "resample": _resample, "als": _als, "arpls": _arpls,
    "airpls": _airpls,
}  # fmt: skip
