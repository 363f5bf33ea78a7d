"""What was found: the verdict of each variant, its checks and differences, and the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.checks_table import accuracies_table, checks_table, differences_table
from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.opening import findings_list
from spectral_core.report.typography import ABSENT, confidence, number, p_value, share
from spectral_core.report.words import PROBES, VERDICTS

Part = Mapping[str, Any]
_JUDGED_BY = {"probe": "the probe (closed form)", "refits": "refitting the model itself"}


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
    parts = [_variant(v, level=level, unfolded=i == 0, own_findings=several) for i, v in enumerate(variants)]
    return join(overview, *parts)


def verdict_name(verdict: object) -> str:
    """Write a verdict with the shape that stands for it."""
    words = VERDICTS.get(str(verdict))
    return f"{words.shape} {words.title}" if words else str(verdict or ABSENT)


def models_html(report: Part) -> Markup | None:
    """Show every model's figures; `None` where no model was trained."""
    models: Sequence[Part] = report.get("models") or []
    if not models:
        return None
    every = dict.fromkeys(key for model in models for key in model.get("metrics") or {})
    metrics = [key for key in every if not key.startswith(("recall_", "fit_"))]  # those are in MLflow
    rows = [
        [str(m.get("model", "")), tag("code", str(m.get("variant", ""))),
         _JUDGED_BY.get(str(m.get("judged_by")), str(m.get("judged_by") or ABSENT)),
         _model_verdict(m),
         *[_metric(key, (m.get("metrics") or {}).get(key)) for key in metrics]]
        for m in models
    ]  # fmt: skip
    head = ["Model", "Variant", "Judged by", "Verdict", *[_breakable(key) for key in metrics]]
    return table(list(head), rows, caption="Models, with units kept together unless the name says otherwise",
                 numeric_from=4)  # fmt: skip


def _model_verdict(model: Part) -> str:
    if not model.get("verdict"):
        return ABSENT
    codes = ", ".join(model.get("reasons") or [])
    return verdict_name(model["verdict"]) + (f" ({codes})" if codes else "")


def _breakable(name: str) -> Markup:
    first, *rest = name.split("_")
    return tag("code", first, *[part for word in rest for part in ("_", tag("wbr"), word)])


def _metric(key: str, value: object) -> str:
    return p_value(value) if key == "p" or key.startswith("p_") else number(value)


def _probe(variant: Part, code: str) -> Part:
    return (variant.get("probes") or {}).get(code) or {}


def _variant(variant: Part, *, level: str, unfolded: bool, own_findings: bool) -> Markup:
    title = join(tag("code", str(variant.get("variant", ""))), f" – {verdict_name(variant.get('verdict'))}")
    named = [(word, variant.get(key) or []) for key, word in (("reasons", "Reasons"), ("caveats", "Caveats"))]
    told = [(word, found) for word, found in named if found and own_findings]
    lists = [join(tag("h3", word), findings_list(found, {}, class_=word.lower())) for word, found in told]
    return tag(
        "details", tag("summary", title), *lists, accuracies_table(variant, level=level),
        differences_table(variant, level=level), checks_table(variant), open=unfolded, class_="variant",
    )  # fmt: skip
