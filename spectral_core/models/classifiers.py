"""Own classifiers for many channels and few spectra; scikit-learn estimators, checked by `check_estimator`.

Why own: a linear rule learned from d >> n spectra fits its training spectra almost exactly, so a threshold
midway between the *training* scores of two classes of different size cuts off the smaller class. Simulated
with 90 spectra against 10, d = 1,000: balanced accuracy 0.50 so, 0.87 with the threshold midway between
*held-out* class means, which is what the two indicator regressions here use.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from spectral_core.models.regression import pls_weights, ridge_weights

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


class _ByClassScore(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predict the class of the largest score; one training class alone is always predicted."""

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn from n × d intensities and n labels of any type."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self._learn(np.asarray(X), codes)
        return self

    def decision_function(self, X: npt.ArrayLike) -> Floats:
        """Score spectra: n × classes, the largest wins; for two classes n, positive means the second."""
        scores = self._class_scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Name the class of each of n spectra."""
        best = self._class_scores(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _class_scores(self, X: npt.ArrayLike) -> Floats:
        check_is_fitted(self)
        return self._score(validate_data(self, X, dtype=np.float64, reset=False))

    def _learn(self, X: Floats, codes: Codes) -> None:
        raise NotImplementedError

    def _score(self, X: Floats) -> Floats:
        raise NotImplementedError


class RidgeDiscriminant(_ByClassScore):
    """Ridge regression on centred class indicators, thresholds from leave-one-out scores.

    Args:
        penalty: λ in units of the one that leaves n·r/(n + 2r) effective degrees of freedom, r the rank: a
            third of n where d >> n. Neither the unit of intensity nor the labels change it.
    """

    def __init__(self, penalty: float = 1.0) -> None:
        self.penalty = penalty

    def _learn(self, X: Floats, codes: Codes) -> None:
        if not self.penalty > 0:
            raise ValueError(f"penalty above 0 expected, found {self.penalty!r}")
        indicators = np.eye(self.classes_.size)[codes]
        self.mean_ = X.mean(axis=0)
        self.weights_, held_out = ridge_weights(X - self.mean_, indicators, self.penalty)
        self.thresholds_ = _midpoints(held_out, indicators)

    def _score(self, X: Floats) -> Floats:
        return np.asarray((X - self.mean_) @ self.weights_ - self.thresholds_)


class PlsDiscriminant(_ByClassScore):
    """Partial least squares on centred class indicators (PLS-DA), thresholds from inner held-out scores.

    Args:
        components: Latent variables, capped at the rank of the training spectra.
    """

    def __init__(self, components: int = 10) -> None:
        self.components = components

    def _learn(self, X: Floats, codes: Codes) -> None:
        if self.components < 1:
            raise ValueError(f"components of at least 1 expected, found {self.components!r}")
        indicators = np.eye(self.classes_.size)[codes]
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        self.weights_ = pls_weights(centred, indicators, self.components)
        self.thresholds_ = _midpoints(_pls_held_out(centred, indicators, codes, self.components), indicators)

    def _score(self, X: Floats) -> Floats:
        return np.asarray((X - self.mean_) @ self.weights_ - self.thresholds_)


class PrincipalDiscriminant(_ByClassScore):
    """Linear discriminant analysis of the first principal components (PCA-LDA), equal priors.

    The pooled within-class covariance of the whitened components is inverted with 1e-6 of its mean diagonal
    added, which decides only where a component has no variance left inside the classes.

    Args:
        components: Principal components, capped at the rank and at n - classes.
    """

    def __init__(self, components: int = 10) -> None:
        self.components = components

    def _learn(self, X: Floats, codes: Codes) -> None:
        if self.components < 1:
            raise ValueError(f"components of at least 1 expected, found {self.components!r}")
        n, k = X.shape[0], self.classes_.size
        self.mean_ = X.mean(axis=0)
        left, singular, right = np.linalg.svd(X - self.mean_, full_matrices=False)
        rank = int((singular > singular.max(initial=0) * max(X.shape) * np.finfo(float).eps).sum())
        kept = slice(0, max(min(self.components, rank, n - k), min(1, rank)))
        scores, self.basis_ = left[:, kept], right[kept].T / singular[kept]
        means = np.stack([scores[codes == c].mean(axis=0) for c in range(k)])
        residuals = scores - means[codes]
        within = residuals.T @ residuals / max(n - k, 1)
        floor = 1e-6 * np.trace(within) / max(len(within), 1) or 1.0
        self.weights_ = np.linalg.solve(within + floor * np.eye(len(within)), means.T)
        self.thresholds_ = (means.T * self.weights_).sum(axis=0) / 2

    def _score(self, X: Floats) -> Floats:
        return np.asarray((X - self.mean_) @ self.basis_ @ self.weights_ - self.thresholds_)


class BalancedNeighbours(_ByClassScore):
    """Votes of the nearest spectra (Euclidean), each vote worth one over the size of its class.

    Args:
        neighbours: How many vote, capped at the number of training spectra.
    """

    def __init__(self, neighbours: int = 5) -> None:
        self.neighbours = neighbours

    def _learn(self, X: Floats, codes: Codes) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours of at least 1 expected, found {self.neighbours!r}")
        self.mean_ = X.mean(axis=0)
        self.votes_ = np.eye(self.classes_.size)[codes] / np.bincount(codes)
        nearest = NearestNeighbors(n_neighbors=min(self.neighbours, len(X)), algorithm="brute")
        self.nearest_ = nearest.fit(X - self.mean_)

    def _score(self, X: Floats) -> Floats:
        near = self.nearest_.kneighbors(X - self.mean_, return_distance=False)
        return np.asarray(self.votes_[near].sum(axis=1))


class BalancedForest(_ByClassScore):
    """scikit-learn's random forest on class codes, every class of the same weight.

    Given class names that look like numbers ("1", "2"), scikit-learn 1.9 takes them for numbers and refuses to
    balance them; codes keep clear of that.

    Args:
        trees: How many.
        random_state: Of bootstrap and choice of channels.
    """

    def __init__(self, trees: int = 100, *, random_state: int | None) -> None:
        self.trees = trees
        self.random_state = random_state

    def _learn(self, X: Floats, codes: Codes) -> None:
        forest = RandomForestClassifier(self.trees, class_weight="balanced", n_jobs=1, random_state=self.random_state)
        self.forest_ = forest.fit(X, codes)

    def _score(self, X: Floats) -> Floats:
        return np.asarray(self.forest_.predict_proba(X))


def _midpoints(held_out: Floats, indicators: Floats) -> Floats:
    """For each class, half way between the mean held-out score of its spectra and of all others."""
    own = indicators.sum(axis=0)
    others = np.maximum(len(indicators) - own, 1)
    inside = (held_out * indicators).sum(axis=0) / own
    outside = (held_out * (1 - indicators)).sum(axis=0) / others
    return np.asarray((inside + outside) / 2)


def inner_folds(codes: Codes) -> Codes:
    """Deal spectra into five folds class by class, in the order in which they come.

    Example:
        >>> inner_folds(np.array([1, 0, 1, 0, 1, 1, 1])).tolist()
        [2, 0, 3, 1, 4, 0, 1]
    """
    order = np.argsort(codes, kind="stable")
    fold = np.empty(len(codes), dtype=np.intp)
    fold[order] = np.arange(len(codes)) % min(5, len(codes))
    return fold


def _pls_held_out(centred: Floats, indicators: Floats, codes: Codes, components: int) -> Floats:
    """Scores of spectra by weights learned without them."""
    fold = inner_folds(codes)
    held_out = np.zeros_like(indicators)
    for f in range(int(fold.max()) + 1):
        test, train = fold == f, fold != f
        if train.any():
            mean = centred[train].mean(axis=0)
            weights = pls_weights(centred[train] - mean, indicators[train], components)
            shares = indicators[train].mean(axis=0) - indicators.mean(axis=0)
            held_out[test] = (centred[test] - mean) @ weights + shares
    return held_out
