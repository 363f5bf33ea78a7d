"""Spectra with planted truth: what is chemistry and what is artefact is known, because it was put there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
BAND = (1180.0, 1220.0)  # where `band_effect` acts
OTHER_BAND = (1530.0, 1570.0)  # where `other_effect` acts
BLANK = (1800.0, 1980.0)  # no peak reaches it
_PEAKS = ((1200.0, 12.0, 1.0), (1320.0, 20.0, 0.7), (1550.0, 15.0, 0.8), (1660.0, 10.0, 0.5))
_RIPPLES = 6  # smooth random background components of each specimen


@dataclass(frozen=True)
class Simulated:
    """n × d spectra, their axis in cm⁻¹, classes, specimens and batches, and the truth behind them."""

    x: Floats
    axis: Floats
    label: npt.NDArray[np.str_]
    unit: npt.NDArray[np.intp]
    batch: npt.NDArray[np.str_]
    truth: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """What to plant; every effect is 0 unless set, and acts on class c in proportion to its position.

    Args:
        units: Specimens in each class.
        replicates: Spectra of each specimen.
        channels: Number of channels between 1,000 and 2,000 cm⁻¹.
        noise: Standard deviation of the detector noise of one channel.
        specimen: Relative spread of peak heights and background between specimens.
        fingerprint: Standard deviation of a pattern of its own in every channel of a specimen.
        band_effect: Relative height of the 1,200 cm⁻¹ peak (declared chemistry).
        other_effect: Relative height of the 1,550 cm⁻¹ peak (undeclared chemistry).
        offset: Baseline offset, in intensity units.
        slope: Baseline slope over the whole axis, in intensity units.
        gain: Relative gain.
        shift: Axis shift in cm⁻¹.
        noise_ratio: Relative noise standard deviation.
        saturation: Relative depth of clipping of the strongest peak.
        batches: Number of batches; each adds its own offset of `batch_offset` standard deviation.
        batch_mix: Share of a class measured in its own half of the batches (0.5 balanced, 1 aliased).
        batch_offset: Spread of the batches' baseline offsets.
    """

    units: tuple[int, ...] = (40, 40)
    replicates: int = 1
    channels: int = 300
    noise: float = 0.02
    specimen: float = 0.05
    fingerprint: float = 0.0
    band_effect: float = 0.0
    other_effect: float = 0.0
    offset: float = 0.0
    slope: float = 0.0
    gain: float = 0.0
    shift: float = 0.0
    noise_ratio: float = 0.0
    saturation: float = 0.0
    batches: int = 1
    batch_mix: float = 0.5
    batch_offset: float = 0.0


def simulate(recipe: Recipe, *, seed: int) -> Simulated:
    """Draw spectra after a recipe.

    A specimen is a sum of Gaussian peaks with random heights on a smooth random background; the detector adds
    white noise to each spectrum.
    """
    rng = np.random.default_rng(seed)
    axis = np.linspace(1000.0, 2000.0, recipe.channels)
    n_units = sum(recipe.units)
    codes = np.repeat(np.arange(len(recipe.units)), recipe.units)
    step = codes / max(len(recipe.units) - 1, 1)  # 0 for the first class, 1 for the last
    batch = _batches(recipe, codes, rng)
    specimens = _specimens(recipe, axis, step, rng)
    batch_level = rng.normal(0.0, 1.0, recipe.batches)[batch] * recipe.batch_offset
    position = (axis - axis[0]) / (axis[-1] - axis[0])
    specimens += recipe.fingerprint * rng.normal(size=specimens.shape)
    specimens = specimens * (1 + recipe.gain * step[:, None])
    specimens += (recipe.offset * step + batch_level)[:, None] + recipe.slope * step[:, None] * position
    unit = np.repeat(np.arange(n_units), recipe.replicates)
    sigma = recipe.noise * (1 + recipe.noise_ratio * step[unit])
    x = specimens[unit] + rng.normal(size=(unit.size, axis.size)) * sigma[:, None]
    if recipe.saturation:
        ceiling = np.quantile(x.max(axis=1), 0.5) * (1 - recipe.saturation * step[unit])
        x = np.minimum(x, ceiling[:, None])
    label = np.array([f"class {c + 1}" for c in codes])[unit]
    truth = {k: float(v) for k, v in vars(recipe).items() if isinstance(v, int | float) and v}
    return Simulated(x, axis, label, unit, np.array([f"batch {b + 1}" for b in batch])[unit], truth)


def _batches(recipe: Recipe, codes: npt.NDArray[np.intp], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Assign specimens to batches; `batch_mix` of each class falls into its own half of them."""
    half = max(recipe.batches // 2, 1)
    own = rng.random(codes.size) < recipe.batch_mix
    first = (codes % 2 == 0) == own
    drawn = rng.integers(0, half, codes.size)
    return np.where(first | (recipe.batches == 1), drawn, recipe.batches - 1 - drawn)


def _specimens(recipe: Recipe, axis: Floats, step: Floats, rng: np.random.Generator) -> Floats:
    heights = 1 + recipe.specimen * rng.normal(size=(step.size, len(_PEAKS)))
    heights[:, 0] += recipe.band_effect * step
    heights[:, 2] += recipe.other_effect * step
    moved = axis[None, :] - recipe.shift * step[:, None]
    peaks = sum(
        heights[:, i, None] * height * np.exp(-0.5 * ((moved - centre) / width) ** 2)
        for i, (centre, width, height) in enumerate(_PEAKS)
    )
    phase = np.pi * np.arange(1, _RIPPLES + 1)[:, None] * (axis - axis[0]) / (axis[-1] - axis[0])
    background = rng.normal(size=(step.size, _RIPPLES)) / np.arange(1, _RIPPLES + 1)
    return np.asarray(peaks + recipe.specimen * background @ np.cos(phase) + 1.0)
