"""The formats by the order in which content is held against them: marks that only one format has come first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import (
    asd,
    asp,
    avantes,
    bwtek,
    cary,
    hitachi,
    horiba,
    jasco,
    labspec,
    matlab,
    npz,
    ocean,
    omnic,
    opus,
    shimadzu,
    spc,
    wdf,
)
from spectral_core.readers.jcamp import read_jcamp
from spectral_core.readers.netcdf import read_netcdf, read_zarr, zip_entries

Read = Callable[..., xr.Dataset]
"""Takes the content and, by keyword, `axis_unit`, `intensity_unit` and `where`."""

_JCAMP_START = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s*\$\$[^\r\n]*[\r\n]+)*\s*##\s*(?:TITLE|JCAMP)", re.IGNORECASE)
_NETCDF_3 = (b"CDF\x01", b"CDF\x02", b"CDF\x05")


@dataclass(frozen=True)
class Format:
    """A format: its name, whether content is in it, its reader, and whether that needs a process of its own.

    `apart` is true where a library decodes the content that a damaged file can hang, crash or make take all memory.
    """

    name: str
    matches: Callable[[bytes], bool]
    read: Read
    apart: bool = False


def _starts(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(marks)


def _read_zip(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    entries = zip_entries(data, where=where)
    return read_zarr(entries, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)


def _refuse_netcdf_3(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    raise ReadError(where, "NetCDF-4", "NetCDF-3", "Write it as NetCDF-4, with engine 'h5netcdf'.")


BINARY = (
    Format("NetCDF-4 (HDF5)", _starts(b"\x89HDF\r\n\x1a\n"), read_netcdf, apart=True),
    Format("numpy archive", npz.is_npz, npz.read_npz),
    Format("zip of a zarr group", _starts(b"PK\x03\x04"), _read_zip, apart=True),
    Format("NetCDF-3", _starts(*_NETCDF_3), _refuse_netcdf_3),
    Format("MATLAB 7.3 (HDF5)", matlab.is_matlab_73, matlab.read_matlab, apart=True),
    Format("MATLAB", matlab.is_matlab, matlab.read_matlab),
    Format("Bruker OPUS", _starts(opus.MAGIC), opus.read_opus),
    Format("Renishaw WDF", _starts(wdf.MAGIC), wdf.read_wdf),
    Format("Thermo OMNIC", _starts(omnic.MAGIC, omnic.SERIES), omnic.read_omnic),
    Format("ASD", asd.is_asd, asd.read_asd),
    Format("Galactic SPC", spc.is_spc, spc.read_spc),
)
TEXT = (
    Format("Hitachi fluorescence", hitachi.is_hitachi, hitachi.read_hitachi),
    Format("JASCO fluorescence", jasco.is_jasco, jasco.read_jasco),
    Format("Shimadzu fluorescence", shimadzu.is_shimadzu, shimadzu.read_shimadzu),
    Format("Horiba fluorescence", horiba.is_horiba, horiba.read_horiba),
    Format("Agilent Cary Eclipse", cary.is_cary, cary.read_cary),
    Format("Avantes", avantes.is_avantes, avantes.read_avantes),
    Format("B&W Tek", bwtek.is_bwtek, bwtek.read_bwtek),
    Format("Ocean Optics", ocean.is_ocean, ocean.read_ocean),
    Format("Horiba LabSpec", labspec.is_labspec, labspec.read_labspec),
    Format("ASP", asp.is_asp, asp.read_asp),
)
JCAMP = Format("JCAMP-DX", lambda data: _JCAMP_START.match(data) is not None, read_jcamp)


def format_of(data: bytes) -> Format | None:
    """Give the format that the content is in; None for delimited text and for what is unknown."""
    return next((known for known in (*BINARY, JCAMP, *TEXT) if known.matches(data)), None)
