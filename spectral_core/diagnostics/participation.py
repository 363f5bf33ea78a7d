"""Participation ratio: along how many directions the spectra of one class really vary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.geometry import Floats, Points, within_classes
from spectral_core.diagnostics.radii import squared_radii_of
from spectral_core.diagnostics.reference import (
    interval_over_units,
    noise_band,
    state_interval,
    unit_groups,
)  # fmt: skip
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, figure
from spectral_core.diagnostics.white_noise import DRAWS, squared_radii, trace_moments
from spectral_core.splits import Codes

BY_EIGENVALUES, BY_NORMS = "participation_ratio", "participation_ratio_norms"
_FAR_BELOW = 0.5  # PR from norms over PR from eigenvalues


def participation_ratio(points: Points) -> Diagnostic | NotGiven:
    """Estimate PR = (tr Σ)² / tr Σ² within classes, from the traces of the pooled covariance S.

    d independent channels of equal variance have PR = d, one common factor PR = 1. PR sets how sharply
    squared distances concentrate: of Gaussian spectra CV(‖x − μ‖²) = √(2/PR). With S on ν degrees of freedom
    tr S² overestimates tr Σ²; the unbiased estimate is ν²/((ν − 1)(ν + 2))·[tr S² − (tr S)²/ν] (Bai &
    Saranadasa, Statistica Sinica 6:311, 1996). The naive ratio stands in `parts`.

    Args:
        points: Means of units.

    Returns:
        The ratio, its interval over units, and the band of white noise of as many units and channels.
    """
    sample, (residual, nu) = points.sample, points.residual
    if nu < 2:
        return NotGiven(BY_EIGENVALUES, f"it needs 2 units more than classes, and there are {nu} more", sample)
    if points.is_flat:
        return NotGiven(BY_EIGENVALUES, "the units of each class have equal spectra", sample)
    total, square = float(np.trace(residual)) / nu, float((residual**2).sum()) / nu**2
    estimate = float(ratio_of_traces(total, square, nu))
    if not np.isfinite(estimate):
        return NotGiven(BY_EIGENVALUES, f"{nu + 1} directions vary equally, and more units would show more", sample)
    groups = unit_groups(points.unit, points.codes, seed=sample.seed)
    deleted = np.array([_without(points, groups != g) for g in range(int(groups.max()) + 1)])
    low, high = interval_over_units(estimate, deleted, scale="log")
    traces = trace_moments(nu, sample.d, draws=DRAWS, seed=sample.seed)
    white = ratio_of_traces(traces[:, 0] / nu, traces[:, 1] / nu**2, nu)
    band = noise_band(estimate, white)
    assumptions = (*points.assumptions, Assumption("classes share one covariance", "assumed"),
                   Assumption("spectra are Gaussian within classes", "assumed", "else tr Σ² is biased"),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    reading = (
        f"Within classes the spectra vary as if along {figure(estimate)} equally strong independent directions; white "
        f"noise in all {sample.d:,} channels would show {figure(band.low)} to {figure(band.high)}."
    )
    parts = {"naive": total**2 / square, "degrees_of_freedom": float(nu)}
    return Diagnostic(BY_EIGENVALUES, estimate, low, high, band, sample, assumptions, reading, parts)


def ratio_of_traces(total: float | Floats, square: float | Floats, nu: int) -> Floats:
    """Compute (tr S)² over the unbiased estimate of tr Σ²; inf where that is not above rounding.

    Example:
        >>> float(ratio_of_traces(2.0, 4.0, 10))  # one direction: tr S² = (tr S)², (ν + 2)/ν
        1.2
    """
    total, square = np.asarray(total), np.asarray(square)
    excess = square - total**2 / nu
    unbiased = nu**2 / ((nu - 1) * (nu + 2)) * np.where(excess > 1e-12 * square, excess, np.nan)
    return np.asarray(np.where(np.isnan(unbiased), np.inf, total**2 / unbiased))


def _without(points: Points, kept: npt.NDArray[np.bool_]) -> float:
    rows: Codes = np.flatnonzero(kept)
    residual, nu = within_classes(points.gram[np.ix_(rows, rows)], points.codes[rows])
    if nu < 2 or np.trace(residual) <= 0:
        return float("nan")
    return float(ratio_of_traces(np.trace(residual) / nu, (residual**2).sum() / nu**2, nu))


def participation_ratio_norms(points: Points, *, by_eigenvalues: Diagnostic | NotGiven) -> Diagnostic | NotGiven:
    """Estimate PR from the spread of squared distances to the class mean: PR = 2 / CV².

    For Gaussian spectra it equals the ratio from eigenvalues. Far below it, the distances spread more than
    the directions of variation explain: gain or noise level differs from spectrum to spectrum, or a few are
    outliers.

    Args:
        points: Means of units.
        by_eigenvalues: Result of `participation_ratio` on the same points, to compare with.

    Returns:
        The ratio, its interval over units, and the band of white noise of as many units and channels.
    """
    sample, radii = points.sample, squared_radii_of(points)
    estimate = spread_to_ratio(radii.spread()) if radii.values.size else float("inf")
    if points.is_flat or not np.isfinite(estimate):
        because = "no class has 3 units" if not radii.values.size else "all spectra are equally far from the mean"
        return NotGiven(BY_NORMS, because, sample)
    groups = unit_groups(radii.unit, radii.codes, seed=sample.seed)
    deleted = np.array([spread_to_ratio(radii.without(groups == g).spread()) for g in range(int(groups.max()) + 1)])
    low, high = interval_over_units(estimate, deleted, scale="log")
    drawn = squared_radii(radii.values.size, sample.d, draws=DRAWS, seed=sample.seed)
    band = noise_band(estimate, np.array([spread_to_ratio(radii.replaced(row).spread()) for row in drawn]))
    assumptions = (*points.assumptions, _same_as_eigenvalues(estimate, by_eigenvalues),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    return Diagnostic(BY_NORMS, estimate, low, high, band, sample, assumptions, _read(estimate, by_eigenvalues))


def spread_to_ratio(cv_squared: float) -> float:
    """Turn CV² of squared distances into 2/CV² (inf where nothing spreads)."""
    return 2.0 / cv_squared if cv_squared > 1e-20 else float("inf")


def _same_as_eigenvalues(estimate: float, other: Diagnostic | NotGiven) -> Assumption:
    statement = "distances spread as Gaussian spectra with these eigenvalues do"
    if isinstance(other, NotGiven):
        return Assumption(statement, "assumed", "no ratio from eigenvalues to compare with")
    share = estimate / other.estimate
    return Assumption(statement, "violated" if share < _FAR_BELOW else "checked",
                      f"{figure(estimate)} from norms, {figure(other.estimate)} from eigenvalues")  # fmt: skip


def _read(estimate: float, other: Diagnostic | NotGiven) -> str:
    spread = f"Squared distances to the class mean vary by {np.sqrt(2 / estimate):.1%} of their size"
    if isinstance(other, NotGiven):
        return f"{spread}, as of {figure(estimate)} independent directions."
    directions = f"{figure(other.estimate)} directions of variation"
    if estimate < _FAR_BELOW * other.estimate:
        return (f"{spread}, more than the {np.sqrt(2 / other.estimate):.1%} that {directions} explain: gain or noise "
                "level differs between spectra, or some are outliers.")  # fmt: skip
    return (f"{spread}, about what {directions} explain: noise of differing level and outliers do not show. A gain "
            "that differs between spectra of one mean is itself such a direction.")  # fmt: skip
