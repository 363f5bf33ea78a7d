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
from tasks.mlflow_audit import end_audited_run
from tasks.open_runs import OpenRun, close_lost_runs, note_open
from tasks.policy import io_task
from tasks.tracking import RunReference, start_pipeline_run

_open_runs: dict[str, OpenRun] = {}
"""Runs of this process that are neither closed nor failed, by flow run: a flow's hook is told nothing else."""


@dataclass(frozen=True)
class PipelineResult:
    """What each stage of a pipeline run came to; `models` holds what the report shows of each model."""

    ingested: IngestReport
    models: list[dict[str, Any]]
    audited: Audited


@io_task(name="begin tracking")
def begin_tracking(study: Study, snapshot: str) -> RunReference:
    """Open the parent run under which every model of this pipeline run is logged; close what a killed run left."""
    close_lost_runs(study)
    shape = open_archive(study.archive).open(snapshot).sizes
    flow_run_id = str(current.get_id())
    if flow_run_id not in _open_runs:  # the task may be tried again
        _open_runs[flow_run_id] = note_open(study, flow_run_id)
    return start_pipeline_run(
        study, snapshot=snapshot, n_spectra=shape["sample"], n_channels=shape["channel"], flow_run_id=flow_run_id
    )  # fmt: skip


@io_task(name="end tracking")
def end_tracking(run: RunReference, audited: Audited) -> None:
    """Close the parent run with the verdict, its numbers and the reports, and write the models' verdicts to theirs."""
    end_audited_run(run, audited)
    if (opened := _open_runs.pop(str(current.get_id()), None)) is not None:
        opened.closed()


def origin_of(run: RunReference, command: str) -> dict[str, str]:
    """Name the runs that a report comes from, and the command that repeats them."""
    return {"prefect_flow_run_id": str(current.get_id()), "mlflow_run_id": run.run_id, "command": command}


def fail_tracking(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Mark the parent run failed, with the reason; a hook for flows that failed, crashed or were cancelled."""
    opened = _open_runs.pop(str(flow_run.id), None)
    if opened is not None:
        opened.fail(state.message or str(state.type))
