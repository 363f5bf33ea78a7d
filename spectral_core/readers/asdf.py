"""The data lines of JCAMP-DX: an abscissa, then ordinates in AFFN, PAC, SQZ, DIF or DUP form (DX 4.24, 5.1).

The library `jcamp` decodes the ordinates. Repetitions (DUP) are written out here before, because it reads a
count of more than nine as digits and looks for what is repeated beyond the start of the line. Its `read` is
not used: it prints failed checks and goes on, and skips lines that it does not understand.
"""

from __future__ import annotations

import re

import jcamp
import numpy as np

from spectral_core.errors import ReadError

BROKEN = "The file is damaged or cut off; export it anew."
_ORDINATES = re.compile(r"[0-9.,+\-eE@A-Ia-i%J-Rj-rS-Zs \t]*")
_PLAIN = re.compile(r"(?:[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?(?:[ \t]+|$))+")
_TOKEN = re.compile(r"[@A-Ia-i%J-Rj-rS-Zs+\-]?[0-9.]+|[@A-Ia-i%J-Rj-rS-Zs]|[ ,\t]+|[+\-]")
_REPEATS = {letter: count for count, letter in enumerate("STUVWXYZs", start=1)}
_LEADING_DIFFERENCE = re.compile(r"[+-]?[0-9.]*[ \t]*[%J-Rj-r]")
_DIFFERENCES = frozenset("%JKLMNOPQRjklmnopqr")


def decode_line(line: str, points: int, place: str) -> tuple[list[float], bool]:
    """Decode a line.

    Args:
        line: Text without comment.
        points: Largest number of ordinates that the spectrum may have.
        place: Place named in errors.

    Returns:
        The abscissa and the ordinates, without factors; whether the last ordinate is written as a difference,
        so that the next line starts with a repetition of it as a check.

    Raises:
        ReadError: The line is in none of the forms.

    Example:
        >>> decode_line("10A1J2T", 9, "a.jdx")  # 11, then twice a difference of 12
        ([10.0, 11.0, 23.0, 35.0], True)
    """
    odd = _ORDINATES.match(line)
    if odd is None or odd.end() != len(line):
        bad = line[odd.end() if odd else 0]
        what = "a missing ordinate, '?'" if bad == "?" else repr(bad)
        raise ReadError(place, "ordinates in AFFN, PAC, SQZ, DIF or DUP form", what, BROKEN)
    written, ends_in_difference = _without_repeats(line, points, place)
    # the library takes an abscissa and one squeezed ordinate ("32767E13") for one number with an exponent
    written = re.sub(r"^([0-9.+\-]+)([eE][0-9]+)$", r"\1 \2", written)
    try:
        words = written.split() if _PLAIN.fullmatch(written) else []
        values = [float(value) for value in words or jcamp.parse(written)]
    except (ValueError, IndexError, TypeError, KeyError, OverflowError):
        values = []
    # the library would add a leading difference to the abscissa
    if not values or not np.isfinite(values).all() or _LEADING_DIFFERENCE.match(written):
        raise ReadError(place, "an abscissa and ordinates", repr(line[:40]), BROKEN)
    return values, ends_in_difference


def _without_repeats(line: str, points: int, place: str) -> tuple[str, bool]:
    """Write every repetition out; say whether the last ordinate is a difference."""
    if not _DIFFERENCES.intersection(line) and not set(_REPEATS).intersection(line):
        return line, False
    out: list[str] = []
    last = ""
    for token in _TOKEN.findall(line):
        if token[0] in _REPEATS:
            count = int(f"{_REPEATS[token[0]]}{token[1:]}") if token[1:].isdigit() or token[1:] == "" else 0
            if not last or not 1 <= count <= points or len(out) < 2:
                raise ReadError(place, "a repetition of the ordinate before", repr(token[:20]), BROKEN)
            # a number without a sign needs a delimiter before it
            out.append((last if last[0] not in "0123456789." else f" {last}") * (count - 1))
        else:
            out.append(token)
            last = token if token.strip(" ,\t") else last
    return "".join(out), last[:1] in _DIFFERENCES
