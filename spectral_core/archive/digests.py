"""A digest of every archived spectrum, written with it, by which `verify` knows that it still is what was archived."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

UNRECORDED = np.uint64(0)
"""Digest of spectra that were archived before digests were kept."""


def row_digests(intensity: npt.NDArray[np.float32], axis: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """Compute 64 bits of BLAKE2b over the axis and the intensities of each spectrum, little-endian.

    Args:
        intensity: n × d.
        axis: d positions.

    Returns:
        n digests, none of them `UNRECORDED`.

    Example:
        >>> a, b = row_digests(np.float32([[1, 2], [1, 2.0000002]]), np.array([400.0, 402.0]))
        >>> a == b
        np.False_
    """
    begun = hashlib.blake2b(np.ascontiguousarray(axis, dtype="<f8").tobytes(), digest_size=8)
    rows = np.ascontiguousarray(intensity, dtype="<f4")
    digests = np.empty(len(rows), dtype=np.uint64)
    for i, row in enumerate(rows):
        digest = begun.copy()
        digest.update(row.tobytes())
        digests[i] = int.from_bytes(digest.digest(), "little") or 1
    return digests
