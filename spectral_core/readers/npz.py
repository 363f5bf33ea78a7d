"""Numpy archives (.npz): arrays by name, without pickled objects."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.arrays import read_arrays

_LONGEST_HEADER = 10_000
_MOST_ENTRIES = 1000
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def is_npz(data: bytes) -> bool:
    """Whether the content is a zip whose first entry is a numpy array."""
    return data.startswith(b"PK\x03\x04") and data[30 : 30 + int.from_bytes(data[26:28], "little")].endswith(b".npy")


def read_npz(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectra of an npz archive; see `read_arrays` for the names.

    Raises:
        ReadError: The archive is damaged, declares more than it holds, or holds pickled objects, which are
            never read.
        SpectraError: The numbers break the Spectra contract.
    """
    with vendor.damage_refused("a numpy archive", where=where), _opened(data, where) as archive:
        infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        vendor.refuse_beyond(sum(i.file_size for i in infos), vendor.LARGEST // 2, "its arrays", where=where)
        if len(infos) > _MOST_ENTRIES:
            raise ReadError(where, f"at most {_MOST_ENTRIES} arrays", f"{len(infos)}", "Split the archive.")
        arrays = {info.filename.removesuffix(".npy"): _array(archive, info, where) for info in infos}
    return read_arrays(arrays, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)


def _opened(data: bytes, where: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise ReadError(where, "a numpy archive", f"damage: {error}", vendor.ANEW) from None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> npt.NDArray[Any]:
    """Read one array after its header was held against the length that the zip declares."""
    place = f"{where}, {info.filename}"
    try:
        # never more than is declared, whatever the stream would unpack to
        with archive.open(info) as entry:
            content = entry.read(info.file_size)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
        raise ReadError(place, "a numpy array", f"damage: {error}", vendor.ANEW) from None
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ReadError(place, "a numpy array of format 1.0 or 2.0", f"{version}", "Save plain arrays.")
    shape, fortran, form = _HEADERS[version](file, max_header_size=_LONGEST_HEADER)
    if form.hasobject:
        raise ReadError(place, "numbers or texts", "pickled objects, which are never read", "Save plain arrays.")
    count = 1
    for length in shape:
        count *= int(length)
    vendor.refuse_beyond(count * form.itemsize, len(content) - file.tell(), "the array", where=place)
    flat = np.frombuffer(content, form, count, file.tell()) if form.itemsize else np.empty(count, form)
    return flat.reshape(shape, order="F" if fortran else "C")
