"""Population laws of concentration, within the Monte-Carlo error of a few seeds; each seed is a new set of spectra."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

from spectral_core.diagnostics import Diagnostic, NotGiven, measure_geometry
from spectral_core.diagnostics.effective_rank import effective_rank
from spectral_core.diagnostics.neighbours import compare_neighbours
from spectral_core.diagnostics.norm_separability import norm_separability
from spectral_core.diagnostics.observable_diameter import observable_diameter, partial_diameters
from spectral_core.diagnostics.participation import (
    directions,
    participation_ratio,
    participation_ratio_norms,
    ratio_of_traces,
)
from spectral_core.diagnostics.radii import squared_radii_of
from spectral_core.diagnostics.result import figure
from spectral_core.diagnostics.thin_shell import thin_shell
from spectral_core.diagnostics.two_nn import two_nn
from spectral_core.diagnostics.variance_ratio import variance_ratio
from spectral_core.diagnostics.white_noise import squared_distance_draws, trace_moments, tridiagonal_draws
from spectral_core.splits import make_design, permuted_codes

SEEDS = 30


def two_classes(n, *, replicates=1):
    units = np.repeat(np.arange(n), replicates)
    return make_design(units % 2, unit=units)


def labelings(design, *, permutations=39, seed=0):
    return np.column_stack([design.codes, permuted_codes(design, n=permutations, seed=seed)])


def points_of(x, design, *, seed=0):
    return measure_geometry(x, design, seed=seed).points


def agree(found, law):
    """Whether the mean over seeds lies within 3.5 of its standard errors of the law."""
    found = np.asarray(found)
    return abs(found.mean() - law) < 3.5 * found.std(ddof=1) / np.sqrt(found.size)


def spectra(rng, n, scales):
    """Gaussian spectra whose covariance has the eigenvalues scales², in a random basis, with class means far apart."""
    spread = rng.normal(size=(n, scales.size)) * scales
    return spread @ basis_of(scales.size) + 50.0 * (np.arange(n) % 2)[:, None]


@cache
def basis_of(d):
    return np.linalg.qr(np.random.default_rng(d).normal(size=(d, d)))[0]


@pytest.mark.parametrize(("n", "scales"), [(100, np.ones(500)), (120, np.ones(40)), (60, 0.9 ** np.arange(80))],
                         ids=["n < d", "n > d", "correlated"])  # fmt: skip
def test_the_participation_ratio_is_that_of_the_population(n, scales):
    rng, design = np.random.default_rng(n), two_classes(n)
    truth = (scales**2).sum() ** 2 / (scales**4).sum()
    found, gaussian = [], []
    for _ in range(SEEDS):
        residual, nu = points_of(spectra(rng, n, scales), design).residual
        total, square = np.trace(residual) / nu, (residual**2).sum() / nu**2
        # unbiased are the traces, not their ratio: compare 1/PR, with the numerator nearly constant
        found.append(1 / directions(residual, design.codes))
        gaussian.append(1 / ratio_of_traces(total, square, nu))
    for inverse in (found, gaussian):
        assert abs(np.mean(inverse) * truth - 1) < 0.02 + 3.5 * np.std(inverse) * truth / np.sqrt(SEEDS)


ARTEFACTS = {
    "noise level of each spectrum": lambda rng, x: x * np.exp(0.5 * rng.normal(size=(len(x), 1))),
    "noise level of each class": lambda rng, x: x * np.where(np.arange(len(x)) % 2, 1.5, 1.0)[:, None],
    "heavy tails": lambda rng, x: rng.standard_t(3, size=x.shape),
}


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_no_artefact_of_the_noise_is_mistaken_for_common_directions(artefact):
    """Σ stays proportional to I: PR = d. The estimate for Gaussian spectra of one covariance gives 39, 172 and 74."""
    rng, design = np.random.default_rng(21), two_classes(60)
    found = []
    for _ in range(SEEDS):
        x = ARTEFACTS[artefact](rng, rng.normal(size=(60, 300)))
        found.append(300 / directions(points_of(x, design).residual[0], design.codes))
    assert abs(np.mean(found) - 1) < 0.01 + 3.5 * np.std(found) / np.sqrt(SEEDS)


def test_a_ratio_that_reaches_the_channels_reads_as_all_of_them():
    rng, design = np.random.default_rng(22), two_classes(8)
    found = [participation_ratio(points_of(rng.normal(size=(8, 100)), design)) for _ in range(8)]
    above = [f for f in found if isinstance(f, Diagnostic) and f.estimate >= 100]
    assert above and all("along as many as the 100 channels (estimate" in f.reading for f in above)
    assert all(f.estimate >= 1 for f in found if isinstance(f, Diagnostic))
    lone = participation_ratio(points_of(rng.normal(size=(8, 1)), design))
    assert isinstance(lone, NotGiven) and "one channel is one direction" in str(lone)


def test_unequal_numbers_of_replicates_are_named_and_not_taken_for_gain():
    rng = np.random.default_rng(23)
    units = np.repeat(np.arange(60), 1 + np.arange(60) // 2 % 6)
    points = points_of(rng.normal(size=(units.size, 300)), make_design(units % 2, unit=units))
    eigenvalues = participation_ratio(points)
    norms = participation_ratio_norms(points, by_eigenvalues=eigenvalues)
    assert eigenvalues.low < 300 < eigenvalues.high and norms.estimate < 0.1 * eigenvalues.estimate
    assert "units are averages of 1 to 6 spectra a unit" in norms.reading and "gain" not in norms.reading


def test_white_noise_has_as_many_directions_as_channels_where_the_naive_ratio_has_a_sixth():
    # audit-spec: n = 100, d = 500: naive 82, corrected 493, true 500
    x = np.random.default_rng(0).normal(size=(100, 500))
    found = participation_ratio(points_of(x, two_classes(100)))
    assert found.low < 500 < found.high
    assert found.parts["naive"] == pytest.approx(500 / (1 + 500 / 98), rel=0.05)  # 1/(1/d + 1/ν)
    assert found.band.low < found.estimate < found.band.high


def test_squared_distances_spread_as_the_participation_ratio_says():
    """CV(‖x‖²) = √(2/PR)."""
    rng, design, scales = np.random.default_rng(5), two_classes(40), 0.95 ** np.arange(90)
    truth = (scales**2).sum() ** 2 / (scales**4).sum()
    found = [squared_radii_of(points_of(spectra(rng, 40, scales), design)).spread() for _ in range(4 * SEEDS)]
    # variance over squared mean: the mean squared has the expectation 1 + CV²/m times the square of the mean
    assert agree(found, 2 / truth / (1 + 2 / truth / 20))


def test_noise_levels_that_differ_between_spectra_lower_the_ratio_from_norms_only():
    rng, design = np.random.default_rng(6), two_classes(200)
    x = rng.normal(size=(200, 300)) * np.exp(0.3 * rng.normal(size=200))[:, None]
    points = points_of(x, design)
    eigenvalues = participation_ratio(points)
    norms = participation_ratio_norms(points, by_eigenvalues=eigenvalues)
    assert eigenvalues.estimate > 100 > 20 > norms.estimate
    assert "gain or noise level differs" in norms.reading
    assert [a.status for a in norms.assumptions if a.statement.startswith("distances spread")] == ["violated"]


def test_a_gain_of_one_mean_spectrum_is_one_direction_and_is_not_denied():
    rng, design = np.random.default_rng(7), two_classes(100)
    peak = np.exp(-0.5 * ((np.arange(150) - 75) / 12) ** 2)
    x = (1 + 0.3 * rng.normal(size=(100, 1))) * peak + 0.01 * rng.normal(size=(100, 150))
    eigenvalues = participation_ratio(points := points_of(x, design))
    norms = participation_ratio_norms(points, by_eigenvalues=eigenvalues)
    assert eigenvalues.estimate < 1.5 and norms.estimate < 2
    assert "A gain that differs between spectra of one mean is itself such a direction" in norms.reading


@pytest.mark.parametrize("d", [3, 400])
def test_the_thin_shell_of_white_noise_has_the_width_of_the_chi_distribution(d):
    """Standard deviation of ‖x‖ ≈ 1/√2 whatever the number of channels."""
    exact = np.sqrt(d - 2 * np.exp(2 * (gammaln((d + 1) / 2) - gammaln(d / 2))))
    rng, design = np.random.default_rng(d), two_classes(80)
    found = [thin_shell(points_of(rng.normal(size=(80, d)), design)) for _ in range(SEEDS)]
    assert agree([f.estimate for f in found], exact) or abs(np.mean([f.estimate for f in found]) / exact - 1) < 0.01
    assert d == 3 or exact == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert np.mean([f.band.low <= f.estimate <= f.band.high for f in found]) > 0.8


@pytest.mark.parametrize(("d", "dilation"), [(100, 0.05), (400, 0.05), (1000, 0.02)])
def test_a_dilation_is_as_visible_in_the_norm_as_the_f_distribution_says(d, dilation):
    """Norm AUC of N(0, I) against N(0, (1 + ε)²I) = F-cdf_{d,d}((1 + ε)²) ≈ Φ(ε√d)."""
    exact = stats.f.cdf((1 + dilation) ** 2, d, d)
    assert exact == pytest.approx(stats.norm.cdf(dilation * np.sqrt(d)), abs=0.02)
    rng, design = np.random.default_rng(d), two_classes(120)
    codes, axis = labelings(design, permutations=3), np.arange(float(d))
    found = []
    for _ in range(SEEDS):
        x = rng.normal(size=(120, d)) * (1 + dilation * design.codes)[:, None]
        raw = norm_separability(x, axis, design, codes, seed=0)[0]
        found.append(raw.parts["1 above 0"])
    assert agree(found, exact)


def test_a_dilation_betrays_itself_in_every_channel_by_its_log_variance():
    """The mean log ratio of variances is 2 ln(1 + ε), the mean absolute one of equal classes that of a log F."""
    rng, design, d = np.random.default_rng(8), two_classes(60), 50
    codes, everywhere = labelings(design, permutations=3), {"all_channels": np.ones(d, dtype=bool)}
    dilated, equal = [], []
    for _ in range(SEEDS):
        noise = rng.normal(size=(60, d))
        scaled = noise * (1 + 0.3 * design.codes)[:, None]
        dilated.append(variance_ratio(scaled, design, codes, regions=everywhere, seed=0)[0].parts["mean_log_ratio"])
        equal.append(variance_ratio(noise, design, codes, regions=everywhere, seed=0)[0].estimate)
    assert agree(dilated, 2 * np.log(1.3))
    assert agree(equal, stats.f(29, 29).expect(lambda f: np.abs(np.log(f))))


@pytest.mark.parametrize("other", [30, 12])
def test_a_shift_of_the_mean_is_no_difference_in_variance(other):
    rng, d = np.random.default_rng(24), 50
    design = make_design(np.repeat([0, 1], [60 - other, other]))
    alarms = 0
    for seed in range(20):
        x = rng.normal(size=(60, d)) + 4.0 * design.codes[:, None]
        found = variance_ratio(x, design, labelings(design, seed=seed), regions={"all": np.ones(d, dtype=bool)}, seed=0)
        alarms += found[0].band.p <= 0.05
    assert alarms <= stats.binom.ppf(0.9999, 20, 0.05)


def test_a_line_a_plane_and_a_cube_have_dimensions_one_two_and_three():
    for dimension in (1, 2, 3):
        rng = np.random.default_rng(dimension)
        x = rng.uniform(size=(400, dimension)) @ np.linalg.qr(rng.normal(size=(20, dimension)))[0].T
        found = two_nn(compare_neighbours(points_of(x, two_classes(400))))
        assert found.low < dimension < found.high
        assert found.estimate < found.band.low


def test_replicates_do_not_change_the_dimension_of_their_units():
    rng = np.random.default_rng(4)
    unit = rng.uniform(size=(120, 2)) @ rng.normal(size=(2, 30))
    once = two_nn(compare_neighbours(points_of(unit, two_classes(120))))
    # replicates whose mean is the unit exactly
    noise = 0.01 * rng.normal(size=(120, 1, 30)) * np.array([1.0, -1.0])[:, None]
    repeated = (unit[:, None] + noise).reshape(240, 30)
    found = two_nn(compare_neighbours(points_of(repeated, two_classes(120, replicates=2))))
    assert found.estimate == pytest.approx(once.estimate, rel=1e-6)
    assert found.sample.n == 240 and found.sample.n_units == 120


def test_the_effective_rank_of_equal_variances_is_their_number_once_units_abound():
    x = np.random.default_rng(3).normal(size=(900, 12))
    found = effective_rank(points_of(x, two_classes(900)))
    assert found.estimate == pytest.approx(12, rel=0.02)
    assert found.band.low <= found.estimate <= found.band.high


def test_the_observable_diameter_of_white_noise_stays_while_distances_grow():
    """About 3.92 standard deviations of one channel at any d, over the typical distance √(2d)."""
    rng, design = np.random.default_rng(9), two_classes(400)
    for d in (50, 800):
        found = observable_diameter(points_of(rng.normal(size=(400, d)), design))
        assert found.low < 2 * stats.norm.ppf(0.975) / np.sqrt(2 * d) < found.high
        assert not [a for a in found.assumptions if a.status == "violated"]
        assert "no more than white noise" in found.reading
    x = rng.normal(size=(400, 50)) + 30 * rng.uniform(size=(400, 1))
    assert observable_diameter(points_of(x, design)).estimate > 0.5


def test_a_partial_diameter_lies_between_its_limits_as_often_as_they_say():
    rng, truth = np.random.default_rng(10), 2 * stats.norm.ppf(0.975)
    for m in (20, 60, 75, 130):
        limits = np.array([partial_diameters(rng.normal(size=m))[1:] for _ in range(400)])
        assert (limits[:, 0] <= truth).mean() >= 0.96, m
        assert not (limits[:, 1] < truth).mean() > 0.04, m
    # the range of m values holds 95 % of a population with probability 1 − 0.95^m − m·0.05·0.95^(m − 1)
    fewest = next(m for m in range(2, 200) if 0.95**m + m * 0.05 * 0.95 ** (m - 1) <= 0.025)
    assert np.isnan(partial_diameters(rng.normal(size=fewest - 1))[2])
    values = rng.normal(size=fewest)
    assert partial_diameters(values)[2] == np.ptp(values)


def test_a_bound_from_halves_whose_95_percent_are_all_is_vacuous_and_has_no_upper_end():
    rng = np.random.default_rng(11)
    few = observable_diameter(points_of(rng.normal(size=(30, 100)), two_classes(30)))
    more = observable_diameter(points_of(rng.normal(size=(60, 100)), two_classes(60)))
    assert "the bound is vacuous" in few.reading and "vacuous" not in more.reading
    for found, violated in ((few, True), (more, False)):
        (status,) = [a.status for a in found.assumptions if a.statement == "the bound is not vacuous"]
        assert (status == "violated") is violated
        assert found.low < 2 * stats.norm.ppf(0.975) / np.sqrt(200) and np.isnan(found.high)
        assert f"(at least {figure(found.low)})" in str(found)


def test_white_noise_drawn_through_its_gram_matrix_is_white_noise():
    n, d = 12, 30
    trace, square = trace_moments(n, d, draws=4000, seed=1).T
    assert agree(trace, n * d)
    assert agree(square, n * d * (n + d + 1))  # E tr W² of a Wishart matrix
    largest = [np.linalg.eigvalsh(np.diag(a) + np.diag(b, 1) + np.diag(b, -1))[-1]
               for a, b in tridiagonal_draws(n, d, draws=400, seed=2)]  # fmt: skip
    rng = np.random.default_rng(3)
    direct = [np.linalg.svd(rng.normal(size=(n, d)), compute_uv=False)[0] ** 2 for _ in range(400)]
    assert stats.ks_2samp(largest, direct).pvalue > 1e-3
    for rows, channels in ((8, 20), (20, 8)):
        distances = np.array([s[0, 1] / 2 for s in squared_distance_draws(rows, channels, draws=400, seed=4)])
        assert stats.kstest(distances, stats.chi2(channels).cdf).pvalue > 1e-3
