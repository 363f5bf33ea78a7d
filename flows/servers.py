"""The commands that start Prefect's and MLflow's servers, on the loopback interface and without telemetry."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tasks.environment import TELEMETRY_OFF

LOOPBACK = "127.0.0.1"
LOOPBACK_NAMES = (LOOPBACK, "localhost")
"""The hosts that a request may name."""


@dataclass(frozen=True)
class Server:
    """What starts a server, and where it answers.

    `settings` are added to the environment; a GET of `health` answers 200 once the server is up.
    """

    arguments: list[str]
    settings: dict[str, str] = field(repr=False)
    address: str
    health: str


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
    server = mlflow_server(tracking_uri, port=free_port(5000))
    return _with_settings(server.settings, server.arguments)


def mlflow_server(tracking_uri: str, *, port: int) -> Server:
    """Give MLflow's server on a store; it answers only requests that name this machine, from its own pages."""
    address = f"http://{LOOPBACK}:{port}"
    settings = {name: value for name, value in TELEMETRY_OFF.items() if not name.startswith("PREFECT")}
    settings["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    arguments = [
        _executable("mlflow"), "server", "--backend-store-uri", tracking_uri, "--host", LOOPBACK, "--port", str(port),
        "--allowed-hosts", ",".join(f"{name}:{port}" for name in LOOPBACK_NAMES),
        "--cors-allowed-origins", _origins(port), "--workers", "1",
    ]  # fmt: skip
    return Server(arguments, settings, address, f"{address}/health")


def prefect_server(*, port: int) -> Server:
    """Give Prefect's server with the same checks, on the runs in PREFECT_HOME."""
    settings = {
        **{name: value for name, value in TELEMETRY_OFF.items() if not name.startswith("MLFLOW")},
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_API_URL": f"http://{LOOPBACK}:{port}/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": _origins(port),
        "PREFECT__SERVER_FINAL": "1",
    }
    # -P and --app-dir: a folder named flows in the working folder is not ours
    arguments = [
        sys.executable, "-P", "-m", "uvicorn", "--app-dir", str(Path(__file__).parents[1]), "--factory",
        "flows.serve_prefect:host_checked_app", "--host", LOOPBACK, "--port", str(port), "--log-level", "warning",
        "--timeout-graceful-shutdown", "3",
    ]  # fmt: skip
    return Server(arguments, settings, f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{port}/api/health")


def main() -> None:
    """Become Prefect's server: `python -m flows.servers [PORT]`, for those who run it as a service of its own."""
    server = prefect_server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 4200)
    os.execve(server.arguments[0], server.arguments, {**os.environ, **server.settings})


def _origins(port: int) -> str:
    return ",".join(f"http://{name}:{port}" for name in LOOPBACK_NAMES)


def _with_settings(settings: dict[str, str], command: list[str]) -> str:
    # `env` rather than a bare prefix: fish and sh read it alike
    return shlex.join(["env", *(f"{name}={value}" for name, value in settings.items()), *command])


def _executable(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


if __name__ == "__main__":
    main()
