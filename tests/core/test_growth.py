"""Growth of separability: the distance and its bias, nested channels, laws of growth, and what noise may not say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.metrics import roc_auc_score

from spectral_core.diagnostics.bhattacharyya import bhattacharyya, nested_bhattacharyya, small_sample
from spectral_core.diagnostics.class_pair import MOST_UNITS, pair_classes
from spectral_core.diagnostics.curve_band import band_of, jackknife_errors
from spectral_core.diagnostics.growth import examine_growth
from spectral_core.diagnostics.growth_laws import fit_growth, power_exponents
from spectral_core.diagnostics.growth_reading import read_growth
from spectral_core.diagnostics.held_out_curve import fold_auc, fold_auc_without, judge_channels, separation_of
from spectral_core.diagnostics.nested_channels import (
    binned,
    contiguous,
    decimated,
    halved,
    high_frequency_residual,
    independent_columns,
    principal_components,
)  # fmt: skip
from spectral_core.diagnostics.plug_in import (
    class_centred,
    mardia_scores,
    most_plug_in,
    permuted_plug_in_curves,
    plug_in_curves,
    plug_in_without,
)
from spectral_core.errors import AuditError
from spectral_core.probe import fit_probe
from spectral_core.report import json_text
from spectral_core.splits import make_design, permuted_codes


def labelled(n, *, seed, permutations=39, unit=None, labels=None):
    labels = np.arange(n) % 2 if labels is None else labels
    design = make_design(labels, unit=unit)
    return design, np.column_stack([design.codes, permuted_codes(design, n=permutations, seed=seed)])


def grown(x, *, seed=0, permutations=39, unit=None, labels=None, off=None, inside=None):
    design, labelings = labelled(x.shape[0], seed=seed, permutations=permutations, unit=unit, labels=labels)
    axis = np.arange(float(x.shape[1]))
    return examine_growth(x, axis, design, labelings, off_band=off, in_band=inside, seed=seed)


def paired(x, *, seed=0, permutations=19, unit=None, labels=None):
    design, labelings = labelled(x.shape[0], seed=seed, permutations=permutations, unit=unit, labels=labels)
    return pair_classes(x, np.arange(float(x.shape[1])), design, labelings, off_band=None, in_band=None, seed=seed)


def term(x, which, sizes):
    """Fit one plug-in term along the channels as they come."""
    _, labelings = labelled(x.shape[0], seed=0)
    columns, _ = independent_columns(x, sizes[-1])
    groups = np.arange(x.shape[0]) // 2 % 20
    without = plug_in_without(columns, labelings[:, 0], sizes, groups)[which]
    return fit_growth(tuple(sizes), plug_in_curves(columns, labelings, sizes)[which], without)


def random_covariance(rng, d):
    a = rng.normal(size=(d, 2 * d))
    return a @ a.T / (2 * d)


# the distance


@pytest.mark.parametrize(("shift", "first", "second"), [(1.0, 1.0, 1.0), (0.0, 1.0, 4.0), (2.0, 0.5, 3.0)])
def test_distance_is_minus_the_logarithm_of_the_overlap_of_roots_and_bounds_the_error(shift, first, second):
    p, q = stats.norm(0.0, np.sqrt(first)), stats.norm(shift, np.sqrt(second))
    overlap = integrate.quad(lambda x: np.sqrt(p.pdf(x) * q.pdf(x)), -40, 40, limit=200)[0]
    error = integrate.quad(lambda x: min(p.pdf(x), q.pdf(x)) / 2.0, -40, 40, limit=400)[0]
    found = bhattacharyya([shift], [[first]], [[second]])
    assert found.distance == pytest.approx(-np.log(overlap), abs=1e-8)
    assert found.affinity == pytest.approx(overlap, abs=1e-8)
    assert found.hellinger**2 == pytest.approx(1 - overlap, abs=1e-8)
    low, high = found.bayes_error
    assert low <= error + 1e-9 and error <= high + 1e-9


def test_leading_blocks_equal_the_formula_written_out():
    rng = np.random.default_rng(0)
    zero, one, shift = random_covariance(rng, 6), random_covariance(rng, 6), rng.normal(size=6)
    mean, covariance = nested_bhattacharyya(shift, zero, one)
    for d in range(1, 7):
        a, b, delta = zero[:d, :d], one[:d, :d], shift[:d]
        middle = (a + b) / 2
        assert mean[d - 1] == pytest.approx(delta @ np.linalg.inv(middle) @ delta / 8)
        logs = [np.linalg.slogdet(m)[1] for m in (middle, a, b)]
        assert covariance[d - 1] == pytest.approx((logs[0] - (logs[1] + logs[2]) / 2) / 2)


@pytest.mark.parametrize("seed", range(20))
def test_the_distance_of_the_population_never_decreases_along_nested_channels(seed):
    rng = np.random.default_rng(seed)
    zero, one, shift = random_covariance(rng, 25), random_covariance(rng, 25), rng.normal(size=25) * 0.2
    for order in (decimated(25), contiguous(25), rng.permutation(25)):
        mean, covariance = nested_bhattacharyya(shift[order], zero[np.ix_(order, order)], one[np.ix_(order, order)])
        assert (np.diff(mean + covariance) >= -1e-12).all()


def test_a_singular_covariance_is_refused():
    with pytest.raises(AuditError, match="expected a positive definite matrix, found channel 2 adds no new dimension"):
        bhattacharyya([1.0, 1.0], np.ones((2, 2)), np.eye(2))


# its bias with few units


def plug_in(units, d, *, shift, noise, seeds):
    """Corrected terms at d channels over seeds, of classes whose first channel is shifted."""
    zeros, ones = units
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, d])
        x = rng.normal(size=(zeros + ones, d))
        x[zeros:] *= noise
        x[zeros:, 0] += shift
        codes = np.repeat([0, 1], units)[:, None]
        mean, covariance = plug_in_curves(x @ np.triu(np.ones((d, d))), codes, [d])
        found.append((mean[0, 0], covariance[0, 0]))
    return np.array(found)


def means_are(found, expected, *, slack=0.0):
    """Whether the mean over seeds is as expected: within 3.5 standard errors and `slack` standard deviations."""
    sd = found.std(axis=0, ddof=1)
    return (np.abs(found.mean(axis=0) - expected) <= (3.5 / np.sqrt(len(found)) + slack) * sd).all()


@pytest.mark.parametrize(("units", "d", "shift"), [((20, 20), 8, 0.0), ((30, 30), 14, 1.5), ((12, 12), 4, 2.0)])
def test_plug_in_terms_of_equal_classes_are_unbiased_below_half_the_degrees_of_freedom(units, d, shift):
    assert d <= most_plug_in(units)
    assert means_are(plug_in(units, d, shift=shift, noise=1.0, seeds=300), [shift**2 / 8, 0.0])


@pytest.mark.parametrize(("units", "d", "noise", "slack"), [((20, 80), 8, 1.0, 0.1), ((80, 20), 8, 1.0, 0.1),
                                                           ((40, 40), 12, 1.3, 0.1), ((150, 30), 12, 1.5, 0.15),
                                                           ((100, 100), 48, 2.0, 0.35)])  # fmt: skip
def test_unequal_classes_leave_a_small_part_of_the_spread(units, d, noise, slack):
    # Σ̄ = (1 + s²)/2 I: mean term δ²/(8·(1 + s²)/2), covariance term d/2·ln((1 + s²)/2/s)
    middle = (1 + noise**2) / 2
    expected = [1.0 / 8 / middle, d / 2 * np.log(middle / noise)]
    assert means_are(plug_in(units, d, shift=1.0, noise=noise, seeds=300), expected, slack=slack)


def test_different_means_alone_do_not_show_in_the_covariance_term():
    alarms, offsets, seen = 0, [], 0
    for seed in range(12):
        _, labelings = labelled(80, seed=seed)
        noise, label = np.random.default_rng(seed).normal(size=(80, 24)), (np.arange(80) % 2)[:, None]
        for x, dilated in ((noise + 2.0 * label, False), (noise * (1 + 0.7 * label), True)):
            columns, sizes = independent_columns(principal_components(x), 16)
            covariance = permuted_plug_in_curves(columns, labelings, sizes[[0, 1, 3, 7, 15]])[1]
            if dilated:
                seen += band_of(covariance).p <= 0.05
            else:
                alarms += band_of(covariance).p <= 0.05
                offsets.append(covariance[1:, -1].mean() / covariance[1:, -1].std())
    assert alarms <= stats.binom.ppf(0.999, 12, 0.05) and seen >= 11
    # labels shuffled over shifted classes put the mean at −0.5 standard deviations and below
    assert abs(np.mean(offsets)) < 3.5 * np.std(offsets, ddof=1) / np.sqrt(12)


def test_class_centred_columns_have_no_class_means_and_the_variances_of_the_classes():
    rng = np.random.default_rng(0)
    observed = np.repeat([0, 1], [7, 30])
    q = rng.normal(size=(37, 3)) + 5.0 * observed[:, None]
    centred = class_centred(q, observed)
    for c in (0, 1):
        np.testing.assert_allclose(centred[observed == c].mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose((centred[observed == c] ** 2).mean(axis=0), q[observed == c].var(axis=0, ddof=1))


def test_kurtosis_equals_the_formula_written_out_and_has_mean_zero_and_spread_one_in_gaussian_classes():
    observed, scores = np.repeat([0, 1], [20, 30]), []
    for seed in range(300):
        x = np.random.default_rng(seed).normal(size=(50, 6)) * np.where(observed, 3.0, 1.0)[:, None]
        scores.append(mardia_scores(x, observed, [2, 6])[1])
    excess = variance = 0.0
    for c, m in ((0, 20), (1, 30)):
        z = x[observed == c] - x[observed == c].mean(axis=0)
        b = (np.einsum("ij,jk,ik->i", z, np.linalg.inv(z.T @ z / m), z) ** 2).mean()
        excess += (b - 6 * 8 * (m - 1) / (m + 1)) / m
        variance += 8 * 6 * 8 * (m - 3) * (m - 7) * (m - 5) / ((m + 1) ** 2 * (m + 3) * (m + 5)) / m**2
    assert scores[-1] == pytest.approx(excess / np.sqrt(variance))
    assert abs(np.mean(scores)) < 3.5 / np.sqrt(300) and abs(np.std(scores) - 1) < 0.2


def test_tails_that_no_gaussian_has_withhold_the_overlap_and_the_reading_says_so():
    rng = np.random.default_rng(1)  # identical classes whose noise level varies between spectra
    noise = rng.normal(size=(100, 24))
    heavy = grown(noise * np.exp(0.4 * rng.normal(size=(100, 1))), permutations=19)
    plain = grown(noise, permutations=19)
    overlap = ["affinity", "hellinger", "bayes_error_low", "bayes_error_high"]
    for found, withheld in ((heavy, True), (plain, False)):
        frame = found.to_frame()
        of_total = frame[(frame["order"] == "decimation") & frame["path"].isin(["covariance term", "total"])]
        assert of_total[overlap].isna().all().all() == withheld == of_total[overlap].isna().any().any()
        assert frame.loc[frame["path"] == "mean term", overlap].notna().all().all()
        assert ("error bounds are withheld" in found.reading) == withheld
    gaussian = next(a for a in heavy.assumptions if a.statement == "either class is Gaussian")
    assert gaussian.status == "violated" and heavy.curve("decimation").fits["total"].tails > 10


def test_uncorrected_the_distance_of_identical_classes_is_large():
    # d = 50, 60 a class: F·floor/8 + ½[g(118) − g(59)] = (118/67)·(100/60)/8 + 10.607 = 10.97
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        x, y = rng.normal(size=(2, 60, 50))
        found.append(bhattacharyya(x.mean(0) - y.mean(0), np.cov(x.T), np.cov(y.T)).distance)
    bias = small_sample(np.array([50.0]), (60, 60))
    expected = float(bias.inflation[0] * bias.floor[0] / 8 + bias.logarithm[0])
    assert expected == pytest.approx(118 / 67 * 100 / 60 / 8 + 10.607, abs=1e-3)
    assert abs(np.mean(found) - expected) < 3.5 * np.std(found, ddof=1) / np.sqrt(20)


def test_with_more_channels_than_units_the_held_out_area_is_that_of_the_trained_direction():
    # n = 60, d = 200; ridge written out, its population area Φ(wᵀδ/(√2‖w‖)) of either class N(·, I)
    delta, gaps = np.full(200, 0.15), []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        codes = rng.permutation(np.repeat([0, 1], 30))
        x = rng.normal(size=(60, 200)) + codes[:, None] * delta
        fold_of = rng.permutation(np.arange(60) % 5)
        folds = [np.flatnonzero(fold_of == f) for f in range(5)]
        scale = np.trace((x - x.mean(0)) @ (x - x.mean(0)).T) / 60
        penalty = fit_probe(x).penalty * scale
        exact, pairs = 0.0, 0
        for fold in folds:
            train = np.setdiff1d(np.arange(60), fold)
            z, y = x[train] - x[train].mean(0), codes[train] - codes[train].mean()
            w = z.T @ np.linalg.solve(z @ z.T + penalty * np.eye(train.size), y)
            weight = (codes[fold] == 1).sum() * (codes[fold] == 0).sum()
            exact += weight * stats.norm.cdf(w @ delta / np.linalg.norm(w) / np.sqrt(2))
            pairs += weight
        held_out = judge_channels(x, codes[:, None], folds)
        gaps.append(stats.norm.cdf(held_out.separation[0] / np.sqrt(2)) - exact / pairs)
    assert abs(np.mean(gaps)) <= 3.5 * np.std(gaps, ddof=1) / np.sqrt(len(gaps))


def test_areas_within_folds_equal_scikit_learn_and_identical_classes_have_one_half():
    rng = np.random.default_rng(3)
    codes = np.column_stack([rng.permutation(np.arange(60) % 2) for _ in range(200)])
    score = np.round(rng.normal(size=(60, 200)), 1)  # with ties
    folds = [np.arange(f, 60, 4) for f in range(4)]
    area, pairs = fold_auc(score, codes, folds)
    for p in (0, 7):
        weights = [(codes[f, p] == 1).sum() * (codes[f, p] == 0).sum() for f in folds]
        expected = np.average([roc_auc_score(codes[f, p], score[f, p]) for f in folds], weights=weights)
        assert area[p] == pytest.approx(expected) and pairs[p] == sum(weights)
    assert abs(area.mean() - 0.5) < 3.5 * area.std() / np.sqrt(200)


def test_areas_without_a_group_equal_those_of_the_remaining_units():
    rng = np.random.default_rng(4)
    codes, score, groups = np.arange(40) % 2, np.round(rng.normal(size=40), 1), rng.integers(0, 6, 40)
    folds = [np.arange(f, 40, 4) for f in range(4)]
    area, pairs = fold_auc_without(score, codes, folds, groups)
    for g in range(6):
        kept = [fold[groups[fold] != g] for fold in folds]
        expected, count = fold_auc(score[:, None], codes[:, None], kept)
        assert (area[g], pairs[g]) == (pytest.approx(expected[0]), count[0])


def test_a_perfect_area_is_a_bound_of_half_a_pair():
    assert separation_of(np.array([1.0]), np.array([100.0]))[0] == pytest.approx(np.sqrt(2) * stats.norm.ppf(0.995))


# nested channels


@pytest.mark.parametrize("d", [1, 5, 64, 100, 257])
def test_orders_are_permutations_and_decimation_is_even_at_every_power_of_two(d):
    for order in (decimated(d), contiguous(d)):
        assert sorted(order) == list(range(d))
    for size in (2**k for k in range(d.bit_length()) if 2**k <= d):
        assert sorted(decimated(d)[:size]) == [j * d // size for j in range(size)]
        assert np.ptp(contiguous(d)[:size]) == size - 1


@pytest.mark.parametrize("d", [16, 100, 37])
def test_nested_halves_span_the_bins(d):
    x = np.random.default_rng(0).normal(size=(50, d))
    for size in (1, 2, 4, 8, 16):
        bins, halves = binned(x, size), halved(x, size)
        joint = np.linalg.matrix_rank(np.hstack([x_ - x_.mean(0) for x_ in (bins, halves)]), tol=1e-8)
        assert joint == size == halves.shape[1]


def test_bins_keep_photons_and_white_noise():
    x = np.random.default_rng(0).normal(size=(4000, 60))
    for size in (1, 7, 60):
        edges = np.arange(size + 1) * 60 // size
        np.testing.assert_allclose((binned(x, size) * np.sqrt(np.diff(edges))).sum(axis=1), x.sum(axis=1))
        assert binned(x, size).std() == pytest.approx(1.0, abs=0.03)


def test_the_residual_forgets_cubics_and_gaps_and_keeps_white_noise():
    axis = np.r_[np.arange(100.0), 300.0 + np.arange(100.0)]
    cubic = 1e-3 * axis**3 - axis**2 + np.where(axis > 200, 5.0, 0.0)
    assert np.abs(high_frequency_residual(cubic[None], axis)).max() < 1e-7
    noise = high_frequency_residual(np.random.default_rng(0).normal(size=(400, 200)), axis)
    assert noise.shape == (400, 192)
    assert noise.std() == pytest.approx(1.0, abs=0.02)
    assert high_frequency_residual(np.ones((3, 4)), np.arange(4.0)).shape == (3, 0)


def test_constant_channels_and_copies_span_nothing_new():
    x = np.random.default_rng(0).normal(size=(30, 4)) + 100.0
    x = np.column_stack([np.full(30, 7.1), x[:, 0], 3 * x[:, 0], x[:, 1], x[:, 0] + x[:, 1], x[:, 2]])
    columns, dimensions = independent_columns(x, 6)
    assert dimensions.tolist() == [0, 1, 1, 2, 2, 3]
    np.testing.assert_allclose(columns.T @ columns, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(columns.mean(axis=0), 0.0, atol=1e-12)


def test_components_are_uncorrelated_ordered_and_keep_distances():
    x = np.random.default_rng(0).normal(size=(20, 50)) * np.linspace(1, 3, 50)
    scores = principal_components(x)
    assert scores.shape == (20, 19)
    assert (np.diff((scores**2).sum(axis=0)) <= 1e-9).all()
    z = x - x.mean(axis=0)
    np.testing.assert_allclose(scores @ scores.T, z @ z.T, atol=1e-8)


# laws of growth


LAWS = {
    "power": lambda d: 0.3 * d**0.6,
    "logarithmic": lambda d: 1 + np.log(d),
    "saturating": lambda d: 2 * (1 - np.exp(-d / 9)),
}


@pytest.mark.parametrize(("name", "curve"), LAWS.items(), ids=LAWS)
def test_the_law_behind_a_curve_is_found(name, curve):
    d = np.array([1, 2, 4, 8, 16, 32, 64.0])
    noise = np.random.default_rng(0).normal(size=(60, 7)) * 0.01
    curves = np.vstack([curve(d), noise[:39]])
    fit = fit_growth(tuple(int(v) for v in d), curves, curve(d) + noise[39:])
    assert fit.laws[0].name == name and fit.laws[0].left < 1e-4 < fit.laws[-1].left
    assert fit.beta_low <= fit.beta <= fit.beta_high
    if name == "power":
        assert fit.beta == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize(("name", "parameters"), [
    ("power", {"factor": 0.3, "exponent": 0.6}), ("saturating", {"plateau": 2.0, "scale": 9.0}),
    ("logarithmic", {"intercept": 1.0, "slope": 1.0}),
])  # fmt: skip
def test_parameters_of_the_law_behind_a_curve_lie_in_their_intervals(name, parameters):
    d, rng, hits = np.array([1, 2, 4, 8, 16, 32, 64.0]), np.random.default_rng(0), dict.fromkeys(parameters, 0)
    for _ in range(60):
        groups = LAWS[name](d) + rng.normal(size=(20, 7)) * 0.3  # a curve is the mean over twenty groups of units
        without = (groups.sum(axis=0) - groups) / 19
        curves = np.vstack([groups.mean(axis=0), rng.normal(size=(39, 7)) * 0.07])
        law = next(law for law in fit_growth(tuple(d.astype(int)), curves, without).laws if law.name == name)
        for parameter, truth in parameters.items():
            low, high = law.intervals[parameter]
            hits[parameter] += low <= truth <= high
    assert all(count >= stats.binom.ppf(0.001, 60, 0.95) for count in hits.values())


def test_a_curve_without_a_bend_has_no_scale_and_a_falling_one_is_said_to_fall():
    d = np.array([1, 2, 4, 8, 16, 32, 64.0])
    noise = np.random.default_rng(0).normal(size=(60, 7)) * 0.01
    channels = tuple(int(v) for v in d)
    line = fit_growth(channels, np.vstack([0.3 * d, noise[:39]]), 0.3 * d + noise[39:])
    saturating = next(law for law in line.laws if law.name == "saturating")
    assert np.isnan([*saturating.intervals["scale"], *saturating.intervals["plateau"]]).all()
    falling = fit_growth(channels, np.vstack([d**-0.2, noise[:39]]), d**-0.2 + noise[39:])
    reading = read_growth({("decimation", "full"): {"mean term": falling}})
    assert falling.beta == pytest.approx(-0.2, abs=0.01)
    assert "falls over 1 to 64 channels, β = -0.20" in reading and "term grows" not in reading


def test_exponents_stay_in_the_range_searched():
    d = np.array([1.0, 2.0, 4.0, 8.0])
    found = power_exponents(d, np.stack([d**5, d**-4, np.zeros(4)]), np.ones(4))
    assert found[0] == 2.0 and found[1] == -1.0 and -1.0 <= found[2] <= 2.0


def test_jackknife_errors_of_means_are_standard_errors():
    x = np.random.default_rng(0).normal(size=(25, 3))
    without = np.array([np.delete(x, i, axis=0).mean(axis=0) for i in range(25)])
    np.testing.assert_allclose(jackknife_errors(without), x.std(axis=0, ddof=1) / 5)


SIZES = [1, 2, 4, 8, 16, 32]


def test_a_diffuse_shift_grows_like_its_channels_and_one_resolved_channel_does_not():
    rng = np.random.default_rng(5)
    noise, label = rng.normal(size=(300, 32)), (np.arange(300) % 2)[:, None]
    diffuse = term(noise + 0.4 * label, 0, SIZES)
    assert 0.5 < diffuse.beta_low < 1 < diffuse.beta_high and diffuse.band.p <= 0.025
    # with all of the shift in the first channel, D_B is 2²/8 from there on
    resolved = term(noise + 2.0 * label * (np.arange(32) == 0), 0, SIZES)
    assert resolved.beta_low < 0 < resolved.beta_high < 0.5
    np.testing.assert_allclose(resolved.values, 0.5, atol=4 * resolved.errors.max())


def test_a_band_that_channels_only_begin_to_reach_is_not_called_unbounded():
    # all of the shift in the sixteenth channel: a step, not a rate
    x = np.random.default_rng(7).normal(size=(200, 32))
    x[:, 15] += 3.0 * (np.arange(200) % 2)
    step = term(x, 0, SIZES[:-1])
    reading = read_growth({("decimation", "full"): {"mean term": step}})
    assert step.beta == 2.0 and "over 1 to 16 channels, β = 2 or more" in reading
    assert "no rate is seen" in reading and "unbounded" not in reading


def test_a_score_that_tells_every_pair_apart_is_a_bound_and_gives_no_rate():
    # d_B = d·1.5²/8 grows without end (β = 1), and 60 units show no more than that all pairs are in order
    x = np.random.default_rng(8).normal(size=(60, 256)) + 1.5 * (np.arange(60) % 2)[:, None]
    found = grown(x, permutations=39)
    score = found.curve("decimation").fits["held-out score"]
    first = score.bounds.index(True)
    assert not any(score.bounds[:first]) and all(score.bounds[first:]) and 0 < first < 7
    assert np.ptp(score.values[first:]) < 0.2 < score.values[first]
    assert f"tells every pair of units apart from {score.channels[first]:,} channels on" in found.reading
    assert "equivalent" not in found.reading and "add little" not in found.reading
    told = found.to_dict()["curves"][0]["fits"]["held-out score"]
    assert told["bounds"] == list(score.bounds) and (told["beta"] is None) == (first < 4) == (not score.laws)


def test_laws_end_before_the_first_lower_bound():
    d = (1, 2, 4, 8, 16, 32, 64)
    curve = 0.3 * np.array(d, dtype=np.float64)
    capped, noise = np.minimum(curve, 5.0), np.random.default_rng(0).normal(size=(60, 7)) * 0.01
    curves, without = np.vstack([capped, noise[:39]]), capped + noise[39:]
    blind, seeing = (fit_growth(d, curves, without, bounds=b) for b in ((), tuple(capped >= 5.0)))
    assert blind.beta < 0.9 and seeing.beta == pytest.approx(1.0, abs=0.01) and seeing.fitted == 5
    nothing = fit_growth(d, curves, without, bounds=(False,) * 3 + (True,) * 4)
    assert nothing.laws == () and np.isnan(nothing.beta) and nothing.band.p == seeing.band.p


def test_a_score_that_stops_growing_is_not_taken_for_equivalence():
    # the classes part as d^½ while what few units teach of them stays where it is: Δ⁴/(Δ² + 4d/n) with Δ² = c·√d
    d = np.array([1.0, 4, 16, 64, 256, 1024, 4096])
    noise = np.random.default_rng(1).normal(size=(60, 7)) * 1e-3
    learnt = d / (np.sqrt(d) + 4 * d / 100) / 8 / 25
    fit = fit_growth(tuple(int(v) for v in d), np.vstack([learnt, noise[:39]]), learnt + noise[39:])
    assert fit.beta_high < 0.5
    reading = read_growth({("decimation", "full"): {"held-out score": fit}})
    assert "equivalent" not in reading and "the classes may still part further" in reading


def test_a_dilation_shows_in_the_covariance_term_and_not_in_the_mean_term():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(200, 32)) * (1 + 0.5 * (np.arange(200) % 2))[:, None]
    mean, covariance = term(x, 0, SIZES), term(x, 1, SIZES)
    expected = np.array(SIZES) / 2 * np.log((1 + 1.5**2) / 2 / 1.5)
    assert (np.abs(covariance.values - expected) < 4 * covariance.errors + 0.1 * expected).all()
    assert covariance.band.p <= 0.025 and covariance.beta_low < 1 < covariance.beta_high
    assert mean.band.p > 0.05


# what noise may not say


def test_whole_curves_leave_their_band_as_often_as_alpha_says():
    rng = np.random.default_rng(0)
    inside, small = 0, 0
    for _ in range(400):
        curves = np.cumsum(rng.normal(size=(40, 12)), axis=1) * np.linspace(1, 9, 12)
        band = band_of(curves)
        inside += bool(((curves[0] >= band.low) & (curves[0] <= band.high)).all())
        small += band.p <= 0.05
    assert stats.binom.ppf(0.001, 400, 0.95) <= inside <= stats.binom.ppf(0.999, 400, 0.95)
    assert stats.binom.ppf(0.001, 400, 0.05) <= small <= stats.binom.ppf(0.999, 400, 0.05)


def test_the_curve_that_sets_the_reach_of_a_band_is_inside_it():
    for seed in range(200):
        curves = np.random.default_rng(seed).normal(size=(20, 6)) * 1e3 + 7.0
        height = np.abs((curves - curves.mean(axis=0)) / curves.std(axis=0)).max(axis=1)
        second = int(np.argsort(height)[-2])  # the nineteenth of twenty sets the reach
        band = band_of(np.vstack([curves[second], np.delete(curves, second, axis=0)]))
        assert ((curves[second] >= band.low) & (curves[second] <= band.high)).all()


def test_identical_classes_stay_inside_their_permutation_band():
    seeds, inside = 60, np.zeros(3)
    for seed in range(seeds):
        x = np.random.default_rng([seed, 1]).normal(size=(40, 9)).cumsum(axis=1)
        _, labelings = labelled(40, seed=seed, permutations=39)
        columns, _ = independent_columns(x, 9)
        mean, covariance = plug_in_curves(columns, labelings, [1, 2, 4, 6, 9])
        for i, curves in enumerate((mean, covariance, mean + covariance)):
            band = band_of(curves)
            inside[i] += bool(((curves[0] >= band.low) & (curves[0] <= band.high)).all())
    assert (inside >= stats.binom.ppf(0.001, seeds, 0.95)).all()


# the whole examination


def test_every_order_and_region_is_there_and_nothing_is_called_singular():
    x = np.random.default_rng(0).normal(size=(60, 48)) + 0.4 * (np.arange(60) % 2)[:, None]
    inside = np.arange(48) < 12
    found = grown(x, off=~inside, inside=inside, permutations=19)
    assert [(c.order, c.region) for c in found.curves] == [
        ("decimation", "full"), ("decimation", "off-band"), ("binning", "full"), ("decimation", "in-band"),
        ("decimation", "high-frequency residual"), ("contiguous", "full"), ("random", "full"), ("components", "full"),
    ]  # fmt: skip
    text = json_text(found.to_dict()) + str(found)
    assert "singular" not in text
    assert all(word in found.reading for word in ("mean term", "covariance term", "binning", "off-band", "permuted"))
    assert any("decimation throws photons away and binning keeps them" in a.note for a in found.assumptions)
    frame = found.to_frame()
    assert set(frame["path"]) == {"mean term", "covariance term", "total", "held-out score"}
    gaussian = [abs(found.curve(o, r).fits[p].tails) <= 4 for o, r, p in frame[["order", "region", "path"]].values]
    overlap = frame[["affinity", "hellinger", "bayes_error_low", "bayes_error_high"]]
    assert frame.drop(columns=overlap.columns).notna().all().all() and overlap.notna().all(axis=1).eq(gaussian).all()
    assert overlap[gaussian].stack().between(0, 1).all() and (frame["low"] <= frame["high"]).all()
    bounds = [b for c in found.curves for fit in c.fits.values() for b in fit.bounds]
    assert frame["bound"].tolist() == bounds
    laws = found.laws()
    assert set(laws["parameter"]) == {"plateau", "scale", "intercept", "slope", "factor", "exponent"}
    assert laws[["value", "left"]].notna().all().all() and (laws["low"].isna() | (laws["low"] <= laws["value"])).all()


def test_replicates_count_as_their_mean():
    rng = np.random.default_rng(1)
    means, label = rng.normal(size=(40, 20)), np.arange(40) % 2
    wobble = rng.normal(size=(40, 1, 20))
    x = (means[:, None] + np.concatenate([wobble, -wobble], axis=1)).reshape(80, 20)
    one = paired(means, labels=label, unit=np.arange(40))
    two = paired(x, labels=np.repeat(label, 2), unit=np.repeat(np.arange(40), 2))
    assert (two.sample.n, two.sample.n_units) == (80, 40)
    np.testing.assert_allclose(two.regions["full"], one.regions["full"], atol=1e-12)
    np.testing.assert_array_equal(two.codes, one.codes)
    assert [fold.tolist() for fold in two.folds] == [fold.tolist() for fold in one.folds]


def test_of_several_classes_the_two_with_the_most_units_are_compared():
    labels = np.array(["b"] * 30 + ["a"] * 12 + ["c"] * 40)
    x = np.random.default_rng(0).normal(size=(82, 16))
    found = paired(x, labels=labels)
    assert found.classes == ("b", "c") and found.sample.n == 70
    assert found.units_per_class == (30, 40)
    assert any("b and c have the most units of 3 classes" in a.note for a in found.assumptions)


def test_of_many_units_a_selection_blind_to_the_labels_is_taken():
    n = MOST_UNITS + 300
    x = np.random.default_rng(0).normal(size=(n, 3))
    pair = paired(x, labels=(np.arange(n) < 200).astype(int))
    assert pair.codes.shape == (MOST_UNITS, 20)
    low, high = stats.hypergeom.ppf([0.001, 0.999], n, 200, MOST_UNITS)
    assert low <= pair.units_per_class[1] <= high
    assert (pair.codes.sum(axis=0) == pair.units_per_class[1]).all()
    assert any(f"{MOST_UNITS} of {n}" in a.note for a in pair.assumptions)


@pytest.mark.parametrize(("n", "classes"), [(150, 3), (700, 2)], ids=["three classes", "many units"])
def test_labels_stay_in_their_batches_where_a_selection_is_relabelled(n, classes):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    batch = np.where(rng.random(n) < 0.8, labels % 2, 1 - labels % 2)
    design = make_design(labels, batch=batch)
    kept, free = (
        np.column_stack([design.codes, permuted_codes(design, n=19, seed=0, within_batch=within)])
        for within in (True, False)
    )
    x = rng.normal(size=(n, 4))
    x[:, 0], x[:, 1] = batch, np.arange(n)  # a region holds them in the order of the pair
    inside, across = (
        pair_classes(x, np.arange(4.0), design, labelings, off_band=None, in_band=None, seed=0)
        for labelings in (kept, free)
    )
    assert inside.codes.shape[0] < n and len(inside.classes) == 2
    for pair, constant in ((inside, True), (across, False)):
        ones = (pair.codes == 1)[pair.regions["full"][:, 0] == 1].sum(axis=0)
        assert (ones == ones[0]).all() == constant
        assert (pair.codes.sum(axis=0) == pair.codes[:, 0].sum()).all()


def test_labels_that_no_batch_can_exchange_are_permuted_across_and_it_is_stated():
    labels, batch = np.repeat([0, 1, 2], 20), np.repeat([0, 1, 2], 20)
    batch[:4], labels[:4] = 3, [2, 2, 2, 0]  # one batch that exchanges classes 0 and 2 only
    design = make_design(labels, batch=batch)
    labelings = np.column_stack([design.codes, permuted_codes(design, n=19, seed=0, within_batch=True)])
    pair = pair_classes(np.random.default_rng(0).normal(size=(60, 4)), np.arange(4.0), design, labelings,
                        off_band=None, in_band=None, seed=0)  # fmt: skip
    assert [a.status for a in pair.assumptions if a.statement == "batches do not differ"] == ["violated"]
    assert np.unique(pair.codes, axis=1).shape[1] > 10


def test_units_that_hold_both_classes_violate_independence():
    found = paired(np.random.default_rng(0).normal(size=(60, 8)), unit=np.repeat(np.arange(30), 2))
    violated = [a.statement for a in found.assumptions if a.status == "violated"]
    assert "the classes are independent samples" in violated


@pytest.mark.parametrize(
    ("change", "labels", "reading"),
    [
        (lambda x: x[:4], [0, 0, 1, 1], "cannot be given, because class '0' has 2 units, and 5 are needed"),
        (lambda x: x, [0] * 59 + [1], "cannot be given, because class '1' has 1 unit, and 5 are needed"),
        (lambda x: np.full_like(x, 0.1), None, "cannot be given, because all spectra are equal"),
        (lambda x: x[:, :3], None, "cannot be given, because there are too few channels"),
        (lambda x: x[:, :1], None, "cannot be given, because there are too few channels"),
        (lambda x: np.where(np.arange(x.shape[1]) % 2, x, 1.0), None, "with more evenly spaced channels"),
        (lambda x: x + 100.0 * (np.arange(60) % 2)[:, None], None, "with more evenly spaced channels"),
        (lambda x: x[:10], None, "with more evenly spaced channels"),
        (lambda x: (1e4 + x).astype(np.float32), None, "with more evenly spaced channels"),
        (lambda x: x * 1e-30, None, "with more evenly spaced channels"),
    ],
    ids=["four spectra", "one unit in a class", "all equal", "three channels", "one channel", "constant channels",
         "far apart", "five a class", "float32", "tiny"],
)  # fmt: skip
def test_pathological_spectra_give_finite_curves_or_a_reason(change, labels, reading):
    x = change(np.random.default_rng(0).normal(size=(60, 12)))
    found = grown(x, labels=labels if labels is not None else np.arange(x.shape[0]) % 2, permutations=19)
    assert found.reading.startswith(reading)
    assert json_text(found.to_dict())  # refuses NaN and infinities
    for curve in found.curves:
        assert set(curve.fits) | set(curve.missing) >= {"mean term", "covariance term", "total"}
        assert not set(curve.fits) & set(curve.missing)


def test_copies_of_spectra_leave_the_held_out_score_and_say_why():
    found = grown(np.repeat(np.random.default_rng(0).normal(size=(10, 12)), 6, axis=0), permutations=19)
    curve = found.curve("decimation")
    assert curve.path == "held-out score"
    assert "a class covariance is singular" in curve.missing["total"]


def test_neither_scale_nor_the_run_changes_anything():
    x = np.random.default_rng(0).normal(size=(40, 8))
    one, again, scaled = (grown(f * x, permutations=19) for f in (1.0, 1.0, 1e160))
    assert json_text(one.to_dict()) == json_text(again.to_dict())
    for path, fit in one.curve("decimation").fits.items():
        np.testing.assert_allclose(scaled.curve("decimation").fits[path].values, fit.values, atol=1e-8)
    for factor in (1e-300, 1e-200, 1e160, 1e300):
        for columns in (independent_columns(x * factor, 8)[0], principal_components(x * factor)):
            spans = [np.linalg.qr(part)[0] for part in (columns, x - x.mean(axis=0))]
            np.testing.assert_allclose(*(q @ q.T for q in spans), atol=1e-9)
