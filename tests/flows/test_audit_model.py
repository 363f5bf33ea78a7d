"""`offband audit STUDY --model`: somebody's model from MLflow, on the study's archive, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

Offband = Callable[..., Any]
WriteStudy = Callable[..., Path]

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    # MLflow's own, as in test_pipeline.py, and its advice on pickles, which are what is tested here
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
    pytest.mark.filterwarnings("ignore:Saving scikit-learn models in the pickle:UserWarning"),
]


def register(uri: str, folder: Path, name: str) -> None:
    """Register a model that somebody trained on all spectra of the small study, as a pickle."""
    import mlflow.sklearn
    from sklearn.neighbors import NearestCentroid

    from spectral_core.archive import open_archive

    spectra = open_archive(folder / "archive").open().load()
    model = NearestCentroid().fit(spectra["intensity"].values, spectra["label"].values)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    experiment = client.create_experiment("theirs", artifact_location=(folder / "theirs").as_uri())
    try:
        with mlflow.start_run(experiment_id=experiment):
            mlflow.sklearn.log_model(model, name="model", registered_model_name=name, pip_requirements=[],
                                     serialization_format="pickle")  # fmt: skip
    finally:
        mlflow.set_tracking_uri(before)


def test_somebodys_model_is_judged_on_the_archive_and_its_version_and_a_run_say_so(
    offband: Offband, write_study: WriteStudy, tmp_path: Path
) -> None:
    # five units a class admit too few permutations: nothing is refitted under permuted labels
    study = write_study(tmp_path, spectra=10, replace=[("permutations = 399", "permutations = 99")])
    assert offband("ingest", study).status == 0
    uri = f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}"
    (tmp_path / "results").mkdir(exist_ok=True)
    register(uri, tmp_path, "theirs")
    client = MlflowClient(uri)
    client.set_registered_model_alias("theirs", "audited", "1")  # somebody believed in it

    refused = offband("audit", study, "--model", "models:/theirs@audited")
    assert refused.status == 2 and "found a pickle file. Loading it runs whatever its author put there" in refused.err
    assert "Traceback" not in refused.err and client.get_registered_model("theirs").aliases == {"audited": 1}

    answer = offband("audit", study, "--model", "models:/theirs@audited", "--trust-pickle", "--json")
    assert answer.status == 0, answer.err
    assert answer.document["verdict"] == "inconclusive"
    report = json.loads(Path(answer.document["report_json"]).read_text(encoding="utf-8"))
    assert report["estimator"]["name"] == "NearestCentroid" and report["estimator"]["came_fitted"]
    assert "not known" in report["estimator"]["as_fitted"]["told"]
    assert report["provenance"]["model"] == "models:/theirs/1"
    assert report["provenance"]["command"].endswith("--model models:/theirs@audited --trust-pickle")

    version = client.get_model_version("theirs", "1")
    assert version.tags["offband.verdict"] == "inconclusive"
    assert version.tags["offband.reasons"] == "too_few_units"
    assert version.tags["offband.archive_snapshot"] == report["archive_snapshot"]
    assert client.get_registered_model("theirs").aliases == {}
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and str(run.info.run_name).startswith("inconclusive · models:/theirs/1 @ ")
    assert run.data.tags["offband.audited_model"] == "models:/theirs/1"
    assert np.isclose(run.data.metrics["balanced_accuracy_unit_folds"], report["estimator"]["balanced_accuracy"])
    kept = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert kept == {"report.html", "report.json", "accuracies.png", "study.json"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--trust-pickle"], "--trust-pickle: expected a model, found no --model"),
        (["--variant", "snv"], "--variant: expected a model"),
        (["--model", "runs:/0/model", "--variant", "snvv"], "snvv"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_any_work(
    offband: Offband, write_study: WriteStudy, tmp_path: Path, options: list[str], says: str
) -> None:
    from spectral_core.archive import create_archive

    study = write_study(tmp_path, spectra=2)
    create_archive(tmp_path / "archive")
    answer = offband("audit", study, *options)
    assert answer.status == 2 and says in answer.err
