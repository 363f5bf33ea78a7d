"""A comparison as one self-contained page in the style of the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spectral_core.comparison.comparison import Codes, Comparison
from spectral_core.comparison.data import Moved
from spectral_core.comparison.document import document_html
from spectral_core.comparison.pair_figure import figures_html, regions_html
from spectral_core.comparison.sentences import change_text, data_lines, finding, notes, region_finding, summary
from spectral_core.comparison.side import Side
from spectral_core.report.files import write_whole
from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import counted, prose
from spectral_core.report.words import VERDICTS, verdict_name

MOST_NAMES = 500


def render_comparison(found: Comparison) -> str:
    """Render the page of a comparison."""
    sections = [
        ("opening", "", _opening(found)),
        ("figures", "Figures", figures_html(found)),
        ("data", "Data", _data(found)),
        ("declared", "Settings and versions", _declared(found)),
        ("reasons", "Verdicts and reasons", _reasons(found)),
        ("relevance", "Relevance", regions_html(found)),
        ("notes", "How to read this", _list(notes(found), "notes")),
    ]
    study = found.b.study or found.a.study
    title = " – ".join(part for part in ("Two audits compared", study, "offband") if part)
    return document_html(title, "two audits compared" + (f" · {study}" if study else ""), sections)


def save_comparison(found: Comparison, path: Path | str) -> Path:
    """Write the page of a comparison, whole or not at all, and return where it lies."""
    return write_whole(render_comparison(found), Path(path))


def verdict_html(verdict: object) -> Markup:
    """Write a verdict with its shape and its colour."""
    return tag("span", verdict_name(verdict), class_=f"nowrap verdict-{str(verdict).replace('_', '-')}")


def _opening(found: Comparison) -> Markup:
    verdicts = [side.report["verdict"] for side in (found.a, found.b)]
    first, second = (verdict_html(v) for v in verdicts)
    turned = [first, " ", tag("span", "→", class_="to", aria_label="to"), " ", second]
    heading = turned if verdicts[0] != verdicts[1] else [first, " ", tag("span", "in both", class_="to")]
    told = [finding(found, f) for f in found.moved] + [region_finding(r) for r in found.moved_regions]
    return join(
        tag("h1", *heading, class_="turn"),
        tag("p", summary(found), class_="lead"),
        _list(told, "findings") if told else None,
        tag("div", _side("A", found.a), _side("B", found.b), class_="sides"),
    )


def _side(letter: str, side: Side) -> Markup:
    when = f" of {side.written_at.isoformat(' ', 'minutes')[:16]} UTC" if side.written_at else ""
    design = side.report["design"]
    told = [
        counted(design.get("n_spectra"), "spectrum"), counted(design.get("n_units"), "unit"),
        f"audited {str(side.report.get('created_at') or '')[:16].replace('T', ' ')}",
    ]  # fmt: skip
    where = join(tag("code", side.snapshot), when) if side.snapshot else tag("code", side.name)
    return tag("p", tag("span", letter, class_="letter"), " ", where, tag("br"),
               tag("span", " · ".join(told), class_="quiet"))  # fmt: skip


def _data(found: Comparison) -> Markup:
    parts = [("added", found.data.added), ("removed", found.data.removed)]
    return join(
        *[tag("p", line) for line in data_lines(found)],
        *[_names(name, part) for name, part in parts if part is not None and part.spectra],
    )


def _names(name: str, part: Moved) -> Markup:
    """List units and spectra, folded away."""
    inner = []
    for what, names in (("unit", part.units), ("spectrum", part.spectrum_ids)):
        if names:
            hidden = len(names) - MOST_NAMES
            more = f" and {hidden} more (--json lists all)" if hidden > 0 else ""
            codes = [piece for one in names[:MOST_NAMES] for piece in (tag("code", one), Markup(", "))][:-1]
            inner.append(tag("p", tag("b", f"{counted(len(names), what)}: "), *codes, more))
    if not inner:
        return Markup("")
    return tag("details", tag("summary", f"Names of what was {name}"), *inner, class_="ids")


def _declared(found: Comparison) -> Markup:
    seeds = [str(side.report["settings"].get("seed")) for side in (found.a, found.b)]
    tables = [
        _changes(title, [[c.key, change_text(c.a), change_text(c.b)] for c in changes])
        for title, changes in (("Study", found.settings), ("Software", found.versions))
        if changes
    ]
    told = f"The seed of both is {seeds[0]}." if seeds[0] == seeds[1] else f"The seeds are {seeds[0]} and {seeds[1]}."
    same = [
        text
        for text, changes in (("No setting differs.", found.settings), ("No version differs.", found.versions))
        if not changes
    ]
    return join(*tables, tag("p", " ".join([*same, told])))


def _changes(title: str, rows: list[list[str]]) -> Markup:
    return table([title, "A", "B"], rows, caption=f"{title}: what differs", numeric_from=9)


def _reasons(found: Comparison) -> Markup:
    rows: list[list[str]] = [
        [tag("code", name), _verdict_or_none(a), _verdict_or_none(b), "changed" if a != b else "same"]
        for name, (a, b) in found.verdicts.items()
    ]
    return join(
        table(["Variant", "A", "B", ""], rows, caption="Verdict on each variant", numeric_from=9),
        *_codes("Reasons", found.reasons), *_codes("Caveats", found.caveats),
    )  # fmt: skip


def _verdict_or_none(verdict: str | None) -> Markup:
    return verdict_html(verdict) if verdict in VERDICTS else tag("span", "not audited", class_="quiet")


def _codes(kind: str, codes: Codes) -> list[Markup]:
    blocks = []
    for title, rows in (("that came", codes.came), ("that went", codes.went)):
        if rows:
            items = [tag("li", tag("code", str(row["code"])), " ", prose(str(row["message"]))) for row in rows]
            blocks += [tag("h3", f"{kind} {title}"), tag("ul", *items, class_="came")]
    if codes.stayed:
        names = [piece for row in codes.stayed for piece in (tag("code", str(row["code"])), Markup(", "))][:-1]
        blocks.append(tag("p", f"{kind} that stayed: ", *names, "."))
    return blocks or [tag("p", f"{kind}: none in either.", class_="quiet")]


def _list(sentences: Sequence[str], class_: str) -> Markup:
    return tag("ul", *[tag("li", sentence) for sentence in sentences], class_=class_)
