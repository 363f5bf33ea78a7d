"""Run experiments and log them; each experiment is one task, with Dask inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spectral_core.experiments.conduct import Conducted, averages, cells_as_csv, conduct, write_document
from spectral_core.experiments.plan import Plan
from tasks.mlflow_store import connect, end_run, failed_unless_done, find_experiment, log_batch, open_run, reaching
from tasks.policy import io_task, pure_task
from tasks.progress import Progress


@pure_task(name="conduct experiment", run_name="{name}")
def conduct_experiment(plan: Plan, name: str) -> Conducted:
    """Measure the cells of one experiment that have no result yet, in processes, and draw its figure."""
    return conduct(plan, name, progress=Progress(f"experiment: {name}"))


@io_task(name="log experiment", run_name="log {conducted.name}")
def log_experiment(plan: Plan, conducted: Conducted) -> None:
    """Log an experiment's averages, findings, cells and figure as one MLflow run."""
    uri = plan.tracking_uri
    with reaching(uri):
        run = open_run(uri, find_experiment(uri, plan.name), name=conducted.name, tags=_tags(conducted))
        with failed_unless_done(run):
            counts = {"cells": conducted.cells, "measured": conducted.measured, "seconds": conducted.seconds}
            log_batch(run, params={"quick": plan.quick}, metrics=averages(plan, conducted.name) | counts)
            connect(uri).log_text(run.run_id, cells_as_csv(plan, conducted.name), "cells.csv")
            if conducted.figure is not None:
                connect(uri).log_artifact(run.run_id, str(conducted.figure))
            end_run(run, "FINISHED")


@io_task(name="write document")
def write_experiments(plan: Plan, conducted: Sequence[Conducted]) -> Path:
    """Write the document of the run."""
    return write_document(plan, conducted)


def _tags(conducted: Conducted) -> dict[str, str]:
    held = {f"{f.statement}: {f.when}"[:200]: f.answer for f in conducted.findings}
    return {"mlflow.source.name": "offband", "offband.experiment": conducted.name,
            "offband.findings": "; ".join(f"{k} = {v}" for k, v in held.items())[:4000]}  # fmt: skip
