"""What relevance may and may not say: nothing on noise, the band where the band acts, off-band where it does not."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from scipy import stats

from spectral_core.relevance import examine_relevance, explain_relevance_off_band, relevance_is_off_band
from spectral_core.relevance.agreement import measure_agreement
from spectral_core.relevance.linear_model import prepare_model
from spectral_core.relevance.maps import weight_and_pattern
from spectral_core.relevance.pls_maps import vip_and_selectivity
from spectral_core.report import json_text
from spectral_core.simulate import BAND, BLANK, OTHER_BAND, Recipe, simulate
from spectral_core.splits import make_design, permuted_codes, unit_folds

SETS = 300


def examined(recipe, *, seed=0, bands=None, blanks=None, permutations=99, change=lambda x: x):
    data = simulate(recipe, seed=seed)
    design = make_design(data.label, unit=data.unit)
    labelings = np.column_stack([design.codes, permuted_codes(design, n=permutations, seed=seed)])
    folds = unit_folds(design, k=5, seed=seed)
    return examine_relevance(
        change(data.x), data.axis, design, folds, labelings, bands={"b": BAND} if bands is None else bands,
        blanks={"k": BLANK} if blanks is None else blanks, alpha=0.05,
    )  # fmt: skip


@cache
def null_p_values(name, replicates):
    """p-values of agreement where labels are random and the band lies on the tallest peak."""
    found = []
    for seed in range(SETS):
        data = simulate(Recipe(units=(14, 14), channels=80, replicates=replicates), seed=seed)
        design = make_design(data.label, unit=data.unit)
        labelings = np.column_stack([design.codes, permuted_codes(design, n=99, seed=seed)])
        model = prepare_model(data.x)
        if name in ("weights", "pattern"):
            maps = weight_and_pattern(model, labelings, 2)
        else:
            maps = vip_and_selectivity(model, labelings, 2, components=2)
        inside = (data.axis >= BAND[0]) & (data.axis <= BAND[1])
        agreement = measure_agreement(name, maps[name], inside, alpha=0.05)
        found.append((agreement.p_labels, agreement.p_shifts))
    return np.array(found).T


def false_alarms_are_five_per_cent(p):
    low, high = stats.binom.interval(0.999, SETS, 0.05)
    return low <= (p <= 0.05).sum() <= high


@pytest.mark.parametrize(("name", "replicates"), [("pattern", 1), ("pattern", 3), ("weights", 1), ("vip", 1),
                                                  ("selectivity_ratio", 1)])  # fmt: skip
def test_random_labels_agree_with_a_band_as_often_as_alpha_says(name, replicates):
    by_labels, by_shifts = null_p_values(name, replicates)
    assert false_alarms_are_five_per_cent(by_labels)
    assert false_alarms_are_five_per_cent(by_shifts)
    assert stats.kstest(by_labels, "uniform").pvalue > 1e-3


def smooth_maps(rng, d=200, p=100):
    """Smooth maps of no label at all, the same everywhere along a circle."""
    kernel = np.exp(-0.5 * (np.arange(-20, 21) / 6) ** 2)
    noise = rng.normal(size=(d, p))
    return np.stack([np.convolve(np.r_[c[-20:], c, c[:20]], kernel, "valid") for c in noise.T], axis=1)


def test_shifts_keep_the_smoothness_that_shuffled_channels_lose():
    # audit-spec: i.i.d. channel shuffling is invalid; written out here only to show why it does not exist
    inside = np.zeros(200, dtype=bool)
    inside[60:80] = True
    rng = np.random.default_rng(11)
    shifts, shuffles = [], []
    for _ in range(SETS):
        maps = smooth_maps(rng)
        shifts.append(measure_agreement("m", maps, inside, alpha=0.05).p_shifts)
        size = np.abs(maps[:, 0])
        drawn = np.array([rng.permutation(size)[inside].sum() for _ in range(99)])
        shuffles.append((1 + (drawn >= size[inside].sum()).sum()) / 100)
    assert false_alarms_are_five_per_cent(np.array(shifts))
    assert np.mean(np.array(shuffles) <= 0.05) > 0.15


@pytest.mark.parametrize("seed", range(8))
def test_a_band_that_separates_is_found_by_every_map(seed):
    report = examined(Recipe(units=(40, 40), channels=150, band_effect=0.3), seed=seed)
    low, high = BAND
    for name in ("pattern", "selectivity_ratio"):
        peak = report.axis[np.abs(report.maps[name].values).argmax()]
        assert low <= peak <= high
    pattern = report.maps["pattern"]
    inside = (report.axis >= low) & (report.axis <= high)
    assert (np.abs(pattern.values) > pattern.simultaneous)[inside].any()
    assert pattern.p <= 0.02
    for agreement in report.agreement.values():
        assert agreement.p_labels <= 0.05
        assert agreement.p_shifts <= 0.05
        assert agreement.share > agreement.expected
    assert not relevance_is_off_band(report, above_chance=True, alpha=0.05)
    window = report.maps["occlusion_mean"]
    assert abs(window.position[window.values.argmax()] - sum(BAND) / 2) < 60
    band, _, blank = report.per_band
    assert band.alone_p <= 0.05 < band.alone.value - 0.5
    assert band.necessity.value > 0.1 and band.joint_loss.value > 0.1
    assert abs(blank.necessity.value) < 0.1 and blank.alone.value < 0.7


@pytest.mark.parametrize("seed", range(8))
def test_an_effect_outside_the_bands_draws_the_caveat(seed):
    report = examined(Recipe(units=(40, 40), channels=150, other_effect=0.3), seed=seed)
    low, high = OTHER_BAND
    assert low <= report.axis[np.abs(report.maps["pattern"].values).argmax()] <= high
    assert report.agreement["pattern"].p_labels > 0.05
    assert relevance_is_off_band(report, above_chance=True, alpha=0.05)
    assert not relevance_is_off_band(report, above_chance=False, alpha=0.05)
    message = explain_relevance_off_band(report)
    assert f"{report.agreement['pattern'].share:.0%} of the classifier's pattern" in message
    peak = float(message.partition("most at ")[2].partition(":")[0].replace(",", ""))
    assert low <= peak <= high


def test_a_band_that_makes_nearly_all_variance_is_not_said_to_be_passed_over():
    """Shuffled labels lie in such a band as well, so that p cannot be small."""
    rng, axis, label = np.random.default_rng(0), np.linspace(1000, 2000, 200), np.repeat(["a", "b"], 30)
    peaks = np.exp(-0.5 * ((axis - np.array([[1300], [1700]])) / np.array([[120], [80]])) ** 2)
    open_ = 0
    for seed in range(6):
        heights = 1 + 0.05 * rng.normal(size=(60, 2)) + np.outer(label == "b", [0.3, 0.0])
        x = heights * [0.3, 0.15] @ peaks + 0.0003 * rng.normal(size=(60, 200))
        design = make_design(label)
        labelings = np.column_stack([design.codes, permuted_codes(design, n=99, seed=seed)])
        report = examine_relevance(x, axis, design, unit_folds(design, k=5, seed=seed), labelings,
                                   bands={"b": (1100, 1500)}, blanks={}, alpha=0.05)  # fmt: skip
        open_ += report.agreement["pattern"].p_labels > 0.05
        assert report.agreement["pattern"].share > 0.8
        assert not relevance_is_off_band(report, above_chance=True, alpha=0.05)
    assert open_


def test_without_bands_there_is_nothing_to_agree_with():
    for bands in ({}, {"all": (1000, 2000)}, {"elsewhere": (3000, 3100)}):
        report = examined(Recipe(units=(20, 20), channels=60), bands=bands, blanks={})
        assert report.agreement == {}
        assert not relevance_is_off_band(report, above_chance=True, alpha=0.05)
        assert set(report.maps) >= {"weights", "pattern", "vip", "selectivity_ratio"}


def test_weights_disagree_with_patterns_where_channels_share_noise():
    # Haufe et al. (2014), example 1: x₁ = class + noise, x₂ = the same noise; only w = (1, −1) cancels it
    rng = np.random.default_rng(0)
    label = np.arange(400) % 2
    noise = rng.normal(size=400)
    x = np.column_stack([label + noise, noise]) + 0.05 * rng.normal(size=(400, 2))
    maps = weight_and_pattern(prepare_model(x), label[:, None], 2)
    weights, pattern = maps["weights"][:, 0], maps["pattern"][:, 0]
    assert weights[1] / weights[0] == pytest.approx(-1, abs=0.1)
    assert abs(pattern[1] / pattern[0]) < 0.15


def test_a_conditional_permutation_spares_what_the_rest_knows():
    # two bands that carry the same: either can be exchanged at a loss, neither is needed
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1], 60)
    signal = label + 0.2 * rng.normal(size=120)
    x = np.zeros((120, 40))
    x[:, 5:9], x[:, 25:29] = signal[:, None], signal[:, None]
    x += 0.02 * rng.normal(size=x.shape)
    design = make_design(label, unit=np.arange(120))
    labelings = np.column_stack([design.codes, permuted_codes(design, n=99, seed=0)])
    report = examine_relevance(x, np.arange(40.0), design, unit_folds(design, k=5, seed=0), labelings,
                               bands={"one": (5, 8), "two": (25, 28)}, blanks={}, alpha=0.05)  # fmt: skip
    for row in report.per_band[:2]:
        assert row.joint_loss.at_least > 0.02
        assert abs(row.conditional_loss.value) < 0.03
        assert abs(row.necessity.value) < 0.03


@pytest.mark.parametrize("units", [(30, 30, 30), (12, 24, 12, 12, 12)])
def test_several_classes_share_one_map(units):
    report = examined(Recipe(units=units, channels=100, band_effect=0.4))
    assert report.positive_class == "" and not report.maps["pattern"].signed
    assert (report.maps["pattern"].values >= 0).all()
    assert BAND[0] <= report.axis[report.maps["pattern"].values.argmax()] <= BAND[1]
    assert report.agreement["pattern"].p_labels <= 0.05


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x * 1e-30, lambda x: x * 1e30, lambda x: x.astype(np.float32), lambda x: np.full_like(x, 0.1),
        lambda x: np.where(np.arange(x.shape[1]) % 3, x, 1.0), lambda x: np.repeat(x[::2], 2, axis=0),
    ],
    ids=["tiny", "huge", "float32", "all equal", "constant channels", "duplicates"],
)  # fmt: skip
def test_pathological_spectra_give_finite_reports(change):
    report = examined(Recipe(units=(12, 12), channels=60, band_effect=0.3), change=change)
    assert json_text(report.to_dict())  # refuses NaN and infinities
    assert np.isfinite(report.to_frame().drop(columns=["name", "kind"]).to_numpy(dtype=float)).all()


def test_scale_changes_units_and_nothing_else():
    one, other = (examined(Recipe(units=(15, 15), channels=60, band_effect=0.3), change=lambda x, f=f: f * x)
                  for f in (1.0, 1e6))  # fmt: skip
    np.testing.assert_allclose(other.maps["pattern"].values, 1e6 * one.maps["pattern"].values, rtol=1e-6)
    np.testing.assert_allclose(other.maps["weights"].values, one.maps["weights"].values, rtol=1e-6, atol=1e-9)
    assert other.agreement["pattern"].p_labels == one.agreement["pattern"].p_labels


@pytest.mark.parametrize("n", [4, 9])
def test_few_spectra_and_a_band_of_one_channel_are_survived(n):
    design = make_design(np.arange(n) % 2, unit=np.arange(n))
    labelings = np.column_stack([design.codes, permuted_codes(design, n=19, seed=0)])
    folds = [np.array([i]) for i in range(n)]  # every fold holds one unit
    report = examine_relevance(np.random.default_rng(0).normal(size=(n, 3)), np.array([1.0, 2.0, 3.0]), design, folds,
                               labelings, bands={"b": (1.9, 2.1)}, blanks={"k": (3.0, 3.5)}, alpha=0.05)  # fmt: skip
    assert [row.n_channels for row in report.per_band] == [1, 2, 1]
    assert json_text(report.to_dict())


def test_the_dictionary_is_small_and_tabulates():
    report = examined(Recipe(units=(20, 20), channels=500, band_effect=0.3))
    content = report.to_dict()
    long = [len(values) for found in content["maps"].values() for values in found.values() if isinstance(values, list)]
    assert sum(1 for n in long if n == 500) == 12
    assert len(json.dumps(content)) < 500 * 13 * 16
    frame = report.to_frame()
    assert list(frame["kind"]) == ["band", "off_band", "blank"]
    assert frame["pattern_share"].between(0, 1).all()
    assert "inside bands that hold" in str(report)
