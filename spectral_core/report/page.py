"""report.html: one self-contained page, made from the content of report.json and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from spectral_core.report.accuracies import accuracy_figure_html
from spectral_core.report.background import limits_html, literature_html, meaning_html, provenance_html
from spectral_core.report.band_map import band_map_html
from spectral_core.report.design import design_html
from spectral_core.report.diagnostics import diagnostics_html
from spectral_core.report.findings import variants_html
from spectral_core.report.markup import Markup, tag
from spectral_core.report.methods import methods_html
from spectral_core.report.models import models_html
from spectral_core.report.opening import caveats_html, opening_html
from spectral_core.report.relevance import relevance_html
from spectral_core.report.words import verdict_name

Part = Mapping[str, Any]


def render_html(report: Part) -> str:
    """Render the page of a report.

    The page needs no network and no script to be read; a small script lets values be read off the spectra.
    Its policy (Content-Security-Policy) forbids every load and every style or script but its own two.

    Args:
        report: The content of report.json; keys that are missing leave their section out or say so.

    Returns:
        A complete HTML document.
    """
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    verdict, study = verdict_name(report.get("verdict")), _study(report)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", " – ".join(part for part in (verdict, study, "offband audit report") if part)),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(style)),
    )  # fmt: skip
    parts = _parts(report)
    body = tag(
        "body",
        _masthead(report, study, [name for name, _, _ in parts]),
        tag("main", *_sections(report, parts), class_=_layout(report)),
        tag("script", Markup(script)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en-GB')}\n"


def _parts(report: Part) -> list[tuple[str, str, Markup]]:
    """Name, title and content of each section that this report has."""
    parts = [
        ("figure", "", accuracy_figure_html(report)),
        ("spectra", "Spectra and regions", band_map_html(report)),
        ("caveats", "Caveats", caveats_html(report)),
        ("relevance", "Relevance: what the classifier looks at", relevance_html(report)),
        ("checks", "Checks of each variant", variants_html(report)),
        ("diagnostics", "Growth with channels, and concentration", diagnostics_html(report)),
        ("design", "Design", design_html(report)),
        ("models", "Models", models_html(report)),
        ("limits", "Not tested, not known", limits_html(report)),
        ("meaning", "Meaning of the verdict, and what it does not mean", meaning_html(report)),
        ("methods", "Methods, for a paper", methods_html(report)),
        ("provenance", "Provenance", provenance_html(report)),
        ("literature", "Literature", literature_html()),
    ]
    return [(name, title, content) for name, title, content in parts if content is not None]


def _sections(report: Part, parts: list[tuple[str, str, Markup]]) -> list[Markup]:
    return [
        opening_html(report),
        *[tag("section", tag("h2", title) if title else None, content, id=name) for name, title, content in parts],
    ]


def _masthead(report: Part, study: str, present: list[str]) -> Markup:
    links = {"spectra": "Spectra", "caveats": "Caveats", "relevance": "Relevance", "checks": "Checks",
             "diagnostics": "Growth", "design": "Design", "models": "Models", "limits": "Not tested",
             "meaning": "Meaning", "methods": "Methods", "provenance": "Provenance"}  # fmt: skip
    nav = tag("nav", *[tag("a", text, href=f"#{to}") for to, text in links.items() if to in present],
              aria_label="Contents")  # fmt: skip
    made = str(report.get("created_at") or "")[:10]
    return tag("header", tag("p", tag("b", "offband"), " audit report", f" · {study}" if study else "",
                             f" · {made}" if made else ""), nav)  # fmt: skip


def _layout(report: Part) -> str | None:
    # a single panel of figure 1 fits beside the verdict on a wide screen
    return "single" if len(report.get("variants") or []) == 1 else None


def _study(report: Part) -> str:
    return str((report.get("provenance") or {}).get("study") or "")


def _asset(name: str) -> str:
    return files("spectral_core.report").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:; "
            "base-uri 'none'; form-action 'none'")  # fmt: skip
