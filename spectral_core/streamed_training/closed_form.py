"""Models of closed form on all spectra: one pass for sums, one for ridge's thresholds, one for predictions.

Where sums outgrow what a worker may hold, regions or inner folds are summed in passes of their own; how many there are
does not depend on the number of spectra.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.models import Model
from spectral_core.models.classifiers import inner_folds
from spectral_core.models.closed_form import (
    Rule,
    fit_from_sums,
    is_closed_form,
    needs_inner_folds,
    needs_left_out_scores,
)
from spectral_core.packed_labels import PackedCodes, pack_labelings
from spectral_core.splits import Codes, Design, random_folds, unit_folds
from spectral_core.streamed_training.blocks import Block, Stock
from spectral_core.streamed_training.rules import Fold, Judged, judge, left_out_thresholds
from spectral_core.streamed_training.subsample import permuted_on_subsample
from spectral_core.streamed_training.sums import MEMORY, CellSums, Division, packed, sum_cells
from spectral_core.streaming.passes import Execution
from spectral_core.training import TrainedModel, balanced_accuracy, fold_numbers, recalls, share_reached

Floats = npt.NDArray[np.float64]
LARGEST = 4 * MEMORY
"""Bytes of the sums over the folds of one block, above which a model is trained on a subsample."""


def follows_from_sums(model: Model, blocks: Sequence[Block], *, folds: int) -> bool:
    """Whether a model is trained on all spectra: of closed form, and its d × d sums can be held.

    Args:
        model: The model.
        blocks: What is classified, shifted.
        folds: Number of folds.
    """
    return is_closed_form(model) and 8 * folds * max(block.n_columns for block in blocks) ** 2 <= LARGEST


def train_from_sums(
    stock: Stock, blocks: Sequence[Block], design: Design, models: Sequence[Model], *, variant: str, folds: int,
    permutations: int, seed: int, execution: Execution, most: int,
) -> list[TrainedModel]:  # fmt: skip
    """Train models of closed form on all spectra, together; equal to `training.train` up to rounding.

    `fit_seconds` of each is the time in which all of them were fitted to all training sets. The permutation test of
    PLS-DA, whose inner folds depend on the labels, is done on a subsample.

    Args:
        stock: The rows.
        blocks: What is classified, shifted, the whole spectrum first.
        design: Classes and units of the n spectra.
        models: The models.
        variant: Text of the variant, for the record.
        folds: Number of folds.
        permutations: Number of label permutations.
        seed: Of folds, permutations and the subsample.
        execution: Where tasks run.
        most: Spectra of the subsample, at most.

    Raises:
        CropError: A step refuses a spectrum of a region.
        BrokenIntensityError: An intensity is not finite.
    """
    drawn = permutations if any(not needs_inner_folds(model) for model in models) else 0
    labels = pack_labelings(design, n=drawn, seed=seed)
    plan = _Plan(stock, list(blocks), design, list(models), labels, folds, seed, execution)
    started = time.perf_counter()
    rules = plan.learn()
    seconds = time.perf_counter() - started
    judged = plan.judge(rules)
    found = []
    for i, model in enumerate(models):
        pipeline = rules[_Key(i, "full", "unit_folds", None)].pipeline
        trained = _trained(plan, model, {name[1:]: judged[name] for name in judged if name[0] == i}, variant)
        null = _null(judged[i, "full", "unit_folds"], rules[_Key(i, "full", "unit_folds", None)], len(design.classes))
        test: dict[str, Any] = {"p_association": share_reached(trained.balanced_accuracy["unit_folds"], null)}
        if needs_inner_folds(model) and permutations:
            test = permuted_on_subsample(
                stock, blocks[0], design, model, folds=folds, n=permutations, seed=seed, most=most
            )
        found.append(replace(trained, permutations=permutations, fit_seconds=seconds, pipeline=pipeline, **test))
    return found


@dataclass(frozen=True)
class _Key:
    """A rule: of which model, block and division, and which cell was held out (None: none was)."""

    model: int
    block: str
    division: str
    held: int | None


class _Plan:
    """What is summed, fitted and judged; the passes over the rows are its three methods that ask for them."""

    def __init__(
        self, stock: Stock, blocks: list[Block], design: Design, models: list[Model], labels: PackedCodes, folds: int,
        seed: int, execution: Execution,
    ) -> None:  # fmt: skip
        self.stock, self.blocks, self.design, self.models = stock, blocks, design, models
        self.labels, self.execution = labels, execution
        self.classes, self.k = np.asarray(design.classes), len(design.classes)
        self.units, self.mixed = unit_folds(design, k=folds, seed=seed), random_folds(design, k=folds, seed=seed)
        self.factors: dict[str, Floats] = {}
        self._together = {
            n: Division("unit_folds", fold_numbers(self.units).astype(np.int16), len(self.units), n)
            for n in {1, labels.n_labelings}
        }
        mixed = fold_numbers(self.mixed).astype(np.int16)
        self._apart = Division("random_folds", mixed, len(self.mixed))
        self._inner: dict[Any, Division] = {}

    def divisions(self, block: Block) -> list[Division]:
        """Units kept together, and on the whole spectrum spectra dealt at random, where that differs."""
        if block.name != "full":
            return [self._together[1]]
        return [self._together[self.labels.n_labelings], *([self._apart] if self.design.has_replicates else [])]

    def training_sets(self, block: Block, division: Division) -> list[int | None]:
        """Cells held out in turn; the model on file is learned without holding out any."""
        whole: list[int | None] = [None] if block.name == "full" and division.name == "unit_folds" else []
        return [*whole, *range(division.n_cells)]

    def learn(self) -> dict[_Key, Rule]:
        """Sum and fit: a pass for sums and one for ridge's thresholds, or more where memory needs it."""
        rules: dict[_Key, Rule] = {}

        def size(block: Block) -> int:
            return sum(division.size(block.n_columns, self.k) for division in self.divisions(block))

        for group in packed(self.blocks, size, MEMORY):
            rules |= self._learn(group)
        return rules

    def _learn(self, blocks: Sequence[Block]) -> dict[_Key, Rule]:
        asked = [(block, division) for block in blocks for division in self._summed(block)]
        rules: dict[_Key, Rule] = {}
        for stage in packed(asked, lambda item: item[1].size(item[0].n_columns, self.k), MEMORY):
            read = [block for block in blocks if any(own is block for own, _ in stage)]
            wanted = [(block, [division for own, division in stage if own is block]) for block in read]
            sums = sum_cells(self.stock, wanted, self.labels, self.k, self.execution)
            for (block, divisions), of_block in zip(wanted, sums, strict=True):
                for division, found in zip(divisions, of_block, strict=True):
                    rules |= dict(self._fitted(block, division, found))
        waiting = [key for key, rule in rules.items() if needs_left_out_scores(self.models[key.model])]
        if waiting:
            folds = [self._fold(blocks, key, rules[key]) for key in waiting]
            settled = left_out_thresholds(self.stock, blocks, folds, self.labels, self.k, self.execution)
            rules |= zip(waiting, settled, strict=True)
        return rules

    def _summed(self, block: Block) -> Iterator[Division]:
        """Name the divisions that a block is summed over: folds first, then the inner folds of each training set."""
        divisions = self.divisions(block)
        yield from divisions
        if any(map(needs_inner_folds, self.models)):
            for division in divisions:
                for held in self.training_sets(block, division):
                    name = (division.name, held)
                    if name not in self._inner:
                        self._inner[name] = _inner(division, held, self.design.codes)
                    yield self._inner[name]

    def _fitted(self, block: Block, division: Division, sums: CellSums) -> Iterator[tuple[_Key, Rule]]:
        """Fit what follows from the sums over one division."""
        everything = range(division.n_cells)
        if division.name == "unit_folds":
            squares = np.maximum(sums.of(everything).centred().scatter.diagonal(), 0.0)
            self.factors[block.name] = block.spread(squares)
        told: Any = {"shift": block.source.shift, "factor": self.factors[block.name]}
        if isinstance(division.name, tuple):
            of_division, held = division.name
            inner = [sums.of([cell]) for cell in everything if sums.sizes[cell]]
            for i in self._which(inner=True):
                rule = fit_from_sums(self.models[i], sums.of(everything), self.classes, inner=inner, **told)
                yield _Key(i, block.name, of_division, held), rule
            return
        for held in self.training_sets(block, division):
            moments = sums.of([cell for cell in everything if cell != held])
            for i in self._which(inner=False):
                rule = fit_from_sums(self.models[i], moments, self.classes, **told)
                yield _Key(i, block.name, str(division.name), held), rule

    def _which(self, *, inner: bool) -> list[int]:
        return [i for i, model in enumerate(self.models) if needs_inner_folds(model) == inner]

    def _fold(self, blocks: Sequence[Block], key: _Key, rule: Rule) -> Fold:
        number = next(i for i, block in enumerate(blocks) if block.name == key.block)
        division = next(d for d in self.divisions(blocks[number]) if d.name == key.division)
        return Fold(number, division, key.held, rule.weights.shape[1] // self.k, rule)

    def judge(self, rules: Mapping[_Key, Rule]) -> dict[tuple[int, str, str], Judged]:
        """Classify every spectrum by the rules that have not seen it, in one pass."""
        questions: dict[tuple[int, str, str], list[Fold]] = {}
        for key, rule in rules.items():
            if key.held is not None:
                of_question = questions.setdefault((key.model, key.block, key.division), [])
                of_question.append(self._fold(self.blocks, key, rule))
        answers = judge(self.stock, self.blocks, list(questions.values()), self.labels, self.k, self.execution)
        return dict(zip(questions, answers, strict=True))


def _inner(division: Division, held: int | None, codes: Codes) -> Division:
    """Deal a training set's spectra into the inner folds that PLS-DA deals them into."""
    cell = np.full(codes.size, -1, dtype=np.int16)
    rows = np.flatnonzero(division.cell != (-1 if held is None else held))
    cell[rows] = inner_folds(codes[rows])
    return Division((division.name, held), cell, 5)


def _null(judged: Judged, whole: Rule, k: int) -> list[float]:
    """Balanced accuracy under each permuted labeling."""
    totals = np.round(whole.shares * whole.n).reshape(-1, k)
    return [float((r[t > 0] / t[t > 0]).mean()) for r, t in zip(judged.right[1:], totals[1:], strict=True)]


def _trained(plan: _Plan, model: Model, judged: Mapping[tuple[str, str], Judged], variant: str) -> TrainedModel:
    together = judged["full", "unit_folds"].predictions
    apart = judged.get(("full", "random_folds"))
    predicted = {"unit_folds": together, "random_folds": together if apart is None else apart.predictions}
    predicted |= {block.name: judged[block.name, "unit_folds"].predictions for block in plan.blocks[1:]}
    return TrainedModel(
        model=model, variant=variant, predictions=predicted,
        folds={"unit_folds": fold_numbers(plan.units), "random_folds": fold_numbers(plan.mixed)},
        balanced_accuracy={name: balanced_accuracy(plan.design.codes, p) for name, p in predicted.items()},
        recall=recalls(plan.design, together), permutations=0, p_association=1.0, fit_seconds=0.0,
        pipeline=model.build(seed=0),
    )  # fmt: skip
