"""Chemistry-free scalars of regions that carry no chemistry: level, noise, shape, spikes.

Taken on the whole spectrum these scalars contain the chemistry; taken on blanks (else off-band, and then only
as a caveat) they tell how a spectrum was measured, not of what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.regions import Mask, segments

Floats = npt.NDArray[np.float64]
_SHORTEST = 8  # channels that a noise estimate and a parabola need
_MOST_SEGMENTS = 4
_LOGARITHMIC = ("norm of ", "high-frequency noise of ", "typical noise of ")
_SPIKE = 8.0  # robust standard deviations of the second difference


@dataclass(frozen=True)
class Scalars:
    """n × m scalars and their m names."""

    values: Floats
    names: tuple[str, ...]


def nuisance_scalars(
    x: npt.NDArray[np.floating], axis: Floats, regions: Mapping[str, Mask], *, on_axis: bool = True
) -> Scalars:
    """Compute scalars of each region and standardise them over the spectra, blind to labels.

    Per contiguous run of channels: mean intensity and norm, and with at least 8 channels also the
    high-frequency noise (standard deviation of the second difference, in standard deviations of white
    noise), the same from the median, which spikes do not move, slope and curvature of a least-squares
    parabola, and the share of spiking channels. Noise and norm enter as logarithms. Scalars that do not vary
    are left out.

    Args:
        x: n × d raw intensities.
        axis: d channel positions.
        regions: Name to mask of the channels used.
        on_axis: Whether channels have neighbours; without them each region has its mean and norm only.

    Returns:
        n × m values with mean 0 and standard deviation 1, and their names.
    """
    return standardise_scalars(raw_scalars(x, axis, cut_runs(axis, regions, on_axis=on_axis), on_axis=on_axis))


Runs = Sequence[tuple[str, npt.NDArray[np.intp]]]


def cut_runs(axis: Floats, regions: Mapping[str, Mask], *, on_axis: bool = True) -> Runs:
    """Find the runs of channels that scalars are taken on, with their names: the longest four of each region."""
    found: list[tuple[str, npt.NDArray[np.intp]]] = []
    for name, mask in regions.items():
        inside = np.flatnonzero(mask)
        runs = [inside[run] for run in segments(axis[mask])] if on_axis else [inside]
        longest = sorted(runs, key=lambda run: -run.size)[:_MOST_SEGMENTS]
        for run in sorted(longest, key=lambda run: int(run[0])):
            found.append((name if len(runs) == 1 else f"{name} {axis[run[0]]:.5g}–{axis[run[-1]]:.5g}", run))
    return found


def raw_scalars(x: npt.NDArray[np.floating], axis: Floats, runs: Runs, *, on_axis: bool = True) -> dict[str, Floats]:
    """Compute the scalars of some spectra, noise and norm not yet as logarithms; each sees its own spectrum only."""
    columns: dict[str, Floats] = {}
    for place, run in runs:
        values = np.asarray(x[:, run], dtype=np.float64)
        scalars = _level_and_norm(values) | (_noise_and_shape(values, axis[run]) if on_axis else {})
        columns |= {f"{what} of {place}": values for what, values in scalars.items()}
    return columns


def standardise_scalars(columns: Mapping[str, Floats]) -> Scalars:
    """Take logarithms, leave out what does not vary, and standardise over all spectra."""
    columns = {name: _log(v) if name.startswith(_LOGARITHMIC) else v for name, v in columns.items()}
    n = next(iter(columns.values())).size if columns else 0
    kept = {name: _standardised(v) for name, v in columns.items() if np.ptp(v) > 1e-9 * np.abs(v).max()}
    return Scalars(np.column_stack(list(kept.values())) if kept else np.zeros((n, 0)), tuple(kept))


def _level_and_norm(x: Floats) -> dict[str, Floats]:
    return {"total intensity": x.mean(axis=1), "norm": np.sqrt((x**2).mean(axis=1))}


def _noise_and_shape(x: Floats, axis: Floats) -> dict[str, Floats]:
    if axis.size < _SHORTEST:
        return {}
    scalars: dict[str, Floats] = {}
    second = np.diff(x, n=2, axis=1)
    spread = np.median(np.abs(second), axis=1)
    # the second difference of white noise has standard deviation √6 σ; 0.6745 turns a median into σ
    scalars["high-frequency noise"] = np.sqrt((second**2).mean(axis=1) / 6.0)
    scalars["typical noise"] = spread / (0.6745 * np.sqrt(6.0))
    position = 2 * (axis - axis[0]) / (axis[-1] - axis[0]) - 1
    parabola = np.polynomial.legendre.legvander(position, 2)
    coefficients = np.linalg.lstsq(parabola, x.T, rcond=None)[0]
    scalars["slope"], scalars["curvature"] = coefficients[1], coefficients[2]
    scalars["spikes"] = (np.abs(second) > _SPIKE * spread[:, None] / 0.6745).mean(axis=1)
    return scalars


def spoken(name: str) -> str:
    """Write a scalar's name in a sentence, its place in quotes.

    Example:
        >>> spoken("high-frequency noise of silent")
        'high-frequency noise of “silent”'
    """
    what, _, place = name.partition(" of ")
    return f"{what} of “{place}”" if place else name


def _log(values: Floats) -> Floats:
    positive = values[values > 0]
    floor = positive.min() * 1e-3 if positive.size else 1.0
    return np.asarray(np.log(np.maximum(values, floor)))


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())


@dataclass(frozen=True)
class TellingScalar:
    """The nuisance scalar that tells two of the classes apart best, to be shown.

    `values` holds for each class those of its spectra in order, in standard deviations over all spectra (noise and
    norm as logarithms); of a large class every k-th.
    """

    name: str
    auc: float
    values: tuple[tuple[float, ...], ...]

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Give the scalar as plain values, by class."""
        return {"name": self.name, "auc": self.auc, "values": dict(zip(classes, map(list, self.values), strict=True))}


def telling_scalar(
    scalars: Scalars, aucs: Mapping[str, float], codes: npt.NDArray[np.intp], n_classes: int, *, most: int = 200
) -> TellingScalar | None:
    """Take the scalar of the largest AUC, at most `most` spectra of each class; None where no scalar varies."""
    if not aucs:
        return None
    name = max(aucs, key=lambda scalar: aucs[scalar])
    of_all = scalars.values[:, scalars.names.index(name)]
    ranked = [np.sort(of_all[codes == c]) for c in range(n_classes)]
    kept = [v[np.linspace(0, v.size - 1, min(v.size, most)).round().astype(int)] for v in ranked]
    return TellingScalar(name, aucs[name], tuple(tuple(float(f"{one:.4g}") for one in v) for v in kept))


def scalar_aucs(scalars: Scalars, codes: npt.NDArray[np.intp], n_classes: int) -> dict[str, float]:
    """Compute, per scalar, the largest AUC over pairs of classes (0.5 tells nothing, 1 separates)."""
    return {
        name: max(
            _auc(scalars.values[codes == a, j], scalars.values[codes == b, j])
            for a in range(n_classes)
            for b in range(a + 1, n_classes)
        )
        for j, name in enumerate(scalars.names)
    }


def _auc(a: Floats, b: Floats) -> float:
    less = np.searchsorted(np.sort(b), a, side="left").sum()
    equal = np.searchsorted(np.sort(b), a, side="right").sum() - less
    auc = float((less + equal / 2) / (a.size * b.size))
    return max(auc, 1 - auc)
