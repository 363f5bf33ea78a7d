"""When each spectrum was taken: times and running numbers as one column of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from spectral_core.errors import AuditError

Floats = npt.NDArray[np.float64]


def acquisition_order(
    values: Sequence[object] | npt.NDArray[np.generic] | None, *, n: int, where: str = "acquired_at"
) -> Floats | None:
    """Read times of acquisition, or running numbers, as numbers that grow with time.

    Args:
        values: One a spectrum: ISO 8601 texts, datetimes, numpy datetimes, or plain numbers; None, NaN, NaT and
            empty texts mean not stated. A time without a zone is taken as UTC.
        n: Number of spectra.
        where: Place named in errors.

    Returns:
        n numbers (seconds since 1970 for times), NaN where not stated; None where nothing was stated.

    Raises:
        AuditError: Another number of values, a text that is no time, or times mixed with plain numbers.

    Example:
        >>> acquisition_order(["1970-01-01T00:01", "", "1970-01-01T01:00+01:00"], n=3)
        array([60., nan,  0.])
    """
    if values is None:
        return None
    column = stated_values(values)
    if column.shape != (n,):
        raise AuditError(where, f"{n} values, one for each spectrum", f"shape {column.shape}", "Pass a flat sequence.")
    if np.issubdtype(column.dtype, np.datetime64):
        column = column.astype("datetime64[us]")
    times = [_is_time(value) for value in column.tolist()]
    if {True, False} <= set(times):
        raise AuditError(where, "times or plain numbers", "both", "Use one of the two for all spectra.")
    order = np.array([_number(value, f"{where}, spectrum {i + 1}") for i, value in enumerate(column.tolist())])
    return None if np.isnan(order).all() else order


def stated_values(values: Sequence[object] | npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Make an array of a column, each value as it is: numpy makes a text 'nan' of the NaN in a list of texts.

    Example:
        >>> stated_values(["a", float("nan")]).tolist()
        ['a', nan]
    """
    array = np.asarray(values)
    turned = array.dtype.kind == "U" and not isinstance(values, np.ndarray)
    return np.asarray(values, dtype=object) if turned else array


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or the NA of pandas, which has no truth value."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True


def readable_times(texts: Sequence[str] | npt.NDArray[np.generic]) -> list[str]:
    """Keep texts that are ISO 8601 times; others become empty, because an archive holds what files say, as they say it.

    Example:
        >>> readable_times(["2026-01-31T09:30", "last Tuesday"])
        ['2026-01-31T09:30', '']
    """
    return [text if _parsed(text) is not None else "" for text in map(str, texts)]


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _is_time(value: object) -> bool | None:
    """Whether a value is a time; None if nothing is stated."""
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return None
    return isinstance(value, str | date)


def _number(value: object, where: str) -> float:
    if _is_time(value) is None:
        return float("nan")
    if isinstance(value, str):
        moment = _parsed(value)
        if moment is None:
            raise AuditError(where, "a time as in ISO 8601, 2026-01-31T09:30", repr(value),
                             "Rewrite the time, or pass numbers that grow with time.")  # fmt: skip
        value = moment
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and np.isfinite(value):
        return float(value)
    raise AuditError(where, "a time or a finite number", repr(value), "Correct the value, or leave it empty.")
