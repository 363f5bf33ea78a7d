"""The event that a verdict changed: emitted by the audit flow, answered by the automation of the documents."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml
from prefect import flow
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.schemas.automations import AutomationCore
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from spectral_core.audit import audit_classifier
from spectral_core.audit_report import AuditReport
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.study import Study
from tasks.auditing import Audited, write_audit
from tasks.events import VERDICT_CHANGED, PastVerdict, announce_verdict, last_verdict, recall_verdict

AFTER_ALL = "offband.tests.after_all"
EXAMPLE = Path(__file__).resolve().parents[2] / "deployments" / "verdict-changed.yaml"
STUDY = {
    "inbox": "inbox", "archive": "archive", "variants": ["raw"], "samples": {"sheet": "samples.csv"},
    "reading": {"axis_unit": "cm-1"}, "audit": {"seed": 1},
    "bands": {"peak": {"interval": list(BAND), "assignment": "planted"}},
}  # fmt: skip


def audit(units: int) -> AuditReport:
    """Few units are inconclusive, more are not."""
    data = simulate(Recipe(units=(units, units), channels=60, band_effect=0.5), seed=3)
    return audit_classifier(
        data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"peak": BAND}, blank={"silent": BLANK},
        unit=data.unit, n_permutations=199, seed=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def reports() -> tuple[AuditReport, AuditReport]:
    found = audit(2), audit(14)
    assert found[0].verdict == "inconclusive" != found[1].verdict
    return found


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(name=f"oil {tmp_path.name}", results=tmp_path, **STUDY)


def write(study: Study, report: AuditReport, snapshot: str) -> Audited:
    told = report.with_study(study, snapshot, intensity_unit="absorbance")
    told = told.with_content(provenance={**told.content["provenance"], "mlflow_run_id": f"run of {snapshot}"})
    return write_audit(told, study.results / snapshot, {})


def events(api: str, study: Study, name: str = VERDICT_CHANGED) -> list[dict[str, Any]]:
    wanted = {"event": {"name": [name]}, "resource": {"id": [f"offband.study.{study.name}"]}}
    found: list[dict[str, Any]] = httpx.post(f"{api}/events/filter", json={"filter": wanted}, timeout=30).json()[
        "events"
    ]
    return found


def test_the_last_verdict_is_of_the_newest_readable_report_of_the_study(study, reports, tmp_path) -> None:
    told: list[str] = []
    assert last_verdict(study, tell=told.append) is None

    for place, (report, snapshot) in enumerate(zip(reports, ("old", "new"), strict=True)):
        file = write(study, report, snapshot).report_json
        os.utime(file, (1000 + place, 1000 + place))
    other = study.model_copy(update={"name": "another study"})
    write(other, reports[0], "another's")
    (tmp_path / "models" / "theirs").mkdir(parents=True)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "report.json").write_text('{"verdict": "supp')
    assert last_verdict(study, tell=told.append) == PastVerdict(reports[1].verdict, "new")
    assert len(told) == 1 and str(tmp_path / "cut" / "report.json") in told[0]


def audit_again(study: Study, report: AuditReport, snapshot: str) -> Any:
    @flow(name="audit")
    def audited() -> None:
        before = recall_verdict(study)
        announce_verdict(study, snapshot, before, write(study, report, snapshot))

    return audited(return_state=True)


def wait_for(look: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


class Silent(BaseHTTPRequestHandler):
    """Answers without a line on the terminal."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(handler: type[Silent]) -> Iterator[str]:
    """Serve on the loopback interface meanwhile; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chat() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook on the loopback interface: its address, and what it was told."""
    told: list[dict[str, Any]] = []

    class Answer(Silent):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    with answering(Answer) as address:
        yield address, told


@contextmanager
def automation(address: str, study: Study) -> Iterator[None]:
    """The example as the documents say, for this study alone, while other tests use the server."""
    block: UUID = Webhook(url=address, headers={"Content-Type": "application/json"}).save("chat", overwrite=True)  # type: ignore[assignment]
    text = EXAMPLE.read_text(encoding="utf-8").replace("00000000-0000-0000-0000-000000000000", str(block))
    told = yaml.safe_load(text.replace("offband.study.*", f"offband.study.{study.name}"))
    with get_client(sync_client=True) as client:
        made = client.create_automation(AutomationCore(**told))
        try:
            yield
        finally:
            client.delete_automation(made)


def test_only_another_verdict_is_announced_and_the_automation_of_the_example_answers(
    prefect_server: str, study: Study, reports: tuple[AuditReport, AuditReport]
) -> None:
    few, many = reports
    with chat() as (address, told), automation(address, study):
        for report, snapshot in ((few, "one"), (many, "two"), (many, "three")):
            assert audit_again(study, report, snapshot).is_completed()
        assert wait_for(lambda: told), "the automation did not answer"
        end = emit_event(AFTER_ALL, {"prefect.resource.id": f"offband.study.{study.name}"})
        EventsWorker.drain_all()
    assert end is not None
    # the server stores events in batches, in the order in which they came
    assert wait_for(lambda: events(prefect_server, study, AFTER_ALL)), "the server stored no event"
    (event,) = events(prefect_server, study)
    assert len(told) == 1
    for words in (study.name, f"is {many.verdict}, was inconclusive", many.summary, "two/report.html"):
        assert words in told[0]["text"]

    labels, payload = event["resource"], event["payload"]
    assert labels["prefect.resource.id"] == f"offband.study.{study.name}"
    assert (labels["offband.verdict.before"], labels["offband.verdict"]) == ("inconclusive", many.verdict)
    assert {related["prefect.resource.role"] for related in event["related"]} >= {"flow-run", "task-run"}
    assert payload == {
        "study": study.name, "snapshot": "two", "snapshot_before": "one", "from": "inconclusive",
        "to": many.verdict, "summary": many.summary,
        "reasons": [{"code": reason.code, "message": reason.message} for reason in many.reasons],
        "report": str(study.results / "two" / "report.html"), "mlflow_run_id": "run of two",
    }  # fmt: skip


@contextmanager
def without_events(api: str) -> Iterator[tuple[str, list[str]]]:
    """A way to the server on which everything is answered but its streams of events, and what was refused."""
    refused: list[str] = []

    class Pass(Silent):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "/events/" in self.path:
                refused.append(self.path)
                self.send_error(404)
                return
            asked = {
                k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding", "connection")
            }
            found = httpx.request(
                self.command, api.removesuffix("/api") + self.path, content=body, headers=asked, timeout=30
            )
            self.send_response(found.status_code)
            self.send_header("Content-Type", found.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    with answering(Pass) as address:
        yield f"{address}api", refused


def test_a_run_goes_on_where_the_server_takes_no_events(
    prefect_server: str, study: Study, reports: tuple[AuditReport, AuditReport]
) -> None:
    few, many = reports
    write(study, few, "one")
    EventsWorker.drain_all()  # the next event opens a stream of its own
    with without_events(prefect_server) as (api, refused), temporary_settings({PREFECT_API_URL: api}):
        assert audit_again(study, many, "two").is_completed()
        EventsWorker.drain_all()
    assert "/api/events/in" in refused
    assert events(prefect_server, study) == []
