"""The inbox as ingestion sees it: which sources lie there, by what name, and whether they have changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

from spectral_core.archive.ledger import Stat
from spectral_core.errors import StudyError
from spectral_core.readers import heads_numbers, is_zarr_folder, named_as_source
from spectral_core.readers.envi import SUFFIXES as CUBES
from spectral_core.readers.envi import header_of


@dataclass(frozen=True)
class Found:
    """A source in the inbox: its name relative to the inbox, where it lies, and its stat when it was found."""

    name: str
    place: str
    stat: Stat

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.place)


def check_inbox(inbox: Path, archive: Path) -> None:
    """Refuse an inbox that is missing, cannot be listed, or overlaps with the archive.

    Raises:
        StudyError: As said; the folder is named.
    """
    here, there = inbox.resolve(), archive.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise StudyError(
            "archive and inbox",
            "two folders, neither within the other",
            f"{archive} and {inbox}",
            "Keep the archive outside the inbox.",
        )
    if inbox.is_dir() and os.access(inbox, os.R_OK | os.X_OK):
        return
    found = "a file" if inbox.is_file() else "no permission" if inbox.exists() else "no such folder"
    remedy = "Create it, mount it, or correct the path."
    raise StudyError(f"inbox {inbox}", "a readable folder", found, remedy)


def find_sources(inbox: Path, *, skip: Sequence[Path | None] = ()) -> tuple[list[Found], dict[str, str]]:
    """List the sources in a folder and the folders in it, by name; links to folders are not followed.

    Args:
        inbox: Where to look.
        skip: Files and folders to leave out.

    Returns:
        The sources, and for each folder that cannot be listed the reason.
    """
    root = str(inbox.resolve())
    left_out = {str(path.resolve()) for path in skip if path is not None}
    found: list[Found] = []
    unreadable: dict[str, str] = {}
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if entry.path not in left_out]
        except OSError as error:
            unreadable[_name(folder, root) + "/"] = f"the folder cannot be listed: {error.strerror}"
            continue
        for entry in entries:
            if (stat := _stat_of_source(entry)) is not None:
                found.append(Found(_name(entry.path, root), entry.path, stat))
            elif entry.is_dir(follow_symlinks=False) and not is_zarr_folder(Path(entry.path)):
                folders.append(entry.path)
    return sorted(found, key=lambda source: source.name), unreadable


def _stat_of_source(entry: os.DirEntry[str]) -> Stat | None:
    """Stat of an entry that counts as one source (see readers.is_source); None for any other, or if it is gone."""
    if not named_as_source(entry.name):
        return None
    try:
        if entry.is_file():
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a path for each of 100,000 takes long
            if suffix == ".hdr" and heads_numbers(Path(entry.path)):
                return None
            if suffix in CUBES:
                return stat_of(Path(entry.path))
            stat = entry.stat()
            return Stat(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    except OSError:
        return None
    return stat_of(Path(entry.path)) if is_zarr_folder(Path(entry.path)) else None


def stat_of(path: Path) -> Stat | None:
    """Take the stat of a file, of a cube and its header, or of all files in a folder as one; None if it is gone."""
    try:
        stats = [path.stat()]
        if S_ISDIR(stats[0].st_mode):
            stats = [member.stat() for member in path.rglob("*")]
        elif (header := header_of(path)) is not None:
            stats.append(header.stat())
    except OSError:
        return None
    newest = max((s.st_mtime_ns for s in stats), default=0), max((s.st_ctime_ns for s in stats), default=0)
    return Stat(sum(s.st_size for s in stats), *newest)


def _name(path: str, root: str) -> str:
    name = path[len(root) :].strip(os.sep)
    if not name.isascii():  # a name that is not UTF-8 must still reach the ledger
        name = os.fsencode(name).decode("utf-8", "backslashreplace")
    return name.replace(os.sep, "/")
