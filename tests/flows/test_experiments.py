"""The command `offband experiments`: cells in processes, the document, MLflow, and a second run that goes on."""

from __future__ import annotations

import mlflow
import pytest

from spectral_core.experiments.catalogue import EXPERIMENTS, measure_cell
from spectral_core.experiments.cells import CellStore
from spectral_core.experiments.plan import Plan

NAME = "normalisation"
pytestmark = [
    # MLflow's own, as in test_pipeline.py
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server")
def test_a_run_leaves_cells_document_figure_and_mlflow_run_and_the_next_measures_nothing(offband, tmp_path):
    out = tmp_path / "results"
    first = offband("experiments", "--quick", "--only", NAME, "--out", out, "--json")
    assert first.status == 0, first.err
    (told,) = first.document["experiments"]
    cells, plan = EXPERIMENTS[NAME].cells(True), Plan(out, quick=True)
    assert told["cells"] == told["measured"] == len(cells) and told["findings"]
    assert (out / "experiments.md").read_text().startswith("# Experiments\n")
    assert {s["code"]: s["verdict"] for s in first.document["statements"]}["beyond"] == "not examined in this run"
    # what processes measured is what this process measures
    some = cells[:: len(cells) // 3]
    assert [row.numbers for row in CellStore(plan.cells).rows(some)] == [measure_cell(cell) for cell in some]

    client = mlflow.MlflowClient(tracking_uri=plan.tracking_uri)
    experiment = client.get_experiment_by_name("experiments")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == NAME and run.info.status == "FINISHED" and run.data.params == {"quick": "True"}
    assert run.data.metrics["cells"] == len(cells) and run.data.metrics["full d_1000 height_0.2 step_raw"] == 1.0
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {"cells.csv", f"{NAME}.png"}

    again = offband("experiments", "--quick", "--only", NAME, "--out", out)
    assert again.status == 0, again.err
    assert "Near-perfect accuracy" in again.out and str(out / "experiments.md") in again.out
    assert [line.split()[:3] for line in again.out.splitlines() if line.startswith(NAME)] == [[NAME, "60", "0"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nonsense"], "expected some of channels, sampling"),
        (["--out", "{file}"], "expected a folder, found a file. Name another folder."),
    ],
)
def test_bad_input_is_refused_with_status_2_before_prefect_starts(offband, tmp_path, arguments, message):
    (tmp_path / "file").write_text("")
    answer = offband("experiments", *(a.format(file=tmp_path / "file") for a in arguments))
    assert answer.status == 2 and message in answer.err and "Prefect" not in answer.err
