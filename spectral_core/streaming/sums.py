"""The first pass: sums over cells from which every training set's sums follow.

For each cell Σz, Σzzᵀ and, for every labeling, Σy and Σzyᵀ; where units were measured several times, also Σ_u ssᵀ/|u|
over the sums s of a unit's spectra, from which the leverage of a training unit follows. Spectra that always carry the
same label are added up before they meet the labelings, so that n × d × P operations are spent only where n units are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from spectral_core.packed_labels import PackedCodes
from spectral_core.probe.centroids import indicators
from spectral_core.splits import Codes
from spectral_core.streaming.layout import Outline, Straddling

Floats = npt.NDArray[np.float64]
_FEW = 0.7  # entities a spectrum, below which spectra are added up before they meet the labelings


@dataclass
class Sums:
    """Sums over the cells of one layout, in the lower triangle where symmetric.

    `scatter` one m × m matrix a cell; `counts` and `moments`, for each set of labelings, P·c and m × P·c numbers a
    cell, with c indicators; `between` one m × m matrix a cell where units are whole, else a model (none without
    replicates); `open` the sums of units that straddle blocks. `largest` is the largest |z + shift|.
    """

    largest: float
    total: Floats
    scatter: list[Floats]
    counts: list[Floats]
    moments: list[list[Floats]]
    between: list[Floats]
    open: Floats

    @classmethod
    def empty(cls, m: int, layout: Outline, widths: Sequence[int], slots: int) -> Sums:
        """Give zeros for m channels and label sets of P·c columns."""
        cells = layout.n_cells
        units = (cells if layout.keeps_units_whole else len(layout.held)) if layout.has_replicates else 0
        return cls(
            0.0,
            np.zeros((cells, m)),
            [_square(m) for _ in range(cells)],
            [np.zeros((cells, width)) for width in widths],
            [[np.zeros((m, width), order="F") for _ in range(cells)] for width in widths],
            [_square(m) for _ in range(units)],
            np.zeros((slots, m)),
        )

    def add(self, other: Sums) -> Sums:
        """Add other sums, in place where the arrays may be written."""
        pairs = zip(self._arrays(), other._arrays(), strict=True)
        added = [np.add(a, b, out=a) if a.flags.writeable else a + b for a, b in pairs]
        return self._with(max(self.largest, other.largest), added)

    def _arrays(self) -> list[Floats]:
        moments = [moment for of_labels in self.moments for moment in of_labels]
        return [self.total, self.open, *self.scatter, *self.counts, *self.between, *moments]

    def _with(self, largest: float, arrays: list[Floats]) -> Sums:
        rest = iter(arrays)
        total, opened = next(rest), next(rest)
        scatter, counts, between = ([next(rest) for _ in old] for old in (self.scatter, self.counts, self.between))
        moments = [[next(rest) for _ in of_labels] for of_labels in self.moments]
        return Sums(largest, total, scatter, counts, moments, between, opened)


def _square(m: int) -> Floats:
    return np.zeros((m, m), order="F")


@dataclass(frozen=True)
class Labels:
    """Labelings of n spectra, and their number of classes; asked of the block `only`, or of all ("")."""

    codes: PackedCodes
    n_classes: int
    only: str = ""

    def asked_of(self, block: str) -> bool:
        """Whether a block is asked about these labelings."""
        return self.only in ("", block)

    @property
    def n_indicators(self) -> int:
        """Columns of indicators of one labeling."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def width(self) -> int:
        """Columns of indicators of all labelings."""
        return self.codes.n_labelings * self.n_indicators


def add_block(
    sums: Sums, z: Floats, cell: Codes, unit: Codes, labels: Sequence[Labels], layout: Outline, apart: Straddling | None
) -> None:
    """Add a block of spectra to the sums.

    Args:
        sums: What is added to.
        z: r × m spectra, less the shift.
        cell: Cell of each of the r spectra.
        unit: Unit of each.
        labels: Labelings of these r spectra.
        layout: The cross-validation of all spectra.
        apart: Of these r spectra, which belong to units that straddle blocks; None without replicates.
    """
    order = np.lexsort((unit, cell))
    order = order[np.searchsorted(cell[order], 0) :]
    z, cell, unit = z[order], cell[order], unit[order]
    edges = np.searchsorted(cell, np.arange(layout.n_cells + 1))
    for c in range(layout.n_cells):
        rows = slice(int(edges[c]), int(edges[c + 1]))
        if rows.stop > rows.start:
            sums.total[c] += z[rows].sum(axis=0)
            sums.scatter[c] = add_product(sums.scatter[c], z[rows])
            for i, of_labels in enumerate(labels):
                _add_labels(sums, i, c, z[rows], of_labels, order[rows])
    if apart is not None:
        _add_units(sums, z, cell, unit, layout, apart, order)


def add_product(into: Floats, z: Floats) -> Floats:
    """Add zᵀz to the lower triangle of a matrix that runs down its columns, in place."""
    return np.asarray(scipy.linalg.blas.dsyrk(1.0, z.T, beta=1.0, c=into, trans=0, lower=1, overwrite_c=1))


def _add_labels(sums: Sums, i: int, c: int, z: Floats, labels: Labels, rows: Codes) -> None:
    """Add Σy and Σzyᵀ of one cell's spectra; `rows` are their places in the block."""
    entity = labels.codes.entity[rows]
    met, member, sizes = np.unique(entity, return_inverse=True, return_counts=True)
    weights = np.ones(rows.size)
    if met.size < _FEW * rows.size:
        of_entity = scipy.sparse.csr_array((weights, (member, np.arange(rows.size))))
        z, entity, weights = of_entity @ z, met, sizes.astype(np.float64)
    drawn = labels.codes.of_entities(entity, slice(0, labels.codes.n_labelings))
    y = indicators(drawn, labels.n_classes).reshape(entity.size, -1)
    sums.counts[i][c] += weights @ y
    sums.moments[i][c] = np.asarray(
        scipy.linalg.blas.dgemm(1.0, z.T, y.T, beta=1.0, c=sums.moments[i][c], trans_b=1, overwrite_c=1)
    )


def _add_units(
    sums: Sums, z: Floats, cell: Codes, unit: Codes, layout: Outline, apart: Straddling, order: Codes
) -> None:
    """Add what units inside the block are worth, and gather the sums of those that reach beyond it."""
    slot, inside = apart.slot[order], apart.inside[order]
    gathered = np.flatnonzero(slot >= 0)
    if gathered.size:
        slots, member = np.unique(slot[gathered], return_inverse=True)
        of_slot = scipy.sparse.csr_array((np.ones(gathered.size), (member, np.arange(gathered.size))))
        sums.open[slots] += of_slot @ z[gathered]
    rows = np.flatnonzero(inside)
    if rows.size:
        cell, unit = cell[rows], unit[rows]
        starts = np.flatnonzero((np.diff(unit, prepend=-1) != 0) | (np.diff(cell, prepend=-1) != 0))
        sizes = np.diff(np.append(starts, rows.size))
        pair = np.repeat(np.arange(starts.size), sizes)
        added = scipy.sparse.csr_array((np.ones(rows.size), (pair, rows)), shape=(starts.size, len(z))) @ z
        by_unit = np.lexsort((cell[starts], unit[starts]))
        add_between(
            sums.between, added[by_unit], unit[starts][by_unit], cell[starts][by_unit], sizes[by_unit], layout
        )  # fmt: skip


def add_between(into: list[Floats], added: Floats, unit: Codes, cell: Codes, size: Codes, layout: Outline) -> None:
    """Add Σ ssᵀ/|u| over units, each given by the sums of its spectra in one cell or several, sorted by unit."""
    if layout.keeps_units_whole:
        for c in np.unique(cell).tolist():
            mine = cell == c
            into[c] = add_product(into[c], added[mine] / np.sqrt(size[mine])[:, None])
        return
    for i, held in enumerate(layout.held):
        left = np.flatnonzero(~np.isin(cell, held))
        if left.size:
            member = np.cumsum(np.diff(unit[left], prepend=unit[left[0]]) != 0)
            root = np.sqrt(np.bincount(member, size[left]))
            of_unit = scipy.sparse.csr_array((1.0 / root[member], (member, left)), shape=(root.size, len(added)))
            into[i] = add_product(into[i], of_unit @ added)
