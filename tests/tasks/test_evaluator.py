"""`mlflow.models.evaluate(…, evaluators="offband")` runs the audit, on a real sqlite store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectral_core.errors import AuditError
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from tasks.mlflow_store import connect, find_experiment, import_mlflow

pytestmark = [
    # MLflow's own: its tables, its types, and how it calls pandas
    pytest.mark.filterwarnings("ignore:Starting with pandas version 4:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning"),
]

CLAIM = {"axis_unit": "cm-1", "bands": {"C=O": BAND}, "blank": {"silent": BLANK}, "n_permutations": 99, "n_folds": 3,
         "seed": 5}  # fmt: skip
DATA = simulate(Recipe(units=(16, 16), offset=0.6, channels=60), seed=5)


def frame(**columns):
    """A table with one column a channel, named by its position, and a column with the class."""
    spectra = pd.DataFrame(DATA.x, columns=[f"{position:.3f}" for position in DATA.axis])
    return spectra.assign(origin=DATA.label, **columns)


@pytest.fixture(scope="module")
def logged(tracking_store):
    """A pipeline that somebody logged, in MLflow's global tracking store for as long as these tests run."""
    import_mlflow()
    import mlflow.models
    import mlflow.sklearn

    before, uri = mlflow.get_tracking_uri(), tracking_store
    experiment = find_experiment(uri, "theirs")
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run():
        model = make_pipeline(StandardScaler(), NearestCentroid()).fit(DATA.x, DATA.label)
        model_uri = mlflow.sklearn.log_model(model, name="model", pip_requirements=[]).model_uri
    yield mlflow, uri, model_uri
    mlflow.set_tracking_uri(before)


def evaluate(logged, data, config, **options):
    mlflow, uri, model_uri = logged
    with mlflow.start_run() as run:
        found = mlflow.models.evaluate(options.pop("model", model_uri), data, model_type="classifier",
                                       evaluator_config=config, **{"evaluators": "offband"} | options)  # fmt: skip
    return found, connect(uri).get_run(run.info.run_id)


def test_the_audit_runs_and_its_verdict_metrics_and_reports_are_with_the_run(logged, tmp_path):
    config = CLAIM | {"unit": "specimen"}
    found, run = evaluate(logged, frame(specimen=DATA.unit), config, targets="origin")
    client = connect(logged[1])
    path = client.download_artifacts(run.info.run_id, "report.json", str(tmp_path))
    kept = json.loads(Path(path).read_text(encoding="utf-8"))
    assert run.data.tags["offband.verdict"] == kept["verdict"] == "artefact"
    assert "blank_sufficient" in run.data.tags["offband.reasons"].split(", ")
    assert run.data.metrics == found.metrics == kept["models"][0]["metrics"]
    assert (kept["design"]["n_channels"], kept["design"]["n_units"]) == (60, 32), "the column of units is no channel"
    assert kept["estimator"]["came_fitted"] and "set aside" in kept["judged_by_why"]
    assert found.artifacts["report.html"].content.startswith("<!doctype html>")
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"report.html", "report.json"}


def test_an_array_needs_its_axis_and_units_may_be_values(logged):
    few = np.r_[:4, 16:20]
    config = CLAIM | {"unit": DATA.unit[few], "axis": DATA.axis}
    found, run = evaluate(logged, DATA.x[few], config, targets=DATA.label[few])
    assert run.data.tags["offband.reasons"] == "too_few_units" and "balanced_accuracy_blank" in found.metrics


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": ...}, "expected the key 'seed', found none"),
        ({"axis_unit": ...}, "expected the key 'axis_unit'"),
        ({"band": {}}, "n_folds, found 'band'"),
        ({"unit": "patient"}, "the name of a column of the data, found 'patient'"),
        ({}, "the key 'axis', or columns named by their positions, found neither"),
    ],
)
def test_a_configuration_that_cannot_be_used_names_the_key(logged, change, says):
    config = {key: value for key, value in (CLAIM | change).items() if value is not ...}
    with pytest.raises(AuditError, match=says):
        evaluate(logged, DATA.x, config, targets=DATA.label)


def test_what_is_no_scikit_learn_model_is_refused(logged):
    with pytest.raises(AuditError, match="expected a model of MLflow's sklearn flavour"):
        evaluate(logged, DATA.x, CLAIM, targets=DATA.label, model=lambda x: np.full(len(x), "class 1"))


def test_who_asks_every_evaluator_without_a_word_to_offband_is_left_alone(logged):
    import mlflow.models

    assert "offband" in mlflow.models.list_evaluators()
    from tasks.mlflow_evaluator import OffbandEvaluator

    asked = [(None, "classifier"), ({"metric_prefix": "a"}, "classifier"), (CLAIM, "regressor"), (CLAIM, "classifier")]
    can = [OffbandEvaluator.can_evaluate(model_type=kind, evaluator_config=config) for config, kind in asked]
    assert can == [False, False, False, True]
