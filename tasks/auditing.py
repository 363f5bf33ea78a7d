"""Audit a snapshot and write the reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectral_core.archive import open_archive
from spectral_core.audit import audit_study
from spectral_core.audit_report import AuditReport
from spectral_core.study import Study
from spectral_core.study_models import design_of, kept_predictions, loaded_if_small
from tasks.policy import pure_task
from tasks.progress import Progress


@dataclass(frozen=True)
class Audited:
    """An audit's outcome, and where its reports lie.

    `reasons` and `caveats` are (code, message); `metrics` are the probe's numbers on the first variant that
    has the verdict, under the names that the models' runs use, and its diagnostics.
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


def predictions_folder(study: Study, snapshot: str) -> Path:
    """Give the folder where training leaves out-of-fold predictions for the audit."""
    return results_folder(study, snapshot) / "out-of-fold"


@pure_task(name="audit snapshot")
def audit_snapshot(study: Study, snapshot: str, *, origin: dict[str, str]) -> Audited:
    """Audit the spectra of a snapshot and the models trained on it; write report.json and report.html.

    Args:
        study: What is claimed.
        snapshot: The archive's snapshot.
        origin: Entries of the report's provenance: the runs and the command that made it.
    """
    dataset = loaded_if_small(study, open_archive(study.archive).open(snapshot))
    trained = kept_predictions(predictions_folder(study, snapshot), study, design_of(study, dataset))
    report = audit_study(study, dataset, snapshot=snapshot, trained=trained, progress=Progress("auditing"))
    folder = results_folder(study, snapshot)
    told = {**report.to_dict()["provenance"], **_run_of_models(folder / "report.json", bool(trained)), **origin}
    report = report.with_content(provenance=told)
    return write_audit(report, folder, probe_metrics(report.to_dict()) | diagnostic_metrics(report.to_dict()))


def write_audit(report: AuditReport, folder: Path, metrics: dict[str, float]) -> Audited:
    """Write report.html and report.json into a folder, and say what was found in few words."""
    return Audited(
        report.verdict,
        report.summary,
        tuple((reason.code, reason.message) for reason in report.reasons),
        tuple((caveat.code, caveat.message) for caveat in report.caveats),
        metrics,
        report.save_html(folder / "report.html"),
        report.save_json(folder / "report.json"),
    )


def _run_of_models(report_json: Path, audited: bool) -> dict[str, str]:
    """Name the MLflow run of the models that an earlier report of the same folder audited."""
    if not audited or not report_json.is_file():
        return {}
    run = json.loads(report_json.read_text(encoding="utf-8"))["provenance"].get("mlflow_run_id")
    return {"mlflow_run_id": run} if run else {}


def probe_metrics(content: Mapping[str, Any]) -> dict[str, float]:
    """Name the probe's numbers on the first variant that has the verdict as the models' metrics are named.

    Where no unit was measured twice, random folds are unit folds.
    """
    named = _deciding(content)["variant"]
    variant = next(v for v in content.get("probe", content["variants"]) if v["variant"] == named)
    further = dict(variant["probes"])
    full = further.pop("full")
    # MLflow's page of a run lists them in this order
    probes = {"unit_folds": full, "random_folds": variant["random_folds"] or full, **further}
    metrics = {f"balanced_accuracy_{name}": float(probe["balanced_accuracy"]) for name, probe in probes.items()}
    return metrics | {"p_association": float(full["p"])}


def diagnostic_metrics(content: Mapping[str, Any]) -> dict[str, float]:
    """Name the diagnostics of the first variant that has the verdict, `diagnostics.` before each.

    Single numbers have their own names. Of growth each path along evenly spaced and binned channels has its p and,
    where it was fitted, its exponent β; of accuracy against channels each region has its p and its probit slope; of
    learnability there are the accuracy with all units and its p.
    """
    found = _deciding(content).get("diagnostics") or {}
    scalars, curves = found.get("scalars", {}), found.get("curves", {})
    told = {name: part["estimate"] for name, part in scalars.items() if "estimate" in part}
    for curve in curves.get("growth", {}).get("curves", []):
        if curve["order"] in ("decimation", "binning"):
            for path, fit in curve["fits"].items():
                place = _name("growth", curve["order"], curve["region"], path)
                told |= {f"{place}.p": fit["p"]} | ({f"{place}.beta": fit["beta"]} if fit["beta"] is not None else {})
    for curve in curves.get("channel_curves", {}).get("curves", []):
        if curve["order"] == "decimation":
            place = _name("channel_curves", curve["region"])
            told |= {f"{place}.p": curve["p"], f"{place}.slope": curve["slope"]["value"]}
    if (learnt := curves.get("learnability", {})).get("units"):
        told |= {"learnability.accuracy": learnt["accuracy"][-1], "learnability.p": learnt["p"]}
    return {f"diagnostics.{name}": float(value) for name, value in told.items()}


def _name(*parts: str) -> str:
    return ".".join(part.replace(" ", "_").replace("-", "_") for part in parts)


def _deciding(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(v for v in content["variants"] if v["verdict"] == content["verdict"])
    return found
