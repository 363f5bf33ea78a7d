"""Flat tops: channels where a spectrum ran into the ceiling of its detector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_SAME = 1e-6  # of a spectrum's range: equal, allowing for a rounding on the way to the archive


def saturated_share(x: npt.NDArray[np.floating]) -> Floats:
    """Compute the share of each spectrum's channels that stand at a ceiling.

    A ceiling is a plateau: the spectrum's largest value, reached by two neighbouring channels or more; or the
    largest value of all spectra, if several reach it. A flat spectrum has none.

    Args:
        x: n × d raw intensities.

    Returns:
        n shares from 0 to 1.

    Example:
        >>> saturated_share(np.array([[0.0, 3.0, 3.0, 1.0], [0.0, 2.0, 1.0, 2.0]]))
        array([0.5, 0. ])
    """
    top, bottom = x.max(axis=1), x.min(axis=1)
    tolerance = _SAME * (np.asarray(top, dtype=np.float64) - bottom)
    at_top = x >= (top - tolerance)[:, None]
    plateau = (at_top[:, 1:] & at_top[:, :-1]).any(axis=1)
    common = top >= top.max() - tolerance
    flat = top == bottom
    ceiling = (plateau | (common & (common.sum() > 1))) & ~flat
    return np.asarray(np.where(ceiling, at_top.mean(axis=1), 0.0))
