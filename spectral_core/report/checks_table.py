"""One variant's evidence as tables: accuracies, paired differences, and the checks with their findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
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
)  # fmt: skip
from spectral_core.report.words import FURTHER_PROBES, PROBES

Part = Mapping[str, Any]
# what a check says beside its finding; the last line is shown in the two tables above it
_SHOWN = frozenset({
    "code", "question", "asked", "finding", "why", "statistic", "value", "balanced_accuracy", "interval", "p",
    "p_adjusted", "variant",
    "n_channels", "full_minus_this", "after_minus_before", "settled", "more_permutations",
})  # fmt: skip


def accuracies_table(variant: Part, *, level: str) -> Markup | None:
    """Tabulate every probe: channels, accuracy, interval, p-values, and the recall of each class."""
    names = {**PROBES, **FURTHER_PROBES}
    probes: dict[str, Part] = {k: p for k, p in (variant.get("probes") or {}).items() if p}
    if variant.get("random_folds"):
        probes["random_folds"] = variant["random_folds"]
    if not probes:
        return None
    labels = list(dict.fromkeys(label for probe in probes.values() for label in probe.get("recall") or {}))
    within = any("p_within_batch" in probe for probe in probes.values())
    head = ["Classified from", "Channels or numbers", "Balanced accuracy", f"{level} interval", "p", "Adjusted p"]
    head += ["p within batches", "Adjusted p within batches"] if within else []
    rows = []
    for code, probe in probes.items():
        note = tag("span", f" {prose(str(probe['note']))}", class_="quiet") if probe.get("note") else None
        row: list[str] = [
            join(names.get(code, code.replace("_", " ")), note), number(probe.get("n_channels")),
            share(probe.get("balanced_accuracy"), digits=3), bounds(probe.get("interval"), digits=3),
            p_value(probe.get("p")), p_value(probe.get("p_adjusted")),
        ]  # fmt: skip
        if within:
            row += [p_value(probe.get(key)) for key in ("p_within_batch", "p_within_batch_adjusted")]
        rows.append([*row, *[share((probe.get("recall") or {}).get(label)) for label in labels]])
    return table([*head, *[f"Recall, {label}" for label in labels]], rows,
                 caption="Accuracy of each part of the spectrum")  # fmt: skip


def differences_table(variant: Part, *, level: str) -> Markup | None:
    """Tabulate the paired differences with their intervals and the one-sided bounds that decide."""
    differences: Mapping[str, Part] = variant.get("differences") or {}
    if not differences:
        return None
    decide = any("at_least" in part or "at_most" in part for part in differences.values())
    head = [
        "Paired difference",
        "Estimate",
        f"{level} interval",
        *(["At least", "At most"] if decide else []),
    ]
    rows = [
        [_sides(name), signed(part.get("estimate")), bounds(part.get("interval"), sign=True),
         *([signed(part.get(key)) for key in ("at_least", "at_most")] if decide else [])]
        for name, part in differences.items()
    ]  # fmt: skip
    shown = table(head, rows, caption="Differences of balanced accuracy, paired by unit")
    said = "“At least” and “at most” are one-sided bounds; verdicts compare them with 0 and with δ."
    return join(shown, tag("p", said, class_="quiet") if decide else None)


def _sides(name: str) -> str:
    words = {**PROBES, **FURTHER_PROBES}
    return " − ".join(words.get(side, side) for side in name.replace(" - ", " − ").split(" − "))


def checks_table(variant: Part) -> Markup | None:
    """Tabulate what was asked, what was found, and what could not be asked."""
    checks: Sequence[Part] = variant.get("checks") or []
    if not checks:
        return None
    rows = [_check(check) for check in checks]
    head = ["Check", "Finding", "Statistic", "Value", "Interval", "p", "Adjusted p"]
    kept = [i for i in range(len(head)) if i < 2 or any(row[i] != ABSENT for row in rows)]
    columns = [head[i] for i in kept]
    numeric_from = next((n for n, name in enumerate(columns) if n > 1 and name != "Statistic"), len(columns))
    return table(columns, [[row[i] for i in kept] for row in rows], caption="Checks", numeric_from=numeric_from)


def _check(check: Part) -> list[str]:
    asked = check.get("asked", True)
    finding = str(check.get("finding") or check.get("why") or "").removeprefix("Not asked: ")
    further = [f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in check.items() if key not in _SHOWN]
    told = join(
        None if asked else tag("i", "Not asked: "), prose(finding),
        tag("span", f" {'; '.join(further)}.", class_="quiet") if further else None,
    )  # fmt: skip
    question = prose(str(check.get("question") or ""))
    name = join(f"{question} " if question else None, tag("code", str(check.get("code", ""))))
    value = share(check.get("balanced_accuracy"), digits=3) if "value" not in check else _plain(check["value"])
    return [
        name, told, str(check.get("statistic") or ABSENT), value, bounds(check.get("interval"), digits=3),
        p_value(check.get("p")), p_value(check.get("p_adjusted")),
    ]  # fmt: skip


def _plain(value: object) -> str:
    """Write any value of a check in a line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {_plain(inner)}" for key, inner in value.items())
    if is_interval(value):
        return bounds(value, digits=3)
    if isinstance(value, list | tuple):
        return ", ".join(_plain(inner) for inner in value)
    return number(value) if is_number(value) or value is None else prose(str(value))
