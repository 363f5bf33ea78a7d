"""What a probe would achieve without a group of units, neither learnt from nor judged: refits in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from spectral_core.probe.centroids import centroid_margins
from spectral_core.probe.ridge import symmetric_inverse, training_leverage
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]


def accuracy_without(
    complement: Floats, observed: Codes, folds: Sequence[Codes], groups: Codes, *, count: int, unit: Codes
) -> Floats:
    """Compute the balanced accuracy of the cross-validated probe with each group of units left out and refitted.

    Penalty and mean leverage stay those of all units. With T a fold and g a group, residuals of the model that has
    seen neither follow from those of the fold by one Schur complement: with A = G_TT⁻¹, r_T = A(Gy)_T and
    S = G_gg − G_gT A G_Tg, it is r_g = S⁻¹((Gy)_g − G_gT r_T), and r_T − A G_Tg r_g in the fold.

    Args:
        complement: G = I − H, n × n, see `probe.ridge`.
        observed: Class 0 or 1 of n rows.
        folds: Rows held out together; they cover each row once.
        groups: Group of each of n rows, 0 to J − 1; a group that holds none of them leaves the accuracy as it is.
        count: J.
        unit: Unit of each of n rows.

    Returns:
        J accuracies; one half where a class has no unit left.
    """
    right = np.full((count, observed.size), np.nan)
    for fold in folds:
        for g, rows, credit in _refitted(complement, observed, fold, groups, unit=unit, count=count):
            right[g, rows] = credit
    accuracy = np.full(count, 0.5)
    for g, credits in enumerate(right):
        of_class = [credits[(observed == c) & (groups != g)] for c in (0, 1)]
        if all(part.size for part in of_class):
            accuracy[g] = sum(part.mean() for part in of_class) / 2.0
    return accuracy


def _refitted(
    complement: Floats, observed: Codes, fold: Codes, groups: Codes, *, unit: Codes, count: int
) -> Iterator[tuple[int, Codes, Floats]]:
    """Each group that is left out, the rows of the fold that remain, and their credits."""
    n, y = observed.size, observed.astype(np.float64)
    fitted = complement @ y
    inverse = symmetric_inverse(complement[np.ix_(fold, fold)])
    leverage = training_leverage(complement, unit, fold, inverse)
    alone = inverse @ fitted[fold]
    reach = inverse @ complement[fold]
    inside = np.zeros(n, dtype=np.bool_)
    inside[fold] = True
    for g in range(count):
        gone = np.flatnonzero((groups == g) & ~inside)
        schur = complement[np.ix_(gone, gone)] - complement[np.ix_(gone, fold)] @ reach[:, gone]
        lost = np.linalg.solve(schur, fitted[gone] - complement[np.ix_(gone, fold)] @ alone)
        unseen = alone - reach[:, gone] @ lost
        ones = y.sum() - y[fold].sum() - y[gone].sum()
        total = ones - y @ fitted + unseen @ fitted[fold] + lost @ fitted[gone]
        kept = groups[fold] != g
        margin = centroid_margins(
            (y[fold] - unseen)[kept, None, None], np.full((1, 1, 1), total), np.full((1, 1), ones),
            n - fold.size - gone.size, observed[fold][kept, None], leverage=leverage,
        )[:, 0]  # fmt: skip
        yield g, fold[kept], np.where(margin > 0, 1.0, np.where(margin == 0, 0.5, 0.0))
