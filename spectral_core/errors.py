"""The errors a user meets: each says where, what was expected, what was found, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM})


class OffbandError(Exception):
    """Bad input, told as place, expectation, finding and remedy.

    Args:
        where: File, row, column, key or argument at fault.
        expected: What the place should have held.
        found: What it held instead.
        remedy: What the user can do about it, as an imperative sentence.

    Example:
        >>> str(OffbandError("a.csv, row 3", "a number", "'n/a'", "Remove the row."))
        "a.csv, row 3: expected a number, found 'n/a'. Remove the row."
    """

    def __init__(self, where: str, expected: str, found: str, remedy: str) -> None:
        self.where, self.expected, self.found, self.remedy = where, expected, found, remedy
        super().__init__(where, expected, found, remedy)

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}. {self.remedy}"


class StudyError(OffbandError):
    """The study file cannot be used."""


class SpectraError(OffbandError):
    """Numbers or metadata that break the Spectra contract."""


class ReadError(OffbandError):
    """A file that cannot be read as spectra."""


class SheetError(OffbandError):
    """A sample sheet or file-name pattern that does not describe the files."""


class ArchiveError(OffbandError):
    """An archive that is missing, foreign, locked or damaged."""


class AuditError(OffbandError):
    """Data or settings that the audit cannot judge."""


@contextmanager
def room_for(what: str, place: object) -> Iterator[None]:
    """Tell a disk that is full, over its quota or read-only, or a missing permission, in one sentence.

    Other errors of the system stay what they are: some pass, and are tried again.

    Raises:
        ArchiveError: In place of such an error.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        remedy = "Free space or give permission, and try again; nothing half-written is ever used."
        raise ArchiveError(str(place), f"room for {what}", error.strerror or str(error), remedy) from None


def offenders(items: Sequence[object], *, most: int = 3) -> str:
    """Name at most `most` offenders and the total.

    Example:
        >>> offenders(["a", "b", "c", "d"])
        "'a', 'b', 'c' and 1 more (4 in all)"
        >>> offenders(["a"])
        "'a'"
    """
    shown = ", ".join(repr(item) for item in items[:most])
    hidden = len(items) - most
    return shown if hidden <= 0 else f"{shown} and {hidden} more ({len(items)} in all)"
