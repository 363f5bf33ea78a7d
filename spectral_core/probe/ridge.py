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
import scipy.optimize
import scipy.sparse

from spectral_core.errors import AuditError
from spectral_core.probe.centroids import indicators, products
from spectral_core.probe.held_out import HeldOut, collect_margins, label_blocks
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]


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
    # rounding of equal rows leaves about 1e-32: that is no variance
    return scaled_gram(gram, no_variance=z.shape[1] * 1e-28)


def scaled_gram(gram: Floats, *, no_variance: float) -> Floats:
    """Scale in place to a mean diagonal of one, or to zero where the mean diagonal is not above `no_variance`."""
    mean_diagonal = float(np.trace(gram)) / gram.shape[0]
    gram *= 1.0 / mean_diagonal if mean_diagonal > no_variance else 0.0
    return gram


def choose_penalty(gram: Floats) -> tuple[float, int]:
    """Choose λ, and count the numerical rank r, so that the fit has n·r/(n + 2r) effective degrees of freedom.

    The rule never sees labels. With more channels than spectra it spends a third of the n degrees of
    freedom, with many spectra per channel it approaches ordinary least squares, and it does not depend on
    the intensity unit (effective degrees of freedom: Hastie, Tibshirani & Friedman, The Elements of
    Statistical Learning, 2nd ed., section 3.4.1).

    Returns:
        λ on the scale of `gram`, and r.
    """
    return penalty_of_spectrum(scipy.linalg.eigvalsh(gram, check_finite=False), n=gram.shape[0])


def penalty_of_spectrum(eigenvalues: Floats, *, n: int) -> tuple[float, int]:
    """Choose λ and r as `choose_penalty` does, from ascending eigenvalues of the Gram or scatter matrix.

    The degrees of freedom are exact to 1e-10 of their number: λ does not wander with the rounding of
    another thread count.
    """
    top = float(eigenvalues[-1])
    if top <= 0.0:
        return 1.0, 0
    positive = eigenvalues[eigenvalues > top * n * np.finfo(np.float64).eps]
    target = n * positive.size / (n + 2 * positive.size)

    def excess(log_penalty: float) -> float:
        return float((positive / (positive + np.exp(log_penalty))).sum()) - target

    low, high = float(np.log(positive[0] * 1e-6)), float(np.log(top * n))
    return float(np.exp(scipy.optimize.brentq(excess, low, high, xtol=1e-12))), int(positive.size)


def hat_matrix(gram: Floats, ridge: float) -> Floats:
    """Compute H = 11ᵀ/n + Kc(Kc + λI)⁻¹ = 11ᵀ/n + I − λ(Kc + λI)⁻¹ by one Cholesky inverse."""
    complement = complement_matrix(gram, ridge)
    np.negative(complement, out=complement)
    complement[np.diag_indices_from(complement)] += 1.0
    return complement


def complement_matrix(gram: Floats, ridge: float) -> Floats:
    """Compute G = I − H = λ(Kc + λI)⁻¹ − 11ᵀ/n."""
    n = gram.shape[0]
    shifted = np.array(gram, order="F")
    shifted[np.diag_indices(n)] += ridge
    inverse = symmetric_inverse(shifted)
    inverse *= ridge
    inverse -= 1.0 / n
    return inverse


def symmetric_inverse(matrix: Floats) -> Floats:
    """Invert a symmetric positive definite matrix by Cholesky factors.

    Raises:
        AuditError: The matrix is not positive definite.
    """
    factor, info = scipy.linalg.lapack.dpotrf(matrix, lower=1, clean=0)
    if info != 0:
        raise AuditError("the probe", "a positive definite matrix", f"leading minor {info} of {matrix.shape[0]}",
                         "Check the spectra for intensities that are not finite.")  # fmt: skip
    lower = np.tril(scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)[0])
    inverse = lower + lower.T
    inverse[np.diag_indices_from(inverse)] /= 2.0
    return np.asarray(inverse)


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
                y_t, residual_t = y[fold], residual[fold]
                unseen = (inverse @ residual_t.reshape(fold.size, -1)).reshape(y_t.shape)
                counts = count - y_t.sum(axis=0)
                sums = counts[:, :, None] * np.eye(y.shape[2]) - lost + products(unseen, residual_t)
                yield HeldOut(i, fold, columns, y_t - unseen, sums, counts, n - fold.size, leverages[i])


def training_leverage(complement: Floats, unit: Codes, fold: Codes, inverse: Floats) -> float:
    """Compute the mean leverage of a training unit: of 1ᵀH_uu1/|u| over the units u outside the fold.

    Args:
        complement: G = I − H of all n spectra.
        unit: Unit of each of n spectra.
        fold: Spectra held out.
        inverse: G_TT⁻¹; the training hat matrix is I − (G_SS − G_ST G_TT⁻¹ G_TS).
    """
    train = np.setdiff1d(np.arange(unit.size), fold)
    crossing = complement[np.ix_(fold, train)]
    lost = inverse @ crossing
    names, member, sizes = np.unique(unit[train], return_inverse=True, return_counts=True)
    if names.size == train.size:
        return 1.0 - float((complement[train, train] - np.einsum("ts,ts->s", crossing, lost)).mean())
    of_unit = scipy.sparse.csr_array((np.ones(train.size), (np.arange(train.size), member)))
    inside = complement[np.ix_(train, train)] @ of_unit
    own = of_unit.T.multiply(inside.T).sum(axis=1) - np.einsum("tu,tu->u", crossing @ of_unit, lost @ of_unit)
    return 1.0 - float((own / sizes).mean())


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
    return collect_margins(
        Dual(np.eye(hat.shape[0]) - hat, units).held_out(codes, folds, n_classes), codes, folds, judged
    )  # fmt: skip
