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
from spectral_core.diagnostics.white_noise import DRAWS, spectra_draws, squared_radii, trace_moments
from spectral_core.splits import Codes

BY_EIGENVALUES, BY_NORMS = "participation_ratio", "participation_ratio_norms"
_FAR_BELOW = 0.5  # PR from norms over PR from eigenvalues
_FEWEST = 4  # units of a class: tr Σ² is a mean over four of them
_MOST_DRAWN = 120  # units; beyond them the band of white noise is that of the estimate for Gaussian spectra
_UNEQUAL = "units are averages of equally many spectra"


def participation_ratio(points: Points) -> Diagnostic | NotGiven:
    """Estimate PR = (tr Σ)² / tr Σ² within classes, Σ the covariances of the classes pooled by degrees of freedom.

    d independent channels of equal variance have PR = d, one common factor PR = 1. PR sets how sharply
    squared distances concentrate: of Gaussian spectra CV(‖x − μ‖²) = √(2/PR). Both squares are estimated without
    bias for any distribution and any covariances of the classes (see `unbiased_squares`), so that noise levels
    which differ between spectra or classes are not mistaken for directions. The naive ratio stands in `parts`.

    Args:
        points: Means of units; classes of 4 units or more are used.

    Returns:
        The ratio, never below 1 but with few units above d; its interval over units, and the band of white noise
        of as many units and channels.
    """
    sample, kept = points.sample, np.bincount(points.codes)[points.codes] >= _FEWEST
    residual, codes = points.residual[0][np.ix_(kept, kept)], points.codes[kept]
    if not kept.any() or sample.d == 1:
        because = "no class has 4 units" if not kept.any() else "one channel is one direction"
        return NotGiven(BY_EIGENVALUES, because, sample)
    if points.is_flat:
        return NotGiven(BY_EIGENVALUES, "the units of each class have equal spectra", sample)
    estimate = directions(residual, codes)
    if not np.isfinite(estimate):
        because = f"{codes.size:,} units vary along a direction each, and more units would show more"
        return NotGiven(BY_EIGENVALUES, because, sample)
    groups = unit_groups(points.unit[kept], codes, seed=sample.seed)
    deleted = np.array([_without(residual, codes, groups != g) for g in range(int(groups.max()) + 1)])
    low, high = interval_over_units(estimate, deleted, scale="log")
    band = noise_band(estimate, _white(codes, sample.d, sample.seed))
    left_out = int((~kept).sum())
    assumptions = (*points.assumptions,
                   Assumption("every class has 4 units", "violated" if left_out else "checked",
                              f"{left_out} units of smaller classes are left out"),
                   *state_interval((low, high), deleted.size))  # fmt: skip
    nu = codes.size - np.unique(codes).size
    reading = (
        f"Within classes the spectra vary as if along {_number(estimate, sample.d)} equally strong independent "
        f"directions; white noise in all {sample.d:,} channels would show {figure(band.low)} to {figure(band.high)}."
    )
    parts = {"naive": float(np.trace(residual) ** 2 / (residual**2).sum()), "degrees_of_freedom": float(nu)}
    return Diagnostic(BY_EIGENVALUES, estimate, low, high, band, sample, assumptions, reading, parts)


def unbiased_squares(residual: Floats, codes: Codes) -> tuple[float, float]:
    """Estimate (tr Σ)² and tr Σ² of the pooled covariance Σ = Σ_c ν_c Σ_c / ν from the residual Gram matrix K.

    Within a class of m ≥ 4 units with covariance S, and Q = Σ‖x − x̄‖⁴/(m − 1) from the diagonal of K,

        tr Σ²:  (m − 1)/(m(m − 2)(m − 3)) · [(m − 1)(m − 2) tr S² + (tr S)² − mQ]
        (tr Σ)²: (m − 1)/(m(m − 2)(m − 3)) · [2 tr S² + (m² − 3m + 1)(tr S)² − mQ]

    (Himeno & Yamada, Journal of Multivariate Analysis 130:27, 2014). They are the means of ((x₁ − x₂)·(x₃ − x₄))²/4
    and of ‖x₁ − x₂‖²‖x₃ − x₄‖²/4 over all four different units, and unbiased whatever the distribution; the second
    is never the smaller. Between classes tr S_a S_b and tr S_a tr S_b are unbiased as they are.

    Args:
        residual: Gram matrix about the class means.
        codes: Class of each row; each has 4 rows or more.
    """
    present, member = np.unique(codes, return_inverse=True)
    inside = (member[:, None] == np.arange(present.size)).astype(np.float64)
    m, own = inside.sum(axis=0), np.diagonal(residual)
    trace, fourth = own @ inside / (m - 1), own**2 @ inside / (m - 1)
    products = inside.T @ residual**2 @ inside / np.outer(m - 1, m - 1)
    totals = np.outer(trace, trace)
    factor, square = (m - 1) / (m * (m - 2) * (m - 3)), np.diagonal(products).copy()
    np.fill_diagonal(products, factor * ((m - 1) * (m - 2) * square + trace**2 - m * fourth))
    np.fill_diagonal(totals, factor * (2 * square + (m**2 - 3 * m + 1) * trace**2 - m * fourth))
    weight = (m - 1) / (m - 1).sum()
    return float(weight @ totals @ weight), float(weight @ products @ weight)


def directions(residual: Floats, codes: Codes) -> float:
    """Divide the unbiased estimates of (tr Σ)² and tr Σ²; inf where the second is not above rounding."""
    total, square = unbiased_squares(residual, codes)
    return total / square if square > 1e-12 * total else float("inf")


def ratio_of_traces(total: float | Floats, square: float | Floats, nu: int) -> Floats:
    """Compute (tr S)² over the estimate of tr Σ² that is unbiased for Gaussian spectra of one covariance.

    ν²/((ν − 1)(ν + 2))·[tr S² − (tr S)²/ν] (Bai & Saranadasa, Statistica Sinica 6:311, 1996); inf where that is
    not above rounding. The numerator alone makes the ratio 2/ν too large.

    Example:
        >>> float(ratio_of_traces(2.0, 4.0, 10))  # one direction: tr S² = (tr S)², (ν + 2)/ν
        1.2
    """
    total, square = np.asarray(total), np.asarray(square)
    excess = square - total**2 / nu
    unbiased = nu**2 / ((nu - 1) * (nu + 2)) * np.where(excess > 1e-12 * square, excess, np.nan)
    return np.asarray(np.where(np.isnan(unbiased), np.inf, total**2 / unbiased))


def _without(residual: Floats, codes: Codes, kept: npt.NDArray[np.bool_]) -> float:
    kept = kept & (np.bincount(codes[kept], minlength=int(codes.max()) + 1) >= _FEWEST)[codes]
    if not kept.any():
        return float("nan")
    left = within_classes(residual[np.ix_(kept, kept)], codes[kept])[0]
    return directions(left, codes[kept]) if np.trace(left) > 0 else float("nan")


def _white(codes: Codes, d: int, seed: int) -> Floats:
    """The ratio of white noise; of many units the estimate for Gaussian spectra spreads as this one does.

    Q adds about 1/m^1.5 to the relative spread 2/n of n units in two classes of m: under 1 % of it beyond 120 units.
    """
    if codes.size <= _MOST_DRAWN:
        draws = (rows.astype(np.float64) for rows in spectra_draws(codes.size, d, draws=DRAWS, seed=seed))
        return np.array([directions(within_classes(rows @ rows.T, codes)[0], codes) for rows in draws])
    nu = codes.size - np.unique(codes).size
    traces = trace_moments(nu, d, draws=DRAWS, seed=seed)
    return np.asarray(ratio_of_traces(traces[:, 0] / nu, traces[:, 1] / nu**2, nu) - 2 / nu)


def _number(estimate: float, d: int) -> str:
    return f"{figure(estimate)}" if estimate < d else f"as many as the {d:,} channels (estimate {figure(estimate)})"


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
    unequal = next((a.note for a in points.assumptions if (a.statement, a.status) == (_UNEQUAL, "violated")), "")
    reading = _read(estimate, by_eigenvalues, unequal)
    return Diagnostic(BY_NORMS, estimate, low, high, band, sample, assumptions, reading)


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


def _read(estimate: float, other: Diagnostic | NotGiven, unequal: str) -> str:
    spread = f"Squared distances to the class mean vary by {np.sqrt(2 / estimate):.1%} of their size"
    if isinstance(other, NotGiven):
        return f"{spread}, as of {figure(estimate)} independent directions."
    along = f"{figure(other.estimate)} directions of variation"
    if estimate < _FAR_BELOW * other.estimate:
        cause = (f"units are averages of {unequal}, and those of few are noisier; average equally many before looking "
                 "for another cause" if unequal else
                 "gain or noise level differs between spectra, or some are outliers")  # fmt: skip
        return f"{spread}, more than the {np.sqrt(2 / other.estimate):.1%} that {along} explain: {cause}."
    return (f"{spread}, about what {along} explain: noise of differing level and outliers do not show. A gain "
            "that differs between spectra of one mean is itself such a direction.")  # fmt: skip
