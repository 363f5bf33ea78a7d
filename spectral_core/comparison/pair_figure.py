"""Both audits' accuracies on one scale: an open mark for A, a filled one for B, and the difference beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.comparison.comparison import Comparison
from spectral_core.comparison.figures import Ends, Figure
from spectral_core.comparison.noise import Contrast
from spectral_core.comparison.regions import RegionChange
from spectral_core.comparison.sentences import BLOCKS, difference
from spectral_core.report.markup import Markup, join, tag
from spectral_core.report.scale import Frame, ticks
from spectral_core.report.typography import bounds, p_value, share

_PARTS = {"common": "the units of both", "added": "the added units of B", "removed": "the removed units of A"}
_WHO = {"common": ("in A", "in B"), "added": ("{a} others", "{b} added"), "removed": ("{a} others", "{b} removed")}
_DIAMOND = "M0 -6L6 0L0 6L-6 0Z"


def figures_html(found: Comparison) -> Markup:
    """Draw the accuracies of every variant, the whole first and below it the units that tell more."""
    frame = _frame([ends for figure in found.figures for ends in _ends(figure)], found)
    panels = []
    for variant in found.verdicts:
        rows = [row for f in found.figures if f.variant == variant for row in _rows(found, f, frame)]
        if rows:
            panels.append(_panel(variant, rows, frame))
    caption = tag(
        "figcaption", tag("strong", "Balanced accuracy in both audits, "),
        "with the intervals of the audits. A row that is marked differs by more than noise. Diamonds: units that one "
        "audit alone holds (filled) beside the others of that audit (open), or the units of both, where that is more "
        "than noise.",
    )  # fmt: skip
    return tag("figure", _key(), tag("div", *panels, class_="panels"), caption, class_="pair")


def regions_html(found: Comparison) -> Markup:
    """Draw what each declared region reaches alone."""
    if not found.regions:
        return tag("p", "Neither report holds a table of relevance for a variant of both.", class_="nothing")
    drawn = [_told(side) for region in found.regions for side in (region.a, region.b) if side is not None]
    frame = _frame(drawn, found)
    panels = []
    for variant in dict.fromkeys(region.variant for region in found.regions):
        rows = [_region(found, region, frame) for region in found.regions if region.variant == variant]
        panels.append(_panel(variant, rows, frame))
    caption = tag("figcaption", tag("strong", "What each declared region reaches alone, "), "refitted on its channels "
                  "and nothing else. The two audits are taken as independent here, which is cautious.")  # fmt: skip
    return tag("figure", _key(), tag("div", *panels, class_="panels"), caption, class_="pair")


def _frame(drawn: Sequence[Ends], found: Comparison) -> Frame:
    chance = [side.report["design"].get("chance", 0.5) for side in (found.a, found.b)]
    low = min([ends[1] for ends in drawn] + chance)
    return Frame(min(max(0.0, math.floor(10 * low - 0.5) / 10), 0.9), 1.0, 0.0, 1.0)


def _ends(figure: Figure) -> list[Ends]:
    return [side.ends for side in (figure.a, figure.b) if side is not None]


def _told(row: Mapping[str, Any]) -> Ends:
    return row["alone"], row["interval"][0], row["interval"][1]


def _rows(found: Comparison, figure: Figure, frame: Frame) -> list[Markup]:
    whole = figure.contrasts.get("all")
    ends = [None if side is None else side.ends for side in (figure.a, figure.b)]
    rows = [_row(BLOCKS[figure.block].capitalize(), ends[0], ends[1], whole, frame, beyond=found.beyond(whole))]
    for name, contrast in figure.contrasts.items():
        if name != "all" and found.beyond(contrast):
            pair = (contrast.a, contrast.a, contrast.a), (contrast.b, contrast.b, contrast.b)
            words = tuple(word.format(a=contrast.n_a, b=contrast.n_b) for word in _WHO[name])
            rows.append(_row(_PARTS[name], *pair, contrast, frame, beyond=True, who=words))
    return rows


def _region(found: Comparison, region: RegionChange, frame: Frame) -> Markup:
    ends = [None if side is None else _told(side) for side in (region.a, region.b)]
    name = f"{region.region} (moved)" if region.moved else region.region
    return _row(name, ends[0], ends[1], region.contrast, frame, beyond=found.beyond(region.contrast))


def _panel(variant: str, rows: list[Markup], frame: Frame) -> Markup:
    heads = ["A ", "B ", "B − A "]
    head = tag(
        "tr", tag("th", "Classified from", scope="col"), tag("td", class_="plot", aria_hidden="true"),
        *[tag("th", text, scope="col", class_="number") for text in heads],
        tag("th", tag("abbr", "adj. p", title="p adjusted for all differences tested here"), scope="col",
            class_="number"),
    )  # fmt: skip
    labels = [
        tag("text", f"{t:.1f}", x=f"{frame.across(t):.2f}%", y="14") for t in ticks(frame.left, frame.right, most=7)
    ]
    scale = tag("td", tag("svg", *labels, class_="strip scale"), class_="plot")
    foot = tag("tr", tag("td"), scale, tag("td", colspan="4"), aria_hidden="true")
    inner = (tag("caption", tag("code", variant)), tag("thead", head), tag("tbody", *rows), tag("tfoot", foot))
    return tag("div", tag("table", *inner, class_="forest"), class_="panel")


def _row(
    label: str, a: Ends | None, b: Ends | None, contrast: Contrast | None, frame: Frame, *, beyond: bool,
    who: tuple[str, ...] = (),
) -> Markup:  # fmt: skip
    lines = [tag("line", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1="0", y2="100%", class_="grid")
             for x in (frame.across(t) for t in ticks(frame.left, frame.right, most=7))]  # fmt: skip
    part = bool(who)
    marks = [*_mark(a, frame, "was", "36%", part=part), *_mark(b, frame, "is", "66%", part=part)]
    apart = "–" if contrast is None else difference(contrast)
    value, _, interval = apart.partition(" ")
    names = who or ("", "")
    cells = [_cell(a, names[0]), _cell(b, names[1]), join(tag("b", value), " ", tag("span", interval, class_="ci")),
             "–" if contrast is None else p_value(contrast.p_adjusted)]  # fmt: skip
    note = tag("span", " ◂ more than noise", class_="decides-note") if beyond else None
    return tag(
        "tr", tag("th", label, note, tag("span", _both(a, b, who), class_="both", aria_hidden="true"), scope="row"),
        tag("td", tag("svg", *lines, *marks, class_="strip"), class_="plot", aria_hidden="true"),
        *[tag("td", cell, class_="number") for cell in cells],
        class_=" ".join(name for name, on in (("beyond", beyond), ("part", part)) if on) or None,
    )  # fmt: skip


def _both(a: Ends | None, b: Ends | None, who: tuple[str, ...]) -> str:
    """Both accuracies in short, where a narrow screen has no room for their columns."""
    told = ["–" if ends is None else share(ends[0]) for ends in (a, b)]
    return ", ".join(f"{name} {value}" for name, value in zip(who, told, strict=True)) if who else " → ".join(told)


def _mark(ends: Ends | None, frame: Frame, kind: str, y: str, *, part: bool) -> list[Markup]:
    if ends is None:
        return []
    if part:
        place = {"x": f"{frame.across(ends[0]):.2f}%", "y": y, "class_": "turned"}
        return [tag("svg", tag("path", d=_DIAMOND, class_=kind), **place)]
    start, width = frame.span(ends[1], ends[2])
    line = tag("line", x1=f"{start:.2f}%", x2=f"{start + width:.2f}%", y1=y, y2=y,
               class_="from" if kind == "was" else "is-ci")  # fmt: skip
    return [line, tag("circle", cx=f"{frame.across(ends[0]):.2f}%", cy=y, r="5", class_=kind)]


def _cell(ends: Ends | None, who: str = "") -> Markup:
    if who and ends is not None:
        return join(tag("span", f"{who} ", class_="ci"), tag("b", share(ends[0])))
    if ends is None:
        return tag("span", "not asked", class_="absent")
    return join(tag("b", share(ends[0])), " ", tag("span", bounds([ends[1], ends[2]]), class_="ci"))


def _key() -> Markup:
    items = [
        tag("li", tag("svg", tag("circle", cx="7", cy="7", r="5", class_=kind), width="14", height="14",
                      aria_hidden="true"), text)
        for kind, text in (("was", "A, the first audit"), ("is", "B, the second"))
    ]  # fmt: skip
    return tag("ul", *items, class_="marks")
