"""The history of a study as one self-contained page in the style of the report."""

from __future__ import annotations

from pathlib import Path

from spectral_core.comparison.document import document_html
from spectral_core.comparison.history import History
from spectral_core.comparison.history_text import history_summary, turn_text, when
from spectral_core.comparison.page import verdict_html
from spectral_core.comparison.timeline import SERIES, legend, timeline_html
from spectral_core.report.files import write_whole
from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import bounds, number, share


def render_history(found: History) -> str:
    """Render the page of a history."""
    last = found.points[-1]
    opening = join(
        tag("h1", verdict_html(last.verdict), class_="turn"),
        tag("p", history_summary(found), class_="lead"),
    )
    sections = [
        ("opening", "", opening), ("figures", "Accuracies", _figures(found)), ("turns", "What turned", _turns(found)),
        ("audits", "Audits", _audits(found)),
    ]  # fmt: skip
    return document_html(f"History of {found.study} – offband", f"history of {found.study}", sections)


def save_history(found: History, path: Path | str) -> Path:
    """Write the page of a history, whole or not at all, and return where it lies."""
    return write_whole(render_history(found), Path(path))


def _figures(found: History) -> Markup:
    panels = [timeline_html(found, variant, first=i == 0) for i, variant in enumerate(found.variants)]
    caption = tag(
        "figcaption", tag("strong", "Balanced accuracy at each snapshot, "),
        "with the intervals of the audits, evenly spaced in the order in which the archive committed the snapshots; "
        "the numbers are those of the table. Filled: associated with the class; open: not distinguishable from "
        "shuffled labels. Dashed across: chance. Dotted upright: reasons or verdict turned. Above: the verdict on this "
        "variant. Whether two audits differ by more than noise is for offband compare to say.",
    )  # fmt: skip
    return tag("figure", legend(), tag("div", *panels, class_="timelines"), caption)


def _turns(found: History) -> Markup:
    items = [
        tag("li", tag("b", f"{i}"), f", {when(point)}, ", tag("code", point.side.snapshot[:10]), f": {text}.")
        for i, point in enumerate(found.points, start=1)
        if (text := turn_text(point.turn))
    ]
    return tag("ul", *items, class_="came") if items else tag("p", "Nothing.", class_="nothing")


def _audits(found: History) -> Markup:
    variant = found.variants[0]
    rows: list[list[str]] = []
    for i, point in enumerate(found.points, start=1):
        design = point.side.report["design"]
        figures = [point.figure(variant, block) for block in SERIES]
        rows.append([
            str(i), when(point), tag("code", point.side.snapshot), verdict_html(point.verdict),
            join(*[piece for code in point.reasons for piece in (tag("code", code), " ")]),
            number(design.get("n_spectra")),
            *["–" if f is None else f"{share(f.value)} {bounds([f.low, f.high])}" for f in figures],
        ])  # fmt: skip
    head = ["", "Committed (UTC)", "Snapshot", "Verdict", "Reasons", "Spectra", *SERIES.values()]
    passed = tag("ul", *[tag("li", text) for text in found.passed_over], class_="notes") if found.passed_over else None
    return join(
        table(head, rows, caption=f"Every audit; accuracies on {variant}", numeric_from=5, class_="data audits"),
        tag("h3", "Passed over") if passed else None, passed,
    )  # fmt: skip
