"""The inbox as ingestion sees it: which sources lie there, by what name, and whether they have changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR

from spectral_core.archive.ledger import Stat
from spectral_core.errors import StudyError
from spectral_core.readers import is_source


@dataclass(frozen=True)
class Found:
    """A source in the inbox: its name relative to the inbox, its path, and its stat when it was found."""

    name: str
    path: Path
    stat: Stat


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

    def note(error: OSError) -> None:
        unreadable[_name(str(error.filename), root) + "/"] = f"the folder cannot be listed: {error.strerror}"

    for folder, folders, names in os.walk(root, onerror=note):
        paths = {name: f"{folder}{os.sep}{name}" for name in (*folders, *names)}
        sources = [name for name, path in paths.items() if path not in left_out and is_source(Path(path))]
        folders[:] = [name for name in folders if name not in sources and paths[name] not in left_out]
        for path in map(paths.__getitem__, sources):
            if (stat := stat_of(Path(path))) is not None:
                found.append(Found(_name(path, root), Path(path), stat))
    return sorted(found, key=lambda source: source.name), unreadable


def stat_of(path: Path) -> Stat | None:
    """Take the stat of a file, or of all files in a folder as one; None if it is gone."""
    try:
        stats = [path.stat()]
        if S_ISDIR(stats[0].st_mode):
            stats = [member.stat() for member in path.rglob("*")]
    except OSError:
        return None
    newest = max((s.st_mtime_ns for s in stats), default=0), max((s.st_ctime_ns for s in stats), default=0)
    return Stat(sum(s.st_size for s in stats), *newest)


def _name(path: str, root: str) -> str:
    # a name that is not UTF-8 must still reach the ledger
    return os.fsencode(path[len(root) :].strip(os.sep)).decode("utf-8", "backslashreplace").replace(os.sep, "/")
