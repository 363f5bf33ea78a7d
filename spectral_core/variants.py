"""Materialised variants: an archive's spectra after one chain, addressed by (snapshot, chain).

Derived data, rebuilt at will and never half there: a variant is filled aside, block by block, and published whole. In a
folder it is renamed into place; on object storage, which has no rename, a small object that names it is written last. A
run that was killed leaves its whole blocks aside, and the next one computes the rest. `raw` is the archive itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from dask.delayed import Delayed

from spectral_core.archive import is_archive, open_archive
from spectral_core.archive.columns import NUMERIC, array_in, read_texts, text_columns, text_variable
from spectral_core.archive.objects import answering, first_line, zarr_store
from spectral_core.archive.rows import StoredRows
from spectral_core.errors import ArchiveError, SpectraError, room_for
from spectral_core.preprocessing import Chain
from spectral_core.preprocessing.blocks import Progress, compute_blocks
from spectral_core.storage import Place, place_from
from spectral_core.variant_place import clear_leftovers, place_aside, publish, published, remove, sole_writer
from spectral_core.variant_store import (
    EDITION,
    Layout,
    check_complete,
    checks,
    fillings,
    lay_out,
    layout_of,
    stored_blocks,
)

# Processes take seconds to start; fewer intensities than this are sooner done in one.
_WORTH_PROCESSES = 6_000_000
# Blocks in one graph: what a scheduler and its client hold at a time does not grow with the archive.
_STRETCH = 4096


@dataclass(frozen=True)
class VariantReference:
    """Where a variant is and what it is; small enough to hand between tasks.

    `path` of spectra that no step changes is the archive. `reused` says that it was there already.
    """

    path: Place
    chain: str
    snapshot: str
    spectra: int
    channels: int
    reused: bool

    def __str__(self) -> str:
        return f"{self.chain}: {self.spectra} spectra x {self.channels} channels at {self.path}"


def variant_path(directory: Place, *, snapshot: str, chain: Chain) -> Place:
    """Give the one place of a variant: `directory/<snapshot>/<digest of the chain>.zarr`.

    Raises:
        ArchiveError: The snapshot's name is no name of a folder.
    """
    if not snapshot or Path(snapshot).name != snapshot or snapshot.startswith("."):
        raise ArchiveError("variant", "a snapshot's name", repr(snapshot), "Pass the archive's snapshot id.")
    digest = hashlib.sha256(f"{EDITION} {chain}".encode()).hexdigest()[:16]
    return place_from(directory) / snapshot / f"{digest}.zarr"


def materialise(
    spectra: xr.Dataset,
    chain: Chain,
    *,
    directory: Place,
    snapshot: str,
    archive: Place | None = None,
    scheduler: str = "threads",
    workers: int | None = None,
    progress: Progress | None = None,
) -> VariantReference:
    """Apply a chain to all spectra, block of rows by block of rows, and store the result; reuse it if stored.

    Writers of one variant on one machine take turns: the second waits and reuses what the first wrote. Blocks that
    a killed run finished are checked and kept. Blocks are read, computed and stored where the scheduler runs them,
    so memory does not grow with the number of spectra; the workers of a running scheduler must see `directory` and
    `archive` under the same path.

    Args:
        spectra: A Spectra dataset, `intensity` in memory or as a Dask array.
        chain: The per-spectrum steps.
        directory: Place of all variants of the archive.
        snapshot: The archive's snapshot id that `spectra` was opened at.
        archive: The archive that `spectra` are all of: workers then read it themselves, and where no step
            changes a spectrum nothing is stored.
        scheduler: "threads", "processes", or the address of a running Dask scheduler. With "threads", a large
            job whose steps hold the interpreter's lock (baselines) runs on processes.
        workers: Local threads or processes, by default one a processor.
        progress: Called with (blocks done, all blocks); blocks that were kept count as done.

    Raises:
        SpectraError: There are no spectra, or a step refuses one (it is named).
        ArchiveError: Workers died, no scheduler answers, the disk is full, or what was stored is not complete.
    """
    path = variant_path(directory, snapshot=snapshot, chain=chain)
    source = _whole_archive(spectra, archive, snapshot)
    if source is not None and chain.is_identity:
        return VariantReference(source.place, str(chain), snapshot, *source.shape, True)
    with room_for(f"variant '{chain}'", path), answering(path), sole_writer(path):
        reused = published(path) is not None
        if not reused:
            with _told_of(chain):
                layout = layout_of(spectra, chain, snapshot=snapshot)
            aside = place_aside(path, layout)
            clear_leftovers(path, but=aside)
            lay_out(aside, layout, _texts(spectra))
            with _told_of(chain), _worthless_if_refused(aside):
                run = _Run(aside, layout, _suited(scheduler, chain, spectra), workers, progress)
                run.fill(spectra["intensity"].data if source is None else source)
            publish(aside, path)
    return _reference(path, chain, snapshot, spectra.sizes["sample"], reused)


def open_variant(variant: VariantReference | Place | str) -> xr.Dataset:
    """Open a stored variant as a Spectra dataset; its attributes name chain and snapshot.

    `intensity` is a Dask array with the chunks it is stored in, one along `channel`; metadata are loaded.

    Raises:
        ArchiveError: There is no variant at the path.
    """
    path = place_from(variant.path if isinstance(variant, VariantReference) else variant)
    if isinstance(variant, VariantReference) and is_archive(path):
        attributes = {"chain": variant.chain, "snapshot": variant.snapshot}
        return open_archive(path).open(variant.snapshot).assign_attrs(attributes)
    with answering(path):
        group = _group(path)
        drop = [name for name in group.array_keys() if name not in NUMERIC]
        stored: xr.Dataset = xr.open_zarr(group.store, consolidated=False, chunks={}, drop_variables=drop)
        coords = {name: text_variable(read_texts(group, name)) for name in sorted(text_columns(group))}
        return stored.drop_encoding().assign_coords(coords | {"axis": stored["axis"].load()})


def _group(path: Place) -> zarr.Group:
    try:
        group = zarr.open_group(zarr_store(published(path) or path), mode="r", zarr_format=3)
        arrays = set(group.array_keys())
    except (OSError, ValueError) as error:
        raise _no_variant(path, first_line(error)) from None
    if "chain" not in group.attrs or not set(NUMERIC) <= arrays:
        raise _no_variant(path, "a zarr group of another kind")
    return group


Tasks = Callable[[Place, Layout, list[int]], list[Delayed]]


@dataclass(frozen=True)
class _Run:
    """One filling of an unfinished variant, and where it is computed."""

    aside: Place
    layout: Layout
    scheduler: str
    workers: int | None
    progress: Progress | None

    def fill(self, intensity: Any) -> None:
        """Keep the blocks that are whole, compute and store the others, and see that all are there."""
        present = sorted(stored_blocks(self.aside) & set(self.layout.blocks))
        kept = [i for i, whole in zip(present, self._compute(checks, present), strict=True) if whole]
        self._tell(len(kept))
        left = sorted(set(self.layout.blocks) - set(kept))
        rows = self._compute(partial(fillings, intensity), left, after=len(kept))
        there = sum(min(self.layout.rows, self.layout.n - i * self.layout.rows) for i in kept)
        check_complete(self.aside, self.layout, sum(rows) + there)

    def _compute(self, tasks: Tasks, blocks: list[int], *, after: int | None = None) -> list[int]:
        told: list[int] = []
        for start in range(0, len(blocks), _STRETCH):
            stretch = blocks[start : start + _STRETCH]
            progress = None if after is None else partial(self._advance, after + start, len(stretch))
            todo = tasks(self.aside, self.layout, stretch)
            told += compute_blocks(todo, scheduler=self.scheduler, workers=self.workers, progress=progress)
        return told

    def _advance(self, before: int, blocks: int, done: int, tasks: int) -> None:
        self._tell(before + blocks * done // tasks)

    def _tell(self, blocks: int) -> None:
        if self.progress is not None and blocks:
            self.progress(blocks, len(self.layout.blocks))


def _whole_archive(spectra: xr.Dataset, archive: Place | None, snapshot: str) -> StoredRows | None:
    """Give the rows of the archive if they are what the spectra are, untouched."""
    rows = None if archive is None else StoredRows(place_from(archive), snapshot)
    return rows if rows is not None and getattr(spectra["intensity"].data, "name", "") == rows.name else None


def _texts(spectra: xr.Dataset) -> dict[str, Any]:
    coords = {str(name): coord for name, coord in spectra.coords.items() if coord.dims == ("sample",)}
    return {name: np.asarray(coord.values).astype(object, copy=False) for name, coord in coords.items()}


@contextmanager
def _worthless_if_refused(aside: Place) -> Iterator[None]:
    """Remove what a chain that refuses a spectrum has stored: it will never be whole."""
    try:
        yield
    except SpectraError:
        if isinstance(aside, Path):
            remove(aside)
        raise


def _suited(scheduler: str, chain: Chain, spectra: xr.Dataset) -> str:
    slow = chain.is_slow and spectra["intensity"].size >= _WORTH_PROCESSES
    return "processes" if scheduler == "threads" and slow else scheduler


@contextmanager
def _told_of(chain: Chain) -> Iterator[None]:
    """Name the chain in errors; from a process Dask hands them over with a traceback in their text."""
    try:
        yield
    except SpectraError as error:
        where = f"variant '{chain}', {error.where}"
        raise SpectraError(where, error.expected, error.found, error.remedy) from None


def _reference(path: Place, chain: Chain, snapshot: str, n: int, reused: bool) -> VariantReference:
    group = _group(path)
    stored_n, channels = array_in(group, "intensity").shape
    found = (group.attrs.get("chain"), group.attrs.get("snapshot"), stored_n)
    if found != (str(chain), snapshot, n):
        raise ArchiveError(str(path), f"variant {(str(chain), snapshot, n)}", f"{found}",
                           "Remove the folder; it is rebuilt.")  # fmt: skip
    return VariantReference(path, str(chain), snapshot, n, channels, reused)


def _no_variant(path: Place, found: str) -> ArchiveError:
    return ArchiveError(str(path), "a materialised variant", found, "Run preprocessing again.")
