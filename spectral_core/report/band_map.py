"""Figure 2: mean spectra per class over the declared bands, blanks and off-band region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spectral_core.report.markup import Markup, data_island, join, tag
from spectral_core.report.mean_spectra import MeanSpectra, read_means, runs
from spectral_core.report.scale import Floats, Frame, ticks
from spectral_core.report.typography import (
    axis_title,
    counted,
    interval,
    is_interval,
    number,
    position,
    prose,
    unit_symbol,
)

Part = Mapping[str, Any]
_GRAIN = 10_000  # drawing units across the inner viewBox
_POINTS = 1200  # more than twice the pixels of a curve on a phone, about one a pixel on a wide screen
_ZOOM_POINTS = 240
_READ_OFF = 60_000  # numbers embedded for reading values off
_NOMINAL = 1000.0  # width in px for which names of regions are laid out
_CHARACTER = 7.0


def band_map_html(report: Part) -> Markup:
    """Draw the mean spectra with their regions, then every region at its own scale."""
    means = read_means(report)
    frame = means.frame() if means else None
    if means is None or frame is None:
        return tag("p", "The report holds no mean spectra to draw.", class_="nothing")
    regions = _regions(report)
    lanes = _lanes(regions, frame)
    plot = tag(
        "div",
        _plot(means, frame, report, regions, lanes),
        class_=f"bandmap lanes-{1 + max(lanes, default=-1) if max(lanes, default=0) < 4 else 'keys'}",
        data_left=repr(frame.left), data_right=repr(frame.right),
    )  # fmt: skip
    return join(
        tag("figure", _legend(means, report), plot, _reader(), _caption(means), class_="spectra"),
        _key(regions, means.axis_unit),
        _zooms(means, regions),
        data_island("band-map-data", _read_off(means, regions)),
    )


def _regions(report: Part) -> list[dict[str, Any]]:
    """Bands are lettered a, b, … and blanks numbered 1, 2, … in order of the axis."""
    declared = report.get("regions") or {}
    found: list[dict[str, Any]] = []
    for kind, note, keys in (("bands", "assignment", "abcdefghijklmnopqrstuvwxyz"), ("blanks", "reason", "")):
        parts = [(str(n), p) for n, p in (declared.get(kind) or {}).items() if is_interval(p.get("interval"))]
        for i, (name, part) in enumerate(sorted(parts, key=lambda item: float(item[1]["interval"][0]))):
            key = str(i + 1) if kind == "blanks" else keys[i] if i < len(keys) else f"a{i}"
            found.append({"kind": kind[:-1], "key": key, "name": name, "interval": part["interval"],
                          "note": str(part.get(note) or "")})  # fmt: skip
    return found


def _lanes(regions: list[dict[str, Any]], frame: Frame) -> list[int]:
    """Put each name into the lowest lane where it does not touch another one."""
    taken: list[list[tuple[float, float]]] = []
    lanes = []
    for region in regions:
        start, width = frame.span(*region["interval"])
        half = _CHARACTER * (len(region["name"]) + 1) / 2 / _NOMINAL * 100
        ends = (start + width / 2 - half, start + width / 2 + half)
        lane = next((i for i, lane in enumerate(taken) if all(ends[1] < a or ends[0] > b for a, b in lane)), None)
        if lane is None:
            lane = len(taken)
            taken.append([])
        taken[lane].append(ends)
        lanes.append(lane)
    return lanes


def _plot(
    means: MeanSpectra, frame: Frame, report: Part, regions: list[dict[str, Any]], lanes: list[int]
) -> Markup:
    names = ", ".join(f"{r['kind']} {r['name']} {interval(r['interval'], means.axis_unit)}" for r in regions)
    description = f"Mean spectra of {', '.join(means.mean)}. Shaded: {names or 'no declared region'}."
    off_band = [p for p in (report.get("regions") or {}).get("off_band") or [] if is_interval(p)]
    return tag(
        "svg",
        tag("title", "Mean spectra per class with declared bands and blanks"), tag("desc", prose(description)),
        tag("defs", _hatch()),
        *[_shade(frame, part, "off-band") for part in off_band],
        *[_shade(frame, r["interval"], r["kind"]) for r in regions],
        *_axes(frame, means), _curves(means, frame, most=_POINTS),
        *[_label(frame, r, lane) for r, lane in zip(regions, lanes, strict=True)],
        tag("line", x1="0", x2="0", y1="0", y2="100%", class_="cursor", hidden=True),
        role="img", class_="plot",
    )  # fmt: skip


def _hatch() -> Markup:
    line = tag("line", x1="0", y1="0", x2="0", y2="7", class_="hatch")
    return tag("pattern", line, id="hatch", width="7", height="7", patternUnits="userSpaceOnUse",
               patternTransform="rotate(45)")  # fmt: skip


def _shade(frame: Frame, ends: Any, class_: str) -> Markup:
    start, width = frame.span(*ends)
    place = {"x": f"{start:.2f}%", "width": f"{width:.2f}%", "y": "0", "height": "100%"}
    hatched = tag("rect", **place, fill="url(#hatch)") if class_ == "blank" else None
    return join(tag("rect", **place, class_=f"region {class_}"), hatched)


def _label(frame: Frame, region: dict[str, Any], lane: int) -> Markup:
    start, width = frame.span(*region["interval"])
    x = f"{start + width / 2:.2f}%"
    name = tag("text", region["name"], x=x, y=str(-8 - 17 * lane), class_="name")
    return tag("g", name, tag("text", region["key"], x=x, y="-8", class_="key"), class_=region["kind"])


def _axes(frame: Frame, means: MeanSpectra, *, most: int = 9) -> list[Markup]:
    low, high = sorted((frame.left, frame.right))
    drawn = []
    for at in ticks(low, high, most=most):
        x = f"{frame.across(at):.2f}%"
        drawn.append(tag("line", x1=x, x2=x, y1="100%", y2="100%", class_="tick", transform="translate(0,5)"))
        drawn.append(tag("text", position(at), x=x, y="100%", dy="18", class_="x"))
    for at in ticks(frame.low, frame.high, most=5):
        y = f"{frame.down(at):.2f}%"
        drawn.append(tag("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        drawn.append(tag("text", number(float(at)), x="-7", y=y, dy="4", class_="y"))
    drawn.append(tag("rect", x="0", y="0", width="100%", height="100%", class_="frame"))
    if most > 5:
        drawn.append(tag("text", axis_title(means.axis_unit), x="50%", y="100%", dy="38", class_="title"))
        drawn.append(tag("text", means.intensity_unit.capitalize() or "Intensity", x="0", y="100%", dy="38",
                         class_="title quantity"))  # fmt: skip
    return drawn


def _curves(means: MeanSpectra, frame: Frame, *, most: int) -> Markup:
    areas, lines = [], []
    for i, label in enumerate(means.mean):
        for axis, mean, sd in runs(means, label, most=most):
            if sd.any():
                outline = _points(frame, axis, mean + sd) + _points(frame, axis[::-1], (mean - sd)[::-1])
                areas.append(tag("path", d="M" + "L".join(outline) + "Z", class_=f"sd k{i % 8}"))
            lines.append(tag("path", d="M" + "L".join(_points(frame, axis, mean)), class_=_line_class(i)))
    return tag("svg", *areas, *lines, viewBox=f"0 0 {_GRAIN} {_GRAIN}", preserveAspectRatio="none", width="100%",
               height="100%")  # fmt: skip


def _points(frame: Frame, x: Floats, y: Floats) -> list[str]:
    across = np.rint(frame.across_all(x) * _GRAIN / 100).astype(int)
    down = np.rint(frame.down_all(y) * _GRAIN / 100).astype(int)
    return [f"{a} {b}" for a, b in zip(across.tolist(), down.tolist(), strict=True)]


def _line_class(i: int) -> str:
    return f"mean k{i % 8} d{(i + i // 8) % 4}"


def _legend(means: MeanSpectra, report: Part) -> Markup:
    classes = (report.get("design") or {}).get("classes") or {}
    items = []
    for i, label in enumerate(means.mean):
        sample = tag("svg", tag("line", x1="1", x2="33", y1="6", y2="6", class_=_line_class(i)), width="34",
                     height="12", aria_hidden="true")  # fmt: skip
        size = classes.get(label) or {}
        of = ", ".join(counted(size[k], noun) for k, noun in (("units", "unit"), ("spectra", "spectrum")) if k in size)
        items.append(tag("li", sample, label, tag("span", f" ({of})" if of else "", class_="quiet")))
    return tag("ul", *items, class_="legend")


def _reader() -> Markup:
    slider = tag("input", type="range", min="0", max="1", step="1", value="0", aria_label="Position on the axis")
    return tag("div", slider, tag("output", aria_live="off"), class_="reader", hidden=True)


def _caption(means: MeanSpectra) -> Markup:
    spread = "; tint, ± 1 standard deviation" if any(sd.any() for sd in means.sd.values()) else ""
    thinned = f" Curves are drawn with fewer points than the {means.axis.size:,} channels, keeping every local " \
              "extreme; all numbers come from all channels." if means.axis.size > _POINTS else ""  # fmt: skip
    return tag(
        "figcaption",
        tag("strong", "Figure 2. Mean spectra of the classes, as stored. "),
        f"Lines: class means{spread}. Blue, lettered: declared bands. Hatched, numbered: declared blanks. Grey: "
        f"off-band; white beside a band: its guard, which belongs to neither.{thinned}",
    )


def _key(regions: list[dict[str, Any]], unit: str) -> Markup:
    if not regions:
        return tag("p", "No band and no blank was declared.", class_="nothing")
    items = [
        tag("li", tag("span", r["key"], class_=f"chip {r['kind']}"), " ", tag("b", r["name"]), " ",
            tag("span", interval(r["interval"], unit), class_="nowrap"),
            f" – {prose(r['note'])}" if r["note"] else None,
            tag("span", f" ({r['kind']})", class_="quiet"))
        for r in regions
    ]  # fmt: skip
    return tag("ul", *items, class_="region-key")


def _zooms(means: MeanSpectra, regions: list[dict[str, Any]]) -> Markup | None:
    panels = []
    for region in sorted(regions, key=lambda r: r["kind"] != "blank"):
        part = means.within(*region["interval"])
        frame = part.frame() if part else None
        if part and frame:
            title = tag("b", f"{region['kind'].capitalize()} {region['key']}: {region['name']}")
            picture = tag("svg", tag("title", f"Mean spectra, {region['name']}"), *_axes(frame, part, most=4),
                          _curves(part, frame, most=_ZOOM_POINTS), role="img", class_="plot")  # fmt: skip
            panels.append(tag("div", title, tag("div", picture, class_="bandmap"), class_=f"zoom {region['kind']}"))
    if not panels:
        return None
    caption = tag("figcaption", tag("strong", "Figure 3. The same means, each region at its own scale. "),
                  "A difference between classes inside a blank is not chemistry, however small it looks in figure 2.")  # fmt: skip
    return tag("figure", tag("div", *panels, class_="zooms"), caption, class_="spectra")


def _read_off(means: MeanSpectra, regions: list[dict[str, Any]]) -> dict[str, object]:
    step = 1 + means.axis.size * (len(means.mean) + 1) // _READ_OFF
    curves = {label: [float(f"{v:.4g}") if np.isfinite(v) else None for v in values[::step]]
              for label, values in means.mean.items()}  # fmt: skip
    parts = [[r["kind"], r["name"], *map(float, r["interval"])] for r in regions]
    axis = [float(f"{v:.6g}") for v in means.axis[::step]]
    return {"unit": unit_symbol(means.axis_unit), "axis": axis, "mean": curves, "regions": parts}
