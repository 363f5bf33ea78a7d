"""What the audit asks of one variant, as questions for the passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from spectral_core.controls.batch import PREDICTABLE_PERMUTATIONS, batches_as_classes, units_cross
from spectral_core.controls.same_class import MOST_FOR_HALVES, Split, splits_of_classes
from spectral_core.evidence import Settings
from spectral_core.packed_labels import PackedCodes, pack_codes, pack_labelings
from spectral_core.splits import Codes, Design, random_folds, unit_folds
from spectral_core.streaming.layout import Layout
from spectral_core.streaming.passes import Question
from spectral_core.streaming.plan import Plan
from spectral_core.streaming.sums import Labels

MAIN, MIXED, LEFT_OUT, HALVES = "main", "random folds", "batches left out", "halves of "


@dataclass(frozen=True)
class Packed:
    """The labelings that all claims share, packed, and those of the batches as classes (None without batches)."""

    anywhere: PackedCodes
    within_batch: PackedCodes | None
    batches: PackedCodes | None


@dataclass(frozen=True)
class Folds:
    """What is the same for every variant: layouts and labelings of every control.

    `left_out` holds layouts that together leave out every batch that can be, and `left_out_rows` the spectra judged;
    `splits` the halves of classes with their layouts and labelings.
    """

    together: Layout
    mixed: Layout | None
    left_out: tuple[Layout, ...]
    left_out_rows: Codes
    splits: tuple[tuple[Split, Layout, Labels], ...]


def pack_batches(design: Design, settings: Settings) -> PackedCodes | None:
    """Draw the labelings under which batches are read from spectra."""
    if not design.batch_declared:
        return None
    swapped = batches_as_classes(design)
    return pack_labelings(swapped, n=PREDICTABLE_PERMUTATIONS, seed=settings.seed, within_batch=True)


def lay_out(design: Design, packed: Packed, settings: Settings, *, most_cells: int) -> Folds:
    """Lay out every cross-validation of the audit; batches are left out in groups of at most `most_cells` cells."""
    folds = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    together = Layout.of_folds(folds, design.unit)
    mixed = None
    if design.has_replicates:
        mixed = Layout.of_folds(random_folds(design, k=settings.n_folds, seed=settings.seed), design.unit)
    left_out: tuple[Layout, ...] = ()
    rows: Codes = np.empty(0, dtype=np.intp)
    if packed.within_batch is not None:
        left_out, rows = batches_left_out(design, together.cell, most_cells=most_cells)
    splits = tuple(_halves(split, design.n, settings) for split in splits_of_classes(design, settings))
    return Folds(together, mixed, left_out, rows, splits)


def _halves(split: Split, n: int, settings: Settings) -> tuple[Split, Layout, Labels]:
    """Layout and labelings of the halves of one class, among all n spectra."""
    design = split.design
    drawn = pack_labelings(design, n=min(settings.n_permutations, MOST_FOR_HALVES), seed=settings.seed)
    cell, unit, entity = np.full(n, -1, dtype=np.int16), np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
    folds = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    for i, fold in enumerate(folds):
        cell[split.rows[fold]] = i
    unit[split.rows], entity[split.rows] = design.unit, drawn.entity
    alone = tuple((i,) for i in range(len(folds)))
    return split, Layout(cell, len(folds), alone, alone, unit), Labels(replace(drawn, entity=entity), 2)


def batches_left_out(design: Design, fold: Codes, *, most_cells: int) -> tuple[tuple[Layout, ...], Codes]:
    """Lay out whole batches left out, as `controls.batch.batch_folds_apart` does.

    A cell is a batch, or where units were measured in several batches the part of a batch in one fold: it is then
    judged by the model that has seen neither its batch nor its fold. Models without a class to train on are left out.

    Args:
        design: Classes, units and batches.
        fold: Fold of each spectrum with units kept together.
        most_cells: Cells that one layout may have.

    Returns:
        Layouts that share the batches between them, and the spectra they judge; none where a class is not judged.
    """
    k = int(fold.max()) + 1 if units_cross(design) else 1
    part = fold if k > 1 else np.zeros_like(fold)
    counts = np.zeros((len(design.batches), k, len(design.classes)), dtype=np.intp)
    np.add.at(counts, (design.batch, part, design.codes), 1)
    held = counts.sum(axis=1)[:, None] + (counts.sum(axis=0) - counts if k > 1 else 0)
    usable = (counts.sum(axis=2) > 0) & (counts.sum(axis=(0, 1)) - held > 0).all(axis=2)
    rows = np.flatnonzero(usable[design.batch, part])
    if np.unique(design.codes[rows]).size < len(design.classes):
        return (), np.empty(0, dtype=np.intp)
    batches = np.flatnonzero(usable.any(axis=1))
    groups = np.array_split(batches, -(-batches.size // max(1, most_cells // k - 1)))
    return tuple(_group_left_out(design, part, k, group, usable) for group in groups), rows


def _group_left_out(design: Design, part: Codes, k: int, group: Codes, usable: Codes) -> Layout:
    """Leave out the batches of one group; all other batches are one."""
    place = np.full(len(design.batches), group.size)
    place[group] = np.arange(group.size)
    cell = (place[design.batch] * k + part).astype(np.int16)
    held, judged = [], []
    for i, batch in enumerate(group.tolist()):
        for f in np.flatnonzero(usable[batch]).tolist():
            own = {i * k + g for g in range(k)} | ({b * k + f for b in range(group.size + 1)} if k > 1 else set())
            held.append(tuple(sorted(own)))
            judged.append((i * k + f,))
    return Layout(cell, (group.size + 1) * k, tuple(held), tuple(judged), design.unit)


def list_questions(plan: Plan, design: Design, packed: Packed, folds: Folds) -> Iterator[Question]:
    """List what is asked of one variant: every block with units together, the whole spectrum in every other way."""
    n_classes = len(design.classes)
    shared = [Labels(codes, n_classes) for codes in (packed.anywhere, packed.within_batch) if codes is not None]
    for source in plan.sources:
        blocks = tuple(block for block in plan.blocks if block.source == source)
        own = [Labels(packed.batches, len(design.batches), only="full")] if packed.batches is not None else []
        yield Question(MAIN, source, blocks, folds.together, (*shared, *(own if source == "full" else ())))
    whole = tuple(block for block in plan.blocks if block.name == "full")
    if folds.mixed is not None:
        observed = Labels(pack_codes(design.codes, n_classes), n_classes)
        yield Question(MIXED, "full", whole, folds.mixed, (observed,))
    for layout in folds.left_out:
        yield Question(LEFT_OUT, "full", whole, layout, (shared[-1],))
    for split, layout, labels in folds.splits:
        yield Question(HALVES + split.class_name, "full", whole, layout, (labels,))
