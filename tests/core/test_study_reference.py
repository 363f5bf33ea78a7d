"""The reference of the study file says what the study does: defaults, required keys, types, and a meaning each."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from spectral_core.errors import StudyError
from spectral_core.study import Study, study_from
from spectral_core.study_fields import ArchivePlace, Interval, Regex
from spectral_core.study_parts import Part
from spectral_core.study_reference import renewed, sections, type_in_words

EXAMPLE = Path(__file__).resolve().parents[2] / "spectral_core" / "example_study.toml"
ROW = re.compile(r"\| `(?P<key>\S+)` \| (?P<type>[^|]+) \| (?P<default>[^|]+) \| (?P<meaning>\S[^|]*) \|")
SCHEMA = Study.model_json_schema()
ROWS = [match for rows in sections(SCHEMA).values() for row in rows if (match := ROW.fullmatch(row))]
REQUIRED = [row["key"] for row in ROWS if row["default"] == "required"]

# every key that has no default, and nothing else
LEAST: dict[str, Any] = {
    "name": "least", "inbox": "inbox", "archive": "archive", "results": "results", "samples": {},
    "reading": {"axis_unit": "nm"}, "audit": {"seed": 0},
    "bands": {"NAME": {"interval": [500, 600], "assignment": "a"}},
    "blanks": {"NAME": {"interval": [900, 990], "reason": "b"}},
}  # fmt: skip


class Detector(Part):
    channels: int = 1024
    """how many
    there are"""


class Nested(Part):
    gain: float
    """times"""
    detector: Detector = Detector()
    """a section"""
    lamps: dict[str, Detector] = Field(default={})
    """a section for each name"""


class Silent(Part):
    gain: float


def words(kind: Any) -> str:
    return type_in_words(TypeAdapter(kind).json_schema(), where="here")


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key, from the models themselves."""
    for name, field in model.model_fields.items():
        *_, kind = getattr(field.annotation, "__args__", (field.annotation,))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}." if kind is field.annotation else f"{prefix}{name}.NAME.")
        else:
            yield f"{prefix}{name}"


def test_every_key_of_the_study_has_one_row_with_a_meaning() -> None:
    assert sorted(row["key"] for row in ROWS) == sorted(fields(Study))
    assert len(ROWS) == sum(map(len, sections(SCHEMA).values()))  # each of four cells, none of them empty


def test_a_study_of_the_required_keys_alone_has_the_defaults_shown() -> None:
    kept = study_from(LEAST, where=Path("study.toml")).model_dump(mode="json")
    for row in ROWS:
        value: Any = kept
        for part in row["key"].split("."):
            value = value[part]
        if row["default"] != "required":
            shown = None if row["default"] == "none" else json.loads(row["default"].strip("`"))
            assert value == shown, row["key"]


@pytest.mark.parametrize("key", REQUIRED)
def test_a_key_shown_as_required_is(key: str) -> None:
    content = copy.deepcopy(LEAST)
    *above, last = key.split(".")
    section = content
    for part in above:
        section = section[part]
    del section[last]
    with pytest.raises(StudyError, match=re.escape(key)):
        study_from(content, where=Path("study.toml"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (str, "text"),
        (str | None, "text"),
        (bool, "true or false"),
        (float, "number"),
        (Path | None, "path"),
        (Regex, "regular expression"),
        (tuple[str, ...], "list of texts"),
        (Interval, "two numbers"),
        (Literal["exact", "interpolate"], '`"exact"` or `"interpolate"`'),
        (Literal["leave"] | Path, 'path, or `"leave"`'),
        (ArchivePlace, "path, or `s3://bucket/prefix`"),
        (Annotated[int, Field(ge=99)], "whole number ≥ 99"),
        (Annotated[int, Field(le=9)], "whole number ≤ 9"),
        (Annotated[float, Field(gt=0)] | None, "number > 0"),
        (Annotated[float, Field(lt=0.5)], "number < 0.5"),
        (Annotated[float, Field(ge=0, lt=0.5)], "number, 0 to 0.5"),
        (Annotated[float, Field(gt=0, json_schema_extra={"x-unit": "nm"})], "number > 0, in nm"),
        (Annotated[str, Field(pattern="^a+$", json_schema_extra={"x-type": "one or more a"})], "one or more a"),
    ],
)
def test_a_type_is_said_in_words(kind: Any, expected: str) -> None:
    assert words(kind) == expected


@pytest.mark.parametrize("kind", [dict[str, int], tuple[int, str], list[Annotated[int, Field(ge=0)]], list[bool]])
def test_a_type_without_words_is_refused_with_its_place(kind: Any) -> None:
    with pytest.raises(StudyError, match=r"^here: expected a type that the reference has words for, found .*'x-type'"):
        words(kind)


def test_tables_are_written_between_their_marks_and_prose_stays() -> None:
    page = """before
<!-- study: lamps, detector: begin -->
what stood here
<!-- study: lamps, detector: end -->
between
<!-- study: top level: begin --><!-- study: top level: end -->
"""
    expected = """before
<!-- study: lamps, detector: begin -->

| key | type | default | meaning |
|---|---|---|---|
| `lamps.NAME.channels` | whole number | `1024` | how many there are |
| `detector.channels` | whole number | `1024` | how many there are |

<!-- study: lamps, detector: end -->
between
<!-- study: top level: begin -->

| key | type | default | meaning |
|---|---|---|---|
| `gain` | number | required | times |

<!-- study: top level: end -->
"""
    once = renewed(page, Nested.model_json_schema())
    assert once == expected
    assert renewed(once, Nested.model_json_schema()) == once


@pytest.mark.parametrize(
    "marked", ["detector", "detector, lamps, top level, laser", "top level, lamps, lamps, detector"]
)
def test_a_page_that_does_not_mark_every_section_once_is_refused(marked: str) -> None:
    page = f"<!-- study: {marked}: begin --><!-- study: {marked}: end -->"
    with pytest.raises(StudyError, match=f"each of top level, detector, lamps once, found {marked}"):
        renewed(page, Nested.model_json_schema())


def test_a_key_without_a_meaning_is_refused() -> None:
    with pytest.raises(StudyError, match=r"^key gain: expected a meaning, found none"):
        sections(Silent.model_json_schema())


def test_the_json_schema_takes_the_example_and_names_a_misspelt_key() -> None:
    """What an editor makes of it, with an independent validator."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    content = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert not list(validator.iter_errors(content))
    content["audit"]["sead"] = content["audit"].pop("seed")
    assert {error.validator for error in validator.iter_errors(content)} == {"additionalProperties", "required"}
