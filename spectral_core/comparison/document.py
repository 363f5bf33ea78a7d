"""The frame of a self-contained page in the style of the report: no network, no script, light and dark."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from spectral_core.report.markup import Markup, tag

Section = tuple[str, str, Markup]
"""Identity, title and content of a section; without a title it has no heading and no place in the contents."""


def document_html(title: str, masthead: str, sections: Sequence[Section]) -> str:
    """Render a complete page.

    Its policy (Content-Security-Policy) forbids every load and every style but its own; there is no script.

    Args:
        title: Of the window.
        masthead: Beside the name of the software.
        sections: In order; the first is the opening.
    """
    style = _asset("spectral_core.report", "page.css") + _asset("spectral_core.comparison", "comparison.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(style)),
    )  # fmt: skip
    links = [tag("a", text, href=f"#{identity}") for identity, text, _ in sections if text]
    nav = tag("nav", *links, aria_label="Contents")
    body = tag(
        "body",
        tag("header", tag("p", tag("b", "offband"), f" {masthead}"), nav),
        tag("main", *[
            tag("section", tag("h2", text) if text else None, content, id=identity)
            for identity, text, content in sections
        ]),
    )  # fmt: skip
    return f"<!doctype html>\n{tag('html', head, body, lang='en-GB')}\n"


def _asset(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
