"""Spectra with planted truth: what is chemistry and what is artefact is known, because it was put there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Peaks = tuple[tuple[float, float, float], ...]
BAND = (1180.0, 1220.0)  # where `band_effect` acts
OTHER_BAND = (1530.0, 1570.0)  # where `other_effect` acts
BLANK = (1800.0, 1980.0)  # no peak reaches it
PEAKS: Peaks = ((1200.0, 12.0, 1.0), (1320.0, 20.0, 0.7), (1550.0, 15.0, 0.8), (1660.0, 10.0, 0.5))
_RIPPLES = 6  # smooth random background components of each specimen
_LATER = 77_003  # stream of what was added later: older recipes keep their spectra, and no fold shares it


@dataclass(frozen=True)
class Simulated:
    """n × d spectra, their axis in cm⁻¹, classes, specimens and batches, and the truth behind them.

    A batch name may be empty (`batch_lost`).
    """

    x: Floats
    axis: Floats
    label: npt.NDArray[np.str_]
    unit: npt.NDArray[np.intp]
    batch: npt.NDArray[np.str_]
    truth: dict[str, float] = field(default_factory=dict)

    def take(self, rows: Codes) -> Simulated:
        """Keep some spectra, in the order given."""
        return replace(
            self, x=self.x[rows], label=self.label[rows], unit=self.unit[rows], batch=self.batch[rows]
        )  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """What to plant; every effect is 0 unless set, and acts on class c in proportion to its position.

    Args:
        units: Specimens in each class.
        replicates: Spectra of each specimen; several numbers are dealt to the specimens of a class in turn,
            and numbers in brackets belong to one class each.
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
        batch_band: Spread of the batches' relative heights of the 1,200 cm⁻¹ peak.
        batch_lost: Share of spectra whose batch nobody wrote down (its name is empty).
        crossed: Whether the replicates of a specimen are dealt to the batches in turn.
        mixed: Whether specimen i of every class is the same specimen (each then holds spectra of all classes).
        peaks: Position, width (standard deviation) and height of each peak; the first and the third carry
            `band_effect` and `other_effect`.
        floor: Level of an empty channel.
        lines: Position, width and height of further lines that only grow with the class.
        drift: Baseline drift over the run, in intensity units; the classes are measured one after the other.
        gain_spread: Relative spread of a random gain of each spectrum, the same in every class.
        background: Spread of the smooth background between specimens, added to what `specimen` gives.
        tails: Degrees of freedom of Student's t for the noise (0 for normal noise).
    """

    units: tuple[int, ...] = (40, 40)
    replicates: int | tuple[int | tuple[int, ...], ...] = 1
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
    batch_band: float = 0.0
    batch_lost: float = 0.0
    crossed: bool = False
    mixed: bool = False
    peaks: Peaks = PEAKS
    floor: float = 1.0
    lines: Peaks = ()
    drift: float = 0.0
    gain_spread: float = 0.0
    background: float = 0.0
    tails: float = 0.0


def simulate(recipe: Recipe, *, seed: int) -> Simulated:
    """Draw spectra after a recipe.

    A specimen is a sum of Gaussian peaks with random heights on a smooth random background; the detector adds
    noise to each spectrum. The same recipe and seed give the same spectra.
    """
    rng, later = np.random.default_rng(seed), np.random.default_rng([seed, _LATER])
    axis = np.linspace(1000.0, 2000.0, recipe.channels)
    codes = np.repeat(np.arange(len(recipe.units)), recipe.units)
    step = codes / max(len(recipe.units) - 1, 1)  # 0 for the first class, 1 for the last
    batch_of_specimen = _batches(recipe, codes, rng)
    specimens = _specimens(recipe, axis, step, rng)
    level = rng.normal(0.0, 1.0, recipe.batches) * recipe.batch_offset
    position = (axis - axis[0]) / (axis[-1] - axis[0])
    specimens += recipe.fingerprint * rng.normal(size=specimens.shape)
    specimens *= 1 + recipe.gain * step[:, None]
    specimens += recipe.offset * step[:, None] + recipe.slope * step[:, None] * position
    specimens += recipe.drift * np.linspace(0.0, 1.0, step.size)[:, None]
    row = np.repeat(np.arange(codes.size), _replicates(recipe))
    batch = batch_of_specimen[row]
    if recipe.crossed:
        batch = (np.arange(row.size) - np.searchsorted(row, row)) % recipe.batches
    x = specimens[row] + level[batch][:, None]
    x += (recipe.batch_band * later.normal(size=recipe.batches))[batch][:, None] * _peak(axis, recipe.peaks[0])
    x *= np.exp(recipe.gain_spread * later.normal(size=row.size))[:, None]
    x += _noise(recipe, x.shape, rng) * (recipe.noise * (1 + recipe.noise_ratio * step[row]))[:, None]
    if recipe.saturation:
        ceiling = np.quantile(x.max(axis=1), 0.5) * (1 - recipe.saturation * step[row])
        x = np.minimum(x, ceiling[:, None])
    label = np.array([f"class {c + 1}" for c in codes])[row]
    unit = _members(recipe)[row] if recipe.mixed else row
    names = np.array([f"batch {b + 1}" for b in batch])
    names = np.where(later.random(row.size) < recipe.batch_lost, "", names)
    truth = {k: float(v) for k, v in vars(recipe).items() if isinstance(v, int | float) and v}
    return Simulated(x, axis, label, unit, names, truth)


def _members(recipe: Recipe) -> Codes:
    """Place of each specimen inside its class."""
    return np.concatenate([np.arange(m) for m in recipe.units])


def _replicates(recipe: Recipe) -> Codes:
    """Spectra of each specimen."""
    given = recipe.replicates if isinstance(recipe.replicates, tuple) else (recipe.replicates,)
    by_class = all(isinstance(numbers, tuple) for numbers in given)
    per_class = [given[c] if by_class else given for c in range(len(recipe.units))]
    return np.concatenate([np.resize(np.asarray(r), m) for r, m in zip(per_class, recipe.units, strict=True)])


def _noise(recipe: Recipe, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    return rng.standard_t(recipe.tails, size=shape) if recipe.tails else rng.normal(size=shape)


def _batches(recipe: Recipe, codes: Codes, rng: np.random.Generator) -> Codes:
    """Assign specimens to batches; `batch_mix` of each class falls into its own half of them."""
    half = max(recipe.batches // 2, 1)
    own = rng.random(codes.size) < recipe.batch_mix
    first = (codes % 2 == 0) == own
    drawn = rng.integers(0, half, codes.size)
    return np.where(first | (recipe.batches == 1), drawn, recipe.batches - 1 - drawn)


def _specimens(recipe: Recipe, axis: Floats, step: Floats, rng: np.random.Generator) -> Floats:
    same = _members(recipe) if recipe.mixed else np.arange(step.size)
    heights = (1 + recipe.specimen * rng.normal(size=(step.size, len(recipe.peaks))))[same]
    heights[:, 0] += recipe.band_effect * step
    if recipe.other_effect:
        heights[:, 2] += recipe.other_effect * step
    moved = axis[None, :] - recipe.shift * step[:, None]
    drawn = np.zeros((step.size, axis.size))
    for i, peak in enumerate(recipe.peaks):
        drawn += heights[:, i, None] * _peak(moved, peak)
    for line in recipe.lines:
        drawn += step[:, None] * _peak(moved, line)
    phase = np.pi * np.arange(1, _RIPPLES + 1)[:, None] * (axis - axis[0]) / (axis[-1] - axis[0])
    background = rng.normal(size=(step.size, _RIPPLES))[same] / np.arange(1, _RIPPLES + 1)
    drawn += (recipe.specimen + recipe.background) * background @ np.cos(phase) + recipe.floor
    return drawn


def _peak(axis: Floats, peak: tuple[float, float, float]) -> Floats:
    centre, width, height = peak
    return np.asarray(height * np.exp(-0.5 * ((axis - centre) / width) ** 2))
