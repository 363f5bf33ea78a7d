"""TwoNN: the intrinsic dimension of the spectra, from the two nearest neighbours of each unit."""

from __future__ import annotations

import numpy as np

from spectral_core.diagnostics.geometry import Floats
from spectral_core.diagnostics.neighbours import Neighbourhood, Neighbours
from spectral_core.diagnostics.reference import interval_over_units, noise_band, state_interval
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, figure
from spectral_core.regions import Mask

NAME = "two_nn"
_KEPT = 0.9  # Facco et al. leave the largest tenth of the ratios out of the fit
_FEWEST = 5


def two_nn(neighbourhood: Neighbourhood) -> Diagnostic | NotGiven:
    """Estimate the dimension in which the spectra lie, locally, from the ratio μ of second to nearest distance.

    Where density is even over that range log μ is exponential with the dimension as its rate; the dimension is
    the slope through the origin of −ln(1 − F) against ln μ over the smallest nine tenths (Facco, d'Errico,
    Rodriguez & Laio, Scientific Reports 7:12140, 2017). Units are asked, not spectra: replicates would be each
    other's neighbours and only show the noise. Above about 10 dimensions it underestimates, the more the fewer
    units: read it beside the band.

    Args:
        neighbourhood: Neighbours of units, as `compare_neighbours` finds them.

    Returns:
        The dimension; its interval describes other units, which have other neighbours. `parts`: the maximum-
        likelihood estimate, (m − 1)/Σ ln μ.
    """
    points, found = neighbourhood.points, neighbourhood.found
    sample = points.sample
    logs, distinct = log_ratios(found)
    if distinct.sum() < _FEWEST:
        because = f"it needs {_FEWEST} units with spectra unlike all others, and there are {int(distinct.sum())}"
        return NotGiven(NAME, because, sample)
    estimate = fit_dimension(logs)
    if not np.isfinite(estimate):
        return NotGiven(NAME, "the two nearest neighbours of nearly every unit are equally far", sample)
    left = [log_ratios(w)[0] for w in neighbourhood.without]
    deleted = np.array([fit_dimension(ratios) if ratios.size >= 2 else np.nan for ratios in left])
    low, high = interval_over_units(estimate, deleted, scale="log")
    band = noise_band(estimate, np.array([fit_dimension(log_ratios(w)[0]) for w in neighbourhood.white]))
    equal = int((~distinct).sum())
    assumptions = (*points.assumptions,
                   Assumption("no two units have equal spectra", "violated" if equal else "checked",
                              f"{equal} have a twin and are left out"),
                   Assumption("density is even as far as the second neighbour", "assumed"),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    reading = (
        f"Close to each spectrum the others spread out as in {figure(estimate)} dimensions; white noise in all "
        f"{sample.d:,} channels would look like {figure(band.low)} to {figure(band.high)}: "
        f"{_meaning(estimate, band.low)}."
    )
    return Diagnostic(NAME, estimate, low, high, band, sample, assumptions, reading,
                      {"maximum_likelihood": (logs.size - 1) / float(logs.sum())})  # fmt: skip


def log_ratios(found: Neighbours) -> tuple[Floats, Mask]:
    """Compute ln μ of the points whose nearest neighbour is not their equal, and say which these are."""
    distinct = (found.nearest > 0) & np.isfinite(found.second)
    return np.log(found.second[distinct] / found.nearest[distinct]), distinct


def fit_dimension(logs: Floats) -> float:
    """Fit −ln(1 − i/m) = d·ln μ_(i) through the origin over the smallest nine tenths of m ratios.

    Example:
        >>> exact = -np.log(1 - np.arange(1, 11) / 10.001) / 3  # quantiles of dimension 3
        >>> round(fit_dimension(exact), 2)
        3.0
    """
    m = logs.size
    kept = int(m * _KEPT)
    x = np.sort(logs)[:kept]
    y = -np.log1p(-np.arange(1, kept + 1) / m)
    square = float(x @ x)
    return float(x @ y) / square if square > 0 else float("nan")


def _meaning(estimate: float, white: float) -> str:
    if estimate < 0.75 * white:
        return "the channels do not vary freely, a few causes move them together"
    return "noise, or variation as rich, fills the channels"
