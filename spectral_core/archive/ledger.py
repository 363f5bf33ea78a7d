"""The ledger: one row for every file ever seen, saying what became of it; and what a rescan need not read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, Self

from spectral_core.errors import ArchiveError, offenders

State = Literal["archived", "duplicate", "quarantined", "waiting"]

BUSY_S = 120.0
_VERSION = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    source TEXT NOT NULL, sha256 TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('archived', 'duplicate', 'quarantined', 'waiting')),
    reason TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    snapshot TEXT NOT NULL, spectra INTEGER NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL,
    PRIMARY KEY (source, sha256)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_sha256 ON files (sha256);
CREATE TABLE IF NOT EXISTS stats (
    source TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inboxes (
    path TEXT PRIMARY KEY, left_out TEXT NOT NULL, moved_to TEXT NOT NULL, identity TEXT NOT NULL,
    last_seen TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labelled (samples TEXT NOT NULL, snapshot TEXT NOT NULL);
"""
# version 1 knew no file that was waiting, and no inbox
_FROM_1 = f"""
ALTER TABLE files RENAME TO files_1;
DROP INDEX files_by_sha256;
{_SCHEMA}
INSERT INTO files SELECT * FROM files_1;
DROP TABLE files_1;
"""
# version 2 did not know where files were moved, nor which folder the inbox was
_FROM_2 = f"DROP TABLE inboxes; {_SCHEMA}"
_RECORD = """
INSERT INTO files
VALUES (:source, :sha256, :state, :reason, :size, :mtime_ns, :snapshot, :spectra, :now, :now)
ON CONFLICT (source, sha256) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, last_seen = excluded.last_seen,
    size = max(size, excluded.size), mtime_ns = max(mtime_ns, excluded.mtime_ns),
    snapshot = CASE WHEN state = 'archived' AND snapshot <> '' THEN snapshot ELSE excluded.snapshot END,
    spectra = max(spectra, excluded.spectra)
"""


@dataclass(frozen=True)
class Entry:
    """What became of one file: `source` is its name in the inbox, `reason` says why it is not archived.

    A file that is "waiting" was still being written, or vanished, while it was read; its `sha256` is "".
    """

    source: str
    sha256: str
    state: State
    reason: str = ""
    size: int = 0
    mtime_ns: int = 0
    snapshot: str = ""
    spectra: int = 0


@dataclass(frozen=True)
class Row(Entry):
    """An entry as the ledger holds it; `first_seen` and `last_seen` are UTC, ISO 8601."""

    first_seen: str = ""
    last_seen: str = ""


@dataclass(frozen=True)
class Inbox:
    """A folder that files came from: what in it is no instrument file, where files were moved, and which it was."""

    left_out: tuple[Path, ...]
    moved_to: tuple[Path, ...]
    identity: str


class Stat(NamedTuple):
    """By what a rescan knows a file unchanged; the time of change sees even a copy that kept its times."""

    size: int
    mtime_ns: int
    ctime_ns: int


class Ledger:
    """The sqlite file that answers, for every file ever seen, whether it is archived or why not.

    Use it as a context manager. Several processes may; each change is one transaction.

    Args:
        path: The file; made if absent.

    Raises:
        ArchiveError: The file is no ledger, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                self._db.close()
                raise ArchiveError(
                    str(path), f"a ledger up to version {_VERSION}", f"version {version}", "Update offband."
                )
            if version < _VERSION:
                self._lay_out()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _lay_out(self) -> None:
        with self._transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()  # another process may have been first
            script = {0: _SCHEMA, 1: _FROM_1, 2: _FROM_2}.get(version, "")
            for statement in [*script.split(";"), f"PRAGMA user_version = {_VERSION}"]:
                db.execute(statement)

    def remember_inbox(
        self, path: Path, *, left_out: Iterable[Path] = (), moved_to: Iterable[Path] = (), identity: str = ""
    ) -> None:
        """Note from which folder files come, for the next run and for `verify`; see `Inbox`."""
        lists = [json.dumps([str(other) for other in others]) for others in (left_out, moved_to)]
        with self._transaction() as db:
            row = (str(path), *lists, identity, utc_now())
            db.execute("INSERT OR REPLACE INTO inboxes VALUES (?, ?, ?, ?, ?)", row)

    def inboxes(self) -> dict[Path, Inbox]:
        """Give the folders that files came from."""
        with self._explained():
            rows = self._db.execute("SELECT path, left_out, moved_to, identity FROM inboxes ORDER BY path").fetchall()
        return {Path(path): Inbox(_paths(left_out), _paths(moved_to), identity)
                for path, left_out, moved_to, identity in rows}  # fmt: skip

    def remember_labels(self, samples: str, snapshot: str) -> None:
        """Note that all spectra of a snapshot carry the labels that samples of this digest state."""
        with self._transaction() as db:
            db.execute("DELETE FROM labelled")
            db.execute("INSERT INTO labelled VALUES (?, ?)", (samples, snapshot))

    def are_labelled(self, samples: str, snapshot: str) -> bool:
        """Tell whether that was noted, so that no label needs to be looked at."""
        with self._explained():
            return bool(self._db.execute("SELECT * FROM labelled").fetchone() == (samples, snapshot))

    def rows(self, state: State | None = None) -> list[Row]:
        """List the files, by name, of one state or of all."""
        where, values = ("WHERE state = ?", (state,)) if state else ("", ())
        with self._explained():
            return [Row(*row) for row in self._db.execute(f"SELECT * FROM files {where}", values)]

    def rows_of(self, source: str) -> list[Row]:
        """List what became of the files of that name."""
        with self._explained():
            return [Row(*row) for row in self._db.execute("SELECT * FROM files WHERE source = ?", (source,))]

    def counts(self) -> dict[str, int]:
        """Count the files of each state that occurs."""
        with self._explained():
            return dict(self._db.execute("SELECT state, count(*) FROM files GROUP BY state ORDER BY state"))

    def holds_quarantined(self, sha256: str) -> bool:
        """Tell whether any file with these bytes is still in quarantine."""
        query = "SELECT 1 FROM files WHERE sha256 = ? AND state = 'quarantined' LIMIT 1"
        with self._explained():
            return self._db.execute(query, (sha256,)).fetchone() is not None

    def is_settled(self, source: str) -> bool:
        """Tell whether bytes of that name are archived, a duplicate or in quarantine."""
        query = "SELECT 1 FROM files WHERE source = ? AND sha256 <> '' AND state <> 'waiting' LIMIT 1"
        with self._explained():
            return self._db.execute(query, (source,)).fetchone() is not None

    def known_stats(self) -> dict[str, tuple[tuple[int, int, int], str]]:
        """Map a file's name to its `Stat` when it was last hashed, as a plain tuple, and the sha256 it had."""
        with self._explained():
            rows = self._db.execute("SELECT source, size, mtime_ns, ctime_ns, sha256 FROM stats")
            return {row[0]: (row[1:4], row[4]) for row in rows}

    def record(self, entries: Iterable[Entry], stats: Mapping[str, tuple[Stat, str]] | None = None) -> None:
        """Write what became of files, and what their bytes were hashed to, in one transaction."""
        rows = [{**vars(entry), "now": utc_now()} for entry in entries]
        with self._transaction() as db:
            db.executemany(_RECORD, rows)
            # once its bytes are known, a file that could not even be read needs no row without them
            db.executemany("DELETE FROM files WHERE source = :source AND sha256 = '' AND :sha256 <> ''", rows)
            db.executemany(
                "INSERT OR REPLACE INTO stats VALUES (?, ?, ?, ?, ?)",
                ((name, stat.size, stat.mtime_ns, stat.ctime_ns, sha) for name, (stat, sha) in (stats or {}).items()),
            )

    def drop(self, parts: Iterable[tuple[str, str]]) -> set[str]:
        """Forget parts of files, (name, sha256 or "*"), that waited or were refused alone; give the hashes they had."""
        names = list(parts)
        alone = "FROM files WHERE source = ? AND sha256 GLOB ? AND state IN ('waiting', 'quarantined')"
        with self._transaction() as db:
            hashes = {sha for name in names for (sha,) in db.execute(f"SELECT sha256 {alone}", name)}
            db.executemany(f"DELETE {alone}", names)
        return hashes - {""}

    def touch(self, seen: Iterable[tuple[str, str]]) -> None:
        """Note that files, given as (name, sha256), were seen again."""
        now = utc_now()
        query = "UPDATE files SET last_seen = ? WHERE source = ? AND sha256 = ?"
        with self._transaction() as db:
            db.executemany(query, ((now, source, sha256) for source, sha256 in seen))

    def reconcile(self, archived: Mapping[str, str], spectra: Mapping[str, int], snapshot: str) -> int:
        """Correct the ledger by what the archive itself holds; say how many rows were wrong.

        Args:
            archived: sha256 → name, for every file in the archive.
            spectra: sha256 → number of spectra of the file.
            snapshot: The snapshot that holds them.

        Raises:
            ArchiveError: The ledger knows archived files but the archive holds nothing at all.
        """
        with self._explained():
            query = "SELECT source, sha256 FROM files WHERE state = 'archived'"
            claimed = {(source, sha) for source, sha in self._db.execute(query)}
        held = {(source, sha) for sha, source in archived.items()}
        if claimed and not held:
            names = offenders(sorted(name for name, _ in claimed))
            raise ArchiveError(
                str(self.path.parent),
                f"the files that its ledger calls archived ({names})",
                "an empty store",
                f"Restore store/ from a backup, or remove {self.path.name} to begin anew.",
            )
        unwritten = [
            Entry(source, sha, "archived", snapshot=snapshot, spectra=spectra[sha])
            for source, sha in sorted(held - claimed)
        ]
        reason = "archived once, but the archive no longer holds it; put the file back into the inbox"
        lost = [Entry(*key, "quarantined", reason) for key in sorted(claimed - held)]
        if unwritten or lost:
            self.record([*unwritten, *lost])
        return len(unwritten) + len(lost)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.rollback()
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise ArchiveError(
                str(self.path), "a ledger that can be written", str(error), "Check the disk and permissions."
            ) from None
        except sqlite3.DatabaseError as error:
            raise ArchiveError(
                str(self.path),
                "an sqlite ledger",
                str(error),
                "Move the file away: it is rebuilt from the archive and the inbox.",
            ) from None


def _paths(names: str) -> tuple[Path, ...]:
    return tuple(Path(name) for name in json.loads(names))


def utc_now() -> str:
    """Give the time in UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
