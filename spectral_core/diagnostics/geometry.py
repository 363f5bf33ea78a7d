"""What every scalar diagnostic starts from: one Gram matrix of the spectra, and the means of their units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.reference import state_independence
from spectral_core.diagnostics.result import Assumption, Sample
from spectral_core.errors import AuditError
from spectral_core.probe.penalty import choose_penalty
from spectral_core.probe.ridge import centred_gram
from spectral_core.probe.threads import threads_for
from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
MOST_SPECTRA = 2000
_RARE = 20  # units of a class that are drawn before any class is thinned
_STREAM = 42
_NOTHING = 1e-12  # share of the variance below which a remainder is rounding


@dataclass(frozen=True)
class Points:
    """One point per unit (per unit and class where units mix classes): the mean of its spectra.

    `gram` is the centred Gram matrix of m points, `codes` and `unit` their classes and units, `sample` what was
    measured and `assumptions` what averaging takes for granted.
    """

    gram: Floats
    codes: Codes
    unit: Codes
    n_classes: int
    sample: Sample
    assumptions: tuple[Assumption, ...]

    @cached_property
    def squared(self) -> Floats:
        """Squared distances between the points (m × m)."""
        return squared_distances(self.gram)

    @cached_property
    def residual(self) -> tuple[Floats, int]:
        """Gram matrix about the class means, and its degrees of freedom ν (see `within_classes`)."""
        return within_classes(self.gram, self.codes)

    @cached_property
    def is_flat(self) -> bool:
        """Whether the points of each class are equal, up to rounding."""
        return float(np.trace(self.residual[0])) <= _NOTHING * max(float(np.trace(self.gram)), 1e-300)


@dataclass(frozen=True)
class Geometry:
    """n spectra as the diagnostics see them; at most MOST_SPECTRA, chosen by `choose_spectra`.

    `rows` are their places among all spectra, `gram` is doubly centred with a mean diagonal of one, `sample.d`
    counts the channels that vary.
    """

    rows: Codes
    gram: Floats
    design: Design
    sample: Sample
    assumptions: tuple[Assumption, ...]

    @cached_property
    def points(self) -> Points:
        """Means of units."""
        return average_units(self.gram, self.design, self.sample, self.assumptions)

    @property
    def penalty(self) -> float:
        """The probe's penalty (see `choose_penalty`)."""
        return self._penalty_and_rank[0]

    @property
    def rank(self) -> int:
        """Numerical rank of the centred spectra."""
        return self._penalty_and_rank[1]

    @cached_property
    def _penalty_and_rank(self) -> tuple[float, int]:
        with threads_for(self.gram.size):
            return choose_penalty(self.gram)


def measure_geometry(matrix: npt.NDArray[np.floating], design: Design, *, seed: int) -> Geometry:
    """Compute the Gram matrix of n × d spectra, or of a subsample of many.

    Channels that do not vary at all say nothing and are not counted in d.

    Raises:
        AuditError: Spectra and design differ in number, or an intensity is not finite.

    Example:
        >>> from spectral_core.splits import make_design
        >>> x = np.random.default_rng(0).normal(size=(6, 3))
        >>> x[:, 1] = 7.0
        >>> measure_geometry(x, make_design(list("aaabbb")), seed=1).sample
        Sample(n=6, d=2, n_units=6, seed=1)
    """
    check_spectra(matrix, design)
    rows = choose_spectra(design, most=MOST_SPECTRA, seed=seed)
    chosen = design if rows.size == design.n else design.subset(rows)
    kept = matrix if rows.size == design.n else matrix[rows]
    with threads_for(kept.size):
        gram = centred_gram(kept)
    varying = int((kept != kept[0]).any(axis=0).sum())
    sample = Sample(chosen.n, varying, chosen.n_units, seed)
    notes = [state_independence(chosen)]
    if rows.size < design.n:
        note = f"{rows.size:,} of {design.n:,} spectra, {chosen.n_units:,} of {design.n_units:,} units"
        notes.append(
            Assumption("a random subsample, of as many units as possible, stands for all spectra", "assumed", note)
        )
    if varying < matrix.shape[1]:
        note = f"{matrix.shape[1] - varying:,} of {matrix.shape[1]:,} do not and are left out"
        notes.append(Assumption("every channel varies", "violated", note))
    return Geometry(rows, gram, chosen, sample, tuple(notes))


def check_spectra(matrix: npt.NDArray[np.floating], design: Design) -> None:
    """Refuse spectra that are not n × d finite numbers of the design's n.

    Raises:
        AuditError: Spectra and design differ in number, there is no channel, or an intensity is not finite.
    """
    if matrix.ndim != 2 or matrix.shape[0] != design.n or matrix.shape[1] == 0:
        raise AuditError("spectra", f"{design.n} rows, one for each label, and at least one channel",
                         f"shape {matrix.shape}", "Pass an n × d array.")  # fmt: skip
    if not np.isfinite(matrix).all():
        raise AuditError("spectra", "finite intensities", f"{int((~np.isfinite(matrix)).sum())} that are not",
                         "Leave the spectra out or interpolate the channels.")  # fmt: skip


def choose_spectra(design: Design, *, most: int, seed: int) -> Codes:
    """Choose at most `most` spectra: as many units as possible, classes in proportion, then replicates.

    The first spectrum of every unit comes before the second of any; of a class with few units, 20 are kept
    before any class is thinned.

    Returns:
        Ascending indices; all of them where n ≤ most.
    """
    if design.n <= most:
        return np.arange(design.n)
    rng = np.random.default_rng([seed, _STREAM])
    entity, codes = design.entity, design.codes
    order = rng.permutation(design.n)
    replicate, place = np.empty(design.n), np.empty(design.n)
    replicate[order] = _rank_inside(entity[order])
    first = np.unique(entity, return_index=True)[1]
    shuffled = rng.permutation(first.size)
    rank = np.empty(first.size)
    rank[shuffled] = _rank_inside(codes[first][shuffled])
    size = np.bincount(codes[first])[codes[first]]
    place = np.where(rank < _RARE, rank - _RARE, (rank + 0.5) / size)[entity]
    return np.sort(np.lexsort((place, replicate))[:most])


def _rank_inside(group: Codes) -> Floats:
    """Running number of each item inside its group, in the order given."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    rank = np.empty(group.size)
    rank[order] = np.arange(group.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank


def average_units(gram: Floats, design: Design, sample: Sample, assumptions: tuple[Assumption, ...]) -> Points:
    """Average the spectra of each unit, in the Gram matrix alone."""
    entity = design.entity
    first, counts = np.unique(entity, return_index=True, return_counts=True)[1:]
    if first.size == design.n:
        averaged, first = gram, np.arange(design.n)  # in the order of the spectra
    else:
        order = np.argsort(entity, kind="stable")
        starts = np.cumsum(counts) - counts
        averaged = np.add.reduceat(np.add.reduceat(gram[np.ix_(order, order)], starts, axis=0), starts, axis=1)
        averaged /= counts * counts[:, None]
        averaged -= averaged.mean(axis=0)
        averaged -= averaged.mean(axis=1, keepdims=True)
    notes = list(assumptions)
    if design.has_replicates:
        equal = int(counts.min()) == int(counts.max())
        note = f"{counts.min()} spectra each" if equal else f"{counts.min()} to {counts.max()} spectra a unit"
        notes.append(Assumption("units are averages of equally many spectra", "checked" if equal else "violated", note))
    if design.units_mix_classes:
        notes.append(Assumption("each unit has one class", "violated", "its spectra of each class count as one point"))
    return Points(averaged, design.codes[first], design.unit[first], len(design.classes), sample, tuple(notes))


def within_classes(gram: Floats, codes: Codes) -> tuple[Floats, int]:
    """Take class means out of a Gram matrix: RKR with R the projection off the class indicators.

    Returns:
        The residual Gram matrix, and ν = n less the number of classes present.
    """
    present, member = np.unique(codes, return_inverse=True)
    share = (member[:, None] == np.arange(present.size)) / np.bincount(member)
    means = gram @ share
    residual = gram - means[:, member] - means.T[member]
    residual += (share.T @ means)[np.ix_(member, member)]
    return residual, codes.size - present.size


def squared_distances(gram: Floats) -> Floats:
    """Compute squared distances from a Gram matrix; rounding below 1e-14 of the largest is zero."""
    own = np.diagonal(gram)
    squared = own[:, None] + own - 2 * gram
    squared[squared < 1e-14 * max(float(own.max(initial=0.0)), 0.0)] = 0.0
    squared[np.diag_indices_from(squared)] = 0.0
    return np.asarray(squared)
