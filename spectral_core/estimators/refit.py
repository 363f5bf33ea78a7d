"""Refit a scikit-learn classifier without a fold, and classify the fold."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone, is_regressor
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator

from spectral_core.errors import AuditError
from spectral_core.inference import Floats, class_means
from spectral_core.splits import Codes, Design

# what a third party's fit or predict may raise; anything else (an interrupt, no memory) is not about the data
REFUSALS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_TIE = 1e-6  # weight of the mean margin beside the balanced accuracy: it only breaks ties


@dataclass(frozen=True)
class HeldOut:
    """Of each spectrum the class code it was given by a model that had not seen its fold, and its margin.

    The margin is that of the label: the decision function or probability of the own class over the best other
    one, squashed into (−1, 1); 0 where the estimator offers neither. NaN and −1 as code: not judged.
    """

    predicted: Codes
    margin: Floats

    def credit(self, codes: Codes) -> Floats:
        """Give 1 to each spectrum classified right, 0 to the others."""
        return np.asarray((self.predicted == codes).astype(np.float64))

    def accuracy(self, design: Design, codes: Codes) -> tuple[float, float]:
        """Compute the balanced accuracy, and with the mean margin added as a tie-breaker."""
        plain = float(class_means(design, codes[:, None], self.credit(codes)[:, None])[0])
        return plain, plain + _TIE * float(class_means(design, codes[:, None], self.margin[:, None])[0])


def prepare(estimator: Any, *, seed: int) -> Any:
    """Clone an estimator, unfitted, and set every random state that is None, also inside pipelines.

    Raises:
        AuditError: It is no scikit-learn classifier, or a step is frozen: fitted before, perhaps on the
            spectra that are to be held out.
    """
    if not all(hasattr(estimator, name) for name in ("fit", "predict", "get_params")) or is_regressor(estimator):
        raise AuditError("estimator", "a scikit-learn classifier or Pipeline", f"{type(estimator).__name__}",
                         "Pass an unfitted classifier, such as make_pipeline(StandardScaler(), SVC()).")  # fmt: skip
    parts = {"": estimator, **estimator.get_params(deep=True)}
    frozen = [name or "the estimator" for name, part in parts.items() if isinstance(part, FrozenEstimator)]
    if frozen:
        raise AuditError(f"estimator {name_of(estimator)}, {frozen[0]}", "steps that are refitted in every fold",
                         "a FrozenEstimator", "Pass the step unfrozen.")  # fmt: skip
    prepared = clone(estimator)
    states = {
        name: seed for name, value in parts.items() if name.rpartition("__")[2] == "random_state" and value is None
    }
    splitters = {  # such as cv=KFold(shuffle=True) of a grid search
        name: _with_state(value, seed)
        for name, value in parts.items()
        if name and not hasattr(value, "get_params") and getattr(value, "random_state", seed) is None
    }
    return prepared.set_params(**states, **splitters)


def _with_state(splitter: Any, seed: int) -> Any:
    seeded = copy.copy(splitter)
    seeded.random_state = seed
    return seeded


def name_of(estimator: Any) -> str:
    """Name an estimator by its class, a pipeline by the classes of its steps."""
    steps = getattr(estimator, "steps", None)
    return " | ".join(type(step).__name__ for _, step in steps) if steps else type(estimator).__name__


@dataclass(frozen=True)
class Refits:
    """A prepared estimator, its name for messages, and the class names it is given as labels."""

    estimator: Any
    name: str
    classes: tuple[str, ...]

    def held_out(
        self, x: Floats, codes: Codes, held: Sequence[Codes], *, judged: Sequence[Codes] | None = None, where: str
    ) -> HeldOut:
        """Fit without each fold and classify it, or of it only what is judged.

        Args:
            x: n × d intensities.
            codes: n class codes; the estimator sees the class names.
            held: Spectra held out together.
            judged: Of each fold, the spectra to classify; all by default.
            where: The block of channels and the labels, for messages.

        Raises:
            AuditError: The estimator refuses a training set, or predicts what is no class.
        """
        fitted = self.fit(x, codes, held, where=where)
        return self.classify(fitted, x, codes, held if judged is None else judged, where=where)

    def fit(self, x: Floats, codes: Codes, held: Sequence[Codes], *, where: str) -> list[Any]:
        """Fit one clone without each fold; a training set of one class gives the model that predicts it."""
        names, fitted = np.asarray(self.classes), []
        for number, fold in enumerate(held, start=1):
            training = np.ones(codes.size, dtype=np.bool_)
            training[fold] = False
            single = np.unique(codes[training]).size == 1
            model = DummyClassifier(strategy="most_frequent") if single else clone(self.estimator)
            place = f"{where}, fold {number} of {len(held)}"
            with self._refusals(place):
                fitted.append(model.fit(x[training], names[codes[training]]))
        return fitted

    def classify(
        self, fitted: Sequence[Any], x: Floats, codes: Codes, judged: Sequence[Codes], *, where: str
    ) -> HeldOut:
        """Classify each fold with the model fitted without it."""
        predicted, margin = np.full(codes.size, -1, dtype=np.intp), np.full(codes.size, np.nan)
        for number, (model, rows) in enumerate(zip(fitted, judged, strict=True), start=1):
            place = f"{where}, fold {number} of {len(judged)}"
            with self._refusals(place):
                said = np.asarray(model.predict(x[rows]))
                margin[rows] = self._margins(model, x[rows], codes[rows])
            predicted[rows] = self._codes(said, rows.size, place)
        return HeldOut(predicted, margin)

    @contextmanager
    def _refusals(self, place: str) -> Iterator[None]:
        try:
            yield
        except REFUSALS as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise AuditError(f"estimator {self.name}, {place}", "an estimator that can be refitted and asked", said,
                             "Let every step accept this many spectra, channels and classes, "
                             "or use fewer folds.") from error  # fmt: skip

    def _codes(self, said: npt.NDArray[Any], n: int, place: str) -> Codes:
        known = {name: code for code, name in enumerate(self.classes)}
        labels = said.ravel().tolist()
        strange = [label for label in labels if label not in known]
        if len(labels) != n or strange:
            found = f"{strange[0]!r}" if strange else f"shape {said.shape}"
            raise AuditError(f"estimator {self.name}, {place}", f"one of the classes for each of {n} spectra", found,
                             "Let predict return the labels that fit was given.")  # fmt: skip
        return np.array([known[label] for label in labels], dtype=np.intp)

    def _margins(self, model: Any, x: Floats, codes: Codes) -> Floats:
        ask = getattr(model, "decision_function", None) or getattr(model, "predict_proba", None)
        known = [str(name) for name in getattr(model, "classes_", ())]
        if ask is None or not known:
            return np.zeros(codes.size)
        scores = np.asarray(ask(x), dtype=np.float64)
        if scores.ndim == 1:
            scores = np.column_stack([-scores, scores])
        if not np.isfinite(scores).all():
            raise ValueError("scores that are not finite")
        if scores.shape != (codes.size, len(known)) or len(known) < 2:
            return np.zeros(codes.size)
        column = np.array([known.index(name) if name in known else -1 for name in self.classes])[codes]
        own = np.take_along_axis(scores, column[:, None], axis=1)[:, 0]
        others = np.where(np.arange(len(known)) == column[:, None], -np.inf, scores).max(axis=1)
        return np.where(column < 0, -1.0, np.clip((own - others) / (1 + np.abs(own - others)), -1.0, 1.0))
