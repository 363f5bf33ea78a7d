"""The MLflow run of a pipeline run: opened, closed with the verdict, or marked failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.runtime import flow_run as current

from spectral_core.archive import open_archive
from spectral_core.ingest_report import IngestReport
from spectral_core.study import Study
from tasks.auditing import Audited
from tasks.policy import io_task
from tasks.tracking import RunReference, end_pipeline_run, fail_run, start_pipeline_run

_open_runs: dict[str, RunReference] = {}
"""Runs of this process that are neither closed nor failed, by flow run: a flow's hook is told nothing else."""


@dataclass(frozen=True)
class PipelineResult:
    """What each stage of a pipeline run came to; `models` holds what the report shows of each model."""

    ingested: IngestReport
    models: list[dict[str, Any]]
    audited: Audited


@io_task(name="begin tracking")
def begin_tracking(study: Study, snapshot: str) -> RunReference:
    """Open the parent run under which every model of this pipeline run is logged."""
    shape = open_archive(study.archive).open(snapshot).sizes
    flow_run_id = str(current.get_id())
    run = start_pipeline_run(
        study, snapshot=snapshot, n_spectra=shape["sample"], n_channels=shape["channel"], flow_run_id=flow_run_id
    )  # fmt: skip
    _open_runs[flow_run_id] = run
    return run


@io_task(name="end tracking")
def end_tracking(run: RunReference, audited: Audited) -> None:
    """Close the parent run with the verdict, its numbers and the reports."""
    end_pipeline_run(
        run,
        verdict=audited.verdict,
        reasons=[code for code, _ in audited.reasons],
        metrics=audited.metrics,
        artifacts=[audited.report_json, audited.report_html],
    )
    _open_runs.pop(str(current.get_id()), None)


def origin_of(run: RunReference, command: str) -> dict[str, str]:
    """Name the runs that a report comes from, and the command that repeats them."""
    return {"prefect_flow_run_id": str(current.get_id()), "mlflow_run_id": run.run_id, "command": command}


def fail_tracking(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Mark the parent run failed, with the reason; a hook for flows that failed, crashed or were cancelled."""
    opened = _open_runs.pop(str(flow_run.id), None)
    if opened is not None:
        fail_run(opened, message=state.message or str(state.type))
