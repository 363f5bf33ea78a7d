"""Why a classifier succeeds: concentration of measure in a table, growth in figures; none decides the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.growth_figures import channel_curves_html, growth_html, learnability_html
from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import ABSENT, is_interval, is_number, number, p_value, prose

Part = Mapping[str, Any]
_SAID = (
    "These numbers explain a verdict and never decide it. Each stands beside what no difference gives: shuffled labels "
    "where it depends on the classes, white noise of the same size where it does not."
)


def diagnostics_html(report: Part) -> Markup | None:
    """Show the diagnostics of every variant, the first one unfolded; `None` where none were computed."""
    variants: Sequence[Part] = report.get("variants") or []
    examined = [variant for variant in variants if variant.get("diagnostics")]
    if not examined:
        return None
    parts = [_variant(variant["diagnostics"]) for variant in examined]
    if len(variants) > 1:
        parts = [
            tag("details", tag("summary", tag("code", str(variant.get("variant", "")))), part, open=i == 0,
                class_="variant")
            for i, (variant, part) in enumerate(zip(examined, parts, strict=True))
        ]  # fmt: skip
    return join(tag("p", _SAID), *parts)


def _variant(found: Part) -> Markup:
    curves: Mapping[str, Part] = found.get("curves") or {}
    drawn = [
        draw(curves[name])
        for name, draw in (("growth", growth_html), ("channel_curves", channel_curves_html),
                           ("learnability", learnability_html))
        if curves.get(name)
    ]  # fmt: skip
    return join(_scalars_table(found), *drawn, _assumptions(found))


def _scalars_table(found: Part) -> Markup | None:
    scalars: Mapping[str, Part] = found.get("scalars") or {}
    if not scalars:
        return None
    rows = [_row(name, part) for name, part in scalars.items()]
    head = ["Diagnostic", "Estimate", "95 % interval", "Without a difference", "p", "What it says here"]
    return table(head, rows, caption="Concentration, dimension and capacity", numeric_from=9, class_="data readings")


def _row(name: str, part: Part) -> list[str]:
    violated = [str(a.get("statement")) for a in part.get("assumptions") or [] if a.get("status") == "violated"]
    broken = f" Does not hold here: {'; '.join(violated)}."
    said = join(prose(str(part.get("reading") or "")), tag("span", broken, class_="violated") if violated else None)
    label = tag("code", name.replace("_", " "))
    if part.get("not_given"):
        return [label, ABSENT, ABSENT, ABSENT, ABSENT, said]
    band = part.get("band") or {}
    around = join(_pair([band.get("low"), band.get("high")]), tag("span", f" {band.get('kind', '')}", class_="quiet"))
    return [label, number(part.get("estimate")), _pair(part.get("interval")), around, p_value(band.get("p")), said]


def _pair(ends: object) -> str:
    """Write an interval, or the lower limit where there is no upper one."""
    if is_interval(ends):
        return f"{number(ends[0])} to {number(ends[1])}"
    low = ends[0] if isinstance(ends, list | tuple) and ends else None
    return f"at least {number(low)}" if is_number(low) else ABSENT


def _assumptions(found: Part) -> Markup | None:
    """List every assumption once, with its status and the diagnostics that make it."""
    made: dict[tuple[str, str, str], list[str]] = {}
    for name, part in {**(found.get("scalars") or {}), **(found.get("curves") or {})}.items():
        for a in part.get("assumptions") or []:
            key = (str(a.get("statement", "")), str(a.get("status", "")), str(a.get("note", "")))
            made.setdefault(key, []).append(name.replace("_", " "))
    if not made:
        return None
    order = {"violated": 0, "assumed": 1, "checked": 2}
    told = sorted(made.items(), key=lambda item: order.get(item[0][1], 3))
    rows = [[prose(said), status, prose(note) or ABSENT, ", ".join(names)] for (said, status, note), names in told]
    shown = table(["Assumption", "Status", "Found", "Made by"], rows, caption="Assumptions of the diagnostics",
                  numeric_from=9)  # fmt: skip
    return tag("details", tag("summary", "Assumptions, and whether they hold"), shown, class_="variant")
