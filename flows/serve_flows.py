"""The scheduled flows of one study, served to a Prefect server: `python -m flows.serve_flows SCHEDULE`."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
from prefect import serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from flows.ingest import ingest
from flows.schedule import Schedule

DROPPED = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
"""A scan that finds the last one still busy is dropped: the next one sees the same files."""

QUEUED = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
"""A run for new files waits its turn: were it dropped, the files would wait for a scan."""

LOST = "Its process ended without a word; the next run goes on from what it archived."
STOPPED = "`offband serve` was stopped; the next run goes on from what this one archived."


def served_deployments(schedule: Schedule) -> list[RunnerDeployment]:
    """Give the deployments whose runs have a process each: the inbox scanned, and the pipeline every night."""
    # here, because the process that ingests imports this module too, and has no use for models and audit
    from flows.pipeline import pipeline

    return [
        RunnerDeployment.from_flow(
            ingest, schedule.scan_name, interval=timedelta(minutes=schedule.scan_minutes), concurrency_limit=DROPPED,
            description="Archive what lies in the inbox, whether or not its arrival was noticed.", **_shared(schedule),
        ),
        RunnerDeployment.from_flow(
            pipeline, schedule.nightly_name, schedule=Cron(schedule.nightly, timezone=schedule.timezone),
            concurrency_limit=DROPPED, description="The whole pipeline with its audit.", **_shared(schedule),
        ),
    ]  # fmt: skip


def watched_deployment(schedule: Schedule) -> RunnerDeployment:
    """Give the deployment that the watcher triggers."""
    return RunnerDeployment.from_flow(
        ingest, schedule.watched_name, concurrency_limit=QUEUED,
        description="Archive new files; triggered by the watcher of the inbox.", **_shared(schedule),
    )  # fmt: skip


def _shared(schedule: Schedule) -> dict[str, Any]:
    return {
        "parameters": {"study": schedule.study_file},
        "tags": ["offband", f"study:{schedule.study}"],
        "entrypoint_type": EntrypointType.MODULE_PATH,
    }


def wait_for_server() -> None:
    """Wait until the Prefect server answers: it may be on its way up again."""
    while True:
        with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
            client.hello().raise_for_status()
            return
        time.sleep(1)


def crash_lost_runs(deployments: list[str], why: str) -> int:
    """Mark runs of deployments that nobody works on any more, and give their number.

    Only one process serves a deployment, so a run that is open when it starts has lost its own. Left open it would
    hold its deployment's only slot.
    """
    open_states = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    with get_client(sync_client=True) as client:
        lost = client.read_flow_runs(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=deployments)),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=open_states))),
        )
        for run in lost:
            client.set_flow_run_state(run.id, Crashed(message=why))
    return len(lost)


def main() -> None:
    """Serve until told to stop; schedules are paused then, so that no run falls due meanwhile."""
    schedule = Schedule.from_json(sys.argv[1])
    names = [schedule.scan_name, schedule.nightly_name]
    wait_for_server()
    crash_lost_runs(names, LOST)
    serve(*served_deployments(schedule), pause_on_shutdown=True, print_starting_message=False)
    crash_lost_runs(names, STOPPED)


if __name__ == "__main__":
    main()
