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
    parts = [
        _variant(v, judge_html(v, report), level=level, unfolded=i == 0, own_findings=several)
        for i, v in enumerate(variants)
    ]
    return join(overview, *parts)


def _probe(variant: Part, code: str) -> Part:
    return (variant.get("probes") or {}).get(code) or {}


def _variant(variant: Part, judge: Markup | None, *, level: str, unfolded: bool, own_findings: bool) -> Markup:
    title = join(tag("code", str(variant.get("variant", ""))), f" – {verdict_name(variant.get('verdict'))}")
    named = [(word, variant.get(key) or []) for key, word in (("reasons", "Reasons"), ("caveats", "Caveats"))]
    told = [(word, found) for word, found in named if found and own_findings]
    lists = [join(tag("h3", word), findings_list(found, {}, class_=word.lower())) for word, found in told]
    return tag(
        "details", tag("summary", title), judge, *lists, accuracies_table(variant, level=level),
        differences_table(variant, level=level), checks_table(variant), open=unfolded, class_="variant",
    )  # fmt: skip
