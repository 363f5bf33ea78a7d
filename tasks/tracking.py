"""Everything MLflow: runs, metrics, artifacts, model files.

MLflow takes seconds to import, so it is imported by the first function that needs it, with its telemetry and its
start-up messages off. Every call names its run: nothing here has an active run, and threads may log side by side.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from spectral_core.errors import OffbandError
from spectral_core.models.files import TRUSTED_TYPES, load_pipeline
from spectral_core.splits import Design
from spectral_core.study import Study
from spectral_core.training import TrainedModel

# users who set these themselves keep their values
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's own 7 with its back-off make an absent server cost minutes
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


def start_pipeline_run(
    study: Study, *, snapshot: str, n_spectra: int, n_channels: int, flow_run_id: str | None = None
) -> RunReference:
    """Open the parent run of one pipeline run: tags, the study's settings, and the archive as dataset input.

    Args:
        study: The study; its tracking URI and experiment say where the run goes.
        snapshot: Snapshot of the archive that is read; it identifies the data, which are not copied.
        n_spectra: Number of spectra at the snapshot.
        n_channels: Number of channels.
        flow_run_id: Id of the orchestrator's run, for the way back.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    entities = _mlflow().entities
    uri = study.tracking_uri
    with _reaching(uri):
        client, experiment_id = _client(uri), _experiment(uri, study.experiment)
        tags = {
            "offband.study": study.name,
            "offband.study_digest": study.digest(),
            "offband.archive_snapshot": snapshot,
            "prefect.flow_run_id": flow_run_id or "",
            **_code_version(),
        }
        run = client.create_run(
            experiment_id,
            tags={k: v for k, v in tags.items() if v},
            run_name=f"{study.name} @ {snapshot[:8]}",
        )
        parent = RunReference(uri, experiment_id, run.info.run_id)
        with _ended_on_failure(parent):
            dataset = entities.Dataset(
                name=study.name, digest=snapshot[:36], source_type="offband-archive",
                source=json.dumps({"archive": str(study.archive), "snapshot": snapshot}),
                profile=json.dumps({"spectra": n_spectra, "channels": n_channels}),
            )  # fmt: skip
            context = entities.InputTag("mlflow.data.context", "training and audit")
            client.log_inputs(parent.run_id, [entities.DatasetInput(dataset, [context])])
            _log(parent, params=_study_params(study))
            # without `tracking`: its address may hold a password
            client.log_text(
                parent.run_id, study.model_dump_json(indent=2, exclude={"tracking"}), "study.json"
            )
    return parent


def log_model_run(
    parent: RunReference,
    result: TrainedModel,
    *,
    design: Design,
    spectrum_ids: Sequence[str],
    axis: npt.NDArray[np.float64],
    axis_unit: str,
    seed: int,
) -> RunReference:
    """Log one trained model as a child run: parameters, metrics, out-of-fold predictions, and the model file.

    Args:
        parent: The pipeline's run.
        result: The trained model.
        design: Classes and units of the spectra it was trained on.
        spectrum_ids: Id of each of n spectra.
        axis: Positions of the channels that the fitted pipeline takes.
        axis_unit: Their unit.
        seed: Seed of the training.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    params = {
        "variant": result.variant, "model": result.model.text, "model_settings": result.model.settings,
        "folds": int(result.folds["unit_folds"].max()) + 1, "permutations": result.permutations, "seed": seed,
        "n": design.n, "d": axis.size, "units": design.n_units, "classes": ", ".join(design.classes),
    }  # fmt: skip
    with TemporaryDirectory(prefix="offband-run-") as folder:
        predictions = result.to_frame(design, spectrum_ids=spectrum_ids)
        predictions.to_csv(Path(folder) / "predictions.csv", index=False)
        np.savetxt(Path(folder) / "axis.csv", axis, fmt="%.17g", header=f"axis ({axis_unit})", comments="")
        _save_model(Path(folder) / "model", result.pipeline, channels=axis.size)
        with _reaching(parent.tracking_uri):
            child = _start_child(parent, result)
            with _ended_on_failure(child):
                _client(child.tracking_uri).log_artifacts(child.run_id, folder)
                _log(child, params=params, metrics=result.to_metrics())
                _end(child, "FINISHED")
    return child


def end_pipeline_run(
    parent: RunReference,
    *,
    verdict: str,
    reasons: Sequence[str],
    metrics: Mapping[str, float],
    artifacts: Sequence[Path],
) -> None:
    """Close the parent run with its verdict.

    Args:
        parent: The pipeline's run.
        verdict: One of the five verdicts.
        reasons: Codes of its reasons.
        metrics: Numbers of the audit.
        artifacts: Files to keep with the run, such as report.json and report.html.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    with _reaching(parent.tracking_uri), _ended_on_failure(parent):
        for path in artifacts:
            _client(parent.tracking_uri).log_artifact(parent.run_id, str(path))
        _log(
            parent, metrics=metrics, tags={"offband.verdict": verdict, "offband.reasons": ", ".join(reasons)}
        )
        _end(parent, "FINISHED")


def fail_run(run: RunReference, *, message: str) -> None:
    """Close a run as failed and say why.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    with _reaching(run.tracking_uri):
        _log(run, tags={"offband.error": message[:4000]})
        _end(run, "FAILED")


def load_logged_pipeline(run: RunReference) -> Pipeline:
    """Read the fitted pipeline of a model's run.

    Raises:
        OffbandError: The tracking server or database does not answer, the run has no model, or its file holds
            what offband has not written.
    """
    with TemporaryDirectory(prefix="offband-model-") as folder:
        with _reaching(run.tracking_uri):
            path = _client(run.tracking_uri).download_artifacts(run.run_id, "model/model.skops", folder)
        return load_pipeline(Path(path))


@cache
def _mlflow() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import mlflow

    return mlflow


@cache
def _client(uri: str) -> Any:
    return _mlflow().MlflowClient(tracking_uri=uri, registry_uri=uri)


def _start_child(parent: RunReference, result: TrainedModel) -> RunReference:
    tags = {
        "mlflow.parentRunId": parent.run_id,
        "offband.variant": result.variant,
        "offband.model": result.model.text,
        **_code_version(),
    }
    name = f"{result.variant} · {result.model.text}"
    run = _client(parent.tracking_uri).create_run(parent.experiment_id, tags=tags, run_name=name)
    return RunReference(parent.tracking_uri, parent.experiment_id, run.info.run_id)


def _experiment(uri: str, name: str) -> str:
    """Find or create the experiment; beside an sqlite file its artifacts do not depend on the working folder."""
    client, artifacts = _client(uri), None
    if uri.startswith("sqlite:///"):
        folder = Path(uri.removeprefix("sqlite:///")).resolve().parent
        folder.mkdir(parents=True, exist_ok=True)
        artifacts = (folder / "mlartifacts").as_uri()
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name, artifact_location=artifacts))


@contextmanager
def _reaching(uri: str) -> Iterator[None]:
    """Turn MLflow's refusals into one sentence."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        first = " ".join(str(error).split())[:300]
        raise OffbandError(f"tracking.uri {uri}", "an MLflow tracking server or database that answers", first,
                           "Start it, correct tracking.uri, or leave it out for a local file.") from error  # fmt: skip


@contextmanager
def _ended_on_failure(run: RunReference) -> Iterator[None]:
    """Leave no run open behind an exception."""
    try:
        yield
    except BaseException:
        _end(run, "FAILED")
        raise


def _end(run: RunReference, status: str) -> None:
    _client(run.tracking_uri).set_terminated(run.run_id, status=status)


def _log(
    run: RunReference,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log everything in one batch; only more than 900 metrics (a class each, say) need another."""
    entities, now = _mlflow().entities, int(time.time() * 1000)
    numbers = [entities.Metric(k, float(v), now, 0) for k, v in _named(metrics or {}).items()]
    texts = [entities.Param(k, str(v)[:_TEXT]) for k, v in (params or {}).items()]
    marks = [entities.RunTag(k, v) for k, v in (tags or {}).items()]
    client = _client(run.tracking_uri)
    client.log_batch(run.run_id, metrics=numbers[:_AT_ONCE], params=texts, tags=marks)
    for start in range(_AT_ONCE, len(numbers), _AT_ONCE):
        client.log_batch(run.run_id, metrics=numbers[start : start + _AT_ONCE])


def _named(metrics: Mapping[str, float]) -> dict[str, float]:
    """Spell names as MLflow allows; two that become one are told apart by a number."""
    named: dict[str, float] = {}
    for name, value in metrics.items():
        allowed = re.sub(r"[^\w.\- ]", "_", name)[:240]
        twins = sum(re.sub(r"~\d+$", "", other) == allowed for other in named)
        named[f"{allowed}-{twins + 1}" if twins else allowed] = value
    return named


def _study_params(study: Study) -> dict[str, object]:
    settings = study.audit.model_dump()
    bands = "; ".join(f"{name} {low:g}–{high:g}" for name, (low, high) in study.band_intervals().items())
    blanks = "; ".join(f"{name} {low:g}–{high:g}" for name, (low, high) in study.blank_intervals().items())
    chains = {"variants": "; ".join(study.variants), "models": "; ".join(study.models)}
    return {**chains, "bands": bands, "blanks": blanks, "axis_unit": study.reading.axis_unit, **settings}


@cache
def _code_version() -> dict[str, str]:
    """Name the installed version and, in a git checkout, its commit."""
    tags = {"mlflow.source.name": "offband"}
    try:
        tags["offband.version"] = version("offband")
    except PackageNotFoundError:
        tags["offband.version"] = "not installed"
    house = Path(__file__).resolve().parent.parent
    if (house / ".git").exists():
        try:
            asked = subprocess.run(["git", "-C", str(house), "rev-parse", "HEAD"], capture_output=True, text=True,
                                   timeout=10, check=True)  # fmt: skip
            tags["mlflow.source.git.commit"] = asked.stdout.strip()
        except (OSError, subprocess.SubprocessError):
            pass  # no git, or no commit yet: the version has to do
    return tags


def _save_model(path: Path, pipeline: Pipeline, *, channels: int) -> None:
    _mlflow()
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    takes = Schema([TensorSpec(np.dtype(np.float64), (-1, channels), "intensity")])
    gives = Schema([TensorSpec(np.dtype(np.str_), (-1,))])
    mlflow.sklearn.save_model(
        pipeline, str(path), serialization_format="skops", skops_trusted_types=list(TRUSTED_TYPES),
        signature=ModelSignature(inputs=takes, outputs=gives),
        # stated, because finding them out loads the model in another process, for seconds
        pip_requirements=[f"{name}=={version(name)}" for name in ("scikit-learn", "skops", "numpy", "scipy")],
    )  # fmt: skip
