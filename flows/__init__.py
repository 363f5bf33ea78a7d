"""The flows and the command line; importing any of them turns telemetry off before Prefect is imported."""

from tasks.environment import prepare_environment

prepare_environment()
