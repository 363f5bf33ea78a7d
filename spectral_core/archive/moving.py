"""Out of the inbox: a file that is archived, or refused and copied, is renamed into a folder if the study says so.

A file is moved after the commit and its ledger rows, never before: one that is archived but still lies in the inbox,
say because the process was killed, is known to the next run, which moves it. Nothing is overwritten.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from spectral_core.archive.inbox import Found, stat_of
from spectral_core.archive.ledger import Stat
from spectral_core.errors import ArchiveError, StudyError
from spectral_core.readers.envi import header_of

QUIET_S = 2.0
"""A file that changed within this time may still be written: it is moved once it has kept still for as long."""


def check_destinations(inbox: Path, archive: Path, folders: Mapping[str, Path]) -> None:
    """Make the folders that files are moved to; refuse those that a rename cannot reach or must not.

    Args:
        inbox: Where the files lie.
        archive: The archive's folder.
        folders: Key of the study to folder.

    Raises:
        StudyError: A folder is the inbox or holds it, lies in the archive or holds it, is on another file
            system, cannot be made, or is given twice.
    """
    taken: list[Path] = []
    here, store = inbox.resolve(), archive.resolve()
    for key, folder in folders.items():
        place = folder.resolve()
        if here.is_relative_to(place) or place.is_relative_to(store) or store.is_relative_to(place) or place in taken:
            raise StudyError(key, "a folder of its own, apart from inbox and archive", str(folder), "Name another.")
        taken.append(place)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            same = folder.stat().st_dev == inbox.stat().st_dev
        except OSError as error:
            raise StudyError(
                key, "a folder that can be written", str(error), "Give permission, or name another."
            ) from None
        if not same:
            raise StudyError(key, "a folder on the file system of the inbox, where a rename can move files",
                             str(folder), 'Name one beside the inbox, or "leave".')  # fmt: skip


class Departures:
    """Files that may leave the inbox, and the folder that each is to go to.

    Args:
        inbox: Where they lie.
        folders: `inbox_after` to the folder for archived files and those of the same bytes, and
            `inbox_after_refusal` to the one for quarantined files; what has none stays.
    """

    def __init__(self, inbox: Path, folders: Mapping[str, Path]) -> None:
        self._inbox, self._folders = inbox.resolve(), folders
        self._waiting: dict[str, tuple[Found, Path, str, float]] = {}
        self.moved = 0

    def note(self, file: Found, sha256: str, *, refused: bool) -> None:
        """Note a file whose fate is in the next commit; what is more than one file on disk stays.

        The two files of an ENVI cube cannot be renamed at once, and one without the other would be lost.
        """
        folder = self._folders.get("inbox_after_refusal" if refused else "inbox_after")
        if folder is not None and header_of(file.path) is None:
            self._waiting[file.name] = (file, folder, sha256, time.monotonic())

    def forget(self, name: str) -> None:
        """Let a noted file stay."""
        self._waiting.pop(name, None)

    def keep_still(self) -> None:
        """Wait, `QUIET_S` at most, until every noted file has had the time to show that it is still being written."""
        young = [since for file, _, _, since in self._waiting.values() if not _is_old(file.stat)]
        if young:
            time.sleep(max(0.0, max(young) + QUIET_S - time.monotonic()))

    def move(self) -> None:
        """Move the noted files that have kept still; call it after the commit, holding the archive's lock.

        Raises:
            ArchiveError: A folder refuses; the files are archived, and the next run tries again.
        """
        for name, (file, folder, sha256, since) in list(self._waiting.items()):
            if _is_old(file.stat) or time.monotonic() - since >= QUIET_S:
                del self._waiting[name]
                if stat_of(file.path) == file.stat:
                    self.moved += self._move(file, folder, sha256)

    def _move(self, file: Found, folder: Path, sha256: str) -> bool:
        try:
            place = _rename(file.path, folder / file.path.relative_to(self._inbox), sha256)
            if _same_content(stat_of(place), file.stat):
                return True
            _rename(place, file.path, sha256)  # it was written to at the last moment: the next run reads it anew
        except FileNotFoundError:
            pass  # somebody else took it away
        except OSError as error:
            raise ArchiveError(
                f"{file.name}, which is archived or in quarantine",
                f"to be moved to {folder}",
                error.strerror or str(error),
                "Give permission or free space; the next run moves it.",
            ) from None
        return False


def _rename(path: Path, wanted: Path, sha256: str) -> Path:
    """Rename without ever overwriting: the new name is claimed by an empty file or folder, which is then replaced."""
    place = _claim(wanted, sha256, is_folder=path.is_dir())
    try:
        path.rename(place)
    except OSError:
        if place.is_dir():
            place.rmdir()
        else:
            place.unlink()
        raise
    return place


def _claim(wanted: Path, sha256: str, *, is_folder: bool) -> Path:
    """Claim a name that nobody has; an empty file or folder, which a killed process may have left, is nobody's."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for place in _names(wanted, sha256):
        try:
            if is_folder:
                place.mkdir()
            else:
                os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            if place.is_dir() != is_folder or (any(place.iterdir()) if is_folder else place.stat().st_size):
                continue
        return place
    raise AssertionError("names never end")


def _names(wanted: Path, sha256: str) -> Iterator[Path]:
    yield wanted
    for number in count(1):
        further = f".{number}" if number > 1 else ""
        yield wanted.with_name(f"{wanted.stem}.{sha256[:12]}{further}{wanted.suffix}")


def _is_old(stat: Stat) -> bool:
    return time.time_ns() - stat.ctime_ns > QUIET_S * 1e9


def _same_content(after: Stat | None, before: Stat) -> bool:
    return after is not None and (after.size, after.mtime_ns) == (before.size, before.mtime_ns)
