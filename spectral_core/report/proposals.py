"""Intervals that look empty: shown where no blank is declared, with the lines that would declare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import interval, is_interval, number

Part = Mapping[str, Any]
_SAID = (
    "Between bands and guards these intervals show noise and a straight baseline only: neither the mean spectrum nor "
    "the differences between spectra stand out of it. The audit has not used them, and labels were not looked at. "
    "Nothing that absorbs everywhere alike, or below the noise, can be excluded so: ask a spectroscopist which of them "
    "hold no chemistry of these samples, and why, before you declare one. Choosing by the verdict would be circular."
)


def read_proposals(report: Part) -> list[Part]:
    """Give the proposed blanks that can be drawn; none where a blank is declared."""
    regions = report.get("regions") or {}
    if regions.get("blanks"):
        return []
    return [p for p in regions.get("proposed_blanks") or [] if is_interval(p.get("interval"))]


def proposals_html(report: Part) -> Markup | None:
    """Tabulate the proposals and write them as a study and as a keyword; `None` where none were looked for."""
    regions = report.get("regions") or {}
    if regions.get("blanks") or "proposed_blanks" not in regions:
        return None
    title = tag("h3", "Candidates for a blank")
    proposals = read_proposals(report)
    if not proposals:
        none = "No blank was declared, and no interval outside bands and guards is wide, straight and quiet enough to "
        return join(title, tag("p", f"{none}be proposed as one."))
    unit = str(regions.get("axis_unit") or "")
    rows = [
        [interval(p["interval"], unit), number(p.get("n_channels")), number(p.get("variance_over_noise")),
         number(p.get("mean_deviation"))]
        for p in proposals
    ]  # fmt: skip
    head = ["Interval", "Channels", "Variance between spectra over that of the noise",
            "Largest deviation of the mean, in noise sd"]  # fmt: skip
    return join(
        title,
        tag("p", _SAID),
        table(head, rows, caption="Intervals that look empty, the widest first (dashed in figure 2)"),
        tag("p", "In the study, once checked (a blank without a reason is refused):"),
        tag("pre", tag("code", _study_lines(proposals)), tabindex="0"),
        tag("p", "From Python:"),
        tag("pre", tag("code", _keyword(proposals)), tabindex="0"),
    )


def _study_lines(proposals: Sequence[Part]) -> str:
    return "\n\n".join(
        f'[blanks."candidate {i}"]\ninterval = [{_end(p, 0)}, {_end(p, 1)}]\nreason = ""  # why nothing absorbs here'
        for i, p in enumerate(proposals, start=1)
    )


def _keyword(proposals: Sequence[Part]) -> str:
    written = ", ".join(f'"candidate {i}": ({_end(p, 0)}, {_end(p, 1)})' for i, p in enumerate(proposals, start=1))
    return f"blank={{{written}}}"


def _end(proposal: Part, which: int) -> str:
    return f"{proposal['interval'][which]:.8g}"
