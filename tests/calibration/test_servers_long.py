"""Servers that die in the middle of a pipeline run: one message, nothing lost, and the next run goes on from there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from flows.servers import Server, mlflow_server, prefect_server
from spectral_core.archive import open_archive, verify_archive
from tests.conftest import free_port, wait_until_healthy
from tests.core.faults import write_files

pytestmark = [
    pytest.mark.calibration,
    pytest.mark.timeout(3600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]

STUDY = """
name = "t"
inbox = "inbox"
archive = "archive"
results = "results"
variants = ["raw", "snv"]
models = ["ridge", "random-forest(trees=300)", "k-nn"]
[samples]
pattern = '(?P<label>[AB])(?P<unit>\\w+)\\.txt'
unit = "unit"
[reading]
axis_unit = "nm"
[bands.b]
interval = [420, 440]
assignment = "a band"
[audit]
seed = 1
permutations = 99
model_permutations = 3
diagnostics = false
"""

Start = Callable[[Server], subprocess.Popen[bytes]]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_files(tmp_path / "inbox", range(40))
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path / "study.toml"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server and wait until it answers; end what is left, by its id."""
    started: list[subprocess.Popen[bytes]] = []

    def up(server: Server) -> subprocess.Popen[bytes]:
        log = tmp_path / f"server-{len(started)}.log"
        settings = {**os.environ, **server.settings, "PREFECT_HOME": str(tmp_path / "home")}
        with log.open("wb") as out:
            process = subprocess.Popen(
                server.arguments, env=settings, cwd=tmp_path, stdout=out, stderr=out, start_new_session=True
            )  # fmt: skip
        started.append(process)
        wait_until_healthy(server.health, process, log, seconds=300)
        return process

    yield up
    for process in started:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(study: Path, **settings: str) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("offband")), "run", str(study)]
    environment = {**os.environ, "PREFECT_HOME": str(study.parent / "home"), **settings}
    return subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def trained(study: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (study.parent / "results").rglob("*.npz")}


def told_in(err: str) -> str:
    """The one message, among Prefect's own lines about the log that it could not deliver."""
    assert "Traceback" not in err, err
    (told,) = re.findall(r"offband(?: failed)?: [^\n]*", err)
    return str(told)


def statuses(uri: str) -> list[str]:
    client = MlflowClient(uri)
    return sorted(r.info.status for e in client.search_experiments() for r in client.search_runs([e.experiment_id]))


def test_mlflow_that_dies_in_the_middle_of_training_costs_no_trained_model(study: Path, start: Start) -> None:
    server = mlflow_server(f"sqlite:///{study.parent}/mlflow.db", port=free_port())
    study.write_text(STUDY + f'[tracking]\nuri = "{server.address}"\n')
    process = start(server)
    broken = run(study)
    wait_for(lambda: len(trained(study)) >= 2, broken)
    end(process)
    began = time.monotonic()
    _, err = broken.communicate(timeout=600)
    print(f"told {time.monotonic() - began:.0f} s after MLflow died: {told_in(err)}")
    assert broken.returncode == 2 and f"tracking.uri {server.address}: expected an MLflow" in told_in(err)
    kept = trained(study)
    start(server)
    assert "RUNNING" in statuses(server.address)
    resumed = run(study)
    _, err = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, err
    assert {name: trained(study)[name] for name in kept} == kept, "trained again"
    assert len(trained(study)) == 6 and set(statuses(server.address)) == {"FAILED", "FINISHED"}


def test_a_prefect_server_that_dies_in_the_middle_of_a_run_costs_nothing_that_was_finished(
    study: Path, start: Start
) -> None:
    server = prefect_server(port=free_port())
    process, api = start(server), {"PREFECT_API_URL": f"{server.address}/api"}
    broken = run(study, **api)
    wait_for(lambda: len(trained(study)) >= 1, broken)
    end(process)
    began = time.monotonic()
    _, err = broken.communicate(timeout=1200)
    print(f"ended {time.monotonic() - began:.0f} s after Prefect died: {told_in(err)}")
    assert broken.returncode == 1 and f"the Prefect server at {server.address}/api does not answer" in told_in(err)
    assert verify_archive(study.parent / "archive").sound and len(open_archive(study.parent / "archive")) == 40
    kept = trained(study)
    refused = run(study, **api)
    _, err = refused.communicate(timeout=600)
    assert refused.returncode == 1 and server.address in told_in(err), err
    start(server)
    resumed = run(study, **api)
    _, err = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, err
    assert {name: trained(study)[name] for name in kept} == kept, "trained again"
    assert set(statuses(f"sqlite:///{study.parent}/results/mlflow.db")) == {"FAILED", "FINISHED"}


def test_a_pipeline_run_that_is_killed_in_the_middle_of_training_is_closed_and_resumed(study: Path) -> None:
    broken = run(study)
    wait_for(lambda: len(trained(study)) >= 2, broken)
    below = psutil.Process(broken.pid).children(recursive=True)
    assert any("uvicorn" in " ".join(process.cmdline()) for process in below), "its own Prefect server"
    broken.kill()
    broken.communicate(timeout=60)
    _, left = psutil.wait_procs(below, timeout=30)
    assert not left, "a killed run leaves no server behind"
    kept, uri = trained(study), f"sqlite:///{study.parent}/results/mlflow.db"
    assert "RUNNING" in statuses(uri)
    resumed = run(study)
    _, err = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, err
    assert {name: trained(study)[name] for name in kept} == kept, "trained again"
    assert set(statuses(uri)) == {"FAILED", "FINISHED"} and not list((study.parent / "results" / "open-runs").iterdir())
