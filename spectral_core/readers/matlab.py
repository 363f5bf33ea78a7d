"""MATLAB files: version 5 to 7 through scipy, 7.3 through h5py; arrays by name."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import h5py
import numpy as np
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.arrays import read_arrays

HEADER = 128

_COMPRESSED, _MATRIX, _DIMENSIONS = 15, 14, 5
_MOST_ELEMENTS = 1000
_LARGEST = 512 * 2**20
_CHAR, _CELL = 4, 1
_PLAIN = frozenset({_CHAR, *range(6, 16)})
"""Array classes char, and numbers double to uint64; of cells only those of texts are read, all else is passed over."""


def is_matlab(data: bytes) -> bool:
    """Whether the content is a MATLAB file of version 5 or newer."""
    return data.startswith((b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file")) and data[126:128] in (b"IM", b"MI")


def read_matlab(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectra of a MATLAB file; see `read_arrays` for the names. A cell of texts is a column.

    Raises:
        ReadError: The file is damaged, declares more than it holds, or holds no arrays of spectra (dataset
            objects and structures are not read).
        SpectraError: The numbers break the Spectra contract.
    """
    arrays = _hdf5(data, where) if data.startswith(b"MATLAB 7.3") else _classic(data, where)
    return read_arrays(arrays, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)


def _classic(data: bytes, where: str) -> dict[str, Any]:
    from scipy.io import loadmat

    kept = _checked(data, where)
    with vendor.damage_refused("a MATLAB file", where=where), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = loadmat(
            io.BytesIO(kept), chars_as_strings=True, struct_as_record=True, verify_compressed_data_integrity=True
        )
    arrays = {name: np.asarray(array) for name, array in read.items() if not name.startswith("__")}
    return {name: _words(array) if array.dtype == object else array for name, array in arrays.items()}


def _checked(data: bytes, where: str) -> bytes:
    """Unpack the elements with bounds, and keep those of arrays and cells whose sizes fit their lengths."""
    order = "<" if data[126:128] == b"IM" else ">"
    kept, at, held = [data[:HEADER]], HEADER, 0
    while at < len(data) and len(kept) < _MOST_ELEMENTS:
        vendor.refuse_beyond(at + 8, len(data), "an element", where=where)
        kind, size = struct.unpack_from(f"{order}2I", data, at)
        vendor.refuse_beyond(at + 8 + size, len(data), "an element", where=where)
        element = data[at : at + 8 + size]
        at += 8 + size
        if kind == _COMPRESSED:
            element = _unpacked(element[8:], where)
        held += len(element)
        vendor.refuse_beyond(held, _LARGEST, "its arrays unpacked", where=where)
        if _fits(element, order):
            kept.append(element)
    return b"".join(kept)


def _unpacked(packed: bytes, where: str) -> bytes:
    stream = zlib.decompressobj()
    try:
        element = stream.decompress(packed, _LARGEST)
    except zlib.error as error:
        raise ReadError(where, "a compressed array", f"damage: {error}", vendor.ANEW) from None
    if not stream.eof:
        raise ReadError(where, f"an array of at most {_LARGEST} bytes, whole", "more, or it is cut off", vendor.ANEW)
    return element


def _fits(element: bytes, order: str) -> bool:
    """Whether an element is an array, or a cell of texts, with dimensions that its bytes can hold."""
    kind, body = _class(element, order)
    if kind in _PLAIN:
        return True
    if kind != _CELL:
        return False
    # scipy calls itself for cells within cells, down to the end of the stack
    at = body + 8  # an element of a name too long for its tag is no cell of ours
    at += 0 if _short(element, body, order) else _padded(struct.unpack_from(f"{order}I", element, body + 4)[0])
    while at + 8 <= len(element):
        form, size = struct.unpack_from(f"{order}2I", element, at)
        if form != _MATRIX or at + 8 + size > len(element) or (
            size and _class(element[at : at + 8 + size], order)[0] != _CHAR
        ):  # fmt: skip
            return False
        at += 8 + size
    return at == len(element)


def _class(element: bytes, order: str) -> tuple[int, int]:
    """Give the class of an array whose dimensions its bytes can hold, and where its name starts; else -1."""
    if len(element) < 48 or struct.unpack_from(f"{order}I", element)[0] != _MATRIX:
        return -1, 0
    kind, (form, size) = element[16 if order == "<" else 19], struct.unpack_from(f"{order}2I", element, 24)
    if form != _DIMENSIONS or size % 4 or not 8 <= size <= 16 or len(element) < 32 + _padded(size) + 8:
        return -1, 0
    count = 1
    for length in struct.unpack_from(f"{order}{size // 4}i", element, 32):
        count *= max(length, 0)
    return kind if count <= len(element) else -1, 32 + _padded(size)


def _short(element: bytes, at: int, order: str) -> bool:
    """Whether a tag holds its data itself, its length then being in the upper half of its first word."""
    return bool(struct.unpack_from(f"{order}I", element, at)[0] >> 16)


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def _words(cell: Any) -> Any:
    """Give a cell of texts as an array of texts; anything else as none."""
    flat = [np.asarray(value).reshape(-1) for value in np.asarray(cell).reshape(-1)]
    if not all(value.dtype.kind == "U" and value.size <= 1 for value in flat):
        return np.empty((0, 0, 0))
    return np.array([str(value[0]) if value.size else "" for value in flat], dtype=str)


def _hdf5(data: bytes, where: str) -> dict[str, Any]:
    with vendor.damage_refused("a MATLAB 7.3 file (HDF5)", where=where), h5py.File(io.BytesIO(data), "r") as file:
        arrays: dict[str, Any] = {}
        for name in list(file)[:_MOST_ELEMENTS]:
            item = file.get(name)
            if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu" or item.ndim != 2:
                continue
            vendor.refuse_beyond(8 * item.size, _LARGEST, "the array", where=f"{where}, {name}")
            values = item[()]
            kind = item.attrs.get("MATLAB_class", b"")
            if kind == b"char":
                arrays[name] = np.array([_line(row) for row in values.T])
            elif kind in (b"double", b"single") or bytes(kind).startswith((b"int", b"uint")):
                arrays[name] = values.T  # MATLAB stores columns first
    return arrays


def _line(codes: Any) -> str:
    return "".join(chr(int(code)) for code in codes if 0 < int(code) < 0x110000)
