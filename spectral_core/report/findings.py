"""What was found: the verdict of each variant, its checks and differences, and the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.opening import findings_list
from spectral_core.report.typography import (
    ABSENT,
    bounds,
    is_interval,
    is_number,
    number,
    p_value,
    prose,
    share,
    signed,
)
from spectral_core.report.words import FURTHER_PROBES, PROBES, VERDICTS

Part = Mapping[str, Any]
_SHOWN = ("code", "question", "asked", "finding", "statistic", "value", "interval", "p", "p_adjusted", "why")
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
    return join(overview, *[_variant(v, unfolded=i == 0) for i, v in enumerate(variants)])


def verdict_name(verdict: object) -> str:
    """Write a verdict with the shape that stands for it."""
    words = VERDICTS.get(str(verdict))
    return f"{words.shape} {words.title}" if words else str(verdict or ABSENT)


def models_html(report: Part) -> Markup | None:
    """Show every model's figures; `None` where no model was trained."""
    models: Sequence[Part] = report.get("models") or []
    if not models:
        return None
    metrics = list(dict.fromkeys(key for model in models for key in model.get("metrics") or {}))
    rows = [
        [str(m.get("model", "")), tag("code", str(m.get("variant", ""))),
         _JUDGED_BY.get(str(m.get("judged_by")), str(m.get("judged_by") or ABSENT)),
         *[_metric(key, (m.get("metrics") or {}).get(key)) for key in metrics]]
        for m in models
    ]  # fmt: skip
    head = ["Model", "Variant", "Judged by", *[_breakable(key) for key in metrics]]
    return table(list(head), rows, caption="Models, with units kept together unless the name says otherwise",
                 numeric_from=3)  # fmt: skip


def _breakable(name: str) -> Markup:
    first, *rest = name.split("_")
    return tag("code", first, *[part for word in rest for part in ("_", tag("wbr"), word)])


def _metric(key: str, value: object) -> str:
    return p_value(value) if key == "p" or key.startswith("p_") else number(value)


def _probe(variant: Part, code: str) -> Part:
    return (variant.get("probes") or {}).get(code) or {}


def _variant(variant: Part, *, unfolded: bool) -> Markup:
    title = join(tag("code", str(variant.get("variant", ""))), f" – {verdict_name(variant.get('verdict'))}")
    named = [(word, variant.get(key) or []) for key, word in (("reasons", "Reasons"), ("caveats", "Caveats"))]
    lists = [
        join(tag("h3", word), findings_list(found, {}, class_=word.lower())) for word, found in named if found
    ]
    return tag(
        "details", tag("summary", title), *lists, _probes(variant), _differences(variant), _checks(variant),
        open=unfolded, class_="variant",
    )  # fmt: skip


def _probes(variant: Part) -> Markup | None:
    named = {**PROBES, **FURTHER_PROBES}
    found = {code: probe for code in named if (probe := _probe(variant, code))}
    if variant.get("random_folds"):
        found["random_folds"] = variant["random_folds"]
    if not found:
        return None
    labels = list(dict.fromkeys(k for probe in found.values() for k in probe.get("recall") or {}))
    rows = [
        [named[code], number(probe.get("n_channels")), share(probe.get("balanced_accuracy"), digits=3),
         bounds(probe.get("interval"), digits=3), p_value(probe.get("p")), p_value(probe.get("p_adjusted")),
         *[share((probe.get("recall") or {}).get(label)) for label in labels]]
        for code, probe in found.items()
    ]  # fmt: skip
    head = ["Classified from", "Channels", "Balanced accuracy", "95 % interval", "p", "Adjusted p",
            *[f"Recall, {label}" for label in labels]]  # fmt: skip
    return table(head, rows, caption="Accuracy of each part of the spectrum")


def _differences(variant: Part) -> Markup | None:
    differences: Mapping[str, Part] = variant.get("differences") or {}
    if not differences:
        return None
    words = {**PROBES, **FURTHER_PROBES}
    rows = [
        [" − ".join(words.get(side.strip(), side.strip()) for side in name.split(" - ")),
         signed(part.get("estimate")), bounds(part.get("interval"), sign=True)]
        for name, part in differences.items()
    ]  # fmt: skip
    return table(["Paired difference", "Estimate", "95 % interval"], rows,
                 caption="Differences of balanced accuracy, paired by unit")  # fmt: skip


def _checks(variant: Part) -> Markup | None:
    checks: Sequence[Part] = variant.get("checks") or []
    if not checks:
        return None
    head = ["Check", "Finding", "Statistic", "Value", "95 % interval", "p", "Adjusted p"]
    return table(head, [_check(c) for c in checks], caption="Checks", numeric_from=3)


def _check(check: Part) -> list[str]:
    asked = check.get("asked", True)
    finding = str(check.get("finding") or check.get("why") or ("" if asked else "not asked"))
    further = "; ".join(f"{key.replace('_', ' ')} {_short(value)}" for key, value in check.items()
                        if key not in _SHOWN and _is_short(value))  # fmt: skip
    told = join(prose(finding), tag("span", f" {further}", class_="quiet") if further else None)
    question = prose(str(check.get("question") or ""))
    name = join(f"{question} " if question else None, tag("code", str(check.get("code", ""))))
    return [
        name, told if asked else join(tag("i", "Not asked. "), told), str(check.get("statistic") or ABSENT),
        _short(check.get("value")), bounds(check.get("interval"), digits=3), p_value(check.get("p")),
        p_value(check.get("p_adjusted")),
    ]  # fmt: skip


def _is_short(value: object) -> bool:
    return is_number(value) or is_interval(value) or isinstance(value, bool | str)


def _short(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_interval(value):
        return f"[{number(value[0])}, {number(value[1])}]"
    return prose(value) if isinstance(value, str) else number(value)
