"""The versioned store of spectra: append and relabel in atomic commits, open at any snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import icechunk
import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from filelock import FileLock

from spectral_core.archive.axis import ArchiveAxis, axis_of
from spectral_core.archive.columns import (
    NUMERIC,
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
    write_columns,
)
from spectral_core.archive.folder import check_archive, claim, damaged, first_line, locked, open_repository
from spectral_core.errors import ArchiveError
from spectral_core.spectra import METADATA

LOCK_WAIT_S = 120.0


@dataclass(frozen=True)
class Snapshot:
    """One commit: `written_at` is UTC, `spectra` the number of spectra in the archive after it."""

    id: str
    written_at: datetime
    message: str
    spectra: int


def create_archive(path: Path, *, lock_wait_s: float = LOCK_WAIT_S) -> Archive:
    """Open the archive in a folder; make one if the folder is absent or empty.

    Raises:
        ArchiveError: The folder holds something else, cannot be written, or is locked for too long.
    """
    claim(Path(path))
    archive = Archive(Path(path), lock_wait_s=lock_wait_s)
    with archive.writing():
        open_repository(archive.path, create=True)
    return archive


def open_archive(path: Path, *, lock_wait_s: float = LOCK_WAIT_S) -> Archive:
    """Open the archive in a folder; nothing is written until something is appended.

    Raises:
        ArchiveError: The folder is not an archive, or damaged.
    """
    check_archive(Path(path))
    return Archive(Path(path), lock_wait_s=lock_wait_s)


class Archive:
    """Spectra with one axis, each stored once, in a history of snapshots.

    Any number of processes may read while one writes: a reader sees the snapshot it opened. Obtain one from
    `open_archive` or `create_archive`.
    """

    def __init__(self, path: Path, *, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.path = path
        self._lock = FileLock(path / "lock")
        self._lock_wait_s = lock_wait_s
        self._opened: icechunk.Repository | None = None
        self._sources: dict[str, str] = {}
        self._spectra: Counter[str] = Counter()
        self._rows_known = 0

    def __len__(self) -> int:
        """Count the spectra in the latest snapshot."""
        group = self._latest()
        return 0 if group is None else int(array_in(group, "intensity").shape[0])

    def snapshot(self) -> str:
        """Name the latest snapshot."""
        return str(self._repository().lookup_branch("main"))

    def history(self) -> list[Snapshot]:
        """List the snapshots, newest first, the empty one that every archive starts with included."""
        try:
            ancestry = list(self._repository().ancestry(branch="main"))
        except icechunk.IcechunkError as error:
            raise damaged(self.path, error) from None
        return [Snapshot(s.id, s.written_at, s.message, int(s.metadata.get("spectra", 0))) for s in ancestry]

    def sources(self) -> Mapping[str, str]:
        """Map the sha256 of every archived file to the name it was archived under."""
        group = self._latest()
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
        group = self._latest()
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
        return read_digests(zarr.open_group(self._session(snapshot).store, mode="r"))

    def metadata(self, snapshot: str | None = None) -> xr.Dataset:
        """Load the metadata of all spectra, as coordinates on `sample` and without the spectra.

        Raises:
            ArchiveError: The archive is empty, or has no such snapshot.
        """
        group = zarr.open_group(self._session(snapshot).store, mode="r")
        names = sorted(text_columns(group), key=lambda n: (METADATA.index(n) if n in METADATA else len(METADATA), n))
        return xr.Dataset(coords={name: ("sample", read_texts(group, name)) for name in names})

    def open(self, snapshot: str | None = None) -> xr.Dataset:
        """Open all spectra at a snapshot, by default the latest, as a Spectra dataset.

        `intensity` is a Dask array with the chunks it is stored in, one along `channel`; metadata are loaded.

        Raises:
            ArchiveError: The archive is empty, or has no such snapshot.
        """
        session = self._session(snapshot)
        group = zarr.open_group(session.store, mode="r")
        drop = [name for name in group.array_keys() if name not in NUMERIC]
        stored: xr.Dataset = xr.open_zarr(session.store, consolidated=False, chunks={}, drop_variables=drop)
        metadata = self.metadata(session.snapshot_id)
        spectra = stored.drop_encoding().assign_coords(metadata.coords)
        return spectra.assign_coords(axis=stored["axis"].load())

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
            with self._transaction(message, added=0) as group:
                write_columns(group, {name: wanted[name] for name in differs})
            return changed

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
            session = self._repository().writable_session("main")
            group = zarr.open_group(session.store, mode="a")
            yield group
            spectra = int(array_in(group, "intensity").shape[0])
            session.commit(message, metadata={"spectra": spectra, "added": added})
        except (icechunk.IcechunkError, OSError) as error:
            raise ArchiveError(
                str(self.path),
                "a store that takes the commit",
                first_line(error),
                "Check the disk and try again; nothing of this commit was stored.",
            ) from None

    def _repository(self) -> icechunk.Repository:
        if self._opened is None:
            self._opened = open_repository(self.path)
        return self._opened

    def _latest(self) -> zarr.Group | None:
        try:
            return self._group(self._repository().readonly_session("main"))
        except icechunk.IcechunkError as error:
            raise damaged(self.path, error) from None

    def _session(self, snapshot: str | None) -> icechunk.Session:
        try:
            session = self._repository().readonly_session("main") if snapshot is None else self._at(snapshot)
            if self._group(session) is not None:
                return session
        except icechunk.IcechunkError as error:
            raise damaged(self.path, error) from None
        found = f"none in snapshot {session.snapshot_id}"
        remedy = "Ingest files first, or name a later snapshot."
        raise ArchiveError(str(self.path), "spectra", found, remedy)

    def _group(self, session: icechunk.Session) -> zarr.Group | None:
        """Open the group of a snapshot; None if there are no spectra yet, which only the first may say."""
        try:
            return zarr.open_group(session.store, mode="r")
        except zarr.errors.GroupNotFoundError as error:
            if self._repository().lookup_snapshot(session.snapshot_id).parent_id is not None:
                raise damaged(self.path, error) from None
            return None

    def _at(self, snapshot: str) -> icechunk.Session:
        try:
            return self._repository().readonly_session(snapshot_id=snapshot)
        except (icechunk.IcechunkError, ValueError):
            newest = ", ".join(f"{s.id} ({s.spectra} spectra)" for s in self.history()[:3])
            expected = f"a snapshot of this archive, the newest being {newest}"
            remedy = "Name one of its snapshots, or none for the latest."
            raise ArchiveError(str(self.path), expected, repr(snapshot), remedy) from None
