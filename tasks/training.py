"""Train and log the models of a study on one variant."""

from __future__ import annotations

from typing import Any

from spectral_core.archive import open_archive
from spectral_core.study import Study
from spectral_core.study_models import design_of, loaded_if_small, train_models
from spectral_core.variants import VariantReference, open_variant
from tasks.auditing import predictions_folder
from tasks.policy import pure_task
from tasks.progress import Progress
from tasks.tracking import RunReference, log_model_run


@pure_task(name="train on variant", run_name="{variant.chain}")
def train_on_variant(study: Study, variant: VariantReference, parent: RunReference) -> list[dict[str, Any]]:
    """Cross-validate every model of the study on one variant, each logged as a child of the parent run.

    One task a variant, not one a model: the regions cropped for one model serve them all. A model that an interrupted
    run has trained on this snapshot is logged as it is.

    Returns:
        For each model and variant its MLflow run and metrics.
    """
    measured = loaded_if_small(study, open_archive(study.archive).open(variant.snapshot))
    spectra = loaded_if_small(study, open_variant(variant))
    told = Progress(f"training on {variant.chain}")
    about = {**_about(study, measured, spectra), "snapshot": variant.snapshot}
    folder, rows = predictions_folder(study, variant.snapshot), list[dict[str, Any]]()
    design, chain = about["design"], variant.chain
    for result in train_models(study, measured, spectra, chain=chain, folder=folder, design=design):
        run = log_model_run(parent, result, **about)
        named = {"model": result.model.text, "variant": variant.chain, "run_id": run.run_id}
        rows.append({**named, "judged_by": "refits", "metrics": result.to_metrics()})
        told(len(rows), len(study.models))
    return rows


def _about(study: Study, measured: Any, spectra: Any) -> dict[str, Any]:
    return {
        "design": design_of(study, measured), "spectrum_ids": list(spectra["spectrum_id"].values),
        "axis": spectra["axis"].values, "axis_unit": study.reading.axis_unit, "seed": study.audit.seed,
        # the mean, so that nobody's own spectrum leaves the archive
        "example": spectra["intensity"].mean("sample", dtype="float64").values[None],
    }  # fmt: skip
