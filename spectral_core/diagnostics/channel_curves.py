"""Accuracy against the number of channels, along nested orders of each region, beside permuted labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.class_pair import pair_classes
from spectral_core.diagnostics.curve_band import CurveBand, band_of
from spectral_core.diagnostics.held_out_curve import HeldOutCurves, balanced
from spectral_core.diagnostics.laws import mean_shift_accuracy
from spectral_core.diagnostics.nested_channels import Order, powers_of_two
from spectral_core.diagnostics.probit_slope import SPREAD, ProbitSlope, fit_slope
from spectral_core.diagnostics.result import Assumption, Sample
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Mask
from spectral_core.splits import Codes, Design

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
ORDERS: tuple[Order, ...] = ("decimation", "binning", "random", "contiguous")
RANDOM_SUBSETS = 20
_RANDOM_SIZES = (4, 16, 64)
_RESIDUAL = "high-frequency residual"
_ALPHA = 0.05


@dataclass(frozen=True)
class ChannelCurve:
    """Balanced accuracy of the cross-fitted probe on more and more channels of one region.

    `accuracy` at each of `channels`; `random` averages 20 subsets. `band` is where permuted labels lie. `slope` is
    that of probit(accuracy) against √d; compare it with that of the off-band channels, and do not use it alone.
    """

    order: Order
    region: str
    channels: tuple[int, ...]
    accuracy: Floats
    band: CurveBand
    slope: ProbitSlope

    def overlay(self) -> Floats:
        """Φ(κ√d/2) with the κ of `slope.shift`: what a diffuse mean shift of that size would give at each point."""
        return mean_shift_accuracy(self.channels, shift=self.slope.shift)


@dataclass(frozen=True)
class ChannelCurves:
    """Accuracy against channels, for each order and region that could be drawn."""

    classes: tuple[str, str]
    curves: tuple[ChannelCurve, ...]
    sample: Sample
    assumptions: tuple[Assumption, ...]
    reading: str
    name: str = "channel_curves"

    def __str__(self) -> str:
        return f"accuracy against channels, {self.classes[0]} against {self.classes[1]}: {self.reading}"

    def curve(self, order: Order, region: str = "full") -> ChannelCurve | None:
        """Find one curve, if it was drawn."""
        return next((c for c in self.curves if (c.order, c.region) == (order, region)), None)

    def to_dict(self) -> dict[str, Any]:
        """Give the curves with their bands and slopes as plain values."""
        return {
            "name": self.name, "classes": list(self.classes), **vars(self.sample), "reading": self.reading,
            "curves": [
                {"order": c.order, "region": c.region, "channels": list(c.channels), "accuracy": c.accuracy.tolist(),
                 "point_low": c.band.point_low.tolist(), "point_high": c.band.point_high.tolist(),
                 "low": c.band.low.tolist(), "high": c.band.high.tolist(), "p": c.band.p,
                 "overlay": c.overlay().tolist(), "slope": {**vars(c.slope), "spread": SPREAD}}
                for c in self.curves
            ],
            "assumptions": [dict(vars(a)) for a in self.assumptions],
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Tabulate one row a curve and number of channels.

        Columns: order, region, channels, accuracy, point_low and point_high (central 95 % of permuted labels at
        this point), low and high (over the whole curve), overlay (`ChannelCurve.overlay`).
        """
        import pandas as pd

        return pd.DataFrame([
            {"order": c.order, "region": c.region, "channels": d, "accuracy": c.accuracy[i],
             "point_low": c.band.point_low[i], "point_high": c.band.point_high[i],
             "low": c.band.low[i], "high": c.band.high[i], "overlay": c.overlay()[i]}
            for c in self.curves for i, d in enumerate(c.channels)
        ])  # fmt: skip


def examine_channel_curves(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    labelings: Codes,
    *,
    off_band: Mask | None,
    in_band: Mask | None,
    seed: int,
) -> ChannelCurves:
    """Examine how accuracy rises with the number of channels.

    Arguments and errors are those of `pair_classes`. The high-frequency residual is decimated and drawn at random
    only: neighbouring differences added up would give the low frequencies back.

    Returns:
        One curve for each order and region, or none and a reading that says why.

    Example:
        >>> from spectral_core.splits import make_design, permuted_codes
        >>> design = make_design(np.arange(100) % 2)
        >>> x = np.random.default_rng(0).normal(size=(100, 64)) + 0.5 * design.codes[:, None]
        >>> labelings = np.column_stack([design.codes, permuted_codes(design, n=39, seed=1)])
        >>> found = examine_channel_curves(x, np.arange(64.0), design, labelings, off_band=None, in_band=None, seed=1)
        >>> curve = found.curve("decimation")
        >>> bool(curve.accuracy[-1] > curve.band.high[-1] > 0.5), curve.slope.low > 0
        (True, True)
    """
    pair = pair_classes(matrix, axis, design, labelings, off_band=off_band, in_band=in_band, seed=seed)
    return channel_curves_of(HeldOutCurves(pair))


def channel_curves_of(held_out: HeldOutCurves) -> ChannelCurves:
    """Draw the curves; the probe's answers are shared with the other curves of the same pair."""
    pair = held_out.pair
    if pair.refusal:
        return ChannelCurves(pair.classes, (), pair.sample, pair.assumptions,
                             f"cannot be given, because {pair.refusal}")  # fmt: skip
    with threads_for(pair.regions["full"].size):
        groups = pair.jackknife_groups()
        curves = tuple(
            _draw(held_out, order, region, sizes, groups)
            for region in pair.regions for order in ORDERS
            if (sizes := _sizes(order, region, pair.regions[region].shape[1]))
        )  # fmt: skip
    notes = (*pair.assumptions, Assumption("a channel has its photons however many are kept", "assumed",
                                           "decimation throws photons away and binning keeps them"))  # fmt: skip
    return ChannelCurves(pair.classes, curves, pair.sample, notes, _read(curves))


def _sizes(order: Order, region: str, channels: int) -> list[int]:
    """Numbers of channels to ask about; none where fewer than two make a curve."""
    if region == _RESIDUAL and order in ("binning", "contiguous"):
        return []
    sizes = powers_of_two(channels)
    if order == "random":
        sizes = [*(size for size in _RANDOM_SIZES if size < channels), channels]
    return sizes if len(sizes) > 1 else []


def _draw(held_out: HeldOutCurves, order: Order, region: str, sizes: list[int], groups: Codes) -> ChannelCurve:
    pair = held_out.pair
    accuracy, credit = [], []
    for size in sizes:
        subsets = RANDOM_SUBSETS if order == "random" and size < sizes[-1] else 1
        points = [held_out.ask((region, order, which), size) for which in range(subsets)]
        accuracy.append(np.mean([point.accuracy for point in points], axis=0))
        credit.append(np.mean([point.credit for point in points], axis=0))
    observed = np.repeat(pair.codes[:, :1], len(sizes), axis=1)
    credits = np.stack(credit, axis=1)
    without = np.stack([
        balanced(credits[groups != g], observed[groups != g]) for g in range(int(groups.max()) + 1)
    ])  # fmt: skip
    heights = np.stack(accuracy, axis=1)
    slope = fit_slope(tuple(sizes), heights, without, units=pair.codes.shape[0])
    return ChannelCurve(order, region, tuple(sizes), heights[0], band_of(heights), slope)


def _read(curves: tuple[ChannelCurve, ...]) -> str:
    """Say what all channels reach, from how many on, and how the slopes of the regions compare."""
    found = {(c.order, c.region): c for c in curves}
    whole = found.get(("decimation", "full"))
    if whole is None:
        return "cannot be given, because one channel makes no curve"
    said = [f"all {whole.channels[-1]:,} channels reach {whole.accuracy[-1]:.2f}"]
    if whole.band.p > _ALPHA:
        said.append(f"no number of evenly spaced channels leaves the range of permuted labels (p = {whole.band.p:.2g})")
    else:
        said.append(_above(whole))
    slopes = [f"{region} {_slope(c)}" for (order, region), c in found.items() if order == "decimation"]
    return f"{'; '.join(said)}. Probit per root of a channel (spread over {SPREAD}): {', '.join(slopes)}"


def _above(curve: ChannelCurve) -> str:
    """Say at which numbers of channels a curve stands above the band of permuted labels, and at which no longer."""
    above = curve.accuracy > curve.band.high
    if not above.any():
        return "none by itself stands clear of permuted labels"
    first = int(np.argmax(above))
    stops = [d for d, clear in zip(curve.channels[first:], above[first:], strict=True) if not clear]
    reached = f"with {curve.accuracy[first]:.2f}"
    if not stops:
        return f"above permuted labels from {curve.channels[first]:,} evenly spaced on, {reached}"
    others = f"{len(stops)} larger numbers, {stops[-1]:,} among them" if len(stops) > 1 else f"{stops[0]:,}"
    return f"above permuted labels at {curve.channels[first]:,} evenly spaced, {reached}, but not at {others}"


def _slope(curve: ChannelCurve) -> str:
    """Say a slope; an accuracy of 1 is a lower bound, and so is a slope up to it."""
    perfect = [d for d, accuracy in zip(curve.channels, curve.accuracy, strict=True) if accuracy >= 1.0]
    if perfect and perfect[0] == curve.channels[0]:
        return f"no unit wrong from {perfect[0]:,} channel{'s' * (perfect[0] > 1)} on"
    told = f"{curve.slope.value:.3f} ({curve.slope.low:.3f} to {curve.slope.high:.3f})"
    return f"{told} or more" if perfect else told
