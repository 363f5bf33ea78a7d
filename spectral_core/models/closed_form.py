"""Linear models from sums over their spectra: the same pipelines, weights and thresholds as from the spectra.

Steps that centre, scale or project, and ridge, PLS-DA and LDA, need no spectrum once Σx, Σxxᵀ and ΣxYᵀ are known. One
thing more is asked: ridge takes its thresholds from left-out scores, for which every spectrum has to be looked at once
more (`thresholds_between`), and PLS-DA from five inner folds, for each of which it needs the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline

from spectral_core.models.chain import Model
from spectral_core.models.classifiers import PlsDiscriminant, PrincipalDiscriminant, RidgeDiscriminant
from spectral_core.models.moments import Moments, after
from spectral_core.models.regression import pls_from_sums, ridge_from_sums
from spectral_core.preprocessing.fitted import Pareto, PrincipalComponents

Floats = npt.NDArray[np.float64]
_STEPS = frozenset({"mean_centre", "scale", "pareto", "pca"})
_CLASSIFIERS = frozenset({"ridge", "pls-da", "lda"})
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Rule:
    """A linear classification: the class of the largest of (x − centre)·weights − thresholds.

    Attributes:
        n: Spectra it was learned from.
        centre: m, their mean.
        weights: m × Q, one column for each class of each labeling.
        thresholds: Q; infinite for a class that is not to be predicted.
        shares: Q, share of spectra of each class.
        triangle: r × m, of ridge: the leverage of a centred spectrum z (less 1/n) is ‖triangle·z‖².
        pipeline: The fitted pipeline under the first labeling, its thresholds open as long as ridge's are.
    """

    n: int
    centre: Floats
    weights: Floats
    thresholds: Floats
    shares: Floats
    triangle: Floats | None
    pipeline: Pipeline | None

    def scores(self, x: Floats) -> Floats:
        """Score n × m spectra, n × Q."""
        found: Floats = (x - self.centre) @ self.weights
        found -= self.thresholds
        return found

    def with_thresholds(self, thresholds: Floats) -> Rule:
        """Set what `thresholds_between` gives, but for classes that are not to be predicted; in the pipeline too."""
        thresholds = np.where(np.isfinite(self.thresholds), thresholds, self.thresholds)
        if self.pipeline is not None:
            classifier = self.pipeline[-1]
            classifier.thresholds_ = thresholds[: len(classifier.classes_)]
        return replace(self, thresholds=thresholds, triangle=None)


def is_closed_form(model: Model) -> bool:
    """Whether the model follows from sums over its spectra.

    Example:
        >>> from spectral_core.models import parse_model
        >>> [is_closed_form(parse_model(text)) for text in ("scale | ridge", "msc | ridge", "k-nn")]
        [True, False, False]
    """
    *steps, last = model.steps
    return last.name in _CLASSIFIERS and all(step.name in _STEPS for step in steps)


def needs_left_out_scores(model: Model) -> bool:
    """Whether the thresholds take another look at every spectrum."""
    return is_closed_form(model) and model.name == "ridge"


def needs_inner_folds(model: Model) -> bool:
    """Whether the thresholds take the sums of inner folds."""
    return is_closed_form(model) and model.name == "pls-da"


def fit_from_sums(
    model: Model, moments: Moments, classes: npt.NDArray[Any], *, shift: Floats, factor: Floats,
    inner: Sequence[Moments] = (),
) -> Rule:  # fmt: skip
    """Fit a model of closed form.

    Args:
        model: The model.
        moments: Sums over the training spectra less `shift`.
        classes: The k classes; `moments` has one indicator for each under each labeling. A class without a spectrum
            is never predicted.
        shift: m, taken off the spectra before they were summed.
        factor: m, what each channel is multiplied by before the model sees it.
        inner: Sums over the five inner folds, where the model needs them.

    Returns:
        The rule for spectra less `shift`, not multiplied by `factor`.
    """
    k = classes.size
    pipeline = model.build(seed=0)  # no model of closed form depends on a seed
    centre, centred = moments.mean, moments.centred().turned(factor)
    turn = factor
    mean = (centre + shift) * factor
    for _, stage in pipeline.steps[:-1]:
        own = _learn_step(stage, centred, mean)
        turn, centred, mean = after(turn, own), centred.turned(own), np.zeros(own.shape[-1])
    present = centred.counts > 0
    fitted = _learn(pipeline[-1], centred, k, [fold.about(centre).turned(turn) for fold in inner])
    single = present.reshape(-1, k).sum(axis=1).repeat(k) == 1  # one class is all that training shows
    weights = np.where(single | ~present, 0.0, fitted.weights)
    thresholds = np.where(present, np.where(single, 0.0, fitted.thresholds), np.inf)
    _set_classifier(pipeline[-1], classes, mean, fitted, k)
    triangle = None if fitted.triangle is None else _times(fitted.triangle, turn)
    return Rule(moments.n, centre, _onto(turn, weights), thresholds, centred.counts / moments.n, triangle, pipeline)


def thresholds_between(inside: Floats, total: Floats, counts: Floats, n: int) -> Floats:
    """Give for each class half way between the mean left-out score of its spectra and of all others.

    Args:
        inside: Q, sums over the class's own spectra.
        total: Q, sums over all spectra.
        counts: Q, spectra in each class.
        n: Number of spectra.
    """
    own, others = np.maximum(counts, 1), np.maximum(n - counts, 1)
    return np.asarray((inside / own + (total - inside) / others) / 2)


@dataclass(frozen=True)
class _Fitted:
    weights: Floats
    thresholds: Floats
    triangle: Floats | None = None
    basis: Floats | None = None
    inside: Floats | None = None  # weights inside the basis


def _learn_step(stage: Any, centred: Moments, mean: Floats) -> Floats:
    """Fit a step, and give its turn: factors or a matrix."""
    m, n = mean.size, centred.n
    stage.n_features_in_ = m
    variance = np.maximum(centred.scatter.diagonal(), 0.0) / n
    if isinstance(stage, PrincipalComponents):
        stage.pca_ = _principal_components(stage.components, centred, mean)
        stage._n_features_out = stage.pca_.n_components_
        return np.asarray(stage.pca_.components_.T)
    stage.mean_ = mean
    # scikit-learn's rule: what rounding alone would leave is no variance
    constant = variance <= n * _EPS * variance + (n * mean * _EPS) ** 2
    deviation = np.where(constant, 1.0, np.sqrt(variance))
    if isinstance(stage, Pareto):
        stage.scale_ = np.sqrt(deviation)
        return np.asarray(1 / stage.scale_)
    stage.n_samples_seen_ = np.int64(n)
    stage.var_, stage.scale_ = (variance, deviation) if stage.with_std else (None, None)
    return 1 / deviation if stage.with_std else np.ones(m)


def _principal_components(components: int, centred: Moments, mean: Floats) -> PCA:
    """Set what scikit-learn's PCA learns, from the eigenvalues of the scatter; its rule for signs too."""
    n, m = centred.n, mean.size
    kept = min(components, n, m)
    values, vectors = scipy.linalg.eigh(centred.scatter)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1].T
    largest = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.sign(vectors[np.arange(m), largest])[:, None]
    pca = PCA(n_components=kept, svd_solver="full")
    variance = values[: min(n, m)] / max(n - 1, 1)
    pca.n_features_in_, pca.n_samples_, pca.n_components_, pca.mean_ = m, n, kept, mean
    pca.components_, pca.explained_variance_ = vectors[:kept].copy(), variance[:kept]
    pca.explained_variance_ratio_ = variance[:kept] / (variance.sum() or 1.0)
    pca.singular_values_ = np.sqrt(values[:kept])
    pca.noise_variance_ = float(variance[kept:].mean()) if kept < min(n, m) else 0.0
    pca._fit_svd_solver = "full"
    return pca


def _learn(classifier: Any, centred: Moments, k: int, inner: Sequence[Moments]) -> _Fitted:
    if isinstance(classifier, RidgeDiscriminant):
        weights, triangle = ridge_from_sums(centred.scatter, centred.products, n=centred.n, penalty=classifier.penalty)
        return _Fitted(weights, np.zeros(weights.shape[1]), triangle)
    if isinstance(classifier, PlsDiscriminant):
        weights = pls_from_sums(centred.scatter, centred.products, classifier.components, n=centred.n)
        return _Fitted(weights, _pls_thresholds(classifier.components, inner))
    return _discriminants(classifier.components, centred, k)


def _pls_thresholds(components: int, inner: Sequence[Moments]) -> Floats:
    """Thresholds from scores of each inner fold by weights learned on the others."""
    whole = sum(inner[1:], start=inner[0])
    inside, total = np.zeros_like(whole.counts), np.zeros_like(whole.counts)
    for fold in inner:
        rest = whole - fold
        if rest.n == 0:
            continue
        learned = rest.centred()
        weights = pls_from_sums(learned.scatter, learned.products, components, n=rest.n)
        held, shares = fold.about(rest.mean), rest.counts / rest.n - whole.counts / whole.n
        inside += np.einsum("mq,mq->q", held.products, weights) + fold.counts * shares
        total += held.total @ weights + fold.n * shares
    return thresholds_between(inside, total, whole.counts, whole.n)


def _discriminants(components: int, centred: Moments, k: int) -> _Fitted:
    """`PrincipalDiscriminant` for every labeling; the components are theirs all."""
    n, m = centred.n, centred.scatter.shape[0]
    most = min(components, m)
    values, vectors = scipy.linalg.eigh(centred.scatter, subset_by_index=[m - most, m - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int((values > max(values[0], 0.0) * max(n, m) * _EPS).sum())
    basis = vectors[:, :rank] / np.sqrt(values[:rank])
    weights, thresholds = np.zeros_like(centred.products), np.zeros_like(centred.counts)
    inside = np.zeros((rank, centred.counts.size))
    for first in range(0, centred.counts.size, k):
        own = first + np.flatnonzero(centred.counts[first : first + k])
        kept = slice(0, max(min(rank, n - own.size), min(1, rank)))
        counts = centred.counts[own]
        means = (basis[:, kept].T @ centred.products[:, own]) / counts
        within = (np.eye(len(means)) - (means * counts) @ means.T) / max(n - own.size, 1)
        floor = 1e-6 * np.trace(within) / max(len(within), 1) or 1.0
        inside[kept, own] = np.linalg.solve(within + floor * np.eye(len(within)), means)
        thresholds[own] = (means * inside[kept, own]).sum(axis=0) / 2
        weights[:, own] = basis @ inside[:, own]
    return _Fitted(weights, thresholds, basis=basis, inside=inside)


def _set_classifier(classifier: Any, classes: npt.NDArray[Any], mean: Floats, fitted: _Fitted, k: int) -> None:
    classifier.classes_, classifier.mean_, classifier.n_features_in_ = classes, mean, mean.size
    classifier.thresholds_ = fitted.thresholds[:k]
    if isinstance(classifier, PrincipalDiscriminant) and fitted.basis is not None and fitted.inside is not None:
        classifier.basis_, classifier.weights_ = fitted.basis, fitted.inside[:, :k]
    else:
        classifier.weights_ = fitted.weights[:, :k]


def _onto(turn: Floats, weights: Floats) -> Floats:
    return turn[:, None] * weights if turn.ndim == 1 else np.asarray(turn @ weights)


def _times(triangle: Floats, turn: Floats) -> Floats:
    """Give what takes spectra before the turn; a square result is made a triangle again, which keeps all norms."""
    if turn.ndim == 1:
        return np.asfortranarray(triangle * turn)
    found = triangle @ turn.T
    if found.shape[0] == found.shape[1]:
        found = scipy.linalg.qr(found, mode="r", check_finite=False)[0]
    return np.asfortranarray(found)
