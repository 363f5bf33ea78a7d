"""New files of an inbox → the archive."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from spectral_core.ingest_report import IngestReport
from spectral_core.study import Study
from tasks.artifacts import label_run, publish_ingestion, run_name
from tasks.ingestion import ingest_files
from tasks.study import read_study


@flow(name="ingest", flow_run_name=run_name)
def ingest(study: Study | Path) -> IngestReport:
    """Archive every new file of the study's inbox, or send it to quarantine with its reason.

    Args:
        study: The study, or the path of its file.
    """
    plan = read_study(study)
    report = ingest_files(plan)
    label_run(plan, report.snapshot)
    publish_ingestion(plan, report)
    return report
