"""Intensities of the archive, read where they are needed: a process opens a snapshot once, and reads only its rows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from spectral_core.archive.columns import array_in
from spectral_core.archive.folder import damaged, open_repository
from spectral_core.storage import Place

if TYPE_CHECKING:
    import dask.array as da


@dataclass(frozen=True)
class StoredRows:
    """The n × d intensities of one snapshot, as an array of which nothing is read before it is indexed.

    Pickled, it is a place and two names: a worker opens the store itself, with the credentials of its own
    environment, so neither data nor secrets travel in a graph.
    """

    place: Place
    snapshot: str

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of spectra and channels."""
        n, d = self._array.shape
        return int(n), int(d)

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Intensities are float32."""
        return np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        """Spectra and channels."""
        return 2

    @property
    def axis(self) -> npt.NDArray[np.float64]:
        """Positions of the d channels."""
        return _axis(self, os.getpid())

    @property
    def name(self) -> str:
        """The name of the Dask array of these rows: no other array, nor any part of this one, has it."""
        return f"archive-{hashlib.sha256(f'{self.place} {self.snapshot}'.encode()).hexdigest()[:32]}"

    def __getitem__(self, which: Any) -> npt.NDArray[np.float32]:
        """Read rows.

        Raises:
            ArchiveError: The store cannot be read.
        """
        try:
            return np.asarray(self._array[which])
        except (icechunk.IcechunkError, OSError, ValueError, RuntimeError) as error:
            raise damaged(self.place, error) from None

    def lazily(self) -> da.Array:
        """Give the rows as a Dask array, one chunk for each that is stored; its graph does not grow with n."""
        import dask.array as da  # takes long to import, and ingestion has no use for it

        from_array: Callable[..., da.Array] = da.from_array  # Dask is typed in part only
        rows, d = self._array.chunks
        meta = np.empty((0, 0), dtype=self.dtype)
        return from_array(self, chunks=(rows, d), name=self.name, asarray=False, inline_array=True, meta=meta)

    @property
    def _array(self) -> zarr.Array[Any]:
        return _opened(self, os.getpid())


@lru_cache(maxsize=16)
def _opened(rows: StoredRows, process: int) -> zarr.Array[Any]:
    """Open the array once a process: a session does not survive a fork."""
    return array_in(_group(rows, process), "intensity")


@lru_cache(maxsize=16)
def _axis(rows: StoredRows, process: int) -> npt.NDArray[np.float64]:
    return np.asarray(array_in(_group(rows, process), "axis")[:], dtype=np.float64)


def _group(rows: StoredRows, process: int) -> zarr.Group:
    try:
        session = open_repository(rows.place).readonly_session(snapshot_id=rows.snapshot)
        return zarr.open_group(session.store, mode="r")
    except icechunk.IcechunkError as error:
        raise damaged(rows.place, error) from None
