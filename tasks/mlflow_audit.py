"""What an audit changes in MLflow: verdicts on the models' runs, registered versions, audits of somebody's model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spectral_core.archive import open_archive
from spectral_core.estimators.report import verdict_on
from spectral_core.model_audit import audit_model
from spectral_core.models import parse_model
from spectral_core.preprocessing import parse_variant
from spectral_core.study import Study
from tasks.auditing import Audited, diagnostic_metrics, results_folder, write_audit
from tasks.mlflow_experiment import verdict_note
from tasks.mlflow_models import ModelAsked, ModelReference, fetch_classifier, locate_model
from tasks.mlflow_registry import register_version, settle_version
from tasks.mlflow_store import RunReference, connect, failed_unless_done, log_batch, reaching
from tasks.policy import io_task, pure_task
from tasks.progress import Progress
from tasks.tracking import end_pipeline_run, start_pipeline_run


@io_task(name="find model", run_name="find {asked.address}")
def find_model(study: Study, asked: ModelAsked) -> ModelReference:
    """Find a model in the study's tracking store."""
    return locate_model(study.tracking_uri, asked.address)


@pure_task(name="audit model", run_name="audit {model.address}")
def audit_found_model(
    study: Study, snapshot: str, model: ModelReference, asked: ModelAsked, *, origin: dict[str, str]
) -> Audited:
    """Audit somebody's model on a snapshot of the study's archive; write report.json and report.html."""
    classifier = fetch_classifier(model, trust_pickle=asked.trust_pickle)
    report = audit_model(
        study, open_archive(study.archive).open(snapshot).load(), classifier, snapshot=snapshot,
        variant=asked.variant or model.variant or "raw", trained_on=_trained_on(study, model),
        progress=Progress("auditing"),
    )  # fmt: skip
    report = report.with_content(provenance={**report.content["provenance"], **origin, "model": model.address})
    folder = results_folder(study, snapshot) / "models" / _slug(model.address)
    return write_audit(report, folder, report.content["models"][0]["metrics"] | diagnostic_metrics(report.content))


@io_task(name="record audit of model", run_name="record audit of {model.address}")
def record_model_audit(study: Study, snapshot: str, model: ModelReference, audited: Audited) -> None:
    """Log the audit of somebody's model as a run of its own; write the verdict to its registered version."""
    log_model_audit(study, snapshot, model, audited)
    if model.name:
        with reaching(model.tracking_uri):
            settle_version(
                model.tracking_uri, model.name, model.version, verdict=audited.verdict, snapshot=snapshot,
                reasons=[code for code, _ in audited.reasons], description=note_of(audited), speaks_for_all=False,
            )  # fmt: skip


@io_task(name="settle registered model")
def settle_registration(study: Study, snapshot: str, audited: Audited) -> None:
    """Register the study's first model on its first variant, if the study names a registered model, with its verdict.

    The choice never looks at an accuracy. Nothing happens where no model was trained on the snapshot.
    """
    if study.tracking.registered_model is not None:
        content = json.loads(audited.report_json.read_text(encoding="utf-8"))
        register_audited(study, snapshot, content, note_of(audited))


def log_model_audit(study: Study, snapshot: str, model: ModelReference, audited: Audited) -> RunReference:
    """Log the audit of somebody's model as a run of the study's experiment.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    told = json.loads(audited.report_json.read_text(encoding="utf-8"))["study"]
    narrowed = study.model_copy(update={"variants": tuple(told["variants"]), "models": (model.address,)})
    shape = open_archive(study.archive).open(snapshot).sizes
    run = start_pipeline_run(narrowed, snapshot=snapshot, n_spectra=shape["sample"], n_channels=shape["channel"])
    with reaching(run.tracking_uri), failed_unless_done(run):
        connect(run.tracking_uri).update_run(run.run_id, name=f"{model.address} @ {snapshot[:8]}")
        log_batch(run, tags={"offband.audited_model": model.address, "offband.study_digest": study.digest()})
    end_audited_run(run, audited)
    return run


def end_audited_run(run: RunReference, audited: Audited) -> None:
    """Close a run with the verdict: in its name, tags and description; numbers, reports and figure 1 as artifacts.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    content = json.loads(audited.report_json.read_text(encoding="utf-8"))
    tag_models(run, content)
    with TemporaryDirectory(prefix="offband-figure-") as folder:
        figure = Path(folder) / "accuracies.png"
        draw_accuracies(content, figure)
        end_pipeline_run(
            run, verdict=audited.verdict, reasons=[code for code, _ in audited.reasons], metrics=audited.metrics,
            artifacts=[audited.report_html, figure, audited.report_json], note=note_of(audited),
        )  # fmt: skip


def draw_accuracies(content: Mapping[str, Any], path: Path) -> None:
    """Draw figure 1 of a report as an image."""
    from spectral_core.report.image import accuracy_figure  # matplotlib takes a second to import

    accuracy_figure(content).savefig(path)


def register_audited(study: Study, snapshot: str, content: Mapping[str, Any], note: str) -> str | None:
    """Register the study's first model on its first variant and settle its alias; give its version.

    Args:
        study: The study; `tracking.registered_model` is the name.
        snapshot: What was audited, and what the model was trained on.
        content: The content of report.json.
        note: The verdict in words.

    Returns:
        The version; None where the report is not about a model of this study, or its run is not known.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    model, variant = parse_model(study.models[0]).text, str(parse_variant(study.variants[0]))
    judged = {(row["model"], row["variant"]) for row in content.get("models", ())}
    parent, uri, name = content["provenance"].get("mlflow_run_id"), study.tracking_uri, study.tracking.registered_model
    if (model, variant) not in judged or not parent or name is None:
        return None
    verdict, reasons = verdict_on(content, model=model, variant=variant)
    with reaching(uri):
        runs = {(tags.get("offband.model"), tags.get("offband.variant")): run for run, tags in _models_of(uri, parent)}
        if (model, variant) not in runs:
            return None
        run = runs[model, variant]
        identity = {"offband.study": study.name, "offband.study_digest": study.digest(), "offband.model": model,
                    "offband.variant": variant, "offband.trained_snapshot": snapshot,
                    "offband.version": str(content["versions"].get("offband", ""))}  # fmt: skip
        version = register_version(run, name, identity=identity)
        settle_version(uri, name, version, verdict=verdict, reasons=reasons, snapshot=snapshot, description=note,
                       speaks_for_all=True)  # fmt: skip
    return version


def note_of(audited: Audited) -> str:
    """Write what MLflow's pages say of an audit."""
    return verdict_note(audited.verdict, audited.summary, audited.reasons, audited.caveats)


def tag_models(parent: RunReference, content: Mapping[str, Any]) -> int:
    """Write each model's verdict to its run, so that the table of runs shows it; say how many.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    judged = {(row["model"], row["variant"]) for row in content.get("models", ())}
    tagged = 0
    with reaching(parent.tracking_uri):
        for run, tags in _models_of(parent.tracking_uri, parent.run_id):
            model, variant = tags.get("offband.model", ""), tags.get("offband.variant", "")
            if (model, variant) in judged:
                verdict, reasons = verdict_on(content, model=model, variant=variant)
                log_batch(run, tags={"offband.verdict": verdict, "offband.reasons": ", ".join(reasons)})
                tagged += 1
    return tagged


def _models_of(uri: str, parent: str) -> list[tuple[RunReference, dict[str, str]]]:
    """The runs of the models of a pipeline run, with their tags."""
    client = connect(uri)
    experiment = client.get_run(parent).info.experiment_id
    found, page = [], None
    while True:
        runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'", page_token=page)
        found += [(RunReference(uri, experiment, run.info.run_id), dict(run.data.tags)) for run in runs]
        if not (page := runs.token):
            return found


def _trained_on(study: Study, model: ModelReference) -> list[str] | None:
    """Ids of the archived spectra that a model may have been trained on; None where its tags do not say."""
    archive = open_archive(study.archive)
    if model.trained_snapshot not in {snapshot.id for snapshot in archive.history()}:
        return None
    return [str(one) for one in archive.metadata(model.trained_snapshot)["spectrum_id"].values]


def _slug(address: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in address.partition(":/")[2])
