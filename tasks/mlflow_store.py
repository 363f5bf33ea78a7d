"""How offband speaks to MLflow: one lazy import, clients by address, explicit run ids, one batch a run.

MLflow takes seconds to import, so it is imported by the first call that needs it, with its telemetry and its
start-up messages off. There is no active run: threads may log side by side.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from sklearn.pipeline import Pipeline

from spectral_core.errors import OffbandError
from spectral_core.models.files import TRUSTED_TYPES
from tasks.environment import TELEMETRY_OFF

Floats = npt.NDArray[np.float64]
# a user who sets one of these keeps that value
_DEFAULTS = {
    # what MLflow logs as an error is raised as well, and told in one sentence
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    # with MLflow's own 7 retries of 120 s each an absent server costs minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_AT_ONCE = 900  # MLflow takes 1,000 entities a batch, 100 of them parameters
_TEXT = 500  # characters that every MLflow store takes as a parameter


@dataclass(frozen=True)
class RunReference:
    """Where one MLflow run is: small enough to pass between tasks."""

    tracking_uri: str
    experiment_id: str
    run_id: str


@cache
def import_mlflow() -> Any:
    """Import MLflow, quiet and without telemetry."""
    os.environ.update(TELEMETRY_OFF)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow

    return mlflow


@cache
def connect(uri: str) -> Any:
    """Give the client of a tracking server or database; the folder of an sqlite file is made."""
    if (folder := _sqlite_folder(uri)) is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _make_database(folder / uri.rsplit("/", 1)[1])
    return import_mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)


def find_experiment(uri: str, name: str) -> str:
    """Find or create an experiment; beside an sqlite file its artifacts do not depend on the working folder."""
    found = connect(uri).get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    folder = _sqlite_folder(uri)
    location = None if folder is None else (folder / "mlartifacts").as_uri()
    return str(connect(uri).create_experiment(name, artifact_location=location))


def open_run(uri: str, experiment_id: str, *, name: str, tags: Mapping[str, str]) -> RunReference:
    """Create a run; tags without a value are left out."""
    run = connect(uri).create_run(experiment_id, tags={k: v for k, v in tags.items() if v}, run_name=name)
    return RunReference(uri, experiment_id, run.info.run_id)


def end_run(run: RunReference, status: str) -> None:
    """Close a run as "FINISHED" or "FAILED"."""
    connect(run.tracking_uri).set_terminated(run.run_id, status=status)


def log_batch(
    run: RunReference,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log everything at once; only more than 900 metrics (a class each, say) need another call."""
    entities, now = import_mlflow().entities, int(time.time() * 1000)
    numbers = [entities.Metric(k, float(v), now, 0) for k, v in allowed_names(metrics or {}).items()]
    texts = [entities.Param(k, str(v)[:_TEXT]) for k, v in (params or {}).items()]
    marks = [entities.RunTag(k, v) for k, v in (tags or {}).items()]
    client = connect(run.tracking_uri)
    client.log_batch(run.run_id, metrics=numbers[:_AT_ONCE], params=texts, tags=marks)
    for start in range(_AT_ONCE, len(numbers), _AT_ONCE):
        client.log_batch(run.run_id, metrics=numbers[start : start + _AT_ONCE])


def save_model(path: Path, pipeline: Pipeline, *, channels: int, example: Floats | None = None) -> None:
    """Write a fitted pipeline as an MLflow model in skops format, with its signature and one spectrum as example.

    Args:
        path: A folder that is not there yet.
        pipeline: The fitted pipeline.
        channels: Number of channels that it takes.
        example: One spectrum (1 × channels) for MLflow's pages and for trying the model out; None for none.
    """
    import_mlflow()
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    takes = Schema([TensorSpec(np.dtype(np.float64), (-1, channels))])
    gives = Schema([TensorSpec(np.dtype(np.str_), (-1,))])
    mlflow.sklearn.save_model(
        pipeline, str(path), serialization_format="skops", skops_trusted_types=list(TRUSTED_TYPES),
        signature=ModelSignature(inputs=takes, outputs=gives), input_example=example,
        # stated, because finding them out loads the model in another process, for seconds
        pip_requirements=[f"{name}=={version(name)}" for name in ("scikit-learn", "skops", "numpy", "scipy")],
    )  # fmt: skip


def shown_as_model(run: RunReference, folder: Path) -> dict[str, str]:
    """Give the tag by which MLflow's tables show the model that a run keeps in a folder of this name.

    Its own `log_model` writes it too, but only to its active run.
    """
    told = import_mlflow().models.Model.load(str(folder)).get_tags_dict()
    return {"mlflow.log-model.history": json.dumps([{**told, "run_id": run.run_id, "artifact_path": folder.name}])}


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn what MLflow, its database or the network refuses into one sentence, without passwords.

    Raises:
        OffbandError: In place of it.
    """
    refusal = import_mlflow().exceptions.MlflowException
    from sqlalchemy.exc import SQLAlchemyError  # comes with MLflow, which lets it through where it makes a database

    try:
        yield
    except (refusal, OSError, SQLAlchemyError) as error:
        said = _without_password(" ".join(str(error).split()))[:300]
        if re.search(r"disk is full|space left|[Qq]uota", str(error)):
            raise OffbandError(f"tracking.uri {_without_password(uri)}", "room on its disk", "none",
                               "Free space and try again; what was being logged is incomplete.") from error  # fmt: skip
        raise OffbandError(f"tracking.uri {_without_password(uri)}",
                           "an MLflow tracking server or database that answers", said,
                           "Start it, correct tracking.uri, or leave it out for a local file.") from error  # fmt: skip


@contextmanager
def failed_unless_done(run: RunReference) -> Iterator[None]:
    """Leave no run open behind an exception."""
    try:
        yield
    except BaseException:
        end_run(run, "FAILED")
        raise


def _make_database(file: Path) -> None:
    """Make an sqlite file of MLflow aside and rename it: half made, say on a full disk, none would ever open again."""
    with FileLock(file.with_name(f".{file.name}.lock")):
        if not file.exists():
            for leftover in file.parent.glob(f".{file.name}.*.part*"):
                leftover.unlink()
            # a name of its own each time: MLflow keeps the connection to a name that it knows
            aside = file.with_name(f".{file.name}.{uuid4().hex[:8]}.part")
            made = f"sqlite:///{aside}"
            import_mlflow().MlflowClient(tracking_uri=made, registry_uri=made).search_experiments(max_results=1)
            aside.rename(file)


def _sqlite_folder(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")).resolve().parent if uri.startswith("sqlite:///") else None


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//…@", text)


def allowed_names(metrics: Mapping[str, float]) -> dict[str, float]:
    """Spell names as MLflow allows; names that become one are told apart by a number."""
    spelled: dict[str, float] = {}
    for name, value in metrics.items():
        stem = key = re.sub(r"[^\w.\- ]", "_", name)[:240]
        twin = 1
        while key in spelled:
            twin += 1
            key = f"{stem} {twin}"
        spelled[key] = value
    return spelled
