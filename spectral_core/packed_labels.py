"""Labelings of archives: the ones that `splits.permuted_codes` draws, a bit or a few for each entity.

An n × P table of labels outgrows memory long before the rows of an archive have been read: 2,000,000 spectra under 999
labelings are 2 GB at one byte a label. What exchanges its label as a whole (a unit, or its spectra of one class) is
stored once, in ⌈log2 C⌉ bits for C classes: at most 250 MB for the same archive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.splits import Codes, Design, exchange_blocks, permutation_stream

Bits = npt.NDArray[np.uint8]
_TOGETHER = 2**23  # labels drawn together


@dataclass(frozen=True)
class PackedCodes:
    """P labelings of n spectra.

    `planes` holds bit k of the code of each entity under each labeling (bits × entities × ⌈P/8⌉ bytes); `entity` the
    entity of each of n spectra.
    """

    planes: Bits
    entity: Codes
    n_labelings: int

    @property
    def shape(self) -> tuple[int, int]:
        """Spectra and labelings."""
        return int(self.entity.size), self.n_labelings

    def first(self, n: int) -> PackedCodes:
        """Keep the first n labelings."""
        return replace(self, n_labelings=min(n, self.n_labelings))

    def of_rows(self, rows: Codes | slice) -> PackedCodes:
        """Keep some spectra, in the order given, and what they need."""
        entities, entity = np.unique(self.entity[rows], return_inverse=True)
        return PackedCodes(self.planes[:, entities], entity, self.n_labelings)

    def of_entities(self, entities: Codes | slice, columns: slice) -> npt.NDArray[Any]:
        """Unpack codes, entities × labelings."""
        first, last = columns.start // 8, -(-columns.stop // 8)
        kept = slice(columns.start - 8 * first, columns.stop - 8 * first)
        planes = (np.unpackbits(plane[entities, first:last], axis=1)[:, kept] for plane in self.planes)
        found: npt.NDArray[Any] = next(planes)
        if len(self.planes) > 8:
            found = found.astype(np.uint16)
        for k, plane in enumerate(planes, start=1):
            found |= plane.astype(found.dtype) << k
        return found

    def dense(self, columns: slice, rows: Codes | slice = slice(None)) -> npt.NDArray[Any]:
        """Unpack codes, spectra × labelings."""
        return self.of_entities(self.entity[rows], columns)


Labelled = Codes | PackedCodes


def first_labelings(codes: Labelled, n: int) -> Labelled:
    """Keep the first n labelings."""
    return codes.first(n) if isinstance(codes, PackedCodes) else codes[:, :n]


def labels_of(codes: Labelled, columns: slice, rows: Codes | slice = slice(None)) -> Codes:
    """Give some rows and columns of labelings, however they are kept."""
    if isinstance(codes, PackedCodes):
        return codes.dense(slice(*columns.indices(codes.n_labelings)), rows)
    return codes[rows, columns]


def pack_labelings(design: Design, *, n: int, seed: int, within_batch: bool = False) -> PackedCodes:
    """Draw n admissible relabelings, after the observed labeling: those of `splits.permuted_codes`, packed.

    Example:
        >>> from spectral_core.splits import make_design, permuted_codes
        >>> design = make_design(["a", "a", "b", "c", "b", "c"], unit=[1, 1, 2, 3, 4, 5])
        >>> packed = pack_labelings(design, n=20, seed=3).dense(slice(0, 21))
        >>> bool((packed[:, 1:] == permuted_codes(design, n=20, seed=3)).all()), packed[:, 0].tolist()
        (True, [0, 0, 1, 2, 1, 2])
    """
    rng = permutation_stream(seed, within_batch=within_batch)
    labels, block = exchange_blocks(design, within_batch=within_batch)
    bits = max(1, (len(design.classes) - 1).bit_length())
    labels = labels.astype(np.uint8 if bits <= 8 else np.uint16)
    planes = np.zeros((bits, labels.size, -(-(n + 1) // 8)), dtype=np.uint8)
    order = np.argsort(block, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        width = max(8, _TOGETHER // members.size // 8 * 8)
        for start in range(0, n + 1, width):
            stop = min(start + width, n + 1)
            drawn = rng.permuted(np.tile(labels[members], (stop - max(start, 1), 1)), axis=1)
            if start == 0:
                drawn = np.vstack([labels[members], drawn])
            for k in range(bits):
                packed = np.packbits((drawn.T >> k).astype(np.uint8) & 1, axis=1)
                planes[k, members, start // 8 : start // 8 + packed.shape[1]] = packed
    return PackedCodes(planes, design.entity, n + 1)


def pack_codes(codes: Codes, n_classes: int) -> PackedCodes:
    """Pack one labeling of n spectra, each an entity of its own.

    Example:
        >>> pack_codes(np.array([0, 2, 1]), 3).dense(slice(0, 1)).ravel().tolist()
        [0, 2, 1]
    """
    bits = max(1, (n_classes - 1).bit_length())
    planes = np.stack([np.packbits(((codes >> k) & 1).astype(np.uint8)[:, None], axis=1) for k in range(bits)])
    return PackedCodes(planes, np.arange(codes.size), 1)
