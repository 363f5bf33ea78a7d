"""Lines of text into rows of cells: the delimiter, the table's width, and what is no row at all."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence

from spectral_core.errors import ReadError
from spectral_core.readers.stated import axis_units
from spectral_core.readers.text import Row, is_number, is_numeric

WHITESPACE = " "
_HARD = ("\t", ";", "|")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,?[0-9]+(?:[eE][+-]?[0-9]+)?")
_ASIDE = ("#", ">", "%%", "//")


def split_rows(lines: Sequence[str], *, where: str) -> tuple[list[Row], int, str]:
    """Split the lines that are not blank into cells.

    Returns:
        The rows with their line numbers, the number of cells of a row of the table, and the delimiter.

    Raises:
        ReadError: There is no table of two or more columns, quotes are not balanced, or every spectrum has an axis
            of its own.
    """
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not filled:
        raise ReadError(where, "spectra", "a file without content", "Remove the file or export it anew.")
    _refuse_repeated_axis(filled, where)
    delimiter = sniff_delimiter([line for _, line in filled])
    rows = _split(filled, delimiter, where)
    rows = _without_empty_column(rows, width := _width(rows))
    width = _width(rows) if any(len(cells) == width for _, cells in rows) else width - 1
    if width < 2:
        raise ReadError(where, "a table with an axis and intensities", "no table of two or more columns",
                        "Export the spectrum as two columns: axis and intensity.")  # fmt: skip
    return rows, width, delimiter


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


def _split(filled: Sequence[tuple[int, str]], delimiter: str, where: str) -> list[Row]:
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
    """Whether a row is a comment or a mark such as `>>>>>End Spectral Data<<<<<`; half full of numbers it is none."""
    cells = row[1]
    return cells[0].startswith(_ASIDE) and (len(cells) < 2 or 2 * sum(map(is_number, cells)) < len(cells))


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
    wide = len(full[0]) if full else width
    return [(number, cells[:width] if len(cells) == wide else cells) for number, cells in rows]


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
