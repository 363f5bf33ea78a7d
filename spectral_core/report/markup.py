"""HTML that cannot be unbalanced and text that cannot become HTML."""

from __future__ import annotations

import html
import json
import re

_VOID = frozenset({"br", "col", "hr", "input", "link", "meta", "wbr"})
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Markup(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Escape text for content and for attributes; control, bidi-override and surrogate code points become �.

    Example:
        >>> escape("<b> & 'c'")
        '&lt;b&gt; &amp; &#x27;c&#x27;'
    """
    return Markup(html.escape(_UNPRINTABLE.sub("�", text)))


def join(*parts: str | None) -> Markup:
    """Concatenate; plain text is escaped, `None` is left out."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts if p is not None))


def tag(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """Build one element; plain children are escaped, `None` and `False` attributes are left out.

    A trailing underscore of an attribute's name is dropped and the others become hyphens.

    Example:
        >>> tag("p", "a < b", tag("br"), class_="x", aria_hidden="true", title=None)
        '<p class="x" aria-hidden="true">a &lt; b<br></p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{"" if value is True else escape(_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def table(
    head: list[str], rows: list[list[str]], *, caption: str, numeric_from: int = 1, class_: str = "data"
) -> Markup:
    """Build a table whose first column heads its rows; columns from `numeric_from` on hold numbers."""
    columns = ["number" if i >= numeric_from else None for i in range(len(head))]
    top = tag("tr", *[tag("th", h, scope="col", class_=c) for h, c in zip(head, columns, strict=True)])
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *[tag("td", cell, class_=c) for cell, c in zip(row[1:], columns[1:], strict=True)],
        )
        for row in rows
    ]
    inner = tag("table", tag("caption", tag("span", caption)), tag("thead", top), tag("tbody", *body), class_=class_)
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def data_island(identity: str, content: object) -> Markup:
    """Embed JSON for the page's script; nothing in it can close the element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return tag("script", Markup(text), type="application/json", id=identity)
