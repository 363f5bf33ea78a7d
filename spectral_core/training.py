"""Cross-validation of one model on one variant: with units kept together, without, and region by region."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.linalg
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from spectral_core.errors import AuditError
from spectral_core.models import Model
from spectral_core.models.subsample import Subsample
from spectral_core.splits import Codes, Design, permuted_codes, random_folds, unit_folds

Floats = npt.NDArray[np.float64]
_SMALL = 1500  # below so many spectra or channels, threads of BLAS cost more than they bring


@dataclass(frozen=True)
class TrainedModel:
    """What cross-validation says of one model on one variant.

    Attributes:
        model: The model.
        variant: Text of the per-spectrum chain.
        predictions: Out-of-fold class codes (n) under "unit_folds" and "random_folds"; under unit folds also
            on each region that was given.
        folds: Number of the fold that held each spectrum out, under "unit_folds" and "random_folds".
        balanced_accuracy: Of each of `predictions`. Chance is one over the number of classes.
        recall: Class name to the share of its spectra predicted right under unit folds.
        permutations: Number of label permutations behind `p_association`.
        p_association: Share of permutations, the observed labels counted in, whose balanced accuracy under
            unit folds reaches the observed one; 1 where there were none.
        fit_seconds: Wall time of the fit to all spectra.
        pipeline: The pipeline fitted to all spectra; it predicts class names.
        subsample: What stood for all spectra, where they were too many for the model.
    """

    model: Model
    variant: str
    predictions: Mapping[str, Codes]
    folds: Mapping[str, Codes]
    balanced_accuracy: Mapping[str, float]
    recall: Mapping[str, float]
    permutations: int
    p_association: float
    fit_seconds: float
    pipeline: Pipeline
    subsample: Subsample | None = None

    def to_metrics(self) -> dict[str, float]:
        """Give the numbers by the names under which runs are compared; the same names for every model."""
        accuracies = {f"balanced_accuracy_{name}": value for name, value in self.balanced_accuracy.items()}
        recalls = {f"recall_{name}": value for name, value in self.recall.items()}
        association = {"p_association": self.p_association} if self.permutations else {}
        return {**accuracies, **association, **recalls, "fit_seconds": self.fit_seconds}

    def to_frame(self, design: Design, *, spectrum_ids: Sequence[str]) -> pd.DataFrame:
        """Give one row a spectrum: id, label, and for both kinds of folds the prediction and the fold."""

        def named(codes: Codes) -> object:  # a byte a spectrum, not a text
            return pd.Categorical.from_codes(codes, pd.Index(design.classes))

        columns: dict[str, object] = {"spectrum_id": list(spectrum_ids), "label": named(design.codes)}
        for kind, fold in self.folds.items():
            columns |= {f"predicted_{kind}": named(self.predictions[kind]), f"fold_{kind}": fold}
        return pd.DataFrame(columns)

    def __str__(self) -> str:
        said = f"balanced accuracy {self.balanced_accuracy['unit_folds']:.3f}, p = {self.p_association:.3g}"
        return f"{self.variant} · {self.model.text}: {said}"


def train(
    intensity: npt.ArrayLike,
    design: Design,
    *,
    model: Model,
    variant: str,
    regions: Mapping[str, npt.ArrayLike],
    folds: int,
    permutations: int,
    seed: int,
    workers: int = 1,
) -> TrainedModel:
    """Cross-validate a model, test its association with the labels, and fit it to all spectra.

    Args:
        intensity: n × d, preprocessed by the variant.
        design: Classes and units of the n spectra.
        model: The model.
        variant: Text of the variant, for the record.
        regions: Name to n × d' intensities, each cropped before it was preprocessed.
        folds: Number of folds.
        permutations: Number of label permutations, each a complete cross-validation; 0 for none.
        seed: Of folds, permutations and the model.
        workers: Processes that share the permutations; worth their start of some seconds for forests only.

    Raises:
        AuditError: One class only, intensities that are not finite or not n rows, or a model that cannot be
            fitted to them.
    """
    where = f"model {model.text!r} on variant {variant!r}"
    full = _checked(intensity, design, where)
    parts = {name: _checked(x, design, f"{where}, {name}") for name, x in regions.items()}
    units, mixed = unit_folds(design, k=folds, seed=seed), random_folds(design, k=folds, seed=seed)
    with threadpool_limits(1 if min(full.shape) < _SMALL else None), refusals_named(where):
        pipeline, fit_seconds = fit_to_all(model, full, design, seed)
        compact = compact_coordinates(full, model)

        def held_out(x: Floats, folds: Sequence[Codes]) -> Codes:
            return out_of_fold(model, x, design.codes, folds, seed)

        together = held_out(compact, units)
        predicted = {
            "unit_folds": together,
            "random_folds": held_out(compact, mixed) if design.has_replicates else together,
        } | {name: held_out(compact_coordinates(x, model), units) for name, x in parts.items()}
        null = null_accuracies(model, compact, design, units, n=permutations, seed=seed, workers=workers)
    accuracy = {name: balanced_accuracy(design.codes, p) for name, p in predicted.items()}
    return TrainedModel(
        model=model,
        variant=variant,
        predictions=predicted,
        folds={"unit_folds": fold_numbers(units), "random_folds": fold_numbers(mixed)},
        balanced_accuracy=accuracy,
        recall=recalls(design, predicted["unit_folds"]),
        permutations=permutations,
        p_association=share_reached(accuracy["unit_folds"], null),
        fit_seconds=fit_seconds,
        pipeline=pipeline,
    )


def balanced_accuracy(truth: Codes, predicted: Codes) -> float:
    """Average the share of right predictions over the classes that occur in `truth`.

    Example:
        >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
        0.8333333333333333
    """
    right = np.bincount(truth[truth == predicted], minlength=int(truth.max()) + 1)
    total = np.bincount(truth)
    return float((right[total > 0] / total[total > 0]).mean())


def share_reached(observed: float, null: Sequence[float]) -> float:
    """Give the share of labelings, the observed one counted in, that reach the observed accuracy.

    Example:
        >>> share_reached(0.7, [0.5, 0.7, 0.6])
        0.5
    """
    return (1 + sum(value >= observed - 1e-12 for value in null)) / (1 + len(null))


def null_accuracies(
    model: Model, x: Floats, design: Design, folds: Sequence[Codes], *, n: int, seed: int, workers: int = 1
) -> list[float]:
    """Cross-validate a model under n label permutations, each a complete one; give their balanced accuracies."""
    relabelled = permuted_codes(design, n=n, seed=seed).T
    found: list[float] = Parallel(n_jobs=workers, max_nbytes=None)(
        delayed(_accuracy)(model, x, codes, folds, seed) for codes in relabelled
    )
    return found


def fit_to_all(model: Model, x: Floats, design: Design, seed: int) -> tuple[Pipeline, float]:
    """Fit a model to n × d spectra and the names of their classes; give the wall time too."""
    started = time.perf_counter()
    pipeline = model.build(seed).fit(x, np.asarray(design.classes)[design.codes])
    return pipeline, time.perf_counter() - started


def _accuracy(model: Model, x: Floats, codes: Codes, folds: Sequence[Codes], seed: int) -> float:
    return balanced_accuracy(codes, out_of_fold(model, x, codes, folds, seed))


def out_of_fold(model: Model, x: Floats, codes: Codes, folds: Sequence[Codes], seed: int) -> Codes:
    """Predict the class codes of n × d spectra, each by a fit without its fold; −1 outside of all folds."""
    predicted = np.full(codes.size, -1, dtype=np.intp)
    for test in folds:
        training = np.ones(codes.size, dtype=np.bool_)
        training[test] = False
        seen = codes[training]
        if (seen == seen[0]).all():
            predicted[test] = seen[0]  # nothing to learn: one class is all that training shows
        else:
            predicted[test] = model.build(seed).fit(x[training], seen).predict(x[test])
    return predicted


def compact_coordinates(x: Floats, model: Model) -> Floats:
    """Give n spectra of d > n channels n coordinates with the same distances, where the model sees no more.

    With centred Xᵀ = QR, the rows of Rᵀ are those of X in the orthonormal basis Q: turned, not changed.
    """
    if not model.sees_only_distances or x.shape[1] <= x.shape[0]:
        return x
    triangle = scipy.linalg.qr((x - x.mean(axis=0)).T, mode="r", check_finite=False)[0]
    return np.ascontiguousarray(triangle[: x.shape[0]].T)


@contextmanager
def refusals_named(where: str) -> Iterator[None]:
    """Say which model and variant an estimator's refusal is about.

    Raises:
        AuditError: The estimator refused the spectra.
    """
    try:
        yield
    except ValueError as error:
        raise AuditError(where, "spectra that the model can be fitted to", " ".join(str(error).split()),
                         "Change the model's arguments, or use fewer folds.") from error  # fmt: skip


def check_design(design: Design, where: str) -> None:
    """Refuse to train on one class or one unit.

    Raises:
        AuditError: There is only one.
    """
    if len(design.classes) < 2:
        raise AuditError(f"{where}, labels", "two or more classes", f"one class, {design.classes[0]!r}",
                         "Add spectra of another class: accuracy has no meaning with one.")  # fmt: skip
    if design.n_units < 2:
        raise AuditError(f"{where}, units", "two or more units", "one", "Add spectra of another specimen.")


def _checked(intensity: npt.ArrayLike, design: Design, where: str) -> Floats:
    x = np.asarray(intensity, dtype=np.float64)
    check_design(design, where)
    if x.ndim != 2 or x.shape[0] != design.n or x.shape[1] == 0:
        raise AuditError(f"{where}, intensities", f"{design.n} spectra of one or more channels",
                         f"shape {x.shape}", "Pass one row for each label.")  # fmt: skip
    if not np.isfinite(x).all():
        row, channel = (int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise AuditError(f"{where}, spectrum {row + 1}, channel {channel + 1}", "a finite intensity",
                         str(x[row, channel]), "Leave the spectrum out or change the variant.")  # fmt: skip
    return x


def fold_numbers(folds: Sequence[Codes]) -> Codes:
    """Give the number of the fold that holds each spectrum out.

    Example:
        >>> fold_numbers([np.array([0, 2]), np.array([1])])
        array([0, 1, 0])
    """
    number = np.empty(sum(fold.size for fold in folds), dtype=np.intp)
    for f, fold in enumerate(folds):
        number[fold] = f
    return number


def recalls(design: Design, predicted: Codes) -> dict[str, float]:
    """Give for each class the share of its spectra that are predicted right."""
    own = {name: design.codes == code for code, name in enumerate(design.classes)}
    return {name: float((predicted[mask] == code).mean()) for code, (name, mask) in enumerate(own.items())}
