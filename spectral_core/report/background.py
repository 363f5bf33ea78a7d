"""What a reader needs to judge the verdict: words, limits, sources, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import ABSENT, prose
from spectral_core.report.words import ALWAYS_UNKNOWN, CAUTIONS, GLOSSARY, LITERATURE, NOT_DECLARED, VERDICTS

Part = Mapping[str, Any]


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
