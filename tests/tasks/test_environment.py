"""Nothing phones home: the switches are off before Prefect or MLflow is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_ASK = """
import json, {first}
import prefect._internal.analytics.enabled as sdk
from prefect.settings import get_current_settings
from mlflow.telemetry.utils import is_telemetry_disabled
settings = get_current_settings()
print(json.dumps({{
    "prefect sdk": sdk.is_telemetry_enabled(),
    "prefect server": settings.server.analytics_enabled,
    "prefect metrics": settings.telemetry.enable_resource_metrics,
    "promotion": settings.server.ui.show_promotional_content,
    "mlflow": not is_telemetry_disabled(),
    "host": settings.server.api.host,
    "ephemeral": settings.server.ephemeral.enabled,
    "patience": settings.server.ephemeral.startup_timeout_seconds,
}}))
"""


@pytest.mark.parametrize("first", ["flows", "tasks"])
def test_importing_flows_or_tasks_turns_every_telemetry_switch_off(first: str, tmp_path: os.PathLike[str]) -> None:
    """In a process that asks for telemetry, outside of any CI and with an empty home."""
    eager = {
        "DO_NOT_TRACK": "0",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "true",
        "MLFLOW_DISABLE_TELEMETRY": "false",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **eager}
    asked = [sys.executable, "-c", _ASK.format(first=first)]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, timeout=120, check=True)
    answer = json.loads(done.stdout)
    on = {name for name in ("prefect sdk", "prefect server", "prefect metrics", "promotion", "mlflow") if answer[name]}
    assert on == set()
    assert (answer["host"], answer["ephemeral"], answer["patience"]) == ("127.0.0.1", True, 120)
