"""Experiments behind the claim → their numbers, logged, and the document."""

from __future__ import annotations

from prefect import flow

from spectral_core.experiments.conduct import Conducted
from spectral_core.experiments.plan import Plan
from tasks.experiments import conduct_experiment, log_experiment, write_experiments


@flow(name="experiments", flow_run_name="experiments")
def experiments(plan: Plan) -> list[Conducted]:
    """Run every experiment of a plan; cells that have a result are not measured again.

    Args:
        plan: Which experiments, how thoroughly, and where.
    """
    conducted = []
    for name in plan.names:
        one = conduct_experiment(plan, name)
        log_experiment(plan, one)
        conducted.append(one)
    write_experiments(plan, conducted)
    return conducted
