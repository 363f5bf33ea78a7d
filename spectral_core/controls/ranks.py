"""How well one number of each spectrum tells classes apart, for every labeling at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from spectral_core.packed_labels import Labelled, labels_of

Floats = npt.NDArray[np.float64]
_WIDEST = 256  # labelings handled together: their counts stay in the cache,
_NUMBERS = 8_000_000  # and those of many spectra in memory


def pair_aucs(values: Floats, codes: Labelled, n_classes: int) -> Floats:
    """Compute AUC = P(value in a < value in b) + ½ P(equal) for each pair of classes a < b and each labeling.

    Args:
        values: n numbers.
        codes: n × P class codes, one labeling a column.
        n_classes: Number of classes C.

    Returns:
        C(C − 1)/2 × P areas; 0.5 where a class of the pair is empty. Pairs are in the order of
        `itertools.combinations`.

    Example:
        >>> pair_aucs(np.array([1.0, 2.0, 2.0, 3.0]), np.array([[0], [0], [1], [1]]), 2)
        array([[0.875]])
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    starts = np.flatnonzero(np.r_[True, ascending[1:] != ascending[:-1]])
    pairs = list(combinations(range(n_classes), 2))
    found = np.full((len(pairs), codes.shape[1]), 0.5)
    for columns in label_columns(codes.shape, n_classes):
        drawn = labels_of(codes, columns, order)
        counts = [_tied((drawn == c).astype(np.float64), starts) for c in range(n_classes)]
        below = [np.cumsum(count, axis=0) - count / 2 for count in counts[:-1]]
        sizes = [count.sum(axis=0) for count in counts]
        for row, (a, b) in enumerate(pairs):
            possible = sizes[a] * sizes[b]
            wins = np.einsum("gp,gp->p", counts[b], below[a])
            found[row, columns] = np.where(possible > 0, wins / np.maximum(possible, 1.0), 0.5)
    return found


def macro_auc(pairs: Floats) -> Floats:
    """Average max(AUC, 1 − AUC) over the pairs of classes: 0.5 tells nothing, 1 separates every pair."""
    return np.asarray(np.maximum(pairs, 1.0 - pairs).mean(axis=0))


def comparable(statistics: Floats) -> Floats:
    """Bring m × (1 + P) statistics to one scale, each by mean and deviation over all its labelings.

    The observed labeling counts among the others, so that permutation tests stay exact; step-down maxT then
    weighs all m alike.
    """
    spread = statistics.std(axis=1, keepdims=True)
    return np.asarray((statistics - statistics.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0))


def _tied(indicators: Floats, starts: npt.NDArray[np.intp]) -> Floats:
    """Add up spectra of equal value."""
    return indicators if starts.size == indicators.shape[0] else np.add.reduceat(indicators, starts, axis=0)


def label_columns(shape: tuple[int, ...], n_classes: int) -> Iterator[slice]:
    """Cut P labelings of n spectra into blocks whose counts of C classes stay small; 256 labelings at most."""
    n, p = shape
    width = max(1, min(_WIDEST, _NUMBERS // max(1, n * n_classes)))
    return (slice(start, min(start + width, p)) for start in range(0, p, width))
