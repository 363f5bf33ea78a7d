"""The later passes: left-out scores behind the thresholds of ridge, and every spectrum under the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from dask.delayed import delayed

from spectral_core.models.closed_form import Rule, thresholds_between
from spectral_core.packed_labels import PackedCodes
from spectral_core.probe.threads import threads_for
from spectral_core.splits import Codes
from spectral_core.streamed_training.blocks import Block, RowRange, Stock
from spectral_core.streamed_training.sums import Division, indicators
from spectral_core.streaming.passes import Execution

Floats = npt.NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Fold:
    """A training set of a division, all cells but `held` (None: no cell is held out), and a rule learned from it."""

    block: int
    division: Division
    held: int | None
    n_labelings: int
    rule: Rule


@dataclass(frozen=True)
class Judged:
    """What rules say of held-out spectra of one division.

    Attributes:
        predictions: n class codes under the first labeling.
        right: Labelings × classes, spectra classified right.
    """

    predictions: Codes
    right: npt.NDArray[np.intp]


class _Task:
    """Rows, labelings and what is learned; rules lose their pipelines, which no pass needs."""

    def __init__(self, rows: RowRange, labels: PackedCodes, k: int, cells: Sequence[Codes]) -> None:
        self.rows, self.labels, self.k = rows, labels.of_rows(slice(rows.start, rows.stop)), k
        self.cells = [cell[rows.start : rows.stop] for cell in cells]


class _Rules:
    """Rules in an order, the number of each one's division, and where its block is among those that are read."""

    def __init__(self, folds: Sequence[Fold]) -> None:
        self.divisions: list[Division] = []
        self.folds: list[tuple[int, int, int | None, int, Rule]] = []
        for fold in folds:
            if not any(known is fold.division for known in self.divisions):
                self.divisions.append(fold.division)
            number = next(i for i, known in enumerate(self.divisions) if known is fold.division)
            self.folds.append((fold.block, number, fold.held, fold.n_labelings, replace(fold.rule, pipeline=None)))


def left_out_thresholds(
    stock: Stock, blocks: Sequence[Block], folds: Sequence[Fold], labels: PackedCodes, k: int, execution: Execution,
) -> list[Rule]:  # fmt: skip
    """Read the rows once, score every training spectrum as if it had been left out, and set the thresholds.

    Args:
        stock: The rows.
        blocks: What is read; `Fold.block` counts them.
        folds: Rules whose thresholds are open.
        labels: Labelings of n spectra.
        k: Number of classes.
        execution: Where tasks run.
    """
    parts = _over_rows(_leave_out, stock, blocks, folds, labels, k, execution)
    found = []
    for i, fold in enumerate(folds):
        inside, total = np.sum([part[i] for part in parts], axis=0)
        rule = fold.rule
        counts = np.round(rule.shares * rule.n)
        found.append(rule.with_thresholds(thresholds_between(inside, total, counts, rule.n)))
    return found


def judge(
    stock: Stock, blocks: Sequence[Block], folds: Sequence[Sequence[Fold]], labels: PackedCodes, k: int,
    execution: Execution,
) -> list[Judged]:  # fmt: skip
    """Read the rows once, and classify every spectrum by the rule that has not seen it.

    Args:
        stock: The rows.
        blocks: What is read; `Fold.block` counts them.
        folds: For each question its rules, one for each cell of one division.
        labels: Labelings of n spectra.
        k: Number of classes.
        execution: Where tasks run.

    Returns:
        An answer to each question.
    """
    flat = [fold for question in folds for fold in question]
    question = [i for i, of_question in enumerate(folds) for _ in of_question]
    parts = _over_rows(_classify, stock, blocks, flat, labels, k, execution)
    answers = []
    for q, of_question in enumerate(folds):
        own = [i for i, number in enumerate(question) if number == q]
        codes = np.full(stock.n, -1, dtype=np.int16)
        for start, part in zip((a for a, _ in execution.ranges(stock.variant)), parts, strict=True):
            for i in own:
                codes[start + part[i][0]] = part[i][1]
        right = np.sum([part[i][2] for part in parts for i in own], axis=0)
        answers.append(Judged(codes, right.reshape(of_question[0].n_labelings, k)))
    return answers


def _over_rows(
    work: Callable[[_Task, _Rules], list[Any]], stock: Stock, blocks: Sequence[Block], folds: Sequence[Fold],
    labels: PackedCodes, k: int, execution: Execution,
) -> list[list[Any]]:  # fmt: skip
    rules = _Rules(folds)
    shared = delayed(rules, pure=False, traverse=False)
    cells = [division.cell for division in rules.divisions]
    tasks = [
        delayed(work, pure=False)(_Task(RowRange(stock, a, b, blocks), labels, k, cells), shared)
        for a, b in execution.ranges(stock.variant)
    ]
    return execution.compute(tasks)


def _leave_out(task: _Task, rules: _Rules) -> list[Floats]:
    """For each rule 2 × Q left-out scores: of the class's own spectra, of all."""
    found = [np.zeros((2, rule.weights.shape[1])) for *_, rule in rules.folds]
    with threads_for(0):
        for i, own, z in task.rows.matrices():
            most = max((n for block, _, _, n, _ in rules.folds if block == i), default=0)
            y = indicators(task.labels, own, most, task.k) if most else np.empty((0, 0))
            for sums, (block, division, held, n_labelings, rule) in zip(found, rules.folds, strict=True):
                if block == i:
                    rows = _seen(task.cells[division][own], held)
                    sums += _left_out_sums(rule, z[rows], y[rows, : n_labelings * task.k])
    return found


def _seen(cell: Codes, held: int | None) -> Codes:
    return np.flatnonzero(cell >= 0 if held is None else (cell >= 0) & (cell != held))


def _left_out_sums(rule: Rule, z: Floats, y: Floats) -> Floats:
    """Sum y − (y − ŷ)/(1 − h) over each class's own spectra and over all; y and ŷ less the class shares."""
    z = z - rule.centre
    fitted = z @ rule.weights
    leverage = _squares(rule.triangle, z)
    stretch = 1 / np.maximum(1 - leverage - 1 / rule.n, _EPS)
    kept = 1 - stretch
    total = y.T @ kept - rule.shares * kept.sum() + fitted.T @ stretch
    inside = (1 - rule.shares) * (y.T @ kept) + np.einsum("iq,iq,i->q", fitted, y, stretch)
    return np.stack([inside, total])


def _squares(triangle: Floats | None, z: Floats) -> Floats:
    """‖triangle · z‖² of each row; a square triangle takes half the products of a matrix. `z` is overwritten."""
    if triangle is None:
        return np.zeros(len(z))
    if triangle.shape[0] == triangle.shape[1]:
        turned = scipy.linalg.blas.dtrmm(1.0, triangle, z.T, lower=0, overwrite_b=1)
    else:
        turned = triangle @ z.T
    return np.asarray(np.einsum("ij,ij->j", turned, turned))


def _classify(task: _Task, rules: _Rules) -> list[tuple[Codes, Codes, npt.NDArray[np.intp]]]:
    """For each rule: places of the spectra that it judges, their classes, and what is right under each labeling."""
    places: list[list[Codes]] = [[] for _ in rules.folds]
    classes: list[list[Codes]] = [[] for _ in rules.folds]
    right = [np.zeros(rule.weights.shape[1], dtype=np.intp) for *_, rule in rules.folds]
    with threads_for(0):
        for i, own, z in task.rows.matrices():
            for f, (block, division, held, n_labelings, rule) in enumerate(rules.folds):
                if block != i:
                    continue
                rows = np.flatnonzero(task.cells[division][own] == held)
                scores = rule.scores(z[rows]).reshape(rows.size, n_labelings, task.k)
                predicted = scores.argmax(axis=2)
                truth = task.labels.dense(slice(0, n_labelings), own)[rows]
                hits = (predicted == truth)[:, :, None] & (truth[:, :, None] == np.arange(task.k))
                right[f] += hits.sum(axis=0).ravel()
                places[f].append(own.start + rows)
                classes[f].append(predicted[:, 0].astype(np.int16))
    return [(np.concatenate(p), np.concatenate(c), r) for p, c, r in zip(places, classes, right, strict=True)]
