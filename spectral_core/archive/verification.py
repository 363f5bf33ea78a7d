"""Prove that ledger, store, quarantine, inbox and the folders that files were moved to agree, byte by byte."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectral_core.archive.digests import UNRECORDED, row_digests
from spectral_core.archive.inbox import Found, find_sources
from spectral_core.archive.ledger import Inbox, Ledger, Row
from spectral_core.archive.mounts import is_another
from spectral_core.archive.quarantine import quarantine_path
from spectral_core.archive.store import Archive, open_archive
from spectral_core.errors import ReadError, offenders
from spectral_core.readers import open_source
from spectral_core.spectra import check_axis
from spectral_core.storage import ObjectPlace, Place

_ROWS = 4096
_SECOND = re.compile(r"\.[0-9a-f]{12}(\.\d+)?(?=(\.[^./]*)?$)")
"""What `moving` puts into the name of a file whose own was taken."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Discrepancy:
    """One thing that is off: where, what was expected and found there, and what to do."""

    where: str
    expected: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}. {self.remedy}"


@dataclass(frozen=True)
class Verification:
    """What was compared, and what is off.

    `files` counts the ledger's rows by state; `spectra` are all in the store, `digests` of them were
    recomputed; `hashed` counts files whose sha256 was recomputed, in inbox and quarantine and where files were
    moved; `new` names files of the inbox that no ingestion has seen yet, `gone` counts archived files that lie
    neither there nor where files were moved.
    """

    archive: str
    snapshot: str
    spectra: int
    digests: int
    files: Mapping[str, int]
    hashed: int
    inboxes: tuple[str, ...]
    new: tuple[str, ...]
    gone: int
    discrepancies: tuple[Discrepancy, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is off."""
        return not self.discrepancies

    def __str__(self) -> str:
        kept = ", ".join(f"{count} {state}" for state, count in self.files.items()) or "none"
        off = f"{len(self.discrepancies)} off" if self.discrepancies else "all consistent"
        return f"{self.spectra} spectra, {self.digests} recomputed; files: {kept}; {self.hashed} hashed: {off}"

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain values for JSON."""
        return {**asdict(self), "sound": self.sound}


def verify_archive(
    path: Place | str, *, inbox: Path | None = None, intake: Path | None = None, progress: Progress | None = None
) -> Verification:
    """Compare store, ledger, quarantine, inbox and moved files with one another, and recompute every hash.

    Nothing is changed. No ingestion can run meanwhile: the archive's lock is held.

    Args:
        path: The archive's folder, or `s3://bucket/prefix`.
        inbox: Where its files come from; by default the folders that ingestion noted.
        intake: Where the ledger and the quarantine of an archive on object storage lie; without it only the
            store is verified.
        progress: Called with the numbers of spectra and files done, and in all.

    Raises:
        ArchiveError: The folder is no archive, its store cannot be read at all, or it is locked for too long.
    """
    archive = open_archive(path, intake=intake)
    if isinstance(archive.path, ObjectPlace) and intake is None:
        return _verify_store(archive, progress)
    with archive.writing(), Ledger(archive.intake / "ledger.sqlite") as ledger:
        rows = ledger.rows()
        noted = ledger.inboxes()
        folders = {inbox: noted.get(inbox.resolve(), Inbox((), (), ""))} if inbox is not None else noted
        listed = {folder: _sources(folder, about.left_out) for folder, about in folders.items()}
        moved = {place: _sources(place, about.moved_to) for about in folders.values() for place in about.moved_to}
        kept = [row for row in rows if row.state == "quarantined" and row.sha256]
        total = len(archive) + len(kept) + sum(map(len, [*listed.values(), *moved.values()]))
        check = _Check(archive, rows, total, progress or (lambda done, total: None))
        off = [*check.store(), *check.ledger(), *check.quarantine(kept), *_absent(folders, listed),
               *check.inbox(listed), *check.moved(moved)]  # fmt: skip
        return Verification(
            str(path), archive.snapshot(), len(archive), check.digests, ledger.counts(), check.hashed,
            tuple(map(str, folders)), tuple(check.new), check.gone(listed), tuple(off),
        )  # fmt: skip


def _verify_store(archive: Archive, progress: Progress | None) -> Verification:
    with archive.writing():
        check = _Check(archive, [], len(archive), progress or (lambda done, total: None))
        off = tuple(check.store())
        return Verification(str(archive.path), archive.snapshot(), len(archive), check.digests, {}, 0, (), (), 0, off)


class _Check:
    """The parts of a verification, and what they tally."""

    def __init__(self, archive: Archive, rows: Sequence[Row], total: int, progress: Progress) -> None:
        self._archive, self._rows, self._total, self._progress = archive, rows, total, progress
        self._held = dict(archive.sources())
        self._moved: set[str] = set()
        self._done = self.digests = self.hashed = 0
        self.new: list[str] = []

    def store(self) -> Iterator[Discrepancy]:
        """Every spectrum is finite, there once, and has the digest it was archived with."""
        if not len(self._archive):
            return
        dataset = self._archive.open()
        axis = np.asarray(dataset["axis"].values)
        check_axis(axis, where=str(self._archive.path))
        names, sources = dataset["spectrum_id"].values, dataset["source"].values
        remedy = "Restore store/ from a backup, or open an earlier snapshot."
        for name, count in Counter(names).items():
            if count > 1:
                yield Discrepancy(f"spectrum {name}", "one row in the store", f"{count}", remedy)
        recorded = self._archive.digests()
        for start in range(0, len(names), _ROWS):
            block = slice(start, start + _ROWS)
            intensity = np.asarray(dataset["intensity"][block].values)
            finite = np.isfinite(intensity).all(axis=1)
            known = recorded[block] != UNRECORDED
            differs = known & (row_digests(intensity, axis) != recorded[block])
            for i in np.flatnonzero(differs | ~finite):
                where = f"{sources[start + i]}, spectrum {names[start + i]}"
                found = "others" if finite[i] else "some that are not finite"
                yield Discrepancy(where, "the intensities that were archived", found, remedy)
            self.digests += int(known.sum())
            self._advance(len(intensity))

    def ledger(self) -> Iterator[Discrepancy]:
        """The ledger calls archived what the store holds, and duplicate what has the same bytes."""
        claimed = {(row.source, row.sha256): row for row in self._rows if row.state == "archived"}
        remedy = "Run `offband ingest`: it corrects the ledger by the store."
        for sha, source in self._held.items():
            if (source, sha) not in claimed:
                yield Discrepancy(f"ledger, {source}", "archived, as in the store", "no such row", remedy)
        spectra = self._archive.spectra_by_source()
        for (source, sha), row in claimed.items():
            if self._held.get(sha) != source:
                yield Discrepancy(f"store, {source}", "the file that the ledger calls archived", "none", remedy)
            elif row.spectra and row.spectra != spectra[sha]:
                yield Discrepancy(f"ledger, {source}", f"{spectra[sha]} spectra, as in the store",
                                  f"{row.spectra}", "Restore ledger or store from a backup.")  # fmt: skip
        for row in self._rows:
            if row.state == "duplicate" and row.sha256 not in self._held:
                yield Discrepancy(f"store, {row.source}", "a file with the same bytes, of which the ledger calls "
                                  "this a duplicate", "none", "Put the file back into the inbox.")  # fmt: skip

    def quarantine(self, rows: Sequence[Row]) -> Iterator[Discrepancy]:
        """Every quarantined file has its copy, with its bytes, and every copy its file."""
        folder = self._archive.intake / "quarantine"
        expected = {quarantine_path(folder, row.source, row.sha256): row for row in rows}
        for copy, row in expected.items():
            self._advance(1)
            where = f"quarantine, {copy.name}"
            if not copy.exists():
                remedy = f"Look for {row.source} in the inbox: its copy is lost."
                yield Discrepancy(where, "the copy of a refused file", "none", remedy)
            elif (found := self._sha256(copy)) != row.sha256:
                yield Discrepancy(where, f"sha256 {row.sha256[:16]}…", _short(found), "Take the file from its source.")
        for stray in sorted(set(folder.glob("*")) - set(expected)):
            remedy = "Look at it, and remove it if it is nothing of yours."
            yield Discrepancy(f"quarantine, {stray.name}", "a file that the ledger knows", "a stray one", remedy)

    def inbox(self, listed: Mapping[Path, Sequence[Found]]) -> Iterator[Discrepancy]:
        """Every file of the inbox has the bytes that the ledger knows of it, or is new."""
        known: dict[str, set[str]] = defaultdict(set)
        for row in self._rows:
            known[row.source].add(row.sha256)
        for file in (file for files in listed.values() for file in files):
            self._advance(1)
            if known[file.name] <= {""}:  # never seen, or still being written when it was
                self.new.append(file.name)
                continue
            found = self._sha256(file.path)
            if found not in known[file.name]:
                remedy = "It was changed after it was ingested: run `offband ingest`, or put the old bytes back."
                expected = f"sha256 {offenders([sha[:16] + '…' for sha in known[file.name] if sha])}"
                yield Discrepancy(f"inbox, {file.name}", expected, _short(found), remedy)

    def moved(self, listed: Mapping[Path, Sequence[Found]]) -> Iterator[Discrepancy]:
        """Every file that was moved out of the inbox has bytes that the ledger knows; what it never saw may lie there.

        One whose name was taken went under another, which holds the first digits of its hash.
        """
        known: dict[str, set[str]] = defaultdict(set)
        for row in self._rows:
            known[row.source].add(row.sha256)
        hashes = set().union(*known.values())
        there: dict[str, set[str]] = defaultdict(set)
        others: list[tuple[str, str, str]] = []
        for folder, file in ((folder, file) for folder, files in listed.items() for file in files):
            self._advance(1)
            found, name = self._sha256(file.path), _SECOND.sub("", file.name)
            if found in hashes:
                self._moved.add(found)
                there[name].add(found)
            else:
                others.append((f"{folder.name}, {file.name}", name, found))
        for where, name, found in others:
            if missing := sorted(known[name] - there[name] - {""}):
                remedy = "It was changed after it was moved: put the old bytes back, or take it from its source."
                expected = f"sha256 {offenders([sha[:16] + '…' for sha in missing])}"
                yield Discrepancy(where, expected, _short(found), remedy)

    def gone(self, listed: Mapping[Path, Sequence[Found]]) -> int:
        """Count archived files that lie neither in an inbox nor where files were moved; call it after `moved`."""
        there = {file.name for files in listed.values() for file in files}
        return sum(source not in there and sha not in self._moved for sha, source in self._held.items())

    def _sha256(self, path: Path) -> str:
        self.hashed += 1
        try:
            return open_source(path, name=path.name).sha256
        except ReadError as error:
            return str(error)

    def _advance(self, by: int) -> None:
        self._done += by
        self._progress(self._done, self._total)


def _sources(folder: Path, left_out: Sequence[Path]) -> list[Found]:
    others = [path for path in left_out if path != folder]
    return find_sources(folder, skip=others)[0] if folder.is_dir() else []


def _absent(folders: Mapping[Path, Inbox], listed: Mapping[Path, Sequence[Found]]) -> Iterator[Discrepancy]:
    for inbox, about in folders.items():
        remedy = "Mount it, or name the inbox that is used now."
        if not inbox.is_dir():
            yield Discrepancy(f"inbox {inbox}", "a folder", "none", remedy)
        elif not listed[inbox] and is_another(inbox, about.identity):
            yield Discrepancy(f"inbox {inbox}", "the folder that files came from", "another, empty one", remedy)
        for place in about.moved_to:
            if not place.is_dir():
                yield Discrepancy(f"folder {place}", "the files moved there", "no such folder", "Mount it.")


def _short(found: str) -> str:
    return f"sha256 {found[:16]}…" if len(found) == 64 else found
