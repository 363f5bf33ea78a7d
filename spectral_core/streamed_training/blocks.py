"""What is classified, made of rows wherever they are read: the stored variant, and regions cropped before the chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.preprocessing import Chain, parse_variant
from spectral_core.regions import Regions
from spectral_core.splits import Codes
from spectral_core.streaming.rows import Rows
from spectral_core.streaming.sources import Source

Floats = npt.NDArray[np.float64]
RAW = parse_variant("raw")


class Stock:
    """The rows of an archive: as measured, and after the chain.

    No dataclass: Dask looks into those and would compute what they hold.
    """

    def __init__(self, measured: Any, variant: Any) -> None:
        self.measured = measured if isinstance(measured, Rows) else Rows(measured)
        self.variant = variant if isinstance(variant, Rows) else Rows(variant)
        self.variant.together = max(self.variant.together, self.measured.together)

    @property
    def n(self) -> int:
        """Number of spectra."""
        return self.variant.shape[0]

    def rows_of(self, block: Block) -> Rows:
        """Give the rows that a block is made of."""
        return self.variant if block.stored else self.measured

    def between(self, start: int, stop: int) -> Stock:
        """Keep the rows from start to stop, under the same numbers."""
        kept = Stock(self.measured.between(start, stop), self.variant.between(start, stop))
        kept.variant.together = self.variant.together
        return kept


@dataclass(frozen=True)
class Block:
    """What is classified: the stored variant (`stored`) or a region of what was measured.

    The columns from `split` on stand beside the chain's result and are given its spread, as the audit gives it.
    """

    name: str
    source: Source
    stored: bool
    split: int | None = None

    @property
    def n_columns(self) -> int:
        """Columns of the matrix; known once there is a shift."""
        return self.source.n_columns

    def shifted(self, stock: Stock) -> Block:
        """Take the mean of the first rows as the shift that keeps sums exact.

        Raises:
            CropError: A step refuses a spectrum.
        """
        rows = stock.rows_of(self)
        first = slice(0, min(rows.together, rows.shape[0]))
        x = rows[first]
        source = replace(self.source, shift=np.zeros(1))
        split = source.cut(x, first)[0].shape[1] if source.beside else None
        mean = source.matrix(x, first).mean(axis=0)
        return replace(self, source=replace(source, shift=np.where(np.isfinite(mean), mean, 0.0)), split=split)

    def as_measured(self) -> Block:
        """Give the block that stands for one the chain refuses."""
        return replace(self, source=replace(self.source, chain=RAW))

    def spread(self, squares: Floats) -> Floats:
        """Give the factor of each column from its sum of squares about the mean.

        What stands beside the chain's result gets its spread; all else is left alone.
        """
        factor = np.ones(squares.size)
        if self.split is not None:
            made, measured = np.sqrt(squares[: self.split].sum()), np.sqrt(squares[self.split :].sum())
            factor[self.split :] = made / measured if made > 0 and measured > 0 else 1.0
        return factor


def classified_blocks(regions: Regions | None, chain: Chain, axis: Floats) -> list[Block]:
    """List the whole spectrum and the regions that are declared, as `controls.blocks.make_blocks` cuts them.

    Args:
        regions: Where bands, blanks and off-band lie on the measured axis; None for the whole spectrum alone.
        chain: The variant.
        axis: Positions of the variant's channels.
    """
    whole = Block("full", Source("full", RAW, axis), stored=True)
    if regions is None:
        return [whole]
    kept = (regions.axis >= axis[0]) & (regions.axis <= axis[-1])
    masks = {"bands": regions.in_band & kept, "off_band": regions.off_band & kept} if regions.bands else {}
    masks["blank"] = regions.blank
    found = [whole]
    for name, mask in masks.items():
        if mask.any():
            beside = name != "blank" and not chain.is_identity
            source = Source(name, chain, regions.axis, np.flatnonzero(mask), beside)
            found.append(Block(name, source, stored=False))
    return found


class RowRange:
    """A range of rows, read a block at a time for all that is classified."""

    def __init__(self, stock: Stock, start: int, stop: int, blocks: Sequence[Block]) -> None:
        self.stock, self.start, self.stop, self.blocks = stock.between(start, stop), start, stop, list(blocks)

    @property
    def n(self) -> int:
        """Number of spectra."""
        return self.stop - self.start

    def places(self, own: slice) -> Codes:
        """Give the rows of the archive that some places in the range are."""
        return np.arange(self.start + own.start, self.start + own.stop)

    def matrices(self) -> Iterator[tuple[int, slice, Floats]]:
        """Give for each block its number, the places of some rows in the range, and their matrix less the shift.

        Raises:
            CropError: A step refuses a spectrum.
        """
        together = self.stock.variant.together
        for start in range(self.start, self.stop, together):
            rows = slice(start, min(start + together, self.stop))
            own = slice(rows.start - self.start, rows.stop - self.start)
            read: dict[bool, npt.NDArray[np.floating[Any]]] = {}
            for i, block in enumerate(self.blocks):
                if block.stored not in read:
                    read[block.stored] = self.stock.rows_of(block)[rows]
                yield i, own, block.source.matrix(read[block.stored], rows)
