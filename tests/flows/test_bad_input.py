"""Bad input ends in one message with place, expectation, finding and remedy, in status 2, and in no traceback.

What can be known without Prefect is refused before it starts; these tests would take a server's start-up time each
otherwise, and the session's server is not asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Offband = Callable[..., Any]
WriteStudy = Callable[..., Path]


def _is_a_refusal(answer: Any, *words: str) -> None:
    assert answer.status == 2, answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    last = answer.err.strip().splitlines()[-1]
    assert last.startswith("offband: ")
    for word in ("expected", "found", *words):
        assert word in last


@pytest.mark.parametrize(
    ("replace", "words"),
    [
        (
            [('axis_unit = "nm"', 'axis_unit = "nm"\naxis_units = "nm"')],
            ["key reading.axis_units", "axis_unit, intensity_unit"],
        ),
        ([('name = "small"', 'name = "small"\nmodel = "ridge"')], ["key model", "unknown key"]),
        ([('"snv"', '"snw"')], ["unknown 'snw'", "snv"]),
        ([('"snv"', '"savgol(window=11, ordr=2)"')], ["'ordr'", "savgol(window, order"]),
        ([('"k-nn"', '"perceptron"')], ["unknown 'perceptron'", "pls-da"]),
        ([('inbox = "inbox"', 'inbox = "inbx"')], ["key inbox", "no such folder"]),
        ([('inbox = "inbox"', 'inbox = "samples.csv"')], ["key inbox", "a file"]),
        ([('archive = "archive"', 'archive = "inbox"')], ["inbox"]),
        ([('sheet = "samples.csv"', 'sheet = "sheet.csv"')], ["sheet.csv"]),
        ([('label = "origin"', 'label = "country"')], ["samples.csv", "country"]),
        ([("seed = 7\n", "")], ["audit.seed", "nothing"]),
        ([("[500, 600]", "[600, 500]")], ["bands.peak", "low < high"]),
        ([("[900, 990]", "[590, 990]")], ["overlapping band 'peak'"]),
    ],
)
def test_a_study_that_cannot_be_used_is_refused_at_once(
    offband: Offband,
    write_study: WriteStudy,
    tmp_path: Path,
    replace: Sequence[tuple[str, str]],
    words: Sequence[str],
) -> None:
    study = write_study(tmp_path, replace=replace)
    started = time.monotonic()
    _is_a_refusal(offband("run", study), *words)
    assert time.monotonic() - started < 5  # a Prefect server takes longer


def test_a_study_file_that_is_not_there_or_no_toml(offband: Offband, tmp_path: Path) -> None:
    _is_a_refusal(offband("run", tmp_path / "no.toml"), "no such file", "no.toml")
    (tmp_path / "bad.toml").write_text("name = \n")
    _is_a_refusal(offband("ingest", tmp_path / "bad.toml"), "TOML", "line 1")


@pytest.mark.parametrize("command", ["run", "ingest", "audit"])
def test_an_archive_that_is_not_one(offband: Offband, write_study: WriteStudy, tmp_path: Path, command: str) -> None:
    study = write_study(tmp_path)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "thesis.docx").write_text("not yours")
    _is_a_refusal(offband(command, study), "archive")
    assert [p.name for p in (tmp_path / "archive").iterdir()] == ["thesis.docx"]


def test_an_audit_before_anything_was_archived(offband: Offband, write_study: WriteStudy, tmp_path: Path) -> None:
    _is_a_refusal(offband("audit", write_study(tmp_path)), "archive", "no such folder", "ingest")


def test_a_machine_reads_the_refusal_on_stdout(offband: Offband, tmp_path: Path) -> None:
    answer = offband("run", tmp_path / "no.toml", "--json")
    assert answer.status == 2
    assert answer.document["exit_status"] == 2
    error = answer.document["error"]
    assert (error["kind"], error["found"]) == ("StudyError", "no such file")
    assert json.loads(answer.out.splitlines()[0]) == answer.document


def test_a_verbose_refusal_shows_where_it_was_raised(offband: Offband, tmp_path: Path) -> None:
    answer = offband("run", tmp_path / "no.toml", "--verbose")
    assert answer.status == 2
    assert "Traceback" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["run", "a.toml", "--fail-unless", "passed"], ["audit", "a.toml", "--nonsense"], ["explain"]],
)
def test_a_command_that_does_not_exist_as_typed_is_bad_input(offband: Offband, arguments: Sequence[str]) -> None:
    answer = offband(*arguments)
    assert answer.status == 2
    assert "Traceback" not in answer.err


def test_a_demo_into_somebody_elses_folder(offband: Offband, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "mine.spc").write_text("")
    _is_a_refusal(offband("demo", tmp_path), "'mine.spc'")
