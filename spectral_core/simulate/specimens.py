"""Spectra of specimens before anything is measured: peaks, backgrounds, what grows with the class."""

from __future__ import annotations

import numpy as np

from spectral_core.simulate.recipe import Codes, Floats, Recipe

_RIPPLES = 6  # smooth random background components of each specimen


def specimen_spectra(
    recipe: Recipe, axis: Floats, step: Floats, rng: np.random.Generator, *, later: np.random.Generator
) -> Floats:
    """Draw the spectrum of each specimen: specimens × channels intensities.

    Args:
        recipe: What to plant.
        axis: d channel positions in cm⁻¹.
        step: Position of each specimen's class, 0 for the first to 1 for the last.
        rng: Stream of heights and smooth backgrounds.
        later: Stream of fluorescence and of the diffuse shift.
    """
    same = members(recipe) if recipe.mixed else np.arange(step.size)
    heights = (1 + recipe.specimen * rng.normal(size=(step.size, len(recipe.peaks))))[same]
    if recipe.peaks:
        heights[:, 0] += recipe.band_effect * step
    if recipe.other_effect:
        heights[:, 2] += recipe.other_effect * step
    moved = axis[None, :] - recipe.shift * step[:, None]
    drawn = np.zeros((step.size, axis.size))
    for i, one in enumerate(recipe.peaks):
        drawn += heights[:, i, None] * peak(moved, one)
    for line in recipe.lines:
        drawn += step[:, None] * peak(moved, line)
    phase = np.pi * np.arange(1, _RIPPLES + 1)[:, None] * (axis - axis[0]) / (axis[-1] - axis[0])
    background = rng.normal(size=(step.size, _RIPPLES))[same] / np.arange(1, _RIPPLES + 1)
    drawn += (recipe.specimen + recipe.background) * background @ np.cos(phase) + recipe.floor
    if recipe.fluorescence:
        drawn += _fluorescence(recipe, axis, step, later)[same] * (1 + recipe.fluorescence_effect * step[:, None])
    if recipe.diffuse:
        drawn += recipe.diffuse * step[:, None] * later.choice([-1.0, 1.0], size=axis.size)
    return drawn


def _fluorescence(recipe: Recipe, axis: Floats, step: Floats, rng: np.random.Generator) -> Floats:
    """One hump a specimen, half to one and a half axes wide, centred anywhere on the axis or a little outside."""
    length = axis[-1] - axis[0]
    centre = axis[0] + length * rng.uniform(-0.25, 1.25, size=step.size)
    width = length * rng.uniform(0.5, 1.5, size=step.size)
    height = recipe.fluorescence * np.exp(rng.normal(0.0, 0.5, size=step.size) - 0.125)  # mean 1
    return np.asarray(height[:, None] * np.exp(-0.5 * ((axis - centre[:, None]) / width[:, None]) ** 2))


def members(recipe: Recipe) -> Codes:
    """Place of each specimen inside its class."""
    return np.concatenate([np.arange(m) for m in recipe.units])


def replicate_counts(recipe: Recipe) -> Codes:
    """Spectra of each specimen."""
    given = recipe.replicates if isinstance(recipe.replicates, tuple) else (recipe.replicates,)
    by_class = all(isinstance(numbers, tuple) for numbers in given)
    per_class = [given[c] if by_class else given for c in range(len(recipe.units))]
    return np.concatenate([np.resize(np.asarray(r), m) for r, m in zip(per_class, recipe.units, strict=True)])


def peak(axis: Floats, one: tuple[float, float, float]) -> Floats:
    """Give a Gaussian of position, width (standard deviation) and height on an axis."""
    centre, width, height = one
    return np.asarray(height * np.exp(-0.5 * ((axis - centre) / width) ** 2))
