"""An unfinished variant: laid out, filled block by block, and taken up again where a killed run left it.

Each block is one chunk that ends in its CRC-32C, so whether a chunk is whole is read from the chunk itself: one that
was cut short, or whose bytes rotted, fails the checksum and is computed again. A chunk appears under its name only once
it is written (a rename on disk, one PUT on object storage); what decides its bytes is in the name of the store.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from dask.delayed import Delayed, delayed
from zarr.codecs import BloscCodec, Crc32cCodec

from spectral_core.archive.columns import write_columns
from spectral_core.archive.objects import names_within, zarr_store
from spectral_core.archive.rows import StoredRows
from spectral_core.errors import ArchiveError, SpectraError
from spectral_core.preprocessing import Chain
from spectral_core.storage import Place

BLOCK_BYTES = 4 * 2**20
"""Memory of one block of spectra, before or after the chain, whichever is wider."""

EDITION = 2
"""Part of every variant's address: raise it when a step gives other numbers for the same text."""

_FEWEST_ROWS, _BLOCKS_OF_SLOW_STEPS = 32, 64
_TASKS, _MOST_BLOCKS_A_TASK = 64, 8
_CHUNK = re.compile(r"c/(\d+)/0")

# Dask is typed in part only.
_delayed: Callable[..., Callable[..., Delayed]] = delayed
_as_dask: Callable[..., da.Array] = da.asarray


@dataclass(frozen=True, eq=False)
class Layout:
    """All that decides the bytes of a variant beside the intensities it is made from.

    Args:
        chain: The per-spectrum steps.
        snapshot: The archive's snapshot.
        axis: Positions of the channels before the chain.
        positions: Positions after it.
        n: Spectra.
        rows: Spectra in one block, which is one chunk; it does not depend on the number of workers, so that a
            run goes on with another.
        units: Of axis and intensity, after the chain.
    """

    chain: Chain
    snapshot: str
    axis: npt.NDArray[np.float64]
    positions: npt.NDArray[np.float64]
    n: int
    rows: int
    units: tuple[str, str]

    @property
    def attributes(self) -> dict[str, Any]:
        """What the stored variant says of itself."""
        return {"chain": str(self.chain), "snapshot": self.snapshot, "offband_version": _offband_version()}

    @property
    def digest(self) -> str:
        """Sixteen digits by which an unfinished variant is known to be this one."""
        said = f"{EDITION} {self.attributes} {self.n} {self.rows} {self.units}".encode()
        return hashlib.sha256(said + self.axis.tobytes() + self.positions.tobytes()).hexdigest()[:16]

    @property
    def blocks(self) -> range:
        """Numbers of all blocks."""
        return range(-(-self.n // self.rows))


def layout_of(spectra: xr.Dataset, chain: Chain, *, snapshot: str) -> Layout:
    """Work out the layout of a variant.

    Raises:
        SpectraError: There are no spectra, or the chain leaves no channel.
    """
    axis = np.asarray(spectra["axis"].values, dtype=np.float64)
    n, d = spectra["intensity"].shape
    if n == 0:
        raise SpectraError(f"variant '{chain}'", "at least one spectrum", "none", "Ingest spectra first.")
    positions = chain.apply(np.empty((0, d), dtype=np.float32), axis)[1]
    rows = max(1, BLOCK_BYTES // (4 * max(d, positions.size)))
    if chain.is_slow:
        rows = min(rows, max(_FEWEST_ROWS, -(-n // _BLOCKS_OF_SLOW_STEPS)))
    units = spectra["axis"].attrs.get("units", ""), chain.unit(spectra["intensity"].attrs.get("units", ""))
    return Layout(chain, snapshot, axis, positions, n, rows, units)


def lay_out(place: Place, layout: Layout, columns: Mapping[str, npt.NDArray[np.object_]]) -> None:
    """Write everything but the intensities; blocks that are there already stay.

    Args:
        place: Where the unfinished variant lies, or is to lie.
        layout: What it is.
        columns: Its metadata, one text a spectrum.
    """
    group = _group(place, layout)
    axis = group.require_array(
        "axis",
        shape=layout.positions.shape,
        chunks=layout.positions.shape,
        dtype="float64",
        dimension_names=("channel",),
        attributes={"units": layout.units[0]},
    )
    axis[:] = layout.positions
    write_columns(group, columns)


def _group(place: Place, layout: Layout) -> zarr.Group:
    """Open the group with its intensities; begin anew where what was left behind cannot be read."""
    try:
        group = zarr.open_group(zarr_store(place), mode="a", zarr_format=3, attributes=layout.attributes)
        if "intensity" in group and group["intensity"].attrs["units"] == layout.units[1]:
            return group
    except (ValueError, KeyError, TypeError):  # cut short with the power
        pass
    group = zarr.open_group(zarr_store(place), mode="w", zarr_format=3, attributes=layout.attributes)
    group.create_array(
        "intensity",
        shape=(layout.n, layout.positions.size),
        chunks=(layout.rows, layout.positions.size),
        dtype="float32",
        fill_value=np.float32("nan"),
        compressors=(BloscCodec(cname="lz4", shuffle="shuffle", typesize=4), Crc32cCodec()),
        dimension_names=("sample", "channel"),
        attributes={"units": layout.units[1]},
    )
    return group


def stored_blocks(place: Place) -> set[int]:
    """Number the blocks of which there is a chunk, whole or not."""
    found = (_CHUNK.fullmatch(name) for name in names_within(place / "intensity"))
    return {int(match[1]) for match in found if match}


def checks(place: Place, layout: Layout, blocks: list[int]) -> list[Delayed]:
    """Give the tasks that say, 1 or 0, whether stored blocks are whole."""
    whole = _delayed(_is_whole, pure=False)
    return [whole(place, i * layout.rows, min(layout.n, (i + 1) * layout.rows)) for i in blocks]


def fillings(intensity: Any, place: Place, layout: Layout, blocks: list[int]) -> list[Delayed]:
    """Give the tasks that compute and store blocks; each gives the number of spectra it stored.

    Args:
        intensity: n × d: `StoredRows`, which the workers read themselves, or an array, of which each gets its rows.
        place: The unfinished variant.
        layout: What it is.
        blocks: Numbers of the blocks.
    """
    bounds = [(i * layout.rows, min(layout.n, (i + 1) * layout.rows)) for i in blocks]
    if isinstance(intensity, StoredRows):
        read_and_fill, k = _delayed(_read_and_fill, pure=False), blocks_a_task(layout)
        runs = [bounds[at : at + k] for at in range(0, len(bounds), k)]
        return [read_and_fill(intensity, layout.chain, place, run) for run in runs]
    fill, data = _delayed(fill_block, pure=False), _as_dask(intensity)
    return [fill(data[start:stop], layout.chain, layout.axis, place, start) for start, stop in bounds]


def fill_block(x: npt.NDArray[Any], chain: Chain, axis: npt.NDArray[np.float64], place: Place, start: int) -> int:
    """Compute and store one block of rows, the first of which is row `start`; give the number of spectra stored.

    Raises:
        SpectraError: A step refuses a spectrum, or gives what is not finite; the spectrum is named.
    """
    try:
        out, positions = chain.apply(x, axis)
    except SpectraError as error:
        where = re.sub(r"\bspectrum (\d+)", lambda m: f"spectrum {start + int(m[1])}", error.where)
        raise SpectraError(where, error.expected, error.found, error.remedy) from None
    stored = out.astype(np.float32, copy=False)
    if not np.isfinite(stored).all():
        row, channel = (int(i) for i in np.argwhere(~np.isfinite(stored))[0])
        where = f"spectrum {start + row + 1}, axis {positions[channel]:g}"
        raise SpectraError(where, "a finite result", f"{stored[row, channel]}",
                           "Leave the spectrum out, or change the chain.")  # fmt: skip
    _intensity(place, os.getpid())[start : start + len(stored)] = stored
    return len(stored)


def blocks_a_task(layout: Layout) -> int:
    """Give how many blocks one task reads and fills, one after the other: a task costs the scheduler a millisecond."""
    return 1 if layout.chain.is_slow else max(1, min(_MOST_BLOCKS_A_TASK, len(layout.blocks) // _TASKS))


def _read_and_fill(rows: StoredRows, chain: Chain, place: Place, run: list[tuple[int, int]]) -> int:
    return sum(fill_block(rows[start:stop], chain, rows.axis, place, start) for start, stop in run)


def _is_whole(place: Place, start: int, stop: int) -> int:
    try:
        return int(np.asarray(_intensity(place, os.getpid())[start:stop]).shape[0] == stop - start)
    except (ValueError, RuntimeError):  # of checksum or codec
        return 0


@lru_cache(maxsize=16)
def _intensity(place: Place, process: int) -> zarr.Array[Any]:
    """Open the array once a process; its metadata follow from the place's name."""
    # no block is empty: looking whether it is takes as long as its checksum
    return zarr.open_array(
        zarr_store(place), path="intensity", mode="r+", zarr_format=3, config={"write_empty_chunks": True}
    )


def check_complete(place: Place, layout: Layout, rows: int) -> None:
    """Refuse a result with missing rows, also where workers stored them on a disk of their own.

    Raises:
        ArchiveError: As said.
    """
    stored = len(stored_blocks(place))
    if rows != layout.n or stored != len(layout.blocks):
        raise ArchiveError(
            str(place),
            f"{layout.n} spectra in {len(layout.blocks)} chunks",
            f"{rows} spectra reported, {stored} chunks stored",
            "Give all Dask workers this folder under the same path.",
        )


def _offband_version() -> str:
    try:
        return version("offband")
    except PackageNotFoundError:
        return "not installed"
