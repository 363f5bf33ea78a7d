"""The head of the page: the verdict in a sentence, its reasons, what to do next; and the caveats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.markup import Markup, join, tag
from spectral_core.report.typography import counted, is_number, prose
from spectral_core.report.words import CLAIM, VERDICTS

Part = Mapping[str, Any]
_PROBE = "offband’s own linear classifier (the probe)"


def opening_html(report: Part) -> Markup:
    """Show verdict, reasons and next step, to be read without scrolling."""
    verdict = str(report.get("verdict") or "unknown")
    words = VERDICTS.get(verdict)
    summary = report.get("summary") or (words.means if words else "This report names a verdict unknown to offband.")
    reasons: Sequence[Part] = report.get("reasons") or []
    return tag(
        "section",
        tag("p", "The claim judged: ", tag("q", CLAIM), class_="claim"),
        tag("h1", tag("span", words.shape if words else "?", class_="shape", aria_hidden="true"), " ",
            words.title if words else verdict),
        tag("p", prose(str(summary)), class_="summary"),
        findings_list(reasons, report, class_="reasons") if reasons else None,
        tag("p", tag("b", "Next: "), words.next_step, class_="next") if words else None,
        _facts(report),
        id="verdict", class_="opening", data_verdict=verdict,
    )  # fmt: skip


def caveats_html(report: Part) -> Markup:
    """List what stands beside the verdict without deciding it."""
    caveats: Sequence[Part] = report.get("caveats") or []
    if not caveats:
        return tag("p", "None.", class_="nothing")
    return join(
        tag("p", "They stand beside the verdict and never decide it."),
        findings_list(caveats, report, class_="caveats"),
    )


def findings_list(findings: Sequence[Part], report: Part, *, class_: str) -> Markup:
    """Write reasons or caveats as sentences, each with its code and the variants that it holds for."""
    items = [
        tag(
            "li",
            prose(str(finding.get("message") or "")),
            " ",
            tag("span", tag("code", str(finding.get("code", ""))), _where(finding, report), class_="quiet"),
        )
        for finding in findings
    ]
    return tag("ul", *items, class_=class_)


def _where(finding: Part, report: Part) -> Markup | None:
    named = [str(v) for v in finding.get("variants") or []]
    total = len(report.get("variants") or [])
    if not named or (total == 1 and len(named) == 1):
        return None
    if len(named) == total:
        return join(f" in all {total} variants")
    chips = [part for name in named for part in (tag("code", name), Markup(", "))][:-1]
    return join(f" in {len(named)} of {total} variants: " if total else " in ", *chips)


def _facts(report: Part) -> Markup:
    design, settings = report.get("design") or {}, report.get("settings") or {}
    counts = [
        (design.get("n_spectra"), "spectrum"), (design.get("n_units"), "independent unit"),
        (len(design.get("classes") or {}) or None, "class"),
        (len(design.get("batches") or {}) or None, "batch"), (design.get("n_channels") or _channels(report), "channel"),
        (len(report.get("variants") or []) or None, "preprocessing variant"),
        (settings.get("n_permutations"), "permutation"),
    ]  # fmt: skip
    facts = [counted(count, noun) for count, noun in counts if is_number(count)]
    judges = list(dict.fromkeys(str(v["judged_by"]) for v in report.get("variants") or [] if v.get("judged_by")))
    if judges:
        facts.append("judged: " + ", ".join(_PROBE if who == "probe" else who for who in judges))
    caveats = len(report.get("caveats") or [])
    if caveats:
        facts.append(counted(caveats, "caveat"))
    return tag("p", " · ".join(facts), class_="facts")


def _channels(report: Part) -> int | None:
    return len((report.get("spectra") or {}).get("axis") or []) or None
