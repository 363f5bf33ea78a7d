"""The probe seen from its channels: weights of the whole fit and of every fold's fit, for many labelings at once.

The dual does it. With residuals e = y − Hy of the whole fit, w = Zᵀe/(λs): Z the centred spectra, s the scale of
their Gram matrix. A fold T is left out by replacing its labels with their held-out predictions (Treder,
arXiv:1803.10016): with r = (I − H_TT)⁻¹e_T the fold's fit has residuals e + H_·T r, which are zero on T. So all
labelings cost one matrix product a fold, and no refit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.linalg

from spectral_core.probe.centroids import centroid_margins, indicators, products
from spectral_core.probe.penalty import choose_penalty
from spectral_core.probe.ridge import centred_gram, complement_of, hat_matrix, symmetric_inverse, training_leverage
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearModel:
    """The label-free half of the probe on n × d spectra.

    `z` are the spectra divided by `largest` and centred by `mean` (d); `gram` is zzᵀ/`scale`, `hat` belongs
    to it and to the penalty `ridge`.
    """

    z: Floats
    mean: Floats
    largest: float
    gram: Floats
    scale: float
    ridge: float
    hat: Floats

    def weights(self, residuals: Floats) -> Floats:
        """Turn residuals (n × Q) of fits into weights (d × Q) on `z`."""
        return np.asarray(self.z.T @ residuals / (self.ridge * self.scale))


def prepare_model(matrix: npt.NDArray[np.floating]) -> LinearModel:
    """Prepare the probe for n × d preprocessed spectra, with the penalty that the audit's probe has."""
    gram = centred_gram(matrix)
    largest = max(float(matrix.max(initial=0.0)), -float(matrix.min(initial=0.0))) or 1.0
    z = np.divide(matrix, largest, dtype=np.float64)
    mean = z.mean(axis=0)
    z -= mean
    z *= gram.any()  # rounding of equal rows is no variance
    ridge, _ = choose_penalty(gram)
    scale = float(np.vdot(z, z)) / z.shape[0] or 1.0
    return LinearModel(z, mean, largest, gram, scale, ridge, hat_matrix(gram, ridge))


@dataclass(frozen=True)
class FoldModel:
    """The fits without one fold, under P labelings of m indicators.

    `weights` d × P × m on the centred spectra; `scores` t × P × m of the `rows` held out; `sums`, `counts`
    `n_train` and `leverage` as `centroid_margins` takes them.
    """

    rows: Codes
    weights: Floats
    scores: Floats
    sums: Floats
    counts: Floats
    n_train: int
    leverage: float

    def observed(self) -> FoldModel:
        """Keep the first labeling only."""
        weights, scores = self.weights[:, :1].copy(), self.scores[:, :1].copy()
        return replace(self, weights=weights, scores=scores, sums=self.sums[:1].copy(), counts=self.counts[:1].copy())

    def margins(self, scores: Floats, own: Codes) -> Floats:
        """Compute t × P margins of changed scores under the same training centroids."""
        return centroid_margins(scores, self.sums, self.counts, self.n_train, own, leverage=self.leverage)

    def exchanged_margins(self, scores: Floats, own: Codes) -> Floats:
        """Compute t × Q margins of Q scores a spectrum (t × Q × m) under the first labeling."""
        q = scores.shape[1]
        sums = np.broadcast_to(self.sums[:1], (q, *self.sums.shape[1:]))
        counts = np.broadcast_to(self.counts[:1], (q, self.counts.shape[1]))
        held = np.broadcast_to(own[:, None], (own.size, q))
        return centroid_margins(scores, sums, counts, self.n_train, held, leverage=self.leverage)


def fold_models(
    model: LinearModel, codes: Codes, folds: Sequence[Codes], n_classes: int, *, unit: Codes
) -> Iterator[FoldModel]:
    """Fit without each fold in turn, under every labeling (n × P codes); `unit` codes what is independent."""
    y = indicators(codes, n_classes)
    n, p, m = y.shape
    flat = y.reshape(n, -1)
    residuals = flat - model.hat @ flat
    complement = complement_of(model.hat)
    for fold in folds:
        inverse = symmetric_inverse(complement[np.ix_(fold, fold)])
        held = inverse @ residuals[fold]
        left = residuals + model.hat[:, fold] @ held
        left[fold] = 0.0  # exact: the algebra leaves rounding
        replaced = flat.copy()
        replaced[fold] -= held
        fitted = (replaced - left).reshape(n, p, m)
        train = np.setdiff1d(np.arange(n), fold)
        weights = model.weights(left).reshape(-1, p, m)
        yield FoldModel(
            fold, weights, fitted[fold], products(y[train], fitted[train]), y[train].sum(axis=0), train.size,
            training_leverage(complement, unit, fold, inverse),
        )  # fmt: skip


def cross_fitted_residuals(hat: Floats, folds: Sequence[Codes], values: Floats) -> Floats:
    """Compute, for n × Q values, what a ridge regression fitted without a spectrum's fold leaves of them."""
    residuals = values - hat @ values
    left = np.empty_like(residuals)
    for fold in folds:
        left[fold] = scipy.linalg.solve(np.eye(fold.size) - hat[np.ix_(fold, fold)], residuals[fold], assume_a="pos")
    return left
