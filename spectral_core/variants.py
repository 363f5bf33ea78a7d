"""Materialised variants: an archive's spectra after one chain, addressed by (snapshot, chain).

Derived data, rebuilt at will and never half there: a variant is written aside and renamed into place.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from dask.delayed import Delayed, delayed
from filelock import FileLock
from zarr.codecs import BloscCodec

from spectral_core.archive.columns import NUMERIC, read_texts, text_columns, write_columns
from spectral_core.errors import ArchiveError, SpectraError, room_for
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

    Writers of one variant take turns: the second waits and reuses what the first wrote. What killed writers
    left behind is removed. Blocks are loaded, computed and stored where the scheduler runs them, so memory
    does not grow with the number of spectra; the workers of a running scheduler must see `directory` under the
    same path.

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
        ArchiveError: Workers died, no scheduler answers, the disk is full, or what was stored is not complete.
    """
    path = variant_path(directory, snapshot=snapshot, chain=chain)
    with room_for(f"variant '{chain}'", path.parent), _sole_writer(path):
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
                _remove(aside)
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
    coords = {name: xr.DataArray(read_texts(group, name), dims="sample") for name in sorted(texts)}
    return stored.drop_encoding().assign_coords(coords | {"axis": stored["axis"].load()})


@contextmanager
def _sole_writer(path: Path) -> Iterator[None]:
    """Hold the variant's lock, which dies with its process, so what lies aside is nobody's and is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.stem}.lock")):
        for leftover in path.parent.glob(f".{path.stem}.*.part"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _remove(aside: Path) -> None:
    """Remove what failed, again while threads that had begun a block still write into it."""
    for _ in range(20):
        if not aside.exists():
            return
        shutil.rmtree(aside, ignore_errors=True)
        time.sleep(0.05)


def _lay_out(aside: Path, spectra: xr.Dataset, chain: Chain, snapshot: str, workers: int) -> list[Delayed]:
    """Write everything but the intensities, and give the tasks that compute and store those."""
    axis = np.asarray(spectra["axis"].values, dtype=np.float64)
    n, d = spectra["intensity"].shape
    if n == 0:
        raise SpectraError(f"variant '{chain}'", "at least one spectrum", "none", "Ingest spectra first.")
    with _told_of(chain):
        positions = chain.apply(np.empty((0, d), dtype=np.float32), axis)[1]
    rows = max(1, _BLOCK_BYTES // (4 * max(d, positions.size)))
    if chain.is_slow:
        rows = min(rows, max(32, -(-n // (4 * workers))))
    _write_frame(aside, spectra, chain, snapshot, positions, rows)
    as_dask: Callable[..., da.Array] = da.asarray  # Dask is typed in part only
    data = as_dask(spectra["intensity"].data)
    store = delayed(_store_block, pure=False)
    return [store(data[at : at + rows], chain, axis, str(aside / "intensity"), at) for at in range(0, n, rows)]


def _write_frame(
    aside: Path,
    spectra: xr.Dataset,
    chain: Chain,
    snapshot: str,
    positions: npt.NDArray[np.float64],
    rows: int,
) -> None:
    attributes: dict[str, Any] = {
        "chain": str(chain),
        "snapshot": snapshot,
        "offband_version": _offband_version(),
    }
    group = zarr.open_group(aside, mode="w-", zarr_format=3, attributes=attributes)
    group.create_array(
        "intensity",
        shape=(spectra.sizes["sample"], positions.size),
        chunks=(rows, positions.size),
        dtype="float32",
        fill_value=np.float32("nan"),
        compressors=(BloscCodec(cname="lz4", shuffle="shuffle", typesize=4),),
        dimension_names=("sample", "channel"),
        attributes={"units": chain.unit(spectra["intensity"].attrs.get("units", ""))},
    )
    axis = group.create_array(
        "axis",
        shape=positions.shape,
        dtype="float64",
        dimension_names=("channel",),
        attributes={"units": spectra["axis"].attrs.get("units", "")},
    )
    axis[:] = positions
    texts = {str(name): coord for name, coord in spectra.coords.items() if coord.dims == ("sample",)}
    write_columns(group, {name: np.asarray(coord.values).astype(object) for name, coord in texts.items()})


def _store_block(x: npt.NDArray[Any], chain: Chain, axis: npt.NDArray[np.float64], array: str, start: int) -> int:
    """Compute and store one block of rows; give the number of spectra stored."""
    try:
        out, positions = chain.apply(x, axis)
    except SpectraError as error:
        where = re.sub(r"\bspectrum (\d+)", lambda m: f"spectrum {start + int(m[1])}", error.where)
        raise SpectraError(where, error.expected, error.found, error.remedy) from None
    stored = out.astype(np.float32, copy=False)
    lost = np.argwhere(~np.isfinite(stored))
    if lost.size:
        row, channel = (int(i) for i in lost[0])
        where = f"spectrum {start + row + 1}, axis {positions[channel]:g}"
        raise SpectraError(where, "a finite result", f"{stored[row, channel]}",
                           "Leave the spectrum out, or change the chain.")  # fmt: skip
    zarr.open_array(array, mode="r+")[start : start + len(stored)] = stored
    return len(stored)


def _suited(scheduler: str, chain: Chain, spectra: xr.Dataset) -> str:
    slow = chain.is_slow and spectra["intensity"].size >= _WORTH_PROCESSES
    return "processes" if scheduler == "threads" and slow else scheduler


def _check_complete(aside: Path, rows: int, n: int) -> None:
    """Refuse a result with missing rows, also where workers stored them on a disk of their own."""
    array = zarr.open_array(aside / "intensity", mode="r")
    if rows != n or array.shape[0] != n or array.nchunks_initialized != array.nchunks:
        raise ArchiveError(
            str(aside.parent),
            f"{n} spectra in {array.nchunks} chunks",
            f"{rows} spectra reported, {array.nchunks_initialized} chunks stored",
            "Give all Dask workers this folder under the same path.",
        )


@contextmanager
def _told_of(chain: Chain) -> Iterator[None]:
    """Name the chain in errors; from a process Dask hands them over with a traceback in their text."""
    try:
        yield
    except SpectraError as error:
        where = f"variant '{chain}', {error.where}"
        raise SpectraError(where, error.expected, error.found, error.remedy) from None


def _reference(path: Path, chain: Chain, snapshot: str, n: int, reused: bool) -> VariantReference:
    stored = open_variant(path)
    found = (stored.attrs.get("chain"), stored.attrs.get("snapshot"), stored.sizes["sample"])
    if found != (str(chain), snapshot, n):
        raise ArchiveError(str(path), f"variant {(str(chain), snapshot, n)}", f"{found}",
                           "Remove the folder; it is rebuilt.")  # fmt: skip
    return VariantReference(path, str(chain), snapshot, n, stored.sizes["channel"], reused)


def _no_variant(path: Path, found: str) -> ArchiveError:
    return ArchiveError(str(path), "a materialised variant", found, "Run preprocessing again.")


def _offband_version() -> str:
    try:
        return version("offband")
    except PackageNotFoundError:
        return "not installed"
