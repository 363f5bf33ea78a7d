"""From a recipe and a seed to spectra."""

from __future__ import annotations

import numpy as np

from spectral_core.simulate.detector import count_photons, spike
from spectral_core.simulate.recipe import Codes, Floats, Recipe, Simulated
from spectral_core.simulate.specimens import members, peak, replicate_counts, specimen_spectra

# streams of what was added later: older recipes keep their spectra, and no fold shares them
_LATER, _DETECTOR, _DIFFUSE, _SITES = 77_003, 77_004, 77_005, 77_006


def simulate(recipe: Recipe, *, seed: int) -> Simulated:
    """Draw spectra after a recipe.

    A specimen is a sum of Gaussian peaks with random heights on a smooth random background; the detector adds
    noise to each spectrum. The same recipe and seed give the same spectra.

    Raises:
        SpectraError: Read noise without photons, or intensities below zero where photons are to be counted.
    """
    rng, later = np.random.default_rng(seed), np.random.default_rng([seed, _LATER])
    axis = np.linspace(1000.0, 2000.0, recipe.channels)
    codes = np.repeat(np.arange(len(recipe.units)), recipe.units)
    step = codes / max(len(recipe.units) - 1, 1)  # 0 for the first class, 1 for the last
    batch_of_specimen = _batches(recipe, codes, rng)
    specimens = specimen_spectra(recipe, axis, step, rng, later=np.random.default_rng([seed, _DIFFUSE]))
    level = rng.normal(0.0, 1.0, recipe.batches) * recipe.batch_offset
    if recipe.sites > 1:
        of_site = np.random.default_rng([seed, _SITES]).normal(0.0, recipe.batch_offset, recipe.sites)
        level += of_site[np.arange(recipe.batches) * recipe.sites // recipe.batches]
    position = (axis - axis[0]) / (axis[-1] - axis[0])
    specimens += recipe.fingerprint * rng.normal(size=specimens.shape)
    specimens *= 1 + recipe.gain * step[:, None]
    specimens += recipe.offset * step[:, None] + recipe.slope * step[:, None] * position
    specimens += recipe.drift * np.linspace(0.0, 1.0, step.size)[:, None]
    row = np.repeat(np.arange(codes.size), replicate_counts(recipe))
    batch = batch_of_specimen[row]
    if recipe.crossed:
        batch = (np.arange(row.size) - np.searchsorted(row, row)) % recipe.batches
    expected = specimens[row] + level[batch][:, None]
    height = recipe.batch_band * later.normal(size=recipe.batches)
    if recipe.batch_band:
        expected += height[batch][:, None] * peak(axis, recipe.peaks[0])
    expected *= np.exp(recipe.gain_spread * later.normal(size=row.size))[:, None]
    x = _detected(recipe, expected, axis, step[row], rng, np.random.default_rng([seed, _DETECTOR]))
    unit = members(recipe)[row] if recipe.mixed else row
    names = np.array([f"batch {b + 1}" for b in batch])
    names = np.where(later.random(row.size) < recipe.batch_lost, "", names)
    truth = {k: float(v) for k, v in vars(recipe).items() if isinstance(v, int | float) and v}
    label = np.array([f"class {c + 1}" for c in codes])[row]
    return Simulated(x, axis, label, unit, names, expected, truth, recipe)


def _detected(
    recipe: Recipe,
    expected: Floats,
    axis: Floats,
    step: Floats,
    rng: np.random.Generator,
    detector: np.random.Generator,
) -> Floats:
    """Photons, detector noise, spikes, saturation: in the order in which they happen."""
    x = count_photons(recipe, expected, axis, detector)
    x = x + _noise(recipe, x.shape, rng) * (recipe.noise * (1 + recipe.noise_ratio * step))[:, None]
    if recipe.spikes:
        x += spike(recipe, x.shape, step, detector)
    if recipe.saturation:
        ceiling = np.quantile(x.max(axis=1), 0.5) * (1 - recipe.saturation * step)
        x = np.minimum(x, ceiling[:, None])
    return np.asarray(x)


def _noise(recipe: Recipe, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    return rng.standard_t(recipe.tails, size=shape) if recipe.tails else rng.normal(size=shape)


def _batches(recipe: Recipe, codes: Codes, rng: np.random.Generator) -> Codes:
    """Assign specimens to batches; `batch_mix` of each class falls into its own half of them."""
    half = max(recipe.batches // 2, 1)
    own = rng.random(codes.size) < recipe.batch_mix
    first = (codes % 2 == 0) == own
    drawn = rng.integers(0, half, codes.size)
    return np.where(first | (recipe.batches == 1), drawn, recipe.batches - 1 - drawn)
