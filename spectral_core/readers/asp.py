"""ASP: a spectrum as one column of numbers, as Nicolet and Perkin Elmer programs export it."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers.text import decode_text, numbers, split_lines
from spectral_core.spectra import make_spectra

HEAD = 6
"""Number of points, first and last position, and three codes; then the intensities, evenly spaced."""

_START = re.compile(
    rb"\s*[0-9]{1,9}[ \t]*\r?\n(?:[ \t]*[-+0-9.eE]{1,40}[ \t]*\r?\n){2}(?:[ \t]*[0-9]{1,3}[ \t]*\r?\n){3}"
)


def is_asp(data: bytes) -> bool:
    """Whether the content starts as ASP does: a number of points, two positions, three small codes."""
    return _START.match(data) is not None


def read_asp(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read an ASP file; it states neither unit, so the study's are taken.

    Raises:
        ReadError: The number of points is not the number of lines, or a line is no finite number.
    """
    lines = split_lines(decode_text(data, where=where))
    rows = [(number, [line.strip()]) for number, line in enumerate(lines, start=1) if line.strip()]
    values = numbers(rows, [0], ["1"], where=where)[:, 0]
    points, first, last = int(values[0]), float(values[1]), float(values[2])
    if points != values.size - HEAD or points < 1:
        raise ReadError(
            f"{where}, row {rows[0][0]}", f"{points} intensities after {HEAD} lines", f"{values.size - HEAD}",
            "The file is damaged or cut off; export it anew.",
        )  # fmt: skip
    return make_spectra(
        values[HEAD:], np.linspace(first, last, points), axis_unit=axis_unit, intensity_unit=intensity_unit,
        metadata={"spectrum": [""]}, where=where,
    )  # fmt: skip
