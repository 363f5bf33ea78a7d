"""The front door of all readers: a file's bytes in, a Spectra dataset out; content decides, not the name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers.delimited import Columns
from spectral_core.readers.delimited import read_plain as _read_plain
from spectral_core.readers.dispatch import JCAMP_SUFFIXES, is_read_apart, read_content
from spectral_core.readers.envi import header_of, is_envi, numbers_of
from spectral_core.readers.formats import format_of
from spectral_core.readers.guard import GUARD

LARGEST_SOURCE = 512 * 2**20

_TEMPORARY = (".part", ".tmp", ".temp", ".crdownload", ".partial", ".swp", "~")
_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})
_ZARR_ROOTS = ("zarr.json", ".zgroup")


@dataclass(frozen=True)
class Source:
    """One instrument file, already read: hash and content cannot disagree.

    Args:
        name: Path relative to the inbox, with forward slashes.
        sha256: Hash of the content in hexadecimal; of entries, over sorted relative names and contents.
        size: Bytes of content.
        data: The content of a file; empty where there are entries.
        entries: Relative names and contents of a zarr folder, or of an ENVI cube and its header; empty for any
            other file.
    """

    name: str
    sha256: str
    size: int
    data: bytes = field(repr=False, compare=False)
    entries: Mapping[str, bytes] = field(repr=False, compare=False, default_factory=dict)


def is_source(path: Path) -> bool:
    """Whether an entry of the inbox counts as one source.

    Regular files do, and folders named `*.zarr` that hold zarr metadata; not hidden, temporary and system
    files, and nothing inside such a folder. An ENVI header beside its numbers is part of that source.
    """
    if not named_as_source(path.name) or any(is_zarr_folder(parent) for parent in path.parents):
        return False
    return not heads_numbers(path) if path.is_file() else is_zarr_folder(path)


def heads_numbers(path: Path) -> bool:
    """Whether a file is an ENVI header beside its numbers, and so a part of that source."""
    if not path.name.lower().endswith(".hdr"):
        return False
    numbers = numbers_of(path)
    try:
        return numbers is not None and header_of(numbers) == path
    except OSError:
        return False


def named_as_source(name: str) -> bool:
    """Whether a file of this name can be a source: not hidden, temporary or the system's."""
    name = name.lower()
    return not (name.startswith((".", "~")) or name.endswith(_TEMPORARY) or name in _SYSTEM)


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder named `*.zarr` holds zarr metadata: it then counts as one source."""
    return path.suffix.lower() == ".zarr" and path.is_dir() and any((path / n).is_file() for n in _ZARR_ROOTS)


def open_source(path: Path, *, name: str, largest: int = LARGEST_SOURCE) -> Source:
    """Read a file or a zarr folder into memory and hash what was read.

    Args:
        path: The file, or a folder that `is_source` accepts.
        name: Its path relative to the inbox, with forward slashes.
        largest: Bytes beyond which a source is refused.

    Raises:
        ReadError: There is no such file, it cannot be read, or it is too large.
    """
    try:
        if path.is_dir():
            return _open_folder(path, name, largest)
        if not path.is_file():
            raise ReadError(name, "a file", "none" if not path.exists() else "a device or pipe", "Check the path.")
        header = header_of(path)
        if header is not None:
            return _open_entries([header, path], path.parent, name, largest)
        data = _read_bounded(path, name, largest)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReadError(name, "a readable file", reason, "Check the file and its permissions.") from None
    return Source(name, hashlib.sha256(data).hexdigest(), len(data), data)


def _open_folder(path: Path, name: str, largest: int) -> Source:
    if not is_zarr_folder(path):
        raise ReadError(name, "a file or a zarr group in a folder *.zarr", "another folder", "Name its files.")
    return _open_entries([file for file in path.rglob("*") if file.is_file()], path, name, largest)


def _open_entries(files: Iterable[Path], root: Path, name: str, largest: int) -> Source:
    entries: dict[str, bytes] = {}
    size = 0
    for file in files:
        relative = file.relative_to(root).as_posix()
        entries[relative] = _read_bounded(file, name, largest - size)
        size += len(entries[relative])
    entries = dict(sorted(entries.items()))
    return Source(name, hash_entries(entries), size, b"", MappingProxyType(entries))


def hash_entries(entries: Mapping[str, bytes]) -> str:
    """Hash the contents of a source of several files, with their names."""
    digest = hashlib.sha256()
    for name, content in sorted(entries.items()):
        # lengths first: no two folders can run into the same bytes
        digest.update(f"{len(name.encode())} {len(content)} {name}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _read_bounded(path: Path, name: str, largest: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ReadError(name, f"at most {largest} bytes left of the limit", "more", "Split it, or leave it out.")
    return data


def read_spectra(source: Source, *, axis_unit: str, intensity_unit: str) -> xr.Dataset:
    """Read a source as spectra, whatever its format.

    Args:
        source: What `open_source` read.
        axis_unit: Unit of the axis that the study declares; used where the file states none.
        intensity_unit: Quantity that the study declares, or "".

    Returns:
        A valid Spectra dataset of n spectra; `spectrum_id` is `"<16 digits of sha256>:<row from 0>"`,
        `source` and `source_sha256` are the source's. Text columns of the file are kept; `spectrum` tells
        several spectra of one file apart (heading, title or number from 1), "" for a text file with one.

    Raises:
        ReadError: The content is in no known format, damaged or ambiguous, or states another axis unit or
            quantity than the study declares; units are never converted. Damage that hangs or crashes a library
            ends a process of its own and not this one.
        SpectraError: The numbers break the Spectra contract.
    """
    if not source.data.strip(b" \t\r\n\x00") and not source.entries:
        raise ReadError(source.name, "spectra", "an empty file", "Remove the file or export it anew.")
    # damaged numbers may be signalling NaN, or too large: the contract refuses them, with their place
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        read = GUARD.read if is_read_apart(source.data, source.entries) else read_content
        dataset = read(
            source.data, source.entries, axis_unit=axis_unit, intensity_unit=intensity_unit, where=source.name
        )
    # in place, the dataset being new: making coordinates anew takes as long as parsing a small file
    coordinates = dataset.variables
    coordinates["source"].values[:] = source.name
    coordinates["source_sha256"].values[:] = source.sha256
    coordinates["spectrum_id"].values[:] = [f"{source.sha256[:16]}:{i}" for i in range(dataset.sizes["sample"])]
    return dataset


def read_plain(source: Source, *, axis_unit: str, intensity_unit: str) -> Columns | None:
    """Read a source the quick way if it is a text of two columns of plain numbers; else None.

    What it gives is what `read_spectra` gives, without the dataset, which takes longer than parsing a small file.
    """
    if source.entries or PurePosixPath(source.name.lower()).suffix in JCAMP_SUFFIXES:
        return None
    if format_of(source.data) is not None or is_envi(source.data):
        return None
    return _read_plain(source.data, axis_unit=axis_unit, intensity_unit=intensity_unit, where=source.name)
