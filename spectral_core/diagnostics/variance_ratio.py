"""Variance ratios: whether the classes scatter differently, channel by channel, in band and off band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.geometry import Floats
from spectral_core.diagnostics.reference import (
    EXCHANGEABLE,
    interval_over_units,
    permutation_band,
    state_independence,
    state_interval,
    unit_groups,
)
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, Sample, figure
from spectral_core.probe.held_out import label_blocks
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Mask
from spectral_core.splits import Codes, Design

_FLOOR = 1e-10  # smallest variance of a class, as a share of the channel's
_CONSTANT = 1e-12  # standard deviation over largest intensity below which a channel is rounding
_CHANNELS = 1024  # handled together


@dataclass(frozen=True)
class _Ratios:
    """Sums over the varying channels of each region, for each of P labelings, and the channels floored."""

    absolute: Mapping[str, Floats]
    signed: Mapping[str, Floats]
    channels: Mapping[str, int]
    floored: Mapping[str, int]


def variance_ratio(
    matrix: npt.NDArray[np.floating], design: Design, labelings: Codes, *, regions: Mapping[str, Mask], seed: int
) -> list[Diagnostic | NotGiven]:
    """Estimate how far the variances of the classes differ: the mean over channels of |ln(v_a/v_b)|.

    For several classes the mean over their pairs. Equal classes do not give 0, but what the band shows: about
    √(2/π)·√(2/ν_a + 2/ν_b) for Gaussian channels with ν degrees of freedom a class. Off the bands a difference
    speaks of the instrument or the background, not of the declared chemistry. Labels are shuffled over what is left
    when the mean spectrum of each observed class is taken off, in a class of m units times √(m/(m − 1)): shuffled
    classes of spectra with different means would scatter by that difference, and alike. Of classes under about ten
    units the band is then some 3 % too low.

    Args:
        matrix: n × d spectra.
        design: Classes and units.
        labelings: n × (1 + P) class codes, the observed ones first.
        regions: Name to mask of d channels, such as `in_band` and `off_band`.
        seed: Seed of the groups behind the interval.

    Returns:
        One result a region, named `variance_ratio.REGION`. `parts`: `mean_log_ratio` with its sign (second
        class over first; two classes only) and `channels`.
    """
    present = [c for c in range(len(design.classes)) if (labelings[:, 0] == c).sum() >= 2]
    sample = {name: Sample(design.n, int(mask.sum()), design.n_units, seed) for name, mask in regions.items()}
    if len(present) < 2:
        return [NotGiven(f"variance_ratio.{name}", "fewer than two classes have two spectra", sample[name])
                for name in regions]  # fmt: skip
    groups = unit_groups(design.unit, design.codes, seed=seed)
    kept = groups[:, None] != np.arange(int(groups.max()) + 1)
    with threads_for(matrix.size):
        observed = [np.c_[labelings[:, 0] == c, kept & (labelings[:, :1] == c)] for c in present]
        found = _sum_ratios(matrix, observed, regions, design.codes, np.ones(len(design.classes)))
        m = np.maximum(design.units_per_class, 2)
        shuffled = [labelings[:, 1:] == c for c in present]
        permuted = _sum_ratios(matrix, shuffled, regions, design.codes, np.sqrt(m / (m - 1)))
    return [_judge(name, found, permuted, design, sample[name], len(present)) for name in regions]


def _judge(
    name: str, found: _Ratios, permuted: _Ratios, design: Design, sample: Sample, n_classes: int
) -> Diagnostic | NotGiven:
    full_name, channels = f"variance_ratio.{name}", found.channels[name]
    if channels == 0:
        return NotGiven(full_name, f"{_place(name).lower()} no channel varies", sample)
    sample = replace(sample, d=channels)
    observed, deleted = float(found.absolute[name][0]) / channels, found.absolute[name][1:] / channels
    shuffled = permuted.absolute[name] / channels
    low, high = interval_over_units(observed, deleted)
    band = permutation_band(np.r_[observed, shuffled[np.isfinite(shuffled)]])
    parts = {"channels": float(channels)}
    if n_classes == 2:
        parts["mean_log_ratio"] = float(found.signed[name][0]) / channels
    floored = found.floored[name]
    assumptions = (state_independence(design),
                   Assumption(EXCHANGEABLE, "assumed"),
                   Assumption("every channel varies in every class", "violated" if floored else "checked",
                              f"{floored:,} of {channels:,} do not; their ratio is cut at {_FLOOR:g}"),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    verdict = ("no more than among shuffled labels" if observed <= band.high else
               "more than shuffled labels give: the classes differ in noise, background or heterogeneity")  # fmt: skip
    reading = (
        f"{_place(name)} the variances of two classes differ by a factor of {figure(np.exp(observed))} in a typical "
        f"channel (permuted labels {figure(np.exp(band.low))} to {figure(np.exp(band.high))}), {verdict}."
    )
    return Diagnostic(full_name, observed, max(low, 0.0), high, band, sample, assumptions, reading, parts)


def _place(region: str) -> str:
    places = {"in_band": "In the bands", "off_band": "Off the bands", "blank": "In the blanks"}
    return places.get(region, "In " + region.replace("_", " "))


def _sum_ratios(
    matrix: npt.NDArray[np.floating],
    selected: list[npt.NDArray[np.bool_]],
    regions: Mapping[str, Mask],
    codes: Codes,
    scale: Floats,
) -> _Ratios:
    """Sum |ln(v_a/v_b)| and ln(v_b/v_a) over channels, averaged over pairs of classes (n × P selections).

    The mean spectrum of each class of `codes` is taken off, and the remainder multiplied by the class's `scale`.
    """
    p = selected[0].shape[1]
    absolute, signed = ({name: np.zeros(p) for name in regions} for _ in range(2))
    channels, floored = (dict.fromkeys(regions, 0) for _ in range(2))
    pairs = list(combinations(range(len(selected)), 2))
    for columns, z in _channel_blocks(matrix, codes, scale):
        squares, inside = z**2, {name: mask[columns].astype(np.float64) for name, mask in regions.items()}
        for block in label_blocks(matrix.shape[0], p, 1):
            logs = [_log_variance(z, chosen[:, block].astype(np.float64), squares) for chosen in selected]
            for a, b in pairs:
                ratio = logs[b] - logs[a]
                for name, weight in inside.items():
                    absolute[name][block] += np.abs(ratio) @ weight / len(pairs)
                    signed[name][block] += ratio @ weight / len(pairs)
            if block.start == 0:
                lowest = np.min([values[0] for values in logs], axis=0) <= np.log(_FLOOR) * (1 - 1e-9)
                for name, weight in inside.items():
                    channels[name] += int(weight.sum())
                    floored[name] += int(weight @ lowest)
    return _Ratios(absolute, signed, channels, floored)


def _channel_blocks(matrix: npt.NDArray[np.floating], codes: Codes, scale: Floats) -> Iterator[tuple[Codes, Floats]]:
    """Varying channels, a block at a time: their places, and n × b values about the class means, scaled.

    The unit is the standard deviation of the channel over all spectra.
    """
    inside = (codes[:, None] == np.arange(scale.size)).astype(np.float64)
    share = inside / np.maximum(inside.sum(axis=0), 1)
    for start in range(0, matrix.shape[1], _CHANNELS):
        z = matrix[:, start : start + _CHANNELS].astype(np.float64)
        largest = np.abs(z).max(axis=0, initial=0.0)
        z -= z.mean(axis=0)
        deviation = z.std(axis=0)
        varies = deviation > _CONSTANT * largest
        if varies.any():
            z = z[:, varies] / deviation[varies]
            z -= inside @ (share.T @ z)
            yield start + np.flatnonzero(varies), z * scale[codes][:, None]


def _log_variance(z: Floats, y: Floats, squares: Floats) -> Floats:
    """Log variance of each channel over the chosen spectra (P × b), floored; NaN where fewer than two are chosen."""
    count = y.sum(axis=0)[:, None]
    few = count < 2
    safe = np.where(few, 2.0, count)
    variance = (y.T @ squares - (y.T @ z) ** 2 / safe) / (safe - 1)
    return np.asarray(np.where(few, np.nan, np.log(np.maximum(variance, _FLOOR))))
