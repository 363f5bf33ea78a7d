"""What a reader needs to judge the verdict: design, words, limits, sources, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import ABSENT, number, prose, share
from spectral_core.report.words import ALWAYS_UNKNOWN, CAUTIONS, GLOSSARY, LITERATURE, NOT_DECLARED, VERDICTS

Part = Mapping[str, Any]
_UNITS_DECLARED = "Units were declared: spectra of one unit are never split between fitting and testing."
_UNITS_UNDECLARED = (
    "No unit was declared: every spectrum counts as independent. If some are replicates of one specimen, the "
    "accuracies are too high and the intervals too narrow."
)


def design_html(report: Part) -> Markup:
    """Show classes and batches with their units, and the settings."""
    design = report.get("design") or {}
    classes: Mapping[str, Part] = design.get("classes") or {}
    by_class = table(
        ["Class", "Spectra", "Units"],
        [[label, number(size.get("spectra")), number(size.get("units"))] for label, size in classes.items()],
        caption="Classes",
    ) if classes else None  # fmt: skip
    unit = _UNITS_DECLARED if design.get("unit_declared") else _UNITS_UNDECLARED
    told = tag("p", unit) if "unit_declared" in design else None
    return join(told, by_class, _batches(design) if design else None, _settings(report))


def _batches(design: Part) -> Markup:
    batches: Mapping[str, Mapping[str, Any]] = design.get("batches") or {}
    if not batches:
        return tag("p", "No batch was declared, so neither session, day nor instrument could be tested.")
    labels = list(dict.fromkeys([*(design.get("classes") or {}), *(k for row in batches.values() for k in row)]))
    rows = [[name, *[_cell(row.get(label)) for label in labels]] for name, row in batches.items()]
    lone = [name for name, row in batches.items() if sum(1 for count in row.values() if count) == 1]
    note = (f"{len(lone)} of {len(batches)} batches hold a single class; within such a batch nothing can be "
            f"compared."
            if lone else "Every batch holds more than one class.")  # fmt: skip
    return join(table(["Batch", *labels], rows, caption="Units of each class in each batch"), tag("p", note))


def _cell(count: object) -> str:
    return number(count) if count else tag("span", "0", class_="quiet")


def _settings(report: Part) -> Markup | None:
    settings = report.get("settings") or {}
    names = {"delta": "δ, smallest gain worth having", "alpha": "α, error level",
             "n_permutations": "Permutations", "n_folds": "Folds", "seed": "Seed"}  # fmt: skip
    # `maps` is told by the section on relevance, or by its absence
    rows = [[name, number(settings[key]) if key != "seed" else str(settings[key])]
            for key, name in names.items() if key in settings]  # fmt: skip
    chance = (report.get("design") or {}).get("chance")
    rows += [["Chance", share(chance, digits=3)]] if chance is not None else []
    return table(["Setting", "Value"], rows, caption="Settings of the audit") if rows else None


def limits_html(report: Part) -> Markup:
    """Say what was not tested and why, and what no audit of spectra alone can know."""
    design, regions = report.get("design") or {}, report.get("regions") or {}
    missing = [
        (design.get("unit_declared") is False, NOT_DECLARED["unit"]),
        (bool(design) and not design.get("batches"), NOT_DECLARED["batch"]),
        ("regions" in report and not regions.get("bands"), NOT_DECLARED["bands"]),
        ("regions" in report and not regions.get("blanks"), NOT_DECLARED["blanks"]),
    ]
    asked = [
        tag(
            "li",
            tag("b", check),
            " ",
            tag("span", in_variants, class_="quiet") if in_variants else None,
            f": {why}",
        )
        for check, why, in_variants in _not_asked(report)
    ]
    return join(
        tag("h3", "Not tested, and why") if asked else None,
        tag("ul", *asked) if asked else None,
        tag("h3", "What this report does not know"),
        tag(
            "ul",
            *[tag("li", text) for holds, text in missing if holds],
            *[tag("li", t) for t in ALWAYS_UNKNOWN],
        ),
    )


def _not_asked(report: Part) -> list[tuple[str, str, str]]:
    """Put together what was not asked for the same reason: (check, why, in which variants)."""
    variants = [str(v.get("variant")) for v in report.get("variants") or []]
    grouped: dict[tuple[str, str], list[str]] = {}
    for item in report.get("not_asked") or []:
        check, _, variant = str(item.get("check", "")).partition(" (")
        where = grouped.setdefault((check.replace("_", " "), prose(str(item.get("why") or ABSENT))), [])
        where += [variant.removesuffix(")")] if variant else []
    return [
        (check, why, "" if set(where) >= set(variants) else f"({', '.join(where)})" if where else "")
        for (check, why), where in grouped.items()
    ]


def meaning_html(report: Part) -> Markup:
    """Explain this verdict and the other four, the words used, and the four cautions."""
    own = str(report.get("verdict"))
    rows = [
        tag("div", tag("dt", f"{w.shape} {w.title}", " (this report)" if code == own else None),
            tag("dd", w.means, " ", tag("i", "What it does not mean: "), w.does_not_mean),
            class_="own" if code == own else None)
        for code, w in VERDICTS.items()
    ]  # fmt: skip
    return join(
        tag("dl", *rows, class_="verdicts"),
        tag("h3", "Words"),
        tag(
            "dl",
            *[tag("div", tag("dt", word), tag("dd", text)) for word, text in GLOSSARY],
            class_="glossary",
        ),
        tag("h3", "Four cautions"),
        tag("ol", *[tag("li", tag("b", head), " ", text) for head, text in CAUTIONS], class_="cautions"),
    )


def literature_html() -> Markup:
    """List the sources of the controls."""
    return tag("ul", *[tag("li", entry) for entry in LITERATURE], class_="literature")


def provenance_html(report: Part) -> Markup:
    """Say what was audited with what, and how to do it again."""
    provenance: Part = report.get("provenance") or {}
    names = {"study": "Study", "study_digest": "Study digest", "archive_snapshot": "Archive snapshot",
             "prefect_flow_run_id": "Prefect flow run", "mlflow_run_id": "MLflow run"}  # fmt: skip
    shown = {k: v for k, v in provenance.items() if k not in ("versions", "command") and v not in (None, "")}
    rows = [[names.get(key, key.replace("_", " ")), tag("code", str(value))] for key, value in shown.items()]
    rows += [["offband", str(report["offband_version"])]] if report.get("offband_version") else []
    rows += [[str(k), str(v)] for k, v in (provenance.get("versions") or {}).items() if k != "offband"]
    rows += [["Made", str(report["created_at"])]] if report.get("created_at") else []
    command = provenance.get("command")
    again = 'python -c "import json; from spectral_core.report import save_html; ' \
            "save_html(json.load(open('report.json')), 'report.html')\""  # fmt: skip
    return join(
        table(["What", "Which"], rows, caption="Provenance", numeric_from=9) if rows else None,
        tag("h3", "How to repeat"),
        tag("p", "The same spectra, study and seed give the same numbers.",
            "" if command else " This report does not say by which command it was made."),
        tag("pre", tag("code", str(command)), tabindex="0") if command else None,
        tag("p", "This page holds nothing that report.json does not; to make it again:"),
        tag("pre", tag("code", again), tabindex="0"),
    )  # fmt: skip
