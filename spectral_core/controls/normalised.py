"""Were the spectra normalised before the audit saw them? Then no channel is free of what the bands hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FEWEST = 16  # channels
_SAME = 1e-4  # relative: equal, allowing for an export with four digits


def normalised_by(x: npt.NDArray[np.floating], axis: npt.NDArray[np.float64]) -> str:
    """Name what every spectrum has alike, by which somebody divided: "" if nothing.

    Standard deviation (SNV), area, norm and maximum are tried. A detector's ceiling makes maxima equal as well.

    Args:
        x: n × d intensities as they were handed in.
        axis: d channel positions.

    Example:
        >>> x = np.random.default_rng(0).normal(5.0, 1.0, size=(6, 40))
        >>> normalised_by(x, np.arange(40.0)), normalised_by(x / x.sum(axis=1, keepdims=True), np.arange(40.0))
        ('', 'area')
    """
    if x.shape[0] < 2 or x.shape[1] < _FEWEST or np.ptp(x, axis=0).max() == 0:
        return ""
    values = np.asarray(x, dtype=np.float64) / (float(np.abs(x).max()) or 1.0)
    tried = {
        "standard deviation": values.std(axis=1),
        "area": np.abs(values).sum(axis=1),
        "area under the curve": np.trapezoid(np.abs(values), axis, axis=1),
        "norm": np.sqrt((values**2).sum(axis=1)),
        "maximum": values.max(axis=1),
    }
    alike = (name for name, found in tried.items() if found.min() > 0 and np.ptp(found) <= _SAME * found.max())
    return next(alike, "")
