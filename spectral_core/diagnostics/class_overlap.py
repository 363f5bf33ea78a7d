"""Overlap of classes in distance: whether two spectra of different classes are farther apart than two of one."""

from __future__ import annotations

import numpy as np

from spectral_core.diagnostics.geometry import Floats, Geometry, squared_distances
from spectral_core.diagnostics.reference import interval_of_share, permutation_band, state_interval, unit_groups
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven
from spectral_core.probe.held_out import label_blocks
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Mask
from spectral_core.splits import Codes

NAME = "class_overlap"


def class_overlap(geometry: Geometry, labelings: Codes) -> Diagnostic | NotGiven:
    """Estimate the AUC of distances between classes against distances within: P(between > within).

    0.5 where the classes lie in one another, 1 where every pair of one class is closer than every pair of two.
    Pairs of spectra of one unit are left out: replicates are alike whatever the class. A class that only
    scatters more than another stays near 0.5, because its inner distances grow beyond those between classes.

    Args:
        geometry: The spectra.
        labelings: n × (1 + P) class codes of the geometry's spectra, the observed ones first.

    Returns:
        The AUC, its interval over units and the band of permuted labels. `parts`: `within_pairs` and
        `between_pairs`.
    """
    sample, unit = geometry.sample, geometry.design.unit
    squared = squared_distances(geometry.gram)
    if not squared.any():
        return NotGiven(NAME, "all spectra are equal", sample)
    apart = unit[:, None] != unit
    ranks = _pair_ranks(squared, apart)
    with threads_for(squared.size):
        within, summed = _within_classes(ranks, apart, labelings, len(geometry.design.classes))
    pairs = apart.sum() / 2
    between = pairs - within
    if within[0] == 0 or between[0] == 0:
        missing = "one class" if within[0] == 0 else "different classes"
        return NotGiven(NAME, f"no two units of {missing} can be compared", sample)
    possible = (within > 0) & (between > 0)
    aucs = _auc(summed[possible], within[possible], between[possible], pairs)
    observed = float(aucs[0])
    groups = unit_groups(unit, labelings[:, 0], seed=sample.seed)
    deleted = _without_each(ranks, apart, labelings[:, 0], groups)
    low, high = interval_of_share(observed, deleted, n_units=min(filter(None, geometry.design.units_per_class)))
    band = permutation_band(aucs)
    reading = (
        f"Two spectra of different classes are farther apart than two of one class in {observed:.1%} of comparisons "
        f"(permuted labels {band.low:.1%} to {band.high:.1%}): {_meaning(observed, band.high)}."
    )
    assumptions = (*geometry.assumptions, Assumption("permuted labels are exchangeable with the observed", "assumed"),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    return Diagnostic(NAME, observed, low, high, band, sample, assumptions, reading,
                      {"within_pairs": float(within[0]), "between_pairs": float(between[0])})  # fmt: skip


def _pair_ranks(squared: Floats, apart: Mask) -> Floats:
    """Mid-ranks of the distances among pairs of different units, as a symmetric matrix; 0 for own pairs."""
    upper = np.triu(apart)
    member, counts = np.unique(squared[upper], return_inverse=True, return_counts=True)[1:]
    ranks = np.zeros_like(squared)
    ranks[upper] = (np.cumsum(counts) - (counts - 1) / 2)[member.ravel()]
    ranks += ranks.T
    return ranks


def _within_classes(ranks: Floats, apart: Mask, labelings: Codes, n_classes: int) -> tuple[Floats, Floats]:
    """Number of pairs inside classes, and the sum of their ranks, of each labeling."""
    n, p = labelings.shape
    pairs, summed, allowed = np.zeros(p), np.zeros(p), apart.astype(np.float64)
    for block in label_blocks(n, p, 1):
        for c in range(n_classes):
            y = (labelings[:, block] == c).astype(np.float64)
            pairs[block] += np.einsum("ip,ip->p", y, allowed @ y) / 2
            summed[block] += np.einsum("ip,ip->p", y, ranks @ y) / 2
    return pairs, summed


def _auc(summed_within: Floats, within: Floats, between: Floats, pairs: float) -> Floats:
    """P(between > within) from the rank sum within (Mann–Whitney)."""
    summed = pairs * (pairs + 1) / 2 - summed_within
    return np.asarray((summed - between * (between + 1) / 2) / (within * between))


def _without_each(ranks: Floats, apart: Mask, codes: Codes, groups: Codes) -> Floats:
    """The AUC without each group of units; NaN where a side is then empty."""
    first, second = np.nonzero(np.triu(apart))
    member = np.unique(ranks[first, second], return_inverse=True)[1].ravel()
    inside = codes[first] == codes[second]
    found = np.full(int(groups.max()) + 1, np.nan)
    for g in range(found.size):
        kept = (groups[first] != g) & (groups[second] != g)
        within = np.bincount(member[kept & inside], minlength=member.max() + 1).astype(np.float64)
        between = np.bincount(member[kept & ~inside], minlength=member.max() + 1).astype(np.float64)
        size = within.sum() * between.sum()
        if size > 0:
            found[g] = float(between @ (np.cumsum(within) - within / 2)) / size
    return found


def _meaning(observed: float, band_high: float) -> str:
    if observed <= band_high:
        return "distances do not tell the classes apart"
    if observed < 0.75:
        return "the classes differ, but far less than spectra of one class do"
    return "distances alone tell the classes apart"
