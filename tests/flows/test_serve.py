"""`offband serve` as an operator uses it: started on free ports, files dropped, everything stopped; by process id."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
import pytest
from filelock import FileLock
from prefect.client.orchestration import get_client
from prefect.states import Running

from flows.schedule import Schedule
from flows.serve_flows import crash_lost_runs
from flows.triggering import Trigger
from spectral_core.archive import open_archive
from spectral_core.errors import ArchiveError

DEADLINE_S = 150


@dataclass
class Served:
    """A study that is being served: the process, what it printed, and the files not yet dropped."""

    process: subprocess.Popen[str]
    folder: Path
    errors: Path
    places: dict[str, Any]
    staged: list[Path]
    below: list[psutil.Process] = field(default_factory=list)

    @property
    def api(self) -> str:
        """The address of Prefect's API."""
        return f"{self.places['prefect']}/api"

    def archived(self) -> set[str]:
        """Names of the files in the archive; none while it is being made."""
        try:
            return set(open_archive(self.folder / "archive").sources().values())
        except ArchiveError:
            return set()

    def has_archived_its_inbox(self) -> bool:
        """Whether every file of the inbox is archived."""
        return self.archived() == {path.name for path in (self.folder / "inbox").iterdir()}

    def runs(self, deployment: str, **conditions: object) -> list[dict[str, Any]]:
        """The flow runs of a deployment."""
        return runs_of(self.api, deployment, **conditions)

    def states(self, deployment: str) -> list[str]:
        """The states of the flow runs of a deployment."""
        return [run["state_type"] for run in self.runs(deployment)]

    def drop(self, *, files: int = 1) -> set[str]:
        """Write staged files into the inbox, half of each first."""
        dropped = [self.staged.pop() for _ in range(files)]
        for path in dropped:
            text = path.read_text()
            (self.folder / "inbox" / path.name).write_text(text[: len(text) // 2])
        time.sleep(0.3)
        for path in dropped:
            shutil.copy(path, self.folder / "inbox" / path.name)
        return {path.name for path in dropped}

    def told(self) -> str:
        """What serving and its programs have said, for the message of a failed test."""
        logs = (self.folder / "results" / "serve").glob("*.log")
        return "\n".join([self.errors.read_text(), *(log.read_text()[-1000:] for log in logs)])


def runs_of(api: str, deployment: str, **conditions: object) -> list[dict[str, Any]]:
    """The flow runs of a deployment, as the user interface asks for them."""
    asked = {"deployments": {"name": {"any_": [deployment]}}, "flow_runs": conditions}
    return list(httpx.post(f"{api}/flow_runs/filter", json=asked, timeout=30).raise_for_status().json())


def wait_for(condition: Callable[[], Any], *, seconds: float = DEADLINE_S, told: Callable[[], str] = str) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s. {told()}")
        time.sleep(0.1)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(address: str) -> bool:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def stage(study: Path) -> list[Path]:
    """Leave four files in the inbox of a study; give twenty that wait beside it."""
    sheet, folder = 'sheet = "samples.csv"', study.parent
    study.write_text(study.read_text().replace(sheet, f"{sheet}\nallow_missing = true"))
    (folder / "staged").mkdir()
    return [path.rename(folder / "staged" / path.name) for path in sorted((folder / "inbox").iterdir())[4:]]


@pytest.fixture
def serve(tmp_path: Path, write_study: Callable[..., Path]) -> Iterator[Callable[..., Served]]:
    """Serve a study of four files, with twenty beside it; end what is left, by its id, even if the test fails."""
    started: list[Served] = []

    def start(**environment: str) -> Served:
        staged = stage(write_study(tmp_path / "study"))
        command = [
            str(Path(sys.executable).with_name("offband")), "serve", str(tmp_path / "study" / "study.toml"), "--json",
            "--prefect-port", str(free_port()), "--mlflow-port", str(free_port()),
        ]  # fmt: skip
        errors, settings = tmp_path / "errors.txt", {"PREFECT_HOME": str(tmp_path / "home"), **environment}
        with errors.open("w") as err:
            process = subprocess.Popen(
                command, env={**os.environ, **settings}, cwd=tmp_path, stdout=subprocess.PIPE, stderr=err, text=True
            )
        started.append(Served(process, tmp_path / "study", errors, {}, staged))
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, errors.read_text()
        started[-1].places = json.loads(line)
        return started[-1]

    yield start
    for study in started:
        if study.process.poll() is None:
            study.below = psutil.Process(study.process.pid).children(recursive=True)
            study.process.kill()
        study.process.communicate()
        for left in filter(psutil.Process.is_running, study.below):
            left.kill()


@pytest.mark.slow
def test_files_are_archived_by_runs_that_prefect_shows_and_all_that_was_started_stops(
    serve: Callable[..., Served], prefect_api: str
) -> None:
    """What was running is used, and left running."""
    served = serve(PREFECT_API_URL=prefect_api)
    assert served.places["started"] == ["mlflow", "ingest", "flows", "watcher"]
    assert served.api == prefect_api
    wait_for(lambda: served.has_archived_its_inbox(), told=served.told)
    dropped = served.drop(files=3)
    wait_for(lambda: served.archived() >= dropped, told=served.told)
    wait_for(lambda: served.states("small-watched") == ["COMPLETED"] * 2, told=served.told)

    for deployment, least in (("small-scan", 3), ("small-nightly", 1)):
        planned = wait_for(lambda name=deployment: served.runs(name), told=served.told)
        assert len(planned) >= least and all(run["auto_scheduled"] for run in planned)

    _mlflow_answers_only_requests_that_name_this_machine(served)
    _stops_without_a_trace(served)
    assert not listens(served.places["mlflow"])
    assert httpx.get(f"{prefect_api}/health", timeout=30).status_code == 200
    assert served.runs("small-scan", state={"type": {"any_": ["SCHEDULED"]}}) == [], "nothing falls due meanwhile"


@pytest.mark.benchmark
@pytest.mark.timeout(600)
def test_a_new_file_is_in_the_archive_and_its_run_in_prefect_within_15_seconds(serve: Callable[..., Served]) -> None:
    """From a new file in the inbox to its row in the archive and the flow run in the Prefect UI: under 15 s."""
    served = serve()
    assert served.places["started"] == ["prefect", "mlflow", "ingest", "flows", "watcher"]
    _prefect_answers_only_requests_that_name_this_machine(served)
    wait_for(lambda: served.has_archived_its_inbox(), told=served.told)
    shown, archived = [], []
    for _ in range(7):
        wait_for(lambda: set(served.states("small-watched")) == {"COMPLETED"}, told=served.told)
        before, began = len(served.runs("small-watched")), time.monotonic()
        dropped = served.drop()
        wait_for(lambda n=before: len(served.runs("small-watched")) > n, told=served.told)
        shown.append(time.monotonic() - began)
        wait_for(lambda names=dropped: served.archived() >= names, told=served.told)
        archived.append(time.monotonic() - began)
    for what, seconds in (("the run in Prefect", shown), ("the row in the archive", archived)):
        print(f"{what}: median {median(seconds):.1f} s of {', '.join(f'{s:.1f}' for s in sorted(seconds))}")
    assert median(archived) < 15

    (served.folder / "inbox").rename(served.folder / "away")
    wait_for(lambda: "expected a readable folder, found none" in served.errors.read_text(), told=served.told)
    came_meanwhile = served.staged.pop()
    came_meanwhile.rename(served.folder / "away" / came_meanwhile.name)
    (served.folder / "away").rename(served.folder / "inbox")
    wait_for(lambda: came_meanwhile.name in served.archived(), told=served.told)
    _stops_without_a_trace(served)
    assert not listens(served.places["prefect"]) and not listens(served.places["mlflow"])


def _mlflow_answers_only_requests_that_name_this_machine(served: Served) -> None:
    mlflow = served.places["mlflow"]
    assert mlflow.startswith("http://127.0.0.1:")
    assert httpx.get(mlflow, timeout=30).status_code == 200
    assert httpx.get(mlflow, timeout=30, headers={"Host": "attacker.example"}).status_code == 403


def _prefect_answers_only_requests_that_name_this_machine(served: Served) -> None:
    assert served.api.startswith("http://127.0.0.1:")
    rebound = {"Host": "attacker.example"}
    assert httpx.get(f"{served.api}/health", timeout=30).status_code == 200
    assert httpx.get(f"{served.api}/health", timeout=30, headers=rebound).status_code == 400
    asked = {"Origin": "http://attacker.example", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(f"{served.api}/flow_runs/filter", timeout=30, headers=asked)
    assert "access-control-allow-origin" not in preflight.headers


def _stops_without_a_trace(served: Served) -> None:
    served.below = psutil.Process(served.process.pid).children(recursive=True)
    assert len(served.below) >= len(served.places["started"])
    served.process.send_signal(signal.SIGTERM)
    out, _ = served.process.communicate(timeout=60)
    assert (served.process.returncode, out) == (0, "")
    assert [process for process in served.below if process.is_running()] == []
    assert "offband: stopped" in served.errors.read_text()
    assert "Traceback" not in served.errors.read_text()


def test_one_further_run_follows_a_running_one_and_lost_runs_are_closed(prefect_server: str) -> None:
    schedule, said = Schedule("study.toml", "small & elsewhere"), list[str]()
    name = schedule.watched_name
    with get_client(sync_client=True) as client:
        trigger = Trigger(f"ingest/{name}", said.append)
        assert not trigger.fire(), "nothing can be started yet; the reason to run is kept"
        client.create_deployment(client.create_flow_from_name("ingest"), name)
        assert trigger.fire() and trigger.fire(), "what has not begun sees what arrives now"
        assert len(runs_of(prefect_server, name)) == 1
        client.set_flow_run_state(runs_of(prefect_server, name)[0]["id"], Running(), force=True)
        assert not trigger.fire(), "a run that has begun may have looked already"
        assert len(runs_of(prefect_server, name)) == 1
        assert crash_lost_runs([name], "The machine lost power.") == 1
        assert trigger.fire()
    assert sorted(run["state_type"] for run in runs_of(prefect_server, name)) == ["CRASHED", "SCHEDULED"]
    assert "cannot be started (ObjectNotFound" in said[0]
    assert any(line.endswith("Crashed. The machine lost power.") for line in said)


def test_prefects_server_refuses_requests_that_name_another_machine() -> None:
    """MLflow and Prefect UIs on loopback with their host checks on."""
    from flows.serve_prefect import host_checked_app

    app = host_checked_app()

    async def answers(host: str) -> int:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return (await client.get("/api/health")).status_code

    assert asyncio.run(answers("127.0.0.1:4200")) == asyncio.run(answers("localhost:4200")) == 200
    assert asyncio.run(answers("attacker.example")) == asyncio.run(answers("127.0.0.1.attacker.example")) == 400


def test_a_study_is_served_once(tmp_path: Path, write_study: Callable[..., Path], offband: Callable[..., Any]) -> None:
    study, folder = write_study(tmp_path), tmp_path / "results" / "serve"
    folder.mkdir(parents=True)
    (folder / "process").write_text("4711")
    with FileLock(folder / "lock"):
        answer = offband("serve", study)
    assert answer.status == 2
    assert "expected to be served once, found process 4711 at it" in answer.err


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--nightly", "at three", "a cron line and an IANA time zone, found 'at three'"),
        ("--timezone", "Mars/Olympus", "found '0 3 * * *' in 'Mars/Olympus'"),
        ("--scan-minutes", "0", "--scan-minutes: expected more than 0, found 0"),
    ],
)
def test_a_time_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, write_study: Callable[..., Path], offband: Callable[..., Any], option: str, value: str, told: str
) -> None:
    answer = offband("serve", write_study(tmp_path), option, value)
    assert answer.status == 2
    assert told in answer.err
    assert not (tmp_path / "results").exists()
