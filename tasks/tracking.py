"""What is logged to MLflow: one parent run a pipeline run, one child a trained model, the verdict at the end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from spectral_core.models.files import load_pipeline
from spectral_core.splits import Design
from spectral_core.study import Study
from spectral_core.training import TrainedModel
from tasks.mlflow_experiment import describe_experiment
from tasks.mlflow_store import (
    RunReference,
    connect,
    end_run,
    failed_unless_done,
    find_experiment,
    import_mlflow,
    log_batch,
    open_run,
    reaching,
    save_model,
    shown_as_model,
)

__all__ = [
    "RunReference", "end_pipeline_run", "fail_run", "load_logged_pipeline", "log_model_run", "start_pipeline_run",
]  # fmt: skip


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
    tags = {
        "offband.study": study.name,
        "offband.study_digest": study.digest(),
        "offband.archive_snapshot": snapshot,
        "prefect.flow_run_id": flow_run_id or "",
        **_code_version(),
    }
    uri = study.tracking_uri
    with reaching(uri):
        experiment = find_experiment(uri, study.experiment)
        describe_experiment(uri, experiment, study=study.name)
        parent = open_run(uri, experiment, name=f"{study.name} @ {snapshot[:8]}", tags=tags)
        with failed_unless_done(parent):
            _log_dataset(parent, study, snapshot, {"spectra": n_spectra, "channels": n_channels})
            log_batch(parent, params=_settings(study))
            # without `tracking`: its address may hold a password
            settings = study.model_dump_json(indent=2, exclude={"tracking"})
            connect(uri).log_text(parent.run_id, settings, "study.json")
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
    snapshot: str = "",
    example: npt.NDArray[np.float64] | None = None,
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
        snapshot: Snapshot of the archive that it was trained on.
        example: One spectrum, 1 × d, to be kept with the model as an example of what it takes.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    params = {
        "variant": result.variant, "model": result.model.text, "model_settings": result.model.settings,
        "folds": int(result.folds["unit_folds"].max()) + 1, "permutations": result.permutations, "seed": seed,
        "n": design.n, "d": axis.size, "units": design.n_units, "classes": ", ".join(design.classes),
        **_subsampled(result),
    }  # fmt: skip
    chains = {"offband.variant": result.variant, "offband.model": result.model.text}
    tags = {"mlflow.parentRunId": parent.run_id, "offband.archive_snapshot": snapshot, **chains, **_code_version()}
    with TemporaryDirectory(prefix="offband-run-") as folder:
        predictions = result.to_frame(design, spectrum_ids=spectrum_ids)
        predictions.to_csv(Path(folder) / "predictions.csv", index=False)
        np.savetxt(Path(folder) / "axis.csv", axis, fmt="%.17g", header=f"axis ({axis_unit})", comments="")
        save_model(Path(folder) / "model", result.pipeline, channels=axis.size, example=example)
        with reaching(parent.tracking_uri):
            name = f"{result.model.text} · {result.variant}"  # the table cuts names short: what differs comes first
            child = open_run(parent.tracking_uri, parent.experiment_id, name=name, tags=tags)
            with failed_unless_done(child):
                connect(child.tracking_uri).log_artifacts(child.run_id, folder)
                shown = shown_as_model(child, Path(folder) / "model")
                log_batch(child, params=params, metrics=result.to_metrics(), tags=shown)
                end_run(child, "FINISHED")
    return child


def end_pipeline_run(
    parent: RunReference,
    *,
    verdict: str,
    reasons: Sequence[str],
    metrics: Mapping[str, float],
    artifacts: Sequence[Path],
    note: str = "",
) -> None:
    """Close the parent run with its verdict, which its name begins with from then on.

    Args:
        parent: The pipeline's run.
        verdict: One of the five verdicts.
        reasons: Codes of its reasons.
        metrics: Numbers of the audit.
        artifacts: Files to keep with the run, such as report.json and report.html.
        note: What its page says of it, as Markdown.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    tags = {"offband.verdict": verdict, "offband.reasons": ", ".join(reasons)}
    tags |= {"mlflow.note.content": note} if note else {}
    with reaching(parent.tracking_uri), failed_unless_done(parent):
        client = connect(parent.tracking_uri)
        named = client.get_run(parent.run_id).info.run_name.removeprefix(f"{verdict} · ")
        client.update_run(parent.run_id, name=f"{verdict} · {named}")
        for path in artifacts:
            client.log_artifact(parent.run_id, str(path))
        log_batch(parent, metrics=metrics, tags=tags)
        end_run(parent, "FINISHED")


def fail_run(run: RunReference, *, message: str) -> None:
    """Close a run as failed and say why.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    with reaching(run.tracking_uri):
        log_batch(run, tags={"offband.error": message[:4000]})
        end_run(run, "FAILED")


def load_logged_pipeline(run: RunReference) -> Pipeline:
    """Read the fitted pipeline of a model's run.

    Raises:
        OffbandError: The tracking server or database does not answer, the run has no model, or its file holds
            what offband has not written.
    """
    with TemporaryDirectory(prefix="offband-model-") as folder:
        with reaching(run.tracking_uri):
            client = connect(run.tracking_uri)
            path = client.download_artifacts(run.run_id, "model/model.skops", folder)
        return load_pipeline(Path(path))


def _log_dataset(parent: RunReference, study: Study, snapshot: str, profile: Mapping[str, int]) -> None:
    entities = import_mlflow().entities
    source = json.dumps({"archive": str(study.archive), "snapshot": snapshot})
    takes = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, profile["channels"]]}}]
    schema = {"mlflow_tensorspec": {"features": json.dumps(takes), "targets": None}}
    dataset = entities.Dataset(name=study.name, digest=snapshot[:36], source_type="offband-archive", source=source,
                               schema=json.dumps(schema), profile=json.dumps(profile))  # fmt: skip
    context = entities.InputTag("mlflow.data.context", "training and audit")
    connect(parent.tracking_uri).log_inputs(parent.run_id, [entities.DatasetInput(dataset, [context])])


def _settings(study: Study) -> dict[str, object]:
    intervals = {"bands": study.band_intervals(), "blanks": study.blank_intervals()}
    return {
        "variants": "; ".join(study.variants),
        "models": "; ".join(study.models),
        **{k: "; ".join(f"{name} {a:g}–{b:g}" for name, (a, b) in v.items()) for k, v in intervals.items()},
        "axis_unit": study.reading.axis_unit,
        **study.audit.model_dump(),
    }


def _subsampled(result: TrainedModel) -> dict[str, object]:
    """Name what stood for all spectra, where they were too many for a model."""
    drawn = result.subsample
    if drawn is None:
        return {}
    return {"subsample": drawn.spectra, "subsample_units": drawn.units, "subsample_seed": drawn.seed,
            "subsample_for": drawn.used_for}  # fmt: skip


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
        command = ["git", "-C", str(house), "rev-parse", "HEAD"]
        try:
            asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
            tags["mlflow.source.git.commit"] = asked.stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return tags  # no git, or no commit yet: the version has to do
    return tags
