"""Somebody's fitted model on a study's archive: refitted for the verdict, asked as it stands about new spectra."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import xarray as xr

from spectral_core.audit import audit_study
from spectral_core.audit_report import AuditReport
from spectral_core.examination import Progress
from spectral_core.preprocessing import parse_variant
from spectral_core.study import Study
from spectral_core.study_models import design_of


def audit_model(
    study: Study,
    dataset: xr.Dataset,
    estimator: Any,
    *,
    variant: str,
    snapshot: str,
    trained_on: Collection[str] | None,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit a fitted classifier on the spectra of an archive snapshot.

    The verdict is about its recipe: the pipeline is cloned and refitted without each fold, as `audit_classifier`
    does. The model as it stands is asked only about spectra of units of which it has seen nothing; what it says of
    them stands beside the verdict in `report.content["estimator"]["as_fitted"]` and decides nothing.

    Args:
        study: Bands, blanks and settings; its models are not looked at.
        dataset: Spectra in the contract's schema.
        estimator: The fitted classifier or Pipeline.
        variant: Chain of per-spectrum steps that the model's spectra went through.
        snapshot: The archive's snapshot, for the record.
        trained_on: Ids of the archived spectra that the model may have been trained on; None where not known.
        progress: Called with (blocks done, blocks in all).

    Raises:
        AuditError: The model takes another number of channels, cannot be refitted, or predicts what is no class.
        StudyError: The variant does not parse.
    """
    from spectral_core.estimators.as_fitted import ask_as_fitted, check_channels

    chain, x, axis = parse_variant(variant), dataset["intensity"].values, dataset["axis"].values
    check_channels(estimator, chain.apply(x[:1], axis)[1].size)
    ids = [str(one) for one in dataset["spectrum_id"].values]
    seen = None if trained_on is None else np.isin(ids, sorted(trained_on))
    stands = ask_as_fitted(
        estimator, lambda rows: chain.apply(x[rows], axis)[0], design_of(study, dataset), seen, alpha=study.audit.alpha
    )  # fmt: skip
    narrowed = study.model_copy(update={"variants": (str(chain),), "models": ()})
    report = audit_study(narrowed, dataset, snapshot=snapshot, estimator=estimator, progress=progress)
    found = {**report.content["estimator"], "as_fitted": stands.to_dict()}
    return report.with_content(estimator=found, judged_by_why=f"{report.content['judged_by_why']} {stands.told}")
