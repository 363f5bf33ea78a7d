"""Baseline correction by penalised least squares, through pybaselines.

Each function fits a smooth baseline to every spectrum by itself, in at most 50 rounds, and subtracts it.
`lam` is the baseline's stiffness: with twice the sampling density, 16 times `lam` gives the same curve.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.errors import SpectraError

Spectra = npt.NDArray[Any]
Axis = npt.NDArray[np.float64]

# A second-difference penalty leaves three channels one degree of freedom beside the line.
LEAST_CHANNELS = 3
_PYBASELINES = {"als": "asls", "arpls": "arpls", "airpls": "airpls"}


def als(x: Spectra, axis: Axis, *, lam: float = 1e5, p: float = 0.01) -> Spectra:
    """Subtract an asymmetric least squares baseline (Eilers & Boelens, 2005).

    Args:
        x: n × d spectra.
        axis: d channel positions; channels count as evenly spaced.
        lam: Stiffness of the baseline.
        p: Weight of channels above the baseline, against 1 − p below.
    """
    return _subtracted(x, axis, "als", lam=lam, p=p)


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


def _subtracted(x: Spectra, axis: Axis, step: str, **arguments: float) -> Spectra:
    from pybaselines import Baseline
    from pybaselines.utils import ParameterWarning

    # Said of a fit that stops early because it has nothing left to improve; the baseline is good. Not
    # `catch_warnings`: it swaps the filters of every thread.
    warnings.filterwarnings("ignore", "almost all baseline points are below", ParameterWarning)
    fit: Callable[..., Any] = getattr(Baseline(x_data=axis, check_finite=False), _PYBASELINES[step])
    out = np.zeros(x.shape, dtype=x.dtype)
    for row, spectrum in enumerate(x):
        y = spectrum.astype(np.float64)
        if (y != y[0]).any():  # a constant spectrum is its own baseline
            try:
                out[row] = y - fit(y, **arguments)[0]
            except np.linalg.LinAlgError:
                out[row] = np.nan
    _refuse_unsolved(out, step, arguments)
    return out


def _refuse_unsolved(out: Spectra, step: str, arguments: dict[str, float]) -> None:
    unsolved = np.flatnonzero(~np.isfinite(out).all(axis=1))
    if unsolved.size:
        raise SpectraError(
            f"{step}, spectrum {unsolved[0] + 1}",
            "a baseline that can be solved for",
            f"none with lam={arguments['lam']:g} on {out.shape[1]} channels ({unsolved.size} such spectra)",
            "Choose a smaller lam.",
        )
