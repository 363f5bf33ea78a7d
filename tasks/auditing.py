"""Audit a snapshot and write the reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectral_core.archive import open_archive
from spectral_core.audit import audit_study
from spectral_core.study import Study
from tasks.policy import pure_task
from tasks.progress import Progress


@dataclass(frozen=True)
class Audited:
    """An audit's outcome, and where its reports lie.

    `reasons` and `caveats` are (code, message); `metrics` are the probe's numbers on the first variant that
    has the verdict, under the names that the models' runs use.
    """

    verdict: str
    summary: str
    reasons: tuple[tuple[str, str], ...]
    caveats: tuple[tuple[str, str], ...]
    metrics: dict[str, float]
    report_html: Path
    report_json: Path


def results_folder(study: Study, snapshot: str) -> Path:
    """Give the one folder for the results of a study on a snapshot; the same run writes the same folder."""
    return study.results / f"{snapshot[:10]}-{study.digest()[:10]}"


@pure_task(name="audit snapshot")
def audit_snapshot(
    study: Study, snapshot: str, *, models: Sequence[dict[str, Any]] | None, origin: dict[str, str]
) -> Audited:
    """Audit the spectra of a snapshot and write report.json and report.html.

    Args:
        study: What is claimed.
        snapshot: The archive's snapshot.
        models: What the report shows of each trained model; None for what an earlier report of the same study,
            snapshot and version shows.
        origin: Entries of the report's provenance: the runs and the command that made it.
    """
    dataset = open_archive(study.archive).open(snapshot)
    report = audit_study(study, dataset, snapshot=snapshot, progress=Progress("auditing"))
    folder = results_folder(study, snapshot)
    if models is None:
        models, origin = earlier_models(
            folder / "report.json", origin, version=report.to_dict()["offband_version"]
        )
    provenance = {**report.to_dict()["provenance"], **origin}
    report = report.with_content(models=list(models), provenance=provenance)
    return Audited(
        report.verdict,
        report.summary,
        tuple((reason.code, reason.message) for reason in report.reasons),
        tuple((caveat.code, caveat.message) for caveat in report.caveats),
        probe_metrics(report.to_dict()),
        report.save_html(folder / "report.html"),
        report.save_json(folder / "report.json"),
    )


def earlier_models(
    report_json: Path, origin: dict[str, str], *, version: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Give the models of an earlier report, and an origin that names the MLflow run they are from."""
    try:
        earlier = json.loads(report_json.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return [], origin
    run = earlier.get("provenance", {}).get("mlflow_run_id")
    if earlier.get("offband_version") != version or run is None:
        return [], origin
    return earlier.get("models", []), {"mlflow_run_id": run, **origin}


def probe_metrics(content: Mapping[str, Any]) -> dict[str, float]:
    """Name the probe's numbers on the first variant that has the verdict as the models' metrics are named.

    Where no unit was measured twice, random folds are unit folds.
    """
    variant = next(v for v in content["variants"] if v["verdict"] == content["verdict"])
    probes = dict(variant["probes"])
    full = probes.pop("full")
    probes |= {"unit_folds": full, "random_folds": variant["random_folds"] or full}
    metrics = {
        f"balanced_accuracy_{name}": float(probe["balanced_accuracy"]) for name, probe in probes.items()
    }
    return metrics | {"p_association": float(full["p"])}
