"""Text that BWSpec writes for B&W Tek spectrometers: a line a setting, then a table with all quantities."""

from __future__ import annotations

import re

import xarray as xr

from spectral_core.readers import vendor
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.text import decode_text, split_lines

_START = re.compile(rb"File Version\s*[;,\t]\s*BWSpec")


def is_bwtek(data: bytes) -> bool:
    """Whether a text starts with a version of BWSpec."""
    return _START.match(data.removeprefix(b"\xef\xbb\xbf")) is not None


def read_bwtek(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the column that the study names, such as "Dark Subtracted #1"; the Raman shift or wavelength by its unit.

    Raises:
        ReadError: As `read_delimited`.
        SpectraError: The numbers break the Spectra contract.
    """
    dataset = read_delimited(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)
    lines = split_lines(decode_text(data, where=where))
    delimiter = lines[0][len("File Version") :].strip()[:1] or ";"
    stated: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(delimiter)
        if name.strip().lower() == "pixel":
            break
        stated[name.strip()] = text.strip()
    instrument = " ".join(filter(None, (stated.get("model", ""), stated.get("c code", ""))))
    return vendor.with_columns(
        dataset, {"instrument": instrument, "acquired_at": vendor.moment(stated.get("Date", ""))}, stated
    )
