"""The whole way from files to verdict, on small studies, through the command line and a real Prefect server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from spectral_core.estimators.report import verdict_on

Offband = Callable[..., Any]
WriteStudy = Callable[..., Path]

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    # MLflow's own: its tables use what SQLAlchemy 2.1 deprecates, and it warns of its own types on import
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give one database for the tests that need no fresh one: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def _mlflow_runs(uri: str, experiment_name: str) -> tuple[list[Run], list[Run]]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(experiment_name)
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id]))
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return parents, [run for run in runs if run not in parents]


def _prefect(api: str, what: str, tag: str) -> list[dict[str, Any]]:
    if what == "flow_runs":
        asked: dict[str, Any] = {"flow_runs": {"tags": {"all_": [tag]}}}
    else:
        asked = {"flow_runs": {"tags": {"all_": [tag]}}, "limit": 200}
    found: list[dict[str, Any]] = httpx.post(f"{api}/{what}/filter", json=asked, timeout=30).json()
    return found


def test_an_artefact_in_the_blank_goes_from_files_to_verdict(
    offband: Offband, write_study: WriteStudy, tmp_path: Path, prefect_server: str
) -> None:
    registered = '[tracking]\nregistered_model = "small origin"\n\n[audit]'
    study = write_study(tmp_path, offset=0.2, spectra=80, replace=[("[audit]", registered)])
    first = offband("run", study, "--json")
    assert first.status == 0, first.err
    told = first.document
    assert len(first.out.strip().splitlines()) == 1
    assert told["verdict"] == "artefact"
    assert "blank_sufficient" in {reason["code"] for reason in told["reasons"]}
    assert (told["ingested"]["new"], told["ingested"]["already_archived"]) == (80, 0)

    report = json.loads(Path(told["report_json"]).read_text(encoding="utf-8"))
    assert Path(told["report_html"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    snapshot = told["ingested"]["snapshot"]
    assert (report["verdict"], report["archive_snapshot"]) == ("artefact", snapshot)
    assert report["provenance"]["command"] == f"offband run {study}"
    assert {(m["variant"], m["model"]) for m in report["models"]} == {
        (variant, model) for variant in ("raw", "snv") for model in ("ridge", "k-nn")
    }

    parents, children = _mlflow_runs(f"sqlite:///{tmp_path}/results/mlflow.db", "small")
    (parent,) = parents
    assert parent.data.tags["offband.verdict"] == "artefact"
    assert parent.data.tags["offband.archive_snapshot"] == snapshot
    assert report["provenance"]["mlflow_run_id"] == parent.info.run_id
    assert parent.info.status == "FINISHED"
    assert len(children) == 4
    of_models = {(c.data.tags["offband.model"], c.data.tags["offband.variant"]): c.data.tags for c in children}
    for (model, variant), tags in of_models.items():
        assert tags["offband.verdict"] == verdict_on(report, model=model, variant=variant)[0]
    assert of_models["ridge", "raw"]["offband.verdict"] == "artefact"
    named = [set(child.data.metrics) for child in children]
    assert all(names == named[0] for names in named)
    common = {f"balanced_accuracy_{name}" for name in ("unit_folds", "random_folds", "off_band", "blank")}
    assert common | {"p_association"} <= named[0] & set(parent.data.metrics)

    runs = _prefect(prefect_server, "flow_runs", f"snapshot:{snapshot[:10]}")
    assert {run["name"].split()[0] for run in runs} == {"pipeline", "ingest", "preprocess", "train", "audit"}
    assert all("small" in run["name"] and snapshot[:10] in run["name"] for run in runs)
    assert all({"offband", "study:small"} <= set(run["tags"]) for run in runs)
    (top,) = [run for run in runs if run["name"].startswith("pipeline")]
    assert report["provenance"]["prefect_flow_run_id"] == top["id"] == parent.data.tags["prefect.flow_run_id"]
    artifacts = {a["key"]: a for a in _prefect(prefect_server, "artifacts", f"snapshot:{snapshot[:10]}") if a["key"]}
    assert artifacts["verdict-small"]["data"].startswith("# artefact")
    assert "blank_sufficient" in artifacts["verdict-small"]["data"]
    assert json.loads(artifacts["ingested-small"]["data"])[0]["new"] == 80

    again = offband("run", study)
    assert again.status == 0, again.err
    for words in (
        "0 new, 80 already archived",
        "Verdict: artefact",
        "blank_sufficient",
        "prefect",
        "mlflow server",
    ):
        assert words in again.out
    assert len(list((tmp_path / "results").glob("*/report.json"))) == 1
    registry = MlflowClient(f"sqlite:///{tmp_path}/results/mlflow.db")
    (version,) = registry.search_model_versions("name = 'small origin'")  # the same model, trained again
    assert (version.tags["offband.verdict"], version.tags["offband.archive_snapshot"]) == ("artefact", snapshot)
    assert registry.get_registered_model("small origin").aliases == {}

    judged = offband("audit", study, "--json", "--snapshot", snapshot, "--fail-unless", "supported")
    assert judged.status == 1
    assert judged.document["verdict"] == "artefact"
    assert offband("audit", study, "--fail-unless", "artefact").status == 0
    audited_again = json.loads(Path(told["report_json"]).read_text(encoding="utf-8"))
    judged_models = [
        [(m["variant"], m["model"], m["verdict"], m["reasons"]) for m in found["models"]]
        for found in (report, audited_again)
    ]
    assert judged_models[0] == judged_models[1] and len(judged_models[0]) == 4
    latest, _ = _mlflow_runs(f"sqlite:///{tmp_path}/results/mlflow.db", "small")
    assert audited_again["provenance"]["mlflow_run_id"] in {run.info.run_id for run in latest} - {parent.info.run_id}
    assert audited_again["provenance"]["command"] == f"offband audit {study} --snapshot {snapshot}"

    text = study.read_text(encoding="utf-8").replace("diagnostics = false", "diagnostics = true")
    text = text.replace('["raw", "snv"]', '["raw"]').replace('["ridge", "k-nn"]', '["ridge"]')
    study.write_text(text, encoding="utf-8")
    report = json.loads(Path(offband("run", study, "--json").document["report_json"]).read_text(encoding="utf-8"))
    told = MlflowClient(f"sqlite:///{tmp_path}/results/mlflow.db").get_run(report["provenance"]["mlflow_run_id"])
    found, logged = report["variants"][0]["diagnostics"], told.data.metrics
    for name, scalar in found["scalars"].items():
        assert logged.get(f"diagnostics.{name}") == scalar.get("estimate")
    whole = next(c for c in found["curves"]["growth"]["curves"] if (c["order"], c["region"]) == ("decimation", "full"))
    for path, fit in whole["fits"].items():
        place = f"diagnostics.growth.decimation.full.{path.replace(' ', '_').replace('-', '_')}"
        assert (logged[f"{place}.p"], logged.get(f"{place}.beta")) == (fit["p"], fit["beta"])
    assert whole["fits"] and "diagnostics.channel_curves.full.slope" in logged


def test_bad_files_go_to_quarantine_and_the_rest_goes_on(
    offband: Offband, write_study: WriteStudy, tmp_path: Path, prefect_server: str
) -> None:
    study = write_study(tmp_path, replace=[('name = "small"', 'name = "bad files"')])
    (tmp_path / "inbox" / "s03.txt").write_bytes(b"")
    (tmp_path / "inbox" / "s04.txt").write_text("wavelength (nm);counts\n400;1\n410;nan\n420;1\n")
    answer = offband("ingest", study)
    assert answer.status == 0, answer.err
    assert "22 new, 0 already archived, 2 quarantined" in answer.out
    for words in ("quarantined s03.txt: ", "quarantined s04.txt: "):
        assert words in answer.out
    shown = {a["key"]: a for a in _prefect(prefect_server, "artifacts", "study:bad files") if a["key"]}
    rows = json.loads(shown["quarantined-bad-files"]["data"])
    assert {row["file"] for row in rows} == {"s03.txt", "s04.txt"}
    assert all(row["reason"] for row in rows)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"replace": [("[900, 990]", "[1900, 1990]")]}, ["blank 'edge'", "inside the axis, 400 to 990 nm"]),
        ({"classes": ["north"]}, ["classes", "north"]),
    ],
)
def test_what_only_the_spectra_show_is_refused_as_clearly_and_the_run_is_marked_failed(
    offband: Offband,
    write_study: WriteStudy,
    tmp_path: Path,
    tracking: str,
    how: dict[str, Any],
    words: list[str],
) -> None:
    study = write_study(tmp_path, tracking=tracking, **how)
    answer = offband("run", study)
    assert answer.status == 2, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    refusal = answer.err.strip().splitlines()[-1]
    assert refusal.startswith("offband: ")
    for word in ("expected", "found", *words):
        assert word in refusal

    parents, _ = _mlflow_runs(tracking, tmp_path.name)
    (parent,) = parents
    assert parent.info.status == "FAILED"
    assert words[0] in parent.data.tags["offband.error"]


def test_a_tracking_server_that_does_not_answer_is_told_in_one_message(
    offband: Offband, write_study: WriteStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    study = write_study(tmp_path, tracking="http://127.0.0.1:9")
    answer = offband("run", study)
    assert answer.status == 2, answer.err
    assert "Traceback" not in answer.err
    assert "tracking.uri http://127.0.0.1:9" in answer.err


def test_a_failure_that_is_nobodys_input_is_status_1_without_a_traceback(
    offband: Offband, write_study: WriteStudy, tmp_path: Path, tracking: str
) -> None:
    study = write_study(tmp_path, tracking=tracking)
    assert offband("ingest", study).status == 0
    (tmp_path / "archive" / "variants").write_text("a file where a folder has to be")
    answer = offband("run", study, "--json")
    assert answer.status == 1, answer.err
    assert "Traceback" not in answer.err
    assert answer.document["exit_status"] == 1
    assert answer.err.strip().splitlines()[-1].startswith("offband failed: ")
