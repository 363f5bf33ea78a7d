"""Which reader takes a content, and whether it is read in this process or apart from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.envi import is_envi, read_envi, refuse_lone_header, refuse_lone_numbers
from spectral_core.readers.formats import format_of
from spectral_core.readers.netcdf import read_zarr

JCAMP_SUFFIXES = (".jdx", ".dx", ".jcamp", ".jcm")


def is_read_apart(data: bytes, entries: Mapping[str, bytes]) -> bool:
    """Whether a library decodes the content that a damaged file can hang, crash or make take all memory."""
    if entries:
        return not any(is_envi(content) for content in entries.values())
    known = format_of(data)
    return known is not None and known.apart


def read_content(
    data: bytes, entries: Mapping[str, bytes], *, axis_unit: str, intensity_unit: str, where: str
) -> xr.Dataset:
    """Read content in whatever format, in this process; see `read_spectra`.

    Args:
        data: The content of a file; empty where there are entries.
        entries: Contents by name, of a zarr folder or of an ENVI cube and its header.
        axis_unit: Unit that the study declares.
        intensity_unit: Quantity that the study declares, or "".
        where: Name of the source.

    Raises:
        ReadError: The content cannot be read.
        SpectraError: The numbers break the Spectra contract.
    """
    declared = {"axis_unit": axis_unit, "intensity_unit": intensity_unit, "where": where}
    if any(is_envi(content) for content in entries.values()):
        return read_envi(entries, **declared)
    if entries:
        return read_zarr(entries, **declared)
    known = format_of(data)
    if known is not None:
        return known.read(data, **declared)
    if is_envi(data):
        refuse_lone_header(where)
    if PurePosixPath(where.lower()).suffix in JCAMP_SUFFIXES:
        raise ReadError(where, "JCAMP-DX, which starts with ##TITLE=", f"content that starts {data[:24]!r}",
                        "Export the file anew, or remove it.")  # fmt: skip
    refuse_lone_numbers(data, where)
    return read_delimited(data, **declared)
