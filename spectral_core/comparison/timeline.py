"""Key figures of a study's audits drawn in the order of their snapshots, verdicts as shapes and words above them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectral_core.comparison.figures import Accuracy
from spectral_core.comparison.history import History, Point
from spectral_core.report.markup import Markup, tag
from spectral_core.report.scale import Frame, ticks
from spectral_core.report.words import VERDICTS

SERIES = {"full": "Full spectrum", "off_band": "Off-band", "blank": "Blanks"}
_ASIDE = {"full": -0.14, "off_band": 0.0, "blank": 0.14}  # of the distance between audits: intervals stay apart
_GRAIN = 10_000
_MOST_NUMBERS = 12
_MOST_SHAPES = 24


def timeline_html(found: History, variant: str, *, first: bool) -> Markup:
    """Draw one variant; the first panel also bears the verdicts of the whole audits."""
    points = found.points
    frame = Frame(0.5, len(points) + 0.5, _floor(points, variant), 1.02)
    drawn = [*_axes(frame, len(points)), *_chance(frame, points), *_turns(frame, found)]
    drawn += [mark for block in SERIES for mark in _series(frame, points, variant, block)]
    drawn += _verdicts(frame, points, variant, first=first)
    described = f"Balanced accuracy of {variant} over {len(points)} audits; the table below holds the numbers."
    picture = tag("svg", tag("title", described), *drawn, role="img", class_="plot")
    return tag("div", tag("p", tag("code", variant)), tag("div", picture, class_="bandmap"),
               class_="timeline first")  # fmt: skip


def legend() -> Markup:
    """Name the marks."""
    items = [
        tag("li", tag("svg", _spot(block, "50%", "50%", solid=True), width="16", height="16", aria_hidden="true"), name)
        for block, name in SERIES.items()
    ]
    return tag("ul", *items, class_="marks")


def _floor(points: Sequence[Point], variant: str) -> float:
    low = [figure.low for p in points for b in SERIES if (figure := p.figure(variant, b)) is not None]
    low += [float(p.side.report["design"].get("chance", 0.5)) for p in points]
    return max(0.0, float(np.floor(10 * min(low) - 0.5)) / 10)


def _axes(frame: Frame, n: int) -> list[Markup]:
    step = max(1, -(-n // _MOST_NUMBERS))
    drawn = []
    for at in ticks(frame.low, 1.0, most=6):
        y = f"{frame.down(at):.2f}%"
        drawn += [tag("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"),
                  tag("text", f"{at:.1f}", x="-7", y=y, dy="4", class_="y")]  # fmt: skip
    for number in range(1, n + 1, step):
        drawn.append(tag("text", str(number), x=f"{frame.across(number):.2f}%", y="100%", dy="17", class_="x"))
    turned = tag("text", "Balanced accuracy", transform="translate(-46,0) rotate(-90)", class_="title")
    return [
        *drawn, tag("rect", x="0", y="0", width="100%", height="100%", class_="frame"),
        tag("text", "Audit, in the order of the snapshots", x="50%", y="100%", dy="36", class_="title"),
        tag("svg", turned, x="0", y="50%", class_="turned"),
    ]  # fmt: skip


def _chance(frame: Frame, points: Sequence[Point]) -> list[Markup]:
    y = f"{frame.down(float(points[-1].side.report['design'].get('chance', 0.5))):.2f}%"
    return [tag("line", x1="0", x2="100%", y1=y, y2=y, class_="chance")]


def _turns(frame: Frame, found: History) -> list[Markup]:
    return [
        tag("line", x1=x, x2=x, y1="0", y2="100%", class_="turned-here")
        for number, _ in found.turns
        for x in [f"{frame.across(number - 0.5):.2f}%"]
    ]


def _series(frame: Frame, points: Sequence[Point], variant: str, block: str) -> list[Markup]:
    kind = f"s-{block.replace('_', '-')}"
    placed = [(i + _ASIDE[block], figure) for i, p in enumerate(points, start=1)
              if (figure := p.figure(variant, block)) is not None]  # fmt: skip
    if not placed:
        return []
    path = "M" + "L".join(
        f"{frame.across(x) * _GRAIN / 100:.0f} {frame.down(f.value) * _GRAIN / 100:.0f}" for x, f in placed
    )
    line = tag("svg", tag("path", d=path, class_=f"series {kind}"), viewBox=f"0 0 {_GRAIN} {_GRAIN}",
               preserveAspectRatio="none", width="100%", height="100%")  # fmt: skip
    return [line, *[mark for x, figure in placed for mark in _marks(frame, x, figure, block, kind)]]


def _marks(frame: Frame, x: float, figure: Accuracy, block: str, kind: str) -> list[Markup]:
    across = f"{frame.across(x):.2f}%"
    ends = [f"{frame.down(end):.2f}%" for end in (figure.low, figure.high)]
    whisker = tag("line", x1=across, x2=across, y1=ends[0], y2=ends[1], class_=f"whisker {kind}")
    solid = figure.p_adjusted is not None and figure.p_adjusted <= 0.05
    return [whisker, _spot(block, across, f"{frame.down(figure.value):.2f}%", solid=solid)]


def _spot(block: str, x: str, y: str, *, solid: bool) -> Markup:
    """A circle for the full spectrum, a square off-band, a diamond for blanks; open where not associated."""
    class_ = f"spot s-{block.replace('_', '-')}{'' if solid else ' open'}"
    if block == "full":
        return tag("circle", cx=x, cy=y, r="4.5", class_=class_)
    shapes = {"off_band": "M-4 -4H4V4H-4Z", "blank": "M0 -5.5L5 0L0 5.5L-5 0Z"}
    return tag("svg", tag("path", d=shapes[block], class_=class_), x=x, y=y, class_="turned")


def _verdicts(frame: Frame, points: Sequence[Point], variant: str, *, first: bool) -> list[Markup]:
    """A shape above each audit, its word where the verdict is new; below one another where words would meet."""
    drawn: list[Markup] = []
    before, lane = "", 0
    for number, point in enumerate(points, start=1):
        row = point.side.variants().get(variant)
        if row is None:
            continue
        code = str(row["verdict"])
        x = f"{frame.across(number):.2f}%"
        words, class_ = VERDICTS.get(code), f"verdict-{code.replace('_', '-')}"
        if len(points) <= _MOST_SHAPES or code != before:
            drawn.append(tag("text", words.shape if words else "?", x=x, y="0", dy="-8", class_=f"verdict {class_}"))
        if code != before:
            lane = 1 - lane
            drawn.append(tag("text", words.title if words else code, x=x, y="0", dy=str(-24 - 14 * (1 - lane)),
                             class_=f"word {_anchor(frame.across(number))} {class_}"))  # fmt: skip
        before = code
    return drawn


def _anchor(across: float) -> str:
    """Keep a word near either edge inside the figure."""
    return "start" if across < 15 else "end" if across > 85 else "middle"
