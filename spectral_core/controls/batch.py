"""Is it the batch? Aliasing of class and batch, whole batches left out, the batch read from the spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats.contingency import association

from spectral_core.evidence import Labelings, Settings
from spectral_core.inference import Estimate, balanced_mean, credit, permutation_p
from spectral_core.probe import Judgement, Probe
from spectral_core.splits import (
    Codes,
    Design,
    batch_folds,
    count_permutations,
    permuted_codes,
    unit_folds,
)  # fmt: skip

PREDICTABLE_PERMUTATIONS = 199  # for a caveat only


@dataclass(frozen=True)
class LeftOut:
    """Accuracy on whole batches left out of training.

    `shared_units` tells that specimens were measured in several batches; each is then kept out of training
    too. `missing` says how many more permutations `p` needs before it could be at most alpha, 0 if none.
    """

    accuracy: Estimate
    p: float
    n_batches: int
    shared_units: bool
    missing: int = 0


@dataclass(frozen=True)
class BatchEvidence:
    """What batches explain.

    `cramers_v` between class and batch (0 independent, 1 aliased); `admissible` distinct relabelings inside
    batches; `aliased` when those are too few, or no batch can be left out, to tell batch from class;
    `predicted` and `predicted_p`: the batch read from the spectrum, beyond what its classes tell.
    """

    cramers_v: float
    admissible: float
    aliased: bool
    left_out: LeftOut | None
    predicted: Estimate
    predicted_p: float


def cramers_v(design: Design) -> float:
    """Compute Cramér's V between class and batch over units (1 if each batch holds one class)."""
    table = np.zeros((len(design.classes), len(design.batches)))
    for c, b in np.unique(np.stack([design.codes, design.batch]), axis=1).T:
        table[c, b] = np.unique(design.unit[(design.codes == c) & (design.batch == b)]).size
    return float(association(table.astype(int), method="cramer"))


def fewest_permutations(alpha: float) -> float:
    """Number of distinct relabelings below which a permutation test cannot speak: 20/alpha."""
    return 20.0 / alpha


def examine_batches(probe: Probe, design: Design, labelings: Labelings, settings: Settings) -> BatchEvidence | None:
    """Examine the batches of one variant; None where none were declared."""
    if not design.batch_declared:
        return None
    admissible = count_permutations(design, within_batch=True)
    left_out = None
    if labelings.within_batch is not None:
        left_out = leave_batches_out(probe, design, labelings.within_batch, settings)
    predicted, p = _predict_batch(probe, design, settings)
    return BatchEvidence(cramers_v(design), admissible, left_out is None, left_out, predicted, p)


def leave_batches_out(probe: Probe, design: Design, labelings: Codes, settings: Settings) -> LeftOut | None:
    """Train on all other batches, classify the one left out; None if that leaves a class untrained."""
    held, judged = batch_folds_apart(design, settings)
    every = set(range(len(design.classes)))
    usable = [i for i, fold in enumerate(held) if set(np.delete(design.codes, fold).tolist()) == every]
    rows = np.sort(np.concatenate([judged[i] for i in usable])) if usable else np.empty(0, dtype=np.intp)
    if set(design.codes[rows].tolist()) != every:
        return None
    held, judged = [held[i] for i in usable], [judged[i] for i in usable]
    found = probe.judge(labelings, held, len(design.classes), judged=judged)
    return left_out_of(found, rows, design, settings)


def left_out_of(found: Judgement, rows: Codes, design: Design, settings: Settings) -> LeftOut:
    """Sum up the judgement of the spectra (`rows`) of batches left out."""
    n_classes, part = len(design.classes), design.subset(rows)
    accuracy = balanced_mean(part, credit(found.margins[rows], n_classes), alpha=settings.alpha)
    n_batches = int(np.unique(part.batch).size)
    return LeftOut(
        accuracy, permutation_p(float(found.statistic[0]), found.statistic[1:]), n_batches, units_cross(design)
    )


def units_cross(design: Design) -> bool:
    """Whether some unit was measured in several batches."""
    pairs = np.unique(np.stack([design.unit, design.batch]), axis=1)
    return bool(pairs.shape[1] > design.n_units)


def batch_folds_apart(design: Design, settings: Settings) -> tuple[list[Codes], list[Codes]]:
    """What to hold out and what of it to judge: a batch, and with it its judged units' other spectra."""
    batches = batch_folds(design)
    if not units_cross(design):
        return batches, batches
    held: list[Codes] = []
    judged: list[Codes] = []
    for batch in batches:
        for fold in unit_folds(design, k=settings.n_folds, seed=settings.seed):
            both = np.intersect1d(batch, fold)
            if both.size:
                held.append(np.union1d(batch, fold))
                judged.append(both)
    return held, judged


def _predict_batch(probe: Probe, design: Design, settings: Settings) -> tuple[Estimate, float]:
    """Classify the batch instead of the class, permuting batches between units of one class."""
    swapped = batches_as_classes(design)
    folds: Sequence[Codes] = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    drawn = permuted_codes(swapped, n=PREDICTABLE_PERMUTATIONS, seed=settings.seed, within_batch=True)
    labelings: npt.NDArray[np.intp] = np.column_stack([swapped.codes, drawn])
    return predicted_of(probe.judge(labelings, folds, len(swapped.classes)), swapped, settings)


def batches_as_classes(design: Design) -> Design:
    """Let batch and class change places."""
    return replace(design, codes=design.batch, classes=design.batches, batch=design.codes, batches=design.classes)


def predicted_of(found: Judgement, swapped: Design, settings: Settings) -> tuple[Estimate, float]:
    """Sum up the judgement of batches read from the spectra: accuracy and p-value."""
    accuracy = balanced_mean(swapped, credit(found.margins, len(swapped.classes)), alpha=settings.alpha)
    return accuracy, permutation_p(float(found.statistic[0]), found.statistic[1:])
