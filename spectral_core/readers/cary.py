"""CSV that Agilent Cary Eclipse writes: pairs of columns, wavelength and intensity, then a log of every scan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError, offenders
from spectral_core.readers import fluorescence, vendor
from spectral_core.readers.rows import split_cells
from spectral_core.readers.stated import agree_axis_unit, agreed_quantity, quantity
from spectral_core.readers.text import Row, decode_text, numbers, split_lines
from spectral_core.spectra import make_spectra

_START = re.compile(rb"[^\r\n]+,,?[^\r\n]*\r?\nWavelength \(nm\),[^\r\n]*\r?\n")
_FIELDS = (
    re.compile(r"\[([^\]]{1,40})\]\s*,\s*(\S.*)"),
    re.compile(r"([^:]{1,40}?)\s*:\s+(\S.*)"),
    re.compile(r"(\S.{0,60}?)\s{2,}(\S+(?: \S+)*)"),
)
"""A line of a log: "[Excitation (nm)] , 220.0000", "Collection Time: …", "Ex. Slit (nm)    5"."""
_NAMED = re.compile(r"_E[XM]_[0-9.]+$")

Floats = npt.NDArray[np.float64]


def is_cary(data: bytes) -> bool:
    """Whether a text is pairs of columns with the log of a Cary Eclipse."""
    return _START.match(data) is not None and b"Cary Eclipse" in data


def read_cary(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the scans of a file, each with the wavelength that its log says was held.

    Raises:
        ReadError: The table is damaged, scans are on different axes, or logs are not those of the scans.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_text(data, where=where))
    titles, heads = (split_cells(line, ",", where) for line in lines[:2])
    pairs = [i for i in range(0, len(heads) - 1, 2) if heads[i] and heads[i + 1]]
    if not pairs:
        raise ReadError(f"{where}, row 2", "pairs of wavelength and intensity", f"{len(heads)} headings", vendor.ANEW)
    axis, values = _scans(lines, pairs, heads, where)
    names = [titles[i] if i < len(titles) else "" for i in pairs]
    logs = _logs(lines[2 + axis.size :], names, where)
    agree_axis_unit(heads[0], axis_unit, where=f"{where}, row 2")
    n = len(names)
    metadata = {
        "instrument": [_instrument(log) for log in logs],
        "acquired_at": [vendor.moment(log.get("Collection Time", "")) for log in logs],
        "sample_name": [_NAMED.sub("", name) for name in names],
        vendor.METADATA_COLUMN: [vendor.as_column(log)[0] for log in logs],
    }
    held, wavelengths = _held(logs, where)
    if held:
        metadata[held] = [f"{value:.6g}" for value in wavelengths]
    unique = len(set(names)) == n
    metadata["spectrum"] = [""] if n == 1 else names if unique else [str(i + 1) for i in range(n)]
    if held == fluorescence.EXCITATION and n > 1:
        fluorescence.check_stokes(np.array(wavelengths), axis, values, needed=False, where=where)
    return make_spectra(
        values, axis, axis_unit=axis_unit, metadata=metadata, where=where,
        intensity_unit=agreed_quantity(quantity(heads[1]), intensity_unit, where=f"{where}, row 2"),
    )  # fmt: skip


def _scans(lines: Sequence[str], pairs: Sequence[int], heads: Sequence[str], where: str) -> tuple[Floats, Floats]:
    """Read d wavelengths and n × d intensities of the table, which ends at an empty line."""
    rows: list[Row] = []
    for number, line in enumerate(lines[2:], start=3):
        if not line.strip(", \t"):
            break
        rows.append((number, split_cells(line, ",", f"{where}, row {number}")))
        if len(rows[-1][1]) <= pairs[-1] + 1:
            raise ReadError(f"{where}, row {number}", f"{pairs[-1] + 2} cells", f"{len(rows[-1][1])}", vendor.ANEW)
    if len(rows) < 2:
        raise ReadError(where, "scans of two or more points", f"{len(rows)} rows", vendor.ANEW)
    names = [f"{i + 1} ({head})" for i, head in enumerate(heads)]
    table = numbers(rows, [i + j for i in pairs for j in (0, 1)], names, where=where)
    axes, values = table[:, 0::2].T, table[:, 1::2].T
    odd = [pairs[i] + 1 for i in range(len(pairs)) if not np.array_equal(axes[i], axes[0])]
    if odd:
        raise ReadError(where, "one axis for all scans", f"another in column {offenders(odd)}",
                        "Export every scan to a file of its own.")  # fmt: skip
    return axes[0], values


def _logs(lines: Sequence[str], names: Sequence[str], where: str) -> list[dict[str, str]]:
    """Part the text under the table into one log a scan, each headed by the scan's name."""
    logs: list[dict[str, str]] = []
    for line in lines:
        text = line.strip(" \t")
        if len(logs) < len(names) and text.rstrip(",") == names[len(logs)] and not (logs and not logs[-1]):
            logs.append({})
        elif logs and (field := next(filter(None, (form.fullmatch(text) for form in _FIELDS)), None)):
            logs[-1].setdefault(" ".join(field[1].split()), field[2].removeprefix(":").strip())
    if len(logs) != len(names):
        raise ReadError(where, f"a log for each of {len(names)} scans", f"{len(logs)}", vendor.ANEW)
    return logs


def _held(logs: Sequence[Mapping[str, str]], where: str) -> tuple[str, list[float]]:
    """Give the column of the wavelength that was held, and its values; "" if the logs do not say."""
    for column, field, single in (
        (fluorescence.EXCITATION, "Excitation (nm)", "Ex. Wavelength (nm)"),
        (fluorescence.EMISSION, "Emission (nm)", "Em. Wavelength (nm)"),
    ):
        texts = [log.get(field, log.get(single, "") if log.get("3-D Mode") != "ON" else "") for log in logs]
        if not any(texts):
            continue
        try:
            return column, [float(text) for text in texts]
        except ValueError:
            raise ReadError(where, f"{field!r} in every log", "none, or no number, in some", vendor.ANEW) from None
    return "", []


def _instrument(log: Mapping[str, str]) -> str:
    return " ".join(filter(None, (log.get("Instrument", ""), log.get("Instrument Serial Number", ""))))
