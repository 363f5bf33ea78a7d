"""Materialised variants: an archive's spectra after one chain, addressed by (snapshot, chain).

Derived data, rebuilt at will and never half there: a variant is written aside and renamed into place.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from dask.delayed import Delayed
from filelock import FileLock
from zarr.codecs import BloscCodec

from spectral_core.archive.columns import NUMERIC, read_texts, text_columns, write_columns
from spectral_core.errors import ArchiveError, SpectraError
from spectral_core.preprocessing import Chain
from spectral_core.preprocessing.blocks import Progress, compute_blocks, worker_count

_BLOCK_BYTES = 4 * 2**20
# Processes take seconds to start; fewer intensities than this are sooner done in one.
_WORTH_PROCESSES = 6_000_000
# Part of the digest: raise it when a step gives other numbers for the same text.
_EDITION = 1


@dataclass(frozen=True)
class VariantReference:
    """Where a variant is and what it is; small enough to hand between tasks.

    `reused` says that it was there already.
    """

    path: Path
    chain: str
    snapshot: str
    spectra: int
    channels: int
    reused: bool

    def __str__(self) -> str:
        return f"{self.chain}: {self.spectra} spectra x {self.channels} channels at {self.path}"


def variant_path(directory: Path, *, snapshot: str, chain: Chain) -> Path:
    """Give the one place of a variant: `directory/<snapshot>/<digest of the chain>.zarr`.

    Raises:
        ArchiveError: The snapshot's name is no name of a folder.
    """
    if not snapshot or Path(snapshot).name != snapshot or snapshot.startswith("."):
        raise ArchiveError("variant", "a snapshot's name", repr(snapshot), "Pass the archive's snapshot id.")
    digest = hashlib.sha256(f"{_EDITION} {chain}".encode()).hexdigest()[:16]
    return Path(directory) / snapshot / f"{digest}.zarr"


def materialise(
    spectra: xr.Dataset,
    chain: Chain,
    *,
    directory: Path,
    snapshot: str,
    scheduler: str = "threads",
    workers: int | None = None,
    progress: Progress | None = None,
) -> VariantReference:
    """Apply a chain to all spectra, block of rows by block of rows, and store the result; reuse it if stored.

    Writers of one variant take turns: the second waits and reuses what the first wrote. What killed writers left
    behind is removed. Blocks are loaded, computed and stored where the scheduler runs them, so memory does not
    grow with the number of spectra; a running scheduler's workers must see `directory` under the same path.

    Args:
        spectra: A Spectra dataset, `intensity` in memory or as a Dask array.
        chain: The per-spectrum steps.
        directory: Folder of all variants of the archive.
        snapshot: The archive's snapshot id that `spectra` was opened at.
        scheduler: "threads", "processes", or the address of a running Dask scheduler. With "threads", a large
            job whose steps hold the interpreter's lock (baselines) runs on processes.
        workers: Local threads or processes, by default one a processor.
        progress: Called with (blocks done, all blocks).

    Raises:
        SpectraError: There are no spectra, or a step refuses one (it is named).
        ArchiveError: Workers died, no scheduler answers, or what was stored is not complete.
    """
    path = variant_path(directory, snapshot=snapshot, chain=chain)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _sole_writer(path):
        reused = path.exists()
        if not reused:
            aside = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.part")
            try:
                blocks = _lay_out(aside, spectra, chain, snapshot, worker_count(workers))
                scheduler = _suited(scheduler, chain, spectra)
                with _told_of(chain):
                    rows = compute_blocks(blocks, scheduler=scheduler, workers=workers, progress=progress)
                _check_complete(aside, sum(rows), spectra.sizes["sample"])
                aside.rename(path)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return _reference(path, chain, snapshot, spectra.sizes["sample"], reused)


def open_variant(variant: VariantReference | Path | str) -> xr.Dataset:
    """Open a stored variant as a Spectra dataset; its attributes name chain and snapshot.

    `intensity` is a Dask array with the chunks it is stored in, one along `channel`; metadata are loaded.

    Raises:
        ArchiveError: There is no variant at the path.
    """
    path = Path(variant.path if isinstance(variant, VariantReference) else variant)
    try:
        group = zarr.open_group(path, mode="r", zarr_format=3)
        texts = text_columns(group)
    except (OSError, ValueError) as error:
        raise _no_variant(path, str(error)) from None
    if "chain" not in group.attrs or not set(NUMERIC) <= set(group.array_keys()):
        raise _no_variant(path, "a zarr group of another kind")
    drop = [name for name in group.array_keys() if name not in NUMERIC]
    stored: xr.Dataset = xr.open_zarr(path, consolidated=False, chunks={}, drop_variables=drop)
    metadata = {name: ("sample", read_texts(group, name)) for name in sorted(texts)}
    return stored.drop_encoding().assign_coords(axis=stored["axis"].load(), **metadata)
