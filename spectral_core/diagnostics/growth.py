"""How fast two classes come apart as channels multiply: Feldman–Hájek growth, beside what permuted labels give.

In finite dimension any two non-degenerate Gaussians are equivalent. A study shows a rate of growth over the
channels that it has, along each of several nested orders, and nothing beyond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.bhattacharyya import Separability
from spectral_core.diagnostics.class_pair import ClassPair, pair_classes
from spectral_core.diagnostics.growth_laws import FEWEST_POINTS, GrowthFit, fit_growth
from spectral_core.diagnostics.growth_reading import read_growth, state_growth
from spectral_core.diagnostics.held_out_curve import Curve, HeldOutCurves, fold_auc_without, separation_of
from spectral_core.diagnostics.nested_channels import Order, half_steps, halved, independent_columns, powers_of_two
from spectral_core.diagnostics.plug_in import mardia_scores, most_plug_in, permuted_plug_in_curves, plug_in_without
from spectral_core.diagnostics.result import Assumption, Sample
from spectral_core.errors import AuditError
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Mask
from spectral_core.splits import Codes, Design

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
ORDERS: tuple[tuple[Order, str], ...] = (
    ("decimation", "full"), ("decimation", "off-band"), ("binning", "full"), ("decimation", "in-band"),
    ("decimation", "high-frequency residual"), ("contiguous", "full"), ("random", "full"), ("components", "full"),
)  # fmt: skip
RANDOM_ORDERS = 20
MOST_PLUG_IN = 128  # channels: enough to see a rate, and covariances of more cost more than they tell
_MOST_RANDOM = 32  # channels: every random order is computed under every labeling


@dataclass(frozen=True)
class GrowthCurve:
    """Separability along one nested order of one region's channels.

    `fits` holds, by path, D_B at each size with the fitted laws: "mean term", "covariance term" and their sum
    "total" are bias-corrected plug-in estimates of the population, for fewer channels than half the degrees of
    freedom of a class, and 128 at most. "held-out score" is (Δ_eff² − what permuted labels give)/8 of a
    cross-fitted shrunk score, for any number of channels: what these units can learn of the mean term, at most
    the population's. It cannot exceed what tells every pair of units apart; from there on it is a lower bound.
    `missing` says of each path without a fit why.
    """

    order: Order
    region: str
    fits: Mapping[str, GrowthFit]
    missing: Mapping[str, str]

    @property
    def path(self) -> str:
        """The path to read first: "total" where it reaches eight channels, else "held-out score"; "" if neither."""
        if "total" in self.fits and (self.fits["total"].channels[-1] >= 8 or "held-out score" not in self.fits):
            return "total"
        return "held-out score" if "held-out score" in self.fits else ""


@dataclass(frozen=True)
class Growth:
    """Growth of separability of two classes with the number of channels."""

    classes: tuple[str, str]
    curves: tuple[GrowthCurve, ...]
    sample: Sample
    assumptions: tuple[Assumption, ...]
    reading: str
    name: str = "growth"

    def __str__(self) -> str:
        return f"growth, {self.classes[0]} against {self.classes[1]}: {self.reading}"

    def curve(self, order: Order, region: str = "full") -> GrowthCurve | None:
        """Find one curve, if it was drawn."""
        return next((c for c in self.curves if (c.order, c.region) == (order, region)), None)

    def to_dict(self) -> dict[str, Any]:
        """Give the curves, their laws and bands as plain values."""
        return {
            "name": self.name, "classes": list(self.classes), **vars(self.sample), "reading": self.reading,
            "curves": [
                {"order": curve.order, "region": curve.region, "path": curve.path, "missing": dict(curve.missing),
                 "fits": {path: _fit_to_dict(fit) for path, fit in curve.fits.items()}}
                for curve in self.curves
            ],
            "assumptions": [dict(vars(a)) for a in self.assumptions],
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Tabulate one row a curve, path and number of channels.

        Columns: order, region, path, channels, distance (D_B), bound (whether it is a lower bound), error (standard
        error over units; of held-out scores, over units to classify only), low and high (simultaneous 95 % of
        permuted labels), affinity, hellinger, bayes_error_low and bayes_error_high (NaN where a class has tails that
        no Gaussian has: the distance is then off, and bounds from it do not hold).
        """
        import pandas as pd

        return pd.DataFrame([
            {"order": curve.order, "region": curve.region, "path": path, **row}
            for curve in self.curves for path, fit in curve.fits.items() for row in _rows(fit)
        ])  # fmt: skip

    def laws(self) -> pd.DataFrame:
        """Tabulate one row a curve, path, law and parameter, the best law first.

        Columns: order, region, path, law, left (share of weighted squares left), parameter, value, low and high (95 %
        jackknife over units, NaN where the curve does not determine the parameter).
        """
        import pandas as pd

        return pd.DataFrame([
            {"order": curve.order, "region": curve.region, "path": path, "law": law.name, "left": law.left,
             "parameter": name, "value": value, "low": law.intervals[name][0], "high": law.intervals[name][1]}
            for curve in self.curves for path, fit in curve.fits.items()
            for law in fit.laws for name, value in law.parameters.items()
        ])  # fmt: skip


def examine_growth(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    labelings: Codes,
    *,
    off_band: Mask | None,
    in_band: Mask | None,
    seed: int,
) -> Growth:
    """Examine how separability grows with the number of channels.

    Arguments and errors are those of `pair_classes`.

    Returns:
        One curve for each order and region, or none and a reading that says why.

    Example:
        >>> from spectral_core.splits import make_design, permuted_codes
        >>> design = make_design(np.arange(200) % 2)
        >>> x = np.random.default_rng(0).normal(size=(200, 32)) + 0.4 * design.codes[:, None]
        >>> labelings = np.column_stack([design.codes, permuted_codes(design, n=39, seed=1)])
        >>> found = examine_growth(x, np.arange(32.0), design, labelings, off_band=None, in_band=None, seed=1)
        >>> fit = found.curve("decimation").fits["total"]
        >>> fit.beta_low < 1 < fit.beta_high, fit.band.p
        (True, 0.025)
    """
    pair = pair_classes(matrix, axis, design, labelings, off_band=off_band, in_band=in_band, seed=seed)
    return growth_of(HeldOutCurves(pair))


def growth_of(held_out: HeldOutCurves) -> Growth:
    """Draw the growth curves; the probe's answers are shared with the other curves of the same pair."""
    pair = held_out.pair
    if pair.refusal:
        return Growth(pair.classes, (), pair.sample, pair.assumptions, f"cannot be given, because {pair.refusal}")
    with threads_for(pair.regions["full"].size):
        groups = pair.jackknife_groups()
        curves = tuple(
            _draw(held_out, order, region, groups) for order, region in ORDERS if region in pair.regions
        )  # fmt: skip
    fits: dict[tuple[str, str], Mapping[str, GrowthFit]] = {(c.order, c.region): c.fits for c in curves}
    return Growth(pair.classes, curves, pair.sample, (*pair.assumptions, *state_growth(fits)), read_growth(fits))


def _draw(held_out: HeldOutCurves, order: Order, region: str, groups: Codes) -> GrowthCurve:
    fits, missing = _plug_in(held_out, order, region, groups)
    if order != "random":
        curve: Curve = (region, order, 0)
        sizes = powers_of_two(held_out.pair.regions[region].shape[1])
        if len(sizes) >= FEWEST_POINTS:
            bounds = tuple(held_out.ask(curve, size).bound for size in sizes)
            fits["held-out score"] = fit_growth(
                tuple(sizes), *_learnt(held_out, curve, sizes, groups), bounds=bounds
            )  # fmt: skip
        else:
            missing["held-out score"] = f"too few sizes to fit a law: {len(sizes)}, and {FEWEST_POINTS} are needed"
    return GrowthCurve(order, region, fits, missing)


def _plug_in(
    held_out: HeldOutCurves, order: Order, region: str, groups: Codes
) -> tuple[dict[str, GrowthFit], dict[str, str]]:
    """Fit laws to bias-corrected terms where the covariances can be estimated."""
    pair = held_out.pair
    paths = ("mean term", "covariance term", "total")
    limit = _MOST_RANDOM if order == "random" else MOST_PLUG_IN
    most = min(most_plug_in(pair.units_per_class), pair.regions[region].shape[1], limit)
    sizes = half_steps(most)
    if len(sizes) < FEWEST_POINTS:
        channels = "1 channel" if most == 1 else f"{most} channels"
        return {}, dict.fromkeys(paths, f"{channels} at most can be judged, and {FEWEST_POINTS} are needed")
    try:
        terms, without, tails = _estimated(held_out, order, region, sizes, groups)
    except AuditError as error:  # copies of spectra, or a channel that varies in one class only
        return {}, dict.fromkeys(paths, f"a class covariance is singular: {error.found}")
    drawn = zip(paths, [*terms, terms.sum(axis=0)], [*without, without.sum(axis=0)], (0.0, tails, tails), strict=True)
    return {path: fit_growth(tuple(sizes), curves, left, tails=far) for path, curves, left, far in drawn}, {}


def _estimated(
    held_out: HeldOutCurves, order: Order, region: str, sizes: list[int], groups: Codes
) -> tuple[Floats, Floats, float]:
    """Both terms under all labelings (2 × (1 + P) × J) and with groups left out (2 × G × J), and the worst tails.

    Random orders are averaged.
    """
    codes = held_out.pair.codes
    terms, without, tails = [], [], []
    for which in range(RANDOM_ORDERS if order == "random" else 1):
        columns, dimensions = independent_columns(_ordered(held_out, (region, order, which), sizes[-1]), sizes[-1])
        spanned = [int(dimensions[min(size, dimensions.size) - 1]) for size in sizes]
        terms.append(permuted_plug_in_curves(columns, codes, spanned))
        without.append(plug_in_without(columns, codes[:, 0], spanned, groups))
        tails.append(mardia_scores(columns, codes[:, 0], spanned))
    scores = np.mean(tails, axis=0)
    return np.mean(terms, axis=0), np.mean(without, axis=0), float(scores[np.abs(scores).argmax()])


def _ordered(held_out: HeldOutCurves, curve: Curve, most: int) -> Floats:
    if curve[1] == "binning":
        return halved(held_out.pair.regions[curve[0]], most)
    return held_out.channels(curve, most)


def _learnt(held_out: HeldOutCurves, curve: Curve, sizes: list[int], groups: Codes) -> tuple[Floats, Floats]:
    """(Δ_eff² − its mean under permuted labels)/8: all labelings × sizes, and groups left out × sizes."""
    pair: ClassPair = held_out.pair
    points = [held_out.ask(curve, size) for size in sizes]
    squared = np.stack([point.separation for point in points], axis=1) ** 2
    floor = squared[1:].mean(axis=0)
    without = [
        separation_of(*fold_auc_without(point.score, pair.codes[:, 0], pair.folds, groups)) ** 2 for point in points
    ]  # fmt: skip
    return (squared - floor) / 8.0, (np.stack(without, axis=1) - floor) / 8.0


def _fit_to_dict(fit: GrowthFit) -> dict[str, Any]:
    return {
        "channels": list(fit.channels), "distance": fit.values.tolist(), "error": fit.errors.tolist(),
        "point_low": fit.band.point_low.tolist(), "point_high": fit.band.point_high.tolist(),
        "low": fit.band.low.tolist(), "high": fit.band.high.tolist(), "p": fit.band.p, "bounds": list(fit.bounds),
        "beta": fit.beta if fit.laws else None, "beta_interval": [fit.beta_low, fit.beta_high] if fit.laws else None,
        "beta_permuted": [fit.permuted_low, fit.permuted_high] if fit.laws else None, "tails": fit.tails,
        "laws": [{"law": law.name, **law.parameters, "left": law.left,
                  "intervals": {name: list(ends) if np.isfinite(ends).all() else None
                                for name, ends in law.intervals.items()}} for law in fit.laws],
    }  # fmt: skip


def _rows(fit: GrowthFit) -> list[dict[str, float | bool]]:
    rows: list[dict[str, float | bool]] = []
    for i, channels in enumerate(fit.channels):
        found = Separability(float(fit.values[i]), 0.0)
        low, high = found.bayes_error
        overlap = {"affinity": found.affinity, "hellinger": found.hellinger, "bayes_error_low": low,
                   "bayes_error_high": high}  # fmt: skip
        rows.append({
            "channels": channels, "distance": found.distance, "bound": fit.bounds[i], "error": float(fit.errors[i]),
            "low": float(fit.band.low[i]), "high": float(fit.band.high[i]),
            **(overlap if fit.gaussian else dict.fromkeys(overlap, np.nan)),
        })  # fmt: skip
    return rows
