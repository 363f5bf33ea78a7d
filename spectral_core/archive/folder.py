"""The folder of an archive: what lies where, how it is told from any other folder, and its lock.

offband.json    marks the folder as an archive and states the version of this layout
store/          spectra and metadata, an icechunk repository
ledger.sqlite   every file ever seen and what became of it
quarantine/     copies of the files that were refused
variants/       preprocessed spectra, derived from the store and safe to delete
lock            held by the one process that writes
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import icechunk
from filelock import FileLock, Timeout

from spectral_core.errors import ArchiveError, offenders

MARKER = "offband.json"
FORMAT, VERSION = "offband archive", 1


def is_archive(path: Path) -> bool:
    """Tell whether the folder carries the marker of an archive, of whatever version."""
    return (path / MARKER).is_file()


def check_archive(path: Path) -> None:
    """Refuse a folder that is not an archive this version can read.

    Raises:
        ArchiveError: Nothing is there, the folder is something else, or its layout is newer.
    """
    if not path.exists():
        raise ArchiveError(str(path), "an archive", "no such folder", "Check the path, or ingest files first.")
    try:
        marker = json.loads((path / MARKER).read_text(encoding="utf-8"))
        found = (marker["format"], int(marker["version"]))
    except (FileNotFoundError, NotADirectoryError):
        raise _foreign(path) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArchiveError(
            str(path / MARKER),
            "the marker of an archive",
            f"{type(error).__name__}: {error}",
            "Restore the file from a backup, or point `archive` elsewhere.",
        ) from None
    if found[0] != FORMAT or found[1] > VERSION:
        raise ArchiveError(
            str(path / MARKER),
            f"{FORMAT!r} up to version {VERSION}",
            f"{found[0]!r} {found[1]}",
            "Update offband, or point `archive` elsewhere.",
        )


def check_claimable(path: Path) -> None:
    """Refuse to make an archive of anything but an archive, an empty folder or no folder.

    Raises:
        ArchiveError: The path holds something else, which offband must not write into.
    """
    if is_archive(path):
        check_archive(path)
        return
    if path.exists() and (not path.is_dir() or any(not _is_ours(entry) for entry in path.iterdir())):
        check_archive(path)  # another process may have claimed it meanwhile


def claim(path: Path) -> None:
    """Mark an absent or empty folder as an archive; do nothing where it is one already.

    Raises:
        ArchiveError: The folder holds something else, or cannot be written.
    """
    check_claimable(path)
    if is_archive(path):
        return
    aside = path / f"{MARKER}.{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps({"format": FORMAT, "version": VERSION}) + "\n", encoding="utf-8")
        aside.replace(path / MARKER)
    except OSError as error:
        raise ArchiveError(
            str(path),
            "a folder that can be written",
            str(error),
            "Give write permission or free space, or point `archive` elsewhere.",
        ) from None


def open_repository(path: Path, *, create: bool = False) -> icechunk.Repository:
    """Open the icechunk repository of an archive; with `create`, make it if it is missing (under the lock).

    Raises:
        ArchiveError: The repository is missing or damaged.
    """
    # icechunk warns on standard output that a local repository has no safe concurrent commits, which would
    # break --json; the lock is our answer to that warning.
    icechunk.set_logs_filter("error")
    store = path / "store"
    try:
        if create and not store.exists():
            aside = path / "store.new"
            shutil.rmtree(aside, ignore_errors=True)  # left by a process killed here
            icechunk.Repository.create(icechunk.local_filesystem_storage(str(aside)))
            aside.rename(store)
        if not store.is_dir():
            raise ArchiveError(
                str(store),
                "the store of an archive",
                "no such folder",
                "Ingest files first, or restore the folder from a backup.",
            )
        return icechunk.Repository.open(icechunk.local_filesystem_storage(str(store)))
    except (icechunk.IcechunkError, OSError) as error:
        raise damaged(path, error) from None


@contextmanager
def locked(lock: FileLock, *, wait_s: float) -> Iterator[None]:
    """Hold the archive's lock; the holder's process id is written into it for whoever waits.

    Raises:
        ArchiveError: Another process still writes after `wait_s` seconds; its process id is named.
    """
    file = Path(lock.lock_file)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise ArchiveError(
            str(file.parent),
            f"the lock within {wait_s:g} s",
            _holder(file),
            "Wait until it has finished, or stop it, and try again.",
        ) from None
    except (OSError, NotImplementedError) as error:
        raise ArchiveError(
            str(file),
            "a lock file that can be locked",
            str(error),
            "Give write permission, and use a file system with locks.",
        ) from None
    try:
        with suppress(OSError):  # a courtesy to whoever waits, for which a full disk has no room
            file.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def damaged(path: Path, error: Exception) -> ArchiveError:
    """Say that the store of an archive cannot be read, or that its disk is full."""
    found = first_line(error)
    if "space left" in found or "quota" in found.lower():
        return ArchiveError(str(path / "store"), "room on the disk", found, "Free space and try again.")
    remedy = "Check permissions, or restore the folder from a backup."
    return ArchiveError(str(path / "store"), "a readable icechunk repository", found, remedy)


def first_line(error: Exception) -> str:
    """Shorten an error of a library, which may span many lines, to its first telling one."""
    lines = (line.strip(" x|`->") for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)


def _holder(file: Path) -> str:
    try:
        return f"held by {file.read_text(encoding='utf-8').strip() or 'another process'}"
    except (OSError, UnicodeDecodeError):
        return "held by another process"


def _is_ours(entry: Path) -> bool:
    return entry.name.startswith(f"{MARKER}.")


def _foreign(path: Path) -> ArchiveError:
    if not path.is_dir():
        return ArchiveError(str(path), "the folder of an archive", "a file", "Point `archive` at a folder.")
    names = sorted(entry.name for entry in path.iterdir())
    found = f"a folder with {offenders(names)} and no {MARKER}" if names else f"an empty folder without {MARKER}"
    remedy = "Point `archive` at an absent or empty folder, or at an archive." if names else "Ingest files first."
    return ArchiveError(str(path), "the folder of an archive", found, remedy)
