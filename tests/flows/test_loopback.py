"""A whole run in an empty home, watched: no address but the loopback interface is connected to, asked for, or bound."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Python imports sitecustomize at start, so the guard sits in the command, in its Prefect server and in any worker
GUARD = """
import os, sys

def _watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        with open(os.environ["OFFBAND_GUARD"], "a") as log:
            log.write(f"{os.getpid()} {event} {host}\\n")

sys.addaudithook(_watch)
"""
LOOPBACK = {"127.0.0.1", "::1", "localhost", "b'127.0.0.1'", "b'localhost'"}
EAGER = {"PREFECT_SERVER_ANALYTICS_ENABLED": "true", "DO_NOT_TRACK": "0", "MLFLOW_DISABLE_TELEMETRY": "false"}


@pytest.mark.slow
def test_a_run_talks_to_nobody_but_itself(tmp_path: Path, write_study: Callable[..., Path]) -> None:
    study = write_study(tmp_path / "study", replace=[('variants = ["raw", "snv"]', 'variants = ["raw"]')])
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    log = tmp_path / "connections.log"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path / "empty home"),
        "PYTHONPATH": str(tmp_path / "guard"),
        "OFFBAND_GUARD": str(log),
        **EAGER,
    }
    (tmp_path / "empty home").mkdir()
    command = [str(Path(sys.executable).with_name("offband")), "run", str(study), "--json"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stdout)["ingested"]["new"] == 24
    assert "Traceback" not in done.stderr
    assert "prefect.server" not in done.stderr

    seen = [line.split(" ", 2) for line in log.read_text().splitlines()]
    processes = {pid for pid, event, _ in seen if event == "socket.connect"} | {
        pid for pid, event, _ in seen if event == "socket.bind"
    }
    assert len(processes) >= 2, "the guard did not sit in both the command and its server"
    assert {f"{event} {host}" for _, event, host in seen if host not in LOOPBACK} == set()
    assert not (tmp_path / "mlruns").exists()
    # matplotlib, which draws the figures of the MLflow run, keeps its list of fonts in the user's cache
    left = {str(path.relative_to(tmp_path / "empty home")) for path in (tmp_path / "empty home").glob("*/*")}
    assert {path for path in left if not path.startswith(".prefect/")} <= {".cache/matplotlib", ".config/matplotlib"}
