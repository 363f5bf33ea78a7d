"""Norm separability: how well one number without chemistry, the size of a spectrum, tells the classes apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.geometry import Floats
from spectral_core.diagnostics.reference import (
    EXCHANGEABLE,
    interval_of_share,
    permutation_band,
    state_independence,
    state_interval,
    unit_groups,
)
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, Sample
from spectral_core.preprocessing.per_spectrum import area, raw, row_blocks, snv, vector
from spectral_core.probe.held_out import label_blocks
from spectral_core.splits import Codes, Design

Normalise = Callable[[npt.NDArray[np.floating], Floats], npt.NDArray[np.floating]]
_SINGLE, _DOUBLE = 1e-6, 1e-12
"""Relative spread of norms that single and double precision can hold."""
SIZES: Mapping[str, tuple[Normalise, bool, str]] = {
    "raw": (raw, False, "the norm of a spectrum as it is"),
    "centred": (raw, True, "the distance from the mean spectrum"),
    "snv": (snv, True, "the distance from the mean spectrum after SNV"),
    "area": (area, False, "the norm after area normalisation"),
    "unit_vector": (vector, True, "the distance from the mean spectrum after scaling to norm 1"),
}
"""Normalisation, whether the mean spectrum is taken off (SNV and unit vectors all have one norm), and words."""


def norm_separability(
    matrix: npt.NDArray[np.floating], axis: Floats, design: Design, labelings: Codes, *, seed: int
) -> list[Diagnostic | NotGiven]:
    """Estimate, per normalisation, the AUC of the size of a spectrum between classes.

    The largest over pairs of classes, 0.5 (tells nothing) to 1 (separates), whichever class is larger, with an
    interval that allows for the choice among pairs. A
    difference ε in noise level alone, N(0, I) against N(0, (1 + ε)²I) in d channels, has the AUC F_{d,d}((1 + ε)²) ≈
    Φ(ε√d): it separates with enough channels however small ε, and flexible classifiers do not find it.

    Args:
        matrix: n × d spectra.
        axis: d channel positions, for the area.
        design: Classes and units.
        labelings: n × (1 + P) class codes, the observed ones first.
        seed: Seed of the groups behind the interval.

    Returns:
        One result per entry of SIZES, named `norm_separability.raw` and so on; `parts` holds for each pair the
        AUC of the second class above the first.
    """
    found: list[Diagnostic | NotGiven] = []
    smallest = _SINGLE if matrix.dtype.itemsize <= 4 else _DOUBLE
    varying = int((matrix != matrix[0]).any(axis=0).sum())
    for name, (normalise, centre, words) in SIZES.items():
        sample = Sample(design.n, varying, design.n_units, seed)
        sizes, scale = spectrum_sizes(matrix, axis, normalise, centre=centre)
        full_name = f"norm_separability.{name}"
        if np.ptp(sizes) <= smallest * scale:
            because = f"{words} is the same for all spectra to one part in {round(1 / smallest):,}"
            found.append(NotGiven(full_name, because, sample))
        else:
            found.append(_judge(full_name, words, sizes, design, labelings, sample))
    return found


def spectrum_sizes(
    matrix: npt.NDArray[np.floating], axis: Floats, normalise: Normalise, *, centre: bool
) -> tuple[Floats, float]:
    """Compute the norm of each normalised spectrum, about the mean spectrum if `centre`, and the largest norm."""

    def blocks() -> Iterator[tuple[slice, Floats]]:
        for rows in row_blocks(matrix):
            yield rows, np.asarray(normalise(matrix[rows].astype(np.float64), axis))

    mean = np.zeros(matrix.shape[1])
    if centre:
        mean = sum((block.sum(axis=0) for _, block in blocks()), mean) / matrix.shape[0]
    squared, largest = np.empty(matrix.shape[0]), 0.0
    for rows, block in blocks():
        largest = max(largest, float(np.einsum("ij,ij->i", block, block).max()))
        about = block - mean
        squared[rows] = np.einsum("ij,ij->i", about, about)
    return np.sqrt(squared), float(np.sqrt(largest))


def _judge(
    name: str, words: str, sizes: Floats, design: Design, labelings: Codes, sample: Sample
) -> Diagnostic | NotGiven:
    pairs = [p for p in combinations(range(len(design.classes)), 2) if all(design.units_per_class[c] for c in p)]
    if not pairs:
        return NotGiven(name, "only one class has spectra", sample)
    aucs = np.stack([
        np.concatenate([
            auc_above(sizes, labelings[:, block] == a, labelings[:, block] == b)
            for block in label_blocks(design.n, labelings.shape[1], 1)
        ])
        for a, b in pairs
    ])  # fmt: skip
    worst = int(np.abs(aucs[:, 0] - 0.5).argmax())
    low_class, high_class = pairs[worst] if aucs[worst, 0] >= 0.5 else pairs[worst][::-1]
    estimate = float(0.5 + np.abs(aucs[worst, 0] - 0.5))
    (low, high), groups = _interval(sizes, design, pairs, aucs[:, 0], sample.seed)
    band = permutation_band(0.5 + np.abs(aucs - 0.5).max(axis=0))
    reading = (
        f"Ranked by one number, {words}, {design.classes[high_class]!r} lies above {design.classes[low_class]!r} in "
        f"{estimate:.1%} of pairs (permuted labels {band.low:.1%} to {band.high:.1%}): {_meaning(estimate, band.high)}."
    )
    assumptions = (state_independence(design),
                   Assumption(EXCHANGEABLE, "assumed"), *state_interval((low, high), groups))  # fmt: skip
    parts = {f"{design.classes[b]} above {design.classes[a]}": float(auc)
             for (a, b), auc in zip(pairs, aucs[:, 0], strict=True)}  # fmt: skip
    return Diagnostic(name, estimate, low, high, band, sample, assumptions, reading, parts)


def _interval(
    sizes: Floats, design: Design, pairs: list[tuple[int, int]], aucs: Floats, seed: int
) -> tuple[tuple[float, float], int]:
    """Interval of the largest AUC over pairs, and the groups of units behind it.

    The pair is chosen because it is the largest: the interval runs from the largest lower to the largest upper
    limit of intervals that hold for all pairs together.
    """
    groups = unit_groups(design.unit, design.codes, seed=seed)
    kept = groups[:, None] != np.arange(int(groups.max()) + 1)
    ends = []
    for pair, auc in zip(pairs, aucs, strict=True):
        above = pair if auc >= 0.5 else pair[::-1]
        deleted = auc_above(sizes, *(kept & (design.codes == c)[:, None] for c in above))
        fewest = min(design.units_per_class[c] for c in pair)
        ends.append(interval_of_share(max(auc, 1 - auc), deleted, n_units=fewest, comparisons=len(pairs)))
    low, high = np.array(ends).max(axis=0)  # NaN if one is
    return (float(low), float(high)), int(groups.max()) + 1


def auc_above(values: Floats, lower: npt.NDArray[np.bool_], upper: npt.NDArray[np.bool_]) -> Floats:
    """Compute P(upper > lower) + ½P(equal) of one value per spectrum, for P selections at once.

    Args:
        values: n values.
        lower: n × P, which spectra stand in the lower class.
        upper: n × P, which stand in the upper class.

    Returns:
        P shares; NaN where a class is empty.

    Example:
        >>> first = np.array([[True], [True], [False], [False]])
        >>> auc_above(np.array([1.0, 3.0, 2.0, 4.0]), first, ~first)
        array([0.75])
    """
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    count = np.zeros((values.size + 1, lower.shape[1]))
    np.cumsum(lower[order], axis=0, out=count[1:])
    below = count[np.searchsorted(ranked, ranked, "left")]
    below += count[np.searchsorted(ranked, ranked, "right")]
    won = np.einsum("ip,ip->p", upper[order].astype(np.float64), below) / 2
    size = count[-1] * upper.sum(axis=0)
    return np.asarray(np.divide(won, size, out=np.full(won.size, np.nan), where=size > 0))


def _meaning(estimate: float, band_high: float) -> str:
    if estimate <= band_high:
        return "this size does not tell the classes apart"
    if estimate < 0.8:
        return "this size betrays the class somewhat, as gain, noise and real concentrations do"
    return "this size alone tells the classes apart, as gain, path length, noise and real concentrations do"
