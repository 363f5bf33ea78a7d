"""Distance contrast: whether a nearest neighbour means anything."""

from __future__ import annotations

import numpy as np

from spectral_core.diagnostics.geometry import Floats
from spectral_core.diagnostics.neighbours import Neighbourhood, Neighbours
from spectral_core.diagnostics.reference import interval_over_units, noise_band, state_interval
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, figure
from spectral_core.regions import Mask

NAME = "relative_contrast"


def relative_contrast(neighbourhood: Neighbourhood) -> Diagnostic | NotGiven:
    """Estimate (Dmax − Dmin)/Dmin, the distance to the farthest unit over that to the nearest, less one.

    The geometric mean over units. It falls to 0 as channels multiply and noise fills them (Beyer, Goldstein,
    Ramakrishnan & Shaft, ICDT 1999, LNCS 1540:217): the nearest neighbour is then no nearer than any other.

    Args:
        neighbourhood: Neighbours of units, as `compare_neighbours` finds them.

    Returns:
        The contrast; its interval describes other units, which have other neighbours.
    """
    points, found = neighbourhood.points, neighbourhood.found
    sample = points.sample
    ratios, distinct = _log_ratios(found)
    if distinct.sum() < 3:
        return NotGiven(NAME, f"{int(distinct.sum())} units differ from all others, and 3 are needed", sample)
    estimate = float(np.expm1(ratios.mean()))
    left = [_log_ratios(w)[0] for w in neighbourhood.without]
    deleted = np.array([r.mean() if r.size else np.nan for r in left])
    low, high = (float(np.expm1(end)) for end in interval_over_units(float(ratios.mean()), deleted))
    band = noise_band(estimate, np.array([np.expm1(_log_ratios(w)[0].mean()) for w in neighbourhood.white]))
    equal = int((~distinct).sum())
    assumptions = (*points.assumptions,
                   Assumption("no two units have equal spectra", "violated" if equal else "checked",
                              f"{equal} have a twin and are left out"),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    reading = (
        f"From a typical spectrum the most unlike one is {figure(1 + estimate)} times as far as the most similar one "
        f"(white noise {figure(1 + band.low)} to {figure(1 + band.high)}): {_meaning(estimate)}."
    )
    return Diagnostic(NAME, estimate, max(low, 0.0), high, band, sample, assumptions, reading,
                      {"median_nearest": float(np.median(found.nearest)),
                       "median_farthest": float(np.median(found.farthest))})  # fmt: skip


def _log_ratios(found: Neighbours) -> tuple[Floats, Mask]:
    distinct = (found.nearest > 0) & np.isfinite(found.nearest)
    return np.log(found.farthest[distinct] / found.nearest[distinct]), distinct


def _meaning(estimate: float) -> str:
    if estimate < 0.5:
        return "all spectra are about equally unlike each other, and methods that trust nearest neighbours see little"
    if estimate < 2:
        return "similar and unlike spectra can be told apart, though not sharply"
    return "similar spectra stand out clearly from unlike ones"
