"""Overlap of classes in distance: whether spectra of another class are farther than those of the own."""

from __future__ import annotations

import numpy as np

from spectral_core.diagnostics.geometry import Floats, Geometry, squared_distances
from spectral_core.diagnostics.reference import (
    EXCHANGEABLE,
    interval_of_share,
    permutation_band,
    state_interval,
    unit_groups,
)
from spectral_core.diagnostics.result import Assumption, Band, Diagnostic, NotGiven
from spectral_core.probe.held_out import label_blocks
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Mask
from spectral_core.splits import Codes

NAME = "class_overlap"


def class_overlap(geometry: Geometry, labelings: Codes) -> Diagnostic | NotGiven:
    """Estimate how often, seen from one spectrum, one of another class is farther than one of its own class.

    Each spectrum has its AUC of distances to other classes against its own, P(other > own); the mean is taken
    inside each class, then over classes with equal weight, whatever their sizes. 0.5 where the classes lie in one
    another, 1 where every other spectrum is farther than every own. Spectra of the same unit are left out: replicates
    are alike whatever the class. A class that only scatters more than another stays near 0.5: from its spectra the
    others are nearer, from the others' spectra farther. Below the band the other class is nearer than chance
    allows, as after the mean of each class was taken off.

    Args:
        geometry: The spectra.
        labelings: n × (1 + P) class codes of the geometry's spectra, the observed ones first.

    Returns:
        The AUC, its interval over units and the band of permuted labels. `parts`: the AUC of each class.
    """
    sample, design = geometry.sample, geometry.design
    squared, apart = squared_distances(geometry.gram), design.unit[:, None] != design.unit
    if not squared.any():
        return NotGiven(NAME, "all spectra are equal", sample)
    lowest, highest = row_ranks(squared, apart)
    with threads_for(squared.size):
        by_class = _by_class((lowest + highest) / 2, apart, labelings, len(design.classes))
    known = np.isfinite(by_class[:, 0])
    if not known.any():
        return NotGiven(NAME, "no spectrum can be compared with other units of its own class and of another", sample)
    aucs = by_class[known].mean(axis=0)
    observed, groups = float(aucs[0]), unit_groups(design.unit, design.codes, seed=sample.seed)
    deleted = _without_each(lowest, highest, apart, design.codes, groups)[known].mean(axis=0)
    fewest = min(np.array(design.units_per_class)[known])
    low, high = interval_of_share(observed, deleted, n_units=int(fewest))
    band = permutation_band(aucs[np.isfinite(aucs)])
    reading = (
        f"Seen from one spectrum, one of another class is farther than one of its own class in {observed:.1%} of "
        f"comparisons (permuted labels {band.low:.1%} to {band.high:.1%}): {_meaning(observed, band)}."
    )
    left_out = ", ".join(repr(design.classes[c]) for c in np.flatnonzero(~known))
    assumptions = (*geometry.assumptions, Assumption(EXCHANGEABLE, "assumed"),
                   Assumption("every class has two units", "violated" if left_out else "checked",
                              f"{left_out or 'none'} is left out"),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    parts = {f"from {design.classes[c]}": float(by_class[c, 0]) for c in np.flatnonzero(known)}
    return Diagnostic(NAME, observed, low, high, band, sample, assumptions, reading, parts)


def row_ranks(squared: Floats, apart: Mask) -> tuple[Floats, Floats]:
    """Rank the distances of each row among those `apart`, from 1: lowest and highest rank of ties; 0 for the others.

    Example:
        >>> lowest, highest = row_ranks(np.array([[0.0, 2.0, 2.0, 1.0]]), np.array([[False, True, True, True]]))
        >>> lowest, highest
        (array([[0., 2., 2., 1.]]), array([[0., 3., 3., 1.]]))
    """
    n = squared.shape[1]
    distances = np.where(apart, squared, np.inf)
    order = np.argsort(distances, axis=1)
    ranked = np.take_along_axis(distances, order, axis=1)
    new = np.ones(ranked.shape, dtype=np.bool_)
    new[:, 1:] = ranked[:, 1:] > ranked[:, :-1]
    places = np.arange(1, n + 1)
    first = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    ends = np.ones(ranked.shape, dtype=np.bool_)
    ends[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(ends, places, n)[:, ::-1], axis=1)[:, ::-1]
    lowest, highest = np.zeros(squared.shape), np.zeros(squared.shape)
    np.put_along_axis(lowest, order, first.astype(np.float64), axis=1)
    np.put_along_axis(highest, order, last.astype(np.float64), axis=1)
    return np.where(apart, lowest, 0.0), np.where(apart, highest, 0.0)


def _by_class(ranks: Floats, apart: Mask, labelings: Codes, n_classes: int) -> Floats:
    """AUC of each class under each labeling (classes × P), by rank sums; NaN where nothing can be compared."""
    found, allowed = np.full((n_classes, labelings.shape[1]), np.nan), apart.astype(np.float64)
    others = allowed.sum(axis=1, keepdims=True)
    for block in label_blocks(labelings.shape[0], labelings.shape[1], 1):
        for c in range(n_classes):
            inside = labelings[:, block] == c
            own = allowed @ inside
            lost = ranks @ inside - own * (own + 1) / 2  # pairs in which the own spectrum is the farther
            found[c, block] = _mean_auc(own * (others - own) - lost, own * (others - own), inside)
    return found


def _mean_auc(won: Floats, pairs: Floats, inside: Mask) -> Floats:
    """Mean of won/pairs over the spectra inside, for each column."""
    counted = inside & (pairs > 0.5)
    share = np.divide(won, pairs, out=np.zeros_like(won), where=counted)
    number = counted.sum(axis=0)
    return np.asarray(np.divide(share.sum(axis=0), number, out=np.full(number.size, np.nan), where=number > 0))


def _without_each(lowest: Floats, highest: Floats, apart: Mask, codes: Codes, groups: Codes) -> Floats:
    """AUC of each class without each group of units (classes × groups).

    Comparisons that lose either spectrum are taken off exactly; those that lose both were taken off twice and are
    put back at the AUC of the row, which differs by less than the square of a group's share.
    """
    member = (groups[:, None] == np.arange(int(groups.max()) + 1)).astype(np.float64)
    found = np.full((int(codes.max()) + 1, member.shape[1]), np.nan)
    for c in range(found.shape[0]):
        rows = np.flatnonzero(codes == c)
        own = apart[rows] & (codes == c)
        other = apart[rows] & (codes != c)
        nearer = _counted_below(lowest[rows], highest[rows], own)
        mid = (lowest[rows] + highest[rows] - 1) / 2
        farther = other.sum(axis=1, keepdims=True) - (mid - nearer)  # of the others, beyond each own spectrum
        own_pairs, other_pairs = own.sum(axis=1)[:, None], other.sum(axis=1)[:, None]
        won = (nearer * other).sum(axis=1)[:, None]
        auc = np.divide(won, own_pairs * other_pairs, out=np.zeros(won.shape), where=own_pairs * other_pairs > 0)
        lost_own, lost_other = own @ member, other @ member
        left = won - (nearer * other) @ member - (farther * own) @ member + auc * lost_own * lost_other
        found[c] = _mean_auc(left, (own_pairs - lost_own) * (other_pairs - lost_other), member[rows] == 0)
    return found


def _counted_below(lowest: Floats, highest: Floats, own: Mask) -> Floats:
    """Number of the row's own spectra below each rank, ties counted half."""
    counts = np.zeros((lowest.shape[0], lowest.shape[1] + 1))
    row = np.arange(lowest.shape[0])[:, None]
    np.add.at(counts, (np.broadcast_to(row, own.shape)[own], lowest[own].astype(np.intp)), 1)
    below = np.cumsum(counts, axis=1)
    under = below[row, np.maximum(lowest.astype(np.intp) - 1, 0)]
    return np.asarray((under + below[row, highest.astype(np.intp)]) / 2)


def _meaning(observed: float, band: Band) -> str:
    if observed < band.low:
        return "the other class is nearer than chance allows, as after class means were taken off"
    if observed <= band.high:
        return "average distances do not tell the classes apart"
    if observed < 0.75:
        return "the classes differ, but far less than spectra of one class do"
    return "distances alone tell the classes apart"
