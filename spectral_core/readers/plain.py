"""The quick way through the commonest text file: a few lines of head, then two columns of plain numbers.

The head and a few rows are laid out by the same code as any other text; the numbers of all rows are parsed at once.
Whatever is not as plain as that, or is refused in any respect, takes the thorough way, which says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_MOST_HEAD = 60
_DIGITS = b"0123456789.+-eE"
_STARTS_NUMBER = re.compile(rb"[\s\"']*[-+.,0-9]")
_GROUPS = re.compile(rb"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_LAST = b" 7.3125e-201"
_DELIMITERS = (b"\t", b";", b"|", b",", b" ")


@dataclass(frozen=True)
class Plain:
    """Two columns of numbers, and a short text that has the same layout.

    Args:
        excerpt: The head and the first rows of the numbers.
        rows: How many rows of numbers the excerpt has: more than its head has lines, so that it is laid out
            like the whole.
        values: n × 2, all rows.
    """

    excerpt: bytes
    rows: int
    values: npt.NDArray[np.float64]


def plain_columns(data: bytes) -> Plain | None:
    """Parse a text whose lines, but for a short head, each hold two numbers and one delimiter.

    Returns:
        None unless every such line is made of digits, signs, points and exponents alone, all numbers are finite,
        no point may part thousands, and no line of the head starts like a number.

    Example:
        >>> plain_columns(b"nm;counts\\n" + b"400;1.5\\n402;2.5\\n" * 40).values.shape
        (80, 2)
    """
    text = data.rstrip(b"\r\n").replace(b"\r\n", b"\n")
    first = text.split(b"\n", _MOST_HEAD)[:_MOST_HEAD]
    delimiter = _delimiter(text)
    allowed = _DIGITS + delimiter
    head = next((i for i in range(len(first), 0, -1) if not first[i - 1] or first[i - 1].translate(None, allowed)), 0)
    body = text[sum(map(len, first[:head])) + head :]
    lines, kept = body.count(b"\n") + 1, head + 8
    if not delimiter or lines < max(2 * kept, _MOST_HEAD) or body.translate(None, allowed + b"\n"):
        return None
    if any(map(_STARTS_NUMBER.match, first[:head])):
        return None
    if not _two_a_line(body, delimiter):
        return None
    spaced = body.replace(delimiter, b" ")
    values = _parse(spaced, 2 * lines)
    if values is None or not np.isfinite(values).all() or not _marks_decimals(spaced):
        return None
    rows = body.split(b"\n", kept)[:kept]
    return Plain(b"\n".join([*first[:head], *rows]), kept, values.reshape(lines, 2))


def _delimiter(text: bytes) -> bytes:
    last = text[text.rfind(b"\n") + 1 :]
    return next((mark for mark in _DELIMITERS if mark in last), b"")


def _two_a_line(body: bytes, delimiter: bytes) -> bool:
    """Whether every line has two cells, none of them empty."""
    characters = np.frombuffer(b"\n" + body + b"\n", dtype=np.uint8)
    ends = characters == ord("\n")
    parts = characters == ord(delimiter)
    if delimiter != b" ":
        # delimiters and ends of lines take turns, and between any two of them is a cell
        marks = np.flatnonzero(ends | parts)
        return bool((np.diff(marks) > 1).all() and parts[marks[1::2]].all() and ends[marks[::2]].all())
    gaps = ends | parts
    starts = np.flatnonzero(gaps[:-1] & ~gaps[1:])
    cells_before = np.searchsorted(starts, np.flatnonzero(ends))
    return bool((np.diff(cells_before) == 2).all())


def _parse(cells: bytes, count: int) -> npt.NDArray[np.float64] | None:
    """Parse so many numbers between white space; None if a cell is no number.

    Of a cell that is none, the parser makes two numbers or stops: then there are too many, or the last that is put
    here is not reached.
    """
    try:
        values = np.fromstring(cells + _LAST, dtype=np.float64, sep=" ")
    except (ValueError, DeprecationWarning):  # that it stops is a warning up to some version of numpy
        return None
    return values[:-1] if values.size == count + 1 and values[-1] == float(_LAST) else None


def _marks_decimals(cells: bytes) -> bool:
    """Whether points mark decimals: there is none, or one that cannot part thousands."""
    if b"." not in cells:
        return True
    for some in (cells[:200].split()[:-1], cells.split()):
        if any(b"." in cell and not _GROUPS.fullmatch(cell) for cell in some):
            return True
    return False
