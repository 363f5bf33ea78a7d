"""Text that AvaSoft writes: five lines of head, then wavelength, sample, dark, reference and the result."""

from __future__ import annotations

import re

import xarray as xr

from spectral_core.readers import vendor
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.text import decode_text, split_lines

_START = re.compile(rb"(?m)^Data measured with spectrometer (?:\[name\]|name):")
_INSTRUMENTS = ("Data measured with spectrometer [name]", "Data measured with spectrometer name")


def is_avantes(data: bytes) -> bool:
    """Whether the head of a text names a spectrometer as AvaSoft does."""
    return _START.search(data[:2048]) is not None


def read_avantes(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectrum; of several quantities the study chooses one (`counts` names none: set the heading).

    Raises:
        ReadError: As `read_delimited`.
        SpectraError: The numbers break the Spectra contract.
    """
    data = data.replace(b"\x00", b"")  # some versions of AvaSoft fill the name up with zeros
    dataset = read_delimited(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)
    lines = split_lines(decode_text(data, where=where))[:40]
    stated = {name.strip(): text.strip() for name, colon, text in (line.partition(":") for line in lines) if colon}
    name = next((stated[field] for field in _INSTRUMENTS if field in stated), "")
    told = {"instrument": f"Avantes {name}".strip(), "sample_name": lines[0].strip()}
    return vendor.with_columns(dataset, told, stated)
