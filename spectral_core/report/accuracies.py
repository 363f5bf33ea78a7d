"""Figure 1: what each part of the spectrum achieves, one panel a variant; a table with points drawn in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.markup import Markup, join, tag
from spectral_core.report.scale import Frame, ticks
from spectral_core.report.typography import bounds, confidence, is_interval, is_number, p_value, share
from spectral_core.report.words import CONVICTS, FURTHER_PROBES, PROBES, VERDICTS

Part = Mapping[str, Any]


def accuracy_figure_html(report: Part) -> Markup:
    """Draw the panels of all variants on one common scale, with chance and the margin δ below full."""
    variants: Sequence[Part] = report.get("variants") or []
    if not variants:
        return tag("p", "No variant was audited; there is no accuracy to show.", class_="nothing")
    frame = accuracy_frame(report)
    panels = [_panel(variant, report, frame) for variant in variants]
    class_ = "panels single" if len(panels) == 1 else "panels"
    return tag(
        "figure",
        tag("div", *panels, class_=class_),
        tag("figcaption", *_caption(report)),
        class_="accuracies",
    )


def rows_of(variant: Part, report: Part) -> list[tuple[str, str, Part]]:
    """Give (code, name, probe) of the rows to draw; a probe that was not run has an empty mapping.

    Random folds are a row of their own only where some unit has more than one spectrum.
    """
    probes = variant.get("probes") or {}
    rows = [(code, name, probes.get(code) or {}) for code, name in PROBES.items()]
    design = report.get("design") or {}
    n_spectra, n_units = design.get("n_spectra"), design.get("n_units")
    if variant.get("random_folds") and is_number(n_spectra) and is_number(n_units) and n_spectra > n_units:
        rows.insert(1, ("random_folds", FURTHER_PROBES["random_folds"], variant["random_folds"]))
    return rows


def accuracy_frame(report: Part) -> Frame:
    """Choose the common scale: up to 1, down to the lowest value shown, in tenths."""
    low = [1.0]
    chance = (report.get("design") or {}).get("chance")
    low += [chance] if is_number(chance) else []
    for variant in report.get("variants") or []:
        for _, _, probe in rows_of(variant, report):
            value, ends = probe.get("balanced_accuracy"), probe.get("interval")
            low += [value] if is_number(value) else []
            low += [ends[0]] if is_interval(ends) else []
    floor = max(0.0, math.floor(10 * min(low) - 0.5) / 10)
    return Frame(min(floor, 0.9), 1.0, 0.0, 1.0)


def _panel(variant: Part, report: Part, frame: Frame) -> Markup:
    name = str(variant.get("variant", ""))
    verdict = str(variant.get("verdict", ""))
    words = VERDICTS.get(verdict)
    title = tag("caption", tag("code", name), " ", tag("span", f"{words.shape} {words.title}" if words else verdict))
    convicting = {c for r in variant.get("reasons") or [] for c in CONVICTS.get(str(r.get("code")), ())}
    rows = [_row(code, text, probe, variant, report, frame, code in convicting)
            for code, text, probe in rows_of(variant, report)]  # fmt: skip
    head = tag(
        "tr",
        tag("th", "Classified from", scope="col"),
        tag("td", _chance_label(report, frame), class_="plot", aria_hidden="true"),
        tag("th", "Accuracy ", tag("span", f"[{confidence(report)}]"), scope="col", class_="number"),
        tag("th", tag("abbr", "adj. p", title="p adjusted for the questions asked together"), scope="col",
            class_="number"),
    )  # fmt: skip
    foot = tag("tr", tag("td"), tag("td", _scale(frame), class_="plot"), tag("td", colspan="2"), aria_hidden="true")
    inner = (title, tag("thead", head), tag("tbody", *rows), tag("tfoot", foot))
    return tag("div", tag("table", *inner, class_="forest"), class_="panel")


def _row(code: str, text: str, probe: Part, variant: Part, report: Part, frame: Frame, decides: bool) -> Markup:
    value = probe.get("balanced_accuracy")
    p = probe.get("p_adjusted", probe.get("p"))
    label = join(text, tag("span", " ◂ decides", class_="decides-note") if decides else None)
    if not is_number(value):
        rest = tag("td", "not asked", class_="number absent", colspan="2")
    else:
        ends = probe.get("interval")
        shown = join(tag("b", share(value)), " ", tag("span", bounds(ends), class_="ci") if ends else None)
        level = p_value(p) if probe.get("settled", True) else "not settled"
        rest = join(tag("td", shown, class_="number"), tag("td", level, class_="number"))
    strip = tag("td", _strip(code, probe, variant, report, frame), class_="plot", aria_hidden="true")
    return tag("tr", tag("th", label, scope="row"), strip, rest, class_="decides" if decides else None)


def _strip(code: str, probe: Part, variant: Part, report: Part, frame: Frame) -> Markup:
    settings = report.get("settings") or {}
    full = ((variant.get("probes") or {}).get("full") or {}).get("balanced_accuracy")
    delta, chance = settings.get("delta"), (report.get("design") or {}).get("chance")
    drawn = []
    if is_number(full) and is_number(delta):
        start, width = frame.span(full - delta, full)
        drawn.append(tag("rect", x=f"{start:.2f}%", y="0", width=f"{width:.2f}%", height="100%", class_="margin"))
    drawn += [_upright(frame.across(t), "grid") for t in ticks(frame.left, frame.right, most=7)]
    if is_number(chance):
        drawn.append(_upright(frame.across(chance), "chance"))
    return tag("svg", *drawn, *_mark(code, probe, settings.get("alpha"), frame), class_="strip")


def _mark(code: str, probe: Part, alpha: object, frame: Frame) -> list[Markup]:
    value, ends = probe.get("balanced_accuracy"), probe.get("interval")
    if not is_number(value):
        return []
    drawn = []
    if is_interval(ends):
        start, width = frame.span(*ends)
        drawn.append(tag("line", x1=f"{start:.2f}%", x2=f"{start + width:.2f}%", y1="50%", y2="50%", class_="ci"))
    p = probe.get("p_adjusted", probe.get("p"))
    solid = probe.get("settled", True) and (not is_number(p) or not is_number(alpha) or p <= alpha)
    class_ = f"point {code.replace('_', '-')}{'' if solid else ' open'}"
    drawn.append(tag("circle", cx=f"{frame.across(value):.2f}%", cy="50%", r="5.5", class_=class_))
    return drawn


def _upright(x: float, class_: str) -> Markup:
    return tag("line", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1="0", y2="100%", class_=class_)


def _chance_label(report: Part, frame: Frame) -> Markup:
    chance = (report.get("design") or {}).get("chance")
    if not is_number(chance):
        return tag("svg", class_="strip")
    text = tag("text", f"chance {share(chance)}", x=f"{frame.across(chance):.2f}%", y="100%", dy="-5",
               class_="chance-label")  # fmt: skip
    return tag("svg", text, class_="strip")


def _scale(frame: Frame) -> Markup:
    labels = [
        tag("text", f"{t:.1f}", x=f"{frame.across(t):.2f}%", y="14") for t in ticks(frame.left, frame.right, most=5)
    ]
    return tag("svg", *labels, class_="strip scale")


def _caption(report: Part) -> list[Markup | str]:
    settings = report.get("settings") or {}
    delta, alpha, folds = (settings.get(key) for key in ("delta", "alpha", "n_folds"))
    kept = "with the spectra of one unit kept together"
    how = f"{folds}-fold cross-validation, {kept}" if is_number(folds) else f"cross-validation, {kept}"
    below = f"p ≤ {alpha:g}" if is_number(alpha) else "p ≤ α"
    margin = f"δ = {delta:g}" if is_number(delta) else "δ"
    blanks = (report.get("regions") or {}).get("blanks")
    scalars = "" if blanks else " Nuisance scalars are taken off-band here, because no blank was declared."
    return [
        tag("strong", "Figure 1. What each part of the spectrum achieves. "),
        f"Balanced accuracy of the same classifier given only that part, with its {confidence(report)} interval "
        f"({how}). Filled point: associated with the class (adjusted {below}); open point: not distinguishable from "
        f"shuffled labels. Dashed line: chance. Grey band: within {margin} of the full spectrum. Verdicts rest on "
        f"intervals of the paired differences, listed below, not on whether these intervals overlap.{scalars}",
    ]
