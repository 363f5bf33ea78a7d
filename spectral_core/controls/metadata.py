"""Can the class be told without any spectrum: from batch, instrument, or the order of acquisition alone?

The row order of a table is not asked: tables and folders are sorted by class as a habit, which says nothing of
the order in which spectra were taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse

from spectral_core.controls.ranks import comparable, label_columns, macro_auc, pair_aucs
from spectral_core.evidence import Settings
from spectral_core.inference import permutation_p, step_down_max_t
from spectral_core.packed_labels import Labelled, PackedCodes, first_labelings, labels_of, pack_labelings
from spectral_core.splits import Codes, Design, permuted_codes, unit_folds

Floats = npt.NDArray[np.float64]
ORDER, NEIGHBOURS = "order of acquisition", "neighbours in time"
ONE_AFTER_THE_OTHER = 0.9  # AUC of the order from which the classes hardly overlap in time
_REACH = 2  # neighbours on either side
_MOST = 999  # permutations: for caveats only
_TIES = 5  # random stream of units taken at the same time


@dataclass(frozen=True)
class Told:
    """How well one piece of metadata tells the class.

    `statistic` is the balanced accuracy of a classifier that sees nothing else, or the AUC of the order of
    acquisition (each pair of classes, the better direction, averaged); `chance` is what it is without
    association. `p` belongs to permutations of units anywhere, `p_adjusted` is corrected over the pieces
    (step-down maxT). `n_units` units have the piece stated.
    """

    statistic: float
    is_auc: bool
    chance: float
    p: float
    p_adjusted: float
    n_units: int


def examine_metadata(design: Design, labelings: Labelled, settings: Settings) -> Mapping[str, Told] | None:
    """Classify units from each known piece of metadata; None where none is known, or none varies.

    Batch and instrument give each held-out spectrum the class that is most frequent there among the training
    units, relative to its frequency anywhere (units kept together). Time gives the AUC of the order, and the
    class most frequent among the two units before and the two after, relative to its frequency.

    Args:
        design: Classes, units and metadata of n spectra.
        labelings: n × (1 + P) class codes, the observed ones first, the others permuted between units; at most
            999 of these are used. Where a piece is not stated for every spectrum, as many are drawn among those
            that have it, so that a class without it is neither told nor confused by its absence.
        settings: Folds and seed.

    Returns:
        By piece: "batch", "instrument", "order of acquisition", "neighbours in time".
    """
    pieces = dict(_pieces(design, first_labelings(labelings, 1 + _MOST), settings))
    if not pieces:
        return None
    statistics = comparable(np.stack([values for values, _ in pieces.values()]))
    adjusted = step_down_max_t(statistics[:, 0], statistics[:, 1:])
    alone = [permutation_p(float(values[0]), values[1:]) for values in statistics]
    return {
        name: Told(
            statistic=float(values[0]),
            is_auc=name == ORDER,
            chance=0.5 if name == ORDER else 1.0 / len(part.classes),
            p=alone[i],
            p_adjusted=float(adjusted[i]),
            n_units=part.n_units,
        )
        for i, (name, (values, part)) in enumerate(pieces.items())
    }


def _pieces(design: Design, labelings: Labelled, settings: Settings) -> Iterator[tuple[str, tuple[Floats, Design]]]:
    for name, levels in _columns(design):
        rows = np.flatnonzero(levels >= 0)
        part, drawn = _stated(design, rows, labelings, settings)
        if len(part.classes) > 1:
            folds = unit_folds(part, k=settings.n_folds, seed=settings.seed)
            yield name, (accuracy_of_levels(levels[rows], drawn, folds, len(part.classes)), part)
    if design.order is None:
        return
    part, drawn = _stated(design, np.flatnonzero(np.isfinite(design.order)), labelings, settings)
    first, times = _entity_times(part)
    if np.unique(times).size > 1 and len(part.classes) > 1:
        n_classes = len(part.classes)
        drawn = drawn.of_rows(first) if isinstance(drawn, PackedCodes) else drawn[first]
        yield ORDER, (macro_auc(pair_aucs(times, drawn, n_classes)), part)
        yield NEIGHBOURS, (accuracy_of_neighbours(times, drawn, n_classes, seed=settings.seed), part)


def _stated(design: Design, rows: Codes, labelings: Labelled, settings: Settings) -> tuple[Design, Labelled]:
    """The design of the spectra that have a piece, with the classes among them, and labelings of these."""
    if rows.size == design.n:
        return design, labelings
    part = design.subset(rows)
    present, codes = np.unique(part.codes, return_inverse=True)
    part = replace(part, codes=codes, classes=tuple(part.classes[c] for c in present))
    if isinstance(labelings, PackedCodes):
        return part, pack_labelings(part, n=labelings.shape[1] - 1, seed=settings.seed)
    permuted = permuted_codes(part, n=labelings.shape[1] - 1, seed=settings.seed)
    return part, np.column_stack([codes.astype(permuted.dtype), permuted])


def _columns(design: Design) -> Iterator[tuple[str, Codes]]:
    """Codes of names that vary, −1 where not stated; an instrument that is the batch by another name is left out."""
    stated = np.array([batch != "" for batch in design.batches])[design.batch]
    batch = np.where(stated, design.batch, -1)
    instrument = np.full(design.n, -1) if design.instrument is None else design.instrument
    if np.unique(batch[batch >= 0]).size > 1:
        yield "batch", batch
    if np.unique(instrument[instrument >= 0]).size > 1:
        joint = np.unique(np.stack([instrument, batch]), axis=1).shape[1]
        if not joint == np.unique(instrument).size == np.unique(batch).size:
            yield "instrument", instrument


def accuracy_of_levels(levels: Codes, codes: Labelled, folds: Sequence[Codes], n_classes: int) -> Floats:
    """Compute the balanced accuracy of the most typical class of each level, for every labeling.

    The class of a level is argmax_c P(level | c) among the training spectra; c ties share the credit, and a
    level that training has not seen gives each class 1/C.

    Args:
        levels: n codes of batches or instruments; spectra with −1 are left out.
        codes: n × P class codes.
        folds: Spectra held out together.
        n_classes: Number of classes C.
    """
    n_levels = int(levels.max()) + 1
    cell = np.full(levels.size, -1)
    for f, fold in enumerate(folds):
        stated = fold[levels[fold] >= 0]
        cell[stated] = f * n_levels + levels[stated]
    known = np.flatnonzero(cell >= 0)
    counted = scipy.sparse.csr_array((np.ones(known.size), (cell[known], known)),
                                     shape=(len(folds) * n_levels, levels.size))  # fmt: skip
    accuracy = np.empty(codes.shape[1])
    for columns in label_columns(codes.shape, n_classes):
        drawn = labels_of(codes, columns)
        held = np.stack([counted @ (drawn == c).astype(np.float64) for c in range(n_classes)], axis=-1)
        held = held.reshape(len(folds), n_levels, drawn.shape[1], n_classes)
        trained = held.sum(axis=0) - held
        accuracy[columns] = _accuracy(held, trained / np.maximum(trained.sum(axis=1), 1.0)[:, None])
    return accuracy


def accuracy_of_neighbours(times: Floats, codes: Labelled, n_classes: int, *, seed: int) -> Floats:
    """Compute the balanced accuracy of the class most typical of the neighbours in time, for every labeling.

    Neighbours are the two units before and the two after, fewer at the ends; units of one time stand in an
    order drawn blind to the labels. A slow drift makes them alike; alternating classes make them different.

    Args:
        times: n times.
        codes: n × P class codes.
        n_classes: Number of classes.
        seed: Seed of the order of units taken at the same time.
    """
    shuffled = np.random.default_rng([seed, _TIES]).permutation(times.size)
    order = shuffled[np.argsort(times[shuffled], kind="stable")]
    accuracy = np.empty(codes.shape[1])
    for columns in label_columns(codes.shape, n_classes):
        drawn = labels_of(codes, columns, order)
        member = np.stack([drawn == c for c in range(n_classes)], axis=-1).astype(np.float64)
        near = np.zeros_like(member)
        for step in range(1, min(_REACH, times.size - 1) + 1):
            near[step:] += member[:-step]
            near[:-step] += member[step:]
        frequency = np.maximum(member.sum(axis=0), 1.0)  # the unit itself included, lest the count betray its class
        accuracy[columns] = _accuracy(member, near / frequency)
    return accuracy


def _accuracy(held: Floats, typical: Floats) -> Floats:
    """Average over classes the share of spectra whose class has the largest `typical`; ties share the credit.

    Args:
        held: … × P × C numbers of spectra to classify.
        typical: … × P × C scores of the classes.
    """
    best = typical >= typical.max(axis=-1, keepdims=True) - 1e-12
    credit = best / best.sum(axis=-1, keepdims=True)
    cells = tuple(range(held.ndim - 2))
    total = held.sum(axis=cells)
    recall = (held * credit).sum(axis=cells) / np.maximum(total, 1.0)
    return np.asarray(recall.sum(axis=-1) / (total > 0).sum(axis=-1))


def _entity_times(design: Design) -> tuple[Codes, Floats]:
    """First spectrum and mean time of each unit (of each class of a unit that holds several), all stated."""
    first, entity = np.unique(design.entity, return_index=True, return_inverse=True)[1:]
    order = np.zeros(design.n) if design.order is None else design.order
    return first, np.bincount(entity, order - order.min()) / np.bincount(entity)  # seconds since 1970 lose digits
