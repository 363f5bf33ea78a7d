"""The drawing of spectra as SVG: axes, curves, shaded intervals and their names.

Positions are in per cent of the element and sizes of text in pixels, so a figure fills a phone or a wide
screen without its letters shrinking or growing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectral_core.report.markup import Markup, join, tag
from spectral_core.report.mean_spectra import MeanSpectra, runs
from spectral_core.report.scale import Floats, Frame, tick_labels, ticks
from spectral_core.report.typography import axis_title, position, power_of_ten

_GRAIN = 10_000  # drawing units across the inner viewBox


def axes(frame: Frame, means: MeanSpectra, *, most: int = 9, titles: bool = True) -> list[Markup]:
    """Draw ticks, grid and frame; with `titles`, also the quantities and units of both axes."""
    drawn = []
    for at in ticks(*sorted((frame.left, frame.right)), most=most):
        x = f"{frame.across(at):.2f}%"
        drawn.append(tag("text", position(at), x=x, y="100%", dy="18", class_="x"))
    heights = ticks(frame.low, frame.high, most=5)
    labels, exponent = tick_labels(heights)
    for at, label in zip(heights, labels, strict=True):
        y = f"{frame.down(at):.2f}%"
        drawn.append(tag("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        drawn.append(tag("text", label, x="-7", y=y, dy="4", class_="y"))
    drawn.append(tag("rect", x="0", y="0", width="100%", height="100%", class_="frame"))
    quantity = (means.intensity_unit[:1].upper() + means.intensity_unit[1:]) or "Intensity"
    factor = power_of_ten(exponent) if exponent else ""
    if titles:
        drawn.append(tag("text", axis_title(means.axis_unit), x="50%", y="100%", dy="38", class_="title"))
        turned = tag("text", f"{quantity} {factor}".rstrip(), transform="translate(-46,0) rotate(-90)",
                     class_="title")  # fmt: skip
        drawn.append(tag("svg", turned, x="0", y="50%", class_="turned"))
    elif factor:
        drawn.append(tag("text", factor, x="-7", y="0", dy="-4", class_="y"))
    return drawn


def curves(means: MeanSpectra, frame: Frame, *, most: int) -> Markup:
    """Draw every class: its mean as a line, ± 1 standard deviation as a tint, with at most `most` points."""
    areas, lines = [], []
    for i, label in enumerate(means.mean):
        for x, mean, sd in runs(means, label, most=most):
            if sd.any():
                outline = [*_points(frame, x, mean + sd), *_points(frame, x[::-1], (mean - sd)[::-1])]
                areas.append(tag("path", d="M" + "L".join(outline) + "Z", class_=f"sd k{i % 8}"))
            lines.append(tag("path", d="M" + "L".join(_points(frame, x, mean)), class_=line_class(i)))
    return tag("svg", *areas, *lines, viewBox=f"0 0 {_GRAIN} {_GRAIN}", preserveAspectRatio="none",
               width="100%", height="100%")  # fmt: skip


def line_class(i: int) -> str:
    """Give the i-th class its colour and dash; the pair is its own for the first 32 classes."""
    return f"mean k{i % 8} d{(i + i // 8) % 4}"


def hatch() -> Markup:
    """Define the hatching of blanks."""
    line = tag("line", x1="0", y1="0", x2="0", y2="7", class_="hatch")
    pattern = tag("pattern", line, id="hatch", width="7", height="7", patternUnits="userSpaceOnUse",
                  patternTransform="rotate(45)")  # fmt: skip
    return tag("defs", pattern)


def shade(frame: Frame, ends: Sequence[float], kind: str) -> Markup:
    """Shade an interval over the whole height: "band", "blank" (hatched too), "off-band", "proposal"."""
    start, width = frame.span(ends[0], ends[1])
    place = {"x": f"{start:.2f}%", "width": f"{width:.2f}%", "y": "0", "height": "100%"}
    hatched = tag("rect", **place, fill="url(#hatch)") if kind == "blank" else None
    return join(tag("rect", **place, class_=f"region {kind}"), hatched)


def region_name(frame: Frame, ends: Sequence[float], key: str, name: str, *, kind: str, lane: int) -> Markup:
    """Write an interval's key and name above it, in a lane; a narrow screen shows the key alone."""
    start, width = frame.span(ends[0], ends[1])
    x = f"{start + width / 2:.2f}%"
    full = tag("text", f"{key} {name}", x=x, y=str(-8 - 17 * lane), class_="name")
    return tag("g", full, tag("text", key, x=x, y="-8", class_="key"), class_=kind)


def _points(frame: Frame, x: Floats, y: Floats) -> list[str]:
    across = np.rint(frame.across_all(x) * _GRAIN / 100).astype(int)
    down = np.rint(frame.down_all(y) * _GRAIN / 100).astype(int)
    return [f"{a} {b}" for a, b in zip(across.tolist(), down.tolist(), strict=True)]
