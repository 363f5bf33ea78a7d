"""report.json and report.html on disk: whole or not at all."""

from __future__ import annotations

import json
import math
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spectral_core.errors import AuditError, offenders
from spectral_core.report.page import render_html

# a raw line break never occurs inside a JSON text: a match is a list of numbers (and nulls), nothing else
_NUMBERS = re.compile(r"\[\n\s*([-+.\deE,\snul]+?)\n\s*\]")


def save_html(report: Mapping[str, Any], path: Path | str) -> Path:
    """Write the report as one self-contained page and return where it lies.

    The page is written beside its place and renamed into it; a reader never sees half of it.

    Args:
        report: The content of report.json.
        path: The file to write; missing folders are made.
    """
    return write_whole(render_html(report), Path(path))


def save_json(report: Mapping[str, Any], path: Path | str) -> Path:
    """Write `json_text` of the report, as `save_html` writes its page, and return where it lies."""
    return write_whole(json_text(report), Path(path))


def json_text(report: Mapping[str, Any]) -> str:
    """Write the report as JSON, one line a list of numbers.

    Raises:
        AuditError: A value is NaN, infinite or not a JSON type; the message names its key.

    Example:
        >>> print(json_text({"interval": [0.9, 1.0]}))
        {
         "interval": [0.9, 1.0]
        }
        <BLANKLINE>
    """
    faults = list(_faults(dict(report), "report"))
    if faults:
        raise AuditError(
            offenders([key for key, _ in faults]), "finite numbers, texts, lists and mappings with text keys",
            faults[0][1], "Convert the value, or use None where there is no number.",
        )  # fmt: skip
    text = json.dumps(dict(report), indent=1, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(_on_one_line, text) + "\n"


def _on_one_line(match: re.Match[str]) -> str:
    return "[" + ", ".join(match.group(1).replace("\n", " ").replace(",", " ").split()) + "]"


def _faults(node: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(name, str):
                yield from _faults(value, f"{key}.{name}")
            else:
                yield f"{key}.{name!r}", f"the key {name!r}"
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            yield from _faults(value, f"{key}[{place}]")
    elif isinstance(node, float) and not math.isfinite(node):
        yield key, str(node)
    elif not isinstance(node, str | int | float | None):
        yield key, type(node).__name__


def write_whole(text: str, path: Path) -> Path:
    """Write a text beside its place and rename it into it, so that nobody reads half of it; return where it lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path
