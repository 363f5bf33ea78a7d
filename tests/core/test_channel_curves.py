"""Accuracy against channels and against units: laws of the population, fits, and what noise may not say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectral_core.diagnostics import laws
from spectral_core.diagnostics.channel_curves import examine_channel_curves
from spectral_core.diagnostics.class_pair import pair_classes
from spectral_core.diagnostics.curves import examine_curves
from spectral_core.diagnostics.growth import examine_growth
from spectral_core.diagnostics.held_out_curve import HeldOutCurves, balanced
from spectral_core.diagnostics.learnability import _folds, examine_learnability, fit_learning
from spectral_core.diagnostics.left_out import accuracy_without
from spectral_core.diagnostics.probit_slope import fit_slope
from spectral_core.probe.fitting import dual_probe
from spectral_core.report import json_text
from spectral_core.splits import make_design, permuted_codes

DRAWS = 4000


def posed(x, *, seed=0, permutations=39, unit=None, labels=None, off=None, inside=None):
    labels = np.arange(x.shape[0]) % 2 if labels is None else labels
    design = make_design(labels, unit=unit)
    labelings = np.column_stack([design.codes, permuted_codes(design, n=permutations, seed=seed)])
    axis = np.arange(float(x.shape[1]))
    return (x, axis, design, labelings), {"off_band": off, "in_band": inside, "seed": seed}


def within_error(hits, expected):
    """Whether a share of DRAWS lies within 3.5 binomial standard errors."""
    return abs(hits - expected) <= 3.5 * np.sqrt(expected * (1 - expected) / DRAWS)


# laws of the population, by simulation


@pytest.mark.parametrize(("d", "excess"), [(50, 0.1), (400, 0.05), (1192, 0.1)])
def test_norms_and_the_best_rule_separate_a_dilation_as_the_laws_say(d, excess):
    rng = np.random.default_rng(d)
    narrow, wide = rng.chisquare(d, DRAWS), (1 + excess) ** 2 * rng.chisquare(d, DRAWS)
    assert within_error((narrow < wide).mean(), float(laws.dilation_norm_auc(d, excess=excess)))
    # log-likelihood ratio of N(0, s²I) against N(0, I), from ‖x‖² alone
    s = 1 + excess
    right = np.r_[narrow[::2], wide[::2]]
    ratio = right * (1 - s**-2) / 2 - d * np.log(s)
    hits = np.r_[ratio[: DRAWS // 2] < 0, ratio[DRAWS // 2 :] > 0].mean()
    assert within_error(hits, float(laws.dilation_accuracy(d, excess=excess)))


def test_limits_of_the_dilation_laws_are_approached():
    for excess, d in ((0.1, 400), (0.05, 1600), (0.01, 40_000)):  # ε√d = 2
        for exact, limit in ((laws.dilation_norm_auc, laws.dilation_norm_auc_limit),
                             (laws.dilation_accuracy, laws.dilation_accuracy_limit)):  # fmt: skip
            assert float(exact(d, excess=excess)) == pytest.approx(float(limit(d, excess=excess)), abs=excess / 5)


@pytest.mark.parametrize(("d", "shift"), [(100, 0.1), (2165, 0.1), (16, 0.5)])
def test_a_mean_shift_is_classified_as_the_law_says(d, shift):
    rng = np.random.default_rng(d)
    projected = rng.normal(size=DRAWS) + np.sqrt(d) * shift * (np.arange(DRAWS) % 2)  # along the shift, in units of σ
    hits = ((projected > np.sqrt(d) * shift / 2) == (np.arange(DRAWS) % 2)).mean()
    assert within_error(hits, float(laws.mean_shift_accuracy(d, shift=shift)))


@pytest.mark.parametrize(("n", "d", "distance"), [(40, 60, 2.0), (100, 400, 3.0), (20, 20, 1.0)])
def test_a_direction_learnt_from_n_units_classifies_as_the_law_says(n, d, distance):
    accuracies = []
    for seed in range(300):
        rng = np.random.default_rng([seed, d])
        delta = np.zeros(d)
        delta[0] = distance
        zero, one = rng.normal(size=(n // 2, d)), rng.normal(size=(n // 2, d)) + delta
        w, middle = one.mean(0) - zero.mean(0), (one.mean(0) + zero.mean(0)) / 2
        size = np.linalg.norm(w)
        accuracies.append((stats.norm.cdf((delta - middle) @ w / size) + stats.norm.cdf(middle @ w / size)) / 2)
    expected = float(laws.learnable_accuracy(n, distance=distance, channels=d))
    error = np.std(accuracies, ddof=1) / np.sqrt(300)
    # the law is Φ at the mean score; the curvature of Φ over seeds is the second term
    assert abs(np.mean(accuracies) - expected) <= 3.5 * error + np.var(accuracies)


# slopes


@pytest.mark.parametrize("kappa", [0.1, 0.3])
def test_the_slope_of_a_diffuse_shift_is_half_of_it(kappa):
    channels = (1, 4, 16, 64, 256)
    accuracy = laws.mean_shift_accuracy(channels, shift=kappa)
    noise = np.random.default_rng(0).normal(size=(60, 5)) * 1e-3
    units = 10**7
    fit = fit_slope(channels, np.vstack([accuracy, 0.5 + noise[:40]]), accuracy + 0 * noise[40:], units=units)
    assert fit.value == pytest.approx(kappa / 2, rel=0.01) and fit.shift == pytest.approx(kappa, rel=0.01)
    assert fit.permuted_low < 0 < fit.permuted_high


def test_points_beyond_the_first_perfect_one_do_not_flatten_the_slope():
    channels = (1, 4, 16, 64, 256)
    accuracy = np.array([0.6, 0.7, 0.9, 1.0, 1.0])
    both = np.vstack([accuracy, np.full((20, 5), 0.5)])
    without = np.repeat(accuracy[None], 5, axis=0)
    four = fit_slope(channels[:4], both[:, :4], without[:, :4], units=100)
    assert fit_slope(channels, both, without, units=100) == four


# curves


def test_a_signal_that_more_channels_bury_is_not_said_to_stay():
    x = np.random.default_rng(0).normal(size=(60, 512))
    x[:, 0] += 1.8 * (np.arange(60) % 2)
    arguments, options = posed(x, permutations=19)
    found = examine_channel_curves(*arguments, **options)
    whole = found.curve("decimation")
    assert whole.accuracy[0] > whole.band.high[0] and whole.accuracy[-1] < whole.band.high[-1]
    assert "above permuted labels at 1 evenly spaced" in found.reading and "but not at" in found.reading
    assert "on, with" not in found.reading and "512" in found.reading.split("but not at")[1]
    assert "spread over units to classify only" in found.reading


def test_every_point_is_that_of_the_probe_on_these_channels_and_sets_are_asked_once():
    x = np.random.default_rng(0).normal(size=(40, 20)) + 0.5 * (np.arange(40) % 2)[:, None]
    arguments, options = posed(x, permutations=19)
    held_out = HeldOutCurves(pair_classes(*arguments, **options))
    whole = held_out.ask(("full", "decimation", 0), 20)
    assert held_out.ask(("full", "binning", 0), 20) is whole and held_out.ask(("full", "random", 3), 20) is whole
    asked = held_out.ask(("full", "decimation", 0), 4)
    alone = HeldOutCurves(pair_classes(x[:, [0, 5, 10, 15]], np.arange(4.0), *arguments[2:], **options))
    np.testing.assert_allclose(alone.ask(("full", "decimation", 0), 4).accuracy, asked.accuracy)
    np.testing.assert_allclose(balanced(asked.credit[:, None], arguments[3][:, :1])[0], asked.accuracy[0])


def test_a_diffuse_shift_rises_off_band_and_a_band_does_not():
    rng = np.random.default_rng(0)
    noise, label = rng.normal(size=(120, 64)), (np.arange(120) % 2)[:, None]
    inside = np.arange(64) < 8
    found = {}
    for name, x in (("diffuse", noise + 0.35 * label), ("band", noise + 1.0 * label * inside)):
        arguments, options = posed(x, off=~inside, inside=inside, permutations=19)
        found[name] = examine_channel_curves(*arguments, **options)
    diffuse, band = (found[name].curve("decimation", "off-band") for name in ("diffuse", "band"))
    assert diffuse.slope.low > 0 and diffuse.accuracy[-1] > diffuse.band.high[-1]
    assert band.slope.low < 0 < band.slope.high and band.band.p > 0.05
    assert found["band"].curve("decimation", "in-band").slope.value > found["band"].curve("decimation").slope.value
    # the shift is the same everywhere: one bin keeps all photons and is the best classifier there is
    binning = found["diffuse"].curve("binning")
    assert binning.accuracy[0] > found["diffuse"].curve("decimation").accuracy[0] + 0.2
    assert "off-band" in found["diffuse"].reading
    frame = found["diffuse"].to_frame()
    assert {(o, r) for o, r in zip(frame["order"], frame["region"], strict=True)} == {
        *((o, r) for o in ("decimation", "binning", "random", "contiguous") for r in ("full", "in-band", "off-band")),
        ("decimation", "high-frequency residual"), ("random", "high-frequency residual"),
    }  # fmt: skip
    assert frame["overlay"].between(0, 1).all() and json_text(found["diffuse"].to_dict())


def test_curves_together_are_the_curves_asked_one_by_one():
    x = np.random.default_rng(0).normal(size=(40, 6)) + 0.5 * (np.arange(40) % 2)[:, None]
    arguments, options = posed(x, permutations=19)
    together = examine_curves(*arguments, **options)
    alone = (examine_growth, examine_learnability, examine_channel_curves)
    assert [json_text(found.to_dict()) for found in together] == [
        json_text(examine(*arguments, **options).to_dict()) for examine in alone
    ]  # fmt: skip
    assert [found.name for found in together] == ["growth", "learnability", "channel_curves"]
    assert all(str(found).count("\n") == 0 for found in together)


# learnability


def test_the_law_behind_a_learning_curve_is_found():
    n = np.array([12.0, 25.0, 51.0, 102.0, 204.0, 408.0])
    law = fit_learning(n, laws.learnable_accuracy(n, distance=2.0, channels=30.0), 10**7)
    assert law.distance == pytest.approx(2.0, rel=0.03) and law.directions == pytest.approx(30.0, rel=0.1)
    assert law.most == pytest.approx(stats.norm.cdf(1.0), abs=0.01) and law.left < 5e-3


def test_accuracy_rises_with_units_and_the_reading_says_how():
    x = np.random.default_rng(2).normal(size=(200, 30)) + 0.5 * (np.arange(200) % 2)[:, None]
    arguments, options = posed(x, permutations=19)
    found = examine_learnability(*arguments, **options)
    assert found.units == (13, 26, 51, 102, 160)
    assert found.accuracy[-1] > found.accuracy[0] + 0.1
    assert found.accuracy[-1] > found.band.high[-1] and found.band.p == 0.05
    assert "by the fitted law" in found.reading and np.abs(found.law.at(found.units) - found.accuracy).max() < 0.08
    assert len(found.to_frame()) == 5 and json_text(found.to_dict())


def test_accuracy_without_a_group_is_that_of_models_refitted_without_it():
    rng = np.random.default_rng(0)
    observed = np.arange(60) % 2
    x = rng.normal(size=(60, 90)) + 0.4 * observed[:, None]
    folds = [np.arange(f, 60, 5) for f in range(5)]
    groups = rng.integers(0, 6, 60)
    probe = dual_probe(x)
    found = accuracy_without(probe.form.complement, observed, folds, groups, count=7, unit=np.arange(60))
    for g in range(7):  # the last group is empty
        gone = np.flatnonzero(groups == g)
        margins = probe.margins(observed[:, None], [np.union1d(fold, gone) for fold in folds], 2,
                                judged=[np.setdiff1d(fold, gone) for fold in folds])[:, 0]  # fmt: skip
        credits = [(margins[(observed == c) & (groups != g)] > 0).mean() for c in (0, 1)]
        assert found[g] == pytest.approx(np.mean(credits), abs=1.5 / 27)  # the leverage of one unit more or fewer


def test_where_units_lead_is_stated_only_where_the_interval_is_narrow():
    # 128 units, Φ(0.3·√20/2) = 0.749: single fits lie between 0.63 and 0.86
    x = np.random.default_rng([1, 5]).normal(size=(128, 20)) + 0.3 * (np.arange(128) % 2)[:, None]
    arguments, options = posed(x, permutations=19)
    found = examine_learnability(*arguments, **options)
    assert found.law.most_low <= stats.norm.cdf(0.3 * np.sqrt(20) / 2) <= found.law.most_high
    assert "cannot be told (" in found.reading and "would stop" not in found.reading
    n = np.array([13.0, 26.0, 51.0, 102.0, 205.0, 410.0])
    exact = laws.learnable_accuracy(n, distance=2.0, channels=30.0)
    wobble = np.random.default_rng(0).normal(size=(20, 6)) * 3e-3
    sure = fit_learning(n, exact, 10**7, without=exact + wobble)
    assert sure.most_low < stats.norm.cdf(1.0) < sure.most_high < sure.most_low + 0.1


def test_noise_teaches_nothing():
    arguments, options = posed(np.random.default_rng(1).normal(size=(80, 30)))
    found = examine_learnability(*arguments, **options)
    assert "nothing beyond permuted labels" in found.reading
    assert ((found.accuracy >= found.band.low) & (found.accuracy <= found.band.high)).all()


def test_folds_of_a_selection_keep_units_together():
    unit = np.repeat(np.arange(12), 2)
    drawn = np.random.default_rng(0).permutation(24)[:17]
    rows = np.sort(drawn)
    folds = _folds(unit[rows], drawn, rows)
    assert sorted(np.concatenate(folds)) == list(range(17)) and len(folds) == 5
    fold_of = {u: i for i, fold in enumerate(folds) for u in unit[rows[fold]]}
    assert all(fold_of[u] == i for i, fold in enumerate(folds) for u in unit[rows[fold]])


@pytest.mark.parametrize(
    ("change", "labels", "reading"),
    [
        (lambda x: x[:4], None, "cannot be given, because class '0' has 2 units, and 5 are needed"),
        (lambda x: x, [0] * 39 + [1], "cannot be given, because class '1' has 1 unit, and 5 are needed"),
        (lambda x: np.full_like(x, 3.0), None, "cannot be given, because all spectra are equal"),
        (lambda x: x[:, :1], None, "cannot be given, because one channel makes no curve"),
        (lambda x: x[:, :3], None, "all 3 channels reach"),
        (lambda x: np.where(np.arange(12) == 5, x, 1.0), None, "all 12 channels reach"),
        (lambda x: np.repeat(x[:4], 10, axis=0), None, "all 12 channels reach"),
        (lambda x: x + 100.0 * (np.arange(40) % 2)[:, None], None, "all 12 channels reach 1.00"),
    ],
    ids=["four spectra", "one unit in a class", "all equal", "one channel", "three channels", "constant channels",
         "copies", "far apart"],
)  # fmt: skip
def test_pathological_spectra_give_finite_curves_or_a_reason(change, labels, reading):
    x = change(np.random.default_rng(0).normal(size=(40, 12)))
    arguments, options = posed(x, permutations=19, labels=labels)
    found = examine_channel_curves(*arguments, **options)
    assert found.reading.startswith(reading)
    learning = examine_learnability(*arguments, **options)
    for result in (found, learning):
        assert json_text(result.to_dict())  # refuses NaN and infinities
        assert result.to_frame().select_dtypes("number").notna().all().all()


def test_few_units_make_no_learning_curve():
    arguments, options = posed(np.random.default_rng(0).normal(size=(20, 8)), permutations=19)
    found = examine_learnability(*arguments, **options)
    assert found.reading.startswith("cannot be given, because 32 units") and found.units == ()


def test_the_smallest_number_of_permutations_is_asked_for():
    arguments, options = posed(np.random.default_rng(0).normal(size=(20, 8)), permutations=9)
    assert "9 permutations were given, and 19 are needed" in examine_channel_curves(*arguments, **options).reading
