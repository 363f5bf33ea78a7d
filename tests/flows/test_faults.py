"""Servers that do not answer are told in one message; ingestion imports no statistics."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

NOBODY = "http://127.0.0.1:9/api"


@pytest.mark.parametrize("command", ["ingest", "run", "audit"])
def test_a_prefect_server_that_does_not_answer_is_told_before_anything_is_written(
    tmp_path: Path, write_study: Callable[..., Path], offband: Callable[..., Any], command: str
) -> None:
    study = write_study(tmp_path)
    if command == "audit":
        with_archive(study)
    before = sorted(tmp_path.rglob("*"))
    with temporary_settings({PREFECT_API_URL: NOBODY}):
        answer = offband(command, study, "--json")
    assert answer.status == 1
    assert "Traceback" not in answer.err
    told = answer.err.strip().splitlines()[-1]
    assert told.startswith("offband failed: ") and NOBODY in told and "Start it, or unset PREFECT_API_URL." in told
    assert NOBODY in answer.document["error"]["message"]
    assert sorted(tmp_path.rglob("*")) == before


def with_archive(study: Path) -> None:
    from spectral_core.ingest import ingest_inbox
    from spectral_core.study import load_study

    ingest_inbox(load_study(study))


def test_the_process_that_ingests_imports_no_statistics_no_models_and_no_figures() -> None:
    """A scheduled scan starts a process: what it imports, it imports every five minutes."""
    script = "import sys, json, flows.ingest; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    heavy = {"sklearn", "scipy", "dask", "distributed", "matplotlib", "plotly", "mlflow", "pybaselines", "joblib"}
    assert not heavy & imported
    assert "spectral_core.ingest" in imported
