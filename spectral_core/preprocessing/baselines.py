"""Baseline correction by penalised least squares, through pybaselines.

Each function fits a smooth baseline to every spectrum by itself and subtracts it. `lam` is the stiffness of the
baseline: with twice the sampling density, 16 times `lam` gives the same curve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Spectra = npt.NDArray[Any]
Axis = npt.NDArray[np.float64]

# A second-difference penalty leaves three channels one degree of freedom beside the line.
LEAST_CHANNELS = 3


def als(x: Spectra, axis: Axis, *, lam: float = 1e5, p: float = 0.01) -> Spectra:
    """Subtract an asymmetric least squares baseline (Eilers, Anal. Chem. 75:3631, 2003; Eilers & Boelens 2005).

    Args:
        x: n × d spectra.
        axis: d channel positions; channels count as evenly spaced.
        lam: Stiffness of the baseline.
        p: Weight of channels above the baseline, against 1 − p below.
    """
    return _subtracted(x, axis, "asls", lam=lam, p=p)


def arpls(x: Spectra, axis: Axis, *, lam: float = 1e5) -> Spectra:
    """Subtract an asymmetrically reweighted baseline (Baek et al., Analyst 140:250, 2015).

    Args:
        x: n × d spectra.
        axis: d channel positions; channels count as evenly spaced.
        lam: Stiffness of the baseline.
    """
    return _subtracted(x, axis, "arpls", lam=lam)


def airpls(x: Spectra, axis: Axis, *, lam: float = 1e5) -> Spectra:
    """Subtract an adaptive iteratively reweighted baseline (Zhang, Chen & Liang, Analyst 135:1138, 2010).

    Args:
        x: n × d spectra.
        axis: d channel positions; channels count as evenly spaced.
        lam: Stiffness of the baseline.
    """
    return _subtracted(x, axis, "airpls", lam=lam)


def _subtracted(x: Spectra, axis: Axis, method: str, **arguments: float) -> Spectra:
    from pybaselines import Baseline

    fit: Callable[..., Any] = getattr(Baseline(x_data=axis, check_finite=False), method)
    out = np.zeros(x.shape, dtype=x.dtype)
    for row, spectrum in enumerate(x):
        y = spectrum.astype(np.float64)
        if (y != y[0]).any():  # a constant spectrum is its own baseline
            out[row] = y - fit(y, **arguments)[0]
    return out
