"""Gain, axis shift and baseline of each spectrum off the bands, against the mean of the others.

Each raw spectrum is regressed on the mean spectrum m of the other units, its derivative and a parabola of the
axis (t runs from −1 to 1):

    x(ν) = offset + ½ slope·t + curvature·(3t² − 1)/2 + gain·(m(ν) − shift·m′(ν)) + rest,

the model of extended multiplicative signal correction (Martens & Stark, J. Pharm. Biomed. Anal. 9:625, 1991)
with a first-order shift: m(ν − s) ≈ m(ν) − s·m′(ν), good for shifts well below the width of a peak. The mean
leaves the spectrum's own unit out, else noise would correlate with itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse

from spectral_core.regions import Mask, segments
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_SHORTEST = 8  # channels of a run without gaps
_FEWEST = 24  # channels in all: five coefficients, and something left to fit
_STRUCTURE = 0.8  # least share of the mean spectrum (and of its derivative) that is not noise
_ALIKE = 0.9  # squared correlation of m and m′ from which gain and shift are one
_LEAST = 1e-6  # of the strongest mean spectrum of the others, for any spectrum
_ROUNDING = 1e-24  # mean square of what rounding leaves of a flat spectrum, for a largest intensity of 1
_SMALLEST_GAIN = 0.1  # a spectrum without m has no shift
_TOGETHER = 256  # units handled together


@dataclass(frozen=True)
class Distortions:
    """n values of each scalar that could be estimated, by name: gain, axis shift, offset, slope.

    Gain is relative to the mean spectrum, the shift in axis units (positive: to larger positions), offset in
    intensity units at the middle of the axis, slope in intensity units over the whole axis. `why_not` says
    why scalars are missing ("" if none is); `runs` holds the channels used, run by run without gaps.
    """

    by_name: dict[str, Floats] = field(default_factory=dict)
    why_not: str = ""
    runs: tuple[Codes, ...] = ()


def estimate_distortions(
    x: npt.NDArray[np.floating], axis: Floats, off_band: Mask, unit: Codes, *, banded: bool
) -> Distortions:
    """Estimate gain, axis shift, offset and slope of each spectrum; blind to labels.

    Args:
        x: n × d raw intensities.
        axis: d channel positions.
        off_band: Channels outside the bands and their guards.
        unit: Unit of each of n spectra.
        banded: Whether bands were declared; without them off-band would hold the chemistry.
    """
    if not banded:
        return Distortions(why_not="no band was declared, so that no channel is known to be outside")
    runs = [np.flatnonzero(off_band)[run] for run in segments(axis[off_band])]
    runs = [run for run in runs if run.size >= _SHORTEST]
    if sum(run.size for run in runs) < _FEWEST:
        why = f"fewer than {_FEWEST} channels lie outside the bands and their guards, in runs of at least {_SHORTEST}"
        return Distortions(why_not=why)
    if int(unit.max()) < 1:
        return Distortions(why_not="there is one unit only")
    largest = max(float(np.abs(x[:, run]).max()) for run in runs) or 1.0
    products = _Products.of(x, axis, runs, unit, largest)
    gain, shift, why_not = products.coefficients()
    baseline = products.baseline - gain[:, None] * products.baseline_mean
    baseline += (gain * shift)[:, None] * products.baseline_derivative
    found = {"offset": baseline[:, 0] * largest, "slope": 2.0 * baseline[:, 1] * largest}
    if products.has_structure:
        found = {"gain": gain, **({"axis shift": shift} if products.has_flanks else {}), **found}
    return Distortions(found, why_not, tuple(runs))


@dataclass(frozen=True)
class _Products:
    """Mean products over channels, per spectrum, of x, m and m′ less a parabola of each, and those parabolas."""

    mm: Floats
    md: Floats
    dd: Floats
    xm: Floats
    xd: Floats
    derivatives: Floats  # of x′ with m′
    baseline: Floats
    baseline_mean: Floats
    baseline_derivative: Floats

    @classmethod
    def of(
        cls, x: npt.NDArray[np.floating], axis: Floats, runs: Sequence[Codes], unit: Codes, largest: float
    ) -> _Products:
        channels = np.concatenate(runs)
        parabola = np.polynomial.legendre.legvander(position(axis[channels], axis), 2)
        fit = np.linalg.pinv(parabola).T
        n = unit.size
        six, baselines = np.empty((6, n)), np.empty((3, n, 3))
        for rows, z, mean in _beside_others(x, channels, unit, largest):
            parts = []
            for part in (z, mean, derivative(mean, axis, runs), derivative(z, axis, runs)):
                coefficients = part @ fit
                parts.append((part - coefficients @ parabola.T, coefficients))
            (z, bz), (m, bm), (d, bd), (dz, _) = parts
            for i, (a, b) in enumerate(((m, m), (m, d), (d, d), (z, m), (z, d), (dz, d))):
                six[i, rows] = np.einsum("ij,ij->i", a, b) / channels.size
            baselines[:, rows] = bz, bm, bd
        return cls(*six, *baselines)

    @property
    def has_structure(self) -> bool:
        """Whether the mean spectrum of the others recurs in a spectrum: else it is noise, and gain means nothing."""
        everywhere = self.mm.min() > max(_LEAST * self.mm.max(), _ROUNDING)  # not in one unit only
        return bool(everywhere and self.xm.sum() >= _STRUCTURE * self.mm.sum())

    @property
    def has_flanks(self) -> bool:
        """Whether the same holds for its derivative, and the derivative is not the mean spectrum over again."""
        recurs = self.derivatives.sum() >= _STRUCTURE * self.dd.sum()
        apart = bool((self.md**2 < _ALIKE * self.mm * self.dd).all())
        return bool(self.has_structure and recurs and apart)

    def coefficients(self) -> tuple[Floats, Floats, str]:
        """Gain and shift of each spectrum, 0 where they cannot be estimated, and why."""
        zero = np.zeros_like(self.mm)
        if not self.has_structure:
            return zero, zero, "outside the bands there is baseline and noise only, which have no gain and no shift"
        if not self.has_flanks:
            return self.xm / self.mm, zero, "the flanks outside the bands are too weak to tell a shift"
        determinant = self.mm * self.dd - self.md**2
        gain = (self.dd * self.xm - self.md * self.xd) / determinant
        moved = (self.mm * self.xd - self.md * self.xm) / determinant
        return gain, -moved / np.where(np.abs(gain) > _SMALLEST_GAIN, gain, 1.0), ""


def _beside_others(
    x: npt.NDArray[np.floating], channels: Codes, unit: Codes, largest: float
) -> Iterator[tuple[Codes, Floats, Floats]]:
    """Yield rows of whole units, their spectra off the bands over `largest`, and the mean of all other units'."""
    order = np.argsort(unit, kind="stable")
    total = np.zeros(channels.size)
    for rows in _units_together(order, unit):
        total += (x[np.ix_(rows, channels)].astype(np.float64) / largest).sum(axis=0)
    for rows in _units_together(order, unit):
        z = x[np.ix_(rows, channels)].astype(np.float64) / largest
        own, sizes = np.unique(unit[rows], return_inverse=True, return_counts=True)[1:]
        of_unit = scipy.sparse.csr_array((np.ones(rows.size), (own, np.arange(rows.size))))
        mean = (total - of_unit @ z) / (unit.size - sizes)[:, None]
        yield rows, z, mean[own]


def _units_together(order: Codes, unit: Codes) -> Iterator[Codes]:
    block = unit[order] // _TOGETHER
    yield from np.split(order, np.flatnonzero(np.diff(block)) + 1)


def position(used: Floats, axis: Floats) -> Floats:
    """Place channels between −1 and 1 at the ends of the whole axis."""
    return np.asarray(2.0 * (used - axis[0]) / (axis[-1] - axis[0]) - 1.0)


def derivative(values: Floats, axis: Floats, runs: Sequence[Codes]) -> Floats:
    """Differentiate n × m values of all runs along the axis, inside each run (one-sided at its ends)."""
    parts = np.split(values, np.cumsum([run.size for run in runs])[:-1], axis=1)
    slopes = [np.gradient(part, axis[run], axis=1) for part, run in zip(parts, runs, strict=True)]
    return np.concatenate(slopes, axis=1)
