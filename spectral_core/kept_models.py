"""Trained models on file: what an interrupted run has trained, the next one does not train again.

A model lies beside the out-of-fold predictions that the audit reads, in a folder of its study and snapshot. Its name
holds what made it: another release of offband or of scikit-learn trains anew.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import BadZipFile

from spectral_core.errors import AuditError, ReadError, room_for
from spectral_core.estimators import OutOfFold
from spectral_core.models import Model
from spectral_core.models.files import load_pipeline
from spectral_core.splits import Design, random_folds, unit_folds
from spectral_core.training import TrainedModel, fold_numbers

# Part of the name: raise it when training gives other numbers for the same text.
_EDITION = 1
_MAKERS = ("offband", "scikit-learn", "skops", "numpy")


def predictions_file(folder: Path, *, variant: str, model: str) -> Path:
    """Give the one place of the out-of-fold predictions of a model on a variant.

    Example:
        >>> predictions_file(Path("out-of-fold"), variant="raw | snv", model="pca(5) | ridge").name
        'raw---snv-pca-5----ridge.npz'
    """
    return folder / ("".join(c if c.isalnum() else "-" for c in f"{variant} {model}") + ".npz")


def keep_model(trained: TrainedModel, folder: Path) -> Path:
    """Write a trained model into a folder, its predictions last; give their file.

    Raises:
        ArchiveError: The disk is full, or the folder cannot be written.
    """
    import skops.io

    predictions = predictions_file(folder, variant=trained.variant, model=trained.model.text)
    place = _pipeline_file(predictions)
    aside = place.with_name(f".{place.name}.part")
    with room_for("a trained model", folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            aside.write_bytes(skops.io.dumps(trained.pipeline))
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)
    return OutOfFold.of(trained).save(predictions)


def kept_model(
    folder: Path, design: Design, *, model: Model, variant: str, folds: int, permutations: int, seed: int
) -> TrainedModel | None:
    """Read a trained model that `keep_model` wrote for the same design and settings; None where there is none.

    What cannot be read, or was trained on other spectra, folds or seeds, counts as none: it is trained anew.
    """
    predictions = predictions_file(folder, variant=variant, model=model.text)
    if not (predictions.is_file() and _pipeline_file(predictions).is_file()):
        return None
    try:
        kept, pipeline = OutOfFold.load(predictions), load_pipeline(_pipeline_file(predictions))
        kept.check(design, n_folds=folds, seed=seed)
    except (AuditError, ReadError, OSError, EOFError, BadZipFile, ValueError, KeyError):
        return None
    if (kept.model, kept.variant, kept.permutations) != (model.text, variant, permutations):
        return None
    together, mixed = unit_folds(design, k=folds, seed=seed), random_folds(design, k=folds, seed=seed)
    return TrainedModel(
        model=model,
        variant=variant,
        predictions=kept.predictions,
        folds={"unit_folds": fold_numbers(together), "random_folds": fold_numbers(mixed)},
        balanced_accuracy=_part_of(kept, "balanced_accuracy_"),
        recall=_part_of(kept, "recall_"),
        permutations=permutations,
        p_association=kept.p_association,
        fit_seconds=kept.metrics["fit_seconds"],
        pipeline=pipeline,
        subsample=kept.subsample,
    )


def _pipeline_file(predictions: Path) -> Path:
    makers = hashlib.sha256(f"{_EDITION} {[_version(name) for name in _MAKERS]}".encode()).hexdigest()
    return predictions.with_suffix(f".{makers[:12]}.skops")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _part_of(kept: OutOfFold, prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in kept.metrics.items() if name.startswith(prefix)}
