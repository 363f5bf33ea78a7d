"""Accuracy against the number of units learnt from: how much more units would help, and how far.

What the population allows, what n spectra teach, and how well the training set separates are three different
things; this is the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from spectral_core.diagnostics.class_pair import FOLDS, ClassPair, pair_classes
from spectral_core.diagnostics.curve_band import CurveBand, band_of
from spectral_core.diagnostics.held_out_curve import balanced
from spectral_core.diagnostics.laws import learnable_accuracy
from spectral_core.diagnostics.left_out import accuracy_without
from spectral_core.diagnostics.probit_slope import probit
from spectral_core.diagnostics.reference import interval_over_units
from spectral_core.diagnostics.result import Assumption, Sample
from spectral_core.probe.fitting import probe_of_gram
from spectral_core.probe.penalty import choose_penalty
from spectral_core.probe.ridge import centred_gram, complement_matrix, scaled_gram
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Mask
from spectral_core.splits import Codes, Design

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
SELECTIONS = 8
_FEWEST = 16  # units of both classes
_STREAM = 1004
_ALPHA = 0.05
_WIDEST = 0.1  # accuracy: where an interval is wider, no end is stated


@dataclass(frozen=True)
class LearningLaw:
    """Φ(Δ²/(2√(Δ² + 4q/n))) fitted to a learning curve.

    `distance` Δ and the `directions` q among which the probe has to choose; `most` is Φ(Δ/2), what units without
    number would reach if the law holds, `most_low` to `most_high` its 95 % jackknife interval over units, learnt
    from and judged (NaN where there is none); `left` is the root mean square deviation in accuracy.
    """

    distance: float
    directions: float
    most: float
    most_low: float
    most_high: float
    left: float

    def at(self, units: npt.ArrayLike) -> Floats:
        """Accuracy after training on n units."""
        return learnable_accuracy(units, distance=self.distance, channels=self.directions)


@dataclass(frozen=True)
class Learnability:
    """Balanced accuracy of the cross-fitted probe on all channels against the number of training units.

    `units` learnt from and the `accuracy` on units left out; `band` is where permuted labels lie; `law` is fitted
    to the accuracies. Empty arrays where the reading says why.
    """

    classes: tuple[str, str]
    units: tuple[int, ...]
    accuracy: Floats
    band: CurveBand
    law: LearningLaw
    sample: Sample
    assumptions: tuple[Assumption, ...]
    reading: str
    name: str = "learnability"

    def __str__(self) -> str:
        return f"learnability, {self.classes[0]} against {self.classes[1]}: {self.reading}"

    def to_dict(self) -> dict[str, Any]:
        """Give the curve, its band and its law as plain values."""
        return {
            "name": self.name, "classes": list(self.classes), **vars(self.sample), "reading": self.reading,
            "units": list(self.units), "accuracy": self.accuracy.tolist(),
            "point_low": self.band.point_low.tolist(), "point_high": self.band.point_high.tolist(),
            "low": self.band.low.tolist(), "high": self.band.high.tolist(), "p": self.band.p,
            "law": {name: value if np.isfinite(value) else None for name, value in vars(self.law).items()},
            "overlay": self.law.at(self.units).tolist(),
            "assumptions": [dict(vars(a)) for a in self.assumptions],
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Tabulate one row a number of units: units, accuracy, point_low, point_high, low, high, overlay."""
        import pandas as pd

        return pd.DataFrame({
            "units": self.units, "accuracy": self.accuracy, "point_low": self.band.point_low,
            "point_high": self.band.point_high, "low": self.band.low, "high": self.band.high,
            "overlay": self.law.at(self.units),
        })  # fmt: skip


def examine_learnability(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    labelings: Codes,
    *,
    off_band: Mask | None,
    in_band: Mask | None,
    seed: int,
) -> Learnability:
    """Examine how accuracy rises with the number of units.

    Arguments and errors are those of `pair_classes`. Units are drawn blind to the labels into eight nested
    selections of 16, 32, … units, and each is cross-validated by itself.

    Returns:
        The curve, or an empty one and a reading that says why.

    Example:
        >>> from spectral_core.splits import make_design, permuted_codes
        >>> design = make_design(np.arange(128) % 2)
        >>> x = np.random.default_rng(0).normal(size=(128, 40)) + 0.3 * design.codes[:, None]
        >>> labelings = np.column_stack([design.codes, permuted_codes(design, n=39, seed=1)])
        >>> found = examine_learnability(x, np.arange(40.0), design, labelings, off_band=None, in_band=None, seed=1)
        >>> found.units, found.band.p
        ((13, 26, 51, 102), 0.025)
    """
    pair = pair_classes(matrix, axis, design, labelings, off_band=off_band, in_band=in_band, seed=seed)
    return learnability_of(pair)


def learnability_of(pair: ClassPair) -> Learnability:
    """Draw the learning curve of a pair of classes."""
    sizes = [] if pair.refusal else _sizes(pair)
    if len(sizes) < 2:
        few = f"{2 * _FEWEST} units with four or more of either class among every {_FEWEST} are needed"
        return _empty(pair, f"cannot be given, because {pair.refusal or few}")
    with threads_for(pair.regions["full"].size):
        gram = centred_gram(pair.regions["full"])
        curves = np.stack([_accuracy(pair, gram, size) for size in sizes], axis=1)
        band = band_of(curves)
        groups = pair.jackknife_groups()
        without = (np.stack([_accuracy_without(pair, gram, size, groups) for size in sizes], axis=1)
                   if band.p <= _ALPHA else np.empty((0, len(sizes))))  # fmt: skip
    trained = tuple(round(size * (FOLDS - 1) / FOLDS) for size in sizes)
    law = fit_learning(np.array(trained, dtype=np.float64), curves[0], pair.codes.shape[0], without=without)
    notes = (*pair.assumptions, Assumption("the law of a known, shared covariance", "assumed",
                                           f"it misses the accuracies by {law.left:.3f}"))  # fmt: skip
    reading = _read(trained, curves[0], band, law)
    return Learnability(pair.classes, trained, curves[0], band, law, pair.sample, notes, reading)


def _sizes(pair: ClassPair) -> list[int]:
    """Doubling numbers of rows; the smallest may be expected to hold four of either class."""
    n, rarest = pair.codes.shape[0], min(pair.units_per_class)
    return [*(size for size in (_FEWEST * 2**k for k in range(20)) if size < 0.75 * n and size * rarest >= 4 * n), n]


def _selections(pair: ClassPair, size: int) -> Iterator[tuple[Codes, Sequence[Codes]]]:
    """Rows and folds of each selection of one size."""
    n = pair.codes.shape[0]
    if size == n:
        yield np.arange(n), pair.folds
        return
    for selection in range(SELECTIONS):
        drawn = np.random.default_rng([pair.sample.seed, _STREAM, selection]).permutation(n)[:size]
        rows = np.sort(drawn)
        yield rows, _folds(pair.unit[rows], drawn, rows)


def _accuracy(pair: ClassPair, gram: Floats, size: int) -> Floats:
    """Accuracy under all labelings, averaged over selections of one size."""
    found = []
    for rows, folds in _selections(pair, size):
        codes = pair.codes[rows]
        unit = np.unique(pair.unit[rows], return_inverse=True)[1]
        probe = probe_of_gram(_recentred(gram[np.ix_(rows, rows)]), unit=unit)
        margins = probe.margins(codes, folds, 2)
        both = (codes == 1).any(axis=0) & (codes == 0).any(axis=0)
        credit = np.where(margins > 0, 1.0, np.where(margins == 0, 0.5, 0.0))
        accuracy = np.full(codes.shape[1], 0.5)
        accuracy[both] = balanced(credit[:, both], codes[:, both])
        found.append(accuracy)
    return np.asarray(np.mean(found, axis=0))


def _accuracy_without(pair: ClassPair, gram: Floats, size: int, groups: Codes) -> Floats:
    """Accuracy under the observed labels with each group of units left out, averaged over selections of one size."""
    found = []
    for rows, folds in _selections(pair, size):
        part = _recentred(gram[np.ix_(rows, rows)])
        complement = complement_matrix(part, choose_penalty(part)[0])
        found.append(accuracy_without(complement, pair.codes[rows, 0], folds, groups[rows],
                                      count=int(groups.max()) + 1, unit=pair.unit[rows]))  # fmt: skip
    return np.asarray(np.mean(found, axis=0))


def _folds(unit: Codes, drawn: Codes, rows: Codes) -> list[Codes]:
    """Deal the units of a selection to folds in the order in which they were drawn."""
    names, first = np.unique(unit[np.searchsorted(rows, drawn)], return_index=True)
    place = np.empty(names.size, dtype=np.intp)
    place[np.argsort(first)] = np.arange(names.size)
    fold = place[np.searchsorted(names, unit)] % min(FOLDS, names.size)
    return [np.flatnonzero(fold == f) for f in range(int(fold.max()) + 1)]


def _recentred(gram: Floats) -> Floats:
    gram = gram - gram.mean(axis=0)
    gram -= gram.mean(axis=1, keepdims=True)
    return scaled_gram(gram, no_variance=1e-12)


def fit_learning(units: Floats, accuracy: Floats, n: int, *, without: Floats | None = None) -> LearningLaw:
    """Fit Δ and q to accuracies in probit, weighted by the root of the number of units.

    Args:
        units: J numbers of training units.
        accuracy: J accuracies.
        n: Units in all; no accuracy counts as closer to 1 than half a unit.
        without: G × J accuracies, each row without one group of units, for the interval.

    Example:
        >>> n = np.array([20.0, 40.0, 80.0, 160.0, 320.0])
        >>> law = fit_learning(n, learnable_accuracy(n, distance=3.0, channels=50.0), 100_000)
        >>> round(law.distance, 1), round(law.directions / 10)
        (3.0, 5)
    """
    left_out = np.empty((0, units.size)) if without is None else without
    distances, directions = _best(units, np.vstack([accuracy[None], left_out]), n)
    found, among = float(distances[0]), float(directions[0])
    ends = ndtr(np.array(interval_over_units(found, distances[1:], scale="log")) / 2.0)
    fitted = learnable_accuracy(units, distance=found, channels=among)
    return LearningLaw(found, among, float(learnable_accuracy(np.inf, distance=found, channels=among)),
                       float(ends[0]), float(ends[1]), float(np.sqrt(((fitted - accuracy) ** 2).mean())))  # fmt: skip


def _best(units: Floats, accuracies: Floats, n: int) -> tuple[Floats, Floats]:
    """Δ and q of the nearest law on a grid, for each of R × J accuracies."""
    heights, weights = np.maximum(probit(accuracies, n), 0.0), np.sqrt(units)
    distance = np.geomspace(0.02, 20.0, 300)[:, None, None]
    directions = np.geomspace(0.1, 1e6, 300)[:, None]
    curves = (distance**2 / 2.0 / np.sqrt(distance**2 + 4.0 * directions / units)).reshape(-1, units.size)
    left = (weights * curves**2).sum(axis=1) - 2.0 * (heights * weights) @ curves.T
    best = np.unravel_index(left.argmin(axis=1), (300, 300))
    return distance[best[0], 0, 0], directions[best[1], 0]


def _read(units: tuple[int, ...], accuracy: Floats, band: CurveBand, law: LearningLaw) -> str:
    if band.p > _ALPHA:
        return f"up to {units[-1]:,} training units teach nothing beyond permuted labels (p = {band.p:.2g})"
    if (accuracy >= 1.0).all():
        return f"no unit is wrong from {units[0]:,} training units on, so that these units cannot show where more lead"
    said = f"{units[0]:,} training units reach {accuracy[0]:.2f}, {units[-1]:,} reach {accuracy[-1]:.2f}"
    reached = float(law.at(units[-1]))
    gain = float(law.at(2 * units[-1])) - reached
    ends = f" ({law.most_low:.2f} to {law.most_high:.2f})" if np.isfinite([law.most_low, law.most_high]).all() else ""
    if not law.most_high - law.most_low <= _WIDEST:  # NaN where there is no interval
        return f"{said}; by the fitted law twice as many would add {gain:.2f}, and where it ends cannot be told{ends}"
    if law.most_high - reached < 0.02:
        return f"{said}; by the fitted law more units would add less than 0.02{ends}"
    return (f"{said}; by the fitted law twice as many would add {gain:.2f}, and any number would stop at "
            f"{law.most:.2f}{ends}")  # fmt: skip


def _empty(pair: ClassPair, reading: str) -> Learnability:
    nothing = np.empty(0)
    return Learnability(pair.classes, (), nothing, CurveBand(nothing, nothing, nothing, nothing, 1.0),
                        LearningLaw(0.0, 0.0, 0.5, np.nan, np.nan, 0.0), pair.sample, pair.assumptions,
                        reading)  # fmt: skip
