"""The probe: ridge regression on class indicators, cross-validated in closed form for all labelings.

With Kc the doubly centred Gram matrix, H = 11ᵀ/n + Kc(Kc + λI)⁻¹ maps labels to fitted values (the
intercept is not penalised). Held-out residuals of a fold T are (I − H_TT)⁻¹ (y − Hy)_T: no refit, and every
labeling is one more column (Treder, arXiv:1803.10016, 2018, and the sources given there). A spectrum belongs
to the class whose training centroid is nearest in the space of fitted values: for two classes the midpoint
of the projected class means, so class imbalance does not move the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize

from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_SAME = 1e-10  # centroids closer than this, on the scale of class indicators, are one point
_BLOCK = 512  # labelings handled together: n × block × classes numbers stay in tens of megabytes


def centred_gram(x: npt.ArrayLike) -> Floats:
    """Compute the Gram matrix of column-centred rows, scaled to a mean diagonal of one.

    Centring by the mean over all rows does not leak: the fold's own intercept absorbs any common shift.
    All-equal rows give the zero matrix.
    """
    z = np.array(x, dtype=np.float64)
    largest = np.abs(z).max(initial=0.0)
    if largest == 0:
        return np.zeros((z.shape[0], z.shape[0]))
    z /= largest
    z -= z.mean(axis=0)
    gram = z @ z.T
    mean_diagonal = float(np.trace(gram)) / gram.shape[0]
    # rounding of equal rows leaves about 1e-32: that is no variance
    return np.asarray(gram / mean_diagonal) if mean_diagonal > z.shape[1] * 1e-28 else np.zeros_like(gram)


def choose_penalty(gram: Floats) -> tuple[float, int]:
    """Choose λ, and count the numerical rank r, so that the fit has n·r/(n + 2r) effective degrees of freedom.

    The rule never sees labels. With more channels than spectra it spends a third of the n degrees of
    freedom, with many spectra per channel it approaches ordinary least squares, and it does not depend on
    the intensity unit (effective degrees of freedom: Hastie, Tibshirani & Friedman, The Elements of
    Statistical Learning, 2nd ed., section 3.4.1).

    Returns:
        λ on the scale of `gram`, and r.
    """
    n = gram.shape[0]
    eigenvalues = np.clip(scipy.linalg.eigvalsh(gram), 0.0, None)
    top = float(eigenvalues[-1])
    if top == 0.0:
        return 1.0, 0
    positive = eigenvalues[eigenvalues > top * n * np.finfo(np.float64).eps]
    target = n * positive.size / (n + 2 * positive.size)

    def excess(log_penalty: float) -> float:
        spent: Floats = positive / (positive + np.exp(log_penalty))
        return float(spent.sum()) - target

    low, high = float(np.log(positive[0] * 1e-6)), float(np.log(top * n))
    return float(np.exp(scipy.optimize.brentq(excess, low, high, xtol=1e-6))), int(positive.size)


def hat_matrix(gram: Floats, ridge: float) -> Floats:
    """Compute H = 11ᵀ/n + Kc(Kc + λI)⁻¹ = 11ᵀ/n + I − λ(Kc + λI)⁻¹ by one Cholesky inverse."""
    n = gram.shape[0]
    factor, _ = scipy.linalg.lapack.dpotrf(gram + ridge * np.eye(n), lower=1)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    hat = -ridge * inverse
    hat[np.diag_indices(n)] += 1.0
    return np.asarray(hat + 1.0 / n)


def held_out_margins(
    hat: Floats,
    codes: Codes,
    folds: Sequence[Codes],
    n_classes: int,
    *,
    judged: Sequence[Codes] | None = None,
) -> Floats:
    """Compute each spectrum's margin under the model that has not seen its fold, for every labeling.

    The margin is the difference of squared distances to the nearest other and to the own training centroid
    over the squared distance between the two, clipped to [−1, 1]: 1 at the own centroid, 0 on the border.
    It is −1 where training holds no spectrum of the own class, 1 where it holds no other class.

    Args:
        hat: n × n hat matrix.
        codes: n × P class codes, one labeling a column.
        folds: Spectra held out together.
        n_classes: Number of classes.
        judged: Of each fold, the spectra whose margin counts (all of them by default); together they
            cover each spectrum at most once. The others are only kept out of training.

    Returns:
        n × P margins; NaN for spectra that no fold judges.
    """
    n, p = codes.shape
    margins = np.full((n, p), np.nan)
    judged = folds if judged is None else judged
    fold_margins = _two_classes if n_classes == 2 else _many_classes
    width = max(1, _BLOCK // (n_classes - 1))
    for start in range(0, p, width):
        columns = slice(start, start + width)
        per_fold = fold_margins(hat, codes[:, columns], folds, n_classes)
        for (fold, values), rows in zip(per_fold, judged, strict=True):
            margins[rows, columns] = values[np.isin(fold, rows)]
    return margins


def _two_classes(hat: Floats, codes: Codes, folds: Sequence[Codes], _n_classes: int) -> Iterator[tuple[Codes, Floats]]:
    """One indicator column says all: the other is one minus it."""
    y = codes.astype(np.float64)
    fitted = hat @ y
    projected, count = (y * fitted).sum(axis=0), y.sum(axis=0)
    for fold in folds:
        y_t, fitted_t = y[fold], fitted[fold]
        h_tt, residual = _held_out_residuals(hat, fold, y_t - fitted_t)
        # Σ_{i in S} y f = Σ_S y(Hy) − (H_TS y_S)ᵀ r: what training rows are given once T is left out
        ones = projected - (y_t * fitted_t).sum(axis=0) - ((fitted_t - h_tt @ y_t) * residual).sum(axis=0)
        n_one = count - y_t.sum(axis=0)
        n_zero = y.shape[0] - fold.size - n_one
        with np.errstate(divide="ignore", invalid="ignore"):
            # the intercept makes training fits add up to the training labels
            one, zero = ones / n_one, (n_one - ones) / n_zero
            score = (2 * (y_t - residual) - one - zero) / (one - zero)
            score[:, np.abs(one - zero) < _SAME] = 0.0
        margin = np.clip(np.nan_to_num(np.where(y_t == 1, score, -score), nan=0.0), -1.0, 1.0)
        margin = np.where(np.where(y_t == 1, n_one, n_zero) == 0, -1.0, margin)
        yield fold, np.where(np.where(y_t == 1, n_zero, n_one) == 0, 1.0, margin)


def _many_classes(hat: Floats, codes: Codes, folds: Sequence[Codes], n_classes: int) -> Iterator[tuple[Codes, Floats]]:
    n = codes.shape[0]
    y = (codes[:, :, None] == np.arange(n_classes)).astype(np.float64)
    fitted = (hat @ y.reshape(n, -1)).reshape(y.shape)
    projected, count = np.einsum("ipc,ipd->pcd", y, fitted), y.sum(axis=0)
    for fold in folds:
        y_t, fitted_t = y[fold], fitted[fold]
        h_tt, flat = _held_out_residuals(hat, fold, (y_t - fitted_t).reshape(fold.size, -1))
        residual = flat.reshape(y_t.shape)
        from_training = fitted_t - (h_tt @ y_t.reshape(fold.size, -1)).reshape(y_t.shape)
        sums = projected - np.einsum("ipc,ipd->pcd", y_t, fitted_t)
        sums -= np.einsum("ipc,ipd->pcd", from_training, residual)
        with np.errstate(divide="ignore", invalid="ignore"):
            centroids = sums / (count - y_t.sum(axis=0))[:, :, None]
        centroids[count - y_t.sum(axis=0) == 0] = np.nan  # a class without training rows has no centroid
        yield fold, _nearest_centroid_margins(y_t - residual, centroids, codes[fold])


def _held_out_residuals(hat: Floats, fold: Codes, residual: Floats) -> tuple[Floats, Floats]:
    h_tt = hat[np.ix_(fold, fold)]
    return h_tt, scipy.linalg.solve(np.eye(fold.size) - h_tt, residual, assume_a="pos", check_finite=False)


def _nearest_centroid_margins(scores: Floats, centroids: Floats, own: Codes) -> Floats:
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
