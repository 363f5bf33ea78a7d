"""What a cross-fitted probe achieves on nested sets of channels, under the observed and permuted labels.

Each set is asked once: accuracy, and the separation Δ_eff = √2 Φ⁻¹(AUC) of the held-out score, both along every
order that passes through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from spectral_core.diagnostics.class_pair import ClassPair
from spectral_core.diagnostics.nested_channels import Order, binned, contiguous, decimated, principal_components
from spectral_core.probe import fit_probe
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
Curve = tuple[str, Order, int]  # region, order, and which of several random orders
_RANDOM = 1003


@dataclass(frozen=True)
class HeldOutPoint:
    """One set of channels under 1 + P labelings.

    `accuracy` is balanced, `separation` is Δ_eff (see `separation_of`; empty where not asked for); `bound` says that
    every pair of units was in order under the observed labels, so that their separation is a lower bound. `credit`
    and `score` are those of each unit under the observed labels: 1 right, ½ on the border, 0 wrong; and the margin
    signed towards class 1.
    """

    accuracy: Floats
    separation: Floats
    bound: bool
    credit: Floats
    score: Floats


@dataclass
class HeldOutCurves:
    """Asks the probe about nested sets of channels, each set once."""

    pair: ClassPair
    _asked: dict[tuple[str, str, int, int], HeldOutPoint] = field(default_factory=dict)
    _components: dict[str, Floats] = field(default_factory=dict)

    def ask(self, curve: Curve, size: int) -> HeldOutPoint:
        """Judge the first `size` channels of an order of a region; sets that orders share are asked once.

        Separations are computed along the orders that growth follows: all but random ones of the full spectrum,
        and decimation elsewhere.
        """
        region, order, which = curve
        whole = size >= self.pair.regions[region].shape[1]
        key = (region, "" if whole else order, 0 if whole else which, size)
        if key not in self._asked:
            self._asked[key] = judge_channels(
                self.pair.regions[region] if whole else self.channels(curve, size), self.pair.codes, self.pair.folds,
                separated=whole or order == "decimation" or (region == "full" and order != "random"),
            )  # fmt: skip
        return self._asked[key]

    def channels(self, curve: Curve, size: int) -> Floats:
        """Take the first `size` channels, bins or components of an order (n × size, fewer components at most)."""
        region, order, _ = curve
        x = self.pair.regions[region]
        if order == "binning":
            return binned(x, size)
        if order == "components":
            return self.components(region)[:, :size]
        return np.ascontiguousarray(x[:, self.ordered(curve)[:size]])

    def ordered(self, curve: Curve) -> Codes:
        """Order the channels of a region by decimation, outwards from its middle, or at random."""
        region, order, which = curve
        count = self.pair.regions[region].shape[1]
        if order == "decimation":
            return decimated(count)
        if order == "contiguous":
            return contiguous(count)
        return np.random.default_rng([self.pair.sample.seed, _RANDOM, which]).permutation(count)

    def components(self, region: str) -> Floats:
        """Scores of the principal components of a region, computed once."""
        if region not in self._components:
            self._components[region] = principal_components(self.pair.regions[region])
        return self._components[region]


def judge_channels(x: Floats, codes: Codes, folds: Sequence[Codes], *, separated: bool = True) -> HeldOutPoint:
    """Cross-validate the probe on some channels under all labelings.

    Args:
        x: n × s intensities.
        codes: n × (1 + P) labelings of 0 and 1, the observed one first.
        folds: Units held out together.
        separated: Whether to compute separations.
    """
    margins = fit_probe(x).margins(codes, folds, 2)
    credit = np.where(margins > 0, 1.0, np.where(margins == 0, 0.5, 0.0))
    score = np.where(codes == 1, margins, -margins)
    area, pairs = fold_auc(score, codes, folds) if separated else (np.zeros(1), np.zeros(1))
    separation = separation_of(area, pairs) if separated else np.empty(0)
    return HeldOutPoint(balanced(credit, codes), separation, bool(area[0] >= 1.0), credit[:, 0].copy(),
                        score[:, 0].copy())  # fmt: skip


def balanced(credit: Floats, codes: Codes) -> Floats:
    """Average credits over either class, then over both (n × P to P)."""
    ones = (codes == 1).astype(np.float64)
    count, right = ones.sum(axis=0), np.einsum("ip,ip->p", ones, credit)
    return np.asarray((right / count + (credit.sum(axis=0) - right) / (codes.shape[0] - count)) / 2.0)


def fold_auc(score: Floats, codes: Codes, folds: Sequence[Codes]) -> tuple[Floats, Floats]:
    """Compute the share of pairs, one unit of either class in the same fold, whose scores are in order.

    Scores of different folds come from different models and are not compared: pooled, they put identical classes
    below one half. Ties count one half.

    Args:
        score: n × P held-out scores, higher for class 1.
        codes: n × P labelings of 0 and 1.
        folds: Units held out together.

    Returns:
        P areas under the curve, one half where no fold holds both classes; and P numbers of pairs.
    """
    from scipy.stats import rankdata

    won, pairs = np.zeros(codes.shape[1]), np.zeros(codes.shape[1])
    for fold in folds:
        own, s = codes[fold] == 1, score[fold]
        order = np.argsort(s, axis=0)
        ordered = np.take_along_axis(s, order, axis=0)
        ones = own.sum(axis=0).astype(np.float64)
        if (ordered[1:] == ordered[:-1]).any():
            ranked = (rankdata(s, axis=0) * own).sum(axis=0)
        else:
            ranked = np.arange(1, fold.size + 1) @ np.take_along_axis(own, order, axis=0)
        won += ranked - ones * (ones + 1) / 2.0
        pairs += ones * (fold.size - ones)
    return np.where(pairs > 0, won / np.maximum(pairs, 1.0), 0.5), pairs


def fold_auc_without(score: Floats, observed: Codes, folds: Sequence[Codes], groups: Codes) -> tuple[Floats, Floats]:
    """Compute `fold_auc` under the observed labels with each group of units left out (G areas, G numbers of pairs).

    Scores stay as they are: the spread is over units to classify, not over units to learn from.
    """
    kept = groups != np.arange(int(groups.max()) + 1)[:, None]
    won, pairs = np.zeros(kept.shape[0]), np.zeros(kept.shape[0])
    for fold in folds:
        one, zero = fold[observed[fold] == 1], fold[observed[fold] == 0]
        ahead = score[one][:, None] - score[zero]
        wins = (ahead > 0) + (ahead == 0) / 2.0
        left_one, left_zero = kept[:, one].astype(np.float64), kept[:, zero].astype(np.float64)
        won += ((left_one @ wins) * left_zero).sum(axis=1)
        pairs += left_one.sum(axis=1) * left_zero.sum(axis=1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1.0), 0.5), pairs


def separation_of(area: Floats, pairs: Floats) -> Floats:
    """Turn areas under the curve into Δ_eff = √2 Φ⁻¹(AUC).

    It is the distance of two Gaussian classes of one width, in that width. An area of 0 or 1 is moved inwards by
    half a pair: it shows a bound only.

    Example:
        >>> float(separation_of(np.array([0.921]), np.array([1e4]))[0].round(3))
        1.997
    """
    half = 0.5 / np.maximum(pairs, 1.0)
    return np.asarray(np.sqrt(2.0) * ndtri(np.clip(area, half, 1.0 - half)))
