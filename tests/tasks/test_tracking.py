"""What MLflow holds after a pipeline run, on a real sqlite store."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from spectral_core.errors import OffbandError, ReadError
from spectral_core.models import parse_model
from spectral_core.models.files import load_pipeline
from spectral_core.models.subsample import Subsample
from spectral_core.splits import make_design
from spectral_core.study import Study
from spectral_core.training import train
from tasks.tracking import (
    RunReference,
    end_pipeline_run,
    fail_run,
    load_logged_pipeline,
    log_model_run,
    start_pipeline_run,
)

pytestmark = [
    # MLflow's own tables still use a loader strategy that SQLAlchemy 2.1 deprecates
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    # MLflow's own types, as it imports them; outside of pytest it keeps this to itself
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning"),
]

SNAPSHOT = "1CECHHKREP0F1RSTCMT0"
MODELS = [
    "ridge",
    "pls-da",
    "lda",
    "svm-rbf",
    "random-forest(trees=5)",
    "k-nn",
    "msc | scale | pareto | pca(4) | lda",
]
AXIS = np.linspace(400.0, 3999.7, 30)


def make_study(folder: Path, **tracking: str) -> Study:
    return Study(
        name="coffee", inbox=folder / "inbox", archive=folder / "archive", results=folder / "results",
        samples={"label": "country"}, reading={"axis_unit": "cm-1"}, audit={"seed": 7}, tracking=tracking,
        bands={"ester": {"interval": (1700, 1780), "assignment": "C=O"}}, models=("ridge", "k-nn"),
    )  # fmt: skip


def spectra():
    rng = np.random.default_rng(0)
    codes = np.arange(24) % 2
    return rng.normal(size=(24, 30)) + codes[:, None], make_design(np.array(["Brasil", "Việt Nam (≥ 1 %)"])[codes])


def track_one_model(folder: Path) -> None:
    study, (x, design) = make_study(folder), spectra()
    parent = start_pipeline_run(study, snapshot="abc", n_spectra=24, n_channels=30)
    result = train(x, design, model=parse_model("lda"), variant="raw", regions={}, folds=2, permutations=0, seed=1)
    log_model_run(parent, result, design=design, spectrum_ids=["s"] * 24, axis=AXIS, axis_unit="nm", seed=1)
    fail_run(parent, message="no reason")


def client_of(study: Study):
    from mlflow import MlflowClient

    return MlflowClient(study.tracking_uri)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """One pipeline run with every model, logged from two threads, and its verdict."""
    folder = tmp_path_factory.mktemp("tracked")
    study, (x, design) = make_study(folder), spectra()
    parent = start_pipeline_run(study, snapshot=SNAPSHOT, n_spectra=24, n_channels=30, flow_run_id="flow-1")
    results = {
        text: train(x, design, model=parse_model(text), variant="snv", regions={"blank": x[:, 20:]}, folds=4,
                    permutations=3, seed=7)
        for text in MODELS
    }  # fmt: skip

    results["k-nn"] = replace(results["k-nn"], subsample=Subsample(16, 24, 12, seed=7))

    def log(text: str) -> RunReference:
        return log_model_run(parent, results[text], design=design, spectrum_ids=[f"s{i}" for i in range(24)],
                             axis=AXIS, axis_unit="cm-1", seed=7)  # fmt: skip

    with ThreadPoolExecutor(2) as threads:
        children = dict(zip(MODELS, threads.map(log, MODELS), strict=True))
    report = folder / "report.json"
    report.write_text('{"verdict": "artefact"}')
    end_pipeline_run(parent, verdict="artefact", reasons=["blank_sufficient", "batch_confounded"],
                     metrics={"blank": 1.0}, artifacts=[report])  # fmt: skip
    return study, parent, children, results, client_of(study)


def test_every_model_is_a_child_of_the_one_parent(logged):
    _, parent, children, _, client = logged
    found = client.search_runs([parent.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.run_id}'")
    assert {run.info.run_id for run in found} == {child.run_id for child in children.values()}
    assert {run.info.run_name for run in found} == {f"{parse_model(text).text} · snv" for text in MODELS}
    assert {run.info.status for run in found} == {"FINISHED"}


def test_the_parent_says_study_snapshot_code_and_verdict(logged):
    study, parent, _, _, client = logged
    run = client.get_run(parent.run_id)
    assert run.info.run_name == "artefact · coffee @ 1CECHHKR"
    assert run.info.status == "FINISHED"
    expected = {
        "offband.study": "coffee", "offband.study_digest": study.digest(), "offband.archive_snapshot": SNAPSHOT,
        "prefect.flow_run_id": "flow-1", "offband.verdict": "artefact",
        "offband.reasons": "blank_sufficient, batch_confounded",
    }  # fmt: skip
    assert expected.items() <= run.data.tags.items()
    assert run.data.tags["offband.version"]
    assert run.data.metrics == {"blank": 1.0}
    wanted = {"models": "ridge; k-nn", "bands": "ester 1700–1780", "seed": "7", "permutations": "1999"}
    assert wanted.items() <= run.data.params.items()


def test_the_archive_is_the_parents_dataset_and_its_digest_the_snapshot(logged):
    study, parent, _, _, client = logged
    (dataset,) = [given.dataset for given in client.get_run(parent.run_id).inputs.dataset_inputs]
    assert (dataset.name, dataset.digest) == ("coffee", SNAPSHOT)
    assert json.loads(dataset.source) == {"archive": str(study.archive), "snapshot": SNAPSHOT}
    assert json.loads(dataset.profile) == {"spectra": 24, "channels": 30}


def test_the_study_and_the_report_are_kept_with_the_parent(logged, tmp_path):
    _, parent, _, _, client = logged
    kept = Path(client.download_artifacts(parent.run_id, "", str(tmp_path)))
    assert json.loads((kept / "report.json").read_text()) == {"verdict": "artefact"}
    assert json.loads((kept / "study.json").read_text())["audit"]["seed"] == 7


def test_children_are_comparable_and_hold_the_results_numbers(logged):
    _, _, children, results, client = logged
    for text, child in children.items():
        data = client.get_run(child.run_id).data
        assert set(data.metrics) == {
            "balanced_accuracy_unit_folds", "balanced_accuracy_random_folds", "balanced_accuracy_blank",
            "p_association", "recall_Brasil", "recall_Việt Nam __ 1 __", "fit_seconds",
        }  # fmt: skip
        assert data.metrics["balanced_accuracy_unit_folds"] == results[text].balanced_accuracy["unit_folds"]
        assert data.metrics["p_association"] == results[text].p_association
        stated = {"variant": "snv", "model": parse_model(text).text, "folds": "4", "seed": "7", "n": "24", "d": "30",
                  "permutations": "3", "units": "24"}  # fmt: skip
        assert stated.items() <= data.params.items()
        drawn = {name: value for name, value in data.params.items() if name.startswith("subsample")}
        size = {"subsample": "16", "subsample_units": "12", "subsample_seed": "7", "subsample_for": "training"}
        assert drawn == (size if text == "k-nn" else {})


def test_out_of_fold_predictions_are_kept_by_spectrum(logged, tmp_path):
    _, _, children, results, client = logged
    path = client.download_artifacts(children["k-nn"].run_id, "predictions.csv", str(tmp_path))
    rows = list(csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines()))
    names = np.array(["Brasil", "Việt Nam (≥ 1 %)"])
    result = results["k-nn"]
    assert [row["spectrum_id"] for row in rows] == [f"s{i}" for i in range(24)]
    assert [row["label"] for row in rows] == list(names[np.arange(24) % 2])
    assert [row["predicted_unit_folds"] for row in rows] == list(names[result.predictions["unit_folds"]])
    assert [int(row["fold_unit_folds"]) for row in rows] == list(result.folds["unit_folds"])


def test_the_axis_of_the_model_is_kept_exactly(logged, tmp_path):
    _, _, children, _, client = logged
    path = client.download_artifacts(children["ridge"].run_id, "axis.csv", str(tmp_path))
    np.testing.assert_array_equal(np.loadtxt(path, skiprows=1), AXIS)
    assert Path(path).read_text().startswith("axis (cm-1)\n")


@pytest.mark.parametrize("text", MODELS)
def test_a_logged_model_comes_back_with_the_same_predictions(logged, text):
    _, _, children, results, _ = logged
    x = np.random.default_rng(9).normal(size=(50, 30))
    loaded = load_logged_pipeline(children[text])
    np.testing.assert_array_equal(loaded.predict(x), results[text].pipeline.predict(x))


def test_mlflow_itself_can_serve_a_logged_model(logged, tmp_path):
    import mlflow.pyfunc

    _, _, children, results, client = logged
    model = mlflow.pyfunc.load_model(client.download_artifacts(children["ridge"].run_id, "model", str(tmp_path)))
    x = np.random.default_rng(9).normal(size=(5, 30))
    np.testing.assert_array_equal(model.predict(x), results["ridge"].pipeline.predict(x))
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 30)


def test_no_pickle_is_written_anywhere(logged):
    study, _, _, _, _ = logged
    files = [path for path in study.results.rglob("*") if path.is_file()]
    models = [path for path in files if path.suffix == ".skops"]
    assert len(models) == len(MODELS)
    assert not [path for path in files if path.suffix in {".pkl", ".pickle", ".joblib"}]
    for model in models:
        assert not [name for name in ZipFile(model).namelist() if name.endswith((".pkl", ".bin"))]


def test_a_tampered_forest_is_refused_before_it_can_crash_the_process(tmp_path):
    import skops.io

    x, _ = spectra()
    pipeline = parse_model("random-forest(trees=2)").build(0).fit(x, np.arange(24) % 2)
    tree = pipeline[-1].forest_.estimators_[1].tree_
    tree.children_left[0] = 10**6
    skops.io.dump(pipeline, tmp_path / "model.skops")
    with pytest.raises(ReadError, match="trees whose nodes lie inside them"):
        load_pipeline(tmp_path / "model.skops")


def test_a_model_file_with_a_foreign_type_or_no_model_is_refused(tmp_path):
    import skops.io

    skops.io.dump({"run": subprocess.Popen}, tmp_path / "foreign.skops")
    (tmp_path / "garbage.skops").write_bytes(b"\x80\x04K\x01.")
    skops.io.dump([1, 2], tmp_path / "list.skops")
    for name, says in [("foreign", "found .*Popen"), ("garbage", "a skops file"), ("list", "pipeline, found list"),
                       ("absent", "a skops file")]:  # fmt: skip
        with pytest.raises(ReadError, match=says):
            load_pipeline(tmp_path / f"{name}.skops")


def test_a_failed_run_says_why(logged):
    study = logged[0]
    parent = start_pipeline_run(study, snapshot=SNAPSHOT, n_spectra=1, n_channels=1)
    fail_run(parent, message="the archive is locked")
    run = client_of(study).get_run(parent.run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["offband.error"] == "the archive is locked"
    assert "prefect.flow_run_id" not in run.data.tags


def test_a_run_that_breaks_while_it_is_logged_is_not_left_open(logged, tmp_path):
    study = logged[0]
    parent = start_pipeline_run(study, snapshot=SNAPSHOT, n_spectra=1, n_channels=1)
    with pytest.raises(OffbandError, match=r"absent\.html"):
        end_pipeline_run(parent, verdict="artefact", reasons=[], metrics={}, artifacts=[tmp_path / "absent.html"])
    assert client_of(study).get_run(parent.run_id).info.status == "FAILED"


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        uri = f"http://lab:secret@127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(OffbandError, match="an MLflow tracking server or database that answers") as caught:
            start_pipeline_run(make_study(tmp_path, uri=uri), snapshot=SNAPSHOT, n_spectra=1, n_channels=1)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in caught.value.where


def test_a_database_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    uri = f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}"
    with pytest.raises(OffbandError, match=r"tracking\.uri sqlite:.*Start it, correct"):
        start_pipeline_run(make_study(tmp_path, uri=uri), snapshot=SNAPSHOT, n_spectra=1, n_channels=1)


def test_importing_the_adapter_imports_no_mlflow_and_using_it_is_silent_and_sends_nothing(tmp_path):
    """In a process of its own, with every connection outside this machine made an error."""
    program = f"""
import socket, sys
from pathlib import Path
import tasks.tracking as tracking
assert not [name for name in sys.modules if name.partition(".")[0] == "mlflow"]
def refuse(self, address):
    raise AssertionError("connects to " + str(address))
socket.socket.connect = refuse
import tests.tasks.test_tracking as here
here.track_one_model(Path({str(tmp_path / "deep")!r}))
from mlflow.telemetry.client import get_telemetry_client
from mlflow.telemetry.utils import is_telemetry_disabled
assert is_telemetry_disabled() and get_telemetry_client() is None
"""
    house = Path(__file__).resolve().parents[2]
    environment = {k: v for k, v in os.environ.items() if k not in {"CI", "PYTEST_CURRENT_TEST", "DO_NOT_TRACK"}}
    environment = {k: v for k, v in environment.items() if not k.startswith("MLFLOW_")}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=120,
                         env={**environment, "PYTHONPATH": str(house)})  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert not (tmp_path / "mlruns").exists()
