"""Ctrl-C reaches every process of the terminal; the run's own Prefect server must outlive it to be told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

SCRIPT = """
import time
from types import SimpleNamespace
from flows.prefect_session import prefect_session
from flows.terminal import Terminal

with Terminal(as_json=False, verbose=False) as terminal, prefect_session(terminal, SimpleNamespace(name="small")):
    from prefect import flow

    @flow(on_crashed=[lambda flow, run, state: print("told", state.type.value, flush=True)])
    def waiting():
        print("ready", flush=True)
        time.sleep(60)

    waiting()
"""


@pytest.mark.slow
def test_an_interrupted_run_is_reported_and_ends_at_once() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ), start_new_session=True,
    )  # fmt: skip
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        os.killpg(run.pid, signal.SIGINT)
        out, err = run.communicate(timeout=30)
    finally:
        run.kill()
    assert out == "told CRASHED\n"
    assert "offband: interrupted" in err
    assert "ConnectError" not in err
