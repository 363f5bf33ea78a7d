"""The commands that open the user interfaces of Prefect and MLflow, complete enough to be pasted."""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path

from tasks.environment import TELEMETRY_OFF

LOOPBACK = "127.0.0.1"


def free_port(preferred: int) -> int:
    """Give the first port from the preferred one on that nobody listens at on the loopback interface."""
    for port in range(preferred, preferred + 100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex((LOOPBACK, port)) != 0:
                return port
    return preferred


def prefect_command(*, api_url: str | None, ui_url: str | None, home: Path) -> str:
    """Give the command that shows the flow runs: the server's address if one is set, else a server on our runs.

    Args:
        api_url: The Prefect server in use, or None for one that lives as long as a run.
        ui_url: The address of its user interface, if it states one.
        home: PREFECT_HOME, whose database holds the runs.
    """
    if api_url is not None:
        return ui_url or api_url.removesuffix("/api")
    port = free_port(4200)
    settings = {
        **{name: value for name, value in TELEMETRY_OFF.items() if not name.startswith("MLFLOW")},
        "PREFECT_HOME": str(home),
        # `--port` alone leaves the user interface looking for its server at 4200
        "PREFECT_SERVER_API_PORT": str(port),
    }
    return _with_settings(settings, [_executable("prefect"), "server", "start", "--host", LOOPBACK])


def mlflow_command(tracking_uri: str) -> str:
    """Give the command that shows the model runs: the server's address if the URI is one, else a server on it."""
    if tracking_uri.startswith(("http://", "https://")):
        return tracking_uri
    settings = {name: value for name, value in TELEMETRY_OFF.items() if not name.startswith("PREFECT")}
    settings["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    arguments = [
        "server",
        "--backend-store-uri",
        tracking_uri,
        "--host",
        LOOPBACK,
        "--port",
        str(free_port(5000)),
    ]
    return _with_settings(settings, [_executable("mlflow"), *arguments, "--workers", "1"])


def _with_settings(settings: dict[str, str], command: list[str]) -> str:
    # `env` rather than a bare prefix: fish and sh read it alike
    return shlex.join(["env", *(f"{name}={value}" for name, value in settings.items()), *command])


def _executable(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name
