"""Text that Horiba LabSpec 5 and 6 write: settings as `#name=value`, then one spectrum down or a map's across."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.readers.text import Row, decode_text, numbers, split_lines
from spectral_core.spectra import make_spectra

_FIELD = re.compile(r"#([^=]{1,60})=[ \t]*(.*)")
_START = re.compile(rb"#[^=\r\n]{1,60}=")
_MARKS = (b"#AxisUnit[", b"#AxisType[", b"#Spectro=", b"#Instrument=", b"#Laser=", b"#Acq. time (s)=")
_SPECTROGRAPH = re.compile(r"Spectro \((.{1,20})\)")
_PLACES = {"points": "point", "point": "point"} | {name: name for name in ("x", "y", "z", "time", "t")}
_QUANTITIES = {"cnt": "counts", "cnt/sec": "counts/s", "counts": "counts", "counts/s": "counts/s"}


def is_labspec(data: bytes) -> bool:
    """Whether a text starts with settings of LabSpec."""
    return _START.match(data) is not None and any(mark in data[:16384] for mark in _MARKS)


def read_labspec(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read a spectrum (two columns), or a map: a row of positions, then x, y and intensities row by row.

    Raises:
        ReadError: The table is damaged, or axis or quantity are others than the study's.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_text(data, where=where))
    fields = [match for line in lines if (match := _FIELD.fullmatch(line))]
    stated = {match[1].strip(): match[2].strip() for match in fields}
    rows = [(number, [cell.strip() for cell in line.rstrip("\t ").split("\t")])
            for number, line in enumerate(lines, start=1) if line.strip() and not line.startswith("#")]  # fmt: skip
    _require_table(rows, where)
    agree_axis_field(stated.get("AxisUnit[1]", ""), axis_unit, where=f"{where}, AxisUnit[1]")
    agree_axis_field(_unit_of_spectrograph(stated), axis_unit, where=f"{where}, Spectro")
    quantity = stated.get("AxisUnit[0]", "")
    measured = agreed_quantity(
        _QUANTITIES.get(quantity.lower(), quantity), intensity_unit, where=f"{where}, AxisUnit[0]"
    )
    beside = len(rows[0][1]) - len("\t".join(rows[0][1]).lstrip("\t").split("\t"))
    names = [str(i + 1) for i in range(len(rows[0][1]))]
    if beside == 0:
        table = numbers(rows, range(2), names, where=where)
        axis, values, places = table[:, 0], table[:, 1:].T, table[:, :0]
    else:
        table = numbers(
            [(rows[0][0], ["0"] * beside + rows[0][1][beside:]), *rows[1:]], range(len(names)), names, where=where
        )
        axis, values, places = table[0, beside:], table[1:, beside:], table[1:, :beside]
    metadata = _metadata(stated, len(values))
    for i, name in enumerate(_place_names(stated, beside)):
        metadata[name] = [f"{value:.9g}" for value in places[:, i]]
    return make_spectra(
        values, axis, axis_unit=axis_unit, intensity_unit=measured, metadata=metadata, where=where
    )  # fmt: skip


def _require_table(rows: Sequence[Row], where: str) -> None:
    if len(rows) < 2:
        raise ReadError(where, "a table under the settings", f"{len(rows)} rows", vendor.ANEW)
    width = len(rows[0][1])
    across = rows[0][1][0] == ""
    if width < 2 or (not across and width != 2):
        found = f"{width} columns"
        raise ReadError(
            f"{where}, row {rows[0][0]}", "position and intensity, or a row of positions", found, vendor.ANEW
        )
    for number, cells in rows:
        if len(cells) != width:
            raise ReadError(f"{where}, row {number}", f"{width} cells as in row {rows[0][0]}", f"{len(cells)}",
                            "The file is damaged or cut off; export it anew.")  # fmt: skip


def _unit_of_spectrograph(stated: Mapping[str, str]) -> str:
    """Give the unit in which LabSpec without AxisUnit says where its spectrograph stands: that of the axis."""
    units = [match[1].replace("¹", "1") for name in stated if (match := _SPECTROGRAPH.fullmatch(name))]
    return units[0] if units and "AxisUnit[1]" not in stated else ""


def _place_names(stated: Mapping[str, str], count: int) -> list[str]:
    """Name what stands beside the intensities; LabSpec writes Y before X, as the types of axes 3 and 2 tell.

    Without types two columns are the places of a map; one is a place or, of a series, a time or a number.
    """
    types = [stated.get(f"AxisType[{i}]", "").lower() for i in range(count + 1, 1, -1)]
    plain = {1: ["position"], 2: ["x", "y"]}.get(count, [f"position {i + 1}" for i in range(count)])
    named = [_PLACES.get(name, "") for name in types]
    return named if all(named) and len(set(named)) == count else plain


def _metadata(stated: Mapping[str, str], n: int) -> dict[str, list[str]]:
    instrument = stated.get("Instrument", stated.get("Spectro", ""))
    moment = stated.get("Acquired", stated.get("Date", ""))
    return {
        "spectrum": [str(i + 1) for i in range(n)] if n > 1 else [""],
        "instrument": [instrument] * n,
        "acquired_at": [vendor.moment(moment)] * n,
        "sample_name": [stated.get("Title", stated.get("Sample", ""))] * n,
        vendor.METADATA_COLUMN: vendor.as_column(stated, n),
    }
