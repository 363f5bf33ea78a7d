"""The front door of all readers: a file's bytes in, a Spectra dataset out; content decides, not the name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers.asp import is_asp, read_asp
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.jcamp import read_jcamp
from spectral_core.readers.netcdf import read_netcdf, read_zarr, zip_entries

LARGEST_SOURCE = 512 * 2**20

_TEMPORARY = (".part", ".tmp", ".temp", ".crdownload", ".partial", ".swp", "~")
_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})
_ZARR_ROOTS = ("zarr.json", ".zgroup")
_JCAMP_SUFFIXES = (".jdx", ".dx", ".jcamp", ".jcm")
_JCAMP_START = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*\$\$[^\r\n]*[\r\n]+)*\s*##\s*(?:TITLE|JCAMP)", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One instrument file, already read: hash and content cannot disagree.

    Args:
        name: Path relative to the inbox, with forward slashes.
        sha256: Hash of the content in hexadecimal; of a zarr folder, over sorted relative names and contents.
        size: Bytes of content.
        data: The content of a file; empty for a zarr folder.
        entries: Relative names and contents of a zarr folder; empty for a file.
    """

    name: str
    sha256: str
    size: int
    data: bytes = field(repr=False, compare=False)
    entries: Mapping[str, bytes] = field(repr=False, compare=False, default_factory=dict)


def is_source(path: Path) -> bool:
    """Whether an entry of the inbox counts as one source.

    Regular files do, and folders named `*.zarr` that hold zarr metadata; not hidden, temporary and system
    files, and nothing inside such a folder.
    """
    name = path.name.lower()
    if name.startswith((".", "~")) or name.endswith(_TEMPORARY) or name in _SYSTEM:
        return False
    if any(_is_zarr(parent) for parent in path.parents):
        return False
    return path.is_file() or _is_zarr(path)


def _is_zarr(path: Path) -> bool:
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
        data = _read_bounded(path, name, largest)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReadError(name, "a readable file", reason, "Check the file and its permissions.") from None
    return Source(name, hashlib.sha256(data).hexdigest(), len(data), data)


def _open_folder(path: Path, name: str, largest: int) -> Source:
    if not _is_zarr(path):
        raise ReadError(name, "a file or a zarr group in a folder *.zarr", "another folder", "Name its files.")
    entries: dict[str, bytes] = {}
    digest, size = hashlib.sha256(), 0
    for file in sorted(path.rglob("*"), key=lambda p: p.relative_to(path).as_posix()):
        if not file.is_file():
            continue
        relative = file.relative_to(path).as_posix()
        entries[relative] = _read_bounded(file, name, largest - size)
        size += len(entries[relative])
        # lengths first: no two folders can run into the same bytes
        digest.update(f"{len(relative.encode())} {len(entries[relative])} {relative}\n".encode())
        digest.update(entries[relative])
    return Source(name, digest.hexdigest(), size, b"", MappingProxyType(entries))


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
            quantity than the study declares; units are never converted.
        SpectraError: The numbers break the Spectra contract.
    """
    if not source.data.strip(b" \t\r\n\x00") and not source.entries:
        raise ReadError(source.name, "spectra", "an empty file", "Remove the file or export it anew.")
    dataset = _dispatch(source, axis_unit, intensity_unit)
    # in place, the dataset being new: making coordinates anew takes as long as parsing a small file
    coordinates = dataset.variables
    coordinates["source"].values[:] = source.name
    coordinates["source_sha256"].values[:] = source.sha256
    coordinates["spectrum_id"].values[:] = [f"{source.sha256[:16]}:{i}" for i in range(dataset.sizes["sample"])]
    return dataset


def _dispatch(source: Source, axis_unit: str, intensity_unit: str) -> xr.Dataset:
    data, where = source.data, source.name
    declared = {"axis_unit": axis_unit, "intensity_unit": intensity_unit, "where": where}
    if source.entries:
        return read_zarr(source.entries, **declared)
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return read_netcdf(data, **declared)
    if data.startswith(b"PK\x03\x04"):
        return read_zarr(zip_entries(data, where=where), **declared)
    if data.startswith((b"CDF\x01", b"CDF\x02", b"CDF\x05")):
        raise ReadError(where, "NetCDF-4", "NetCDF-3", "Write it as NetCDF-4, with engine 'h5netcdf'.")
    if _JCAMP_START.match(data):
        return read_jcamp(data, **declared)
    if PurePosixPath(where.lower()).suffix in _JCAMP_SUFFIXES:
        raise ReadError(where, "JCAMP-DX, which starts with ##TITLE=", f"content that starts {data[:24]!r}",
                        "Export the file anew, or remove it.")  # fmt: skip
    if is_asp(data):
        return read_asp(data, **declared)
    return read_delimited(data, **declared)
