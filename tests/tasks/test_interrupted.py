"""MLflow that goes away in the middle, processes that are killed: nothing is trained twice, no run is left open."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest

from spectral_core.archive import open_archive
from spectral_core.errors import OffbandError
from spectral_core.ingest import ingest_inbox
from spectral_core.preprocessing import parse_variant
from spectral_core.study import Study
from spectral_core.variants import VariantReference, materialise
from tasks.mlflow_store import RunReference, connect
from tasks.open_runs import close_lost_runs, note_open
from tasks.progress import watched_by
from tasks.tracking import start_pipeline_run
from tasks.training import train_on_variant
from tests.core.faults import study_in, write_files

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]
MODELS = ["ridge", "k-nn"]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, VariantReference]:
    study = study_in(tmp_path_factory.mktemp("interrupted"), models=MODELS)
    write_files(study.inbox, range(12))
    snapshot = ingest_inbox(study).snapshot
    variant = materialise(open_archive(study.archive).open(), parse_variant("raw"),
                          directory=study.archive / "variants", snapshot=snapshot)  # fmt: skip
    return study, variant


def begin(study: Study, variant: VariantReference, flow_run_id: str) -> RunReference:
    return start_pipeline_run(
        study, snapshot=variant.snapshot, n_spectra=12, n_channels=32, flow_run_id=flow_run_id
    )  # fmt: skip


def statuses(study: Study) -> list[str]:
    client = connect(study.tracking_uri)
    experiment = client.get_experiment_by_name(study.experiment)
    return sorted(run.info.status for run in client.search_runs([experiment.experiment_id]))


def work_until_killed(study: Study, flow_run_id: str, ready: Path) -> None:
    opened = note_open(study, flow_run_id)
    ready.touch()
    signal.pause()
    opened.closed()


def test_a_tracking_store_that_dies_in_the_middle_of_training_costs_no_trained_model_and_leaves_no_open_run(
    ingested: tuple[Study, VariantReference], tmp_path: Path
) -> None:
    study, variant = ingested
    database = study.results / "mlflow.db"
    opened = note_open(study, "flow run 1")
    parent = begin(study, variant, "flow run 1")
    sound = database.read_bytes()

    def destroy(what: str, done: int, total: int) -> None:
        if done == 1:
            database.write_bytes(b"no database any more" * 1000)

    with watched_by(destroy), pytest.raises(OffbandError, match=r"tracking\.uri .* expected an MLflow"):
        train_on_variant.fn(study, variant, parent)
    with pytest.raises(OffbandError):
        opened.fail("MLflow was away.")
    kept = {path.name: path.stat().st_mtime_ns for path in study.results.rglob("out-of-fold/*")}
    assert len([name for name in kept if name.endswith(".npz")]) == len(MODELS), "trained before it could be logged"

    database.write_bytes(sound)  # the database of before the first child: both runs of then are open in it
    assert statuses(study) == ["RUNNING"]
    assert close_lost_runs(study) == 1 and statuses(study) == ["FAILED"]
    again = train_on_variant.fn(study, variant, begin(study, variant, "flow run 2"))
    assert {path.name: path.stat().st_mtime_ns for path in study.results.rglob("out-of-fold/*")} == kept
    assert [row["model"] for row in again] == MODELS
    logged = {run.data.params["model"]: run.data.metrics for run in _children(study)}
    for row in again:
        assert logged[row["model"]] == pytest.approx(row["metrics"])


def _children(study: Study) -> list[object]:
    client = connect(study.tracking_uri)
    experiment = client.get_experiment_by_name(study.experiment)
    return [r for r in client.search_runs([experiment.experiment_id]) if "mlflow.parentRunId" in r.data.tags]


def test_the_run_of_a_killed_process_is_closed_by_the_next_and_that_of_a_living_one_is_not(
    ingested: tuple[Study, VariantReference], tmp_path: Path
) -> None:
    study, variant = ingested
    study = study.model_copy(update={"tracking": study.tracking.model_copy(update={"experiment": "killed"})})
    ready = tmp_path / "ready"
    process = multiprocessing.get_context("fork").Process(  # imports for seconds otherwise
        target=work_until_killed, args=(study, "flow run 3", ready)
    )
    process.start()
    try:
        while not ready.exists():
            process.join(0.01)
            assert process.is_alive()
        begin(study, variant, "flow run 3")
        assert close_lost_runs(study) == 0 and statuses(study) == ["RUNNING"]
    finally:
        process.kill()
        process.join()
    elsewhere = study.model_copy(update={"tracking": study.tracking.model_copy(update={"uri": "http://127.0.0.1:9"})})
    assert close_lost_runs(elsewhere) == 0, "the run is in another store"
    assert close_lost_runs(study) == 1 and statuses(study) == ["FAILED"]
    assert close_lost_runs(study) == 0
    assert not list((study.results / "open-runs").iterdir())
