"""Small panels of curves over any scale, each with the range in which shuffled labels stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.report.markup import Markup, tag
from spectral_core.report.scale import Frame

Floats = npt.NDArray[np.float64]
Tick = tuple[float, str]
_GRAIN = 10_000  # drawing units across the inner viewBox


@dataclass(frozen=True)
class Curve:
    """One curve: m places, values, and where shuffled labels stay (empty: not known); `kind` gives its colour.

    `reach` is what one standard error below and above the values comes to, or empty; `law` a theoretical curve
    beside it, or empty; `bounds` marks the values that are lower bounds, which are drawn hollow (empty: none).
    """

    kind: str
    name: str
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    reach: tuple[Floats, ...]
    law: Floats
    bounds: Sequence[bool] = ()

    def ends(self) -> tuple[float, float]:
        """Lowest and highest value to be shown; where shuffled labels lie lower still, nothing is to be seen."""
        values = np.concatenate([self.y, *self.reach])
        return float(values.min()), float(max(values.max(), *self.high, -np.inf))


@dataclass(frozen=True)
class Scale:
    """Ticks of both axes, with their labels and titles."""

    x: Sequence[Tick]
    y: Sequence[Tick]
    x_title: str
    y_title: str


def frame_of(curves: Sequence[Curve]) -> Frame:
    """Choose the frame that holds every curve and the upper end of its range of shuffled labels."""
    ends = [curve.ends() for curve in curves]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    margin = 0.06 * (high - low) or 1.0
    left, right = min(float(c.x.min()) for c in curves), max(float(c.x.max()) for c in curves)
    beside = 0.03 * (right - left) or 0.5
    return Frame(left - beside, right + beside, low - margin, high + margin)


def panel_html(
    title: Markup, curves: Sequence[Curve], frame: Frame, scale: Scale, *, described: str, said: Markup | None = None
) -> Markup:
    """Draw one panel: ranges of shuffled labels behind, laws, then curves with their standard errors."""
    ranges = [_range(frame, c) for c in curves if c.low.size]
    laws = [_line(frame, c.x, c.law, f"law {c.kind}") for c in curves if c.law.size]
    lines = [_line(frame, c.x, c.y, f"curve {c.kind}") for c in curves]
    drawn = tag("svg", *ranges, *laws, *lines, viewBox=f"0 0 {_GRAIN} {_GRAIN}", preserveAspectRatio="none",
                width="100%", height="100%")  # fmt: skip
    marks = [mark for curve in curves for mark in _marks(frame, curve)]
    picture = tag("svg", tag("title", described), *_axes(frame, scale), drawn, *marks, role="img", class_="plot")
    return tag("div", tag("p", title), said, tag("div", picture, class_="bandmap"), class_="curves")


def legend_html(kinds: Sequence[tuple[str, str]]) -> Markup:
    """Name the colour of each kind of curve."""
    items = [
        tag("li", tag("svg", tag("line", x1="1", x2="33", y1="6", y2="6", class_=f"curve {kind}"),
                      width="34", height="12", aria_hidden="true"), name)
        for kind, name in kinds
    ]  # fmt: skip
    return tag("ul", *items, class_="legend curves")


def spaced(ticks: Sequence[Tick], frame: Frame, *, apart: float, upright: bool = False) -> list[Tick]:
    """Keep the ticks inside the frame that are at least `apart` per cent from the last one kept."""
    kept: list[Tick] = []
    for at, label in ticks:
        place = 100 - frame.down(at) if upright else frame.across(at)
        last = (100 - frame.down(kept[-1][0]) if upright else frame.across(kept[-1][0])) if kept else -np.inf
        if 0 <= place <= 100 and place - last >= apart:
            kept.append((at, label))
    return kept


def _axes(frame: Frame, scale: Scale) -> list[Markup]:
    drawn = [tag("text", label, x=f"{frame.across(at):.2f}%", y="100%", dy="17", class_="x") for at, label in scale.x]
    for at, label in scale.y:
        y = f"{frame.down(at):.2f}%"
        drawn += [tag("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"),
                  tag("text", label, x="-7", y=y, dy="4", class_="y")]  # fmt: skip
    turned = tag("text", scale.y_title, transform="translate(-46,0) rotate(-90)")
    return [
        *drawn, tag("rect", x="0", y="0", width="100%", height="100%", class_="frame"),
        tag("text", scale.x_title, x="50%", y="100%", dy="35"),
        tag("svg", turned, x="0", y="50%", class_="turned"),
    ]  # fmt: skip


def _range(frame: Frame, curve: Curve) -> Markup:
    outline = [*_points(frame, curve.x, curve.high), *_points(frame, curve.x[::-1], curve.low[::-1])]
    return tag("path", d="M" + "L".join(outline) + "Z", class_=f"shuffled {curve.kind}")


def _line(frame: Frame, x: Floats, y: Floats, class_: str) -> Markup:
    return tag("path", d="M" + "L".join(_points(frame, x, y)), class_=class_)


def _marks(frame: Frame, curve: Curve) -> list[Markup]:
    marks = []
    for i, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
        across = f"{frame.across(float(x)):.2f}%"
        if curve.reach:
            ends = [f"{frame.down(float(end[i])):.2f}%" for end in curve.reach]
            marks.append(tag("line", x1=across, x2=across, y1=ends[0], y2=ends[1], class_=f"error {curve.kind}"))
        hollow = " bound" if i < len(curve.bounds) and curve.bounds[i] else ""
        marks.append(tag("circle", cx=across, cy=f"{frame.down(float(y)):.2f}%", r="2.6",
                         class_=f"mark {curve.kind}{hollow}"))  # fmt: skip
    return marks


def _points(frame: Frame, x: Floats, y: Floats) -> list[str]:
    across = np.rint(frame.across_all(x) * _GRAIN / 100).astype(int)
    down = np.rint(np.clip(frame.down_all(y), -50, 150) * _GRAIN / 100).astype(int)
    return [f"{a} {b}" for a, b in zip(across.tolist(), down.tolist(), strict=True)]
