"""The place of an archive: what lies where, how it is told from any other place, and its lock.

offband.json    marks the place as an archive and states the version of this layout
store/          spectra and metadata, an icechunk repository
variants/       preprocessed spectra, derived from the store and safe to delete
ledger.sqlite   every file ever seen and what became of it
quarantine/     copies of the files that were refused
lock            held by the one process that writes

An archive on object storage has only the first three there; ledger and quarantine lie in the study's `intake` folder,
and the lock, which holds for one machine, in the folder of temporary files. Two machines that write at once are kept
apart by the store itself: of two commits on one snapshot the second is refused, and redone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import icechunk
from filelock import FileLock, Timeout

from spectral_core.archive.objects import (
    answering,
    first_line,
    icechunk_storage,
    names_within,
    read_object,
    write_object,
)
from spectral_core.errors import ArchiveError, offenders
from spectral_core.storage import ObjectPlace, Place

MARKER = "offband.json"
FORMAT, VERSION = "offband archive", 1


def is_archive(path: Place) -> bool:
    """Tell whether the place carries the marker of an archive, of whatever version."""
    if isinstance(path, ObjectPlace):
        return read_object(path / MARKER) is not None
    return (path / MARKER).is_file()


def check_archive(path: Place) -> None:
    """Refuse a folder that is not an archive this version can read.

    Raises:
        ArchiveError: Nothing is there, the folder is something else, or its layout is newer.
    """
    if isinstance(path, Path) and not path.exists():
        raise ArchiveError(str(path), "an archive", "no such folder", "Check the path, or ingest files first.")
    try:
        marker = json.loads(_marker(path))
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


def _marker(path: Place) -> str:
    if isinstance(path, Path):
        return (path / MARKER).read_text(encoding="utf-8")
    content = read_object(path / MARKER)
    if content is None:
        raise FileNotFoundError(MARKER)
    return content.decode("utf-8")


def check_claimable(path: Place) -> None:
    """Refuse to make an archive of anything but an archive, an empty folder or prefix, or no folder.

    Raises:
        ArchiveError: The path holds something else, which offband must not write into.
    """
    if is_archive(path):
        check_archive(path)
    elif isinstance(path, ObjectPlace):
        if next(names_within(path), None) is not None:
            check_archive(path)  # another machine may have claimed it meanwhile
    elif path.exists() and (not path.is_dir() or any(not _is_ours(entry) for entry in path.iterdir())):
        check_archive(path)  # another process may have claimed it meanwhile


def claim(path: Place) -> None:
    """Mark an absent or empty place as an archive; do nothing where it is one already.

    Raises:
        ArchiveError: The place holds something else, or cannot be written.
    """
    check_claimable(path)
    if is_archive(path):
        return
    marker = json.dumps({"format": FORMAT, "version": VERSION}) + "\n"
    if isinstance(path, ObjectPlace):
        write_object(path / MARKER, marker.encode(), only_new=True)
        return
    aside = path / f"{MARKER}.{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        aside.write_text(marker, encoding="utf-8")
        aside.replace(path / MARKER)
    except OSError as error:
        raise ArchiveError(
            str(path),
            "a folder that can be written",
            str(error),
            "Give write permission or free space, or point `archive` elsewhere.",
        ) from None


def lock_file(path: Place) -> Path:
    """Name the file that the one process of this machine holds which writes into an archive."""
    if isinstance(path, Path):
        return path / "lock"
    return Path(tempfile.gettempdir()) / f"offband-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.lock"


def open_repository(path: Place, *, create: bool = False) -> icechunk.Repository:
    """Open the icechunk repository of an archive; with `create`, make it if it is missing (under the lock).

    Raises:
        ArchiveError: The repository is missing or damaged.
    """
    # icechunk warns on standard output that a local repository has no safe concurrent commits, which would
    # break --json; the lock is our answer to that warning.
    icechunk.set_logs_filter("error")
    if isinstance(path, ObjectPlace):
        return _repository_on_object_storage(path, create=create)
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


def _repository_on_object_storage(path: ObjectPlace, *, create: bool) -> icechunk.Repository:
    storage = icechunk_storage(path / "store")
    with answering(path):
        if icechunk.Repository.exists(storage):
            return icechunk.Repository.open(storage)
        if create:
            return icechunk.Repository.create(storage)
    raise ArchiveError(str(path / "store"), "the store of an archive", "nothing there",
                       "Ingest files first, or restore the prefix from a backup.")  # fmt: skip


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


def damaged(path: Place, error: Exception) -> ArchiveError:
    """Say that the store of an archive cannot be read, or that its disk is full."""
    found = first_line(error)
    if "space left" in found or "quota" in found.lower():
        return ArchiveError(str(path / "store"), "room on the disk", found, "Free space and try again.")
    remedy = "Check permissions, or restore the folder from a backup."
    return ArchiveError(str(path / "store"), "a readable icechunk repository", found, remedy)


def _holder(file: Path) -> str:
    try:
        return f"held by {file.read_text(encoding='utf-8').strip() or 'another process'}"
    except (OSError, UnicodeDecodeError):
        return "held by another process"


def _is_ours(entry: Path) -> bool:
    return entry.name.startswith(f"{MARKER}.")


def _foreign(path: Place) -> ArchiveError:
    if isinstance(path, ObjectPlace):
        names = sorted({name.partition("/")[0] for name, _ in zip(names_within(path), range(1000), strict=False)})
        found = f"a prefix with {offenders(names)} and no {MARKER}" if names else "nothing there"
        remedy = "Point `archive` at an unused prefix, or at an archive." if names else "Ingest files first."
        return ArchiveError(str(path), "an archive", found, remedy)
    if not path.is_dir():
        return ArchiveError(str(path), "the folder of an archive", "a file", "Point `archive` at a folder.")
    names = sorted(entry.name for entry in path.iterdir())
    found = f"a folder with {offenders(names)} and no {MARKER}" if names else f"an empty folder without {MARKER}"
    remedy = "Point `archive` at an absent or empty folder, or at an archive." if names else "Ingest files first."
    return ArchiveError(str(path), "the folder of an archive", found, remedy)
