"""One command's time with Prefect: its server, its progress on our terminal, its failures told once."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
from prefect import tags
from prefect.client.orchestration import get_client
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.doctor import prefect_server
from flows.terminal import Terminal
from spectral_core.experiments.plan import Plan
from spectral_core.study import Study
from tasks.progress import watched_by


@contextmanager
def prefect_session(terminal: Terminal, study: Study | Plan) -> Iterator[None]:
    """Run flows inside this context: against PREFECT_API_URL, or else a server that lives as long as the command.

    Its own server takes about 10 s to start, so it is started beside the import of the flows.

    Raises:
        ConnectionError: PREFECT_API_URL names a server that does not answer, or the server is gone before the end.
        RuntimeError: The command's own server does not start.
    """
    with ExitStack() as stack:
        if PREFECT_API_URL.value() is None:
            terminal.say("Starting a Prefect server for this run …")
            _start_own_server(silent=not terminal.verbose)
            stack.enter_context(_ended_with_us())
            # nobody listens to heartbeats there, and each flow waits a second for its last one
            stack.enter_context(temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))
        else:
            _check_server()
        if not terminal.verbose:
            stack.enter_context(_failures_told_once())
        stack.enter_context(tags("offband", f"study:{study.name}"))
        stack.enter_context(watched_by(terminal.step))
        stack.enter_context(_server_that_stays())
        yield


def _check_server() -> None:
    for finding in prefect_server():
        if finding.status == "wrong":
            raise ConnectionError(f"{finding.topic}: {finding.found}. {finding.remedy}")


@contextmanager
def _server_that_stays() -> Iterator[None]:
    """Name the server that does not answer any more; Prefect's client has tried for five minutes by then."""
    try:
        yield
    except httpx.TransportError as error:
        where = PREFECT_API_URL.value() or "this run's own"
        remedy = "Start it and run again; what was archived, stored and trained is kept."
        raise ConnectionError(f"the Prefect server at {where} does not answer any more ({error}). {remedy}") from error


def _start_own_server(*, silent: bool) -> None:
    if silent:
        # read by the server when it starts; this process has read it
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    with ThreadPoolExecutor(max_workers=1) as beside:
        started = beside.submit(_reach_server)
        import flows.pipeline  # noqa: F401
    started.result()


def _reach_server() -> None:
    # The server inherits this thread's mask: Ctrl-C reaches us alone, and the run is still reported as interrupted.
    # Were the server to die first, Prefect would wait for it for minutes.
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with get_client(sync_client=True) as client:
        client.hello().raise_for_status()


@contextmanager
def _ended_with_us() -> Iterator[None]:
    """End the command's own server even if this process is killed: a shell waits until our end of a pipe closes."""
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer().server_process
    if server is None or os.name != "posix":
        yield
        return
    guard = subprocess.Popen(
        ["sh", "-c", f"read -r _; kill {server.pid}"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        guard.kill()
        guard.communicate()


class _NotAFailedRun(logging.Filter):
    """Holds back what runs log of their failure: the user gets one message, and the Prefect API all of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let pass everything but errors of flow and task runs."""
        of_a_run = record.name.startswith(("prefect.flow_runs", "prefect.task_runs"))
        return not (of_a_run and record.levelno >= logging.ERROR)


@contextmanager
def _failures_told_once() -> Iterator[None]:
    consoles = [h for h in logging.getLogger().handlers if isinstance(h, PrefectConsoleHandler)]
    silence = _NotAFailedRun()
    for console in consoles:
        console.addFilter(silence)
    try:
        yield
    finally:
        for console in consoles:
            console.removeFilter(silence)
