"""The artefacts that the experiments share, each one argument of the simulator, at three sizes.

"negligible" is a size that would pass unnoticed in a routine check of the instrument; no standard is cited for it.
The spectra have four peaks on a smooth background, 5 % spread between specimens and noise of 2 % of the floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spectral_core.simulate import Recipe

CHEMISTRY, NOTHING = "chemistry", "nothing"
# argument of the simulator and its value at each size, what it is in words, and its unit
ARTEFACTS: Mapping[str, tuple[str, Mapping[str, float], str, float]] = {
    "gain": ("gain", {"negligible": 0.005, "small": 0.02, "large": 0.1}, "%", 100.0),
    "axis shift": ("shift", {"negligible": 0.2, "small": 1.0, "large": 4.0}, "cm⁻¹", 1.0),
    "noise level": ("noise_ratio", {"negligible": 0.05, "small": 0.1, "large": 0.5}, "%", 100.0),
    "saturation": ("saturation", {"negligible": 0.005, "small": 0.02, "large": 0.1}, "%", 100.0),
    "offset": ("offset", {"negligible": 0.002, "small": 0.01, "large": 0.05}, "of the floor", 1.0),
    "mean shift": ("diffuse", {"negligible": 0.001, "small": 0.002, "large": 0.01}, "of the floor, ±", 1.0),
}
SIZES = ("negligible", "small", "large")
CEILING = (
    "Saturation is a ceiling of the detector: for the first class the median of the highest intensities, which clips "
    "half of its spectra as well, for the second lower by the share named. Nothing is added after it, so a clipped "
    "spectrum ends exactly at its ceiling, and however close the two lie they can be told apart."
)
"""What the simulator does however small the saturation; experiments that plant it say so."""


def recipe_of(difference: str, size: str, **settings: Any) -> Recipe:
    """Write the recipe of a difference between two classes: an artefact at a size, "chemistry" or "nothing"."""
    recipe = Recipe(**settings)
    if difference == CHEMISTRY:
        return replace(recipe, band_effect={"negligible": 0.02, "small": 0.08, "large": 0.25}[size])
    if difference == NOTHING:
        return recipe
    argument, values, _, _ = ARTEFACTS[difference]
    planted: dict[str, Any] = {argument: values[size]}
    return replace(recipe, **planted)


def where_judged(difference: str) -> str:
    """Name the part of the spectrum where an artefact acts and no declared chemistry is.

    Clipping acts on the tallest peak, which is the declared one: it is judged on the full spectrum. All others act
    off-band too.

    Example:
        >>> where_judged("saturation"), where_judged("gain")
        ('full', 'off-band')
    """
    return "full" if difference == "saturation" else "off-band"


def described(difference: str, size: str) -> str:
    """Say a size in its unit.

    Example:
        >>> described("gain", "small")
        'gain 2 %'
    """
    _, values, unit, factor = ARTEFACTS[difference]
    return f"{difference} {values[size] * factor:g} {unit}"
