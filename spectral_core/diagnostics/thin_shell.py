"""Thin-shell width: how far the spectra of one class differ in their distance from the class mean."""

from __future__ import annotations

import numpy as np

from spectral_core.diagnostics.geometry import Points
from spectral_core.diagnostics.radii import Radii, squared_radii_of
from spectral_core.diagnostics.reference import interval_over_units, noise_band, state_interval, unit_groups
from spectral_core.diagnostics.result import Diagnostic, NotGiven, figure
from spectral_core.diagnostics.white_noise import DRAWS, squared_radii

NAME = "thin_shell"


def thin_shell(points: Points) -> Diagnostic | NotGiven:
    """Estimate the standard deviation of ‖x − μ‖ within classes, in standard deviations of one channel.

    White noise gives 1/√2 at any number of channels d, while the radius grows as √d: the shell gets
    relatively thinner (for log-concave vectors: Klartag, Inventiones mathematicae 168:91, 2007). Correlated
    channels make it wider, √(d/2PR) for Gaussian spectra.

    Args:
        points: Means of units.

    Returns:
        The width, its interval over units, and the band of white noise. `parts`: `radius` in the same unit,
        and `relative_width`, width over radius: the relative difference in noise level or gain that moves the
        shell by its own width.
    """
    sample, radii = points.sample, squared_radii_of(points)
    if points.is_flat or radii.values.size == 0:
        because = "the units of each class have equal spectra" if points.is_flat else "no class has 3 units"
        return NotGiven(NAME, because, sample)
    width, radius = _in_channels(radii, sample.d)
    groups = unit_groups(radii.unit, radii.codes, seed=sample.seed)
    left_out = [radii.without(groups == g) for g in range(int(groups.max()) + 1)]
    deleted = np.array([_in_channels(r, sample.d)[0] if r.values.size else np.nan for r in left_out])
    low, high = interval_over_units(width, deleted, scale="log")
    drawn = squared_radii(radii.values.size, sample.d, draws=DRAWS, seed=sample.seed)
    band = noise_band(width, np.array([_in_channels(radii.replaced(row), sample.d)[0] for row in drawn]))
    relative = width / radius
    reading = (
        f"Spectra of one class lie {figure(radius)} channel standard deviations from their mean, give or take "
        f"{figure(width)} (white noise {figure(band.low)} to {figure(band.high)}): a class that scatters more by "
        f"{figure(100 * relative)}% lies one shell width further out."
    )
    return Diagnostic(NAME, width, low, high, band, sample,
                      (*points.assumptions, *state_interval((low, high), deleted.size)), reading,
                      {"radius": radius, "relative_width": relative})  # fmt: skip


def _in_channels(radii: Radii, d: int) -> tuple[float, float]:
    """Width and radius over the root mean square standard deviation of a channel."""
    width, size = radii.thickness()
    return width / size * np.sqrt(d) if size > 0 else float("nan"), float(np.sqrt(d))
