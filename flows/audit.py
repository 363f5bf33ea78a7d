"""Archived spectra and the declared bands → a verdict with its reasons."""

from __future__ import annotations

from prefect import flow

from spectral_core.study import Study
from tasks.artifacts import label_run, publish_verdict
from tasks.auditing import Audited, audit_snapshot
from tasks.events import announce_verdict, recall_verdict
from tasks.mlflow_audit import audit_found_model, find_model, record_model_audit, settle_registration
from tasks.mlflow_models import ModelAsked


@flow(name="audit", flow_run_name="audit {study.name} {snapshot:.10}")
def audit(study: Study, snapshot: str, origin: dict[str, str] | None = None) -> Audited:
    """Judge whether the declared bands explain the accuracy, of the probe and of trained models; write the reports.

    Args:
        study: The study.
        snapshot: The archive's snapshot.
        origin: What the report's provenance says of the run that made it.
    """
    label_run(study, snapshot)
    before = recall_verdict(study)
    audited = audit_snapshot(study, snapshot, origin=origin or {})
    publish_verdict(study, snapshot, audited)
    announce_verdict(study, snapshot, before, audited)
    settle_registration(study, snapshot, audited)
    return audited


@flow(name="audit model", flow_run_name="audit model {asked.address} {snapshot:.10}")
def audit_model(study: Study, snapshot: str, asked: ModelAsked, origin: dict[str, str] | None = None) -> Audited:
    """Judge somebody's model on the spectra of a study, write the reports, and record the verdict in MLflow.

    Args:
        study: The study; its models are not looked at.
        snapshot: The archive's snapshot.
        asked: The model.
        origin: What the report's provenance says of the run that made it.
    """
    label_run(study, snapshot)
    model = find_model(study, asked)
    audited = audit_found_model(study, snapshot, model, asked, origin=origin or {})
    publish_verdict(study, snapshot, audited)
    record_model_audit(study, snapshot, model, audited)
    return audited
