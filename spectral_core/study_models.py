"""The models of a study, trained on one variant and handed to the audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.delayed import delayed

from spectral_core.controls.blocks import make_blocks
from spectral_core.copies import digest_of, keep_alike_together, keep_copies_together
from spectral_core.estimators import OutOfFold
from spectral_core.kept_models import keep_model, kept_model
from spectral_core.memory import fits_in_memory
from spectral_core.models import Model, parse_model
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import Regions, locate_regions
from spectral_core.splits import Design, make_design
from spectral_core.streamed_training import Stock, classified_blocks, train_streamed
from spectral_core.streaming.passes import Execution
from spectral_core.streaming.rows import Rows
from spectral_core.study import Study
from spectral_core.training import TrainedModel, train

REGIONS = ("bands", "off_band", "blank")  # the same for every variant, so that runs compare


def design_of(study: Study, spectra: xr.Dataset) -> Design:
    """Read classes and, where the study declares them, units and batches off spectra as archived.

    Args:
        study: Its sample sheet says what is declared.
        spectra: A Spectra dataset; of one too large for memory the rows are read a block at a time.
    """
    declared = {role: spectra[role].values for role in ("unit", "batch") if getattr(study.samples, role)}
    design, intensity = make_design(spectra["label"].values, **declared), spectra["intensity"]
    if _fits(study, spectra):
        return keep_copies_together(design, intensity.values)
    rows = Rows(intensity.data)
    execution = Execution(study.compute.scheduler, study.compute.workers)
    parts = execution.compute([delayed(_digests, pure=False)(rows.between(a, b)) for a, b in execution.ranges(rows)])
    digests = np.frombuffer(b"".join(parts), dtype=np.uint64).reshape(-1, 2)
    return keep_alike_together(design, digests, lambda row: rows[slice(row, row + 1)][0])


def _digests(rows: Rows) -> bytes:
    return b"".join(digest_of(row) for _, x in rows.blocks() for row in np.ascontiguousarray(x))


def loaded_if_small(study: Study, spectra: xr.Dataset) -> xr.Dataset:
    """Load a dataset that the study lets into memory (`compute.in_memory_mb`); leave another as it lies."""
    return spectra.load() if _fits(study, spectra) else spectra


def _fits(study: Study, spectra: xr.Dataset) -> bool:
    return fits_in_memory(*spectra["intensity"].shape, most=study.compute.in_memory_mb * 2**20)


def train_models(
    study: Study, measured: xr.Dataset, variant: xr.Dataset, *, chain: str, folder: Path, design: Design | None = None,
) -> Iterator[TrainedModel]:  # fmt: skip
    """Cross-validate every model of the study on one variant, whole and region by region as the audit cuts it.

    Each is on file, with its predictions for the audit, before it is given; one that is there already is read,
    unless it learned from a subsample and all spectra fit in memory now.
    Spectra that do not fit in memory (`compute.in_memory_mb`) are streamed: see `streamed_training`.

    Args:
        study: Models, regions, folds and seed.
        measured: Spectra as archived, loaded or lazy.
        variant: The same spectra preprocessed by the chain, loaded or lazy.
        chain: Text of the chain.
        folder: Where the models of this study and snapshot are kept.
        design: What `design_of` gives for `measured`, if it is known already.

    Raises:
        AuditError: A model cannot be fitted to the spectra.
        ArchiveError: The disk is full, or the folder cannot be written.
    """
    design, settings = design or design_of(study, measured), study.audit
    conduct: Any = {"folds": settings.folds, "permutations": settings.model_permutations, "seed": settings.seed}
    in_memory = _fits(study, measured)
    training = _in_memory if in_memory else _streamed
    models = [parse_model(text) for text in study.models]
    kept = [kept_model(folder, design, model=model, variant=chain, **conduct) for model in models]
    if in_memory:  # what rests on a subsample, as once all was too much, is trained on everything
        kept = [None if found is None or found.subsample else found for found in kept]
    left = [model for model, found in zip(models, kept, strict=True) if found is None]
    trained = training(study, measured, variant, chain, design, left, folder)
    for found in kept:
        yield found or next(trained)


def _in_memory(
    study: Study, measured: xr.Dataset, variant: xr.Dataset, chain: str, design: Design, models: Sequence[Model],
    folder: Path,
) -> Iterator[TrainedModel]:  # fmt: skip
    if not models:
        return
    settings, workers, full = study.audit, study.compute.workers or 1, variant["intensity"].values
    blocks = make_blocks(measured["intensity"].values, _regions(study, measured), study.band_intervals(),
                         parse_variant(chain), preprocessed=(full, np.asarray(variant["axis"].values)))  # fmt: skip
    regions = {name: blocks.by_name[name].matrix for name in REGIONS if name in blocks.by_name}
    for model in models:
        trained = train(
            full, design, model=model, variant=chain, regions=regions, folds=settings.folds,
            permutations=settings.model_permutations, seed=settings.seed, workers=workers,
        )  # fmt: skip
        keep_model(trained, folder)
        yield trained


def _streamed(
    study: Study, measured: xr.Dataset, variant: xr.Dataset, chain: str, design: Design, models: Sequence[Model],
    folder: Path,
) -> Iterator[TrainedModel]:  # fmt: skip
    stock = Stock(measured["intensity"].data, variant["intensity"].data)
    axis = np.asarray(variant["axis"].values)
    blocks = classified_blocks(_regions(study, measured), parse_variant(chain), axis)
    execution = Execution(study.compute.scheduler, study.compute.workers)
    for trained in train_streamed(
        stock, blocks, design, models, variant=chain, folds=study.audit.folds,
        permutations=study.audit.model_permutations, seed=study.audit.seed, execution=execution,
    ):  # fmt: skip
        keep_model(trained, folder)
        yield trained


def _regions(study: Study, measured: xr.Dataset) -> Regions:
    axis, unit = np.asarray(measured["axis"].values), study.reading.axis_unit
    return locate_regions(axis, axis_unit=unit, bands=study.band_intervals(), blanks=study.blank_intervals())


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
