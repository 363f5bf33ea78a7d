"""Ingestion: every file of the inbox ends in the archive once, or in quarantine with its reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spectral_core.admission import Prepared, admit, as_spectra, prepare
from spectral_core.archive import (
    Archive,
    ArchiveAxis,
    Entry,
    Ledger,
    Stat,
    State,
    check_claimable,
    create_archive,
    drop_copies,
    hashes_kept,
    is_archive,
    keep_copy,
    most_frequent_axis,
)
from spectral_core.archive.inbox import Found, check_inbox, find_sources, stat_of
from spectral_core.archive.labels import StatedLabels, correct_metadata
from spectral_core.archive.moving import Departures, check_destinations
from spectral_core.errors import ArchiveError, OffbandError
from spectral_core.ingest_report import IngestReport
from spectral_core.readers import Source, open_source
from spectral_core.samples import SampleTable, load_samples
from spectral_core.study import Study

BATCH_BYTES = 64 * 2**20
"""A batch is committed when its files and spectra take this much memory, however few the files."""

TICK_NS = 2 * 10**9
"""A file that changed less than this ago may change again unseen, on the coarsest clock of a file system."""

Progress = Callable[[int, int], None]


def ingest_inbox(study: Study, *, batch_files: int = 1000, progress: Progress | None = None) -> IngestReport:
    """Archive every file of the study's inbox that is not archived yet; files leave it only if the study says so.

    Each batch is one atomic commit, followed by the ledger. A run that is interrupted, at whatever moment,
    is completed by the next. A file that cannot be read, has no row in the sample sheet, is not on the
    archive's axis or not of the quality that the study asks for goes to quarantine with its reason and is tried
    again the next time; the rest goes on. Spectra whose row in the sheet was corrected are relabelled in a commit
    of their own. Files are moved by rename, after the commit and the ledger.

    Args:
        study: Says where inbox and archive are, and what the files do not say themselves.
        batch_files: Most files in one commit; memory grows with it, up to `BATCH_BYTES`.
        progress: Called with the numbers of files done and found.

    Raises:
        StudyError: The inbox is missing or cannot be listed, inbox and archive lie within one another, or a
            folder for moved files is none that a rename can reach.
        ArchiveError: The archive's folder is something else, locked, damaged or full, nothing at all could be
            archived, or a file could not be moved.
        SheetError: The sample sheet is unusable, or names files that are neither in inbox nor archive.
    """
    check_inbox(study.inbox, study.archive)
    check_claimable(study.archive)
    check_destinations(study.inbox, study.archive, study.destinations())
    apart = (study.samples.sheet, study.results, *study.destinations().values())
    left_out = [path.resolve() for path in apart if path is not None]
    found, unreadable = find_sources(study.inbox, skip=left_out)
    table = load_samples(study.samples)
    table.check_files(_names_present(study, found))
    archive = create_archive(study.archive)
    with Ledger(archive.path / "ledger.sqlite") as ledger:
        with archive.writing():
            ledger.remember_inbox(study.inbox.resolve(), left_out=left_out)
            ledger.reconcile(archive.sources(), archive.spectra_by_source(), archive.snapshot())
            relabelled = 0
            if not ledger.are_labelled(table.digest, archive.snapshot()):
                relabelled = correct_metadata(archive, table)
                ledger.remember_labels(table.digest, archive.snapshot())
            ingestion = _Ingestion(study, table, archive, ledger)
        for folder, reason in unreadable.items():
            ingestion.refuse(Found(folder, str(study.inbox / folder), Stat(0, 0, 0)), None, f"{folder}: {reason}")
        ingestion.take(found, batch_files=batch_files, progress=progress or (lambda done, total: None))
        ingestion.move_the_last()
    return ingestion.report(relabelled)


class _Ingestion:
    """The state of one run: what is known, what the next commit will hold, and the tallies."""

    def __init__(self, study: Study, table: SampleTable, archive: Archive, ledger: Ledger) -> None:
        self._study, self._table, self._archive, self._ledger = study, table, archive, ledger
        self._quarantine = archive.path / "quarantine"
        self._departures = Departures(study.inbox, study.destinations())
        self._entries: list[Entry] = []
        self._stats: dict[str, tuple[Stat, str]] = {}
        self._batch: list[Prepared] = []
        self._labels = StatedLabels(table)
        self._known = archive.sources()
        self._copies = hashes_kept(self._quarantine)
        self._new = self._already = self._duplicates = self._spectra = 0
        self._refused: dict[str, str] = {}
        self._waiting: list[str] = []

    def take(self, found: Sequence[Found], *, batch_files: int, progress: Progress) -> None:
        """Archive or refuse every file that is not known to be archived."""
        unread = self._skip_known(found)
        looked_at = held = 0
        progress(len(found) - len(unread), len(found))
        for done, file in enumerate(unread, start=len(found) - len(unread) + 1):
            prepared = self._prepare(file)
            if prepared is not None:
                self._batch.append(prepared)
                held += prepared.bytes_held
            looked_at += 1
            if looked_at >= batch_files or held >= BATCH_BYTES:
                self._commit()
                looked_at = held = 0
            progress(done, len(found))
        self._commit()

    def _skip_known(self, found: Sequence[Found]) -> list[Found]:
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

    def _prepare(self, file: Found) -> Prepared | None:
        source, stat = None, stat_of(file.path)
        try:
            source = open_source(file.path, name=file.name)
            if stat is None or stat_of(file.path) != stat:
                self._wait(file)
                return None
            file = replace(file, stat=stat)
            self._remember(file, source.sha256)
            if source.sha256 in self._known:
                self._settle(file, source, self._known[source.sha256])
                return None
            return prepare(file, source, study=self._study, table=self._table)
        except OffbandError as error:
            if stat_of(file.path) is not None:
                self.refuse(file, source, str(error))
            else:
                self._wait(file)
        return None

    def _wait(self, file: Found) -> None:
        changed = stat_of(file.path) is not None
        if not changed and self._study.destinations() and self._ledger.is_settled(file.name):
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

    def _commit(self) -> None:
        if not self._batch and not self._entries:
            return
        with self._archive.writing():
            self._known = self._archive.sources()
            axis = self._archive.axis()
            if axis is None and self._batch:
                axis = most_frequent_axis([prepared.axis for prepared in self._batch])
            unknown: list[Prepared] = []
            for prepared in self._batch:
                holder = self._known.get(prepared.source.sha256)
                if holder is not None:
                    self._settle(prepared.found, prepared.source, holder)
                else:
                    unknown.append(prepared)
            if axis is not None and unknown:
                self._store(unknown, axis)
            self._write_ledger()
            self._departures.move()
        self._batch.clear()

    def _store(self, unknown: Sequence[Prepared], axis: ArchiveAxis) -> None:
        fitting, refused = admit(unknown, axis, self._study.quality)
        for prepared, reason in refused:
            self.refuse(prepared.found, prepared.source, reason)
        first: dict[str, Prepared] = {}
        for prepared in fitting:
            first.setdefault(prepared.source.sha256, prepared)
        if not (admitted := list(first.values())):
            return
        labelled = self._ledger.are_labelled(self._table.digest, self._archive.snapshot())
        snapshot = self._archive.append(as_spectra(admitted, axis))
        if labelled:
            self._ledger.remember_labels(self._table.digest, snapshot)
        for prepared in admitted:
            file, sha, spectra = prepared.found, prepared.source.sha256, len(prepared.intensity)
            self._entries.append(_entry(file, sha, "archived", snapshot=snapshot, spectra=spectra))
            self._departures.note(file, sha, refused=False)
            self._spectra += spectra
        self._new += len(admitted)
        self._known = self._archive.sources()
        for prepared in fitting:
            holder = self._known[prepared.source.sha256]
            if holder != prepared.found.name:
                self._settle(prepared.found, prepared.source, holder)

    def _settle(self, file: Found, source: Source, holder: str) -> None:
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

    def _remember(self, file: Found, sha: str) -> None:
        if time.time_ns() - max(file.stat.mtime_ns, file.stat.ctime_ns) > TICK_NS:
            self._stats[file.name] = (file.stat, sha)

    def _write_ledger(self) -> None:
        known = self._known  # another process, with another sheet, may have archived what this one refused
        entries = [e for e in self._entries if e.state != "quarantined" or known.get(e.sha256) != e.source]
        self._ledger.record(entries, self._stats)
        for entry in self._entries:
            if entry.state == "quarantined" and known.get(entry.sha256) == entry.source:
                self._departures.forget(entry.source)
        freed = {e.sha256 for e in entries if e.state != "quarantined" and e.sha256[:12] in self._copies}
        for sha in freed:
            if not self._ledger.holds_quarantined(sha):
                drop_copies(self._quarantine, sha)
        self._entries.clear()
        self._stats.clear()

    def move_the_last(self) -> None:
        """Move what the study wants moved and what was too young to be moved with its batch."""
        self._departures.keep_still()
        with self._archive.writing():
            self._departures.move()

    def report(self, relabelled: int) -> IngestReport:
        """Sum the run up.

        Raises:
            ArchiveError: The archive is still empty.
        """
        if not self._known:
            raise _nothing_archived(self._study.inbox, self._refused, self._waiting)
        return IngestReport(
            new=self._new, already_archived=self._already, duplicates=self._duplicates,
            quarantined=tuple(self._refused.items()), waiting=tuple(self._waiting), relabelled=relabelled,
            moved=self._departures.moved, spectra=self._spectra, spectra_in_archive=len(self._archive),
            snapshot=self._archive.snapshot(),
        )  # fmt: skip


def _entry(file: Found, sha: str, state: State, reason: str = "", snapshot: str = "", spectra: int = 0) -> Entry:
    return Entry(file.name, sha, state, reason, file.stat.size, file.stat.mtime_ns, snapshot, spectra)


def _names_present(study: Study, found: Sequence[Found]) -> set[str]:
    """Name what the sheet may speak of: what lies in the inbox, is archived, or was moved away."""
    present = {file.name for file in found}
    if not is_archive(study.archive):
        return present
    present.update(create_archive(study.archive).sources().values())
    if study.destinations():
        with Ledger(study.archive / "ledger.sqlite") as ledger:
            present.update(row.source for state in ("duplicate", "quarantined") for row in ledger.rows(state))
    return present


def _nothing_archived(inbox: Path, refused: Mapping[str, str], waiting: Sequence[str]) -> ArchiveError:
    reasons = [*refused.values(), *(f"{name} is still being written" for name in waiting)]
    hidden = len(reasons) - 3
    more = f"; and {hidden} more ({len(reasons)} in all)" if hidden > 0 else ""
    found = f"only files that cannot be: {'; '.join(reasons[:3])}{more}" if reasons else "no files"
    remedy = "Add files, or correct them or the study."
    return ArchiveError(str(inbox), "files that can be archived", found, remedy)
