"""Archived spectra and the declared bands → a verdict with its reasons."""

from __future__ import annotations

from typing import Any

from prefect import flow

from spectral_core.study import Study
from tasks.artifacts import label_run, publish_verdict
from tasks.auditing import Audited, audit_snapshot


@flow(name="audit", flow_run_name="audit {study.name} {snapshot:.10}")
def audit(
    study: Study,
    snapshot: str,
    models: list[dict[str, Any]] | None = None,
    origin: dict[str, str] | None = None,
) -> Audited:
    """Judge whether the declared bands explain the accuracy, and write the reports.

    Args:
        study: The study.
        snapshot: The archive's snapshot.
        models: What training found, for the report; without it what an earlier report shows.
        origin: What the report's provenance says of the run that made it.
    """
    label_run(study, snapshot)
    audited = audit_snapshot(study, snapshot, models=models, origin=origin or {})
    publish_verdict(study, snapshot, audited)
    return audited
