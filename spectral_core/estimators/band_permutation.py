"""What a fitted model loses when a region is exchanged between held-out spectra: no refit, no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectral_core.estimators.refit import Refits
from spectral_core.inference import Floats
from spectral_core.regions import Mask
from spectral_core.splits import Codes, Design

_REPEATS = 10
_STREAM = 11  # of the audit's seed


@dataclass(frozen=True)
class RegionLoss:
    """Loss of balanced accuracy when a region's channels are exchanged between spectra.

    `loss` is the mean over `repeats` exchanges, `sd` their standard deviation; a region the model does not
    use loses 0. In correlated spectra a region may lose nothing because another tells the same.
    """

    region: str
    n_channels: int
    loss: float
    sd: float
    repeats: int

    def to_dict(self) -> dict[str, Any]:
        """Give the loss as plain values."""
        return dict(self.__dict__)


def permute_regions(
    refits: Refits,
    fitted: Sequence[Any],
    x: Floats,
    design: Design,
    folds: Sequence[Codes],
    regions: Mapping[str, Mask],
    *,
    seed: int,
) -> tuple[RegionLoss, ...]:
    """Exchange each region jointly between the held-out spectra of a fold and classify them again.

    Where units have replicates the region moves between units: every spectrum gets it from one spectrum of
    another unit, the same other unit for all its replicates. Class and region part; the region's own
    correlations stay (Breiman, Machine Learning 45:5, 2001, there per feature).

    Args:
        refits: The estimator.
        fitted: The model fitted without each fold.
        x: n × d intensities that the models were fitted to.
        design: Classes and units.
        folds: Held-out spectra of each fold.
        regions: Name to mask of d channels.
        seed: Of the exchanges.
    """
    rng = np.random.default_rng([seed, _STREAM])
    observed = _accuracy(refits, fitted, x, design, folds)
    found = []
    for name, mask in regions.items():
        losses = []
        for _ in range(_REPEATS):
            exchanged = x.copy()
            for fold in folds:
                exchanged[np.ix_(fold, np.flatnonzero(mask))] = x[np.ix_(_donors(design.unit[fold], fold, rng), mask)]
            losses.append(observed - _accuracy(refits, fitted, exchanged, design, folds))
        found.append(RegionLoss(name, int(mask.sum()), float(np.mean(losses)), float(np.std(losses)), _REPEATS))
    return tuple(found)


def _donors(unit: Codes, fold: Codes, rng: np.random.Generator) -> Codes:
    """For each spectrum of a fold, the spectrum it gets the region from."""
    names, own = np.unique(unit, return_inverse=True)
    donor = rng.permutation(names.size)[own]
    members = [fold[own == u] for u in range(names.size)]
    return np.array([members[d][rng.integers(members[d].size)] for d in donor], dtype=np.intp)


def _accuracy(refits: Refits, fitted: Sequence[Any], x: Floats, design: Design, folds: Sequence[Codes]) -> float:
    held = refits.classify(fitted, x, design.codes, folds, where="regions exchanged")
    return held.accuracy(design, design.codes)[0]
