"""Every block of every variant before the probe, in passes over the rows: the examination without matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spectral_core.controls.batch import (
    BatchEvidence,
    batches_as_classes,
    cramers_v,
    left_out_of,
    predicted_of,
)  # fmt: skip
from spectral_core.controls.leakage import LeakageEvidence, compare_folds
from spectral_core.controls.nuisance import Scalars
from spectral_core.controls.same_class import SameClassEvidence, correct_halves, halves_of
from spectral_core.evidence import Answer, Settings, answer_of
from spectral_core.inference import credit
from spectral_core.packed_labels import pack_labelings
from spectral_core.preprocessing import Chain
from spectral_core.regions import Intervals, Regions
from spectral_core.splits import Design, count_permutations
from spectral_core.streaming.passes import MEMORY, Execution, Found, Question, ask_in_two_passes, stages
from spectral_core.streaming.plan import Places, Plan, plan_blocks
from spectral_core.streaming.questions import (
    HALVES,
    LEFT_OUT,
    MAIN,
    MIXED,
    Folds,
    Packed,
    lay_out,
    list_questions,
    pack_batches,
)  # fmt: skip
from spectral_core.streaming.rows import Rows
from spectral_core.streaming.sources import CropError

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Streamed:
    """What the passes found of one variant: answers with unadjusted p-values, their statistics, and the controls.

    `passes` counts readings of the rows; `sampled` is the smallest share of units that a mean leverage was taken from
    (1 where it is exact).
    """

    plan: Plan
    answers: dict[str, Answer]
    anywhere: dict[str, Floats]
    within: dict[str, Floats]
    leakage: LeakageEvidence | None
    batch: BatchEvidence | None
    same_class: SameClassEvidence | None
    passes: int
    sampled: float


@dataclass(frozen=True)
class Streaming:
    """What is the same for every variant."""

    rows: Rows
    regions: Regions
    bands: Intervals
    design: Design
    packed: Packed
    folds: Folds
    settings: Settings
    execution: Execution
    memory: int = MEMORY

    def examine(self, chain: Chain, scalars: Scalars, places: Places, progress: Progress | None = None) -> Streamed:
        """Ask everything about one variant.

        A crop that a step of the chain refuses is judged raw, as in memory; it is noticed on the way, and the passes
        begin again.

        Raises:
            SpectraError: A step refuses a whole spectrum.
        """
        refused: dict[str, str] = {}
        while True:
            try:
                plan = plan_blocks(self.rows, self.regions, self.bands, chain, scalars, places, refused)
                return self._ask(plan, progress)
            except CropError as error:
                if error.source == "full" or error.source in refused:
                    raise error.plain from None
                refused[error.source] = str(error)

    def _ask(self, plan: Plan, progress: Progress | None) -> Streamed:
        questions = list(list_questions(plan, self.design, self.packed, self.folds))
        packed = stages(questions, plan.sources, self.memory)
        asked: list[tuple[Question, list[Found]]] = []
        for i, stage in enumerate(packed):
            told = None if progress is None else _part_of(progress, i, len(packed))
            found = ask_in_two_passes(
                stage, self.rows, plan.sources, seed=self.settings.seed, execution=self.execution, progress=told
            )
            asked += list(zip(stage, found, strict=True))
        sampled = min(one.sampled for _, found in asked for one in found)
        return self._evidence(plan, asked, passes=2 * len(packed), sampled=sampled)

    def _evidence(
        self, plan: Plan, asked: Sequence[tuple[Question, list[Found]]], *, passes: int, sampled: float
    ) -> Streamed:
        main = {one.asked.name: one for question, found in asked if question.key == MAIN for one in found}
        answers: dict[str, Answer] = {}
        anywhere: dict[str, Floats] = {}
        within: dict[str, Floats] = {}
        for block in plan.blocks:
            one = main[block.name]
            judged = one.scored[0].judgement
            inside = one.scored[1].judgement if self.packed.within_batch is not None else None
            answers[block.name] = answer_of(
                judged, inside, self.design, n_channels=block.n_channels, rank=one.rank, note=block.note,
                alpha=self.settings.alpha,
            )  # fmt: skip
            anywhere[block.name] = judged.statistic
            if inside is not None:
                within[block.name] = inside.statistic
        others = {key: [found[0] for question, found in asked if question.key == key] for key in (MIXED, LEFT_OUT)}
        halves = {question.key: found[0] for question, found in asked if question.key.startswith(HALVES)}
        return Streamed(
            plan, answers, anywhere, within, self._leakage(others[MIXED], answers["full"]),
            self._batch(others[LEFT_OUT], main["full"]), self._same_class(halves), passes, sampled,
        )  # fmt: skip

    def _leakage(self, mixed: Sequence[Found], full: Answer) -> LeakageEvidence | None:
        if not mixed:
            return None
        random = credit(mixed[0].scored[0].margins, len(self.design.classes))
        return compare_folds(self.design, random, full.credit, alpha=self.settings.alpha)

    def _batch(self, groups: Sequence[Found], full: Found) -> BatchEvidence | None:
        design, settings = self.design, self.settings
        if not design.batch_declared:
            return None
        left_out = None
        if groups:
            scored = groups[0].scored[0]
            for group in groups[1:]:
                scored = scored.beside(group.scored[0])
            left_out = left_out_of(scored.judgement, self.folds.left_out_rows, design, settings)
        predicted, p = predicted_of(full.scored[-1].judgement, batches_as_classes(design), settings)
        admissible = count_permutations(design, within_batch=True)
        return BatchEvidence(cramers_v(design), admissible, left_out is None, left_out, predicted, p)

    def _same_class(self, found: Mapping[str, Found]) -> SameClassEvidence | None:
        halves = []
        for split, _, _ in self.folds.splits:
            judgement = found[HALVES + split.class_name].scored[0].judgement
            own = replace(judgement, margins=judgement.margins[split.rows])
            halves.append(halves_of(own, split, self.settings))
        return correct_halves(halves)


def pack(design: Design, settings: Settings, *, within_batch: bool) -> Packed:
    """Draw every labeling, packed; within batches where those admit enough."""
    drawn = [
        pack_labelings(design, n=settings.n_permutations, seed=settings.seed, within_batch=inside)
        for inside in (False, True)[: 1 + within_batch]
    ]
    return Packed(drawn[0], drawn[1] if within_batch else None, pack_batches(design, settings))


def lay_out_all(design: Design, packed: Packed, settings: Settings, *, n_channels: int, memory: int) -> Folds:
    """Lay out every cross-validation so that the cells of one fit the memory of a stage."""
    cell = 8 * n_channels * ((2 if design.has_replicates else 1) * n_channels + packed.anywhere.n_labelings)
    return lay_out(design, packed, settings, most_cells=max(1, memory // cell))


def _part_of(progress: Progress, stage: int, stages: int) -> Progress:
    """Tell progress of one stage as hundredths of all."""
    return lambda done, tasks: progress(round(100 * (stage + done / max(tasks, 1)) / stages), 100)
