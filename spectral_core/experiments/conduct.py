"""Conduct an experiment: measure what is missing, draw the figure, decide what the numbers say."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectral_core.experiments.catalogue import EXPERIMENTS, measure_cell
from spectral_core.experiments.cells import CellStore
from spectral_core.experiments.document import Section, render_document
from spectral_core.experiments.experiment import Experiment, Finding
from spectral_core.experiments.plan import Plan
from spectral_core.experiments.results import Results
from spectral_core.experiments.running import run_cells
from spectral_core.experiments.statements import STATEMENTS, weigh
from spectral_core.preprocessing.blocks import Progress


@dataclass(frozen=True)
class Conducted:
    """One finished experiment.

    `cells` are all its cells, `measured` those that had no result before, `seconds` the processor time of all;
    `figure` is None where there was nothing to measure.
    """

    name: str
    cells: int
    measured: int
    seconds: float
    figure: Path | None
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the experiment as plain values."""
        return {
            "name": self.name, "cells": self.cells, "measured": self.measured, "seconds": round(self.seconds, 1),
            "figure": str(self.figure) if self.figure else None, "findings": [dict(vars(f)) for f in self.findings],
        }  # fmt: skip


def conduct(plan: Plan, name: str, *, progress: Progress | None = None) -> Conducted:
    """Measure the cells of an experiment that have no result yet, and write its figure.

    Raises:
        ArchiveError: Processes died; run again, finished cells are kept.
    """
    experiment = EXPERIMENTS[name]
    cells = experiment.cells(plan.quick)
    measured = run_cells(cells, CellStore(plan.cells), measure_cell, workers=plan.workers, progress=progress)
    results = results_of(plan, experiment)
    if not results.rows:
        return Conducted(name, 0, 0, 0.0, None, ())
    figure = plan.images / f"{name}.png"
    figure.parent.mkdir(parents=True, exist_ok=True)
    experiment.figure(results).savefig(figure, metadata={"Software": None})
    return Conducted(name, len(cells), measured, results.seconds, figure, tuple(experiment.findings(results)))


def results_of(plan: Plan, experiment: Experiment) -> Results:
    """Read the results of an experiment's cells."""
    return Results.of(CellStore(plan.cells).rows(experiment.cells(plan.quick)))


def write_document(plan: Plan, conducted: Sequence[Conducted]) -> Path:
    """Write the document of a run; every verdict in it is decided from the findings."""
    sections = [
        Section(EXPERIMENTS[one.name], results_of(plan, EXPERIMENTS[one.name]), one.findings) for one in conducted
    ]
    plan.document.write_text(render_document(sections, quick=plan.quick), encoding="utf-8")
    return plan.document


def judge_statements(conducted: Sequence[Conducted]) -> list[dict[str, Any]]:
    """Say of each statement what the findings of all experiments add up to."""
    told = [finding for one in conducted for finding in one.findings]
    judged: list[dict[str, Any]] = []
    for statement in STATEMENTS:
        outcome = weigh([f for f in told if f.statement == statement.code])
        judged.append({
            "code": statement.code, "text": statement.text, "verdict": outcome.word, "when": list(outcome.under),
            "not_when": list(outcome.not_under), "undecided_when": list(outcome.undecided),
        })  # fmt: skip
    return judged


def averages(plan: Plan, name: str) -> dict[str, float]:
    """Average every number of an experiment over its seeds, named by its parameters."""
    collected: dict[str, list[float]] = {}
    for row in results_of(plan, EXPERIMENTS[name]).rows:
        where = " ".join(f"{k}={v}" for k, v in row.parameters.items())
        for number, value in row.numbers.items():
            collected.setdefault(f"{number} {where}", []).append(value)
    means = {name: sum(values) / len(values) for name, values in collected.items()}
    return {name: mean for name, mean in means.items() if mean == mean}


def cells_as_csv(plan: Plan, name: str) -> str:
    """Write every finished cell of an experiment as one line of a table."""
    rows = results_of(plan, EXPERIMENTS[name]).rows
    parameters = sorted({k for row in rows for k in row.parameters})
    numbers = sorted({k for row in rows for k in row.numbers})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*parameters, "seed", *numbers, "seconds"])
    for row in rows:
        given = [row.parameters.get(k, "") for k in parameters]
        writer.writerow([*given, row.seed, *(row.numbers.get(k, "") for k in numbers), row.seconds])
    return out.getvalue()
