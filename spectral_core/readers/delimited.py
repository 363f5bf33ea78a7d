"""Delimited text: one spectrum as two columns, or a table with spectra in columns or in rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import OffbandError, ReadError
from spectral_core.readers import columns
from spectral_core.readers.layout import Table, find_table, headings
from spectral_core.readers.plain import Plain, plain_columns
from spectral_core.readers.stated import agree_axis_unit, agreed_quantity, quantity
from spectral_core.readers.text import Row, decode_text, is_number, numbers, split_lines
from spectral_core.spectra import make_spectra


@dataclass(frozen=True)
class Columns:
    """Spectra in columns as they are parsed: d positions, n × d intensities, their quantity, and n names."""

    axis: npt.NDArray[np.float64]
    intensity: npt.NDArray[np.float64]
    intensity_unit: str
    spectra: Sequence[str]


def read_delimited(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectra of a text file.

    Delimiter (tab, semicolon, bar, comma, white space), decimal mark, metadata lines above the numbers and
    the layout are found in the content. Headings of spectra in columns become the column `spectrum`; text
    columns beside spectra in rows are kept as metadata.

    Args:
        data: The file's content.
        axis_unit: Unit of the axis that the study declares; a file that heads its axis otherwise is refused.
        intensity_unit: Quantity that the study declares, "" if none. Chooses among columns of different
            quantities, by quantity ("reflectance") or by heading ("Dark Subtracted #1").
        where: Place named in errors.

    Raises:
        ReadError: The text holds no table of spectra or an ambiguous one, a cell is empty, no number, NaN or
            infinite, rows differ in length, or the axis is not strictly monotonic; row and column are named.
    """
    found = read_plain(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)
    if found is None:
        table = _table(data, axis_unit, where)
        if table.spectra_in_rows:
            return _rows(table, axis_unit, intensity_unit, where)
        found = _columns(table, axis_unit, intensity_unit, where)
    return make_spectra(
        found.intensity, found.axis, axis_unit=axis_unit, intensity_unit=found.intensity_unit,
        metadata={"spectrum": found.spectra}, where=where,
    )  # fmt: skip


def read_plain(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> Columns | None:
    """Read a text of two columns of plain numbers the quick way; None if it is none or anything is wrong with it.

    Args:
        data: The file's content, in no format of its own.
        axis_unit: As for `read_delimited`.
        intensity_unit: As for `read_delimited`.
        where: Place named in errors, none of which leaves this function.
    """
    plain = plain_columns(data)
    if plain is None:
        return None
    try:
        return _columns(_table(plain.excerpt, axis_unit, where), axis_unit, intensity_unit, where, plain)
    except OffbandError:
        return None


def _table(data: bytes, axis_unit: str, where: str) -> Table:
    table = find_table(split_lines(decode_text(data, where=where)), axis_unit=axis_unit, where=where)
    _agree_fields(table.head, axis_unit, where)
    return table


def _agree_fields(head: Sequence[Row], axis_unit: str, where: str) -> None:
    for number, cells in head:
        if len(cells) > 1 and cells[0].upper().rstrip(" :=") in ("XUNITS", "XUNIT", "X UNITS"):
            agree_axis_unit(cells[1], axis_unit, where=f"{where}, row {number}")


def _rows(table: Table, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    top = table.head[-1]
    channels = [i for i, cell in enumerate(top[1]) if is_number(cell)]
    texts = [i for i in range(table.width) if i not in set(channels)]
    names = [f"{i + 1} ({cell})" if cell else str(i + 1) for i, cell in enumerate(top[1])]
    agree_axis_unit(top[1][0], axis_unit, where=f"{where}, row {top[0]}")
    values = numbers([top, *table.body], channels, names, where=where)
    _check_order(values[0], lambda at: f"row {top[0]}, column {channels[at] + 1}", where)
    metadata = columns.from_file(
        {top[1][i] or f"column {i + 1}": [cells[i] for _, cells in table.body] for i in texts}, where=where
    )
    return make_spectra(
        values[1:], values[0], axis_unit=axis_unit, intensity_unit=intensity_unit, metadata=metadata,
        where=where,
    )  # fmt: skip


def _columns(table: Table, axis_unit: str, intensity_unit: str, where: str, plain: Plain | None = None) -> Columns:
    names, units = headings(table, where=where)
    shown = [f"{i + 1} ({name})" if name else str(i + 1) for i, name in enumerate(names)]
    axis, others = columns.axis_column(names, units, axis_unit, where=where)
    chosen = [i for i in range(table.width) if i not in {axis, *others}]
    stated = intensity_unit
    if columns.differ_in_quantity([names[i] for i in chosen], [units[i] for i in chosen]):
        chosen = [columns.choose(names, units, chosen, intensity_unit, where=where)]
    elif len(chosen) == 1:
        heading = quantity(units[chosen[0]]) or quantity(names[chosen[0]])
        stated = agreed_quantity(heading, intensity_unit, where=f"{where}, column {shown[chosen[0]]}")
    body = _calibrated(table.body, axis) if others else table.body
    _refuse_comma_puzzle(table, body, names, where)
    values = numbers(body, [axis, *chosen], shown, where=where)
    if plain is not None:
        values = _all_values(plain, values, axis, where)
    _check_order(values[:, 0], lambda at: f"row {body[at][0] if at < len(body) else at + 1}", where)
    spectra = columns.spectrum_names([names[i] for i in chosen], where=where)
    return Columns(values[:, 0], values[:, 1:].T, stated, spectra)


def _all_values(plain: Plain, values: npt.NDArray[np.float64], axis: int, where: str) -> npt.NDArray[np.float64]:
    """Give the numbers of all rows, if the excerpt was read as its two columns are meant."""
    found = plain.values[:, [axis, 1 - axis]]
    if not np.array_equal(values, found[: plain.rows]):
        raise ReadError(where, "the rows of two columns", "others", "Read the whole text.")
    return found


def _calibrated(body: Sequence[Row], axis: int) -> Sequence[Row]:
    """Leave out the pixels at either end that the instrument gives no position."""
    placed = [i for i, (_, cells) in enumerate(body) if cells[axis]]
    return body[placed[0] : placed[-1] + 1] if placed else body


def _refuse_comma_puzzle(table: Table, body: Sequence[Row], names: Sequence[str], where: str) -> None:
    """Refuse bare tables such as "400,5,0,12", whose commas may be decimal commas as well."""
    if table.delimiter != "," or table.width < 3 or any(names):
        return
    if not any("." in cell for _, cells in body for cell in cells):
        raise ReadError(where, "columns parted by commas, or decimal commas", "commas that may be either",
                        "Export with semicolons or tabs, or give every column a heading.")  # fmt: skip


def _check_order(axis: npt.NDArray[np.float64], place: Callable[[int], str], where: str) -> None:
    if axis.size < 2:
        raise ReadError(where, "a spectrum of two or more channels", f"{axis.size}", "Export the file anew.")
    sign = 1.0 if axis[-1] > axis[0] else -1.0
    wrong = np.flatnonzero(sign * np.diff(axis) <= 0)
    if wrong.size:
        at = int(wrong[0])
        what = "duplicated" if axis[at] == axis[at + 1] else "not monotonic"
        raise ReadError(f"{where}, {place(at + 1)}, axis", "strictly monotonic positions",
                        f"{axis[at + 1]:.10g} after {axis[at]:.10g} ({what})",
                        "Sort the channels and remove duplicates.")  # fmt: skip
