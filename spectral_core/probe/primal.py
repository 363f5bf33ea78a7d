"""The probe in the primal, for more spectra than channels: from sums of XᵀX and XᵀY, no n × n matrix.

With A = Σ zzᵀ, B = Σ zyᵀ and s = Σ z over the training spectra of a fold (the sums over all spectra less
those over the fold), the fold's own model is W = (A − ssᵀ/|S| + λI)⁻¹(B − s·|S_c|/|S|), the same as in the
dual. Spectra are read a few thousand at a time; every permutation is one more column of Y.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from spectral_core.probe.centroids import indicators
from spectral_core.probe.held_out import HeldOut, label_blocks
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_READ = 4096  # spectra read together


@dataclass(frozen=True)
class Rows:
    """Spectra as the probe sees them, z = (x − shift)·scale, in float64 and only when asked for."""

    x: npt.NDArray[np.floating]
    shift: Floats
    scale: float

    def __getitem__(self, rows: Codes) -> Floats:
        z = self.x[rows].astype(np.float64)
        z -= self.shift
        z *= self.scale
        return z


@dataclass(frozen=True)
class Sums:
    """Sums over some spectra: how many, Σz (d) and Σzzᵀ (d × d)."""

    n: int
    total: Floats
    scatter: Floats


def centred_rows(x: npt.NDArray[np.floating]) -> tuple[Rows, Sums]:
    """Centre and scale as `centred_gram` does, and sum over all spectra."""
    largest = float(max(np.abs(x[rows]).max() for rows in _chunks(np.arange(x.shape[0]))))
    scale = 1.0 / largest if largest > 0 else 0.0
    shift = sum(x[rows].sum(axis=0, dtype=np.float64) for rows in _chunks(np.arange(x.shape[0]))) / x.shape[0]
    sums = sum_over(Rows(x, np.asarray(shift), scale), np.arange(x.shape[0]))
    mean_square = float(np.trace(sums.scatter)) / x.shape[0]
    unit = 1.0 / mean_square if mean_square > x.shape[1] * 1e-28 else 0.0
    scaled = Sums(sums.n, sums.total * np.sqrt(unit), sums.scatter * unit)
    return Rows(x, np.asarray(shift), scale * float(np.sqrt(unit))), scaled


def sum_over(z: Rows, rows: Codes) -> Sums:
    """Sum over some spectra, a chunk at a time."""
    d = z.shift.size
    total, scatter = np.zeros(d), np.zeros((d, d))
    for chunk in _chunks(rows):
        part = z[chunk]
        total += part.sum(axis=0)
        scatter += part.T @ part
    return Sums(rows.size, total, scatter)


@dataclass(frozen=True)
class Primal:
    """The probe through d × d matrices."""

    z: Rows
    whole: Sums
    ridge: float
    unit: Codes

    def held_out(self, codes: Codes, folds: Sequence[Codes], n_classes: int) -> Iterator[HeldOut]:
        """Score every held-out spectrum under every labeling (n × P codes)."""
        n, p = codes.shape
        m = 1 if n_classes == 2 else n_classes
        count, moment = np.zeros((p, m)), np.zeros((self.whole.total.size, p, m))
        self._add_labels(count, moment, codes, np.arange(n), n_classes)
        for i, fold in enumerate(folds):
            held = sum_over(self.z, fold)
            fold_count, fold_moment = np.zeros_like(count), np.zeros_like(moment)
            self._add_labels(fold_count, fold_moment, codes, fold, n_classes)
            factor, mean = self._without(held)
            counts = count - fold_count
            right = moment - fold_moment
            right -= mean[:, None, None] * counts
            n_train = self.whole.n - held.n
            weights = scipy.linalg.cho_solve(factor, right.reshape(mean.size, -1), check_finite=False)
            weights = weights.reshape(right.shape)
            leverage = self._leverage(fold, factor, mean)
            share = counts / n_train
            sums = np.einsum("dpc,dpe->pce", right, weights) + counts[:, :, None] * share[:, None, :]
            intercept = share - np.einsum("d,dpc->pc", mean, weights)
            for rows in _chunks(fold):
                z = self.z[rows]
                for block in label_blocks(rows.size, p, m):
                    w = weights[:, block]
                    scores = (z @ w.reshape(mean.size, -1)).reshape(rows.size, -1, m) + intercept[block]
                    own = codes[rows, block]
                    yield HeldOut(i, rows, block, own, scores, sums[block], counts[block], n_train, leverage)

    def _add_labels(self, count: Floats, moment: Floats, codes: Codes, rows: Codes, n_classes: int) -> None:
        """Add Σy to `count` and Σzyᵀ to `moment`."""
        for chunk in _chunks(rows):
            z = self.z[chunk]
            for block in label_blocks(chunk.size, codes.shape[1], count.shape[1]):
                y = indicators(codes[chunk, block], n_classes)
                count[block] += y.sum(axis=0)
                moment[:, block] += (z.T @ y.reshape(chunk.size, -1)).reshape(moment[:, block].shape)

    def _leverage(self, fold: Codes, factor: tuple[Floats, bool], mean: Floats) -> float:
        """Mean of 1ᵀH_uu1/|u| over the training units u: the trace of M⁻¹W over their number, and mean(|u|)/|S|.

        M is the training scatter about the training mean plus λI, W = Σ_u vvᵀ/|u| with v = Σ_u (z − mean). Where
        each spectrum is a unit, W is M − λI.
        """
        train = np.setdiff1d(np.arange(self.unit.size), fold)
        unit, sizes = np.unique(self.unit[train], return_inverse=True, return_counts=True)[1:]
        inverse = scipy.linalg.lapack.dpotri(factor[0], lower=1)[0]  # its lower triangle
        if sizes.size == train.size:
            total = mean.size - self.ridge * float(np.trace(inverse))
        else:
            between = self._between_units(train[np.argsort(unit, kind="stable")], sizes, mean)
            total = 2 * float(np.vdot(np.tril(inverse, -1), between)) + float(inverse.diagonal() @ between.diagonal())
        return total / sizes.size + float(sizes.mean()) / train.size

    def _between_units(self, rows: Codes, sizes: Codes, mean: Floats) -> Floats:
        """W of spectra sorted by unit, whole units at a time, about as many spectra as are read together."""
        scatter = np.zeros((mean.size, mean.size))
        last, first = np.cumsum(sizes), 0
        while first < sizes.size:
            start = last[first] - sizes[first]
            stop = max(first + 1, int(np.searchsorted(last, start + _READ, side="right")))
            starts = last[first:stop] - sizes[first:stop] - start
            summed = np.add.reduceat(self.z[rows[start : last[stop - 1]]] - mean, starts, axis=0)
            summed /= np.sqrt(sizes[first:stop])[:, None]
            scatter += summed.T @ summed
            first = stop
        return scatter

    def _without(self, held: Sums) -> tuple[tuple[Floats, bool], Floats]:
        """Cholesky factor of the training scatter about the training mean plus λ, and that mean."""
        n_train = self.whole.n - held.n
        mean = (self.whole.total - held.total) / n_train
        scatter = self.whole.scatter - held.scatter
        scatter -= n_train * np.outer(mean, mean)
        scatter[np.diag_indices_from(scatter)] += self.ridge
        return scipy.linalg.cho_factor(scatter, lower=True, overwrite_a=True, check_finite=False), mean


def _chunks(rows: Codes) -> Iterator[Codes]:
    return (rows[start : start + _READ] for start in range(0, rows.size, _READ))
