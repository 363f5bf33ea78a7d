"""One MLflow database for the tests that need no fresh one: making its tables takes seconds."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def tracking_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the URI of an sqlite store; every module keeps to experiments and registered models of its own."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
