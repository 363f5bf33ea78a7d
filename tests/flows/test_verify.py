"""`offband verify`: what a person reads, what a machine reads, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.command_line import app
from spectral_core.ingest import ingest_inbox
from spectral_core.study import study_from


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for i in range(4):
        rows = zip(range(400, 440, 2), np.random.default_rng(i).uniform(0, 2, 20), strict=True)
        (inbox / f"{'ab'[i % 2]}-{i}.txt").write_text("".join(f"{x}\t{y:.4f}\n" for x, y in rows))
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results",
        "samples": {"pattern": r"(?P<label>[ab])-(?P<unit>\d+)\.txt"},
        "reading": {"axis_unit": "cm-1", "intensity_unit": "absorbance"}, "audit": {"seed": 1},
    }  # fmt: skip
    plan = study_from(content, where=tmp_path / "study.toml")
    ingest_inbox(plan)
    return plan.archive


def test_a_sound_archive_gives_status_0_and_what_was_compared(archive: Path) -> None:
    done = CliRunner().invoke(app, ["verify", str(archive)])
    assert done.exit_code == 0, done.output
    assert "4 spectra, 4 recomputed; files: 4 archived; 4 hashed: all consistent" in done.stdout


def test_what_is_off_gives_status_1_and_one_document(archive: Path) -> None:
    (archive.parent / "inbox" / "a-0.txt").write_text("400\t1\n402\t2\n")
    done = CliRunner().invoke(app, ["verify", str(archive), "--json"])
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert not document["sound"] and document["discrepancies"][0]["where"] == "inbox, a-0.txt"


def test_what_is_no_archive_gives_status_2(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["verify", str(tmp_path / "nothing")]).exit_code == 2
