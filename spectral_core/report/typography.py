"""Numbers, intervals and units as a British reader expects them in print."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

ABSENT = "–"
_UNITS = {"cm-1": "cm⁻¹", "um": "µm"}
_QUANTITIES = {
    "cm-1": "Wavenumber", "nm": "Wavelength", "um": "Wavelength", "eV": "Energy", "THz": "Frequency",
    "ppm": "Chemical shift", "channel": "Channel", "m/z": "m/z", "feature": "Feature, in the order given",
}  # fmt: skip


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value of a report is a finite number (true and false are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_interval(value: object) -> TypeGuard[Sequence[float]]:
    """Tell whether a value of a report is a pair of finite numbers."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(is_number(v) for v in value)


def number(value: object, *, digits: int = 3) -> str:
    """Write a number with `digits` significant digits, thousands separated, a true minus sign.

    Example:
        >>> number(0.98765), number(12345.6), number(-0.05), number(1999), number(None)
        ('0.988', '12,346', '−0.05', '1,999', '–')
    """
    if not is_number(value):
        return ABSENT
    if isinstance(value, int) or abs(value) >= 10**digits:
        text = f"{value:,.0f}"
    elif value != 0 and (abs(value) < 1e-4):
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa} {power_of_ten(int(exponent))}"
    else:
        text = f"{value:.{digits}g}"
    return text.replace("-", "−")


def power_of_ten(exponent: int) -> str:
    """Write a factor.

    Example:
        >>> power_of_ten(-6)
        '× 10⁻⁶'
    """
    return "× 10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def share(value: object, *, digits: int = 2) -> str:
    """Write an accuracy; one short of a bound is never rounded up to it.

    Example:
        >>> share(1.0), share(0.9973), share(0.33333), share(0.99999, digits=3)
        ('1.00', '0.997', '0.33', '>0.999')
    """
    if not is_number(value):
        return ABSENT
    text = f"{value:.{digits}f}"
    if value < 1 and float(text) >= 1:
        text = f"{value:.3f}"
        text = ">0.999" if float(text) >= 1 else text
    return text.replace("-", "−")


def signed(value: object) -> str:
    """Write a difference of accuracies with its sign.

    Example:
        >>> signed(0.05), signed(-0.0312), signed(0)
        ('+0.050', '−0.031', '0.000')
    """
    if not is_number(value):
        return ABSENT
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", "−")


def confidence(report: Mapping[str, Any]) -> str:
    """Write the level of a report's intervals, 1 − alpha.

    Example:
        >>> confidence({"settings": {"alpha": 0.1}}), confidence({})
        ('90 %', '95 %')
    """
    alpha = (report.get("settings") or {}).get("alpha")
    return f"{100 * (1 - alpha):.4g} %" if is_number(alpha) else "95 %"


def p_value(value: object) -> str:
    """Write a p-value; it is never written as zero.

    Example:
        >>> p_value(0.0005), p_value(0.0414), p_value(0.5), p_value(1.0), p_value(0.00002)
        ('0.0005', '0.041', '0.50', '1.00', '<0.0001')
    """
    if not is_number(value):
        return ABSENT
    if value < 1e-4:
        return "<0.0001"
    return f"{value:.4f}" if value < 1e-3 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def bounds(value: object, *, digits: int = 2, sign: bool = False) -> str:
    """Write a confidence interval.

    Example:
        >>> bounds([0.9, 1.0]), bounds([-0.02, 0.04], sign=True), bounds(None)
        ('[0.90, 1.00]', '[−0.020, +0.040]', '–')
    """
    if not is_interval(value):
        return ABSENT
    low, high = (signed(v) if sign else share(v, digits=digits) for v in value)
    return f"[{low}, {high}]"


def position(value: float) -> str:
    """Write a position on the axis.

    Example:
        >>> position(2830.0), position(0.4), position(1637.25)
        ('2,830', '0.4', '1,637.2')
    """
    text = f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.5g}"
    return text.removesuffix(".0").replace("-", "−")


def interval(value: object, unit: str) -> str:
    """Write a region of the axis.

    Example:
        >>> interval([2830, 2980], "cm-1")
        '2,830–2,980 cm⁻¹'
    """
    if not is_interval(value):
        return ABSENT
    return f"{position(value[0])}–{position(value[1])} {unit_symbol(unit)}".rstrip()


def unit_symbol(unit: str) -> str:
    """Give a unit's printed symbol."""
    return _UNITS.get(unit, unit)


def axis_title(unit: str) -> str:
    """Name an axis as quantity / unit.

    Example:
        >>> axis_title("cm-1"), axis_title("m/z"), axis_title("")
        ('Wavenumber / cm⁻¹', 'm/z', 'Axis')
    """
    quantity = _QUANTITIES.get(unit, "Axis")
    return quantity if unit in ("", "m/z", "channel", "feature") else f"{quantity} / {unit_symbol(unit)}"


def prose(text: str) -> str:
    """Set units and minus signs inside a sentence.

    Example:
        >>> prose("2,450-2,600 cm-1 is blank"), prose("from -0.5 to d^-1 on 2026-01-31")
        ('2,450-2,600 cm⁻¹ is blank', 'from −0.5 to d^−1 on 2026-01-31')
    """
    return re.sub(r"(?<![\w,.)\]–-])-(?=\d)", "−", re.sub(r"\bcm\^?-1\b", "cm⁻¹", text))


def counted(count: object, noun: str) -> str:
    """Write a count with its noun.

    Example:
        >>> counted(1, "unit"), counted(1200, "unit"), counted(2, "spectrum"), counted(3, "class")
        ('1 unit', '1,200 units', '2 spectra', '3 classes')
    """
    plural = {"spectrum": "spectra", "class": "classes", "batch": "batches"}.get(noun, f"{noun}s")
    return f"{number(count)} {noun if count == 1 else plural}"
