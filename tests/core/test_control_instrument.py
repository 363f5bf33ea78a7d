"""Gain, axis shift, baseline and saturation: estimated off the bands, told apart from chemistry."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from spectral_core import audit_classifier
from spectral_core.controls.distortion import estimate_distortions
from spectral_core.controls.instrument import Measured, examine_instrument
from spectral_core.controls.ranks import comparable, macro_auc, pair_aucs
from spectral_core.controls.saturation import saturated_share
from spectral_core.evidence import Settings
from spectral_core.examination import draw_labelings
from spectral_core.regions import locate_regions
from spectral_core.simulate import BAND, BLANK, OTHER_BAND, Recipe, simulate
from spectral_core.splits import make_design

AXIS = np.linspace(1000.0, 2000.0, 400)
SIGNALS = {"gain_signal", "shift_signal", "baseline_signal", "saturation_signal"}


def mean_spectrum(at):
    return sum(
        h * np.exp(-0.5 * ((at - c) / w) ** 2) for c, w, h in ((1300, 30, 1.0), (1600, 20, 0.7), (1750, 40, 0.5))
    )


def examined(recipe, seed, *, bands=None, x=None):
    data = simulate(recipe, seed=seed)
    design = make_design(data.label, unit=data.unit)
    settings = Settings(199, 0.05, 0.05, 5, seed)
    regions = locate_regions(data.axis, axis_unit="cm-1", bands={"b": BAND} if bands is None else bands, blanks={})
    measured = Measured(data.x if x is None else x, regions)
    return examine_instrument(measured, design, draw_labelings(design, settings).anywhere, settings)


def estimated(x, *, unit=None, off_band=None, axis=AXIS):
    unit = np.arange(len(x)) if unit is None else unit
    return estimate_distortions(x, axis, np.ones(axis.size, bool) if off_band is None else off_band, unit, banded=True)


def test_planted_gain_shift_offset_and_slope_are_recovered():
    rng = np.random.default_rng(0)
    n = 60
    gain, shift = rng.uniform(0.8, 1.25, n), rng.uniform(-1.0, 1.0, n)
    offset, slope = rng.normal(0, 0.5, n), rng.normal(0, 0.5, n)
    middle = (AXIS - 1500.0) / 1000.0  # −½ to ½: the slope is the rise over the whole axis
    x = np.stack([
        g * mean_spectrum(AXIS - s) + o + b * middle for g, s, o, b in zip(gain, shift, offset, slope, strict=True)
    ])  # fmt: skip
    found = estimated(x).by_name

    # each spectrum is compared with the mean of the others, whose own gain, shift, offset and slope are these means
    def others(values, weight=None):
        weight = np.ones(n) if weight is None else weight
        return ((values * weight).sum() - values * weight) / (weight.sum() - weight)

    relative = gain / others(gain)
    np.testing.assert_allclose(found["gain"], relative, rtol=5e-3)
    # ±1 beside widths of 20 and more: the neglected second order is about shift²/(2·width²), 0.1 %
    np.testing.assert_allclose(found["axis shift"], shift - others(shift, gain), atol=0.03)
    np.testing.assert_allclose(found["offset"], offset - relative * others(offset), atol=5e-3)
    np.testing.assert_allclose(found["slope"], slope - relative * others(slope), atol=5e-3)


def test_a_gap_a_band_and_an_uneven_axis_do_not_disturb_the_estimates():
    rng = np.random.default_rng(1)
    axis = np.sort(np.r_[np.linspace(1000, 1500, 100), np.linspace(1501, 2000, 250)])
    gain, shift = rng.uniform(0.8, 1.2, 40), rng.uniform(-1, 1, 40)
    x = np.stack([g * mean_spectrum(axis - s) for g, s in zip(gain, shift, strict=True)])
    off_band = (axis < 1550) | (axis > 1700)
    x[:, ~off_band] += rng.normal(size=(40, 1)) * 50  # whatever happens in the band
    found = estimated(x, off_band=off_band, axis=axis).by_name
    assert np.corrcoef(found["gain"], gain)[0, 1] > 0.999
    assert np.corrcoef(found["axis shift"], shift)[0, 1] > 0.999


def test_estimates_do_not_know_the_unit_of_intensity_and_the_baseline_scales_with_it():
    data = simulate(Recipe(units=(10, 10), gain=0.2, offset=0.3), seed=3)
    one = estimated(data.x, axis=data.axis)
    for factor in (1e-30, 1e30):
        other = estimated(data.x * factor, axis=data.axis)
        for name, scale in {"gain": 1, "axis shift": 1, "offset": factor, "slope": factor}.items():
            np.testing.assert_allclose(other.by_name[name], one.by_name[name] * scale, rtol=1e-6, atol=1e-9 * scale)


def test_a_spectrum_is_never_compared_with_its_own_unit():
    """Else the noise of a spectrum would correlate with itself, and a noisier class would have more gain."""
    rng = np.random.default_rng(2)
    noise_only = rng.normal(size=(40, 400)) * np.where(np.arange(40) < 20, 1.0, 3.0)[:, None]
    found = estimated(noise_only)
    assert "gain" not in found.by_name and "baseline and noise" in found.why_not
    repeated = np.repeat(rng.normal(size=(3, 400)), 12, axis=0)  # each unit is its own pattern, measured twelve times
    assert "gain" not in estimated(repeated, unit=np.repeat(np.arange(3), 12)).by_name
    # sold as units: xᵀm/mᵀm = (11/35)/((11² + 12² + 12²)/35²) = 0.94, so the mean seems to recur
    assert "gain" in estimated(repeated).by_name


@pytest.mark.parametrize(
    ("bands", "why"),
    [({}, "no band was declared"), ({"all": (1000, 2000)}, "fewer than 24 channels")],
)
def test_what_cannot_be_asked_says_why_and_saturation_still_is(bands, why):
    found = examined(Recipe(units=(10, 10), saturation=0.2), 0, bands=bands)
    assert set(found.by_name) == {"saturation"} and why in found.why_not


def test_one_unit_that_holds_all_structure_and_flat_spectra_are_survived():
    dark = np.zeros((6, 400))
    dark[0] = mean_spectrum(AXIS)
    for x in (dark, np.full((6, 400), 0.1), np.zeros((6, 400))):
        found = estimated(x)
        assert set(found.by_name) == {"offset", "slope"} and all(np.isfinite(v).all() for v in found.by_name.values())
    assert "one unit" in estimated(dark, unit=np.zeros(6, dtype=int)).why_not


def test_an_exponential_background_leaves_gain_and_no_shift():
    rng = np.random.default_rng(3)
    decay = np.exp(-(AXIS - 1000) / 100)  # its derivative is itself: a shift is a gain
    found = estimated(rng.uniform(0.8, 1.2, (30, 1)) * decay)
    assert "gain" in found.by_name and "axis shift" not in found.by_name and "too weak" in found.why_not


def test_flat_tops_are_counted_and_peaks_are_not():
    x = np.array([
        [0.0, 5.0, 5.0, 5.0, 1.0],  # a plateau of three
        [0.0, 1.0, 4.0, 1.0, 4.0],  # equal maxima that are no neighbours
        [0.0, 1.0, 2.0, 3.0, 1.0],
        [2.0, 2.0, 2.0, 2.0, 2.0],  # flat all over: no top
        [0.0, 1.0, 5.0, 1.0, 1.0],  # one channel, at the ceiling of the first spectrum
    ])  # fmt: skip
    np.testing.assert_allclose(saturated_share(x), [3 / 5, 0, 0, 0, 1 / 5])
    np.testing.assert_allclose(saturated_share(x.astype(np.float32) * 1e-3), [3 / 5, 0, 0, 0, 1 / 5])


def test_areas_equal_mann_whitney_for_every_labeling_with_ties():
    rng = np.random.default_rng(4)
    values = np.round(rng.normal(size=50), 1)
    codes = rng.integers(0, 3, size=(50, 300))
    found = pair_aucs(values, codes, 3)
    for row, (a, b) in enumerate(combinations(range(3), 2)):
        for p in (0, 255, 256, 299):
            first, second = values[codes[:, p] == a], values[codes[:, p] == b]
            expected = stats.mannwhitneyu(second, first).statistic / (first.size * second.size)
            assert found[row, p] == pytest.approx(expected, abs=1e-12)
    assert macro_auc(np.array([[0.2], [0.9], [0.5]])) == pytest.approx((0.8 + 0.9 + 0.5) / 3)
    assert pair_aucs(values, np.zeros((50, 1), dtype=int), 2) == 0.5  # an empty class


def test_statistics_on_one_scale_keep_their_order_and_a_constant_one_says_nothing():
    scaled = comparable(np.array([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]]))
    assert scaled[0].mean() == pytest.approx(0) and scaled[0].std() == pytest.approx(1)
    assert (np.diff(scaled[0]) > 0).all() and not scaled[1].any()


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (Recipe(units=(30, 30), gain=0.3), {"gain_signal"}),
        (Recipe(units=(30, 30), shift=4.0), {"shift_signal"}),
        (Recipe(units=(30, 30), offset=0.6), {"baseline_signal"}),
        (Recipe(units=(30, 30), slope=0.4), {"baseline_signal"}),
        (Recipe(units=(30, 30), saturation=0.2), {"saturation_signal"}),
        (Recipe(units=(30, 30), other_effect=0.4), set()),  # undeclared chemistry is none of them
        (Recipe(units=(30, 30), noise_ratio=0.5), set()),
        (Recipe(units=(20, 20, 20), gain=0.4), {"gain_signal"}),
        (Recipe(units=(12, 12), replicates=3, gain=0.3), {"gain_signal"}),
    ],
)
def test_each_artefact_draws_the_caveat_that_names_it(recipe, told):
    names = {
        "gain": "gain",
        "axis shift": "shift",
        "offset": "baseline",
        "slope": "baseline",
        "saturation": "saturation",
    }
    right = 0
    for seed in range(5):
        found = examined(recipe, seed)
        right += {f"{names[name]}_signal" for name in found.by_name if found.differs(name, 0.05)} == told
    # another caveat beside the right one may come by chance, in a twentieth of the sets
    assert right >= 3


def test_identical_classes_draw_no_caveat_more_often_than_alpha():
    recipe = Recipe(units=(20, 20), channels=120)
    alarms = sum(
        any(scalar.p_adjusted <= 0.05 for scalar in examined(recipe, seed).by_name.values()) for seed in range(60)
    )
    assert stats.binomtest(alarms, 60, 0.05, alternative="greater").pvalue > 1e-3


def test_the_message_names_size_unit_and_classes():
    data = simulate(Recipe(units=(40, 40), shift=4.0, band_effect=0.3), seed=0)
    report = audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"b": BAND},
                              blank={"k": BLANK}, unit=data.unit, n_permutations=199, seed=0)  # fmt: skip
    message = next(caveat.message for caveat in report.caveats if caveat.code == "shift_signal")
    told = re.search(r"'class 2' is shifted by ([\d.]+) cm⁻¹ to larger positions against 'class 1'", message)
    assert told and float(told[1]) == pytest.approx(4.0, abs=0.3)
    assert "AUC 1.00, p = 0.005" in message
    check = next(check for check in report.checks if check.code == "instrument")
    assert check.asked and check.values["axis_shift"]["auc"] > 0.99 and check.values["axis_shift"]["explains"]
    assert "explains" not in check.values["slope"]  # there is nothing to explain
    assert SIGNALS & {caveat.code for caveat in report.caveats} == {"shift_signal"}


def test_of_classes_that_are_all_told_apart_the_two_farthest_are_named():
    found = examined(Recipe(units=(12,) * 4, channels=150, offset=1.0), 0).by_name["offset"]
    assert found.auc == 1.0 and found.classes == ("class 1", "class 4")


def test_an_undeclared_peak_moves_gain_and_the_check_says_that_it_is_none():
    found = examined(Recipe(units=(40, 40), other_effect=0.4), 0)
    assert found.by_name["gain"].p_adjusted <= 0.05 and not found.by_name["gain"].explains
    declared = examined(Recipe(units=(40, 40), other_effect=0.4), 0, bands={"b": BAND, "o": OTHER_BAND})
    assert declared.by_name["gain"].p_adjusted > 0.05
