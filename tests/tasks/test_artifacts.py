"""What Prefect's pages show of a study: tables of ingestion, the verdict with its links, tags that stay."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from prefect import flow, tags

from spectral_core.demo import example_study
from spectral_core.ingest_report import IngestReport
from spectral_core.study import Study
from tasks.artifacts import artifact_key, label_run, mlflow_links, publish_ingestion, run_name, verdict_markdown
from tasks.auditing import Audited
from tasks.environment import MLFLOW_ADDRESS

SNAPSHOT = "DAP4TBG9P3Y7MQX2J36G"


def study_in(folder: Path, name: str = "oil", **further: Any) -> Study:
    return Study(
        name=name, results=folder, inbox="inbox", archive="archive", variants=["raw"], audit={"seed": 1},
        samples={"sheet": "samples.csv"}, reading={"axis_unit": "cm-1"},
        bands={"peak": {"interval": [1, 2], "assignment": "planted"}}, **further,
    )  # fmt: skip


def ingested(*quarantined: tuple[str, str]) -> IngestReport:
    return IngestReport(3, 0, 0, quarantined, (), 0, 3, 3, SNAPSHOT)


def shown(api: str, key: str) -> list[dict[str, Any]]:
    """Everything shown under a key, the last first."""
    asked = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}
    found: list[dict[str, Any]] = httpx.post(f"{api}/artifacts/filter", json=asked, timeout=30).json()
    return found


def test_a_study_keeps_its_own_tables_and_none_shows_files_that_left_quarantine(
    prefect_server: str, tmp_path: Path
) -> None:
    ours, other = study_in(tmp_path, f"oil {tmp_path.name}"), study_in(tmp_path, f"milk {tmp_path.name}")

    @flow
    def ingesting() -> None:
        publish_ingestion(ours, ingested(("a.txt", "row 3: no number")))
        publish_ingestion(other, ingested())
        publish_ingestion(ours, ingested())

    ingesting()
    tables = [json.loads(each["data"]) for each in shown(prefect_server, artifact_key("quarantined", ours.name))]
    assert tables == [[], [{"file": "a.txt", "reason": "row 3: no number"}]]
    assert shown(prefect_server, artifact_key("quarantined", other.name)) == []
    (table,) = [json.loads(each["data"]) for each in shown(prefect_server, artifact_key("ingested", other.name))]
    assert (table[0]["new"], table[0]["snapshot"]) == (3, SNAPSHOT)


@pytest.mark.parametrize("name", ["Öl/Essig (2026)", "a.b", "-x-", "50 % & <more>"])
def test_a_key_is_one_that_prefect_takes_whatever_the_name_of_the_study(name: str) -> None:
    """Prefect: lowercase letters, numbers, and dashes."""
    key = artifact_key("verdict", name)
    assert key.startswith("verdict") and not set(key) - set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_a_label_adds_to_the_tags_that_a_run_was_started_with(prefect_server: str, tmp_path: Path) -> None:
    study = study_in(tmp_path)

    @flow(name="ingest")
    def labelled() -> str:
        from prefect.runtime import flow_run

        label_run(study, SNAPSHOT)
        return str(flow_run.get_id())

    with tags("night shift"):
        run = labelled()
    found = httpx.get(f"{prefect_server}/flow_runs/{run}", timeout=30).json()
    assert found["name"] == f"ingest oil {SNAPSHOT[:10]}"
    assert set(found["tags"]) == {"night shift", "offband", "study:oil", f"snapshot:{SNAPSHOT[:10]}"}


@pytest.mark.parametrize(
    ("text", "named"), [('name = "oil of 2026"\n', "study.toml"), (None, "study.toml"), ("whole", "oil of 2026")]
)
def test_a_run_has_the_name_of_its_study_from_the_start(
    prefect_server: str, tmp_path: Path, text: str | None, named: str
) -> None:
    """A file that is no study, or that is not there, is named itself."""
    file = tmp_path / "study.toml"
    if text == "whole":
        text = example_study().replace('name = "brewed-coffee"', 'name = "oil of 2026"')
    if text is not None:
        file.write_text(text, encoding="utf-8")

    @flow(name="ingest", flow_run_name=run_name)
    def ingesting(study: Study | Path) -> str:
        from prefect.runtime import flow_run

        return str(flow_run.get_name())

    assert ingesting(file) == f"ingest {named}"
    assert ingesting(study_in(tmp_path)) == "ingest oil"


@pytest.fixture
def mlflow_address() -> Iterator[str]:
    """A server that knows one run, `known`, of experiment 7, as MLflow's interface answers."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            known = path.path == "/api/2.0/mlflow/runs/get" and parse_qs(path.query) == {"run_id": ["known"]}
            told = {"run": {"info": {"experiment_id": "7"}}} if known else {"error_code": "RESOURCE_DOES_NOT_EXIST"}
            body = json.dumps(told).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_links_lead_to_the_server_of_the_study_or_the_one_that_serve_names(
    mlflow_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"{mlflow_address}/#/experiments/7/runs/known"
    on_a_server = study_in(tmp_path, tracking={"uri": f"{mlflow_address}/"})
    on_disk = study_in(tmp_path)
    assert f"({page}/artifacts/report.html?" in mlflow_links(on_a_server, "known")

    monkeypatch.setenv(MLFLOW_ADDRESS, mlflow_address)
    assert mlflow_links(on_disk, "known") == mlflow_links(on_a_server, "known")
    assert mlflow_links(on_disk, "unknown") == "MLflow run `unknown`"
    assert mlflow_links(on_disk, "") == ""
    for away in ("http://127.0.0.1:9", "not an address"):
        monkeypatch.setenv(MLFLOW_ADDRESS, away)
        assert mlflow_links(on_disk, "known") == "MLflow run `known`"
    monkeypatch.delenv(MLFLOW_ADDRESS)
    assert mlflow_links(on_disk, "known") == "MLflow run `known`"


def test_the_verdict_comes_first_and_the_way_to_the_report_with_it(tmp_path: Path) -> None:
    audited = Audited(
        "artefact", "It is none.", (("blank_sufficient", "Blanks do."),), (), {}, tmp_path / "report.html",
        tmp_path / "report.json",
    )  # fmt: skip
    lines = verdict_markdown(study_in(tmp_path), SNAPSHOT, audited, links="[Report](x)").split("\n\n")
    assert lines[:4] == ["# artefact", "It is none.", f"Study `oil`, snapshot `{SNAPSHOT}`.", "[Report](x)"]
    assert lines[4:6] == ["## Reasons", "- `blank_sufficient`: Blanks do."]
    assert lines[-1] == f"Report on disk: `{tmp_path / 'report.html'}`\n"
    assert "Caveats" not in "".join(lines)
