"""Two classes as the curves see them: mean spectra of units, shared labelings and folds, regions of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.geometry import check_spectra
from spectral_core.diagnostics.nested_channels import high_frequency_residual
from spectral_core.diagnostics.reference import state_independence, unit_groups
from spectral_core.diagnostics.result import Assumption, Sample
from spectral_core.regions import Mask
from spectral_core.splits import Codes, Design, count_permutations, exchange_blocks, permuted_codes, unit_folds

Floats = npt.NDArray[np.float64]
MOST_UNITS = 600  # of both classes: n × n matrices of some forty sets of channels are inverted
MOST_PERMUTATIONS = 99
FOLDS = 5
FEWEST_UNITS = 5  # of either class
_FEWEST_PERMUTATIONS = 19
_FEWEST_INSIDE = 400.0  # relabelings inside batches, as the audit asks at alpha = 0.05
_SELECTION = 1001  # random stream of the seed


@dataclass(frozen=True)
class ClassPair:
    """Two classes, one row a unit (or a unit's spectra of one class, where units hold both).

    `regions` maps names to n × d_region matrices; `codes` holds n × (1 + P) labelings of 0 and 1, the observed
    one first; `folds` are the same for every point of every curve. `refusal` says why no curve can be given,
    and is empty where one can.
    """

    axis: Floats
    regions: Mapping[str, Floats]
    codes: Codes
    folds: tuple[Codes, ...]
    unit: Codes
    classes: tuple[str, str]
    sample: Sample
    assumptions: tuple[Assumption, ...]
    refusal: str

    @property
    def units_per_class(self) -> tuple[int, int]:
        """Rows of either class."""
        ones = int((self.codes[:, 0] == 1).sum())
        return self.codes.shape[0] - ones, ones

    def jackknife_groups(self) -> Codes:
        """Deal units to at most 20 groups, each class in turn."""
        return unit_groups(self.unit, self.codes[:, 0], seed=self.sample.seed)


def pair_classes(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    labelings: Codes,
    *,
    off_band: Mask | None,
    in_band: Mask | None,
    seed: int,
) -> ClassPair:
    """Take the two classes with the most units, average replicates, and cut out the regions.

    With two classes the given labelings are used; where several classes or more than 600 units force a
    selection, units are relabelled anew within it: inside batches where the given labelings keep to them.

    Args:
        matrix: n × d intensities.
        axis: d positions of the channels.
        design: Classes and units of n spectra.
        labelings: n × (1 + P) class codes, the observed ones first; at most 99 permuted ones are used.
        off_band: Channels outside every band and its guard, if bands are declared.
        in_band: Channels inside a declared band, if any is.
        seed: Seed of folds and of every draw.

    Raises:
        AuditError: Spectra and design differ in number, or an intensity is not finite.
    """
    check_spectra(matrix, design)
    first, entity = np.unique(design.entity, return_index=True, return_inverse=True)[1:]
    two = np.argsort([-units for units in design.units_per_class], kind="stable")[:2]
    two.sort()
    rows = np.flatnonzero(np.isin(design.codes[first], two))
    chosen = _at_most(design.unit[first[rows]], seed)
    rows = rows[chosen]
    pair = _restrict(design.subset(first[rows]), two)
    codes = labelings[first, : MOST_PERMUTATIONS + 1]
    crossing: tuple[Assumption, ...] = ()
    if len(design.classes) > 2 or not chosen.all():
        codes, crossing = _relabelled(pair, labelings.shape[1] - 1, seed, inside=keep_batches(design, labelings))
    x = _means(matrix, entity, first.size)[rows]
    sample = Sample(int(np.isin(entity, rows).sum()), matrix.shape[1], pair.n_units, seed)
    refusal = _refusal(x, pair, codes)
    regions = {} if refusal else _regions(x, axis, off_band, in_band)
    folds = tuple(unit_folds(pair, k=FOLDS, seed=seed))
    return ClassPair(
        axis, regions, codes, folds, pair.unit, (pair.classes[0], pair.classes[1]), sample,
        (*_assumptions(design, pair, n_selected=int(chosen.sum()), n_all=chosen.size), *crossing), refusal,
    )  # fmt: skip


def keep_batches(design: Design, labelings: Codes) -> bool:
    """Whether every labeling leaves each batch as many units of each class as it has.

    Example:
        >>> from spectral_core.splits import make_design
        >>> design = make_design([0, 0, 1, 0, 1, 1], batch=[0, 0, 0, 1, 1, 1])
        >>> inside, across = np.array([0, 1, 0, 1, 1, 0]), np.array([0, 0, 0, 1, 1, 1])
        >>> [keep_batches(design, np.column_stack([design.codes, other])) for other in (inside, across)]
        [True, False]
    """
    if not design.batch_declared:
        return False
    block = exchange_blocks(design, within_batch=True)[1]
    codes = labelings[np.unique(design.entity, return_index=True)[1]]
    held = (block == np.arange(int(block.max()) + 1)[:, None]).astype(np.float64)
    counts = [held @ (codes == c) for c in range(len(design.classes))]
    return all(bool((count == count[:, :1]).all()) for count in counts)


def _relabelled(pair: Design, given: int, seed: int, *, inside: bool) -> tuple[Codes, tuple[Assumption, ...]]:
    """Draw labelings of a selection, inside batches where asked; say so where batches admit too few of them."""
    within = inside and count_permutations(pair, within_batch=True) >= _FEWEST_INSIDE
    drawn = permuted_codes(pair, n=min(MOST_PERMUTATIONS, given), seed=seed, within_batch=within)
    crossing = Assumption("batches do not differ", "violated",
                          "few batches hold both classes of the selection, so its labels were permuted across "
                          "batches: what a batch does looks like a class")  # fmt: skip
    return np.column_stack([pair.codes, drawn]), (crossing,) if inside and not within else ()


def _at_most(unit: Codes, seed: int) -> npt.NDArray[np.bool_]:
    """Keep at most `MOST_UNITS` units, drawn blind to the labels."""
    names = np.unique(unit)
    if names.size <= MOST_UNITS:
        return np.ones(unit.size, dtype=np.bool_)
    drawn = np.random.default_rng([seed, _SELECTION]).choice(names, MOST_UNITS, replace=False)
    return np.asarray(np.isin(unit, drawn))


def _restrict(design: Design, two: Codes) -> Design:
    names = tuple(design.classes[c] for c in two)
    return replace(design, codes=np.searchsorted(two, design.codes), classes=names)


def _means(matrix: npt.NDArray[np.floating], entity: Codes, count: int) -> Floats:
    """Average the spectra of each entity."""
    order = np.argsort(entity, kind="stable")
    sizes = np.bincount(entity, minlength=count)
    x = np.asarray(matrix, dtype=np.float64)
    if count == entity.size:
        return x[order]
    return np.asarray(np.add.reduceat(x[order], np.cumsum(sizes) - sizes, axis=0) / sizes[:, None])


def _refusal(x: Floats, pair: Design, codes: Codes) -> str:
    for name, units in zip(pair.classes, np.bincount(pair.codes, minlength=2), strict=True):
        if units < FEWEST_UNITS:
            return f"class {name!r} has {units} {'unit' if units == 1 else 'units'}, and {FEWEST_UNITS} are needed"
    if codes.shape[1] - 1 < _FEWEST_PERMUTATIONS:
        return f"{codes.shape[1] - 1} permutations were given, and {_FEWEST_PERMUTATIONS} are needed"
    if not (np.ptp(x, axis=0) > 1e-12 * np.abs(x).max(axis=0)).any():
        return "all spectra are equal"
    return ""


def _regions(x: Floats, axis: Floats, off_band: Mask | None, in_band: Mask | None) -> dict[str, Floats]:
    found = {"full": x}
    for name, mask in (("in-band", in_band), ("off-band", off_band)):
        if mask is not None and mask.any():
            found[name] = np.ascontiguousarray(x[:, mask])
    found["high-frequency residual"] = high_frequency_residual(x, axis)
    return {
        name: part for name, part in found.items()
        if part.shape[1] and (np.ptp(part, axis=0) > 1e-12 * np.abs(x).max()).any()
    }  # fmt: skip


def _assumptions(design: Design, pair: Design, *, n_selected: int, n_all: int) -> tuple[Assumption, ...]:
    found = [state_independence(pair)]
    if design.has_replicates:
        found.append(Assumption("the mean spectrum stands for a unit", "assumed", "replicates are averaged"))
    if len(design.classes) > 2:
        found.append(Assumption("two classes stand for all", "assumed",
                                f"{pair.classes[0]} and {pair.classes[1]} have the most units of "
                                f"{len(design.classes)} classes"))  # fmt: skip
    if n_selected < n_all:
        found.append(Assumption("a selection stands for all units", "assumed",
                                f"{n_selected:,} of {n_all:,}, drawn blind to the labels"))  # fmt: skip
    if pair.units_mix_classes:
        found.append(Assumption("the classes are independent samples", "violated",
                                "units hold spectra of both classes"))  # fmt: skip
    return tuple(found)
