"""What becomes of each file of one ingestion: archived, duplicate, quarantined, or waiting for the next run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import PurePosixPath

from spectral_core.archive import Archive, Entry, Ledger, Stat, State, drop_copies, hashes_kept, keep_copy
from spectral_core.archive.inbox import Found, stat_of
from spectral_core.archive.labels import StatedLabels
from spectral_core.archive.moving import Departures, is_awaited
from spectral_core.ingest_report import IngestReport
from spectral_core.readers import Source
from spectral_core.readers.envi import AwaitedError, header_of
from spectral_core.samples import SampleTable
from spectral_core.study import Study

TICK_NS = 2 * 10**9
"""A file that changed less than this ago may change again unseen, on the coarsest clock of a file system."""


class Settlement:
    """The fate of the files of one run, and its tallies, until `write` has put them into the ledger.

    Hold the archive's lock while making one.

    Args:
        study: Says where the inbox is, and where files are moved.
        table: What the samples say; the same bytes under two labels are refused.
        archive: Its view of what is archived, which every commit renews.
        ledger: Where the fates end.
    """

    def __init__(self, study: Study, table: SampleTable, archive: Archive, ledger: Ledger) -> None:
        self._archive, self._ledger = archive, ledger
        self._known = archive.sources()
        self._quarantine = archive.intake / "quarantine"
        self._copies = hashes_kept(self._quarantine)
        self._labels = StatedLabels(table)
        self._departures = Departures(study.inbox, study.destinations())
        self._files_are_moved = bool(study.destinations())
        self._refused_are_moved = "inbox_after_refusal" in study.destinations()
        self._entries: list[Entry] = []
        self._stats: dict[str, tuple[Stat, str]] = {}
        self._new = self._already = self._duplicates = self._spectra = 0
        self._refused: dict[str, str] = {}
        self._waiting: list[str] = []
        self._parts: set[tuple[str, str]] = set()

    def unread(self, found: Sequence[Found]) -> list[Found]:
        """Give the files that must be read; the others are known by their stat to be archived, and are settled."""
        stats = self._ledger.known_stats()
        unread, seen = [], []
        for file in found:
            stat, sha = stats.get(file.name, (None, ""))
            holder = self._known.get(sha) if stat == file.stat else None
            if holder is None or (holder != file.name and self._labels.contradiction(file.name, holder)):
                unread.append(file)
                continue
            seen.append((file.name, sha))
            self._departures.note(file, sha, refused=False)
            self._already += holder == file.name
            self._duplicates += holder != file.name
        self._ledger.touch(seen)
        return unread

    def remember(self, file: Found, source: Source) -> None:
        """Remember the stat that belongs to a hash, unless the file may change again within a tick of its clock.

        A time that lies ahead, of another machine's clock or from before this one was set back, is as good as a
        past one: whatever changes the file gives it another.
        """
        if (header := header_of(file.path)) is not None:
            self._parts.add((str(PurePosixPath(file.name).with_name(header.name)), "*"))
            self._note_numbers(file, source)
        now = time.time_ns()
        if all(abs(now - moment) > TICK_NS for moment in (file.stat.mtime_ns, file.stat.ctime_ns)):
            self._stats[file.name] = (file.stat, source.sha256)

    def _note_numbers(self, file: Found, source: Source) -> None:
        """Note numbers of a cube that were refused alone: unless they were moved, that row says nothing true now."""
        refused = {row.sha256 for row in self._ledger.rows_of(file.name) if row.state == "quarantined"}
        if refused and not self._refused_are_moved:
            alone = hashlib.sha256(source.entries.get(file.path.name, b"")).hexdigest()
            self._parts |= {(file.name, sha) for sha in refused if sha == alone}

    def archived(self, file: Found, sha256: str, *, spectra: int, snapshot: str) -> None:
        """Note that a commit has stored a file's spectra."""
        self._entries.append(_entry(file, sha256, "archived", snapshot=snapshot, spectra=spectra))
        self._departures.note(file, sha256, refused=False)
        self._new += 1
        self._spectra += spectra

    def known(self, file: Found, source: Source, holder: str) -> None:
        """Note a file whose bytes are archived under a name: its own, or another's whose duplicate it is."""
        if file.name == holder:
            self._already += 1
            self._entries.append(_entry(file, source.sha256, "archived"))
            self._departures.note(file, source.sha256, refused=False)
        elif (contradiction := self._labels.contradiction(file.name, holder)) is not None:
            self.refuse(file, source, contradiction)
        else:
            self._duplicates += 1
            reason = f"the same bytes as {holder}"
            self._entries.append(_entry(file, source.sha256, "duplicate", reason=reason))
            self._departures.note(file, source.sha256, refused=False)

    def wait(self, file: Found) -> None:
        """Note a file that changed or vanished while it was read: the next run looks at it again."""
        changed = stat_of(file.path) is not None
        if not changed and self._files_are_moved and self._ledger.is_settled(file.name):
            self._already += 1  # another process was first, and moved it
            return
        self._waiting.append(file.name)
        reason = "it changed while it was read" if changed else "it vanished while it was read"
        self._entries.append(_entry(file, "", "waiting", reason))

    def refuse(self, file: Found, source: Source | None, reason: str) -> None:
        """Keep a copy of the file in quarantine, and its reason for the ledger."""
        if source is not None:
            with self._archive.writing():
                keep_copy(self._quarantine, file.name, source.sha256, source.entries or source.data)
            self._departures.note(file, source.sha256, refused=True)
        self._refused[file.name] = reason
        self._entries.append(_entry(file, source.sha256 if source else "", "quarantined", reason))

    def refuse_halves(self, file: Found, source: Source | None, error: AwaitedError) -> None:
        """Note a file whose other part may still come: it waits while it is young, and then is refused.

        Numbers whose header was moved by a run that ended between the two renames are moved after it.
        """
        known = {row.sha256: row for row in self._ledger.rows_of(file.name) if row.sha256}
        with self._archive.writing():
            finished = self._departures.finish(file, source, known) if source is not None else None
        if finished is not None:
            self._already += 1
            self._entries.append(known[finished])
        elif stat_of(file.path) is None:
            self.wait(file)
        elif is_awaited(file.stat):
            self._waiting.append(file.name)
            self._entries.append(_entry(file, "", "waiting", str(error)))
        else:
            self.refuse(file, source, str(error))

    @property
    def pending(self) -> bool:
        """Whether anything is noted that the ledger does not hold yet."""
        return bool(self._entries)

    def write(self) -> None:
        """Write what was noted into the ledger, then move what may leave; call it after the commit, with the lock."""
        known = self._known  # another process, with another sheet, may have archived what this one refused
        entries = [e for e in self._entries if e.state != "quarantined" or known.get(e.sha256) != e.source]
        self._ledger.record(entries, self._stats)
        for entry in self._entries:
            if entry.state == "quarantined" and known.get(entry.sha256) == entry.source:
                self._departures.forget(entry.source)
        dropped = self._ledger.drop(self._parts) if self._parts else set()
        freed = dropped | {e.sha256 for e in entries if e.state != "quarantined" and e.sha256[:12] in self._copies}
        for sha in freed:
            if not self._ledger.holds_quarantined(sha):
                drop_copies(self._quarantine, sha)
        self._entries.clear()
        self._stats.clear()
        self._parts.clear()
        self._departures.move()

    def move_the_last(self) -> None:
        """Move what the study wants moved and what was too young to be moved with its batch."""
        self._departures.keep_still()
        with self._archive.writing():
            self._departures.move()

    @property
    def complaints(self) -> list[str]:
        """Why files are not archived: the reasons of the refused, then the names of those still written."""
        return [*self._refused.values(), *(f"{name} is still being written" for name in self._waiting)]

    def report(self, relabelled: int) -> IngestReport:
        """Sum the run up."""
        return IngestReport(
            new=self._new, already_archived=self._already, duplicates=self._duplicates,
            quarantined=tuple(self._refused.items()), waiting=tuple(self._waiting), relabelled=relabelled,
            moved=self._departures.moved, spectra=self._spectra, spectra_in_archive=len(self._archive),
            snapshot=self._archive.snapshot(),
        )  # fmt: skip


def _entry(file: Found, sha: str, state: State, reason: str = "", snapshot: str = "", spectra: int = 0) -> Entry:
    return Entry(file.name, sha, state, reason, file.stat.size, file.stat.mtime_ns, snapshot, spectra)
