"""The reference of the study file: tables of key, type, default and meaning, written from the study's JSON schema."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectral_core.errors import StudyError
from spectral_core.study import Study
from spectral_core.study_fields import UNIT, WORDED

Schema = Mapping[str, Any]

TOP = "top level"
"""The section of the keys that stand above every `[section]` of the file."""

_HEAD = "| key | type | default | meaning |\n|---|---|---|---|"
_MARKED = re.compile(r"<!-- study: ([^\n]+?): begin -->.*?<!-- study: \1: end -->", re.DOTALL)
_KINDS = {"string": "text", "boolean": "true or false", "number": "number", "integer": "whole number"}
_FORMATS = {"path": "path", "regex": "regular expression"}
_COUNTS = {2: "two", 3: "three", 4: "four"}
_COUNTABLE = [{"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "string", "format": "path"}]
_BOUNDS = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
_SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def sections(schema: Schema) -> dict[str, list[str]]:
    """Write the table row of every key, section by section.

    Args:
        schema: What `Study.model_json_schema()` gives, or the schema of a model like it: keys, and sections of keys
            that refer to a definition, one each or (`[bands.NAME]`) one for every name.

    Returns:
        Section to its rows in Markdown, both in the order of the schema; `TOP` for the keys outside every section.

    Raises:
        StudyError: A key without a meaning, or of a type that this reference has no words for.
    """
    rows: dict[str, list[str]] = {TOP: []}
    for name, content in schema["properties"].items():
        each = content.get("additionalProperties") or content
        if "$ref" not in each:
            rows[TOP].append(_row(name, content, required=name in schema.get("required", ())))
            continue
        part = schema["$defs"][each["$ref"].rpartition("/")[2]]
        prefix = f"{name}." if each is content else f"{name}.NAME."
        rows[name] = [
            _row(prefix + key, inner, required=key in part.get("required", ()))
            for key, inner in part["properties"].items()
        ]
    return rows


def renewed(page: str, schema: Schema) -> str:
    """Write every table of a page anew, between its marks; the prose around stays.

    A table stands between `<!-- study: NAME: begin -->` and `<!-- study: NAME: end -->`, where NAME is a section, or
    several with commas between them.

    Args:
        page: The page's text.
        schema: As for `sections`.

    Raises:
        StudyError: The page's marks leave out a section, name one twice, or name one that the study does not have.
    """
    rows = sections(schema)
    marked = [name for names in _MARKED.findall(page) for name in names.split(", ")]
    if sorted(marked) != sorted(rows):
        remedy = "Put <!-- study: NAME: begin --> and <!-- study: NAME: end --> around each table."
        raise StudyError(
            "marks of the page", f"each of {', '.join(rows)} once", ", ".join(marked) or "no marks", remedy
        )

    def table(match: re.Match[str]) -> str:
        lines = [row for name in match[1].split(", ") for row in rows[name]]
        begin, end = (f"<!-- study: {match[1]}: {side} -->" for side in ("begin", "end"))
        return "\n".join([begin, "", _HEAD, *lines, "", end])

    return _MARKED.sub(table, page)


def type_in_words(schema: Schema, *, where: str) -> str:
    """Say in words what values a key takes; `null`, a key left out, is none of them.

    Args:
        schema: The JSON schema of one key. `x-type` says the type in its place, `x-unit` adds a unit.
        where: The key, named in errors.

    Raises:
        StudyError: A type that this reference has no words for.

    Example:
        >>> type_in_words({"type": "number", "minimum": 0, "exclusiveMaximum": 0.5}, where="audit.delta")
        'number, 0 to 0.5'
        >>> type_in_words({"anyOf": [{"type": "integer", "minimum": 99}, {"type": "null"}]}, where="audit.folds")
        'whole number ≥ 99'
    """
    unit = f", in {schema[UNIT]}" if UNIT in schema else ""
    if WORDED in schema:
        return f"{schema[WORDED]}{unit}"
    choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    choices.sort(key=lambda one: "const" in one)  # kinds before single values
    return ", or ".join(_one_type(one, where) for one in choices) + unit


def _one_type(schema: Schema, where: str) -> str:
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values:
        return " or ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in values)
    kind, items = schema.get("type"), schema.get("prefixItems", [schema.get("items")])
    counted = f"{_COUNTS.get(len(items))} " if "prefixItems" in schema else "list of "
    plain = items[0] in _COUNTABLE and all(item == items[0] for item in items) and len(items) in {1, *_COUNTS}
    if kind == "array" and plain:
        return f"{counted}{_one_type(items[0], where)}s"
    if kind in _KINDS and schema.get("format", "path") in _FORMATS:
        return _FORMATS.get(schema.get("format", ""), _KINDS[kind]) + _bounds(schema)
    remedy = f"Let the key say {WORDED!r} in json_schema_extra."
    raise StudyError(where, "a type that the reference has words for", str(schema), remedy)


def _bounds(schema: Schema) -> str:
    low, high = ({key: schema[key] for key in keys if key in schema} for keys in _BOUNDS)
    if low and high:
        return ", {:g} to {:g}".format(*low.values(), *high.values())
    return "".join(f" {_SIGNS[key]} {value:g}" for key, value in (low | high).items())


def _row(key: str, schema: Schema, *, required: bool) -> str:
    meaning = " ".join(schema.get("description", "").split())
    if not meaning:
        raise StudyError(f"key {key}", "a meaning", "none", "Write it as a text below the field.")
    default = schema.get("default")
    shown = "none" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
    return (
        f"| `{key}` | {type_in_words(schema, where=f'key {key}')} | {'required' if required else shown} | {meaning} |"
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(renewed(page.read_text(encoding="utf-8"), Study.model_json_schema()), encoding="utf-8")
