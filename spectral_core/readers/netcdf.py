"""Datasets in our own schema: NetCDF-4 (HDF5) from bytes, zarr from the bytes of its entries."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import xarray as xr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from spectral_core.errors import ReadError, offenders
from spectral_core.readers.columns import column_name
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.spectra import make_spectra

LARGEST = 2 * 2**30
"""Most bytes that a dataset may hold once it is decompressed."""

_METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
_DAMAGE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, NotImplementedError,
    OverflowError, EOFError, ZeroDivisionError, MemoryError, RecursionError, LookupError, ArithmeticError,
    SystemError,
)  # fmt: skip
_SCHEMA = "Write the dataset with spectral_core.spectra.make_spectra and Dataset.to_netcdf or to_zarr."


def read_netcdf(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read a NetCDF-4 file of our own schema.

    HDF5 itself may compute for ever on a file whose inner heap was altered, or crash: `read_spectra` therefore has it
    read in another process (`guard`). Read here only what is trusted.

    Raises:
        ReadError: The file is damaged, of another schema, too large, or states other units than the study.
        SpectraError: The numbers break the Spectra contract.
    """
    try:
        # h5netcdf leaves half a file object behind where HDF5 itself cannot open the bytes
        h5py.File(io.BytesIO(data), "r").close()
        with (
            _without_warnings(),
            xr.open_dataset(io.BytesIO(data), engine="h5netcdf", decode_timedelta=False) as dataset,
        ):
            loaded = _load(dataset, where)
    except _DAMAGE as error:
        raise _unreadable("NetCDF-4 (HDF5)", error, where) from None
    return _ours(loaded, axis_unit, intensity_unit, where)


def read_zarr(entries: Mapping[str, bytes], *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read a zarr group of our own schema, given as relative names and contents.

    Raises:
        ReadError: The group is damaged, of another schema, too large, holds pickled objects (which are never
            read), or states other units than the study.
        SpectraError: The numbers break the Spectra contract.
    """
    _refuse_pickles(entries, where)
    buffer = default_buffer_prototype().buffer
    store = MemoryStore({name: buffer.from_bytes(data) for name, data in entries.items()}, read_only=True)
    try:
        with (
            _without_warnings(),
            xr.open_zarr(store, consolidated=False, decode_timedelta=False, chunks=None) as dataset,
        ):
            loaded = _load(dataset, where)
    except _DAMAGE as error:
        raise _unreadable("a zarr group", error, where) from None
    folders = {name.partition("/")[0] for name in entries if "/" in name}
    lost = sorted(folders.difference(map(str, loaded.variables)))
    if lost:
        raise ReadError(where, "an array in every folder", f"none in {offenders(lost)}", "Write the group anew.")
    return _ours(loaded, axis_unit, intensity_unit, where)


def zip_entries(data: bytes, *, where: str) -> dict[str, bytes]:
    """Unpack a zarr group from a zip; entries are named relative to the group.

    Raises:
        ReadError: The zip is damaged, too large unpacked, or holds no zarr group.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            size = sum(info.file_size for info in infos)
            if size > LARGEST:
                raise _too_large(size, where)
            entries = {info.filename: _entry(archive, info) for info in infos}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, *_DAMAGE) as error:
        raise _unreadable("a zip of a zarr group", error, where) from None
    roots = sorted((name for name in entries if name.rpartition("/")[2] in ("zarr.json", ".zgroup")), key=len)
    if not roots:
        raise ReadError(where, "a zip that holds a zarr group", "another zip (an office document, perhaps)",
                        "Export the spectra as text, for instance CSV.")  # fmt: skip
    root = roots[0].rpartition("/")[0]
    return {name[len(root) :].lstrip("/"): content for name, content in entries.items() if name.startswith(root)}


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # never more than is declared, whatever the stream would unpack to
    with archive.open(info) as entry:
        return entry.read(info.file_size)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence what zarr and xarray warn of; what matters of it is checked on the dataset."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _refuse_pickles(entries: Mapping[str, bytes], where: str) -> None:
    for name, content in entries.items():
        if name.rpartition("/")[2] not in _METADATA:
            continue
        try:
            found = _mentions_pickle(json.loads(content))
        except (ValueError, RecursionError) as error:
            raise _unreadable(f"JSON in {name}", error, where) from None
        if found:
            raise ReadError(f"{where}, {name}", "numbers and texts", "pickled objects, which are never read", _SCHEMA)


def _mentions_pickle(node: Any) -> bool:
    """Whether the codecs of zarr metadata include a pickle."""
    if isinstance(node, dict):
        coded = any("pickle" in str(node.get(key, "")).lower() for key in ("id", "name"))
        return coded or any(map(_mentions_pickle, node.values()))
    return isinstance(node, list) and any(map(_mentions_pickle, node))


def _load(dataset: xr.Dataset, where: str) -> xr.Dataset:
    size = sum(variable.nbytes for variable in dataset.variables.values())
    if size > LARGEST:
        raise _too_large(size, where)
    return dataset.load()


def _ours(dataset: xr.Dataset, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    variables = dataset.variables
    shaped = {"intensity": ("sample", "channel"), "axis": ("channel",)}
    for name, dims in shaped.items():
        if name not in variables or variables[name].dims != dims or variables[name].dtype.kind not in "fiu":
            found = f"variables {sorted(map(str, variables))[:8]}"
            raise ReadError(where, f"numbers in {name}[{', '.join(dims)}]", found, _SCHEMA)
    stated = str(variables["axis"].attrs.get("units", ""))
    agree_axis_field(stated, axis_unit, where=f"{where}, axis")
    quantity = agreed_quantity(
        str(variables["intensity"].attrs.get("units", "")), intensity_unit, where=f"{where}, intensity"
    )
    metadata = {
        column_name(str(name)) if name == "sample" else str(name): _texts(variable.values)
        for name, variable in variables.items()
        if name not in shaped and variable.dims == ("sample",)
    }
    n = dataset.sizes["sample"]
    if n == 0:
        raise ReadError(where, "at least one spectrum", "none", "Remove the file.")
    metadata.setdefault("spectrum", [str(i + 1) for i in range(n)] if n > 1 else [""])
    return make_spectra(
        variables["intensity"].values, variables["axis"].values, axis_unit=axis_unit, intensity_unit=quantity,
        metadata=metadata, where=where,
    )  # fmt: skip


def _texts(values: npt.NDArray[Any]) -> list[str]:
    if values.dtype.kind == "M":
        return ["" if np.isnat(v) else str(np.datetime_as_string(v, unit="s")) for v in values]
    return [_text(value) for value in values.tolist()]


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _too_large(size: int, where: str) -> ReadError:
    return ReadError(where, f"at most {LARGEST} bytes unpacked", f"{size}", "Split the dataset.")


def _unreadable(what: str, error: Exception, where: str) -> ReadError:
    text = " ".join(str(error).split())[:160] or type(error).__name__
    return ReadError(where, what, f"damage: {text}", "Copy or write the file anew.")
