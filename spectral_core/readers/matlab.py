"""MATLAB files: version 5 to 7 decoded by `mat5`, 7.3 through h5py; arrays by name."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
import xarray as xr

from spectral_core.readers import mat5, vendor
from spectral_core.readers.arrays import read_arrays

_MOST_ARRAYS = 1000


def is_matlab(data: bytes) -> bool:
    """Whether the content is a MATLAB file of version 5 or newer."""
    return data.startswith((b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file")) and data[126:128] in (b"IM", b"MI")


def is_matlab_73(data: bytes) -> bool:
    """Whether the content is a MATLAB file of version 7.3, which is HDF5."""
    return data.startswith(b"MATLAB 7.3") and is_matlab(data)


def read_matlab(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectra of a MATLAB file; see `read_arrays` for the names. A cell of texts is a column.

    Raises:
        ReadError: The file is damaged, declares more than it holds, or holds no arrays of spectra (dataset
            objects and structures are not read).
        SpectraError: The numbers break the Spectra contract.
    """
    arrays = read_datasets(data, where=where) if is_matlab_73(data) else mat5.read_elements(data, where=where)
    return read_arrays(arrays, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)


def read_datasets(data: bytes, *, where: str) -> dict[str, Any]:
    """Read the matrices of numbers and texts of a version 7.3 file; structures, cells and cubes are passed over.

    Raises:
        ReadError: The file is damaged, or an array is too large.
    """
    with vendor.damage_refused("a MATLAB 7.3 file (HDF5)", where=where), h5py.File(io.BytesIO(data), "r") as file:
        arrays: dict[str, Any] = {}
        for link in list(file)[:_MOST_ARRAYS]:
            item = file.get(link)
            name = link.decode("latin-1") if isinstance(link, bytes) else link  # h5py gives bytes if it is not UTF-8
            if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu" or item.ndim != 2:
                continue
            vendor.refuse_beyond(8 * item.size, mat5.LARGEST, "the array", where=f"{where}, {name}")
            values = item[()]
            kind = item.attrs.get("MATLAB_class", b"")
            if kind == b"char":
                arrays[name] = np.array([_line(row) for row in values.T])
            elif kind in (b"double", b"single") or bytes(kind).startswith((b"int", b"uint")):
                arrays[name] = values.T  # MATLAB stores columns first
    return arrays


def _line(codes: Any) -> str:
    return "".join(chr(int(code)) for code in codes if 0 < int(code) < 0x110000)
