"""The snapshots of an archive: the latest, one by name, and the next one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import icechunk
import zarr

from spectral_core.archive.clock import pass_moment
from spectral_core.archive.columns import array_in
from spectral_core.archive.folder import damaged, open_repository
from spectral_core.errors import ArchiveError
from spectral_core.storage import Place


@dataclass(frozen=True)
class Snapshot:
    """One commit: `written_at` is UTC, `spectra` the number of spectra in the archive after it."""

    id: str
    written_at: datetime
    message: str
    spectra: int


class Snapshots:
    """The repository at an archive's place, opened when it is first asked."""

    def __init__(self, path: Place) -> None:
        self._path = path
        self._opened: icechunk.Repository | None = None

    def newest(self) -> str:
        """Name the latest snapshot."""
        return str(self._repository().lookup_branch("main"))

    def history(self) -> list[Snapshot]:
        """List the snapshots, newest first, the empty one that every archive starts with included."""
        try:
            ancestry = list(self._repository().ancestry(branch="main"))
        except icechunk.IcechunkError as error:
            raise damaged(self._path, error) from None
        return [Snapshot(s.id, s.written_at, s.message, int(s.metadata.get("spectra", 0))) for s in ancestry]

    def latest(self) -> zarr.Group | None:
        """Open the group of the latest snapshot; None while there are no spectra."""
        try:
            return self._group(self._repository().readonly_session("main"))
        except icechunk.IcechunkError as error:
            raise damaged(self._path, error) from None

    def session(self, snapshot: str | None) -> icechunk.Session:
        """Open a snapshot, by default the latest.

        Raises:
            ArchiveError: The archive is empty then, or has no such snapshot.
        """
        try:
            session = self._repository().readonly_session("main") if snapshot is None else self._at(snapshot)
            if self._group(session) is not None:
                return session
        except icechunk.IcechunkError as error:
            raise damaged(self._path, error) from None
        found = f"none in snapshot {session.snapshot_id}"
        remedy = "Ingest files first, or name a later snapshot."
        raise ArchiveError(str(self._path), "spectra", found, remedy)

    @contextmanager
    def commit(self, message: str, *, added: int) -> Iterator[zarr.Group]:
        """Give the group to change; what was changed is one commit, atomic, when the context ends without an error.

        Raises:
            icechunk.ConflictError: Another machine committed since; nothing of this commit is stored.
        """
        session = self._repository().writable_session("main")
        pass_moment(self._repository().lookup_snapshot(session.snapshot_id).written_at, where=str(self._path))
        group = zarr.open_group(session.store, mode="a")
        yield group
        spectra = int(array_in(group, "intensity").shape[0])
        session.commit(message, metadata={"spectra": spectra, "added": added})

    def _repository(self) -> icechunk.Repository:
        if self._opened is None:
            self._opened = open_repository(self._path)
        return self._opened

    def _group(self, session: icechunk.Session) -> zarr.Group | None:
        """Open the group of a snapshot; None if there are no spectra yet, which only the first may say."""
        try:
            return zarr.open_group(session.store, mode="r")
        except zarr.errors.GroupNotFoundError as error:
            if self._repository().lookup_snapshot(session.snapshot_id).parent_id is not None:
                raise damaged(self._path, error) from None
            return None

    def _at(self, snapshot: str) -> icechunk.Session:
        try:
            return self._repository().readonly_session(snapshot_id=snapshot)
        except (icechunk.IcechunkError, ValueError):
            newest = ", ".join(f"{s.id} ({s.spectra} spectra)" for s in self.history()[:3])
            expected = f"a snapshot of this archive, the newest being {newest}"
            remedy = "Name one of its snapshots, or none for the latest."
            raise ArchiveError(str(self._path), expected, repr(snapshot), remedy) from None
