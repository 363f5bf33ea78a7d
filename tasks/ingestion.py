"""Ingest the inbox."""

from __future__ import annotations

from spectral_core.ingest import ingest_inbox
from spectral_core.ingest_report import IngestReport
from spectral_core.study import Study
from tasks.policy import io_task
from tasks.progress import Progress


@io_task(name="ingest files")
def ingest_files(study: Study) -> IngestReport:
    """Archive the files of the inbox; try again only what an interrupted run leaves, which ingestion allows."""
    return ingest_inbox(study, progress=Progress("ingesting files"))
