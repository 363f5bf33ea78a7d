"""What counting and reading add: shot noise under a photon budget, read noise, cosmic rays."""

from __future__ import annotations

import numpy as np

from spectral_core.errors import SpectraError
from spectral_core.simulate.recipe import Floats, Recipe
from spectral_core.simulate.specimens import peak


def exposure(recipe: Recipe, axis: Floats) -> float:
    """Give the counts that one unit of intensity leaves in one channel.

    It is fixed by the spectrum of floor and peaks alone, so that neither the specimens drawn nor an artefact
    change it. With the budget of a spectrum it falls as channels multiply: the light is only cut finer.
    """
    reference = recipe.floor + sum((peak(axis, one) for one in recipe.peaks), np.zeros(axis.size))
    light = reference.sum() if recipe.budget == "spectrum" else reference.mean()
    return recipe.photons / float(light)


def count_photons(recipe: Recipe, expected: Floats, axis: Floats, rng: np.random.Generator) -> Floats:
    """Replace expected intensities by counted ones, in intensity units: Poisson counts, read with normal noise.

    Counts have the variance of their mean, so a channel of intensity s has variance s / exposure, and reading
    adds (read_noise / exposure)².

    Raises:
        SpectraError: Read noise without photons, or an expected intensity below zero.
    """
    if not recipe.photons:
        if recipe.read_noise:
            raise SpectraError("recipe, read_noise", "photons above 0, because read noise is in counts", "photons 0",
                               "Set photons, or use noise, which is in intensity units.")  # fmt: skip
        return expected
    if expected.min() < 0:
        row, channel = (int(i) for i in np.argwhere(expected < 0)[0])
        raise SpectraError(f"recipe, specimen spectrum {row + 1}, {axis[channel]:g} cm-1",
                           "an intensity of 0 or more, to count photons of", f"{expected[row, channel]:.3g}",
                           "Raise floor, or lower what is subtracted.")  # fmt: skip
    per_unit = exposure(recipe, axis)
    counts = rng.poisson(expected * per_unit).astype(np.float64)
    if recipe.read_noise:
        counts += recipe.read_noise * rng.normal(size=counts.shape)
    return counts / per_unit


def spike(recipe: Recipe, shape: tuple[int, ...], step: Floats, rng: np.random.Generator) -> Floats:
    """Draw cosmic-ray spikes: a Poisson number a spectrum, each in one channel, heights exponential."""
    rate = recipe.spikes * (1 + recipe.spike_ratio * step) / shape[1]
    hits = rng.poisson(np.broadcast_to(rate[:, None], shape))
    return np.asarray(recipe.spike_height * rng.gamma(np.maximum(hits, 1e-12), size=shape) * (hits > 0))
