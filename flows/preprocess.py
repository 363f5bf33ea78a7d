"""Archived spectra → one materialised variant for each chain of the study."""

from __future__ import annotations

from prefect import flow

from spectral_core.study import Study
from spectral_core.variants import VariantReference
from tasks.artifacts import label_run
from tasks.preprocessing import materialise_variant


@flow(name="preprocess", flow_run_name="preprocess {study.name} {snapshot:.10}")
def preprocess(study: Study, snapshot: str) -> list[VariantReference]:
    """Store every variant of the study at a snapshot, or reuse what is stored.

    Args:
        study: The study.
        snapshot: The archive's snapshot.
    """
    label_run(study, snapshot)
    return [materialise_variant(study, snapshot, chain) for chain in study.variants]
