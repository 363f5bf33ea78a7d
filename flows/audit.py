"""Archived spectra and the declared bands → a verdict with its reasons."""

from __future__ import annotations

from prefect import flow

from spectral_core.study import Study
from tasks.artifacts import label_run, publish_verdict
from tasks.auditing import Audited, audit_snapshot


@flow(name="audit", flow_run_name="audit {study.name} {snapshot:.10}")
def audit(study: Study, snapshot: str, origin: dict[str, str] | None = None) -> Audited:
    """Judge whether the declared bands explain the accuracy, of the probe and of trained models; write the reports.

    Args:
        study: The study.
        snapshot: The archive's snapshot.
        origin: What the report's provenance says of the run that made it.
    """
    label_run(study, snapshot)
    audited = audit_snapshot(study, snapshot, origin=origin or {})
    publish_verdict(study, snapshot, audited)
    return audited
