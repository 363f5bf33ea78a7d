"""Quarantine: copies of the bytes that were refused, so that the inbox may change and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from spectral_core.errors import ArchiveError

_LONGEST_NAME = 120


def quarantine_path(folder: Path, source: str, sha256: str) -> Path:
    """Say where the copy of a refused file lies: the same bytes of one name always at the same place.

    Example:
        >>> quarantine_path(Path("quarantine"), "plate1/a.txt", "0123456789abcdef").name
        '0123456789ab-a.txt'
    """
    name = PurePosixPath(source).name
    tail = "".join(character if character.isprintable() else "_" for character in name[-_LONGEST_NAME:])
    return folder / f"{sha256[:12]}-{tail}"


def keep_copy(folder: Path, source: str, sha256: str, content: bytes | Mapping[str, bytes]) -> Path:
    """Write the copy aside and rename it into place; a copy that is there already is left alone.

    Hold the archive's lock.

    Args:
        folder: The quarantine of an archive; made if absent.
        source: The file's name in the inbox.
        sha256: Hash of its content.
        content: Its bytes, or for a folder those of its files by relative name.

    Raises:
        ArchiveError: The folder cannot be written.
    """
    place = quarantine_path(folder, source, sha256)
    if place.exists():
        return place
    aside = place.with_name(f".{place.name}")
    try:
        folder.mkdir(exist_ok=True)
        _write(aside, content)
        aside.replace(place)
    except OSError as error:
        _remove(aside)
        raise ArchiveError(
            str(place),
            "room for a quarantined file",
            str(error),
            "Free space, give permission and try again.",
        ) from None
    return place


def drop_copies(folder: Path, sha256: str) -> None:
    """Remove the copies of bytes that the archive now holds."""
    for copy in folder.glob(f"{sha256[:12]}-*"):
        _remove(copy)


def hashes_kept(folder: Path) -> set[str]:
    """List the hashes, each shortened to its first twelve digits, of which the folder holds a copy.

    Hold the archive's lock: copies that a killed process left unfinished are removed.
    """
    for unfinished in folder.glob(".*"):
        _remove(unfinished)
    return {copy.name[:12] for copy in folder.glob("[0-9a-f]*-*")}


def _write(place: Path, content: bytes | Mapping[str, bytes]) -> None:
    if isinstance(content, bytes):
        place.write_bytes(content)
        return
    for name, part in content.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(part)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
