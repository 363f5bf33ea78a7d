"""Thin adapters between Prefect or MLflow and spectral_core; importing any of them turns telemetry off first."""

from tasks.environment import prepare_environment

prepare_environment()
