"""Joint and conditional permutation of a band between spectra, without drawing permutations.

The probe is linear: exchanging a band's channels between two held-out spectra exchanges one number per indicator,
the band's contribution to the score. So the mean over all permutations is a mean over pairs of spectra, exact.
Conditional permutation exchanges only what the rest of the spectrum does not predict of the contribution, by ridge
regression fitted without the spectrum's fold (Chamma, Engemann & Thirion, NeurIPS 2023): what a band adds beyond
channels that move with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spectral_core.inference import credit
from spectral_core.regions import Mask
from spectral_core.relevance.linear_model import FoldModel, LinearModel, cross_fitted_residuals
from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
_DONORS = 256  # spectra whose band is lent to each; more only cost


def contributions(model: LinearModel, folds: Sequence[FoldModel], channels: Mask) -> list[Floats]:
    """Compute what some channels add to every spectrum's score (n × m) under the fit without each fold."""
    return [model.z[:, channels] @ fold.weights[channels, 0] for fold in folds]


def conditional_parts(hat_of_rest: Floats, folds: Sequence[FoldModel], parts: Sequence[Floats]) -> list[Floats]:
    """Compute what the rest of the spectrum does not predict of each contribution (n × m a fold)."""
    rows = [fold.rows for fold in folds]
    left = cross_fitted_residuals(hat_of_rest, rows, np.hstack(parts))
    return list(np.split(left, len(parts), axis=1))


def exchange_loss(design: Design, folds: Sequence[FoldModel], parts: Sequence[Floats]) -> Floats:
    """Compute how much credit each spectrum loses on average over donors of its part of the score.

    Donors are the held-out spectra of the same fold from other units; where a fold holds one unit, all
    spectra of other units. With more than 256 of them, 256 evenly spread ones.

    Args:
        design: Classes and units of n spectra.
        folds: The fits without each fold; their first labeling is the observed one.
        parts: n × m values to exchange, one array a fold.

    Returns:
        n losses of credit, −1 to 1.
    """
    lost = np.zeros(design.n)
    n_classes = len(design.classes)
    for fold, part in zip(folds, parts, strict=True):
        own, observed = design.codes[fold.rows], fold.scores[:, 0]
        before = credit(fold.exchanged_margins(fold.scores[:, :1], own), n_classes)[:, 0]
        donors = _donors(design, fold.rows)
        scores = (observed - part[fold.rows])[:, None, :] + part[donors][None]
        lent = design.unit[fold.rows][:, None] != design.unit[donors]
        after = credit(fold.exchanged_margins(scores, own), n_classes)
        share = (after * lent).sum(axis=1) / np.maximum(lent.sum(axis=1), 1)
        lost[fold.rows] = np.where(lent.any(axis=1), before - share, 0.0)
    return lost


def _donors(design: Design, rows: Codes) -> Codes:
    single = np.unique(design.unit[rows]).size == 1
    pool = np.setdiff1d(np.arange(design.n), rows) if single else rows
    return pool if pool.size <= _DONORS else pool[np.linspace(0, pool.size - 1, _DONORS).astype(np.intp)]
