"""Serve a study: whatever of Prefect, MLflow, flows and watcher is missing is started, and ended again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from filelock import FileLock, Timeout

from flows.schedule import Schedule
from flows.servers import LOOPBACK, LOOPBACK_NAMES, free_port, mlflow_server, prefect_server
from flows.supervision import Program, Supervision
from flows.terminal import Terminal
from spectral_core.errors import StudyError
from spectral_core.study import Study
from tasks.environment import MLFLOW_ADDRESS

PREFECT_PORT, MLFLOW_PORT = 4200, 5000


@dataclass(frozen=True)
class Place:
    """Where a server answers, and the program to start there; None if it is running already."""

    address: str
    program: Program | None


def serve_study(terminal: Terminal, study: Study, schedule: Schedule, *, prefect_port: int, mlflow_port: int) -> None:
    """Serve a study until a signal comes.

    Args:
        terminal: Told the addresses once everything answers.
        study: The study.
        schedule: When its flows run.
        prefect_port: Where a Prefect server is looked for, and started if nobody answers there.
        mlflow_port: The same for MLflow.

    Raises:
        StudyError: The study is served already.
        ConnectionError: A server named by PREFECT_API_URL or the study is not on this machine, and does not answer.
        RuntimeError: A program does not start, or dies again and again.
    """
    logs = study.results / "serve"
    with _alone(study), Supervision(logs, lambda text: terminal.say(f"offband: {text}")) as supervision:
        prefect, mlflow = place_of_prefect(prefect_port), place_of_mlflow(study, mlflow_port)
        for server in _missing(prefect, mlflow):
            terminal.say(f"Starting {server.name} …")
            supervision.start(server)
        # MLflow comes up while what needs Prefect alone is starting
        supervision.wait_until_up(*(server.name for server in _missing(prefect)))
        ours = programs(schedule, f"{prefect.address}/api", mlflow.address)
        for program in ours if not supervision.asked_to_stop else []:
            supervision.start(program)
        supervision.wait_until_up(*(server.name for server in _missing(mlflow)))
        if not supervision.asked_to_stop:
            _show(terminal, study, schedule, prefect, mlflow)
        supervision.keep_running()
        terminal.say("offband: stopping …")
    terminal.say("offband: stopped")


def _missing(*places: Place) -> list[Program]:
    return [place.program for place in places if place.program is not None]


def place_of_prefect(port: int) -> Place:
    """Find the Prefect server, or say how to start it.

    Raises:
        ConnectionError: PREFECT_API_URL names another machine, and nobody answers there.
    """
    from prefect.settings import PREFECT_API_URL

    stated = PREFECT_API_URL.value()
    address = (stated or f"http://{LOOPBACK}:{port}").removesuffix("/").removesuffix("/api")
    if (_get(f"{address}/api/admin/version") or "").startswith('"3.'):
        return Place(address, None)
    if stated is None:
        port = free_port(port)
    elif urlsplit(stated).hostname in LOOPBACK_NAMES and urlsplit(stated).port:
        port = urlsplit(stated).port or port
    else:
        raise ConnectionError(f"PREFECT_API_URL is {stated}, where no Prefect server answers. Start it, or unset it.")
    server = prefect_server(port=port)
    return Place(server.address, Program("prefect", server.arguments, server.settings, server.health))


def place_of_mlflow(study: Study, port: int) -> Place:
    """Find the MLflow server on the study's store, or say how to start it.

    Raises:
        ConnectionError: The study names a server, and it does not answer.
    """
    uri = study.tracking_uri
    if uri.startswith(("http://", "https://")):
        if _get(f"{uri.rstrip('/')}/health") is None:
            host = urlsplit(uri).hostname
            raise ConnectionError(f"No MLflow server answers at tracking.uri, on {host}. Start it, or correct the key.")
        return Place(uri, None)
    address = f"http://{LOOPBACK}:{port}"
    if _shows(address, study):
        return Place(address, None)
    study.results.mkdir(parents=True, exist_ok=True)
    server = mlflow_server(uri, port=free_port(port))
    return Place(server.address, Program("mlflow", server.arguments, server.settings, server.health))


def programs(schedule: Schedule, api_url: str, mlflow_address: str) -> list[Program]:
    """Give what works for the study: its flows, and the watcher of its inbox."""
    settings = {"PREFECT_API_URL": api_url, MLFLOW_ADDRESS: mlflow_address}
    served = {**settings, "PREFECT_RUNNER_POLL_FREQUENCY": "2", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO"}
    # on SIGINT Prefect closes its runs and pauses its schedules; on SIGTERM its runner fails to
    python = [sys.executable, "-P", "-m"]
    return [
        Program("ingest", [*python, "flows.serve_ingest", schedule.to_json()], served, stopped_by=signal.SIGINT),
        Program("flows", [*python, "flows.serve_flows", schedule.to_json()], served, stopped_by=signal.SIGINT),
        Program(
            "watcher", [*python, "flows.watching", schedule.study_file, f"ingest/{schedule.watched_name}"],
            settings, speaks=True,
        ),
    ]  # fmt: skip


@contextmanager
def _alone(study: Study) -> Iterator[None]:
    folder = study.results / "serve"
    folder.mkdir(parents=True, exist_ok=True)
    process = folder / "process"
    try:
        with FileLock(folder / "lock", timeout=0):
            process.write_text(str(os.getpid()))
            yield
            process.unlink(missing_ok=True)
    except Timeout:
        found = f"process {process.read_text()} at it" if process.exists() else "another at it"
        raise StudyError(f"study {study.name}", "to be served once", found, "Stop that one first.") from None


def _shows(address: str, study: Study) -> bool:
    """Whether an MLflow server shows the study's runs: its experiment, with artifacts beside the study's store."""
    asked = f"{address}/api/2.0/mlflow/experiments/get-by-name?experiment_name={study.experiment}"
    artifacts = (study.results / "mlartifacts").resolve().as_uri()
    return f'"{artifacts}/' in (_get(asked) or "")


def _get(url: str) -> str | None:
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return answer.text if answer.status_code == 200 else None


def _show(terminal: Terminal, study: Study, schedule: Schedule, prefect: Place, mlflow: Place) -> None:
    when = f"{schedule.nightly!r} {schedule.timezone}"
    terminal.show(
        f"Prefect   {prefect.address}{'' if prefect.program else '   (was running)'}",
        f"MLflow    {mlflow.address}{'' if mlflow.program else '   (was running)'}",
        f"Inbox     {study.inbox}   (watched, and scanned every {schedule.scan_minutes:g} minutes)",
        f"Pipeline  {when}",
        f"Logs      {study.results / 'serve'}",
        "Ctrl-C stops what was started here.",
    )
    started = [server.name for server in _missing(prefect, mlflow)]
    terminal.answer({
        "prefect": prefect.address, "mlflow": mlflow.address, "inbox": str(study.inbox),
        "scan_minutes": schedule.scan_minutes, "nightly": schedule.nightly, "timezone": schedule.timezone,
        "logs": str(study.results / "serve"), "started": [*started, "ingest", "flows", "watcher"],
    })  # fmt: skip
