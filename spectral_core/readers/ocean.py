"""Text that SpectraSuite, OceanView and their kin write for Ocean Optics (Ocean Insight) spectrometers."""

from __future__ import annotations

import re

import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.stated import agree_axis_unit
from spectral_core.readers.text import decode_text, split_lines

_BEGIN = re.compile(rb">>>>>\s*Begin (?:Processed )?Spectral Data\s*<<<<<")
_END = re.compile(r">>>>>\s*End (?:Processed )?Spectral Data\s*<<<<<")
_POINTS = ("Number of Pixels in Spectrum", "Number of Pixels in Processed Spectrum", "Number of Pixels in File")


def is_ocean(data: bytes) -> bool:
    """Whether the head of a text ends with the mark that begins the data."""
    return _BEGIN.search(data[:8192]) is not None


def read_ocean(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectrum between the marks; the number of pixels must be the one stated.

    The files do not state their quantity: the study's is recorded.

    Raises:
        ReadError: The table is damaged or shorter than stated, or the axis is of another unit.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_text(data, where=where))
    begin = next((i for i, line in enumerate(lines) if _BEGIN.search(line.encode("utf-8", "replace"))), None)
    if begin is None:
        raise ReadError(where, "a line that begins the data", "none", vendor.ANEW)
    end = next((i for i in range(begin, len(lines)) if _END.match(lines[i].strip())), len(lines))
    stated = {
        name.strip(): text.strip() for name, colon, text in (line.partition(":") for line in lines[:begin]) if colon
    }
    agree_axis_unit(stated.get("XAxis mode", ""), axis_unit, where=f"{where}, XAxis mode")
    # blank lines keep the numbers of the lines
    body = "\n" * (begin + 1) + "\n".join(lines[begin + 1 : end])
    dataset = read_delimited(body.encode(), axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)
    points = next((stated[name] for name in _POINTS if name in stated), "")
    if points and points != str(dataset.sizes["channel"]):
        raise ReadError(where, f"{points[:20]} pixels, as it says", f"{dataset.sizes['channel']}",
                        "The file is cut off or still being written; copy it anew.")  # fmt: skip
    told = {
        "instrument": stated.get("Spectrometers", stated.get("Spectrometer", "")),
        "acquired_at": vendor.moment(stated.get("Date", "")),
    }
    return vendor.with_columns(dataset, told, stated)
