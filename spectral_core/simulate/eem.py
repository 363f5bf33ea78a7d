"""Simulated excitation–emission matrices: fluorescence-like, with cells that are blank by physics.

No real fluorescence set stands behind them. A fluorophore is a Gaussian in excitation times a Gaussian in emission;
light scattered by the sample appears where emission equals excitation; nothing is emitted at shorter wavelength than
it was excited with (Lakowicz, Principles of Fluorescence Spectroscopy, 3rd ed., 2006, chapter 1: the Stokes shift).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spectral_core.simulate.recipe import Floats

# excitation and emission maximum, their widths (standard deviations), all in nm, and the relative brightness
FLUOROPHORES = ((280.0, 340.0, 12.0, 22.0, 1.0), (340.0, 430.0, 20.0, 30.0, 0.8), (400.0, 500.0, 25.0, 35.0, 0.5))
_MARGIN = 15.0  # nm from the line emission = excitation inside which scattered light is seen


@dataclass(frozen=True)
class EemRecipe:
    """What to plant in simulated excitation–emission matrices; effects are relative and belong to the second class.

    Args:
        units: Specimens in each of two classes.
        replicates: Matrices of each specimen.
        excitations: Number of excitation wavelengths, 260 to 460 nm.
        emissions: Number of emission wavelengths, 260 to 600 nm.
        specimen: Relative spread of each fluorophore's concentration between specimens.
        chemistry: Relative concentration of the second fluorophore (excited at 340, emitting at 430 nm).
        gain: Relative gain, as of a lamp.
        noise_ratio: Relative standard deviation of the read noise.
        scatter: Height of the scattered light, in units of the brightest fluorophore.
        scatter_effect: Relative height of the scattered light (turbidity).
        photons: Counts that the brightest fluorophore leaves at its maximum.
        read_noise: Standard deviation of reading one cell, in counts.
    """

    units: tuple[int, int] = (24, 24)
    replicates: int = 2
    excitations: int = 21
    emissions: int = 35
    specimen: float = 0.1
    chemistry: float = 0.0
    gain: float = 0.0
    noise_ratio: float = 0.0
    scatter: float = 0.3
    scatter_effect: float = 0.0
    photons: float = 1000.0
    read_noise: float = 5.0


@dataclass(frozen=True)
class SimulatedEem:
    """n × (excitations · emissions) unfolded matrices, and where each feature was measured.

    `excitation` and `emission` give the wavelengths of each feature in nm, `expected` the matrices before photons
    and reading, in the same units as `x`.
    """

    x: Floats
    excitation: Floats
    emission: Floats
    label: npt.NDArray[np.str_]
    unit: npt.NDArray[np.intp]
    expected: Floats
    truth: dict[str, float] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """A name for each feature, as "ex 340 em 430"."""
        return feature_names(self.excitation, self.emission)

    @property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Features where emission is at shorter wavelength than excitation, scattered light left out."""
        return np.asarray(self.emission < self.excitation - _MARGIN)

    def fluorophore(self, index: int, *, widths: float = 1.5) -> npt.NDArray[np.bool_]:
        """Features within so many widths of a fluorophore's maximum, scattered light left out."""
        return np.asarray((self._widths_from(index) <= widths) & (self.emission > self.excitation + _MARGIN))

    def beyond(self, index: int, *, widths: float = 4.0) -> npt.NDArray[np.bool_]:
        """Features farther than so many widths from a fluorophore's maximum, where it does not emit.

        Cells near the line of scattered light that the fluorophore reaches as well are not among them: with
        four widths less than exp(−8) of its maximum is left anywhere.
        """
        return self._widths_from(index) > widths

    def _widths_from(self, index: int) -> Floats:
        ex, em, ex_width, em_width, _ = FLUOROPHORES[index]
        return np.asarray(np.hypot((self.excitation - ex) / ex_width, (self.emission - em) / em_width))


def feature_names(excitation: Floats, emission: Floats) -> tuple[str, ...]:
    """Name features of unfolded matrices by their wavelengths in nm.

    Example:
        >>> feature_names(np.array([340.0]), np.array([430.0]))
        ('ex 340 em 430',)
    """
    return tuple(f"ex {a:g} em {b:g}" for a, b in zip(excitation, emission, strict=True))


def simulate_eem(recipe: EemRecipe, *, seed: int) -> SimulatedEem:
    """Draw simulated excitation–emission matrices, unfolded row by row of excitation.

    The same recipe and seed give the same matrices.
    """
    rng = np.random.default_rng(seed)
    ex, em = np.meshgrid(
        np.linspace(260, 460, recipe.excitations), np.linspace(260, 600, recipe.emissions), indexing="ij"
    )
    excitation, emission = ex.ravel(), em.ravel()
    second = np.repeat([0.0, 1.0], recipe.units)
    concentration = np.exp(recipe.specimen * rng.normal(size=(second.size, len(FLUOROPHORES))))
    concentration[:, 1] *= 1 + recipe.chemistry * second
    drawn = concentration @ np.stack([_emitted(excitation, emission, one) for one in FLUOROPHORES])
    scattered = recipe.scatter * np.exp(-0.5 * ((emission - excitation) / (_MARGIN / 3)) ** 2)
    drawn += (1 + recipe.scatter_effect * second)[:, None] * scattered
    drawn *= (1 + recipe.gain * second)[:, None]
    row = np.repeat(np.arange(second.size), recipe.replicates)
    counts = rng.poisson(drawn[row] * recipe.photons).astype(np.float64)
    reading = recipe.read_noise * (1 + recipe.noise_ratio * second[row])
    counts += reading[:, None] * rng.normal(size=counts.shape)
    label = np.where(second[row] > 0, "class 2", "class 1")
    truth = {k: float(v) for k, v in vars(recipe).items() if isinstance(v, int | float) and v}
    return SimulatedEem(counts / recipe.photons, excitation, emission, label, row, drawn[row], truth)


def _emitted(excitation: Floats, emission: Floats, one: tuple[float, float, float, float, float]) -> Floats:
    ex, em, ex_width, em_width, brightness = one
    shape = np.exp(-0.5 * ((excitation - ex) / ex_width) ** 2 - 0.5 * ((emission - em) / em_width) ** 2)
    return np.asarray(brightness * shape * (emission > excitation))
