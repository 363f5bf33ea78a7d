"""Train and log the models of a study on one variant."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from spectral_core.archive import open_archive
from spectral_core.models import parse_model
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions
from spectral_core.splits import Design, make_design
from spectral_core.study import Study
from spectral_core.training import crop_then_apply, train
from spectral_core.variants import VariantReference, open_variant
from tasks.policy import pure_task
from tasks.progress import Progress
from tasks.tracking import RunReference, log_model_run


@pure_task(name="train on variant", run_name="{variant.chain}")
def train_on_variant(study: Study, variant: VariantReference, parent: RunReference) -> list[dict[str, Any]]:
    """Cross-validate every model of the study on one variant, each logged as a child of the parent run.

    One task a variant, not one a model: the regions cropped for one model serve them all.

    Returns:
        For each model what the report shows: model, variant, what judged it, metrics.
    """
    spectra, told = open_variant(variant).load(), Progress(f"training on {variant.chain}")
    design, regions = design_of(study, spectra), _regions(study, variant)
    rows = []
    for done, text in enumerate(study.models, start=1):
        result = train(
            spectra["intensity"].values, design, model=parse_model(text), variant=variant.chain, regions=regions,
            folds=study.audit.folds, permutations=study.audit.model_permutations, seed=study.audit.seed,
            workers=study.compute.workers or 1,
        )  # fmt: skip
        log_model_run(
            parent, result, design=design, spectrum_ids=list(spectra["spectrum_id"].values),
            axis=spectra["axis"].values, axis_unit=study.reading.axis_unit, seed=study.audit.seed,
        )  # fmt: skip
        rows.append(
            {"model": text, "variant": variant.chain, "judged_by": "refits", "metrics": result.to_metrics()}
        )
        told(done, len(study.models))
    return rows


def design_of(study: Study, spectra: xr.Dataset) -> Design:
    """Read classes and, where the study declares them, units and batches off archived spectra."""
    declared = {role: spectra[role].values for role in ("unit", "batch") if getattr(study.samples, role)}
    return make_design(spectra["label"].values, **declared)


def _regions(study: Study, variant: VariantReference) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    measured = open_archive(study.archive).open(variant.snapshot)
    axis = np.asarray(measured["axis"].values)
    regions = locate_regions(
        axis, axis_unit=study.reading.axis_unit, bands=study.band_intervals(), blanks=study.blank_intervals()
    )
    chain = parse_variant(variant.chain)
    return crop_then_apply(measured["intensity"].values, axis, chain=chain, regions=regions)
