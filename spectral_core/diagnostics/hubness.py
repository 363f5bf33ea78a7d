"""Hubness: whether a few spectra are everybody's nearest neighbours."""

from __future__ import annotations

import numpy as np

from spectral_core.diagnostics.geometry import Floats
from spectral_core.diagnostics.neighbours import Neighbourhood
from spectral_core.diagnostics.reference import interval_over_units, noise_band, state_interval, unit_groups
from spectral_core.diagnostics.result import Diagnostic, NotGiven, figure

NAME = "hubness"


def hubness(neighbourhood: Neighbourhood) -> Diagnostic | NotGiven:
    """Estimate the skewness of the k-occurrence: how often each unit is among the k nearest of another.

    0 where all units are neighbours equally often; it grows with intrinsic dimension, and nearest-neighbour
    methods are then led by a few hubs (Radovanović, Nanopoulos & Ivanović, Journal of Machine Learning
    Research 11:2487, 2010). k is 10, or half the other units where those are fewer than 20.

    Args:
        neighbourhood: Neighbours of units, as `compare_neighbours` finds them.

    Returns:
        The skewness; its interval describes other units with the same counts. `parts`: `k`, `largest` count,
        and `never`, the share of units that are nobody's neighbour.
    """
    points, counts, k = neighbourhood.points, neighbourhood.found.occurrence, neighbourhood.found.k
    sample = points.sample
    if points.is_flat and float(np.trace(points.gram)) <= 0:
        return NotGiven(NAME, "all spectra are equal", sample)
    if counts.size < 5:
        return NotGiven(NAME, f"it needs 5 units, and there are {counts.size}", sample)
    estimate = skewness(counts.astype(np.float64))
    groups = unit_groups(points.unit, points.codes, seed=sample.seed)
    deleted = np.array([skewness(counts[groups != g].astype(np.float64)) for g in range(int(groups.max()) + 1)])
    low, high = interval_over_units(estimate, deleted)
    band = noise_band(estimate, np.array([skewness(w.occurrence.astype(np.float64)) for w in neighbourhood.white]))
    top, never = int(counts.max()), float((counts == 0).mean())
    reading = (
        f"One spectrum is among the {k} nearest neighbours of {top} others of {counts.size:,}, and {never:.0%} are "
        f"neighbours of none (skewness {figure(estimate)}; white noise {figure(band.low)} to {figure(band.high)}): "
        f"{_meaning(estimate)}."
    )
    return Diagnostic(NAME, estimate, low, high, band, sample,
                      (*points.assumptions, *state_interval((low, high), deleted.size)), reading,
                      {"k": float(k), "largest": float(top), "never": never})  # fmt: skip


def skewness(values: Floats) -> float:
    """Compute the third standardised moment; 0 for values without spread.

    Example:
        >>> round(skewness(np.array([0.0, 0.0, 0.0, 4.0])), 4)  # 3·1³ less 3³, over 4·3^1.5
        1.1547
    """
    centred = values - values.mean()
    spread = float((centred**2).mean())
    return float((centred**3).mean() / spread**1.5) if spread > 0 else 0.0


def _meaning(estimate: float) -> str:
    if estimate < 0.5:
        return "no spectrum dominates the neighbourhoods"
    if estimate < 1.5:
        return "some spectra are neighbours more often than others"
    return "a few hubs lead every method that trusts nearest neighbours"
