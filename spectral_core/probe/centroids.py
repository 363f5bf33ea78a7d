"""From scores to margins: a spectrum belongs to the class whose centroid is nearest along the line between two.

With more channels than spectra a model nearly repeats the labels it was trained on, while spectra it has not
seen score close to the overall mean: with unequal classes the midpoint of the training centroids then gives
every spectrum to the larger class. Centroids are therefore placed where unseen spectra of a class would
score, (μ − h·e)/(1 − h), with μ the training centroid, e the class's indicator and h the mean leverage of a
training unit: the leave-one-out residual with every leverage at its mean, as in generalised
cross-validation (Golub, Heath & Wahba, Technometrics 21:215, 1979). The direction from class to class stays
that of the training centroids.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_SAME = 1e-10  # centroids closer than this, on the scale of class indicators, are one point
_BORDER = 1e-7  # margins closer to the border than this are on it, whatever the rounding


def indicators(codes: Codes, n_classes: int) -> Floats:
    """Write codes as class indicators, t × P × m: one column for two classes, else one a class."""
    if n_classes == 2:
        return np.asarray(codes[:, :, None], dtype=np.float64)
    return np.asarray(codes[:, :, None] == np.arange(n_classes), dtype=np.float64)


def products(a: Floats, b: Floats) -> Floats:
    """Sum a_i b_iᵀ over spectra i: t × P × m and t × P × m give P × m × m."""
    if a.shape[2] == 1:
        return np.asarray(np.einsum("ip,ip->p", a[:, :, 0], b[:, :, 0])[:, None, None])
    return np.asarray(np.einsum("ipc,ipd->pcd", a, b))


def centroid_margins(
    scores: Floats, sums: Floats, counts: Floats, n_train: int, own: Codes, *, leverage: float = 0.0
) -> Floats:
    """Compute margins of held-out spectra, −1 to 1, from their scores.

    The margin is the difference of squared distances to the nearest other and to the own centroid over the
    squared distance between the two training centroids: 0 on the border, 1 as far from it as a training
    centroid. It is −1 where training holds no spectrum of the own class, 1 where it holds no other class.

    Args:
        scores: t × P × m held-out fitted indicators.
        sums: P × m × m, entry (c, e): indicator e as fitted, summed over the training spectra of class c.
        counts: P × m training spectra of each class.
        n_train: Number of training spectra.
        own: t × P class codes of the held-out spectra.
        leverage: Mean leverage of a training unit, 0 ≤ h < 1: how far training repeats its own labels.

    Returns:
        t × P margins.
    """
    if scores.shape[2] == 1:
        return _snapped(_two_classes(scores[:, :, 0], sums[:, 0, 0], counts[:, 0], n_train, own, leverage))
    with np.errstate(divide="ignore", invalid="ignore"):
        centroids = sums / counts[:, :, None]
    centroids[counts == 0] = np.nan  # a class without training rows has no centroid
    return _snapped(_many_classes(scores, centroids, own, leverage))


def _snapped(margin: Floats) -> Floats:
    """Put margins that only rounding has moved off the border back on it, in place."""
    if np.count_nonzero(margin > -_BORDER) > np.count_nonzero(margin >= _BORDER):
        margin[np.abs(margin) < _BORDER] = 0.0
    return margin


def _two_classes(scores: Floats, ones: Floats, n_one: Floats, n_train: int, own: Codes, leverage: float) -> Floats:
    """One indicator column says all: the other is one minus it."""
    n_zero = n_train - n_one
    with np.errstate(divide="ignore", invalid="ignore"):
        # the intercept makes training fits add up to the training labels
        one, zero = ones / n_one, (n_one - ones) / n_zero
        slope = 2.0 / (one - zero)
        offset = -(one + zero - leverage) / (1.0 - leverage) / (one - zero)
    apart = np.abs(one - zero) >= _SAME  # false for NaN too
    sign = np.multiply(own, 2.0)
    sign -= 1.0
    margin = scores * np.where(apart, slope, 0.0)
    margin += np.where(apart, offset, 0.0)
    margin *= sign
    np.clip(margin, -1.0, 1.0, out=margin)
    for lonely, present in ((n_zero == 0, 1.0), (n_one == 0, -1.0)):
        if lonely.any():
            margin[:, lonely] = np.where(sign[:, lonely] == present, 1.0, -1.0)
    return margin


def _many_classes(scores: Floats, centroids: Floats, own: Codes, leverage: float) -> Floats:
    """Margins of t × P × C scores against P × C × C centroids."""
    n_classes = centroids.shape[1]
    unseen = (centroids - leverage * np.eye(n_classes)) / (1.0 - leverage)
    projected = np.einsum("ipd,pcd->ipc", scores, centroids)
    among = np.einsum("pad,pbd->pab", centroids, unseen)
    at = np.einsum("paa->pa", among)
    border = (at[:, :, None] - at[:, None, :] + among - among.transpose(0, 2, 1)) / 2.0
    between = ((centroids[:, :, None] - centroids[:, None, :]) ** 2).sum(axis=3)
    labeling = np.arange(own.shape[1])
    mine = np.take_along_axis(projected, own[:, :, None], axis=2)
    ahead = 2.0 * (mine - projected - border[labeling, own])
    missing = np.isnan(centroids[:, :, 0])
    ahead[np.broadcast_to(missing[None], ahead.shape)] = np.inf  # no centroid, no rival
    np.put_along_axis(ahead, own[:, :, None], np.inf, axis=2)
    rival, lead = ahead.argmin(axis=2), ahead.min(axis=2)
    apart = between[labeling, own, rival]
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = np.clip(lead / apart, -1.0, 1.0)
    margin[apart < _SAME**2] = 0.0
    margin = np.where(np.isinf(lead), 1.0, margin)
    return np.where(missing[labeling, own], -1.0, margin)
