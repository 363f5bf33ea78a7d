"""Rows of an archive, read a block at a time wherever they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

READ = 4096  # spectra read together
Spectra = npt.NDArray[np.floating[Any]]


class Rows:
    """The n × d raw intensities behind an array that slices: numpy, or Dask over zarr.

    No dataclass: Dask looks into those and would compute what they hold.
    """

    def __init__(self, data: Any, *, offset: int = 0) -> None:
        self.data, self.offset = data, offset
        self.shape: tuple[int, int] = tuple(int(size) for size in data.shape)  # type: ignore[assignment]
        self.together = _together(data)

    def __getitem__(self, rows: slice) -> Spectra:
        """Read some rows, as float32 or float64."""
        found = self.data[rows.start - self.offset : rows.stop - self.offset]
        values = np.asarray(found.compute(scheduler="synchronous") if hasattr(found, "dask") else found)
        return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)

    def between(self, start: int, stop: int) -> Rows:
        """Keep the rows from start to stop, under the same numbers."""
        kept = Rows(self.data[start - self.offset : stop - self.offset], offset=start)
        kept.together = self.together
        return kept

    def blocks(self) -> Iterator[tuple[slice, Spectra]]:
        """Read all rows, a block at a time."""
        first, last = self.offset, self.offset + self.shape[0]
        for start in range(first, last, self.together):
            rows = slice(start, min(start + self.together, last))
            yield rows, self[rows]

    def taken(self, rows: npt.NDArray[np.signedinteger[Any]]) -> Spectra:
        """Read single rows, ascending, a block at a time."""
        block = rows // self.together
        parts = []
        for members in np.split(rows, np.flatnonzero(np.diff(block)) + 1):
            first, last = int(members[0]), int(members[-1]) + 1
            parts.append(self[slice(first, last)][members - first])
        return np.concatenate(parts)

    def ranges(self, count: int) -> list[tuple[int, int]]:
        """Cut the rows into about `count` ranges of whole blocks."""
        n = self.shape[0]
        blocks = -(-n // self.together)
        cuts = sorted({min(n, round(i * blocks / count) * self.together) for i in range(count + 1)})
        return [(a, b) for a, b in pairwise(cuts)]


def _together(data: Any) -> int:
    """Whole chunks of the stored array, about 4,096 rows of them."""
    chunks = getattr(data, "chunks", None)
    rows = int(chunks[0][0]) if chunks and hasattr(chunks[0], "__len__") else 1
    return rows * max(1, READ // rows) if rows <= 2 * READ else READ
