"""Text from bytes, lines from text, numbers from cells: with the place of everything that does not fit."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from spectral_core.errors import ReadError

Row = tuple[int, list[str]]
"""Line number, counted from 1, and the stripped cells of the line."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)*|[.,][0-9]+)(?:[eEdD][+-]?[0-9]{1,4})?")
_GROUPS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")
_MISSING = frozenset({
    "", "nan", "-nan", "na", "n/a", "n.a.", "n.d.", "nd", "#n/a", "null", "none", "-", "--", "?", "inf", "-inf", "+inf",
    "infinity", "-infinity", "+infinity", "#value!", "#div/0!", "#num!", "1.#ind", "-1.#ind", "1.#qnan",
    "1.#inf", "-1.#inf", "missing", "overflow", "####",
})  # fmt: skip


def decode_text(data: bytes, *, where: str) -> str:
    """Decode UTF-8, or UTF-16 and UTF-8 by their marks, or else Latin-1.

    Raises:
        ReadError: The bytes are no text: they hold control characters.
    """
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = data.decode("utf-16")
            data = text.encode("utf-8")
        else:
            text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    binary = _CONTROL.search(data)
    if binary:
        found = f"binary data (byte 0x{binary[0].hex()} at offset {binary.start()}, first {data[:8].hex(' ')})"
        raise ReadError(
            where,
            "text or a known binary format",
            found,
            "Export the file as text or JCAMP-DX, or remove it.",
        )
    return text


def split_lines(text: str) -> list[str]:
    """Split at the line ends of any system, and nowhere else; line n is element n - 1."""
    return text.rstrip("\x1a").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def is_number(cell: str) -> bool:
    """Whether a cell is written like a number, with whatever decimal mark.

    Example:
        >>> [is_number(cell) for cell in ("1e-3", "1,234.5", ".5", "nan", "1_000", "3 mm")]
        [True, True, True, False, False, False]
    """
    return len(cell) <= 60 and _NUMBER.fullmatch(cell) is not None


def is_numeric(cell: str) -> bool:
    """Whether a cell is a number or one of the marks that stand for a missing or infinite one."""
    return is_number(cell) or cell.lower() in _MISSING


def decimal_mark(cells: Iterable[str], *, where: str) -> str:
    """Decide between point and comma by the evidence of all cells; "." if neither occurs.

    Only a number that no thousand separators could have made ("0,5", "12,34", "1234,500") is evidence for a
    decimal comma. A decimal point needs none, being the usual one; see `refuse_grouped_points`.

    Raises:
        ReadError: Both marks occur, or thousand separators, or the evidence decides nothing.
    """
    marked = [cell for cell in cells if "," in cell or "." in cell]
    commas = [cell for cell in marked if "," in cell]
    if not commas:
        return "."
    remedy = "Export the numbers with a decimal point and without thousand separators."
    points = next((cell for cell in marked if "." in cell), "")
    grouped = next((cell for cell in commas if "." in cell or cell.count(",") > 1), "")
    if grouped:
        raise ReadError(where, "numbers without thousand separators", repr(grouped), remedy)
    if points:
        raise ReadError(where, "one decimal mark", f"{commas[0]!r} and {points!r}", remedy)
    if all(_GROUPS.fullmatch(cell) for cell in commas):
        raise ReadError(where, "evidence for a decimal comma or for thousand separators",
                        f"numbers such as {commas[0]!r}, which may be either", remedy)  # fmt: skip
    return ","


def refuse_grouped_points(columns: Sequence[Sequence[str]], *, where: str) -> None:
    """Refuse numbers whose every point may part thousands, beside whole ones ("987" and "1.001")."""
    pointed = [cell for column in columns for cell in column if "." in cell]
    if not pointed or not all(_GROUPS.fullmatch(cell) for cell in pointed):
        return
    for column in columns:
        whole = next((cell for cell in column if cell.lstrip("+-").isdigit()), "")
        grouped = next((cell for cell in column if "." in cell), "")
        if whole and grouped:
            raise ReadError(where, "evidence for a decimal point or for thousand separators",
                            f"{whole!r} and {grouped!r} in one column, which may be either",
                            "Export the numbers without thousand separators.")  # fmt: skip


def numbers(
    rows: Sequence[Row], columns: Sequence[int], names: Sequence[str], *, where: str
) -> npt.NDArray[np.float64]:
    """Parse the chosen columns of a table at once.

    Args:
        rows: n rows with their line numbers; every row has all the columns.
        columns: k indices of columns.
        names: Names of all columns, for messages.
        where: Place named in errors.

    Returns:
        n × k finite numbers.

    Raises:
        ReadError: A cell is empty, no number, NaN or infinite (line and column are named), or the decimal
            mark is uncertain.
    """
    cells = [[row[column] for column in columns] for _, row in rows]
    flat = list(chain.from_iterable(cells))
    text = "".join(flat)
    if "," in text and decimal_mark((cell for cell in flat if is_number(cell)), where=where) == ",":
        flat = [cell.replace(",", ".") for cell in flat]
    elif "." in text and not _proves_point(flat):
        refuse_grouped_points(list(zip(*cells, strict=True)), where=where)
    if "d" in text or "D" in text:
        flat = [cell.replace("d", "e").replace("D", "e") if is_number(cell) else cell for cell in flat]
    try:
        values = np.array(list(map(float, flat)), dtype=np.float64).reshape(len(rows), len(columns))
    except ValueError:
        _refuse_cell(rows, columns, names, where)
    if "_" in text or not text.isascii() or not np.isfinite(values).all():
        _refuse_cell(rows, columns, names, where)
    return values


def _proves_point(flat: Sequence[str]) -> bool:
    return any("." in cell and not _GROUPS.fullmatch(cell) for cell in flat)


def as_float(cell: str) -> float:
    """Give the number that a cell holds, whatever its decimal mark; NaN if it holds none."""
    try:
        return float(cell.lower().replace("d", "e").replace(",", ".")) if is_number(cell) else float("nan")
    except ValueError:
        return float("nan")


def _refuse_cell(rows: Sequence[Row], columns: Sequence[int], names: Sequence[str], where: str) -> NoReturn:
    for line, cells in rows:
        for column in columns:
            if not np.isfinite(as_float(cells[column])):
                raise ReadError(f"{where}, row {line}, column {names[column]}", "a finite number",
                                repr(cells[column][:40]) if cells[column] else "an empty cell",
                                "Repair the file or leave the spectrum out.")  # fmt: skip
    raise ReadError(where, "numbers in plain digits", "a table that does not parse", "Export the file anew.")
