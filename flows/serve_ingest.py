"""The ingestion that the watcher asks for, in a process that waits for it: `python -m flows.serve_ingest SCHEDULE`.

The runs that `flows.serve_flows` starts have a process each, which imports for 5 s before it looks at a file. New files
should not wait that long.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Pending

from flows.ingest import ingest
from flows.schedule import Schedule
from flows.serve_flows import LOST, crash_lost_runs, wait_for_server, watched_deployment

POLL_S = 0.5


def due_runs(deployment: UUID) -> list[FlowRun]:
    """Give the runs of the watched deployment that are due and that the server lets us begin.

    It may have cancelled one meanwhile, or make it wait for another. None while it does not answer.
    """
    with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
        due = client.get_scheduled_flow_runs_for_deployments([deployment], scheduled_before=datetime.now(UTC))
        accepted = (run for run in due if client.set_flow_run_state(run.id, Pending()).status is SetStateStatus.ACCEPT)
        return [client.read_flow_run(run.id) for run in accepted]
    return []


def main() -> None:
    """Run ingestions until told to stop.

    A server that goes away in the middle of a run ends this process: the next one closes the run.
    """
    schedule = Schedule.from_json(sys.argv[1])
    wait_for_server()
    crash_lost_runs([schedule.watched_name], LOST)
    deployment = asyncio.run(watched_deployment(schedule).aapply())
    # a flow waits a second for its last heartbeat; the next start closes a lost run without them
    with suppress(KeyboardInterrupt), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        while True:
            for run in due_runs(deployment):
                run_flow(ingest, flow_run=run, parameters=run.parameters, return_type="state")
            time.sleep(POLL_S)


if __name__ == "__main__":
    main()
