"""Baseline correction by penalised least squares.

Each function fits a smooth baseline to every spectrum by itself, in at most 51 rounds, and subtracts it. Rules and
tolerances are those of pybaselines, and so are the baselines.
`lam` is the baseline's stiffness: with twice the sampling density, 16 times `lam` gives the same curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.errors import SpectraError
from spectral_core.preprocessing.whittaker import Reweigh, adaptive, asymmetric, baselines, logistic, spectra_together

Spectra = npt.NDArray[Any]
Axis = npt.NDArray[np.float64]

# A second-difference penalty leaves three channels one degree of freedom beside the line.
LEAST_CHANNELS = 3


def als(x: Spectra, axis: Axis, *, lam: float = 1e5, p: float = 0.01) -> Spectra:
    """Subtract an asymmetric least squares baseline (Eilers & Boelens, 2005).

    Args:
        x: n × d spectra.
        axis: d channel positions; channels count as evenly spaced.
        lam: Stiffness of the baseline.
        p: Weight of channels above the baseline, against 1 − p below.
    """
    return _subtracted(x, "als", lam, asymmetric(p))


def arpls(x: Spectra, axis: Axis, *, lam: float = 1e5) -> Spectra:
    """Subtract an asymmetrically reweighted baseline (Baek et al., Analyst 140:250, 2015).

    Args:
        x: n × d spectra.
        axis: d channel positions; channels count as evenly spaced.
        lam: Stiffness of the baseline.
    """
    return _subtracted(x, "arpls", lam, logistic)


def airpls(x: Spectra, axis: Axis, *, lam: float = 1e5) -> Spectra:
    """Subtract an adaptive iteratively reweighted baseline (Zhang, Chen & Liang, Analyst 135:1138, 2010).

    Args:
        x: n × d spectra.
        axis: d channel positions; channels count as evenly spaced.
        lam: Stiffness of the baseline.
    """
    return _subtracted(x, "airpls", lam, adaptive)


def _subtracted(x: Spectra, step: str, lam: float, reweigh: Reweigh) -> Spectra:
    out = np.zeros(x.shape, dtype=x.dtype)
    shaped = np.flatnonzero((x != x[:, :1]).any(axis=1))  # a constant spectrum is its own baseline
    together = spectra_together(x.shape[1])
    for start in range(0, shaped.size, together):
        rows = shaped[start : start + together]
        spectra = x[rows].astype(np.float64)
        out[rows] = spectra - baselines(spectra, lam=lam, reweigh=reweigh)[0]
    _refuse_unsolved(out, step, lam)
    return out


def _refuse_unsolved(out: Spectra, step: str, lam: float) -> None:
    unsolved = np.flatnonzero(~np.isfinite(out).all(axis=1))
    if unsolved.size:
        raise SpectraError(
            f"{step}, spectrum {unsolved[0] + 1}",
            "a baseline that can be solved for",
            f"none with lam={lam:g} on {out.shape[1]} channels ({unsolved.size} such spectra)",
            "Choose a smaller lam.",
        )
