"""Spectra with planted truth: what is chemistry and what is artefact is known, because it was put there."""

from spectral_core.simulate.drawing import simulate
from spectral_core.simulate.eem import EemRecipe, SimulatedEem, simulate_eem
from spectral_core.simulate.recipe import BAND, BLANK, OTHER_BAND, PEAKS, Peaks, Recipe, Simulated

__all__ = [
    "BAND",
    "BLANK",
    "OTHER_BAND",
    "PEAKS",
    "EemRecipe",
    "Peaks",
    "Recipe",
    "Simulated",
    "SimulatedEem",
    "simulate",
    "simulate_eem",
]
