"""The first pass: sums over cells of spectra, from which the sums over every training set follow."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from dask.delayed import delayed

from spectral_core.models.moments import Moments
from spectral_core.packed_labels import PackedCodes
from spectral_core.probe.threads import threads_for
from spectral_core.splits import Codes
from spectral_core.streamed_training.blocks import Block, RowRange, Stock
from spectral_core.streaming.passes import Execution
from spectral_core.streaming.sums import add_product

Floats = npt.NDArray[np.float64]
Item = TypeVar("Item")
MEMORY = 400 * 2**20
"""Bytes of sums that one pass may hold in each worker; more takes further passes."""


@dataclass(frozen=True)
class Division:
    """Spectra in cells that share none.

    Attributes:
        name: Which it is.
        cell: Cell of each of n spectra, −1 for those that take no part.
        n_cells: Number of cells.
        n_labelings: How many labelings its sums are taken under.
    """

    name: Hashable
    cell: Codes
    n_cells: int
    n_labelings: int = 1

    def size(self, m: int, k: int) -> int:
        """Bytes of its sums on m columns under k classes."""
        return 8 * self.n_cells * m * (m + 1 + self.n_labelings * k)


class CellSums:
    """Sums over the cells of a division; scatters in the lower triangle, down the columns."""

    def __init__(self, n_cells: int, m: int, q: int) -> None:
        self.sizes, self.total = np.zeros(n_cells, dtype=np.intp), np.zeros((n_cells, m))
        self.scatter = [np.zeros((m, m), order="F") for _ in range(n_cells)]
        self.products, self.counts = np.zeros((n_cells, m, q)), np.zeros((n_cells, q))

    def add(self, z: Floats, cell: Codes, indicators: Floats) -> None:
        """Add r × m spectra, their cells and their r × Q indicators."""
        for c in np.unique(cell[cell >= 0]).tolist():
            rows = np.flatnonzero(cell == c)
            mine, own = z[rows], indicators[rows]
            self.sizes[c] += rows.size
            self.total[c] += mine.sum(axis=0)
            self.scatter[c] = add_product(self.scatter[c], mine)
            self.products[c] += mine.T @ own
            self.counts[c] += own.sum(axis=0)

    def joined(self, other: CellSums) -> CellSums:
        """Add the sums over other spectra, in place where the arrays may be written."""
        found = CellSums(0, 0, 0)
        found.sizes, found.total = self.sizes + other.sizes, self.total + other.total
        found.products, found.counts = self.products + other.products, self.counts + other.counts
        pairs = zip(self.scatter, other.scatter, strict=True)
        found.scatter = [np.add(a, b, out=a) if a.flags.writeable else np.add(a, b, order="F") for a, b in pairs]
        return found

    def of(self, cells: Sequence[int]) -> Moments:
        """Give the sums over some cells together."""
        kept = list(cells)
        lower = self.scatter[kept[0]].copy(order="F")
        for c in kept[1:]:
            lower += self.scatter[c]
        scatter = np.tril(lower) + np.tril(lower, -1).T
        return Moments(int(self.sizes[kept].sum()), self.total[kept].sum(axis=0), scatter,
                       self.products[kept].sum(axis=0), self.counts[kept].sum(axis=0))  # fmt: skip


class _Task:
    def __init__(self, rows: RowRange, divisions: Sequence[Sequence[Division]], labels: PackedCodes, k: int) -> None:
        own = slice(rows.start, rows.stop)
        self.rows, self.labels, self.k = rows, labels.of_rows(own), k
        self.divisions = [
            [Division(d.name, d.cell[own], d.n_cells, d.n_labelings) for d in of_block] for of_block in divisions
        ]


def _sum_range(task: _Task) -> list[list[CellSums]]:
    k = task.k
    found = [
        [CellSums(d.n_cells, block.n_columns, d.n_labelings * k) for d in divisions]
        for block, divisions in zip(task.rows.blocks, task.divisions, strict=True)
    ]
    with threads_for(0):
        for i, own, z in task.rows.matrices():
            refuse_broken(z, task.rows.blocks[i].name, task.rows.places(own))
            most = max(d.n_labelings for d in task.divisions[i])
            y = indicators(task.labels, own, most, k)
            for division, sums in zip(task.divisions[i], found[i], strict=True):
                sums.add(z, division.cell[own], y[:, : division.n_labelings * k])
    return found


def _join(a: list[list[CellSums]], b: list[list[CellSums]]) -> list[list[CellSums]]:
    return [[one.joined(other) for one, other in zip(*pair, strict=True)] for pair in zip(a, b, strict=True)]


def sum_cells(
    stock: Stock, asked: Sequence[tuple[Block, Sequence[Division]]], labels: PackedCodes, k: int, execution: Execution,
) -> list[list[CellSums]]:  # fmt: skip
    """Read the rows once, and add them up in the cells of some divisions of some blocks.

    Args:
        stock: The rows.
        asked: Blocks, shifted, and their divisions.
        labels: Labelings of n spectra, the observed one first.
        k: Number of classes.
        execution: Where tasks run.

    Raises:
        CropError: A step refuses a spectrum.
        BrokenIntensityError: An intensity is not finite.
    """
    blocks, divisions = [block for block, _ in asked], [list(of_block) for _, of_block in asked]
    waiting = [
        delayed(_sum_range, pure=False)(_Task(RowRange(stock, a, b, blocks), divisions, labels, k))
        for a, b in execution.ranges(stock.variant)
    ]
    while len(waiting) > 1:
        pairs = [waiting[i : i + 2] for i in range(0, len(waiting), 2)]
        waiting = [delayed(_join, pure=False)(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    found: list[list[CellSums]] = execution.compute(waiting)[0]
    return found


def indicators(labels: PackedCodes, own: slice, n_labelings: int, k: int) -> Floats:
    """Give r × (labelings·k) class indicators of some spectra."""
    codes = labels.dense(slice(0, n_labelings), own)
    return np.asarray((codes[:, :, None] == np.arange(k)).reshape(len(codes), -1), dtype=np.float64)


class BrokenIntensityError(Exception):
    """An intensity that is not finite: block, row and column counted from 0, and the value."""

    def __init__(self, block: str, row: int, column: int, value: float) -> None:
        super().__init__(block, row, column, value)
        self.block, self.row, self.column, self.value = block, row, column, value


def refuse_broken(z: Floats, block: str, rows: Codes) -> None:
    """Refuse intensities of some rows that are not finite."""
    if not np.isfinite(z).all():
        row, column = (int(j) for j in np.argwhere(~np.isfinite(z))[0])
        raise BrokenIntensityError(block, int(rows[row]), column, float(z[row, column]))


def packed(items: Sequence[Item], size: Callable[[Item], int], memory: int) -> Iterator[list[Item]]:
    """Put items together, in order, as far as memory allows; each at least alone."""
    stage: list[Item] = []
    for item in items:
        if stage and sum(map(size, stage)) + size(item) > memory:
            yield stage
            stage = []
        stage.append(item)
    if stage:
        yield stage
