"""Arguments of steps, checked when a chain is parsed: a bad one is refused before any work."""

from __future__ import annotations

import math
import sys

from spectral_core.errors import StudyError


def whole_number(value: object, *, step: str, name: str, least: int) -> int:
    """Return the value if it is a whole number of at least `least`.

    Raises:
        StudyError: It is not; the message names step and argument.

    Example:
        >>> whole_number(11, step="savgol", name="window", least=3)
        11
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise refusal(step, name, f"a whole number of at least {least}", value)
    return value


def number(value: object, *, step: str, name: str, above: float = -math.inf, below: float = math.inf) -> float:
    """Return the value as a float if it is a finite number strictly between `above` and `below`.

    Raises:
        StudyError: It is not; the message names step and argument.

    Example:
        >>> number(100000, step="als", name="lam", above=0)
        100000.0
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not above < value < below
        or abs(value) > sys.float_info.max
    ):
        bounds = [f"above {above:g}"] * (above > -math.inf) + [f"below {below:g}"] * (below < math.inf)
        raise refusal(step, name, " ".join(["a number", " and ".join(bounds)]).strip(), value)
    return float(value)


def truth(value: object, *, step: str, name: str) -> bool:
    """Return the value if it is True or False.

    Raises:
        StudyError: It is not; the message names step and argument.
    """
    if not isinstance(value, bool):
        raise refusal(step, name, "True or False", value)
    return value


def refusal(step: str, name: str, expected: str, value: object) -> StudyError:
    """Say which argument of which step cannot be used."""
    return StudyError(f"{step}, argument {name}", expected, repr(value), "Correct the argument.")
