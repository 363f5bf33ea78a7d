"""Ridge and partial least squares on class indicators, exact and without iteration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize

Floats = npt.NDArray[np.float64]


def penalty_unit(eigenvalues: Floats, *, n: int) -> float:
    """Find the λ that leaves ridge on n spectra n·r/(n + 2r) effective degrees of freedom, r the rank.

    A third of n where d >> n, near least squares where n >> d, whatever the unit of intensity; it never sees
    labels (effective degrees of freedom: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning,
    2nd ed., section 3.4.1).

    Args:
        eigenvalues: Ascending, of the centred spectra.
        n: Number of spectra.
    """
    top = float(eigenvalues[-1])
    positive = eigenvalues[eigenvalues > top * max(n, eigenvalues.size) * np.finfo(np.float64).eps]
    if positive.size == 0:
        return 1.0
    target = n * positive.size / (n + 2 * positive.size)

    def excess(logarithm: float) -> float:
        return float((positive / (positive + np.exp(logarithm))).sum()) - target

    low, high = float(np.log(positive[0] * 1e-6)), float(np.log(top * n))
    return float(np.exp(scipy.optimize.brentq(excess, low, high, xtol=1e-9)))


def ridge_weights(centred: Floats, indicators: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Regress centred indicators on centred spectra; also score every spectrum as if it had been left out.

    Left-out scores are y − (y − ŷ)/(1 − h) with h the leverage, intercept included (Allen's PRESS identity:
    equal to n refits with the same λ).

    Args:
        centred: n × d, columns of mean 0.
        indicators: n × k, one 1 a row.
        penalty: λ in units of `penalty_unit`.

    Returns:
        Weights d × k; left-out scores n × k, less the class shares.
    """
    n, d = centred.shape
    target = indicators - indicators.mean(axis=0)
    values, vectors = scipy.linalg.eigh(centred @ centred.T if d > n else centred.T @ centred)
    shrunk = np.clip(values, 0, None) + penalty * penalty_unit(values, n=n)
    if d > n:
        dual = vectors @ ((vectors.T @ target) / shrunk[:, None])
        weights, fitted = centred.T @ dual, vectors @ (values[:, None] * (vectors.T @ dual))
        leverage = (vectors**2) @ (values / shrunk)
    else:
        scores = centred @ vectors
        weights = vectors @ ((scores.T @ target) / shrunk[:, None])
        fitted, leverage = centred @ weights, (scores**2) @ (1 / shrunk)
    remaining = np.maximum(1 - leverage - 1 / n, np.finfo(np.float64).eps)
    return weights, target - (target - fitted) / remaining[:, None]


def ridge_from_sums(scatter: Floats, covariance: Floats, *, n: int, penalty: float) -> tuple[Floats, Floats]:
    """Give what `ridge_weights` gives, from sums over the spectra.

    Args:
        scatter: d × d, centred XᵀX.
        covariance: d × k, XᵀY, both centred.
        n: Number of spectra.
        penalty: λ in units of `penalty_unit`.

    Returns:
        Weights d × k; an upper triangle R, d × d, with which the leverage of a centred spectrum z (less 1/n) is ‖Rz‖².
    """
    values, vectors = scipy.linalg.eigh(scatter)
    shrunk = np.clip(values, 0, None) + penalty * penalty_unit(values, n=n)
    weights = vectors @ ((vectors.T @ covariance) / shrunk[:, None])
    triangle = scipy.linalg.qr((vectors / np.sqrt(shrunk)).T, mode="r", check_finite=False)[0]
    return weights, np.asfortranarray(triangle)


def pls_weights(centred: Floats, indicators: Floats, components: int) -> Floats:
    """Regress centred indicators on centred spectra by PLS2, components as long as the rank allows.

    Each weight vector is the leading left singular vector of XᵀY, taken exactly from the k × k matrix
    YᵀXXᵀY where NIPALS iterates towards it (Wold, Sjöström & Eriksson, Chemom. Intell. Lab. Syst. 58:109,
    2001). Y is not deflated: scores of different components are orthogonal, so XᵀY would not change.

    Args:
        centred: n × d, columns of mean 0.
        indicators: n × k.
        components: At most so many latent variables.

    Returns:
        Weights d × k.
    """
    target = indicators - indicators.mean(axis=0)
    residual = centred.copy()
    floor = (np.finfo(np.float64).eps * max(centred.shape) * float(np.linalg.norm(centred))) ** 2
    parts = []
    for _ in range(min(components, centred.shape[0] - 1, centred.shape[1])):
        covariance = residual.T @ target
        direction = covariance @ np.linalg.eigh(covariance.T @ covariance)[1][:, -1]
        length = float(np.linalg.norm(direction))
        if length**2 <= floor:
            break
        direction /= length
        scores = residual @ direction
        energy = float(scores @ scores)
        if energy <= floor:
            break
        loading = residual.T @ scores / energy
        residual -= np.outer(scores, loading)
        parts.append((direction, loading, target.T @ scores / energy))
    if not parts:
        return np.zeros((centred.shape[1], indicators.shape[1]))
    w, p, q = (np.stack(vectors, axis=1) for vectors in zip(*parts, strict=True))
    return np.asarray(w @ np.linalg.solve(p.T @ w, q.T))


def pls_from_sums(scatter: Floats, covariance: Floats, components: int, *, n: int) -> Floats:
    """Give what `pls_weights` gives, from sums over the spectra.

    The second kernel algorithm of Dayal & MacGregor (J. Chemometrics 11:73, 1997): XᵀX stays as it is, and only XᵀY
    is deflated.

    Args:
        scatter: d × d, centred XᵀX.
        covariance: d × k, XᵀY, both centred.
        components: At most so many latent variables.
        n: Number of spectra.

    Returns:
        Weights d × k.
    """
    d = scatter.shape[0]
    left = covariance.copy()
    floor = (np.finfo(np.float64).eps * max(n, d)) ** 2 * float(np.trace(scatter))
    rotations, loadings, weights = np.empty((d, 0)), np.empty((d, 0)), np.zeros_like(covariance)
    for _ in range(min(components, n - 1, d)):
        direction = left @ np.linalg.eigh(left.T @ left)[1][:, -1]
        length = float(np.linalg.norm(direction))
        if length**2 <= floor:
            break
        direction /= length
        rotation = direction - rotations @ (loadings.T @ direction)
        projected = scatter @ rotation
        energy = float(rotation @ projected)
        if energy <= floor:
            break
        loading, answer = projected / energy, left.T @ rotation / energy
        left -= np.outer(projected, answer)
        weights += np.outer(rotation, answer)
        rotations, loadings = np.c_[rotations, rotation], np.c_[loadings, loading]
    return weights
