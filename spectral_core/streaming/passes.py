"""Two passes over the rows answer any number of questions; Dask runs them on threads, processes or a cluster.

Each task covers a range of rows and reads it a block at a time. Sums of ranges are added up pairwise where they are,
the models are fitted where the sums are, and only class sums and one margin a spectrum come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from dask.delayed import delayed

from spectral_core.packed_labels import PackedCodes
from spectral_core.preprocessing.blocks import Progress, compute_blocks, worker_count
from spectral_core.probe.threads import threads_for
from spectral_core.streaming.fits import Fit, fit_block
from spectral_core.streaming.layout import Layout, Outline, Straddling, straddling
from spectral_core.streaming.rows import Rows
from spectral_core.streaming.scores import Scored, score_block
from spectral_core.streaming.sources import Asked, Source
from spectral_core.streaming.sums import Floats, Labels, Sums, add_block

MEMORY = 500 * 2**20
"""Bytes of sums that one stage may hold in each worker; more questions take a further stage of two passes."""
GATHERED = 128 * 2**20  # bytes of sums of units that straddle blocks, for each question
_ON_CLUSTER = 2**16  # spectra of a task on a running scheduler


@dataclass(frozen=True)
class Execution:
    """Where the passes run: see `preprocessing.blocks.compute_blocks`."""

    scheduler: str = "threads"
    workers: int | None = None
    progress: Progress | None = None

    def ranges(self, rows: Rows) -> list[tuple[int, int]]:
        """Cut the rows into the ranges of tasks: one a local worker, or many on a running scheduler."""
        if "://" in self.scheduler:
            return rows.ranges(max(1, rows.shape[0] // _ON_CLUSTER))
        return rows.ranges(worker_count(self.workers))

    def compute(self, tasks: Sequence[Any], progress: Progress | None = None) -> list[Any]:
        """Compute Dask tasks."""
        run: Any = compute_blocks
        return list(run(tasks, scheduler=self.scheduler, workers=self.workers, progress=progress))


@dataclass(frozen=True)
class Question:
    """Blocks of one source, cross-validated in one layout under some sets of labelings."""

    key: str
    source: str
    blocks: tuple[Asked, ...]
    layout: Layout
    labels: tuple[Labels, ...]


@dataclass(frozen=True)
class Found:
    """What the probe found of one block: its scores under each set of labelings it was asked about.

    `sampled` is the share of units that straddle blocks of rows whose sums were kept for the mean leverage: 1 where it
    is exact.
    """

    asked: Asked
    penalty: float
    rank: int
    scored: tuple[Scored, ...]
    sampled: float = 1.0


class _Cut:
    """Labelings of one range of rows, once for all questions that share them.

    Threads see the labelings of all spectra; what is sent elsewhere holds those of its own spectra only.
    """

    def __init__(self, execution: Execution) -> None:
        self.here = execution.scheduler == "threads"
        self.made: dict[int, PackedCodes] = {}

    def __call__(self, codes: PackedCodes, own: slice) -> PackedCodes:
        if id(codes) not in self.made:
            here = replace(codes, entity=codes.entity[own])
            self.made[id(codes)] = here if self.here else codes.of_rows(own)
        return self.made[id(codes)]


class _Part:
    """What a task knows of one question: its own spectra only. No dataclass: Dask looks into those."""

    def __init__(self, question: Question, apart: Straddling | None, own: slice, cut: _Cut) -> None:
        self.source, self.blocks = question.source, question.blocks
        self.outline: Outline = question.layout.outline
        self.cell, self.unit = question.layout.cell[own], question.layout.unit[own]
        self.labels = [replace(labels, codes=cut(labels.codes, own)) for labels in question.labels]
        self.apart = None if apart is None else apart.of_rows(own)

    def labels_of(self, own: slice) -> list[Labels]:
        """Keep the labelings of some of its spectra."""
        kept = (replace(labels.codes, entity=labels.codes.entity[own]) for labels in self.labels)
        return [replace(labels, codes=codes) for labels, codes in zip(self.labels, kept, strict=True)]


class RowTask:
    """A range of rows with all that the questions know of them."""

    def __init__(self, rows: Rows, sources: Mapping[str, Source], parts: Sequence[_Part]) -> None:
        self.rows, self.parts = rows, parts
        self.sources = {
            name: source.between(rows.offset, rows.offset + rows.shape[0]) for name, source in sources.items()
        }

    def blocks(self) -> Iterator[tuple[int, slice, Floats]]:
        """Read the rows, and give for each question with a spectrum among them its number, their places, the matrix."""
        order = sorted(range(len(self.parts)), key=lambda i: self.parts[i].source)
        for start in range(0, self.rows.shape[0], self.rows.together):
            own = slice(start, min(start + self.rows.together, self.rows.shape[0]))
            asked = [i for i in order if (self.parts[i].cell[own] >= 0).any()]
            rows = slice(own.start + self.rows.offset, own.stop + self.rows.offset)
            x = self.rows[rows] if asked else None
            name, matrix = "", np.empty(0)
            for i in asked:
                if self.parts[i].source != name:
                    name = self.parts[i].source
                    matrix = self.sources[name].matrix(x, rows)  # type: ignore[arg-type]
                yield i, own, matrix


def sum_rows(task: RowTask) -> list[Sums]:
    """Take a range of rows through the first pass."""
    found = [
        Sums.empty(
            task.sources[part.source].n_columns, part.outline, [labels.width for labels in part.labels],
            0 if part.apart is None else part.apart.size.size,
        )
        for part in task.parts
    ]  # fmt: skip
    with threads_for(0):
        for i, own, z in task.blocks():
            part, sums = task.parts[i], found[i]
            shift = task.sources[part.source].shift
            sums.largest = max(sums.largest, float((np.abs(z).max(axis=0) + np.abs(shift)).max()))
            apart = None if part.apart is None else part.apart.of_rows(own)
            add_block(sums, z, part.cell[own], part.unit[own], part.labels_of(own), part.outline, apart)
    return found


def add_sums(a: list[Sums], b: list[Sums]) -> list[Sums]:
    """Add the sums of two ranges."""
    return [one.add(other) for one, other in zip(a, b, strict=True)]


class _Fitting:
    """What fitting needs to know of the questions."""

    def __init__(self, questions: Sequence[Question], aparts: Sequence[Straddling | None]) -> None:
        nobody = slice(0, 0)
        self.blocks = [question.blocks for question in questions]
        self.outlines = [question.layout.outline for question in questions]
        self.labels = [
            [replace(labels, codes=replace(labels.codes, planes=labels.codes.planes[:, :0])) for labels in q.labels]
            for q in questions
        ]
        self.aparts = [None if apart is None else apart.of_rows(nobody) for apart in aparts]


def fit_all(known: _Fitting, sums: list[Sums]) -> list[list[Fit]]:
    """Fit the models of every block of every question."""
    return [
        [fit_block(sums[i], asked, known.outlines[i], known.labels[i], known.aparts[i]) for asked in blocks]
        for i, blocks in enumerate(known.blocks)
    ]


def score_rows(task: RowTask, fits: list[list[Fit]]) -> list[list[tuple[float, int, list[Scored]]]]:
    """Take a range of rows through the second pass; give for each block penalty, rank and scores."""
    n = task.rows.shape[0]
    found = [[[Scored.empty(n, labels) for labels in part.labels] for _ in part.blocks] for part in task.parts]
    with threads_for(0):
        for i, own, z in task.blocks():
            part = task.parts[i]
            labels = part.labels_of(own)
            for asked, fit, scores in zip(part.blocks, fits[i], found[i], strict=True):
                columns = z if asked.columns is None else z[:, asked.columns]
                for scored, of_labels, models in zip(scores, labels, fit.models, strict=True):
                    if not models:
                        continue
                    score_block(scored, own.start, columns, part.cell[own], of_labels, models, part.outline)
    return [
        [(fit.penalty, fit.rank, scores) for fit, scores in zip(of_part, scored, strict=True)]
        for of_part, scored in zip(fits, found, strict=True)
    ]


def ask_in_two_passes(
    questions: Sequence[Question], rows: Rows, sources: Mapping[str, Source], *, seed: int, execution: Execution,
    progress: Progress | None = None,
) -> list[list[Found]]:  # fmt: skip
    """Answer questions in two passes over the rows.

    Args:
        questions: What is asked; their sums are held together.
        rows: The archive.
        sources: By name, shifted.
        seed: Seed of the units drawn where too many straddle blocks.
        execution: Where tasks run.
        progress: Told of finished tasks.

    Returns:
        For each question what was found of each of its blocks.

    Raises:
        CropError: A step refuses a spectrum.
    """
    sources = {q.source: sources[q.source] for q in questions}
    aparts = [_apart(q, rows.together, sources[q.source].n_columns, seed) for q in questions]
    tasks = cut_tasks(questions, aparts, rows, sources, execution)
    waiting = [delayed(sum_rows, pure=False)(task) for task in tasks]
    while len(waiting) > 1:
        pairs = [waiting[i : i + 2] for i in range(0, len(waiting), 2)]
        waiting = [delayed(add_sums, pure=False)(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    fits = delayed(fit_all, pure=False)(_Fitting(questions, aparts), waiting[0])
    scored = execution.compute([delayed(score_rows, pure=False)(task, fits) for task in tasks], progress)
    return [
        [_found(asked, question, [part[i][j] for part in scored], apart) for j, asked in enumerate(question.blocks)]
        for i, (question, apart) in enumerate(zip(questions, aparts, strict=True))
    ]


def cut_tasks(
    questions: Sequence[Question], aparts: Sequence[Straddling | None], rows: Rows, sources: Mapping[str, Source],
    execution: Execution,
) -> list[RowTask]:  # fmt: skip
    """Make one task of each range of rows."""
    tasks = []
    for start, stop in execution.ranges(rows):
        own, cut = slice(start, stop), _Cut(execution)
        parts = [_Part(question, apart, own, cut) for question, apart in zip(questions, aparts, strict=True)]
        tasks.append(RowTask(rows.between(start, stop), sources, parts))
    return tasks


def _apart(question: Question, together: int, m: int, seed: int) -> Straddling | None:
    if not question.layout.has_replicates:
        return None
    return straddling(question.layout, together=together, most=GATHERED // (8 * m), seed=seed)


def _found(
    asked: Asked, question: Question, parts: Sequence[tuple[float, int, list[Scored]]], apart: Straddling | None
) -> Found:
    penalty, rank, _ = parts[0]
    asked_about = [j for j, labels in enumerate(question.labels) if labels.asked_of(asked.name)]
    scored = tuple(Scored.joined([scores[j] for _, _, scores in parts]) for j in asked_about)
    return Found(asked, penalty, rank, scored, 1.0 if apart is None else 1.0 / apart.weight)


def stages(questions: Sequence[Question], sources: Mapping[str, Source], memory: int) -> list[list[Question]]:
    """Put questions into as few stages as the memory of their sums allows, the first ones first."""
    packed: list[tuple[int, list[Question]]] = []
    for question in questions:
        size = _size(question, sources[question.source].n_columns)
        for i, (used, stage) in enumerate(packed):
            if used + size <= memory:
                packed[i] = (used + size, [*stage, question])
                break
        else:
            packed.append((size, [question]))
    return [stage for _, stage in packed]


def _size(question: Question, m: int) -> int:
    """Bytes of a question's sums."""
    outline = question.layout.outline
    units = max(outline.n_cells, len(outline.held)) if outline.has_replicates else 0
    labels = outline.n_cells * sum(labels.width for labels in question.labels)
    return 8 * m * (m * (outline.n_cells + units) + labels)
