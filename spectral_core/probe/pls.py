"""PLS-DA for all labelings at once, in the dual.

Per fold the Gram matrix is centred by the training mean, so every fold is a refit. A component's scores are
t ∝ (I − TTᵀ)Ku with K the centred Gram matrix, T the earlier scores and u the combination of residual
indicators of largest covariance with the spectra: Ku of all labelings is one matrix product, which also
scores the held-out spectra (rows of K outside training follow the same recurrence). For one indicator this
is PLS1 and T spans a Krylov space of K; it is orthogonalised in full, because the two-term recurrence of
conjugate gradients loses digits on the decaying eigenvalues of spectra (de Jong, Chemometrics and
Intelligent Laboratory Systems 18:251, 1993; Rännar et al., Journal of Chemometrics 8:111, 1994). For several
classes it is PLS2 on all indicators: u is the top eigenvector of the C × C matrix YᵀKY of each labeling,
where scikit-learn's PLSRegression(scale=False) reaches it by power iterations.

Spectra are classified by the nearest training centroid in the space of fitted indicators, as by ridge, so
that margins of both mean the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.errors import AuditError
from spectral_core.probe.centroids import indicators
from spectral_core.probe.fitting import check_labelings
from spectral_core.probe.held_out import HeldOut, Judgement, collect_margins, summarise
from spectral_core.probe.primal import centred_rows
from spectral_core.probe.ridge import centred_gram
from spectral_core.probe.threads import threads_for
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
Smooth = Callable[[Floats], Floats]  # training rows × columns to K times them, training rows first, then held out
_NOTHING = 1e-10  # relative length of a component that only rounding has left
_LOST = 1e-2  # relative length from which on one orthogonalisation has left too much rounding
_WIDEST = 256  # labelings handled together,
_NUMBERS = 8_000_000  # and fewer where their scores would take more than this many numbers


@dataclass(frozen=True)
class PlsProbe:
    """The label-free half of PLS-DA, ready for any labeling and any folds.

    `matrix` is the centred Gram matrix of n spectra, or the n × d spectra themselves where n ≥ 2d (then no
    n × n matrix is ever made).
    """

    matrix: Floats
    is_gram: bool

    def margins(
        self,
        codes: Codes,
        folds: Sequence[Codes],
        n_classes: int,
        *,
        components: int,
        judged: Sequence[Codes] | None = None,
    ) -> Floats:
        """Compute each spectrum's margin under the model that has not seen its fold, for every labeling.

        Args:
            codes: n × P class codes, one labeling a column.
            folds: Spectra held out together.
            n_classes: Number of classes.
            components: Number of components; a labeling that is fitted exactly by fewer stops there.
            judged: Of each fold, the spectra whose margin counts (all of them by default).

        Returns:
            n × P margins, to be read as those of `Probe.margins`.

        Raises:
            AuditError: The codes are not n × P, a fold leaves nothing to train on, or no component is asked for.
        """
        stream = self._held_out(codes, folds, n_classes, components, (components,))
        with threads_for(self.matrix.size):
            return collect_margins((part for _, part in stream), codes.shape, judged)

    def path(
        self,
        codes: Codes,
        folds: Sequence[Codes],
        n_classes: int,
        *,
        components: int,
        judged: Sequence[Codes] | None = None,
    ) -> list[Judgement]:
        """Judge 1, 2, …, `components` components in one pass; arguments and errors as for `margins`.

        It holds `components` × n × P scores meanwhile.

        Returns:
            One judgement a number of components.
        """
        with threads_for(self.matrix.size):
            parts = list(self._held_out(codes, folds, n_classes, components, range(1, components + 1)))
            return [
                summarise((part for b, part in parts if b == a), codes.shape, n_classes, judged)
                for a in range(1, components + 1)
            ]

    def judge(
        self,
        codes: Codes,
        folds: Sequence[Codes],
        n_classes: int,
        *,
        components: int,
        judged: Sequence[Codes] | None = None,
    ) -> Judgement:
        """Compute class-balanced statistics of the margins in flat memory; arguments as for `margins`."""
        stream = self._held_out(codes, folds, n_classes, components, (components,))
        with threads_for(self.matrix.size):
            return summarise((part for _, part in stream), codes.shape, n_classes, judged)

    def _held_out(
        self, codes: Codes, folds: Sequence[Codes], n_classes: int, components: int, wanted: Sequence[int]
    ) -> Iterator[tuple[int, HeldOut]]:
        """Score held-out spectra with each wanted number of components."""
        n, p = codes.shape
        check_labelings(codes, folds, self.matrix.shape[0])
        if components < 1:
            raise AuditError("components", "at least one", str(components), "Ask for some components.")
        m = 1 if n_classes == 2 else n_classes
        width = max(1, min(_WIDEST // m, _NUMBERS // (n * components)))
        for i, fold in enumerate(folds):
            train = np.setdiff1d(np.arange(n), fold)
            smooth = (_gram_smoother if self.is_gram else _row_smoother)(self.matrix, train, fold)
            for start in range(0, p, width):
                block = slice(start, min(start + width, p))
                y = indicators(codes[train, block], n_classes)
                counts = y.sum(axis=0)
                for a, scores, sums in _components(smooth, y, fold.size, components):
                    if a in wanted:
                        yield a, HeldOut(i, fold, block, codes[fold, block], scores, sums, counts, train.size)


def fit_pls(matrix: npt.NDArray[np.floating]) -> PlsProbe:
    """Prepare PLS-DA for n × d spectra.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> codes = np.arange(40) % 2
        >>> x = rng.normal(size=(40, 100)) + codes[:, None]
        >>> margins = fit_pls(x).margins(codes[:, None], [np.arange(20), np.arange(20, 40)], 2, components=2)
        >>> bool((margins > 0).all())
        True
    """
    with threads_for(matrix.size):
        if matrix.shape[0] < 2 * matrix.shape[1]:
            return PlsProbe(centred_gram(matrix), is_gram=True)
        rows, _ = centred_rows(matrix)
        return PlsProbe(rows[np.arange(matrix.shape[0])], is_gram=False)


def _gram_smoother(gram: Floats, train: Codes, fold: Codes) -> Smooth:
    """Gram matrix of all spectra (training first) with the training ones, centred by the training mean."""
    kernel = gram[np.ix_(np.concatenate([train, fold]), train)]
    column = kernel[: train.size].mean(axis=0)
    kernel -= kernel.mean(axis=1)[:, None]
    kernel -= column - column.mean()
    return lambda y: np.asarray(kernel @ y)


def _row_smoother(rows: Floats, train: Codes, fold: Codes) -> Smooth:
    z = rows[np.concatenate([train, fold])]
    z -= z[: train.size].mean(axis=0)
    return lambda y: np.asarray(z @ (z[: train.size].T @ y))


def _components(smooth: Smooth, y: Floats, n_held: int, components: int) -> Iterator[tuple[int, Floats, Floats]]:
    """Fit component by component: its number, the scores of held-out rows and the sums of training fits."""
    n_train, p, m = y.shape
    share = y.mean(axis=0)
    residual = y - share
    scores = np.empty((components, n_train + n_held, p))
    fitted = np.broadcast_to(share, (n_held, p, m)).copy()
    sums = y.sum(axis=0)[:, :, None] * share[:, None, :]
    for a in range(components):
        t = _next_score(smooth, residual, scores[:a])
        load = np.einsum("ip,ipc->pc", t[:n_train], residual)
        residual -= t[:n_train, :, None] * load
        fitted += t[n_train:, :, None] * load
        # scores are orthogonal to the mean and to each other: class c's fits add up to (tᵀy_c) load
        sums = sums + load[:, :, None] * load[:, None, :]
        scores[a] = t
        yield a + 1, fitted.copy() if a + 1 < components else fitted, sums


def _next_score(smooth: Smooth, residual: Floats, earlier: Floats) -> Floats:
    """Unit-length scores on training rows (and what held-out rows score), zero where nothing is left to fit."""
    n_train, p, m = residual.shape
    t = smooth(residual.reshape(n_train, -1)).reshape(-1, p, m)
    t = t[:, :, 0] if m == 1 else _most_covariant(t, residual)
    before = length = _length(t[:n_train])
    for _ in range(2):
        for one in earlier:
            t -= one * np.einsum("ip,ip->p", one[:n_train], t[:n_train])
        length = _length(t[:n_train])
        if (length > _LOST * before).all():
            break
    with np.errstate(divide="ignore", invalid="ignore"):
        t *= np.where(length > _NOTHING * before, 1.0 / length, 0.0)
    return t


def _most_covariant(smoothed: Floats, residual: Floats) -> Floats:
    """Combine the indicators of each labeling so that the squared covariance with the spectra, uᵀKu, is largest."""
    covariance = np.einsum("ipc,ipd->pcd", residual, smoothed[: residual.shape[0]])
    direction = np.linalg.eigh((covariance + covariance.transpose(0, 2, 1)) / 2)[1][:, :, -1]
    return np.asarray(np.einsum("ipc,pc->ip", smoothed, direction))


def _length(t: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("ip,ip->p", t, t)))
