"""Models from the simplest to the most complex, in the order in which the ladder climbs them, and a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def spectrum_norms(x: Floats) -> Floats:
    """Give the Euclidean norm of each spectrum as an n × 1 matrix."""
    return np.asarray(np.sqrt((x**2).sum(axis=1, keepdims=True)))


def _norm_alone(seed: int) -> Any:
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    return make_pipeline(FunctionTransformer(spectrum_norms), StandardScaler(), GaussianNB())


def _of_the_house(text: str) -> Callable[[int], Any]:
    def build(seed: int) -> Any:
        from spectral_core.models import parse_model

        return parse_model(text).build(seed)

    return build


def _lda(seed: int) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _naive_bayes(seed: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _gradient_boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=30, min_samples_leaf=5, random_state=seed)


def _perceptron(seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # stopped by the number of steps alone, so that nothing is held out from few spectra
    network = MLPClassifier((64, 32), max_iter=60, tol=0.0, n_iter_no_change=61, random_state=seed)
    return make_pipeline(StandardScaler(), network)


LADDER: Mapping[str, Callable[[int], Any]] = {
    "norm alone": _norm_alone,
    "ridge": _of_the_house("ridge"),
    "LDA": _lda,
    "PLS-DA": _of_the_house("pls-da"),
    "k-NN": _of_the_house("k-nn"),
    "naive Bayes": _naive_bayes,
    "SVM (RBF)": _of_the_house("svm-rbf"),
    "random forest": _of_the_house("random-forest"),
    "gradient boosting": _gradient_boosting,
    "perceptron": _perceptron,
}
"""Name to a maker of the unfitted classifier, given a seed."""
NORM = "norm alone"
"""One number made by hand for noise that differs: a line to compare with, no rung."""
RUNGS = tuple(name for name in LADDER if name != NORM)
LINEAR = ("ridge", "LDA", "PLS-DA")
NONLINEAR = tuple(name for name in RUNGS if name not in LINEAR)


def fit_quietly(model: Any, x: Floats, y: npt.NDArray[Any]) -> Any:
    """Fit a model; that a perceptron stopped at its number of steps is meant."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)
