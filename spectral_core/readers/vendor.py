"""What readers of vendor formats share: their libraries, bounds on what a header declares, metadata as one text."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
import xarray as xr

from spectral_core.errors import ReadError

METADATA_COLUMN = "file_metadata"
"""Column with everything else that the file states, as a JSON object of texts."""

LARGEST = 2**30
"""Most bytes that the intensities of one file may take as float64."""

ANEW = "Copy or export the file anew."
_LONGEST = 2000
_FAULTS: tuple[type[Exception], ...] = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, OverflowError, EOFError,
    ArithmeticError, MemoryError, LookupError, AssertionError, struct.error,
)  # fmt: skip
_MOMENTS = (
    "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M",
    "%d %b %Y %H:%M:%S", "%d %B %Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
)  # fmt: skip
_MONTH_FIRST, _DAY_FIRST = ("%m/%d/%Y", "%m/%d/%y"), ("%d/%m/%Y", "%d/%m/%y")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p")


@contextmanager
def needed(package: str, *, what: str, where: str) -> Iterator[None]:
    """Guard the import of the library that reads a format, done when such a file arrives and not before.

    Raises:
        ReadError: It is not installed; the remedy is the line that installs it.
    """
    try:
        yield
    except ModuleNotFoundError:
        raise ReadError(where, f"the library {package}, which reads {what}", "that it is not installed",
                        "Run: pip install 'offband[vendor]'") from None  # fmt: skip


@contextmanager
def damage_refused(what: str, *, where: str, also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what a library raises on a damaged file, `also` its own errors, into a ReadError that says so."""
    try:
        yield
    except _FAULTS + also as error:
        found = " ".join(str(error).split())[:160] or type(error).__name__
        raise ReadError(where, what, f"damage: {found}", ANEW) from None


def refuse_beyond(needed: int, held: int, what: str, *, where: str) -> None:
    """Refuse a header that declares more bytes than there are, before anything is allocated.

    Raises:
        ReadError: `needed` is negative, above `held` or above `LARGEST`.
    """
    if not 0 <= needed <= min(held, LARGEST):
        raise ReadError(where, f"{what} within its {held} bytes", f"{needed} bytes declared", ANEW)


def as_column(stated: Mapping[str, Any], n: int = 1) -> list[str]:
    """Write what a file states as one JSON text, the same for its n spectra.

    Empty values are left out, and texts of more than 2,000 characters are cut.

    Example:
        >>> as_column({"operator": "Curie", "comment": "", "scans": 16})
        ['{"operator": "Curie", "scans": "16"}']
    """
    texts = {str(name): _text(value) for name, value in stated.items()}
    return [json.dumps({name: text for name, text in texts.items() if text}, ensure_ascii=False)] * n


def _text(value: object) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    text = "".join(c for c in text.replace("\r", "").partition("\x00")[0] if c.isprintable() or c in "\n\t").strip()
    # a lone surrogate cannot be stored
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def moment(text: str) -> str:
    """Give a date with its time as ISO 8601 without a zone; "" where day and month may be either.

    Example:
        >>> moment("Mon Sep 10 15:20:07 EDT 2012"), moment("25.06.2018 14:05:16"), moment("11:23:37, 06/23/2015")
        ('2012-09-10T15:20:07', '2018-06-25T14:05:16', '2015-06-23T11:23:37')
        >>> moment("11/5/04 4:11:19 PM")
        ''
    """
    words = text.replace(",", " ").strip(" '").split()
    if len(words) == 6 and words[4].isalpha():
        del words[4]
    if len(words) > 1 and ":" in words[0]:
        words = [*words[1:], words[0]]
    plain = " ".join(words)
    for form in _MOMENTS:
        if (
            read := _parsed(plain.partition(".")[0] if form.endswith("S") and "-" in form else plain, form)
        ) is not None:
            return read.isoformat()
    slashed = {read for clock in _CLOCKS for day in (*_MONTH_FIRST, *_DAY_FIRST)
               if (read := _parsed(plain, f"{day} {clock}")) is not None}  # fmt: skip
    return slashed.pop().isoformat() if len(slashed) == 1 else ""


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def with_columns(dataset: xr.Dataset, told: Mapping[str, str], stated: Mapping[str, object]) -> xr.Dataset:
    """Add what the head of a text says to its spectra: columns, and everything else as `file_metadata`."""
    n = dataset.sizes["sample"]
    columns = {name: [text] * n for name, text in told.items()} | {METADATA_COLUMN: as_column(stated, n)}
    return dataset.assign_coords({name: ("sample", np.array(column, dtype=object)) for name, column in columns.items()})


def refuse_other(stated: str, found: float, *, where: str) -> None:
    """Refuse a table that is not as the head of its file says; a field that is not there says nothing.

    Raises:
        ReadError: `stated` is no number, or another one.
    """
    try:
        same = not stated or abs(float(stated) - found) <= 1e-6 * max(abs(found), 1.0)
    except ValueError:
        same = False
    if not same:
        raise ReadError(where, f"{stated[:40]!r} as stated there", f"{found:g} in the table", ANEW)
