"""Text that SpectraSuite, OceanView, a Jaz and their kin write for Ocean Optics (Ocean Insight) spectrometers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.stated import agree_axis_unit, quantity
from spectral_core.readers.text import decode_text, split_lines

_BEGIN = re.compile(rb">>>>>\s*Begin (?:Processed )?Spectral Data\s*<<<<<|(?m:^>>>>>[^\r\n<>]{1,60}<<<<<)")
_MARK = ">>>>>"
_OF_SPECTROMETER = re.compile(r"\(([A-Z0-9+-]{4,20})\)$")
_JAZ = {"W": "Wavelength", "D": "Dark", "R": "Reference", "S": "Sample", "P": "Processed"}


def is_ocean(data: bytes) -> bool:
    """Whether the head of a text ends with the mark that begins the data, in whatever language."""
    return _BEGIN.search(data[:8192]) is not None


def read_ocean(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectrum between the marks; it must have all the pixels that are stated.

    The files do not state their quantity: the study's is recorded. A Jaz writes several columns (W, D, R, S, P):
    the study chooses "Dark", "Reference" or "Sample" by that heading, "Processed" by it or by any quantity but
    counts. OceanView joins the spectra of two spectrometers into more pixels than it states.

    Raises:
        ReadError: The table is damaged or shorter than stated, the axis is of another unit, or the study chooses
            none of several columns.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_text(data, where=where))
    begin = next((i for i, line in enumerate(lines) if _BEGIN.search(line.encode("utf-8", "replace"))), None)
    if begin is None:
        raise ReadError(where, "a line that begins the data", "none", vendor.ANEW)
    end = next((i for i in range(begin + 1, len(lines)) if lines[i].startswith(_MARK)), len(lines))
    stated = {
        name.strip(): text.strip() for name, colon, text in (line.partition(":") for line in lines[:begin]) if colon
    }
    agree_axis_unit(stated.get("XAxis mode", ""), axis_unit, where=f"{where}, XAxis mode")
    # blank lines keep the numbers of the lines
    body = "\n" * (begin + 1) + "\n".join(_with_headings(lines[begin + 1 : end], intensity_unit))
    dataset = read_delimited(body.encode(), axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)
    _refuse_fewer(stated, dataset.sizes["channel"], where)
    moments = (vendor.moment(text) for text in stated.values())
    told = {"instrument": _spectrometer(stated), "acquired_at": next(filter(None, moments), "")}
    return vendor.with_columns(dataset, told, stated)


def _with_headings(table: Sequence[str], intensity_unit: str) -> list[str]:
    """Write the letters that head the columns of a Jaz as words, and the processed one as the study's quantity."""
    letters = table[0].strip().split("\t") if table else []
    if letters[:1] != ["W"] or not set(letters) <= set(_JAZ):
        return list(table)
    processed = {"P": intensity_unit} if quantity(intensity_unit) not in ("", "counts") else {}
    return ["\t".join((_JAZ | processed)[letter] for letter in letters), *table[1:]]


def _refuse_fewer(stated: Mapping[str, str], channels: int, where: str) -> None:
    """Refuse fewer pixels than stated; every language has "pixel" in the name of that line."""
    points = next((text for name, text in stated.items() if "pixel" in name.lower()), "")
    if points and not (points.isdecimal() and channels >= int(points[:18])):
        raise ReadError(where, f"{points[:20]} pixels, as it says", f"{channels}",
                        "The file is cut off or still being written; copy it anew.")  # fmt: skip


def _spectrometer(stated: Mapping[str, str]) -> str:
    """Give the serial number, which stands by its name, or in any language behind each of the settings."""
    named = stated.get("Spectrometers", stated.get("Spectrometer", ""))
    serials = {found[1] for text in stated.values() if (found := _OF_SPECTROMETER.search(text))}
    return named or (serials.pop() if len(serials) == 1 else "")
