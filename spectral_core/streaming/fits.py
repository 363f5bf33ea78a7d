"""Between the passes: from sums to the weights of every model under every labeling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from spectral_core.probe.penalty import choose_penalty
from spectral_core.streaming.layout import Outline, Straddling
from spectral_core.streaming.sources import Asked
from spectral_core.streaming.sums import Labels, Sums, add_between

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """The model that has not seen some cells, under P labelings with c indicators each.

    `weights` (m × P·c) and `intercept` (P·c) give the scores of spectra less the source's shift; the rest is what
    `centroid_margins` takes.
    """

    weights: Floats
    intercept: Floats
    sums: Floats
    counts: Floats
    n_train: int
    leverage: float


@dataclass(frozen=True)
class Fit:
    """The models of one block: for each set of labelings, one a training set; penalty and numerical rank.

    Sets of labelings that the block is not asked about have no models.
    """

    penalty: float
    rank: int
    models: list[list[Model]]


@dataclass(frozen=True)
class _Scale:
    """What turns sums of a source into sums of the block as the probe sees it.

    The probe's z is (x − mean)·factor, with a factor for each channel: the spread that measured channels are given,
    times the scale of mean squared distance one.
    """

    columns: npt.NDArray[np.intp]
    factor: Floats

    def square(self, lower: Floats) -> Floats:
        """Scale the lower triangle of sums of squares."""
        part = lower if self.columns.size == lower.shape[0] else lower[np.ix_(self.columns, self.columns)]
        return np.asarray(np.multiply(part, np.multiply.outer(self.factor, self.factor), order="F"))

    def rows(self, values: Floats) -> Floats:
        """Scale m sums, or m × Q."""
        factor = self.factor if values.ndim == 1 else self.factor[:, None]
        return np.asarray(np.multiply(values[self.columns], factor, order="F"))


def fit_block(sums: Sums, asked: Asked, layout: Outline, labels: Sequence[Labels], apart: Straddling | None) -> Fit:
    """Fit every model of one block.

    Args:
        sums: Sums of the source that the block is cut from.
        asked: The block.
        layout: The cross-validation.
        labels: Labelings behind each set of counts and moments.
        apart: Units that straddle blocks, None without replicates.
    """
    scale, whole, total, n = _scaled(sums, asked, layout)
    penalty, rank = choose_penalty(_about(whole, total, n).T, n=n)
    between = [scale.square(b) for b in _all_between(sums, layout, apart)]
    models: list[list[Model]] = [[] for _ in labels]
    for i, held in enumerate(layout.held):
        out = list(held)
        n_train = n - int(layout.sizes[out].sum())
        mean = (total - scale.rows(sums.total[out].sum(axis=0))) / n_train
        scatter = _about(whole - _held(sums, scale, held), mean * n_train, n_train)
        own_units = None if not between else _units(between, layout, i)
        scatter[np.diag_indices_from(scatter)] += penalty
        factor = scipy.linalg.cho_factor(scatter, lower=True, overwrite_a=True, check_finite=False)
        leverage = _leverage(factor, own_units, mean, penalty, n_train, layout.units_left[i])
        for j, of_labels in enumerate(labels):
            if not of_labels.asked_of(asked.name):
                continue
            models[j].append(_model(sums, j, of_labels, out, scale, factor, mean, n_train, leverage))
    return Fit(penalty, rank, models)


def _scaled(sums: Sums, asked: Asked, layout: Outline) -> tuple[_Scale, Floats, Floats, int]:
    """The block's scale, its scatter about the shift, its total, and how many spectra there are."""
    columns = np.arange(sums.total.shape[1]) if asked.columns is None else asked.columns
    n = int(layout.sizes.sum())
    lower, total = _sum(sums.scatter)[np.ix_(columns, columns)], sums.total.sum(axis=0)[columns]
    squares = np.maximum(lower.diagonal() - total**2 / n, 0.0)
    factor = np.ones(columns.size)
    if asked.split is not None:
        made, measured = np.sqrt(squares[: asked.split].sum()), np.sqrt(squares[asked.split :].sum())
        factor[asked.split :] = made / measured if made > 0 and measured > 0 else 1.0
    mean_square = float((squares * factor**2).sum()) / n
    varies = mean_square > columns.size * 1e-28 * sums.largest**2
    factor *= 1.0 / np.sqrt(mean_square) if varies else 0.0
    scale = _Scale(columns, factor)
    return scale, lower * np.multiply.outer(factor, factor), total * factor, n


def _sum(matrices: Sequence[Floats]) -> Floats:
    found = matrices[0].copy(order="F")
    for matrix in matrices[1:]:
        found += matrix
    return found


def _held(sums: Sums, scale: _Scale, held: Sequence[int]) -> Floats:
    return scale.square(sums.scatter[held[0]] if len(held) == 1 else _sum([sums.scatter[c] for c in held]))


def _about(lower: Floats, total: Floats, n: int) -> Floats:
    """The lower triangle of a scatter about the mean, running down the columns."""
    return np.asarray(np.subtract(lower, np.multiply.outer(total, total) / n, order="F"))


def _all_between(sums: Sums, layout: Outline, apart: Straddling | None) -> list[Floats]:
    """Σ ssᵀ/|u| with the units that straddle blocks; where some of those were drawn, they stand for all."""
    if apart is None or not apart.size.size:
        return sums.between
    added = [np.zeros_like(matrix, order="F") for matrix in sums.between]
    add_between(added, sums.open, apart.unit, apart.cell, apart.size, layout)
    return [matrix + apart.weight * more for matrix, more in zip(sums.between, added, strict=True)]


def _units(between: list[Floats], layout: Outline, i: int) -> Floats:
    if not layout.keeps_units_whole:
        return between[i]
    return _sum([matrix for c, matrix in enumerate(between) if c not in layout.held[i]])


def _leverage(
    factor: tuple[Floats, bool], units: Floats | None, mean: Floats, penalty: float, n_train: int, n_units: int
) -> float:
    """Mean of 1ᵀH_uu1/|u| over the training units: `Primal._leverage` from sums."""
    inverse = scipy.linalg.lapack.dpotri(factor[0], lower=1)[0]
    if units is None:
        total = mean.size - penalty * float(np.trace(inverse))
    else:
        between = _about(units, mean * n_train, n_train)
        total = 2 * float(np.vdot(np.tril(inverse, -1), between)) + float(inverse.diagonal() @ between.diagonal())
    return total / n_units + 1.0 / n_units


def _model(
    sums: Sums, j: int, labels: Labels, out: list[int], scale: _Scale, factor: tuple[Floats, bool], mean: Floats,
    n_train: int, leverage: float,
) -> Model:  # fmt: skip
    """Solve for the weights under one set of labelings."""
    p, c = labels.codes.n_labelings, labels.n_indicators
    kept = [cell for cell in range(len(sums.scatter)) if cell not in out]
    counts = sums.counts[j][kept].sum(axis=0)
    right = scale.rows(_sum([sums.moments[j][cell] for cell in kept]))
    right -= np.multiply.outer(mean, counts)
    weights = scipy.linalg.cho_solve(factor, right, check_finite=False)
    share = counts / n_train
    fitted = right.T.reshape(p, c, -1) @ weights.T.reshape(p, c, -1).transpose(0, 2, 1)
    fitted += counts.reshape(p, c)[:, :, None] * share.reshape(p, c)[:, None, :]
    intercept = share - mean @ weights
    weights *= scale.factor[:, None]
    return Model(weights, intercept, fitted, counts.reshape(p, c), n_train, leverage)
