"""What was found: the verdict of each variant, its checks and differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.checks_table import accuracies_table, checks_table, differences_table
from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.models import judge_html
from spectral_core.report.opening import findings_list
from spectral_core.report.typography import confidence, share
from spectral_core.report.words import PROBES, verdict_name

Part = Mapping[str, Any]
_FINDINGS = ("reasons", "caveats")


def variants_html(report: Part) -> Markup:
    """Show the variants side by side, then each with its checks."""
    variants: Sequence[Part] = report.get("variants") or []
    if not variants:
        return tag("p", "No variant was audited.", class_="nothing")
    overview = table(
        ["Variant", "Verdict", *PROBES.values()],
        [[tag("code", str(v.get("variant", ""))), verdict_name(v.get("verdict")),
          *[share(_probe(v, code).get("balanced_accuracy"), digits=3) for code in PROBES]] for v in variants],
        caption="Balanced accuracy of each variant", numeric_from=2,
    ) if len(variants) > 1 else None  # fmt: skip
    level, several = confidence(report), len(variants) > 1
    above = frozenset(str(found.get("message")) for key in _FINDINGS for found in report.get(key) or [])
    parts = [
        _variant(v, judge_html(v, report), level=level, unfolded=i == 0, own_findings=several, above=above)
        for i, v in enumerate(variants)
    ]
    return join(overview, *parts)


def _probe(variant: Part, code: str) -> Part:
    return (variant.get("probes") or {}).get(code) or {}


def _variant(
    variant: Part, judge: Markup | None, *, level: str, unfolded: bool, own_findings: bool, above: frozenset[str]
) -> Markup:
    title = join(tag("code", str(variant.get("variant", ""))), f" – {verdict_name(variant.get('verdict'))}")
    named = [(key, variant.get(key) or []) for key in _FINDINGS]
    lists = [_findings(key, found, above) for key, found in named if found and own_findings]
    return tag(
        "details", tag("summary", title), judge, *lists, accuracies_table(variant, level=level),
        differences_table(variant, level=level), checks_table(variant), open=unfolded, class_="variant",
    )  # fmt: skip


def _findings(key: str, found: Sequence[Part], above: frozenset[str]) -> Markup:
    """List findings; those that stand word for word at the head of the page only by their codes."""
    repeated = [tag("code", str(one.get("code", ""))) for one in found if str(one.get("message")) in above]
    own = [one for one in found if str(one.get("message")) not in above]
    pointer = [part for code in repeated for part in (code, Markup(", "))][:-1]
    return join(
        tag("h3", key.capitalize()),
        tag("p", "With the words at the head of this page: ", *pointer, ".", class_="quiet") if repeated else None,
        findings_list(own, {}, class_=key) if own else None,
    )
