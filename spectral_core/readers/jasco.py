"""CSV that Spectra Manager writes for JASCO FP fluorescence spectrometers."""

from __future__ import annotations

import re

import xarray as xr

from spectral_core.readers import fluorescence, vendor
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.japanese import decode_japanese
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.readers.text import is_number, split_lines

_START = re.compile(rb"TITLE[,\t;][^\r\n]*\r?\nDATA ?TYPE[,\t;][^\r\n]*FLUORESCENCE", re.IGNORECASE)
_DATA = "XYDATA"


def is_jasco(data: bytes) -> bool:
    """Whether a text starts as JASCO's fluorescence files do."""
    return _START.match(data.removeprefix(b"\xef\xbb\xbf")) is not None


def read_jasco(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read a matrix (excitation across, emission down) or a single spectrum.

    Raises:
        ReadError: The table is damaged, is not as FIRSTX, LASTX and NPOINTS say, or contradicts physics.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_japanese(data, where=where))
    delimiter = lines[0].removeprefix("TITLE")[:1]
    start = next((i for i, line in enumerate(lines) if line.split(delimiter)[0] == _DATA), 0)
    stated = {name: ", ".join(filter(None, map(str.strip, cells)))
              for name, *cells in (line.split(delimiter) for line in lines[:start])}  # fmt: skip
    agree_axis_field(stated.get("XUNITS", ""), axis_unit, where=f"{where}, XUNITS")
    measured = agreed_quantity(stated.get("YUNITS", ""), intensity_unit, where=f"{where}, YUNITS")
    told = {
        "instrument": stated.get("SPECTROMETER/DATA SYSTEM", ""),
        "acquired_at": vendor.moment(f"{stated.get('DATE', '')} {stated.get('TIME', '')}"),
        "sample_name": stated.get("TITLE", ""),
    }
    corner = lines[start + 1].split(delimiter) if start + 1 < len(lines) else [""]
    if is_number(corner[0].strip()):
        dataset = read_delimited("\n".join(lines[start + 1 :]).encode(), axis_unit=axis_unit, intensity_unit=measured,
                                 where=where)  # fmt: skip
        return vendor.with_columns(dataset, told, stated)
    rows = fluorescence.matrix_rows(lines, start + 1, delimiter=delimiter, where=where)
    excitation, emission, intensity = fluorescence.matrix_of(rows, emission_down=True, where=where)
    for name, found in (("FIRSTX", emission[0]), ("LASTX", emission[-1]), ("NPOINTS", emission.size)):
        vendor.refuse_other(stated.get(name, ""), float(found), where=f"{where}, {name}")
    fluorescence.check_stokes(excitation, emission, intensity, needed=False, where=where)
    return fluorescence.make_matrix(
        excitation, emission, intensity, axis_unit=axis_unit, intensity_unit=measured, told=told, stated=stated,
        where=where,
    )  # fmt: skip
