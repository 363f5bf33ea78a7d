"""Matrices that Horiba's Aqualog and FluoroMax export: excitation across and emission down, without a header."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.readers import fluorescence
from spectral_core.readers.text import decode_text, is_number, split_lines

_NUMBER = rb"[0-9]+(?:\.[0-9]+)?"
_START = re.compile(
    rb"(?:Wavelength|F1)(?:\t" + _NUMBER + rb"){3,}\t?\r?\n"  # the wavelengths
    rb"(?:[^\r\n]*[A-Za-z][^\r\n]*\r?\n){0,2}" + _NUMBER + rb"\t"  # units and names, and the first row
)
Floats = npt.NDArray[np.float64]

_LOWEST, _HIGHEST = 150.0, 2500.0


def is_horiba(data: bytes) -> bool:
    """Whether a text starts with the corner of an Aqualog ("Wavelength") or FluoroMax ("F1") export."""
    first = data[:65536].partition(b"\n")[0].split(b"\t")
    if _START.match(data[:131072]) is None:
        return False
    return all(_LOWEST <= float(cell) <= _HIGHEST for cell in first[1:] if cell.strip())


def read_horiba(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read a matrix, whose axes the file does not name.

    Evidence is taken instead: the Aqualog scans the excitation in even steps and reads the emission from the
    pixels of a detector, which lie unevenly; else the half where emission is shorter must be dark.

    Raises:
        ReadError: The table is damaged, or physics does not bear out which axis is the excitation.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_text(data, where=where))
    rows = fluorescence.matrix_rows(lines, 0, delimiter="\t", where=where)
    # a row of units and one of names may stand under the wavelengths
    rows = [row for row in rows if row[0] not in (2, 3) or is_number(row[1][0])]
    excitation, emission, intensity = fluorescence.matrix_of(rows, emission_down=True, where=where)
    pixels = _is_even(excitation) and not _is_even(emission)
    fluorescence.check_stokes(excitation, emission, intensity, needed=not pixels, where=where)
    return fluorescence.make_matrix(
        excitation, emission, intensity, axis_unit=axis_unit, intensity_unit=intensity_unit,
        told={"instrument": "Horiba Aqualog" if data.startswith(b"Wavelength") else "Horiba FluoroMax"},
        stated={"corner": rows[0][1][0]}, where=where,
    )  # fmt: skip


def _is_even(wavelengths: Floats) -> bool:
    steps = np.diff(wavelengths)
    return bool(np.allclose(steps, steps[0], rtol=0, atol=1e-6))
