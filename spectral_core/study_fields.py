"""Kinds of values in a study file that need a check of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from spectral_core.storage import ObjectPlace, Place, place_from

WORDED, UNIT = "x-type", "x-unit"
"""Keywords of a key's JSON schema: its type in words of its own where constraints do not say it, and its unit."""


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    if not low < high:
        raise ValueError(f"an interval [low, high] with low < high, found [{low:g}, {high:g}]")
    return interval


def _place(value: object) -> Place:
    if not isinstance(value, str | Path | ObjectPlace):
        raise ValueError(f"a folder or s3://bucket/prefix, found {value!r}")
    return place_from(value.strip() if isinstance(value, str) else value)


Interval = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""(low, high) in axis units, low < high."""

Regex = Annotated[str, Field(json_schema_extra={"format": "regex"})]
"""A regular expression, as its text."""

ArchivePlace = Annotated[
    Path | ObjectPlace,
    PlainValidator(_place),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", WORDED: "path, or `s3://bucket/prefix`"}),
]
"""A folder, or a prefix on object storage; in a file and in JSON its text."""
