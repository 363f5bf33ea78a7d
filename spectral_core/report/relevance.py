"""What the classifier looks at: maps one below the other on one axis, their nulls in grey, and a table per band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spectral_core.regions import segments
from spectral_core.report.band_map import Region, read_regions
from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.mean_spectra import MeanSpectra, read_means
from spectral_core.report.plane import axes, shade
from spectral_core.report.scale import Floats, Frame, thin
from spectral_core.report.typography import (
    ABSENT,
    bounds,
    confidence,
    interval,
    is_number,
    number,
    p_value,
    prose,
    share,
    signed,
)  # fmt: skip
from spectral_core.report.words import MAPS

Part = Mapping[str, Any]
_POINTS = 1200
_GRAIN = 10_000  # drawing units across the inner viewBox
_EFFECTS = ("necessity", "joint_loss", "conditional_loss")


def relevance_html(report: Part) -> Markup | None:
    """Show maps and tables of every variant, the first one unfolded; `None` where relevance was not examined."""
    examined = [v for v in report.get("variants") or [] if v.get("relevance")]
    if not examined:
        return None
    single = len(report.get("variants") or []) == 1
    parts = [
        content if single else tag("details", tag("summary", tag("code", str(variant.get("variant", "")))), content,
                                   open=i == 0, class_="variant")
        for i, variant in enumerate(examined)
        for content in [_variant(variant["relevance"], report)]
    ]  # fmt: skip
    said = ("The linear probe on the preprocessed spectrum, and PLS-DA. Maps support a verdict; they do not decide "
            "it. Where channels move together the maps disagree, so they are shown together.")  # fmt: skip
    return join(tag("p", said), *parts)


def _variant(found: Part, report: Part) -> Markup:
    maps: Mapping[str, Part] = found.get("maps") or {}
    means = read_means(report)
    turned = means.reversed if means else False
    unit = str((report.get("regions") or {}).get("axis_unit") or "")
    axis = np.asarray(found.get("axis") or [], dtype=np.float64)
    regions = read_regions(report, reverse=turned)
    drawn = [
        _map_html(name, maps[name], axis, unit, turned, regions, found)
        for name in MAPS
        if name in maps and axis.size > 1
    ]
    caption = (
        f"Black: the map; red where it leaves the outer grey band. Grey: where maps of shuffled labels stay in "
        f"{confidence(report)} of cases, at one channel (dark) and at all channels together (light); "
        f"{number(found.get('n_permutations'))} permutations, each refitted."
        + (" Shaded: declared bands and blanks, lettered and numbered as in figure 2." if regions else "")
    )
    return join(
        tag("figure", *drawn, tag("figcaption", caption)) if drawn else None,
        _agreement_table(found), _band_table(found, report),
    )  # fmt: skip


def _map_html(
    name: str, part: Part, axis: Floats, unit: str, turned: bool, regions: Sequence[Region], found: Part
) -> Markup:
    values, pointwise, simultaneous = _levels(part)
    position = axis
    if part.get("position"):
        centres = np.asarray(part["position"], dtype=np.float64)
        position, (values, pointwise, simultaneous) = _as_steps(centres, axis, (values, pointwise, simultaneous))
    words, both = MAPS[name], bool(part.get("signed"))
    frame = _frame(axis, turned, values, simultaneous, both)
    plain = MeanSpectra(axis, unit, "", {}, {}, turned)
    zero = f"{frame.down(0.0):.2f}%"
    picture = tag(
        "svg", tag("title", f"{words['title']} over the axis"),
        *[shade(frame, r.interval, r.kind) for r in regions],
        *axes(frame, plain, titles=False),
        tag("line", x1="0", x2="100%", y1=zero, y2=zero, class_="zero"),
        _curves(frame, position, values, pointwise, simultaneous, both),
        *_keys(frame, regions), role="img", class_="plot",
    )  # fmt: skip
    unit_said = f" ({words['unit']})" if words["unit"] else ""
    positive = str(found.get("positive_class") or "")
    means = words["means"].partition(" Above zero")[0] if not both else words["means"].format(positive=positive)
    head = tag("p", tag("b", words["title"]), f"{unit_said}, p = {p_value(part.get('p'))}. ",
               tag("span", prose(means), class_="quiet"))  # fmt: skip
    return tag("div", head, tag("div", picture, class_="bandmap"), class_="relevance-map")


def _levels(part: Part) -> tuple[Floats, ...]:
    return tuple(np.asarray(part.get(key) or [], dtype=np.float64) for key in ("values", "pointwise", "simultaneous"))


def _frame(axis: Floats, turned: bool, values: Floats, level: Floats, both: bool) -> Frame:
    reach = float(np.quantile(level, 0.98))  # a level that shoots up at a few channels would flatten the map
    high = max(float(values.max()), reach, 0.0)
    low = min(float(values.min()), -reach if both else 0.0)
    margin = 0.05 * (high - low) or 1.0
    left, right = (float(axis[-1]), float(axis[0])) if turned else (float(axis[0]), float(axis[-1]))
    return Frame(left, right, low - margin * (low < 0), high + margin)


def _keys(frame: Frame, regions: Sequence[Region]) -> list[Markup]:
    drawn = []
    for region in regions:
        start, width = frame.span(*region.interval)
        text = tag("text", region.key, x=f"{start + width / 2:.2f}%", y="-5")
        drawn.append(tag("g", text, class_=region.kind))
    return drawn


def _curves(
    frame: Frame, position: Floats, values: Floats, pointwise: Floats, simultaneous: Floats, both: bool
) -> Markup:
    """Draw the two null bands, the map, and again what lies beyond the outer band, gap by gap."""
    areas, lines = [], []
    whole = bool((np.diff(position) == 0).any())  # steps of windows have no gaps
    for piece in [slice(0, position.size)] if whole else segments(position):
        x, v = position[piece], values[piece]
        kept = np.arange(x.size) if whole else thin(v, most=max(4, _POINTS * x.size // position.size))
        for level in (simultaneous[piece][kept], pointwise[piece][kept]):
            floor = -level if both else np.minimum(level, 0.0)
            outline = [*_points(frame, x[kept], level), *_points(frame, x[kept][::-1], floor[::-1])]
            areas.append(tag("path", d="M" + "L".join(outline) + "Z", class_="null"))
        lines.append(tag("path", d="M" + "L".join(_points(frame, x[kept], v[kept])), class_="map"))
        out = (np.abs(v) if both else v) > simultaneous[piece]
        lines += [_beyond(frame, x, v, run) for run in _runs(out[kept], kept)]
    return tag("svg", *areas, *lines, viewBox=f"0 0 {_GRAIN} {_GRAIN}", preserveAspectRatio="none",
               width="100%", height="100%")  # fmt: skip


def _as_steps(centres: Floats, axis: Floats, values: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
    """Turn one value a window into a line that is level over each window."""
    edges = np.concatenate([axis[:1], (centres[:-1] + centres[1:]) / 2, axis[-1:]])
    return np.repeat(edges, 2)[1:-1], [np.repeat(v, 2) for v in values]


def _runs(out: Any, kept: Any) -> list[Any]:
    cuts = np.flatnonzero(np.diff(np.concatenate([[False], out, [False]]).astype(int)))
    return [kept[a:b] for a, b in zip(cuts[::2], cuts[1::2], strict=True)]


def _beyond(frame: Frame, x: Floats, v: Floats, run: Any) -> Markup:
    ends = run if run.size > 1 else np.array([max(run[0] - 1, 0), run[0], min(run[0] + 1, x.size - 1)])
    return tag("path", d="M" + "L".join(_points(frame, x[ends], v[ends])), class_="beyond")


def _points(frame: Frame, x: Floats, y: Floats) -> list[str]:
    across = np.rint(frame.across_all(x) * _GRAIN / 100).astype(int)
    down = np.rint(frame.down_all(y) * _GRAIN / 100).astype(int)
    return [f"{a} {b}" for a, b in zip(across.tolist(), down.tolist(), strict=True)]


def _agreement_table(found: Part) -> Markup | None:
    agreement: Mapping[str, Part] = found.get("agreement") or {}
    if not agreement:
        return None
    shifted = any(part.get("p_shifts") is not None for part in agreement.values())
    rows = [
        [MAPS[name]["title"] if name in MAPS else name, share(part.get("share")), share(part.get("expected")),
         signed(part.get("agreement")), signed(part.get("null_median")), signed(part.get("null_high")),
         p_value(part.get("p_labels")), *([p_value(part.get("p_shifts"))] if shifted else [])]
        for name, part in sorted(agreement.items(), key=lambda item: [*MAPS].index(item[0]) if item[0] in MAPS else 99)
    ]  # fmt: skip
    head = ["Map", "Share inside bands", "Share of channels", "Agreement", "Shuffled labels, median",
            "Shuffled labels, upper end", "p, shuffled labels",
            *(["p, shifted bands"] if shifted else [])]  # fmt: skip
    said = ("Agreement is 1 where all relevance lies inside the declared bands, 0 where it is spread evenly, negative "
            "where it avoids them. Only p from shuffled labels raises a caveat.")  # fmt: skip
    said += " Shifted bands ask whether bands of this shape would do as well elsewhere." if shifted else ""
    return join(table(head, rows, caption="Agreement of the maps with the declared bands"),
                tag("p", said, class_="quiet"))  # fmt: skip


def _band_table(found: Part, report: Part) -> Markup | None:
    rows: Sequence[Part] = found.get("per_band") or []
    if not rows:
        return None
    head = ["Region", "Channels", "Alone", "p", "Full − without it", "Loss if exchanged",
            "Loss if its own part is exchanged", "Share of pattern", "Share of weights"]  # fmt: skip
    body = [
        [_name(row, report), number(row.get("n_channels")), _accuracy(row.get("alone")), p_value(row.get("alone_p")),
         *[_effect(row.get(key)) for key in _EFFECTS],
         *[share((row.get("shares") or {}).get(key)) for key in ("pattern", "weights")]]
        for row in rows
    ]  # fmt: skip
    said = (
        "“Alone” and “without it” are refitted. “Exchanged” lends each held-out spectrum the region of others, "
        "without a refit; “its own part” is what the rest of the spectrum does not predict of it: near 0, the region "
        "says nothing that other channels do not say too. Blanks may lie inside off-band."
    )
    return join(table(head, body, caption="What each region does for the classifier (balanced accuracy)"),
                tag("p", said, class_="quiet"))  # fmt: skip


def _name(row: Part, report: Part) -> Markup:
    regions = report.get("regions") or {}
    kind, name = str(row.get("kind", "")), str(row.get("name", ""))
    declared = (regions.get(f"{kind}s") or {}).get(name) or {}
    place = interval(declared.get("interval"), str(regions.get("axis_unit") or ""))
    note = (f"{kind}, {place}" if declared.get("interval") else kind) if declared else None
    return join(name, tag("span", f" {note}", class_="quiet") if note else None)


def _accuracy(part: Part | None) -> Markup:
    if not part or not is_number(part.get("estimate")):
        return join(ABSENT)
    return join(share(part["estimate"]), " ", tag("span", bounds(part.get("interval")), class_="quiet"))


def _effect(part: Part | None) -> Markup:
    if not part or not is_number(part.get("estimate")):
        return join(ABSENT)
    return join(signed(part["estimate"]), " ", tag("span", bounds(part.get("interval"), sign=True), class_="quiet"))
