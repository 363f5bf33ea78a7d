"""Does a map's relevance lie inside the declared bands?

The share of a map's mass inside a mask is relevance mass accuracy (Arras, Osman & Samek, Information Fusion 81:14,
2022). Corrected for chance it is (share − π)/(1 − π), π the share of channels inside the bands: 1 if all relevance
lies inside, 0 if it is spread evenly, below 0 if it avoids the bands.

Neighbouring channels carry the same information, so channels are never shuffled one by one: that null is far too
narrow. Two nulls keep the map's smoothness. Permuted labels refit the model: exact, and the one that counts. Circular
shifts ask whether bands of this shape would do as well anywhere else; a band on a tall peak has a head start under
any labels, so each place is first compared with what permuted labels give at that place (without it, bands declared
on a peak were called significant in 19 % of sets with random labels; with it, in 6 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.inference import permutation_p
from spectral_core.regions import Mask

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Agreement of one map with the declared bands.

    `share` of relevance inside and `expected` share of channels (π); `agreement` = (share − π)/(1 − π);
    `null_median` and `null_high` (its 1 − alpha quantile) under permuted labels; `p_labels` from permuted
    labels and `p_shifts` from all circular shifts of the bands (None where channels have no neighbours), both
    one-sided.
    """

    map: str
    share: float
    expected: float
    agreement: float
    null_median: float
    null_high: float
    p_labels: float
    p_shifts: float | None


def shifted_shares(sizes: Floats, inside: Mask) -> Floats:
    """Compute the share of relevance inside the bands after every circular shift of them by FFT.

    Args:
        sizes: d × P maps without sign.
        inside: d channels inside the bands.

    Returns:
        d × P shares; row s belongs to the bands moved s channels up the axis. A map that is zero everywhere
        counts as spread evenly.

    Example:
        >>> map_ = np.array([[0.0], [3.0], [1.0], [0.0]])
        >>> shifted_shares(map_, np.array([True, False, False, False])).ravel().round(2).tolist()
        [0.0, 0.75, 0.25, 0.0]
    """
    d = inside.size
    total = sizes.sum(axis=0)
    mass = np.where(total > 0, sizes / np.where(total > 0, total, 1.0), 1.0 / d)
    kernel = np.conj(np.fft.rfft(inside.astype(np.float64)))
    return np.asarray(np.fft.irfft(np.fft.rfft(mass, axis=0) * kernel[:, None], n=d, axis=0))


def _shares(sizes: Floats, inside: Mask) -> Floats:
    total = sizes.sum(axis=0)
    part = sizes[inside].sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.asarray(np.where(total > 0, part, inside.mean()))[None, :]


def measure_agreement(name: str, values: Floats, inside: Mask, *, alpha: float, shifts: bool = True) -> Agreement:
    """Measure how much of a map lies inside the bands, against both nulls.

    Args:
        name: The map's name.
        values: d × (1 + P) maps, the observed labeling first; signs do not count.
        inside: d channels inside the declared bands; neither none nor all of them.
        alpha: Error level of `null_high`.
        shifts: Whether channels have neighbours, so that bands can be shifted.
    """
    shares = shifted_shares(np.abs(values), inside) if shifts else _shares(np.abs(values), inside)
    expected = float(inside.mean())
    agreement = (shares[0] - expected) / (1 - expected)
    spread = shares.std(axis=1)
    lead = (shares[:, 0] - shares.mean(axis=1)) / np.where(spread > 0, spread, 1.0)
    return Agreement(
        name, float(shares[0, 0]), expected, float(agreement[0]), float(np.median(agreement[1:])),
        float(np.quantile(agreement[1:], 1 - alpha)), permutation_p(float(agreement[0]), agreement[1:]),
        float((lead >= lead[0] - 1e-9).mean()) if shifts else None,
    )  # fmt: skip
