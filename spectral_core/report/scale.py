"""From data to drawing: ticks, percentages across a frame, and fewer points where more cannot be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def ticks(low: float, high: float, *, most: int = 8) -> list[float]:
    """Give round positions (steps of 1, 2 or 5 times a power of ten) from low to high, at most `most`.

    Example:
        >>> ticks(450, 4000)
        [500.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0, 3500.0, 4000.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(most, 2)
    decade = 10.0 ** math.floor(math.log10(rough))
    for step in (decade * m for m in (1, 2, 5, 10, 20)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            places = max(0, -math.floor(math.log10(step)))
            return [round(i * step, places) for i in range(first, last + 1)]
    return [low]


def tick_labels(at: list[float]) -> tuple[list[str], int]:
    """Write ticks with the same number of decimals; also give the power of ten taken out of them.

    Example:
        >>> tick_labels([0.0, 0.5, 1.0]), tick_labels([1e-6, 2e-6]), tick_labels([1000.0, 1500.0])
        ((['0.0', '0.5', '1.0'], 0), (['1', '2'], -6), (['1,000', '1,500'], 0))
    """
    largest = max(abs(t) for t in at)
    exponent = math.floor(math.log10(largest)) if largest else 0
    exponent = exponent if exponent < -3 or exponent > 5 else 0
    scaled = [t / 10.0**exponent for t in at]
    step = min((b - a for a, b in pairwise(scaled)), default=abs(scaled[0]) or 1.0)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{t:,.{places}f}".replace("-", "−") for t in scaled], exponent


@dataclass(frozen=True)
class Frame:
    """The part of the plane that a figure shows; positions are given in per cent of its width and height."""

    left: float
    right: float
    low: float
    high: float

    def across(self, x: float) -> float:
        """Per cent from the left edge; left > right draws the axis from high to low."""
        return 100 * (x - self.left) / (self.right - self.left)

    def down(self, y: float) -> float:
        """Per cent from the upper edge."""
        return 100 * (self.high - y) / (self.high - self.low)

    def across_all(self, x: Floats) -> Floats:
        """`across` of many positions."""
        return np.asarray(100 * (x - self.left) / (self.right - self.left), dtype=np.float64)

    def down_all(self, y: Floats) -> Floats:
        """`down` of many positions."""
        return np.asarray(100 * (self.high - y) / (self.high - self.low), dtype=np.float64)

    def span(self, low: float, high: float) -> tuple[float, float]:
        """Left edge and width of an interval of x, cut at the frame."""
        start, end = sorted(min(max(self.across(x), 0.0), 100.0) for x in (low, high))
        return start, end - start


def thin(values: Floats, *, most: int) -> npt.NDArray[np.intp]:
    """Choose at most `most` points so that every local extreme worth a pixel is kept.

    The channels are cut into most/2 buckets and each keeps its smallest and largest value, in order: a
    narrow peak cannot fall between two points as it can when every k-th point is kept.

    Args:
        values: d finite intensities.
        most: Upper limit, at least 4.

    Returns:
        Increasing indices; all of them where d ≤ most.
    """
    if values.size <= most:
        return np.arange(values.size)
    edges = np.linspace(0, values.size, most // 2 + 1).astype(np.intp)
    kept = {
        int(a + extreme)
        for a, b in pairwise(edges.tolist())
        for extreme in (np.argmin(values[a:b]), np.argmax(values[a:b]))
    }
    return np.array(sorted(kept), dtype=np.intp)
