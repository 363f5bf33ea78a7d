"""The models of a study, trained on one variant and handed to the audit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from spectral_core.controls.blocks import make_blocks
from spectral_core.copies import keep_copies_together
from spectral_core.estimators import OutOfFold
from spectral_core.models import parse_model
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions
from spectral_core.splits import Design, make_design
from spectral_core.study import Study
from spectral_core.training import TrainedModel, train

REGIONS = ("bands", "off_band", "blank")  # the same for every variant, so that runs compare


def design_of(study: Study, spectra: xr.Dataset) -> Design:
    """Read classes and, where the study declares them, units and batches off spectra as archived."""
    declared = {role: spectra[role].values for role in ("unit", "batch") if getattr(study.samples, role)}
    return keep_copies_together(make_design(spectra["label"].values, **declared), spectra["intensity"].values)


def train_models(study: Study, measured: xr.Dataset, variant: xr.Dataset, *, chain: str) -> Iterator[TrainedModel]:
    """Cross-validate every model of the study on one variant, whole and region by region as the audit cuts it.

    Args:
        study: Models, regions, folds and seed.
        measured: Spectra as archived.
        variant: The same spectra preprocessed by the chain.
        chain: Text of the chain.
    """
    axis = np.asarray(measured["axis"].values)
    bands = study.band_intervals()
    regions = locate_regions(axis, axis_unit=study.reading.axis_unit, bands=bands, blanks=study.blank_intervals())
    full = np.asarray(variant["intensity"].values), np.asarray(variant["axis"].values)
    blocks = make_blocks(measured["intensity"].values, regions, bands, parse_variant(chain), preprocessed=full)
    for text in study.models:
        yield train(
            full[0],
            design_of(study, measured),
            model=parse_model(text),
            variant=chain,
            regions={name: blocks.by_name[name].matrix for name in REGIONS if name in blocks.by_name},
            folds=study.audit.folds,
            permutations=study.audit.model_permutations,
            seed=study.audit.seed,
            workers=study.compute.workers or 1,
        )


def keep_predictions(trained: TrainedModel, folder: Path) -> Path:
    """Write what the audit needs of a trained model into a folder; the same model and variant, the same file."""
    name = "".join(c if c.isalnum() else "-" for c in f"{trained.variant} {trained.model.text}")
    return OutOfFold.of(trained).save(folder / f"{name}.npz")


def kept_predictions(folder: Path, study: Study, design: Design) -> list[OutOfFold]:
    """Read what training left for the audit of this study; models it no longer names are passed over.

    Raises:
        AuditError: A file is from other spectra, folds or seeds.
    """
    found = [OutOfFold.load(path) for path in sorted(folder.glob("*.npz"))]
    variants = {str(parse_variant(text)) for text in study.variants}
    models = [parse_model(text).text for text in study.models]
    kept = [one for one in found if one.variant in variants and one.model in models]
    for one in kept:
        one.check(design, n_folds=study.audit.folds, seed=study.audit.seed)
    return sorted(kept, key=lambda one: models.index(one.model))
