"""MATLAB 5 to 7, decoded here after "MAT-File Format" of The MathWorks: numbers, texts and cells of texts.

scipy.io is the second reader in the tests. It is not used here: a damaged file ends the process in it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.errors import ReadError
from spectral_core.readers import vendor

HEADER = 128
LARGEST = 512 * 2**20
"""Most bytes that the arrays of a file may take unpacked."""

_MOST_ELEMENTS = 1000
_COMPRESSED, _MATRIX = 15, 14
_CELL, _CHAR, _NUMBERS, _COMPLEX, _LOGICAL = 1, 4, range(6, 16), 0x08, 0x02
_FORMS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


@dataclass(frozen=True)
class Element:
    """A typed piece of the file: its type and its content."""

    kind: int
    content: bytes


def read_elements(data: bytes, *, where: str) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of numbers and texts of a file; structures, objects and complex numbers are passed over.

    Raises:
        ReadError: An element is cut off or damaged, or the arrays are too large unpacked.
    """
    order = "<" if data[126:128] == b"IM" else ">"
    arrays: dict[str, npt.NDArray[Any]] = {}
    held = 0
    for element in _elements(data[HEADER:], order, where, packed=True):
        if element.kind == _COMPRESSED:
            unpacked = _unpacked(element.content, where)
            element = next(_elements(unpacked, order, where), Element(0, b""))
        held += len(element.content)
        vendor.refuse_beyond(held, LARGEST, "its arrays unpacked", where=where)
        if element.kind == _MATRIX and (named := _array(element.content, order, where)) is not None:
            arrays[named[0]] = named[1]
    return arrays


def _elements(data: bytes, order: str, where: str, *, packed: bool = False) -> Iterator[Element]:
    """Part bytes into elements; those of at most four bytes may stand in their own tag."""
    at = number = 0
    while at + 8 <= len(data) and number < _MOST_ELEMENTS:
        kind, size = struct.unpack_from(f"{order}2I", data, at)
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            vendor.refuse_beyond(size, 4, "a small element", where=where)
            yield Element(kind, data[at + 4 : at + 4 + size])
            at += 8
        else:
            vendor.refuse_beyond(at + 8 + size, len(data), "an element", where=where)
            yield Element(kind, data[at + 8 : at + 8 + size])
            # compressed elements are not filled up to eight bytes
            at += 8 + (size if packed else -(-size // 8) * 8)
        number += 1


def _unpacked(packed: bytes, where: str) -> bytes:
    stream = zlib.decompressobj()
    try:
        element = stream.decompress(packed, LARGEST)
    except zlib.error as error:
        raise ReadError(where, "a compressed array", f"damage: {error}", vendor.ANEW) from None
    if not stream.eof:
        raise ReadError(where, f"an array of at most {LARGEST} bytes, whole", "more, or it is cut off", vendor.ANEW)
    return element


def _array(content: bytes, order: str, where: str) -> tuple[str, npt.NDArray[Any]] | None:
    """Decode a matrix element into its name and values; None if it is of a class that is not read."""
    parts = _elements(content, order, where)
    flags, sizes, title = (next(parts, Element(0, b"")) for _ in range(3))
    if len(flags.content) != 8 or len(sizes.content) % 4 or not 8 <= len(sizes.content) <= 16:
        return None
    word = struct.unpack(f"{order}2I", flags.content)[0]
    kind, marks = word & 0xFF, word >> 8 & 0xFF
    shape = struct.unpack(f"{order}{len(sizes.content) // 4}i", sizes.content)
    name = title.content.decode("latin-1")
    place = f"{where}, {name or 'a cell'}"
    count = 1
    for length in shape:
        count *= length
    if kind == _CELL and 0 <= count <= _MOST_ELEMENTS:
        return name, _words([part for part in parts if part.kind == _MATRIX], count, order, place)
    body = next(parts, Element(0, b""))
    if kind == _CHAR:
        return name, np.array(_lines(body, shape, order, place))
    if kind not in _NUMBERS or marks & (_COMPLEX | _LOGICAL) or body.kind not in _FORMS or min(shape) < 0:
        return None
    form = np.dtype(order + _FORMS[body.kind])
    if count * form.itemsize != len(body.content):
        raise ReadError(place, f"{count} numbers of {form.itemsize} bytes", f"{len(body.content)} bytes", vendor.ANEW)
    return name, np.frombuffer(body.content, form).reshape(shape, order="F")


def _lines(body: Element, shape: tuple[int, ...], order: str, where: str) -> list[str]:
    """Decode the rows of a char array, whose characters stand column by column."""
    if body.kind not in _TEXTS or len(shape) != 2 or min(shape) < 0:
        raise ReadError(where, "a text", f"type {body.kind}, shape {shape}", vendor.ANEW)
    encoding = _TEXTS[body.kind]
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if order == "<" else "-be"
    text = body.content.decode(encoding, "replace")
    if len(text) != shape[0] * shape[1]:
        raise ReadError(where, f"{shape[0]} × {shape[1]} characters", f"{len(text)}", vendor.ANEW)
    return [text[row :: shape[0]].rstrip() for row in range(shape[0])]


def _words(cells: list[Element], count: int, order: str, where: str) -> npt.NDArray[Any]:
    """Decode a cell of texts, one each; anything else in it makes it an array of no size."""
    texts: list[str] = []
    for cell in cells if len(cells) == count else []:
        kind = int.from_bytes(cell.content[8:12], "little" if order == "<" else "big") & 0xFF
        read = _array(cell.content, order, where) if kind == _CHAR else None
        if read is None or read[1].size > 1:
            return np.empty((0, 0, 0))
        texts.append(str(read[1][0]) if read[1].size else "")
    return np.array(texts) if len(texts) == count else np.empty((0, 0, 0))
