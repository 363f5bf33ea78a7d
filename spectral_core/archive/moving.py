"""Out of the inbox: a file that is archived, or refused and copied, is renamed into a folder if the study says so.

A file is moved after the commit and its ledger rows, never before: one that is archived but still lies in the inbox,
say because the process was killed, is known to the next run, which moves it. Nothing is overwritten.

An ENVI cube and its header are moved one after the other, the header first: what lies in the inbox between the two
renames has a name that the ledger knows as settled, and the next run moves it after its header.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from spectral_core.archive.inbox import Found, stat_of
from spectral_core.archive.ledger import Stat
from spectral_core.errors import ArchiveError, StudyError
from spectral_core.readers import Source, hash_entries
from spectral_core.readers.envi import header_names, header_of

QUIET_S = 2.0
"""A file that changed within this time may still be written: it is moved once it has kept still for as long."""

AWAITED_S = 300.0
"""Half of a cube waits this long for the other half before it is refused."""


def is_awaited(stat: Stat) -> bool:
    """Whether the missing part of a file may still come; a time that lies far ahead says no more than an old one."""
    return abs(time.time_ns() - stat.ctime_ns) < AWAITED_S * 1e9


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
        """Note a file whose fate is in the next commit; the header of a cube goes with it."""
        folder = self._folders.get("inbox_after_refusal" if refused else "inbox_after")
        if folder is not None:
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

    def finish(self, file: Found, source: Source, hashes: Iterable[str]) -> str | None:
        """Move numbers after their header, if that is where a run that ended too early has left it.

        Args:
            file: Numbers without a header, of a name that the ledger knows as settled.
            source: Their content.
            hashes: What files of that name were hashed to.

        Returns:
            The one of these hashes that the two together have, if they were moved.
        """
        for folder in self._folders.values():
            wanted = folder / file.path.relative_to(self._inbox)
            for sha256 in hashes:
                for place in (wanted, _apart(wanted, sha256[:12])):
                    if _belongs(source.data, place, sha256):
                        with _explained(file, folder):
                            _rename([file.path], place, sha256)
                        self.moved += 1
                        return sha256
        return None

    def _move(self, file: Found, folder: Path, sha256: str) -> bool:
        header = header_of(file.path)
        paths = [file.path] if header is None else [header, file.path]
        with suppress(FileNotFoundError), _explained(file, folder):  # somebody else may take it away
            places = _rename(paths, folder / file.path.relative_to(self._inbox), sha256)
            if _same_content(places, file.stat):
                return True
            # it was written to at the last moment: the next run reads it anew
            for path, place in reversed(list(zip(paths, places, strict=True))):
                _rename([place], path, sha256)
        return False


@contextmanager
def _explained(file: Found, folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArchiveError(
            f"{file.name}, which is archived or in quarantine",
            f"to be moved to {folder}",
            error.strerror or str(error),
            "Give permission or free space; the next run moves it.",
        ) from None


def _belongs(numbers: bytes, place: Path, sha256: str) -> bool:
    """Whether numbers go to a place, nobody's so far, beside a header with which they have that hash."""
    if place.exists() and place.stat().st_size:
        return False
    headers = [place.with_name(name) for name in header_names(place) if place.with_name(name).is_file()]
    return any(hash_entries({h.name: h.read_bytes(), place.name: numbers}) == sha256 for h in headers)


def _rename(paths: Sequence[Path], wanted: Path, sha256: str) -> list[Path]:
    """Rename without ever overwriting: each new name is claimed by an empty file or folder, which is then replaced.

    Args:
        paths: A file or folder, or the header and the numbers of a cube; all are renamed, or none.
        wanted: The new name of the last; a header keeps its own, beside it.
        sha256: Parts it from another file that has the name.
    """
    places = _claim(paths, wanted, sha256)
    done = 0
    try:
        for path, place in zip(paths, places, strict=True):
            path.rename(place)
            done += 1
    except OSError:
        for place in places[done:]:
            _release(place)
        for path, place in zip(paths[:done], places[:done], strict=True):
            _rename([place], path, sha256)
        raise
    return places


def _claim(paths: Sequence[Path], wanted: Path, sha256: str) -> list[Path]:
    """Claim names that nobody has; an empty file or folder, which a killed process may have left, is nobody's."""
    for name in _names(wanted, sha256, is_cube=len(paths) > 1):
        name.parent.mkdir(parents=True, exist_ok=True)
        places = [*(name.with_name(path.name) for path in paths[:-1]), name]
        claimed = [_is_claimed(place, is_folder=path.is_dir()) for path, place in zip(paths, places, strict=True)]
        if all(claimed):
            return places
        for place, ours in zip(places, claimed, strict=True):
            if ours:
                _release(place)
    raise AssertionError("names never end")


def _is_claimed(place: Path, *, is_folder: bool) -> bool:
    try:
        if is_folder:
            place.mkdir()
        else:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return place.is_dir() == is_folder and not (any(place.iterdir()) if is_folder else place.stat().st_size)
    return True


def _release(place: Path) -> None:
    with suppress(FileNotFoundError):
        place.rmdir() if place.is_dir() else place.unlink()


def _names(wanted: Path, sha256: str, *, is_cube: bool) -> Iterator[Path]:
    yield wanted
    if is_cube:  # its files keep their names, which are in the hash, in a folder of their own
        yield _apart(wanted, sha256[:12])
        yield from (_apart(wanted, f"{sha256[:12]}.{number}") for number in count(2))
    for number in count(1):
        further = f".{number}" if number > 1 else ""
        yield wanted.with_name(f"{wanted.stem}.{sha256[:12]}{further}{wanted.suffix}")


def _apart(wanted: Path, digits: str) -> Path:
    return wanted.parent / f"{wanted.stem}.{digits}" / wanted.name


def _is_old(stat: Stat) -> bool:
    return time.time_ns() - stat.ctime_ns > QUIET_S * 1e9


def _same_content(places: Sequence[Path], before: Stat) -> bool:
    if len(places) == 1:
        after = stat_of(places[0])
        return after is not None and (after.size, after.mtime_ns) == (before.size, before.mtime_ns)
    stats = [place.stat() for place in places]
    return (sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)) == (before.size, before.mtime_ns)
