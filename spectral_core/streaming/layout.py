"""Which spectra are held out together, as unions of cells: sums over cells give the sums over any training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spectral_core.regions import Mask
from spectral_core.splits import Codes

Cells = tuple[int, ...]
_SLOTS = 11  # random stream of the units whose sums are gathered


@dataclass(frozen=True)
class Outline:
    """A layout without its spectra: see `Layout`."""

    n_cells: int
    held: tuple[Cells, ...]
    judged: tuple[Cells, ...]
    has_replicates: bool
    keeps_units_whole: bool
    sizes: Codes
    units_left: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A cross-validation of some of n spectra.

    `cell` is the cell of each of n spectra, −1 for those that take no part; `held` are the cells held out by each
    model, `judged` those of them whose spectra it judges (no cell twice); `unit` codes what is independent.
    """

    cell: Codes
    n_cells: int
    held: tuple[Cells, ...]
    judged: tuple[Cells, ...]
    unit: Codes

    @classmethod
    def of_folds(cls, folds: Sequence[Codes], unit: Codes) -> Layout:
        """Take folds that share no spectrum."""
        cell = np.full(unit.size, -1, dtype=np.int16)
        for i, fold in enumerate(folds):
            cell[fold] = i
        alone = tuple((i,) for i in range(len(folds)))
        return cls(cell, len(folds), alone, alone, unit)

    @cached_property
    def rows(self) -> Codes:
        """Spectra that take part."""
        return np.flatnonzero(self.cell >= 0)

    @cached_property
    def sizes(self) -> Codes:
        """Spectra in each cell."""
        return np.bincount(self.cell[self.rows], minlength=self.n_cells)

    @cached_property
    def _pairs(self) -> tuple[Codes, Codes, Codes]:
        """Unit, cell and number of spectra of each pair of the two that occurs, sorted by unit."""
        key = self.unit[self.rows].astype(np.int64) * self.n_cells + self.cell[self.rows]
        pairs, sizes = np.unique(key, return_counts=True)
        return pairs // self.n_cells, pairs % self.n_cells, sizes

    @cached_property
    def outline(self) -> Outline:
        """What of it does not grow with the spectra."""
        return Outline(
            self.n_cells, self.held, self.judged, self.has_replicates, self.keeps_units_whole, self.sizes,
            self.units_left,
        )  # fmt: skip

    @cached_property
    def has_replicates(self) -> bool:
        """Whether some unit holds several spectra."""
        return bool(np.unique(self._pairs[0]).size < self.rows.size)

    @cached_property
    def keeps_units_whole(self) -> bool:
        """Whether no unit has spectra in two cells."""
        units = self._pairs[0]
        return bool(np.unique(units).size == units.size)

    @cached_property
    def units_left(self) -> tuple[int, ...]:
        """Units that have spectra left to train on, for each model."""
        units, cells, _ = self._pairs
        return tuple(int(np.unique(units[~np.isin(cells, held)]).size) for held in self.held)


@dataclass(frozen=True)
class Straddling:
    """Units whose spectra lie in several blocks of rows: their sums are gathered and used at the end.

    `slot` is, for each of n spectra, the place where the sum over its unit and cell is gathered (−1: the unit lies in
    one block, or is left out), and `inside` whether its unit lies in one block; `unit`, `cell` and `size` describe the
    slots, sorted by unit. `weight` is the number of straddling units over that of those gathered.
    """

    slot: Codes
    inside: Mask
    unit: Codes
    cell: Codes
    size: Codes
    weight: float

    def of_rows(self, rows: Codes | slice) -> Straddling:
        """Keep some spectra; the slots stay."""
        return replace(self, slot=self.slot[rows], inside=self.inside[rows])


def straddling(layout: Layout, *, together: int, most: int, seed: int) -> Straddling:
    """Find the units that no block of `together` rows holds; if they need more than `most` slots, draw some.

    The block of a unit's spectra decides, so rows sorted by unit, or measured one after the other, leave few.
    """
    rows, unit = layout.rows, layout.unit[layout.rows]
    block = rows // together
    n_units = int(layout.unit.max()) + 1
    first, last = np.full(n_units, layout.unit.size), np.full(n_units, -1)
    np.minimum.at(first, unit, block)
    np.maximum.at(last, unit, block)
    inside = first[layout.unit] == last[layout.unit]
    units, cells, sizes = layout._pairs
    open_ = first[units] < last[units]
    waiting = np.unique(units[open_])
    kept = waiting
    if open_.sum() > most:
        share = most / float(open_.sum())
        drawn = np.random.default_rng([seed, _SLOTS]).permutation(waiting.size)[: max(1, int(waiting.size * share))]
        kept = np.sort(waiting[drawn])
        open_ &= np.isin(units, kept)
    key = units[open_] * layout.n_cells + cells[open_]
    slot = np.full(layout.unit.size, -1, dtype=np.int32)
    if key.size:
        own = unit.astype(np.int64) * layout.n_cells + layout.cell[rows]
        at = np.minimum(np.searchsorted(key, own), key.size - 1)
        slot[rows] = np.where(key[at] == own, at, -1)
    weight = waiting.size / kept.size if kept.size else 1.0
    return Straddling(slot, inside, units[open_], cells[open_], sizes[open_], weight)
