"""Start the experiments from the command line, and say what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from flows.terminal import Terminal
    from spectral_core.experiments.conduct import Conducted
    from spectral_core.experiments.plan import Plan


def planned(folder: Path, *, quick: bool, only: list[str] | None) -> Plan:
    """Make the plan of a run.

    Raises:
        OffbandError: An unknown experiment, or a folder that is a file.
    """
    from spectral_core.experiments.plan import EXPERIMENT_NAMES, Plan

    return Plan(folder, quick, tuple(only) if only else EXPERIMENT_NAMES).checked()


def run_experiments(terminal: Terminal, plan: Plan) -> list[Conducted]:
    """Run the experiments of a plan."""
    from flows.prefect_session import prefect_session

    with prefect_session(terminal, plan):
        from flows.experiments import experiments

        return experiments(plan)


def answer_experiments(terminal: Terminal, plan: Plan, conducted: list[Conducted]) -> None:
    """Say what was measured, what the numbers say of each statement, and where the document is."""
    from flows.servers import mlflow_command
    from spectral_core.experiments.conduct import judge_statements

    judged, view = judge_statements(conducted), {"mlflow": mlflow_command(plan.tracking_uri)}
    table = Table("experiment", "cells", "measured now", "processor s", "figure", box=None, padding=(0, 2, 0, 0))
    for one in conducted:
        table.add_row(one.name, f"{one.cells:,}", f"{one.measured:,}", f"{one.seconds:,.0f}", str(one.figure or "–"))
    lines = [f"{told['text']}\n  {told['verdict']}" for told in judged]
    terminal.show(table, "", *lines, "", f"document  {plan.document}", f"mlflow    {view['mlflow']}")
    terminal.answer({
        "quick": plan.quick, "document": str(plan.document), "statements": judged,
        "experiments": [one.to_dict() for one in conducted], "view": view,
    })  # fmt: skip
