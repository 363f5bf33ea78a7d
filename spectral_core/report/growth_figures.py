"""Figures 4 to 6: separability, accuracy against channels, and accuracy against units, beside shuffled labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from spectral_core.report.markup import Markup, join, tag
from spectral_core.report.panel import Curve, Floats, Scale, Tick, frame_of, legend_html, panel_html, spaced
from spectral_core.report.scale import Frame, tick_labels, ticks
from spectral_core.report.typography import bounds, is_interval, is_number, number, p_value, prose, share

Part = Mapping[str, Any]
_TERMS = (("mean-term", "mean term"), ("covariance-term", "covariance term"), ("held-out", "held-out score"))
_REGIONS = (("full", "full"), ("bands", "in-band"), ("off-band", "off-band"),
            ("residual", "high-frequency residual"))  # fmt: skip
_NONE = np.empty(0)
_NEAR = 0.1  # distance up to which figure 4 is about linear
_DISTANCES = (-1e3, -100, -10, -1, -0.1, 0, 0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6)
_APART = 12  # per cent of a panel between labels of the horizontal axis
_SEARCHED = (-1.0, 2.0)  # exponents between which growth is fitted
_LEADING = 3  # orders of channels shown at once; the others are folded
_ALPHA = 0.05
_MOST_ACCURATE = 1.03  # upper end of an axis of accuracies
_ACCURACIES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


def growth_html(growth: Part) -> Markup | None:
    """Draw figure 4, one panel for each order of channels, the first three unfolded; `None` without a curve."""
    panels = [panel for curve in growth.get("curves") or [] if (panel := _growth_panel(curve))]
    if not panels:
        return _refused("Growth of separability", growth)
    said = (
        "Bhattacharyya distance of the classes along nested sets of channels, on a scale that is linear up to 0.1 and "
        "logarithmic beyond. Tint of the same colour: where 95 % of shuffled labels lie at each size, cut below; p "
        "tests all sizes together. Mean and covariance term: bias-corrected estimates of the populations (the "
        "Cameron–Martin and the Hilbert–Schmidt condition of Feldman and Hájek). Held-out score: what these units let "
        "a shrunk linear score learn; hollow points are lower bounds, where every pair of units is told apart. Bars: "
        "one standard error (of the held-out score, over units to classify only). β is the exponent of growth, fitted "
        "before the first hollow point: near 0 the classes behave as equivalent, near 1 as ever more separable. With "
        "finitely many channels no curve shows singularity. Decimation throws photons away, binning keeps them."
    )
    figure = _figure("Figure 4. Growth of separability with the number of channels.", growth, said,
                     legend_html(_TERMS), panels, most=_LEADING)  # fmt: skip
    return join(figure, _not_drawn(growth))


def _not_drawn(growth: Part) -> Markup | None:
    """Name the orders without a curve, with the first reason."""
    empty = [curve for curve in growth.get("curves") or [] if not curve.get("fits")]
    if not empty:
        return None
    whys = [next(iter((curve.get("missing") or {}).values()), "no reason given") for curve in empty]
    told = [f"{c.get('order')}, {c.get('region')} ({why})" for c, why in zip(empty, whys, strict=True)]
    return tag("p", prose(f"Not drawn: {'; '.join(told)}."), class_="quiet")


def channel_curves_html(found: Part) -> Markup | None:
    """Draw figure 5, one panel for each order of channels, a line for each region; `None` without a curve."""
    curves: Sequence[Part] = found.get("curves") or []
    n = found.get("n") or 0
    orders = list(dict.fromkeys(str(curve.get("order")) for curve in curves))
    panels = [panel for order in orders if (panel := _accuracy_panel(order, curves, n))]
    if not panels:
        return _refused("Accuracy against channels", found)
    said = (
        "Held-out balanced accuracy of the probe, on a probit scale, against the number of channels, on a root scale: "
        "noise-like differences spread over all channels draw a straight line, a resolved band bends flat. Compare "
        "with off-band; the slope alone says nothing. Hollow points: no unit misclassified, a lower bound. Tint: where "
        "95 % of shuffled labels lie at each size, cut below. Dotted: what a mean shift spread evenly over all "
        "channels, Φ(κ√d/2) with the fitted κ, would give. Decimation throws photons away, binning keeps them."
    )
    return _figure("Figure 5. Accuracy against channels.", found, said, legend_html(_REGIONS), panels)


def learnability_html(found: Part) -> Markup | None:
    """Draw figure 6, accuracy against training units; `None` where too few units allow none."""
    units, y = _floats(found.get("units")), _floats(found.get("accuracy"))
    if units.size < 2 or y.shape != units.shape:
        return _refused("Accuracy against units", found)
    curve = Curve("full", "accuracy", units, y, *_range_of(found, units), (), _same(found.get("overlay"), units))
    lowest = min(curve.ends()[0], *curve.low)
    frame = replace(frame_of([curve]), low=max(lowest - 0.05, 0.0), high=_MOST_ACCURATE)
    marks = [(float(u), number(int(u))) for u in units]
    scale = Scale(spaced(marks, frame, apart=_APART), _plain_ticks(frame), "Training units", "Balanced accuracy")
    panel = panel_html(join(tag("b", "All channels"), f", p = {p_value(found.get('p'))}"), [curve], frame, scale,
                       described="Balanced accuracy against training units")  # fmt: skip
    said = ("Held-out balanced accuracy of the probe when it learns from fewer units. Dotted: the fitted law. Tint: "
            "where 95 % of shuffled labels lie at each number of units; p tests all of them together.")  # fmt: skip
    return _figure("Figure 6. Accuracy against training units.", found, said, None, [panel])


def _growth_panel(curve: Part) -> Markup | None:
    fits: Mapping[str, Part] = curve.get("fits") or {}
    drawn = [
        _term(kind, name, channels, values, fit)
        for kind, name in _TERMS
        if (fit := fits.get(name))
        and (channels := _floats(fit.get("channels"))).size > 1
        and (values := _same(fit.get("distance"), channels)).size
    ]
    if not drawn:
        return None
    frame = frame_of(drawn)
    marks = sorted({float(c) for fit in fits.values() for c in fit.get("channels") or []})
    crowded = frame.high - frame.low > 9  # then 0.1 lies too close to 0 to be labelled
    y = [(float(_stretched(d)), number(d)) for d in _DISTANCES if not (crowded and abs(d) == _NEAR)]
    scale = Scale(spaced([(math.log2(c), number(int(c))) for c in marks], frame, apart=_APART),
                  spaced(y, frame, apart=9, upright=True), "Channels", "Distance")  # fmt: skip
    name = f"{curve.get('order')}, {curve.get('region')}"
    said = tag("ul", *(tag("li", _rate(path, fits[path])) for _, path in _TERMS if path in fits), class_="quiet")
    return panel_html(tag("b", f"{name[:1].upper()}{name[1:]}"), drawn, frame, scale, said=said,
                      described=f"Growth of separability, {name}")  # fmt: skip


def _term(kind: str, name: str, channels: Floats, values: Floats, fit: Part) -> Curve:
    low, high = _range_of(fit, channels)
    error = _same(fit.get("error"), channels)
    reach = tuple(_stretched(values + sign * error) for sign in (-1, 1)) if error.size else ()
    return Curve(kind, name, np.log2(channels), _stretched(values), _stretched(low), _stretched(high), reach, _NONE,
                 fit.get("bounds") or ())  # fmt: skip


def _stretched(distance: Any) -> Any:
    """A scale that is linear near 0, where differences of shuffled labels lie, and logarithmic far from it."""
    return np.arcsinh(np.asarray(distance) / _NEAR)


def _rate(path: str, fit: Part) -> str:
    """Say of one path whether it leaves shuffled labels, how fast it grows, and where it can show no more."""
    p = fit.get("p")
    if is_number(p) and p > _ALPHA:
        return f"{path}: no more than shuffled labels, p = {p_value(p)}"
    limit = next((c for c, bound in zip(fit.get("channels") or [], fit.get("bounds") or [], strict=False) if bound), 0)
    told = [_beta(fit), f"every pair told apart from {number(limit)} channels on" if limit else ""]
    return f"{path}: {'; '.join(part for part in told if part)}, p = {p_value(p)}"


def _beta(fit: Part) -> str:
    """The exponent of one path; where its interval is all that was searched, it is not determined."""
    ends = fit.get("beta_interval")
    if not is_number(fit.get("beta")) or not is_interval(ends):
        return ""
    least, most = _SEARCHED
    if ends[0] <= least and ends[1] >= most:
        return "β not determined"
    return f"β at least {most:g}" if ends[0] >= most else f"β {share(fit['beta'])} {bounds(ends)}"


def _accuracy_panel(order: str, curves: Sequence[Part], n: int) -> Markup | None:
    drawn = list(_accuracy_curves(order, curves, n))
    if not drawn:
        return None
    frame = frame_of(drawn)
    marks = sorted({round(float(x) ** 2) for curve in drawn for x in curve.x})
    y: list[Tick] = [(_probit(a, n), f"{a:g}") for a in _ACCURACIES]
    scale = Scale(spaced([(math.sqrt(c), number(c)) for c in marks], frame, apart=_APART),
                  spaced(y, frame, apart=9, upright=True), "Channels", "Accuracy")  # fmt: skip
    return panel_html(
        tag("b", order.capitalize()), drawn, frame, scale, described=f"Accuracy against channels, {order}"
    )


def _accuracy_curves(order: str, curves: Sequence[Part], n: int) -> Iterator[Curve]:
    kinds = {region: kind for kind, region in _REGIONS}
    for part in curves:
        channels = _floats(part.get("channels"))
        accuracy = _same(part.get("accuracy"), channels)
        if part.get("order") != order or part.get("region") not in kinds or accuracy.size < 2:
            continue
        low, high = _range_of(part, channels)
        law = _same(part.get("overlay"), channels) if part["region"] == "full" else _NONE
        yield Curve(kinds[part["region"]], part["region"], np.sqrt(channels), _probits(accuracy, n), _probits(low, n),
                    _probits(high, n), (), _probits(law, n), (accuracy >= 1.0).tolist())  # fmt: skip


def _probits(accuracy: Floats, n: int) -> Floats:
    return np.array([_probit(float(a), n) for a in accuracy])


def _probit(accuracy: float, n: int) -> float:
    """Probit of an accuracy; 0 and 1 count as half a spectrum of n away from them."""
    least = 1 / (2 * max(n, 10))
    return NormalDist().inv_cdf(min(max(accuracy, least), 1 - least))


def _plain_ticks(frame: Frame) -> list[Tick]:
    at = ticks(frame.low, frame.high, most=5)
    labels, exponent = tick_labels(at)
    return [(t, label if not exponent else f"{t:.1g}") for t, label in zip(at, labels, strict=True)]


def _range_of(part: Part, like: Floats) -> tuple[Floats, Floats]:
    """Where shuffled labels lie at each size; ranges over all sizes are wide where the observed curve is far out."""
    low, high = (_same(part.get(key), like) for key in ("point_low", "point_high"))
    return (low, high) if low.size and high.size else (_NONE, _NONE)


def _floats(values: object) -> Floats:
    return np.array([v for v in values if is_number(v)] if isinstance(values, list | tuple) else [], dtype=np.float64)


def _same(values: object, like: Floats) -> Floats:
    found = _floats(values)
    return found if found.shape == like.shape else _NONE


def _figure(
    title: str, part: Part, said: str, legend: Markup | None, panels: Sequence[Markup], *, most: int = 4
) -> Markup:
    classes = " against ".join(str(c) for c in part.get("classes") or [])
    reading = str(part.get("reading") or "")
    told = join(tag("b", classes) if classes else None, f": {prose(reading)}." if reading else None)
    caption = tag("figcaption", tag("strong", title), " ", said)
    shown, folded = panels[:most], panels[most:]
    others = tag("details", tag("summary", f"{len(folded)} more ways to choose channels"),
                 tag("div", *folded, class_="zooms"), class_="variant") if folded else None  # fmt: skip
    return tag("figure", tag("p", told), legend, tag("div", *shown, class_="zooms"), others, caption,
               class_="diagnostic")  # fmt: skip


def _refused(title: str, part: Part) -> Markup | None:
    reading = str(part.get("reading") or "")
    return tag("p", tag("b", title), f" {prose(reading)}.") if reading else None
