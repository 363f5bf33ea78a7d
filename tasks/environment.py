"""What Prefect and MLflow must find in the environment before they are imported."""

from __future__ import annotations

import os

TELEMETRY_OFF = {
    # read by Prefect's client (amplitude, on import) and by MLflow, which takes "true" only, not "1"
    "DO_NOT_TRACK": "true",
    # the heartbeat of every Prefect server, and the amplitude client of its user interface
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # metrics of the machine, sent where an OpenTelemetry endpoint is set
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Set whatever the environment says: nothing phones home."""

DEFAULTS = {
    # without a profile or a server address, flows run against a server of their own
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    # 27 s were seen on a cold machine; Prefect gives up after 20
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
}
"""Set only where the environment says nothing."""

QUIET = {
    # the terminal shows our progress; the Prefect API still gets every line
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
}
"""Set by the command line unless it was told to be verbose."""

MLFLOW_ADDRESS = "OFFBAND_MLFLOW_ADDRESS"
"""Where people see MLflow: set by `offband serve`, not needed by a study that names a server at tracking.uri."""


def prepare_environment() -> None:
    """Turn every telemetry switch off and set the defaults; call it before Prefect or MLflow is imported."""
    os.environ.update(TELEMETRY_OFF)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def quieten() -> None:
    """Keep Prefect's own lines off the terminal; call it before Prefect is imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
