"""The probe in the dual: ridge regression on class indicators, cross-validated in closed form for all labelings.

With Kc the doubly centred Gram matrix, H = 11ᵀ/n + Kc(Kc + λI)⁻¹ maps labels to fitted values (the
intercept is not penalised). With G = I − H, held-out residuals of a fold T are r = G_TT⁻¹ (Gy)_T: no refit,
and every labeling is one more column (Treder, arXiv:1803.10016, 2018, and the sources given there). What the
training spectra of class c are given by the model that has not seen T needs no refit either:
Σ_{S, c} f = |S_c| − y_cᵀGy + r_cᵀ(Gy)_T.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from spectral_core.errors import AuditError
from spectral_core.probe.centroids import indicators, products
from spectral_core.probe.held_out import HeldOut, collect_margins, label_blocks
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_MIRRORED = 64  # rows mirrored together: they fit the cache


def centred_gram(x: npt.ArrayLike) -> Floats:
    """Compute the Gram matrix of column-centred rows, scaled to a mean diagonal of one.

    Centring by the mean over all rows does not leak: the fold's own intercept absorbs any common shift.
    All-equal rows give the zero matrix.
    """
    values = np.asarray(x)
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if largest == 0:
        return np.zeros((values.shape[0], values.shape[0]))
    z = np.divide(values, largest, dtype=np.float64)
    z -= z.mean(axis=0)
    gram = z @ z.T
    # rounding of equal rows leaves about 1e-32: that is no variance
    return scaled_gram(gram, no_variance=z.shape[1] * 1e-28)


def scaled_gram(gram: Floats, *, no_variance: float) -> Floats:
    """Scale in place to a mean diagonal of one, or to zero where the mean diagonal is not above `no_variance`."""
    mean_diagonal = float(np.trace(gram)) / gram.shape[0]
    gram *= 1.0 / mean_diagonal if mean_diagonal > no_variance else 0.0
    return gram


def hat_matrix(gram: Floats, ridge: float) -> Floats:
    """Compute H = 11ᵀ/n + Kc(Kc + λI)⁻¹ = 11ᵀ/n + I − λ(Kc + λI)⁻¹ by one Cholesky inverse."""
    return complement_of(complement_matrix(gram, ridge))


def complement_of(matrix: Floats) -> Floats:
    """Compute I − matrix."""
    complement = np.negative(matrix)
    complement[np.diag_indices_from(complement)] += 1.0
    return complement


def complement_matrix(gram: Floats, ridge: float, *, overwrite: bool = False) -> Floats:
    """Compute G = I − H = λ(Kc + λI)⁻¹ − 11ᵀ/n, in the place of the Gram matrix if it may be overwritten."""
    n = gram.shape[0]
    shifted = gram if overwrite else gram.copy()
    shifted[np.diag_indices(n)] += ridge
    lower = _lower_inverse(shifted)
    lower *= ridge
    lower -= 1.0 / n
    return _mirrored(lower)


def symmetric_inverse(matrix: Floats) -> Floats:
    """Invert a symmetric positive definite matrix, which is overwritten, by Cholesky factors.

    Raises:
        AuditError: The matrix is not positive definite.
    """
    return _mirrored(_lower_inverse(matrix))


def _lower_inverse(matrix: Floats) -> Floats:
    """The lower triangle of the inverse (above it something else), in the place of the matrix."""
    factor, info = scipy.linalg.lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if info != 0:
        raise AuditError("the probe", "a positive definite matrix", f"leading minor {info} of {matrix.shape[0]}",
                         "Check the spectra for intensities that are not finite.")  # fmt: skip
    return np.asarray(scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)[0])


def _mirrored(lower: Floats) -> Floats:
    """Copy the lower triangle to the upper one, in place and block by block."""
    n = lower.shape[0]
    for start in range(0, n, _MIRRORED):
        stop = min(start + _MIRRORED, n)
        lower[start:stop, stop:] = lower[stop:, start:stop].T
        block = np.tril(lower[start:stop, start:stop])
        block += np.tril(block, -1).T
        lower[start:stop, start:stop] = block
    return lower.T  # the same numbers, row after row in memory


@dataclass(frozen=True)
class Dual:
    """The probe through n × n matrices: `complement` is G = I − H, `unit` the unit of each of n spectra."""

    complement: Floats
    unit: Codes

    def held_out(self, codes: Codes, folds: Sequence[Codes], n_classes: int) -> Iterator[HeldOut]:
        """Score every held-out spectrum under every labeling (n × P codes)."""
        n, p = codes.shape
        inverses = [symmetric_inverse(self.complement[np.ix_(fold, fold)]) for fold in folds]
        leverages = [
            training_leverage(self.complement, self.unit, fold, inverse)
            for fold, inverse in zip(folds, inverses, strict=True)
        ]  # fmt: skip
        for columns in label_blocks(n, p, 1 if n_classes == 2 else n_classes):
            y = indicators(codes[:, columns], n_classes)
            residual = (self.complement @ y.reshape(n, -1)).reshape(y.shape)
            count = y.sum(axis=0)
            lost = products(y, residual)
            for i, (fold, inverse) in enumerate(zip(folds, inverses, strict=True)):
                own, residual_t = codes[fold, columns], residual[fold]
                scores = indicators(own, n_classes)
                unseen = (inverse @ residual_t.reshape(fold.size, -1)).reshape(scores.shape)
                counts = count - scores.sum(axis=0)
                sums = counts[:, :, None] * np.eye(scores.shape[2]) - lost + products(unseen, residual_t)
                scores -= unseen
                yield HeldOut(i, fold, columns, own, scores, sums, counts, n - fold.size, leverages[i])


def training_leverage(complement: Floats, unit: Codes, fold: Codes, inverse: Floats) -> float:
    """Compute the mean leverage of a training unit: of 1ᵀH_uu1/|u| over the units u outside the fold.

    Args:
        complement: G = I − H of all n spectra.
        unit: Unit of each of n spectra.
        fold: Spectra held out.
        inverse: G_TT⁻¹; the training hat matrix is I − (G_SS − G_ST G_TT⁻¹ G_TS).
    """
    train = np.setdiff1d(np.arange(unit.size), fold)
    crossing = complement[fold].take(train, axis=1)
    names, member, sizes = np.unique(unit[train], return_inverse=True, return_counts=True)
    own = complement[train, train]
    if names.size < train.size:
        of_unit = scipy.sparse.csr_array((1.0 / np.sqrt(sizes[member]), (np.arange(train.size), member)))
        pairs = (of_unit @ of_unit.T).tocoo()  # of spectra of one unit, 1/|u| each
        own = pairs.data * complement[train[pairs.row], train[pairs.col]]
        crossing = crossing @ of_unit
    lost = np.vdot(inverse, crossing @ crossing.T)  # the trace of CᵀG_TT⁻¹C
    return 1.0 - float(own.sum() - lost) / names.size


def held_out_margins(
    hat: Floats,
    codes: Codes,
    folds: Sequence[Codes],
    n_classes: int,
    *,
    judged: Sequence[Codes] | None = None,
    unit: Codes | None = None,
) -> Floats:
    """Compute each spectrum's margin under the model that has not seen its fold, for every labeling.

    See `centroid_margins` for how to read a margin.

    Args:
        hat: n × n hat matrix.
        codes: n × P class codes, one labeling a column.
        folds: Spectra held out together.
        n_classes: Number of classes.
        judged: Of each fold, the spectra whose margin counts (all of them by default); together they
            cover each spectrum at most once. The others are only kept out of training.
        unit: Unit of each spectrum, each its own by default.

    Returns:
        n × P margins; NaN for spectra that no fold judges.
    """
    units = np.arange(hat.shape[0]) if unit is None else unit
    dual = Dual(complement_of(hat), units)
    return collect_margins(dual.held_out(codes, folds, n_classes), codes.shape, judged)
