"""The versioned store of spectra: append and relabel in atomic commits, open at any snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import icechunk
import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from filelock import FileLock

from spectral_core.archive.axis import ArchiveAxis, axis_of
from spectral_core.archive.clock import remedy_of_refusal
from spectral_core.archive.columns import (
    NUMERIC,
    Texts,
    append_rows,
    array_in,
    check_same_rows,
    check_storable,
    differing,
    lay_out,
    metadata_of,
    read_digests,
    read_texts,
    rows_to_store,
    text_columns,
    text_variable,
    write_columns,
)
from spectral_core.archive.folder import check_archive, claim, lock_file, locked, open_repository
from spectral_core.archive.objects import first_line
from spectral_core.archive.rows import StoredRows
from spectral_core.archive.snapshots import Snapshot, Snapshots
from spectral_core.errors import ArchiveError, room_for
from spectral_core.spectra import METADATA
from spectral_core.storage import Place, place_from

LOCK_WAIT_S = 120.0
OVERTAKEN = 5
"""Times that a commit is begun anew because another machine's came first; on one machine the lock prevents that."""


def create_archive(path: Place | str, *, intake: Path | None = None, lock_wait_s: float = LOCK_WAIT_S) -> Archive:
    """Open the archive in a folder or at `s3://bucket/prefix`; make one if nothing is there.

    Args:
        path: Where it is.
        intake: Where the ledger and the quarantine of an archive on object storage lie, made if absent.
        lock_wait_s: How long to wait for another process that writes.

    Raises:
        ArchiveError: The place holds something else, cannot be written, or is locked for too long.
    """
    place = place_from(path)
    claim(place)
    archive = Archive(place, intake=intake, lock_wait_s=lock_wait_s)
    with room_for("ledger and quarantine", archive.intake):
        archive.intake.mkdir(parents=True, exist_ok=True)
    with archive.writing():
        open_repository(archive.path, create=True)
    return archive


def open_archive(path: Place | str, *, intake: Path | None = None, lock_wait_s: float = LOCK_WAIT_S) -> Archive:
    """Open the archive in a folder or at `s3://bucket/prefix`; nothing is written until something is appended.

    Raises:
        ArchiveError: The place is not an archive, or damaged.
    """
    place = place_from(path)
    check_archive(place)
    return Archive(place, intake=intake, lock_wait_s=lock_wait_s)


class Archive:
    """Spectra with one axis, each stored once, in a history of snapshots.

    Any number of processes may read while one writes: a reader sees the snapshot it opened. Obtain one from
    `open_archive` or `create_archive`.
    """

    def __init__(self, path: Place, *, intake: Path | None = None, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.path = path
        self._intake = path if isinstance(path, Path) else intake
        self._lock = FileLock(lock_file(path))
        self._lock_wait_s = lock_wait_s
        self._snapshots = Snapshots(path)
        self._sources: dict[str, str] = {}
        self._spectra: Counter[str] = Counter()
        self._rows_known = 0

    @property
    def intake(self) -> Path:
        """The folder of this machine with the ledger and the quarantine; the archive's own, where that is a folder.

        Raises:
            ArchiveError: The archive lies on object storage, and no such folder was named.
        """
        if self._intake is None:
            raise ArchiveError(str(self.path), "the folder of its ledger and quarantine", "none named",
                               "Name the study's `intake`.")  # fmt: skip
        return self._intake

    def __len__(self) -> int:
        """Count the spectra in the latest snapshot."""
        group = self._snapshots.latest()
        return 0 if group is None else int(array_in(group, "intensity").shape[0])

    def snapshot(self) -> str:
        """Name the latest snapshot."""
        return self._snapshots.newest()

    def history(self) -> list[Snapshot]:
        """List the snapshots, newest first, the empty one that every archive starts with included."""
        return self._snapshots.history()

    def sources(self) -> Mapping[str, str]:
        """Map the sha256 of every archived file to the name it was archived under."""
        group = self._snapshots.latest()
        if group is not None:
            hashes = read_texts(group, "source_sha256", self._rows_known)
            names = read_texts(group, "source", self._rows_known)
            self._sources.update(zip(hashes, names, strict=True))
            self._spectra.update(hashes)
            self._rows_known += len(hashes)
        return MappingProxyType(self._sources)

    def spectra_by_source(self) -> Mapping[str, int]:
        """Map the sha256 of every archived file to the number of its spectra."""
        self.sources()
        return MappingProxyType(self._spectra)

    def axis(self) -> ArchiveAxis | None:
        """Give the axis that every spectrum shares, or None while the archive is empty."""
        group = self._snapshots.latest()
        if group is None:
            return None
        positions, intensity = array_in(group, "axis"), array_in(group, "intensity")
        units = str(positions.attrs["units"]), str(intensity.attrs["units"])
        return ArchiveAxis(np.asarray(positions[:], dtype=np.float64), *units)

    def digests(self, snapshot: str | None = None) -> npt.NDArray[np.uint64]:
        """Read what `row_digests` gave for each spectrum when it was archived (`UNRECORDED` before that was kept).

        Raises:
            ArchiveError: The archive is empty, or has no such snapshot.
        """
        return read_digests(zarr.open_group(self._snapshots.session(snapshot).store, mode="r"))

    def metadata(self, snapshot: str | None = None) -> xr.Dataset:
        """Load the metadata of all spectra, as coordinates on `sample` and without the spectra.

        Raises:
            ArchiveError: The archive is empty, or has no such snapshot.
        """
        group = zarr.open_group(self._snapshots.session(snapshot).store, mode="r")
        names = sorted(text_columns(group), key=lambda n: (METADATA.index(n) if n in METADATA else len(METADATA), n))
        return xr.Dataset(coords={name: text_variable(read_texts(group, name)) for name in names})

    def open(self, snapshot: str | None = None) -> xr.Dataset:
        """Open all spectra at a snapshot, by default the latest, as a Spectra dataset.

        `intensity` is a Dask array with the chunks it is stored in, one along `channel`; metadata are loaded.

        Raises:
            ArchiveError: The archive is empty, or has no such snapshot.
        """
        session = self._snapshots.session(snapshot)
        group = zarr.open_group(session.store, mode="r")
        units = {name: {"units": array_in(group, name).attrs["units"]} for name in NUMERIC}
        intensity = StoredRows(self.path, session.snapshot_id).lazily()
        return xr.Dataset(
            {"intensity": (("sample", "channel"), intensity, units["intensity"])},
            coords={
                **self.metadata(session.snapshot_id).coords,
                "axis": ("channel", np.asarray(array_in(group, "axis")[:]), units["axis"]),
            },
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the archive's lock, so that what is looked up stays true until the commit; may be nested.

        Raises:
            ArchiveError: Another process holds it for too long; its process id is named.
        """
        with locked(self._lock, wait_s=self._lock_wait_s):
            yield

    def append(self, dataset: xr.Dataset) -> str:
        """Append spectra in one atomic commit and name the snapshot; files archived already are left out.

        Args:
            dataset: Spectra, all rows with a `source_sha256`; the first append decides the axis. Of two
                sources with the same sha256 the first is stored.

        Raises:
            SpectraError: The dataset breaks the Spectra contract.
            ArchiveError: The axis or a unit differs from the archive's, a sha256 is missing, the archive
                is locked, or the disk refuses; nothing is stored then.
        """
        columns = check_storable(dataset, where=str(self.path))
        with self.writing():
            for _ in range(OVERTAKEN - 1):
                with suppress(icechunk.ConflictError):
                    return self._append(dataset, columns)
            try:
                return self._append(dataset, columns)
            except icechunk.ConflictError as error:
                raise self._overtaken(error) from None

    def _append(self, dataset: xr.Dataset, columns: Mapping[str, Texts]) -> str:
        fresh = rows_to_store(columns, self.sources())
        if not fresh.any():
            return self.snapshot()
        axis = self._agreed_axis(axis_of(dataset))
        intensity = dataset["intensity"].values[fresh]
        with self._transaction(f"append {len(intensity)} spectra", added=len(intensity)) as group:
            if "intensity" not in group:
                lay_out(group, axis)
            append_rows(group, intensity, {name: texts[fresh] for name, texts in columns.items()})
        return self.snapshot()

    def relabel(self, metadata: xr.Dataset) -> int:
        """Correct the metadata of archived spectra in one commit; say how many spectra changed.

        Args:
            metadata: As `metadata()` gave it, one row a spectrum in the archive's order, with changed or
                further columns; a column that it lacks stays. Hold `writing()` since `metadata()`.

        Raises:
            ArchiveError: The rows are not the archive's rows, the archive is locked, or the disk refuses.
        """
        with self.writing():
            archived = metadata_of(self.metadata(), where=str(self.path))
            wanted = metadata_of(metadata, where=str(self.path))
            check_same_rows(archived, wanted, where=str(self.path))
            differs = differing(archived, wanted)
            if not differs:
                return 0
            changed = int(np.logical_or.reduce(list(differs.values())).sum())
            message = f"relabel {changed} spectra ({', '.join(sorted(differs))})"
            try:
                with self._transaction(message, added=0) as group:
                    write_columns(group, {name: wanted[name] for name in differs})
            except icechunk.ConflictError as error:
                raise self._overtaken(error) from None
            return changed

    def _overtaken(self, error: Exception) -> ArchiveError:
        return ArchiveError(str(self.path), "a snapshot that nobody else commits to", first_line(error),
                            "Let one machine write at a time, and run again; nothing was lost.")  # fmt: skip

    def _agreed_axis(self, axis: ArchiveAxis) -> ArchiveAxis:
        archived = self.axis()
        if archived is None or archived.fits(axis):
            return axis
        raise ArchiveError(
            str(self.path),
            f"the archive's axis, {archived}",
            archived.difference(axis),
            "Resample the spectra to it, or keep them in an archive of their own.",
        )

    @contextmanager
    def _transaction(self, message: str, *, added: int) -> Iterator[zarr.Group]:
        try:
            with self._snapshots.commit(message, added=added) as group:
                yield group
        except (icechunk.IcechunkError, OSError) as error:
            found = first_line(error)
            expected = "a store that takes the commit"
            raise ArchiveError(str(self.path), expected, found, remedy_of_refusal(found)) from None
