"""Models that need their spectra in memory: trained on a subsample of the units, asked about all spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from dask.delayed import delayed
from sklearn.pipeline import Pipeline

from spectral_core.models import Model
from spectral_core.models.subsample import Subsample
from spectral_core.splits import Codes, Design, random_folds, unit_folds
from spectral_core.streamed_training.blocks import Block, RowRange, Stock
from spectral_core.streamed_training.sums import refuse_broken
from spectral_core.streaming.passes import Execution
from spectral_core.streaming.subsample import draw_subsample
from spectral_core.training import (
    TrainedModel,
    balanced_accuracy,
    compact_coordinates,
    fit_to_all,
    fold_numbers,
    null_accuracies,
    out_of_fold,
    recalls,
    share_reached,
)

Floats = npt.NDArray[np.float64]
MOST = 5000
"""Spectra of a subsample: a kernel machine on so many takes seconds to minutes, and the test refits it often."""


def train_on_subsample(
    stock: Stock, blocks: Sequence[Block], design: Design, model: Model, *, variant: str, folds: int,
    permutations: int, seed: int, execution: Execution, most: int,
) -> TrainedModel:  # fmt: skip
    """Cross-validate a model that learns from a subsample and classifies all spectra out of fold.

    Folds are those of all spectra, so a held-out spectrum's unit is never among those learned from. The permutation
    test is that of the subsample: its observed accuracy and its permuted ones are over the same spectra.

    Args:
        stock: The rows.
        blocks: What is classified, the whole spectrum first.
        design: Classes and units of the n spectra.
        model: The model.
        variant: Text of the variant, for the record.
        folds: Number of folds.
        permutations: Number of label permutations.
        seed: Of folds, permutations, the draw and the model.
        execution: Where the spectra are classified; its workers share the permutations.
        most: Spectra drawn, at most.

    Raises:
        CropError: A step refuses a spectrum of a region.
        ValueError: The model cannot be fitted to the subsample.
    """
    rows = draw_subsample(design, most=most, seed=seed)
    drawn = design.subset(rows)
    units, mixed = unit_folds(design, k=folds, seed=seed), random_folds(design, k=folds, seed=seed)
    own = _folds_of(units, rows)
    x = _sample(stock, blocks[0], rows)[1]
    pipeline, seconds = fit_to_all(model, x, drawn, seed)
    compact = compact_coordinates(x, model)
    null = null_accuracies(model, compact, drawn, own, n=permutations, seed=seed, workers=execution.workers or 1)
    predicted: dict[str, Codes] = {}
    for block in blocks:
        asked = {"unit_folds": units} if block.name == "full" else {block.name: units}
        if block.name == "full" and design.has_replicates:
            asked["random_folds"] = mixed
        predicted |= _classified(stock, block, model, drawn.codes, asked, rows, seed, execution)
    predicted.setdefault("random_folds", predicted["unit_folds"])
    observed = balanced_accuracy(drawn.codes, predicted["unit_folds"][rows])
    accuracy = {name: balanced_accuracy(design.codes, p) for name, p in predicted.items()}
    names = ["unit_folds", "random_folds", *(block.name for block in blocks[1:])]
    return TrainedModel(
        model=model, variant=variant, predictions={name: predicted[name] for name in names},
        folds={"unit_folds": fold_numbers(units), "random_folds": fold_numbers(mixed)},
        balanced_accuracy={name: accuracy[name] for name in names}, recall=recalls(design, predicted["unit_folds"]),
        permutations=permutations, p_association=share_reached(observed, null), fit_seconds=seconds,
        pipeline=pipeline, subsample=Subsample(rows.size, design.n, drawn.n_units, seed),
    )  # fmt: skip


def permuted_on_subsample(
    stock: Stock, block: Block, design: Design, model: Model, *, folds: int, n: int, seed: int, most: int
) -> dict[str, Any]:
    """Test the association of a model that learned from all spectra, by cross-validation of a subsample.

    Returns:
        `p_association`, and `subsample` that says so.
    """
    rows = draw_subsample(design, most=most, seed=seed)
    drawn, own = design.subset(rows), _folds_of(unit_folds(design, k=folds, seed=seed), rows)
    compact = compact_coordinates(_sample(stock, block, rows)[1], model)
    observed = balanced_accuracy(drawn.codes, out_of_fold(model, compact, drawn.codes, own, seed))
    null = null_accuracies(model, compact, drawn, own, n=n, seed=seed)
    used = Subsample(rows.size, design.n, drawn.n_units, seed, used_for="permutations")
    return {"p_association": share_reached(observed, null), "subsample": used}


def _folds_of(folds: Sequence[Codes], rows: Codes) -> list[Codes]:
    """Places in the subsample of the spectra that each fold holds out; folds that hold out none are left away."""
    places = [np.flatnonzero(np.isin(rows, fold, assume_unique=True)) for fold in folds]
    return [place for place in places if place.size]


def _sample(stock: Stock, block: Block, rows: Codes) -> tuple[Block, Floats, Floats]:
    """Give a block without shift, its matrix of some rows, and the factor of each column that these rows ask for."""
    plain = replace(block, source=replace(block.source, shift=np.zeros(1)))
    x = plain.source.matrix(stock.rows_of(block).taken(rows), slice(0, rows.size))
    refuse_broken(x, block.name, rows)
    factor = block.spread(((x - x.mean(axis=0)) ** 2).sum(axis=0))
    return plain, x * factor, factor


class _Task:
    def __init__(self, rows: RowRange, folds: Sequence[Codes]) -> None:
        self.rows, self.folds = rows, [fold[rows.start : rows.stop] for fold in folds]


class _Learned:
    """What has been learned without each fold: pipelines, or the one class that training shows."""

    def __init__(self, models: Sequence[Sequence[Pipeline | int]], factor: Floats) -> None:
        self.models, self.factor = models, factor


def _classified(
    stock: Stock, block: Block, model: Model, codes: Codes, asked: dict[str, list[Codes]], rows: Codes, seed: int,
    execution: Execution,
) -> dict[str, Codes]:  # fmt: skip
    """Classify all spectra of a block by what the subsample teaches without their fold."""
    plain, sample, factor = _sample(stock, block, rows)
    learned = [
        [_without(model, sample, codes, np.isin(rows, fold, assume_unique=True), seed) for fold in folds]
        for folds in asked.values()
    ]
    shared = delayed(_Learned(learned, factor), pure=False, traverse=False)
    numbers = [fold_numbers(folds) for folds in asked.values()]
    tasks = [
        delayed(_classify, pure=False)(_Task(RowRange(stock, a, b, [plain]), numbers), shared)
        for a, b in execution.ranges(stock.variant)
    ]
    parts = execution.compute(tasks)
    return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(asked)}


def _without(model: Model, x: Floats, codes: Codes, held: npt.NDArray[np.bool_], seed: int) -> Pipeline | int:
    seen = codes[~held]
    if seen.size == 0 or (seen == seen[0]).all():
        return int(seen[0]) if seen.size else 0
    return model.build(seed).fit(x[~held], seen)


def _classify(task: _Task, learned: _Learned) -> list[Codes]:
    found = [np.empty(task.rows.n, dtype=np.int16) for _ in task.folds]
    for _, own, z in task.rows.matrices():
        refuse_broken(z, task.rows.blocks[0].name, task.rows.places(own))
        x = z * learned.factor
        for predicted, fold, models in zip(found, task.folds, learned.models, strict=True):
            for f in np.unique(fold[own]).tolist():
                rows = np.flatnonzero(fold[own] == f)
                model = models[f]
                predicted[own.start + rows] = model if isinstance(model, int) else model.predict(x[rows])
    return list(found)
