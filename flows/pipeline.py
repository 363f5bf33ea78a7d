"""Instrument files → archive → variants → models → verdict."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.audit import audit
from flows.ingest import ingest
from flows.preprocess import preprocess
from flows.train import train
from spectral_core.study import Study
from tasks.artifacts import label_run, run_name
from tasks.runs import PipelineResult, begin_tracking, end_tracking, fail_tracking, origin_of
from tasks.study import read_study


@flow(
    name="pipeline",
    flow_run_name=run_name,
    on_failure=[fail_tracking],
    on_crashed=[fail_tracking],
    on_cancellation=[fail_tracking],
)
def pipeline(study: Study | Path, command: str = "") -> PipelineResult:
    """Take a study from its inbox to its verdict.

    Args:
        study: The study, or the path of its file.
        command: How to repeat the run, for the report.
    """
    plan = read_study(study)
    ingested = ingest(plan)
    label_run(plan, ingested.snapshot)
    run = begin_tracking(plan, ingested.snapshot)
    variants = preprocess(plan, ingested.snapshot)
    models = train(plan, variants, run)
    audited = audit(plan, ingested.snapshot, origin_of(run, command))
    end_tracking(run, audited)
    return PipelineResult(ingested, models, audited)
