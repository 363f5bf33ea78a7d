"""From scores to margins: a spectrum belongs to the class whose training centroid is nearest.

For two classes that is the midpoint of the projected class means, so class imbalance does not move the
threshold.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_SAME = 1e-10  # centroids closer than this, on the scale of class indicators, are one point


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


def centroid_margins(scores: Floats, sums: Floats, counts: Floats, n_train: int, own: Codes) -> Floats:
    """Compute margins of held-out spectra, −1 to 1, from their scores.

    The margin is the difference of squared distances to the nearest other and to the own training centroid
    over the squared distance between the two: 1 at the own centroid, 0 on the border. It is −1 where
    training holds no spectrum of the own class, 1 where it holds no other class.

    Args:
        scores: t × P × m held-out fitted indicators.
        sums: P × m × m, entry (c, e): indicator e as fitted, summed over the training spectra of class c.
        counts: P × m training spectra of each class.
        n_train: Number of training spectra.
        own: t × P class codes of the held-out spectra.

    Returns:
        t × P margins.
    """
    if scores.shape[2] == 1:
        return _two_classes(scores[:, :, 0], sums[:, 0, 0], counts[:, 0], n_train, own)
    with np.errstate(divide="ignore", invalid="ignore"):
        centroids = sums / counts[:, :, None]
    centroids[counts == 0] = np.nan  # a class without training rows has no centroid
    return _many_classes(scores, centroids, own)


def _two_classes(scores: Floats, ones: Floats, n_one: Floats, n_train: int, own: Codes) -> Floats:
    """One indicator column says all: the other is one minus it."""
    n_zero = n_train - n_one
    with np.errstate(divide="ignore", invalid="ignore"):
        # the intercept makes training fits add up to the training labels
        one, zero = ones / n_one, (n_one - ones) / n_zero
        slope = 2.0 / (one - zero)
        offset = -(one + zero) / (one - zero)
    apart = np.abs(one - zero) >= _SAME  # false for NaN too
    sign = own * 2.0 - 1.0
    margin = scores * np.where(apart, slope, 0.0)
    margin += np.where(apart, offset, 0.0)
    margin *= sign
    np.clip(margin, -1.0, 1.0, out=margin)
    for lonely, present in ((n_zero == 0, 1.0), (n_one == 0, -1.0)):
        margin[:, lonely] = np.where(sign[:, lonely] == present, 1.0, -1.0)
    return margin


def _many_classes(scores: Floats, centroids: Floats, own: Codes) -> Floats:
    """Margins of t × P × C scores against P × C × C centroids."""
    # squared distances |f|² − 2 f·μ + |μ|²; |f|² is common to all classes and left out
    distance = (centroids**2).sum(axis=2)[None] - 2.0 * np.einsum("ipd,pcd->ipc", scores, centroids)
    distance = np.where(np.isnan(distance), np.inf, distance)
    own_distance = np.take_along_axis(distance, own[:, :, None], axis=2)[:, :, 0]
    others = np.where(own[:, :, None] == np.arange(centroids.shape[1]), np.inf, distance)
    rival, rival_distance = others.argmin(axis=2), others.min(axis=2)
    labeling = np.arange(own.shape[1])
    between = ((centroids[labeling, own] - centroids[labeling, rival]) ** 2).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = np.clip(np.nan_to_num((rival_distance - own_distance) / between, nan=0.0), -1.0, 1.0)
    margin[between < _SAME**2] = 0.0
    margin = np.where(np.isinf(rival_distance), 1.0, margin)
    return np.where(np.isinf(own_distance), -1.0, margin)
