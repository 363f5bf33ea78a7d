"""Start runs of one deployment, one at a time, without forgetting a reason to run."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound, PrefectException

LONGEST_S = 3600.0
"""A run that is open for longer is taken for lost: the next is started beside it, and queued by its deployment."""


class Trigger:
    """Starts runs of a deployment; a reason that comes while one is running leads to one further run.

    Args:
        deployment: Flow and deployment, as in "ingest/watched".
        say: Told what happens, a line each.
    """

    def __init__(self, deployment: str, say: Callable[[str], None]) -> None:
        self._deployment, self._say = deployment, say
        self._run: UUID | None = None
        self._began = 0.0
        self._refused = ""

    def look(self) -> None:
        """Learn what became of the run that was started last, and tell it if it failed."""
        if self._run is not None:
            with suppress(httpx.HTTPError, PrefectException), get_client(sync_client=True) as client:
                self._open_run(client)

    def fire(self) -> bool:
        """Make sure that a run begins after this moment; False while one is running, or the server is away."""
        try:
            with get_client(sync_client=True) as client:
                last = self._open_run(client)
                if last is not None and time.monotonic() - self._began < LONGEST_S:
                    return not last.is_running()
                run = self._start(client)
        except (httpx.HTTPError, PrefectException) as error:
            self._tell_refusal(f"{type(error).__name__}: {error}".splitlines()[0])
            return False
        self._refused = ""
        self._run, self._began = run.id, time.monotonic()
        self._say(f"run {run.name} of {self._deployment} is due")
        return True

    def _open_run(self, client: SyncPrefectClient) -> State | None:
        """Give the state of the run that was started last; None once it is over."""
        if self._run is None:
            return None
        try:
            run = client.read_flow_run(self._run)
        except ObjectNotFound:
            self._run = None
            return None
        if run.state is None or not run.state.is_final():
            return run.state
        self._run = None
        if not run.state.is_completed():
            self._say(f"run {run.name}: {run.state.name}. {run.state.message or ''}".rstrip())
        return None

    def _start(self, client: SyncPrefectClient) -> FlowRun:
        found = client.read_deployment_by_name(self._deployment)
        return client.create_flow_run_from_deployment(found.id, tags=found.tags)

    def _tell_refusal(self, what: str) -> None:
        if what != self._refused:
            self._say(f"{self._deployment} cannot be started ({what}); trying again every second")
        self._refused = what
