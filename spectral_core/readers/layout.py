"""Where in a text the table lies and how it is laid out: decided by evidence, or refused."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spectral_core.errors import ReadError
from spectral_core.readers.stated import axis_units, quantity
from spectral_core.readers.text import Row, as_float, is_number, is_numeric

WHITESPACE = " "
_HARD = ("\t", ";", "|")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,?[0-9]+(?:[eE][+-]?[0-9]+)?")
_ASIDE = ("#", ">", "%%", "//")
_IDENTITIES = frozenset({
    "id", "label", "class", "sample", "name", "spectrum", "file", "filename", "unit", "batch", "replicate",
    "no", "no.", "nr", "nr.", "index", "number", "row", "plate", "variety", "group", "target", "y",
    "sample id",
})  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table in a text: `head` are the rows above it, `body` its rows of numbers, all of one length.

    `spectra_in_rows`: the last row of `head` holds the axis positions, among the headings of text columns.
    """

    head: tuple[Row, ...]
    body: tuple[Row, ...]
    spectra_in_rows: bool
    delimiter: str

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.body[0][1])


def find_table(lines: Sequence[str], *, axis_unit: str, where: str) -> Table:
    """Find delimiter, table and layout in the lines of a text.

    Raises:
        ReadError: There is no table of at least two columns, a row has more or fewer cells than the others or
            text among its numbers, or the layout is ambiguous: the remedy says how to settle it.
    """
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not filled:
        raise ReadError(where, "spectra", "a file without content", "Remove the file or export it anew.")
    _refuse_repeated_axis(filled, where)
    delimiter = sniff_delimiter([line for _, line in filled])
    rows = _split_rows(filled, delimiter, where)
    rows = _without_empty_column(rows, width := _width(rows))
    width = _width(rows) if any(len(cells) == width for _, cells in rows) else width - 1
    if width < 2:
        raise ReadError(where, "a table with an axis and intensities", "no table of two or more columns",
                        "Export the spectrum as two columns: axis and intensity.")  # fmt: skip
    top = _positions_row(rows, width)
    if top is not None:
        return _under_positions(rows, top, delimiter, axis_unit, where)
    return _in_columns(rows, width, delimiter, where)


def sniff_delimiter(lines: Sequence[str]) -> str:
    r"""Choose among tab, semicolon, bar, comma and white space by the last lines of the text.

    A comma delimits unless numbers with decimal commas stand between white space.

    Example:
        >>> [sniff_delimiter([line]) for line in ("1,5;2", "1,5\t2,5", "1,5 2,5", "1.5, 2", "1 2")]
        [';', '\t', ' ', ',', ' ']
    """
    tail = [line for line in lines[len(lines) // 2 :][-60:] if not line.lstrip().startswith(_ASIDE)] or lines[-1:]
    needed = len(tail) / 2
    for mark in _HARD:
        if sum(mark in line for line in tail) >= needed:
            return mark
    if sum("," in line for line in tail) < needed:
        return WHITESPACE
    worded = [line.split() for line in tail]
    spaced = sum(
        len(words) > 1 and all(_DECIMAL_COMMA.fullmatch(word) for word in words if "," in word) for words in worded
    )
    return WHITESPACE if spaced >= needed else ","


def _split_rows(filled: Sequence[tuple[int, str]], delimiter: str, where: str) -> list[Row]:
    tabs = delimiter == "\t" or not any("\t" in line for _, line in filled)
    plain = tabs and delimiter != WHITESPACE
    return [
        (number, line.split(delimiter))
        if plain and " " not in line and '"' not in line
        else (number, split_cells(line, delimiter, f"{where}, row {number}"))
        for number, line in filled
    ]


def split_cells(line: str, delimiter: str, where: str) -> list[str]:
    """Split a line into stripped cells; quotes guard delimiters."""
    if delimiter == WHITESPACE:
        return [cell.strip('"') for cell in line.split()]
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise ReadError(where, "cells with balanced quotes", str(error), "Repair the line.") from None


def is_aside(row: Row) -> bool:
    """Whether a row is a comment or a mark such as `>>>>>End Spectral Data<<<<<`."""
    return row[1][0].startswith(_ASIDE)


def _width(rows: Sequence[Row]) -> int:
    tail = [cells for row in rows[-60:] for cells in [row[1]] if not is_aside(row)]
    dense = [len(cells) for cells in tail if sum(map(is_number, cells)) >= 2]
    widths = dense or [len(cells) for cells in tail[-1:]] or [0]
    most = Counter(widths).most_common()
    return max(width for width, count in most if count == most[0][1])


def _without_empty_column(rows: list[Row], width: int) -> list[Row]:
    """Drop what delimiters at the ends of lines leave, if they end every line of the table."""
    full = [cells for _, cells in rows if len(cells) == width]
    while full and width > 2 and not any(cells[width - 1] for cells in full):
        width -= 1
    return [(number, cells[:width]) for number, cells in rows] if full and len(full[0]) > width else rows


def _positions_row(rows: Sequence[Row], width: int) -> int | None:
    """Find the row of positions above columns: the first with numbers beside a heading or an empty corner."""
    full = [i for i, row in enumerate(rows) if len(row[1]) == width and not is_aside(row)]
    for order, at in enumerate(full[:-1]):
        cells, below = rows[at][1], rows[full[order + 1]][1]
        numeric = [i for i, cell in enumerate(cells) if is_number(cell)]
        corner = len(numeric) == width - 1 > 1 and not cells[0]
        if numeric and all(map(is_numeric, cells)) and not corner:
            return None
        if len(numeric) < 2 or len(numeric) < min(3, width / 2) or not any(is_number(below[i]) for i in numeric):
            continue
        headed = order > 0 and sum(map(_is_text, rows[full[order - 1]][1])) >= 2
        return None if headed or _is_broken_data(rows, at, numeric) else at
    return None


def _is_broken_data(rows: Sequence[Row], at: int, numeric: Sequence[int]) -> bool:
    """Whether a row continues the columns below it, so that its text stands where a number should."""
    below = [cells for _, cells in rows[at + 1 :] if len(cells) == len(rows[at][1])]
    first = [as_float(rows[at][1][0]), *(as_float(cells[0]) for cells in below)]
    texts = set(range(len(rows[at][1]))).difference(numeric)
    return _ordered(first) and all(is_number(cells[i]) for cells in below for i in texts)


def _is_text(cell: str) -> bool:
    return bool(cell) and not is_numeric(cell)


def _under_positions(rows: list[Row], top: int, delimiter: str, axis_unit: str, where: str) -> Table:
    head, body = rows[: top + 1], _body(rows[top + 1 :], len(rows[top][1]), where)
    cells = rows[top][1]
    named = [i for i, cell in enumerate(cells) if not is_number(cell)]
    first = [as_float(row[1][0]) for row in body]
    if named != [0] or np.isnan(first).any():
        return Table(tuple(head), tuple(body), True, delimiter)
    positions = [as_float(cell) for cell in cells[1:]]
    ordered = _ordered(first)
    if cells[0] and ordered and not _ordered(positions):
        return Table(tuple(head), tuple(body), False, delimiter)
    counted, rows_counted = _counts(positions), _counts(first)
    if axis_units(cells[0]) and counted:
        return Table(tuple(head), tuple(body), False, delimiter)
    in_rows = not axis_units(cells[0]) and (not counted or axis_unit == "channel")
    if in_rows and (cells[0].lower() in _IDENTITIES or not ordered or (rows_counted and not counted)):
        return Table(tuple(head), tuple(body), True, delimiter)
    if counted and not rows_counted and ordered and cells[0].lower() not in _IDENTITIES:
        return Table(tuple(head), tuple(body), False, delimiter)
    raise _matrix(f"{where}, row {rows[top][0]}", cells[1], body[0][1][0])


def _matrix(place: str, above: str, left: str) -> ReadError:
    return ReadError(
        place, "spectra in rows or in columns",
        f"numbers both above ({above}, …) and left ({left}, …), as in an excitation-emission matrix",
        "Head the first column 'id' for spectra in rows; give spectra in columns names that are no numbers.",
    )  # fmt: skip


def _ordered(values: Sequence[float]) -> bool:
    rising = [after > before for before, after in pairwise(values)]
    return all(rising) or all(after < before for before, after in pairwise(values))


def _counts(values: Sequence[float]) -> bool:
    return list(values) in (list(range(len(values))), list(range(1, len(values) + 1)))


def _body(rows: Sequence[Row], width: int, where: str) -> list[Row]:
    body = [row for row in rows if not is_aside(row)]
    if not body:
        raise ReadError(where, "rows of numbers under the positions", "none", "Export the file anew.")
    for number, cells in body:
        if len(cells) != width:
            raise ReadError(f"{where}, row {number}", f"{width} cells as in the rest of the table",
                            f"{len(cells)}", "Repair the line; the file may be cut off.")  # fmt: skip
    return body


def _in_columns(rows: list[Row], width: int, delimiter: str, where: str) -> Table:
    def is_data(row: Row) -> bool:
        cells = row[1]
        return len(cells) == width and any(map(is_number, cells)) and all(map(is_numeric, cells))

    start = next((i for i, row in enumerate(rows) if is_data(row)), None)
    if start is None:
        remedy = "Export axis and intensity as columns; head spectra in rows with their positions."
        raise ReadError(where, "a table of numbers", "no row of numbers under a heading", remedy)
    head, body = rows[:start], _body(rows[start:], width, where)
    above = next((row for row in reversed(head) if not is_aside(row)), None)
    if above is not None and is_number(above[1][0]) and above[1] != [str(len(body))]:
        if len(above[1]) != width:
            _body([above], width, where)
        bad = next(cell for cell in above[1] if not is_numeric(cell))
        place = f"{where}, row {above[0]}, column {above[1].index(bad) + 1}"
        raise ReadError(place, "a finite number", repr(bad), "Repair the file or leave the spectrum out.")
    _refuse_bare_matrix(body, above, where)
    return Table(tuple(head), tuple(body), False, delimiter)


def _refuse_bare_matrix(body: Sequence[Row], above: Row | None, where: str) -> None:
    """Refuse numbers without headings whose first row ascends or descends like an axis."""
    number, cells = body[0]
    if len(cells) < 4 or len(body) < 2 or (above is not None and len(above[1]) == len(cells)):
        return
    if _ordered([as_float(cell) for cell in cells[1:]]):
        raise _matrix(f"{where}, row {number}", cells[1], body[1][1][0])


def _refuse_repeated_axis(filled: Sequence[tuple[int, str]], where: str) -> None:
    """Refuse tables of pairs, each spectrum with an axis of its own."""
    for number, line in filled[:60]:
        for mark in (*_HARD, ","):
            cells = [cell.strip() for cell in line.split(mark)]
            twice = len(cells) > 3 and len(set(cells)) < len(cells) and Counter(cells).most_common(3)
            for cell, count in twice or ():
                if count > 1 and not is_numeric(cell) and axis_units(cell):
                    found = f"{count} columns {cell!r}"
                    remedy = "Export every spectrum to a file of its own."
                    raise ReadError(f"{where}, row {number}", "one axis for all spectra", found, remedy)


def headings(table: Table, *, where: str) -> tuple[list[str], list[str]]:
    """Give the names and the units above the columns of a table, "" where nothing is written."""
    head = [_respaced(row, table, where) for row in table.head[-3:]]
    fitting = [cells for cells in head if len(cells) == table.width and any(map(_is_text, cells))]
    if table.width == 2 and fitting and is_number(fitting[-1][1]):
        fitting = []
    if len(fitting) > 1 and all(_is_unit(cell) for cell in fitting[-1]):
        return fitting[-2], fitting[-1]
    return (fitting[-1] if fitting else [""] * table.width), [""] * table.width


def _respaced(row: Row, table: Table, where: str) -> list[str]:
    cells = [cell.lstrip("#").strip() if i == 0 else cell for i, cell in enumerate(row[1])]
    if table.delimiter != WHITESPACE:
        return cells
    return [cell for cell in cells if cell]


def _is_unit(cell: str) -> bool:
    bare = cell.strip("()[] ")
    bracketed = cell[:1] in ("[", "(") and cell[-1:] in ("]", ")")
    return not bare or bracketed or bool(axis_units(bare) or quantity(bare)) or bare in ("%", "a.u.", "au")
