"""Figures 2 and 3: mean spectra per class over the declared bands, blanks and off-band region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectral_core.report.feature_groups import feature_groups_html
from spectral_core.report.markup import Markup, data_island, join, tag
from spectral_core.report.mean_spectra import MeanSpectra, read_means
from spectral_core.report.plane import axes, curves, hatch, line_class, region_name, shade
from spectral_core.report.proposals import proposals_html, read_proposals
from spectral_core.report.scalar_dots import scalar_dots_html
from spectral_core.report.scale import Frame
from spectral_core.report.typography import counted, interval, is_interval, prose, unit_symbol

Part = Mapping[str, Any]
_POINTS = 1200  # more than twice the pixels of a curve on a phone, about one a pixel on a wide screen
_ZOOM_POINTS = 240
_READ_OFF = 60_000  # numbers embedded for reading values off
_NOMINAL = 1000.0  # width in px for which the names of regions are laid out
_CHARACTER = 7.2
_LANES = 4


@dataclass(frozen=True)
class Region:
    """A declared band or blank and the key that stands for it in the figures."""

    kind: str
    key: str
    name: str
    interval: tuple[float, float]
    note: str


def band_map_html(report: Part) -> Markup:
    """Draw the mean spectra with their regions, then every region at its own scale."""
    means = read_means(report)
    frame = means.frame() if means else None
    if means is None or frame is None:
        return tag("p", "The report holds no mean spectra to draw.", class_="nothing")
    regions = read_regions(report, reverse=means.reversed)
    lanes = _lanes(regions, frame)
    height = max(lanes, default=0) + 1
    plot = tag("div", _plot(means, frame, report, regions, lanes), data_left=repr(frame.left),
               data_right=repr(frame.right),
               class_=f"bandmap lanes-{height if height <= _LANES else 'keys'}")  # fmt: skip
    return join(
        tag("figure", _legend(means, report), plot, _reader(), _caption(means, regions, report), class_="spectra"),
        feature_groups_html(report) or _key(regions, means.axis_unit),
        _zooms(means, regions),
        scalar_dots_html(report),
        proposals_html(report),
        data_island("band-map-data", _read_off(means, regions, report)),
    )


def read_regions(report: Part, *, reverse: bool) -> list[Region]:
    """Letter the bands (a, b, …) and number the blanks (1, 2, …) as they lie from left to right."""
    declared = report.get("regions") or {}
    found = []
    for kind, note in (("bands", "assignment"), ("blanks", "reason")):
        parts = [(str(n), p) for n, p in (declared.get(kind) or {}).items() if is_interval(p.get("interval"))]
        parts.sort(key=lambda item: float(item[1]["interval"][0]), reverse=reverse)
        for i, (name, part) in enumerate(parts):
            key = str(i + 1) if kind == "blanks" else chr(ord("a") + i % 26) + str(i // 26 or "")
            low, high = part["interval"]
            found.append(Region(kind[:-1], key, name, (float(low), float(high)), str(part.get(note) or "")))
    return found


def _lanes(regions: list[Region], frame: Frame) -> list[int]:
    """Put each name into the lowest lane where it does not touch another one."""
    taken: list[list[tuple[float, float]]] = []
    lanes = []
    for region in regions:
        start, width = frame.span(*region.interval)
        half = _CHARACTER * (len(region.name) + 4) / 2 / _NOMINAL * 100
        ends = (start + width / 2 - half, start + width / 2 + half)
        lane = next((i for i, row in enumerate(taken) if all(ends[1] < a or ends[0] > b for a, b in row)), len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append(ends)
        lanes.append(lane)
    return lanes


def _plot(means: MeanSpectra, frame: Frame, report: Part, regions: list[Region], lanes: list[int]) -> Markup:
    names = ", ".join(f"{r.kind} {r.name} {interval(r.interval, means.axis_unit)}" for r in regions)
    description = f"Mean spectra of {', '.join(means.mean)}. Shaded: {names or 'no declared region'}."
    off_band = [p for p in (report.get("regions") or {}).get("off_band") or [] if is_interval(p)]
    return tag(
        "svg",
        tag("title", "Mean spectra per class with declared bands and blanks"),
        tag("desc", prose(description)),
        hatch(),
        *[shade(frame, part, "off-band") for part in off_band],
        *[shade(frame, r.interval, r.kind) for r in regions],
        *[shade(frame, p["interval"], "proposal") for p in read_proposals(report)],
        *axes(frame, means),
        curves(means, frame, most=_POINTS),
        *[region_name(frame, r.interval, r.key, r.name, kind=r.kind, lane=lane)
          for r, lane in zip(regions, lanes, strict=True)],
        tag("line", x1="0", x2="0", y1="0", y2="100%", class_="cursor", hidden=True),
        role="img", class_="plot",
    )  # fmt: skip


def _legend(means: MeanSpectra, report: Part) -> Markup:
    classes = (report.get("design") or {}).get("classes") or {}
    items = []
    for i, label in enumerate(means.mean):
        line = tag("line", x1="1", x2="33", y1="6", y2="6", class_=line_class(i))
        sample = tag("svg", line, width="34", height="12", aria_hidden="true")
        size = classes.get(label) or {}
        of = ", ".join(counted(size[k], noun) for k, noun in (("units", "unit"), ("spectra", "spectrum")) if k in size)
        items.append(tag("li", sample, label, tag("span", f" ({of})", class_="quiet") if of else None))
    return tag("ul", *items, class_="legend")


def _reader() -> Markup:
    slider = tag("input", type="range", min="0", max="1", step="1", value="0", aria_label="Position on the axis")
    return tag("div", slider, tag("output", aria_live="off"), class_="reader", hidden=True)


def _caption(means: MeanSpectra, regions: list[Region], report: Part) -> Markup:
    kinds = {r.kind for r in regions}
    spread = any(sd.any() for sd in means.sd.values())
    thinned = (
        f"Curves are drawn with fewer points than the {means.axis.size:,} channels but keep the highest and "
        "the lowest of every stretch; all numbers come from all channels."
    )
    parts = [
        (True, "Lines: class means; tint: ± 1 standard deviation." if spread else "Lines: class means."),
        ("band" in kinds, "Blue, lettered: declared bands."),
        ("blank" in kinds, "Hatched, numbered: declared blanks."),
        ("band" in kinds, "Grey: off-band; white beside a band: its guard, which counts as neither."),
        (bool(read_proposals(report)), "Dashed: intervals that look empty, proposed as blanks and not used."),
        (means.axis.size > _POINTS, thinned),
    ]
    return tag("figcaption", tag("strong", "Figure 2. Mean spectra of the classes, as stored. "),
               " ".join(text for holds, text in parts if holds))  # fmt: skip


def _key(regions: list[Region], unit: str) -> Markup:
    if not regions:
        return tag("p", "No band and no blank was declared.", class_="nothing")
    items = [
        tag("li", tag("span", r.key, class_=f"chip {r.kind}"), " ", tag("b", r.name), " ",
            tag("span", interval(r.interval, unit), class_="nowrap"),
            f" – {prose(r.note)}" if r.note else None, tag("span", f" ({r.kind})", class_="quiet"))
        for r in regions
    ]  # fmt: skip
    return tag("ul", *items, class_="region-key")


def _zooms(means: MeanSpectra, regions: list[Region]) -> Markup | None:
    panels = []
    for region in sorted(regions, key=lambda r: r.kind != "blank"):
        part = means.within(*region.interval)
        frame = part.frame() if part else None
        if part and frame:
            title = tag("b", f"{region.kind.capitalize()} {region.key}: {region.name}")
            picture = tag("svg", tag("title", f"Mean spectra, {region.name}"),
                          *axes(frame, part, most=4, titles=False), curves(part, frame, most=_ZOOM_POINTS),
                          role="img", class_="plot")  # fmt: skip
            panels.append(tag("div", title, tag("div", picture, class_="bandmap"), class_=f"zoom {region.kind}"))
    if not panels:
        return None
    blank = (" If a blank is empty, as declared, a difference between classes inside it is not chemistry. "
             "Differences of noise do not show in means.")  # fmt: skip
    caption = tag("figcaption", tag("strong", "Figure 3. The same means, each region at its own scale."),
                  blank if any(r.kind == "blank" for r in regions) else None)  # fmt: skip
    return tag("figure", tag("div", *panels, class_="zooms"), caption, class_="spectra")


def _read_off(means: MeanSpectra, regions: list[Region], report: Part) -> dict[str, object]:
    step = 1 + means.axis.size * (len(means.mean) + 1) // _READ_OFF
    mean = {label: [float(f"{v:.4g}") if np.isfinite(v) else None for v in values[::step]]
            for label, values in means.mean.items()}  # fmt: skip
    parts = [[r.kind, r.name, *r.interval] for r in regions]
    axis = [float(f"{v:.6g}") for v in means.axis[::step]]
    names = [str(name) for name in (report.get("spectra") or {}).get("features") or []][::step]
    told: dict[str, object] = {"unit": unit_symbol(means.axis_unit), "axis": axis, "mean": mean, "regions": parts}
    return {**told, "names": names} if len(names) == len(axis) else told
