"""Do two halves of one class differ as much as the classes? Then whatever parts them may part the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spectral_core.controls.batch import fewest_permutations
from spectral_core.evidence import Settings
from spectral_core.inference import Estimate, balanced_mean, credit, holm_between_groups, permutation_p
from spectral_core.probe import Judgement, fit_probe
from spectral_core.splits import Codes, Design, count_permutations, permuted_codes, unit_folds

MOST_FOR_HALVES = 499  # for a caveat: with Holm over ten classes p reaches 0.02
_FEWEST = 5  # units in each half


@dataclass(frozen=True)
class Halves:
    """How well the probe tells two halves of one class apart, with units kept together.

    `halves` names them, `by_batch` tells batches from times; `n` and `n_units` count the spectra and units of
    both; `p_adjusted` is corrected over the classes (Holm, 1979).
    """

    class_name: str
    halves: tuple[str, str]
    by_batch: bool
    accuracy: Estimate
    p: float
    p_adjusted: float
    n: int
    n_units: int


@dataclass(frozen=True)
class SameClassEvidence:
    """The halves of each class that could be split, the one that differs most surely first."""

    by_class: tuple[Halves, ...]

    @property
    def worst(self) -> Halves:
        """The class whose halves differ most surely."""
        return self.by_class[0]


@dataclass(frozen=True)
class Split:
    """A class in two halves: its spectra (`rows`), and a design of these whose classes are the halves."""

    class_name: str
    halves: tuple[str, str]
    by_batch: bool
    rows: Codes
    design: Design


def examine_same_class(
    matrix: npt.NDArray[np.floating], design: Design, settings: Settings
) -> SameClassEvidence | None:
    """Tell the halves of each class apart by the probe that tells the classes apart.

    A class is halved by batch: its two batches with most units against each other. Where it has no two
    batches with 5 units each, it is halved by the time of acquisition: the earlier against the later units.
    Labels of halves are permuted between units; a unit measured in both halves exchanges them inside.

    Args:
        matrix: n × d spectra, as the variant gives them.
        design: Classes, units, batches and times of the n spectra.
        settings: Level, folds and seed; at most 499 permutations are drawn.

    Returns:
        None where no class can be halved with enough units for a permutation test.
    """
    return correct_halves([_tell_apart(matrix, split, settings) for split in splits_of_classes(design, settings)])


def correct_halves(found: Sequence[Halves]) -> SameClassEvidence | None:
    """Correct the p-values over the classes; None of none."""
    if not found:
        return None
    adjusted = holm_between_groups([np.array([half.p]) for half in found])
    by_class = [replace(half, p_adjusted=float(p[0])) for half, p in zip(found, adjusted, strict=True)]
    return SameClassEvidence(tuple(sorted(by_class, key=lambda half: (half.p_adjusted, -half.accuracy.value))))


def _tell_apart(matrix: npt.NDArray[np.floating], split: Split, settings: Settings) -> Halves:
    design = split.design
    folds = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    n = min(settings.n_permutations, MOST_FOR_HALVES)
    labelings = np.column_stack([design.codes, permuted_codes(design, n=n, seed=settings.seed)])
    return halves_of(fit_probe(matrix[split.rows], unit=design.unit).judge(labelings, folds, 2), split, settings)


def halves_of(found: Judgement, split: Split, settings: Settings) -> Halves:
    """Sum up the judgement of the two halves of one class."""
    design = split.design
    p = permutation_p(float(found.statistic[0]), found.statistic[1:])
    accuracy = balanced_mean(design, credit(found.margins, 2), alpha=settings.alpha)
    return Halves(split.class_name, split.halves, split.by_batch, accuracy, p, p, design.n, design.n_units)


def splits_of_classes(design: Design, settings: Settings) -> Iterator[Split]:
    """Halve each class that can be halved, by batch or by time."""
    for c, name in enumerate(design.classes):
        rows = np.flatnonzero(design.codes == c)
        for halve in (_by_batch, _by_time):
            halved = halve(design, rows)
            split = _split(design, name, halved, settings) if halved is not None else None
            if split is not None:
                split = replace(split, by_batch=halve is _by_batch)
                yield split
                break


def _split(design: Design, name: str, halved: tuple[Codes, Codes, tuple[str, str]], settings: Settings) -> Split | None:
    """Make the two halves the classes of a design of their own; None if there are too few units."""
    rows, later, names = halved
    unit = np.unique(design.unit[rows], return_inverse=True)[1]
    found = Design(later, names, unit, np.zeros_like(unit), ("",), design.unit_declared)
    enough = count_permutations(found) >= fewest_permutations(settings.alpha)
    return Split(name, names, False, rows, found) if min(found.units_per_class) >= _FEWEST and enough else None


def _by_batch(design: Design, rows: Codes) -> tuple[Codes, Codes, tuple[str, str]] | None:
    """The two named batches with most units of the class, the first by name on equal numbers."""
    stated = [b for b in np.unique(design.batch[rows]).tolist() if design.batches[b]]
    units = {b: np.unique(design.unit[rows[design.batch[rows] == b]]).size for b in stated}
    first, second, *_ = [*sorted(stated, key=lambda b: -units[b]), -1, -1]
    if second < 0:
        return None
    rows = rows[np.isin(design.batch[rows], (first, second))]
    later = (design.batch[rows] == second).astype(np.intp)
    return rows, later, (design.batches[first], design.batches[second])


def _by_time(design: Design, rows: Codes) -> tuple[Codes, Codes, tuple[str, str]] | None:
    """Earlier against later units, by the mean time of each; units of one time stay in one half."""
    if design.order is None:
        return None
    rows = rows[np.isfinite(design.order[rows])]
    if rows.size == 0:
        return None
    unit = np.unique(design.unit[rows], return_inverse=True)[1]
    since_start = design.order[rows] - design.order[rows].min()  # seconds since 1970 lose digits in sums
    time = np.bincount(unit, since_start) / np.bincount(unit)
    moments, counts = np.unique(time, return_counts=True)
    if moments.size < 2:
        return None
    middle = moments[1 + int(np.argmin(np.abs(2 * np.cumsum(counts)[:-1] - time.size)))]
    return rows, (time[unit] >= middle).astype(np.intp), ("earlier", "later")
