"""How accuracies of experiments are measured: on spectra that were not trained on, classes weighing the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.cells import Parameter
from spectral_core.experiments.results import Results
from spectral_core.probe import fit_probe
from spectral_core.splits import make_design, random_folds, unit_folds

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def balanced_accuracy(truth: npt.NDArray[Any], told: npt.NDArray[Any]) -> float:
    """Average the share of right answers over the classes.

    Example:
        >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
        0.8333333333333333
    """
    return float(np.mean([(told[truth == c] == c).mean() for c in np.unique(truth)]))


def held_out_accuracy(
    model: Any, x: Floats, codes: Codes, *, train: npt.NDArray[np.generic], test: npt.NDArray[np.generic]
) -> float:
    """Fit a scikit-learn classifier on some spectra and score it on others."""
    return balanced_accuracy(codes[test], model.fit(x[train], codes[train]).predict(x[test]))


def probe_accuracy(
    x: Floats, label: npt.NDArray[Any], *, unit: npt.NDArray[Any] | None = None, seed: int, together: bool = True
) -> float:
    """Cross-validate the audit's probe in five folds: units together, or as if every spectrum were independent."""
    design = make_design(label, unit=unit)
    folds = (unit_folds if together else random_folds)(design, k=5, seed=seed)
    probe = fit_probe(x, unit=design.unit if together else None)
    return float(probe.judge(design.codes[:, None], folds, len(design.classes)).accuracy[0])


def cross_validated(
    model: Any, x: Floats, label: npt.NDArray[Any], *, unit: npt.NDArray[Any] | None = None, seed: int
) -> float:
    """Cross-validate a scikit-learn classifier in five folds that keep units together."""
    design = make_design(label, unit=unit)
    told = np.empty(design.n, dtype=np.intp)
    for fold in unit_folds(design, k=5, seed=seed):
        train = np.setdiff1d(np.arange(design.n), fold)
        told[fold] = model.fit(x[train], design.codes[train]).predict(x[fold])
    return balanced_accuracy(design.codes, told)


def by_seed(results: Results, number: str, **wanted: Parameter) -> dict[int, float]:
    """Give a number of the rows with these parameters under their seeds."""
    return {row.seed: row.numbers[number] for row in results.where(**wanted).rows if number in row.numbers}


def best_apart(scores: Mapping[str, Mapping[int, float]]) -> dict[int, float]:
    """Score the best of several at each seed, chosen by its mean over the other half of the seeds.

    The best on the same seeds would owe part of its lead to their luck. Halves are every second seed; of a single
    seed, where nothing is left to choose by, that seed itself.

    Args:
        scores: Name to its score at every seed; all have the same seeds.

    Example:
        >>> best_apart({"a": {0: 0.9, 1: 0.5}, "b": {0: 0.6, 1: 0.8}})
        {0: 0.6, 1: 0.5}
    """
    seeds = sorted(next(iter(scores.values())))
    told = {}
    for i, seed in enumerate(seeds):
        others = seeds[(i + 1) % 2 :: 2] or seeds
        best = max(scores, key=lambda name: np.mean([scores[name][s] for s in others]))
        told[seed] = scores[best][seed]
    return told
