"""Where in a text the table lies and how it is laid out: decided by evidence, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spectral_core.errors import ReadError
from spectral_core.readers.rows import WHITESPACE, is_aside, split_rows
from spectral_core.readers.stated import axis_units, quantity
from spectral_core.readers.text import Row, as_float, is_number, is_numeric

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
    rows, width, delimiter = split_rows(lines, where=where)
    top = _positions_row(rows, width)
    if top is not None:
        return _under_positions(rows, top, delimiter, axis_unit, where)
    return _in_columns(rows, width, delimiter, where)


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
    numbered = all(cell.isdigit() for cell in cells[1:]) and axis_units(cells[0])
    if numbered and ordered and not _ordered(positions):
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
    above = [row for row in head if not is_aside(row)][-2:]
    _refuse_lost_row(above, width, len(body), where)
    _refuse_bare_matrix(body, above[-1] if above else None, where)
    return Table(tuple(head), tuple(body), False, delimiter)


def _refuse_lost_row(above: Sequence[Row], width: int, count: int, where: str) -> None:
    """Refuse a row right above the numbers that looks like one of them with a cell damaged or lost."""
    if not above:
        return
    number, cells = above[-1]
    under_heading = len(above) > 1 and len(above[0][1]) == width and bool(axis_units(above[0][1][0]))
    if cells == [str(count)] and not under_heading:
        return
    if is_number(cells[0]) and len(cells) != width:
        _body(above[-1:], width, where)
    if is_number(cells[0]) or (under_heading and len(cells) == width and all(map(is_number, cells[1:]))):
        bad = next(cell for cell in cells if not is_numeric(cell))
        place = f"{where}, row {number}, column {cells.index(bad) + 1}"
        raise ReadError(place, "a finite number", repr(bad), "Repair the file or leave the spectrum out.")


def _refuse_bare_matrix(body: Sequence[Row], above: Row | None, where: str) -> None:
    """Refuse numbers without headings whose first row ascends or descends like an axis."""
    number, cells = body[0]
    if len(cells) < 6 or len(body) < 2 or (above is not None and len(above[1]) == len(cells)):
        return
    if _ordered([as_float(cell) for cell in cells[1:]]):
        raise _matrix(f"{where}, row {number}", cells[1], body[1][1][0])


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
