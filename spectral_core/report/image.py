"""Figure 1 as an image, for a run tracker or a slide; apart because importing it loads matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectral_core.report.accuracies import accuracy_frame, rows_of
from spectral_core.report.scale import Frame
from spectral_core.report.typography import bounds, is_interval, is_number, share
from spectral_core.report.words import VERDICTS

Part = Mapping[str, Any]
_COLOURS = {"full": "#1b1f24", "random_folds": "#1b1f24", "bands": "#0b5cad", "off_band": "#5f6873",
            "blank": "#b3400f", "nuisance": "#8a4c92"}  # fmt: skip


def accuracy_figure(report: Part) -> Figure:
    """Draw figure 1 of the report with matplotlib: one panel a variant, at most two side by side.

    Filled point: associated with the class at the error level of the report; open point: not. Dashed line:
    chance. Grey band: within delta of the full spectrum.

    Args:
        report: The content of report.json.

    Returns:
        A figure that belongs to no window and need not be closed.
    """
    variants = list(report.get("variants") or [])
    across = min(2, len(variants)) or 1
    down = -(-len(variants) // across) or 1
    figure = Figure(figsize=(6.4 * across + 0.6, 2.3 * down + 0.9), dpi=150, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    frame = accuracy_frame(report)
    for panel, variant in zip(panels, variants, strict=False):
        _draw(panel, variant, report, frame)
    for panel in panels[len(variants) :]:
        panel.set_axis_off()
    if not variants:
        panels[0].text(0.5, 0.5, "no variant was audited", ha="center")
    words = VERDICTS.get(str(report.get("verdict")))
    figure.suptitle(f"Verdict: {words.title if words else report.get('verdict', 'unknown')}", x=0.01, ha="left")
    return figure


def _draw(panel: Axes, variant: Part, report: Part, frame: Frame) -> None:
    settings = report.get("settings") or {}
    chance, delta = (report.get("design") or {}).get("chance"), settings.get("delta")
    rows = rows_of(variant, report)
    full = next(probe.get("balanced_accuracy") for code, _, probe in rows if code == "full")
    if is_number(full) and is_number(delta):
        panel.axvspan(full - delta, full, color="#1b1f24", alpha=0.09, linewidth=0)
    if is_number(chance):
        panel.axvline(chance, color="#59626d", linestyle="--", linewidth=1)
    for height, (code, _, probe) in enumerate(rows):
        _point(panel, height, code, probe, settings.get("alpha"))
    # parse_math=False: a variant or label may hold a dollar sign
    panel.set_yticks(range(len(rows)), [name for _, name, _ in rows])
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xlim(frame.left - 0.02, 1.02)
    words = VERDICTS.get(str(variant.get("verdict")))
    title = f"{variant.get('variant', '')} – {words.title if words else variant.get('verdict', '')}"
    panel.set_title(title, loc="left", fontsize=10, parse_math=False)
    panel.set_xlabel("balanced accuracy" + (f" (chance {share(chance)})" if is_number(chance) else ""), fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)


def _point(panel: Axes, height: int, code: str, probe: Part, alpha: object) -> None:
    value, ends, p = (
        probe.get("balanced_accuracy"),
        probe.get("interval"),
        probe.get("p_adjusted", probe.get("p")),
    )
    told = "not asked"
    if is_number(value):
        colour = _COLOURS[code]
        if is_interval(ends):
            panel.plot(list(ends), [height, height], color=colour, linewidth=1.6)
        solid = probe.get("settled", True) and (not is_number(p) or not is_number(alpha) or p <= alpha)
        panel.plot([value], [height], "o", color=colour, markerfacecolor=colour if solid else "white", markersize=7)
        told = f"{share(value)} {bounds(ends) if ends else ''}"
    panel.annotate(told, (1.0, height), xycoords=("axes fraction", "data"), xytext=(6, 0),
                   textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip
