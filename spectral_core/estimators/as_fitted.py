"""A fitted model as it stands, on spectra that it has not been trained on: told beside the verdict, never part of it.

On spectra that a model may have been trained on its predictions are no evidence, so none are asked for. Replacing
a region of a spectrum and asking again would not help: that mixes what the model uses with what it remembers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from spectral_core.errors import AuditError
from spectral_core.estimators.refit import REFUSALS, name_of
from spectral_core.inference import Estimate, balanced_mean
from spectral_core.splits import Codes, Design

FEWEST_UNITS = 5  # of each class: as many as the audit asks for before it gives an interval


@dataclass(frozen=True)
class AsFitted:
    """What a fitted model says of spectra from units that it has seen nothing of.

    Attributes:
        spectra: Number of such spectra.
        units: Number of their units.
        accuracy: Balanced accuracy on them; None where there are too few, or it is not known which they are.
        told: The same in a sentence.
    """

    spectra: int
    units: int
    accuracy: Estimate | None
    told: str

    def to_dict(self) -> dict[str, Any]:
        """Give the finding as plain values."""
        accuracy = {} if self.accuracy is None else self.accuracy.to_dict()
        return {"spectra": self.spectra, "units": self.units, "told": self.told, "accuracy": accuracy or None}


def came_fitted(estimator: Any) -> bool:
    """Say whether an estimator has been fitted.

    Example:
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> came_fitted(KNeighborsClassifier()), came_fitted(KNeighborsClassifier().fit([[0.0], [1.0]], [0, 1]))
        (False, True)
    """
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def ask_as_fitted(
    estimator: Any,
    spectra: Callable[[Codes], npt.NDArray[np.floating]],
    design: Design,
    seen: npt.NDArray[np.bool_] | None,
    *,
    alpha: float,
) -> AsFitted:
    """Classify the spectra of units that a fitted model was not trained on, with the model as it stands.

    Args:
        estimator: The fitted model.
        spectra: Gives the intensities of some of the n rows, preprocessed as for the model's training.
        design: Classes and units, copies kept together.
        seen: Which of the n spectra the model may have been trained on; None where that is not known.
        alpha: Error level of the interval.

    Raises:
        AuditError: The model refuses to classify.
    """
    if seen is None:
        said = "Which spectra the fitted model was trained on is not known, so it was not asked as it stands."
        return AsFitted(0, 0, None, said)
    rows = np.flatnonzero(~np.isin(design.unit, design.unit[seen]))
    if rows.size == 0:
        said = "The model as it stands was not asked: every unit of the archive was there when it was trained."
        return AsFitted(0, 0, None, said)
    new = design.subset(rows)
    if min(new.units_per_class) < FEWEST_UNITS:
        said = (
            f"The model as it stands was not asked: of the {new.n_units} units archived since its training some class "
            f"has fewer than {FEWEST_UNITS}."
        )
        return AsFitted(new.n, new.n_units, None, said)
    accuracy = balanced_mean(new, _credit(estimator, spectra(rows), new), alpha=alpha)
    said = (
        f"As it stands the model classifies the {new.n} spectra of {new.n_units} units archived since its training "
        f"with balanced accuracy {accuracy.value:.2f} ({accuracy.low:.2f}–{accuracy.high:.2f})."
    )
    return AsFitted(new.n, new.n_units, accuracy, said)


def check_channels(estimator: Any, channels: int) -> None:
    """Refuse a model that takes another number of channels than the spectra have.

    Raises:
        AuditError: It does.
    """
    takes = getattr(estimator, "n_features_in_", channels)
    if takes != channels:
        raise AuditError(f"model {name_of(estimator)}", f"{channels} channels, as the preprocessed spectra have",
                         f"{takes}", "Name the variant that it was trained on, or audit it elsewhere.")  # fmt: skip


def _credit(estimator: Any, x: npt.NDArray[np.floating], design: Design) -> npt.NDArray[np.float64]:
    names = getattr(estimator, "feature_names_in_", None)
    spectra: Any = np.asarray(x, dtype=np.float64)
    if names is not None:
        import pandas as pd  # it was fitted to a table, and warns of arrays

        spectra = pd.DataFrame(spectra, columns=names)
    try:
        said = np.asarray(estimator.predict(spectra)).ravel()
    except REFUSALS as error:
        raise AuditError(f"model {name_of(estimator)}", "a model that classifies the archive's spectra",
                         " ".join(str(error).split()) or type(error).__name__,
                         "Name the variant that it was trained on.") from error  # fmt: skip
    named = np.array([str(label) for label in said.tolist()])
    return np.asarray(named == np.asarray(design.classes)[design.codes], dtype=np.float64)
