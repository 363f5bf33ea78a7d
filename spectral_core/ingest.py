"""Ingestion: every file of the inbox ends in the archive once, or in quarantine with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from spectral_core.admission import Prepared, admit, as_spectra, prepare
from spectral_core.archive import (
    Archive,
    ArchiveAxis,
    Ledger,
    Stat,
    check_claimable,
    create_archive,
    is_archive,
    most_frequent_axis,
)
from spectral_core.archive.inbox import Found, check_inbox, find_sources, stat_of
from spectral_core.archive.labels import correct_metadata
from spectral_core.archive.mounts import check_mounted, identity_of
from spectral_core.archive.moving import check_destinations
from spectral_core.errors import ArchiveError, OffbandError
from spectral_core.ingest_report import IngestReport
from spectral_core.readers import open_source
from spectral_core.readers.envi import AwaitedError
from spectral_core.samples import SampleTable, load_samples
from spectral_core.settling import Settlement
from spectral_core.study import Study

BATCH_BYTES = 64 * 2**20
"""A batch is committed when its files and spectra take this much memory, however few the files."""

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
        StudyError: The inbox is missing, cannot be listed, or is the empty folder below a mount that is away;
            inbox and archive lie within one another; or a folder for moved files is none that a rename can reach.
        ArchiveError: The archive's folder is something else, locked, damaged or full, nothing at all could be
            archived, or a file could not be moved.
        SheetError: The sample sheet is unusable, or names files that are neither in inbox nor archive.
    """
    check_inbox(study.inbox, study.intake_folder)
    check_claimable(study.archive)
    folders = study.destinations()
    apart = (study.samples.sheet, study.results, *folders.values())
    left_out = [path.resolve() for path in apart if path is not None]
    found, unreadable = find_sources(study.inbox, skip=left_out)
    check_mounted(study.inbox, study.intake_folder, files=len(found))
    check_destinations(study.inbox, study.intake_folder, folders)
    table = load_samples(study.samples)
    archive = create_archive(study.archive, intake=study.intake_folder) if is_archive(study.archive) else None
    table.check_files(_names_present(study, found, archive))
    archive = create_archive(study.archive, intake=study.intake_folder) if archive is None else archive
    with Ledger(archive.intake / "ledger.sqlite") as ledger:
        with archive.writing():
            moved_to = [folder.resolve() for folder in folders.values()]
            ledger.remember_inbox(
                study.inbox.resolve(), left_out=left_out, moved_to=moved_to, identity=identity_of(study.inbox)
            )
            ledger.reconcile(archive.sources(), archive.spectra_by_source(), archive.snapshot())
            relabelled = _relabel(archive, table, ledger)
            settlement = Settlement(study, table, archive, ledger)
        for folder, reason in unreadable.items():
            settlement.refuse(Found(folder, str(study.inbox / folder), Stat(0, 0, 0)), None, f"{folder}: {reason}")
        batch = _Batch(study, table, archive, ledger, settlement)
        batch.take(found, batch_files=batch_files, progress=progress or (lambda done, total: None))
        settlement.move_the_last()
    if not archive.sources():
        raise _nothing_archived(study.inbox, settlement.complaints)
    return settlement.report(relabelled)


class _Batch:
    """Files that were read and wait for the next commit."""

    def __init__(
        self, study: Study, table: SampleTable, archive: Archive, ledger: Ledger, settlement: Settlement
    ) -> None:
        self._study, self._table, self._archive, self._ledger = study, table, archive, ledger
        self._settlement = settlement
        self._known = archive.sources()
        self._files: list[Prepared] = []

    def take(self, found: Sequence[Found], *, batch_files: int, progress: Progress) -> None:
        """Archive or refuse every file that is not known to be archived."""
        unread = self._settlement.unread(found)
        looked_at = held = 0
        progress(len(found) - len(unread), len(found))
        for done, file in enumerate(unread, start=len(found) - len(unread) + 1):
            prepared = self._prepare(file)
            if prepared is not None:
                self._files.append(prepared)
                held += prepared.bytes_held
            looked_at += 1
            if looked_at >= batch_files or held >= BATCH_BYTES:
                self._commit()
                looked_at = held = 0
            progress(done, len(found))
        self._commit()

    def _prepare(self, file: Found) -> Prepared | None:
        source, stat = None, stat_of(file.path)
        try:
            source = open_source(file.path, name=file.name)
            if stat is None or stat_of(file.path) != stat:
                self._settlement.wait(file)
                return None
            file = replace(file, stat=stat)
            self._settlement.remember(file, source)
            if source.sha256 in self._known:
                self._settlement.known(file, source, self._known[source.sha256])
                return None
            return prepare(file, source, study=self._study, table=self._table)
        except AwaitedError as error:
            self._settlement.refuse_halves(file, source, error)
        except OffbandError as error:
            if stat_of(file.path) is not None:
                self._settlement.refuse(file, source, str(error))
            else:
                self._settlement.wait(file)
        return None

    def _commit(self) -> None:
        if not self._files and not self._settlement.pending:
            return
        with self._archive.writing():
            self._known = self._archive.sources()
            axis = self._archive.axis()
            if axis is None and self._files:
                axis = most_frequent_axis([prepared.axis for prepared in self._files])
            unknown: list[Prepared] = []
            for prepared in self._files:
                holder = self._known.get(prepared.source.sha256)
                if holder is not None:
                    self._settlement.known(prepared.found, prepared.source, holder)
                else:
                    unknown.append(prepared)
            if axis is not None and unknown:
                self._store(unknown, axis)
            self._settlement.write()
        self._files.clear()

    def _store(self, unknown: Sequence[Prepared], axis: ArchiveAxis) -> None:
        fitting, refused = admit(unknown, axis, self._study.quality)
        for prepared, reason in refused:
            self._settlement.refuse(prepared.found, prepared.source, reason)
        first: dict[str, Prepared] = {}
        for prepared in fitting:
            first.setdefault(prepared.source.sha256, prepared)
        if not first:
            return
        labelled = self._ledger.are_labelled(self._table.digest, self._archive.snapshot())
        snapshot = self._archive.append(as_spectra(list(first.values()), axis))
        if labelled:
            self._ledger.remember_labels(self._table.digest, snapshot)
        for sha, prepared in first.items():
            spectra = len(prepared.intensity)
            self._settlement.archived(prepared.found, sha, spectra=spectra, snapshot=snapshot)
        self._known = self._archive.sources()
        for prepared in fitting:
            holder = self._known[prepared.source.sha256]
            if holder != prepared.found.name:
                self._settlement.known(prepared.found, prepared.source, holder)


def _relabel(archive: Archive, table: SampleTable, ledger: Ledger) -> int:
    """Correct the labels of what is archived, unless the ledger knows that they say what the table says."""
    if ledger.are_labelled(table.digest, archive.snapshot()):
        return 0
    relabelled = correct_metadata(archive, table)
    ledger.remember_labels(table.digest, archive.snapshot())
    return relabelled


def _names_present(study: Study, found: Sequence[Found], archive: Archive | None) -> set[str]:
    """Name what the sheet may speak of: what lies in the inbox, is archived, or was moved away."""
    present = {file.name for file in found}
    if archive is None:
        return present
    present.update(archive.sources().values())
    if study.destinations():
        with Ledger(archive.intake / "ledger.sqlite") as ledger:
            present.update(row.source for state in ("duplicate", "quarantined") for row in ledger.rows(state))
    return present


def _nothing_archived(inbox: Path, reasons: Sequence[str]) -> ArchiveError:
    hidden = len(reasons) - 3
    more = f"; and {hidden} more ({len(reasons)} in all)" if hidden > 0 else ""
    found = f"only files that cannot be: {'; '.join(reasons[:3])}{more}" if reasons else "no files"
    remedy = "Add files, or correct them or the study."
    return ArchiveError(str(inbox), "files that can be archived", found, remedy)
