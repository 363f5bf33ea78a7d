"""Variants → cross-validated models, logged."""

from __future__ import annotations

from typing import Any

from prefect import flow

from spectral_core.study import Study
from spectral_core.variants import VariantReference
from tasks.artifacts import label_run
from tasks.tracking import RunReference
from tasks.training import train_on_variant


@flow(name="train", flow_run_name="train {study.name}")
def train(study: Study, variants: list[VariantReference], run: RunReference) -> list[dict[str, Any]]:
    """Train every model of the study on every variant.

    Args:
        study: The study.
        variants: What preprocessing stored.
        run: The MLflow run that the models' runs belong to.
    """
    label_run(study, variants[0].snapshot)
    return [row for variant in variants for row in train_on_variant(study, variant, run)]
