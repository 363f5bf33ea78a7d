"""Spectra with planted truth: what is planted is there, nothing else is, and designs are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectral_core.errors import SpectraError
from spectral_core.simulate import BAND, BLANK, OTHER_BAND, PEAKS, EemRecipe, Recipe, simulate, simulate_eem

QUIET = Recipe(units=(30, 30), noise=0.0, specimen=0.0)
EFFECTS = (
    "band_effect", "other_effect", "offset", "slope", "gain", "shift", "saturation", "drift", "noise_ratio",
    "fluorescence", "diffuse", "spikes", "photons",
)  # fmt: skip


def class_difference(recipe, seed=0):
    data = simulate(recipe, seed=seed)
    first = data.label == "class 1"
    return data.axis, data.x[~first].mean(axis=0) - data.x[first].mean(axis=0)


def inside(axis, interval):
    return (axis >= interval[0]) & (axis <= interval[1])


def test_the_same_seed_gives_the_same_spectra_and_another_seed_others():
    recipe = Recipe(units=(5, 6), replicates=2, batches=3, batch_lost=0.2, tails=3.0, gain_spread=0.1)
    once, again, other = (simulate(recipe, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(once.x, again.x) and np.array_equal(once.batch, again.batch)
    assert not np.array_equal(once.x, other.x)


def test_without_an_effect_quiet_classes_are_equal_and_the_spectrum_is_floor_and_peaks():
    axis, difference = class_difference(QUIET)
    assert np.abs(difference).max() < 1e-12
    expected = 1.0 + sum(h * np.exp(-0.5 * ((axis - c) / w) ** 2) for c, w, h in PEAKS)
    np.testing.assert_allclose(simulate(QUIET, seed=1).x[0], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("effect", "interval", "height"), [("band_effect", BAND, 1.0), ("other_effect", OTHER_BAND, 0.8)]
)
def test_chemistry_is_where_it_was_planted_and_as_high(effect, interval, height):
    axis, difference = class_difference(replace(QUIET, channels=2001, **{effect: 0.2}))
    assert difference.max() == pytest.approx(0.2 * height, rel=1e-6)
    # at twice the half width of the interval a peak is 33 % (σ 12 or 15 on 40 wide) at most, at six times nothing
    centre = sum(interval) / 2
    assert np.abs(difference[np.abs(axis - centre) > 120]).max() < 1e-6
    assert np.abs(difference[inside(axis, BLANK)]).max() < 1e-12


def test_measurement_effects_are_what_they_are_called():
    axis, offset = class_difference(replace(QUIET, offset=0.3))
    np.testing.assert_allclose(offset, 0.3)
    _, slope = class_difference(replace(QUIET, slope=0.3))
    np.testing.assert_allclose(slope, 0.3 * (axis - 1000) / 1000, atol=1e-12)
    plain = simulate(QUIET, seed=0).x[0]
    _, gain = class_difference(replace(QUIET, gain=0.3))
    np.testing.assert_allclose(gain, 0.3 * plain, atol=1e-12)
    shifted = simulate(replace(QUIET, channels=1001, shift=7.0), seed=0)  # one channel is 1 cm⁻¹
    np.testing.assert_allclose(shifted.x[-1, 7:], shifted.x[0, :-7], atol=1e-12)
    clipped = simulate(replace(QUIET, saturation=0.2), seed=0).x
    assert clipped[-1].max() == pytest.approx(0.8 * clipped[0].max())


def test_noise_has_the_standard_deviation_asked_for_in_each_class():
    data = simulate(replace(QUIET, channels=4000, noise=0.1, noise_ratio=0.5), seed=0)
    sd = data.x[:, inside(data.axis, BLANK)].std(axis=1)
    assert sd[:30].mean() == pytest.approx(0.1, rel=0.03) and sd[30:].mean() == pytest.approx(0.15, rel=0.03)


def test_heavy_tails_are_heavy_and_a_random_gain_is_common_to_a_spectrum():
    heavy = simulate(replace(QUIET, noise=0.01, tails=2.0), seed=0).x[:, -50:] - 1.0
    assert np.abs(heavy).max() > 10 * np.median(np.abs(heavy)) / 0.6745  # normal noise reaches 4 or 5
    gained = simulate(replace(QUIET, gain_spread=0.3), seed=0).x
    ratio = gained / simulate(QUIET, seed=0).x
    np.testing.assert_allclose(ratio, ratio[:, :1] * np.ones_like(ratio))
    assert np.log(ratio[:, 0]).std() == pytest.approx(0.3, rel=0.3)


def test_lines_background_and_drift_are_added():
    axis, difference = class_difference(replace(QUIET, lines=((1450.0, 5.0, 0.1), (1900.0, 5.0, 0.2))))
    assert difference[np.argmin(abs(axis - 1450))] == pytest.approx(0.1, rel=0.1)
    assert difference[np.argmin(abs(axis - 1900))] == pytest.approx(0.2, rel=0.1)
    assert simulate(replace(QUIET, background=1.0), seed=0).x.std(axis=0).min() > 0.05
    drifting = simulate(replace(QUIET, drift=1.0), seed=0).x
    np.testing.assert_allclose(drifting - simulate(QUIET, seed=0).x, np.linspace(0, 1, 60)[:, None] * np.ones(300))


@pytest.mark.parametrize(
    ("replicates", "sizes"),
    [(2, [2] * 8), ((1, 3), [1, 3] * 4), (((1,), (1, 5)), [1, 1, 1, 1, 1, 5, 1, 5])],
)
def test_specimens_have_the_replicates_dealt_to_them(replicates, sizes):
    data = simulate(Recipe(units=(4, 4), replicates=replicates), seed=0)
    assert np.bincount(data.unit).tolist() == sizes
    assert all(np.unique(data.label[data.unit == u]).size == 1 for u in range(8))


def test_mixed_specimens_hold_every_class_and_share_their_body():
    data = simulate(replace(Recipe(units=(6, 6), mixed=True), noise=0.0), seed=0)
    assert all(np.unique(data.label[data.unit == u]).size == 2 for u in range(6))
    np.testing.assert_allclose(data.x[:6], data.x[6:], atol=1e-12)


def test_batches_follow_their_mix():
    assert set(simulate(Recipe(), seed=0).batch) == {"batch 1"}
    aliased = simulate(Recipe(batches=2, batch_mix=1.0), seed=0)
    assert all(np.unique(aliased.batch[aliased.label == c]).size == 1 for c in np.unique(aliased.label))
    mixed = simulate(Recipe(units=(500, 500), batches=2, batch_mix=0.8), seed=0)
    own = max((mixed.batch[mixed.label == "class 1"] == b).mean() for b in ("batch 1", "batch 2"))
    assert own == pytest.approx(0.8, abs=0.06)
    crossed = simulate(Recipe(units=(5, 5), replicates=4, batches=4, crossed=True), seed=0)
    assert all(np.unique(crossed.batch[crossed.unit == u]).size == 4 for u in range(10))
    lost = simulate(Recipe(units=(500, 500), batches=4, batch_lost=0.3), seed=0)
    assert (lost.batch == "").mean() == pytest.approx(0.3, abs=0.05)


def test_a_batch_moves_all_channels_or_the_first_peak_only():
    level = simulate(replace(QUIET, batches=4, batch_offset=0.5), seed=0)
    height = simulate(replace(QUIET, batches=4, batch_band=0.5), seed=0)
    plain = simulate(QUIET, seed=0).x[0]
    for batch in np.unique(level.batch):
        moved = level.x[level.batch == batch] - plain
        np.testing.assert_allclose(moved, moved[0, 0])
    assert np.abs(height.x[:, inside(height.axis, BLANK)] - 1.0).max() < 1e-9
    assert np.unique(height.x[:, 60].round(9)).size == 4


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_of_zero_leaves_older_recipes_their_spectra(effect):
    data = simulate(Recipe(units=(4, 4)), seed=0)
    np.testing.assert_array_equal(simulate(Recipe(units=(4, 4), **{effect: 0.0}), seed=0).x, data.x)
    assert not np.array_equal(simulate(Recipe(units=(4, 4), **{effect: 0.3}), seed=0).x, data.x)


def test_truth_names_what_was_planted():
    truth = simulate(Recipe(band_effect=0.2, gain=0.1), seed=0).truth
    assert truth["band_effect"] == 0.2 and truth["gain"] == 0.1 and "offset" not in truth


def test_take_keeps_what_belongs_together():
    data = simulate(Recipe(units=(4, 4), replicates=3, batches=2), seed=0)
    rows = np.array([5, 0, 20])
    taken = data.take(rows)
    assert np.array_equal(taken.x, data.x[rows]) and np.array_equal(taken.unit, data.unit[rows])
    assert taken.label.tolist() == data.label[rows].tolist() and taken.batch.tolist() == data.batch[rows].tolist()


COUNTED = replace(QUIET, photons=50_000.0)


def exposure_of(recipe, data):
    """Counts of one unit of intensity: the budget over the light of floor and peaks, written out."""
    plain = 1.0 + sum(h * np.exp(-0.5 * ((data.axis - c) / w) ** 2) for c, w, h in PEAKS)
    return recipe.photons / (plain.sum() if recipe.budget == "spectrum" else plain.mean())


@pytest.mark.parametrize("budget", ["spectrum", "channel"])
def test_counted_photons_have_the_variance_of_their_mean(budget):
    recipe = replace(COUNTED, units=(1500, 1500), channels=60, budget=budget, photons=9_000.0)
    data = simulate(recipe, seed=0)
    counts = data.x * exposure_of(recipe, data)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-6)
    # the relative error of a variance from 3,000 counts is √(2/3000) = 2.6 %, of the mean over 60 channels 0.33 %
    assert (counts.var(axis=0) / counts.mean(axis=0)).mean() == pytest.approx(1.0, abs=0.015)


def test_a_budget_is_the_spectrums_or_the_channels_however_many_there_are():
    for channels in (100, 2000):
        whole, each = (replace(COUNTED, channels=channels, budget=b, photons=40_000.0) for b in ("spectrum", "channel"))
        spectra = simulate(whole, seed=0)
        assert (spectra.x * exposure_of(whole, spectra)).sum(axis=1).mean() == pytest.approx(40_000, rel=0.003)
        channelwise = simulate(each, seed=0)
        assert (channelwise.x * exposure_of(each, channelwise)).mean() == pytest.approx(40_000, rel=0.003)


def test_decimation_throws_photons_away_and_binning_keeps_them():
    data = simulate(replace(COUNTED, units=(400, 400), channels=1000, peaks=()), seed=0)
    few = 10 * data.x.reshape(800, 100, 10).mean(axis=2).var(axis=0).mean()
    assert few == pytest.approx(data.x[:, ::10].var(axis=0).mean(), rel=0.02)
    coarse = simulate(replace(COUNTED, units=(400, 400), channels=100, peaks=()), seed=1)
    assert few / 10 == pytest.approx(coarse.x.var(axis=0).mean(), rel=0.02)


def test_reading_adds_its_own_variance_in_counts():
    recipe = replace(COUNTED, units=(500, 500), channels=200, photons=20_000.0, read_noise=30.0)
    data = simulate(recipe, seed=0)
    counts = data.x * exposure_of(recipe, data)
    expected = counts.mean(axis=0) + 30.0**2
    assert (counts.var(axis=0) / expected).mean() == pytest.approx(1.0, abs=0.02)


def test_spikes_are_as_many_and_as_high_as_asked_for():
    data = simulate(replace(QUIET, units=(1000, 1000), spikes=3.0, spike_ratio=1.0, spike_height=5.0), seed=0)
    added = data.x - data.expected
    hit = added > 1e-9
    per_spectrum = hit.sum(axis=1)
    assert per_spectrum[:1000].mean() == pytest.approx(3.0, rel=0.06)
    assert per_spectrum[1000:].mean() == pytest.approx(6.0, rel=0.06)
    assert added.sum() / (9 * 1000) == pytest.approx(5.0, rel=0.05) and np.abs(added[~hit]).max() < 1e-9


def test_fluorescence_is_broad_and_a_specimens_own():
    recipe = replace(QUIET, units=(300, 300), fluorescence=2.0)
    light = simulate(recipe, seed=0).x - simulate(replace(recipe, fluorescence=0.0), seed=0).x
    assert light.min() > 0 and np.abs(np.diff(light, axis=1)).max() < 0.02 * light.max()
    assert 0.5 * 2.0 < light.mean() < 2.0  # the mean height is at the maximum, which may lie outside the axis
    twice = simulate(replace(QUIET, units=(3, 3), replicates=2, fluorescence=2.0), seed=0).x
    np.testing.assert_allclose(twice[::2], twice[1::2])
    grown = simulate(replace(recipe, fluorescence_effect=0.5), seed=0).x
    np.testing.assert_allclose((grown - simulate(recipe, seed=0).x)[300:], 0.5 * light[300:], atol=1e-12)


def test_a_diffuse_shift_is_as_large_in_every_channel_and_has_both_signs():
    _, difference = class_difference(replace(QUIET, diffuse=0.01))
    np.testing.assert_allclose(np.abs(difference), 0.01)
    assert 100 < (difference > 0).sum() < 200  # 150 ± 5.8 standard deviations of a fair coin


def test_the_expected_spectra_travel_with_the_measured_ones():
    data = simulate(Recipe(units=(4, 4), replicates=2, batches=2, batch_offset=1.0, gain_spread=0.1), seed=0)
    assert np.abs(data.x - data.expected).std() == pytest.approx(0.02 * np.sqrt(1 - 2 / np.pi), rel=0.1)
    rows = np.array([3, 1])
    assert np.array_equal(data.take(rows).expected, data.expected[rows])
    still = simulate(replace(QUIET, shift=2.0, gain=0.1), seed=0)
    np.testing.assert_array_equal(still.x, still.expected)


def test_photons_refuse_what_they_cannot_count():
    with pytest.raises(SpectraError, match=r"read_noise: expected photons above 0.*Set photons"):
        simulate(replace(QUIET, read_noise=2.0), seed=0)
    with pytest.raises(SpectraError, match=r"specimen spectrum 31, 1000 cm-1: expected an intensity of 0 or more"):
        simulate(replace(COUNTED, offset=-3.0), seed=0)


def test_simulated_matrices_emit_nothing_where_physics_forbids_it():
    data = simulate_eem(EemRecipe(units=(40, 40), scatter=0.0, read_noise=0.0), seed=0)
    assert data.blank.any() and not data.x[:, data.blank].any()
    assert data.x[:, data.fluorophore(0)].mean() > 0.3
    assert len(set(data.features)) == data.x.shape[1] and data.features[0] == "ex 260 em 260"
    again, other = (simulate_eem(EemRecipe(units=(40, 40), scatter=0.0, read_noise=0.0), seed=s) for s in (0, 1))
    assert np.array_equal(data.x, again.x) and not np.array_equal(data.x, other.x)
    assert np.bincount(data.unit).tolist() == [2] * 80 and data.truth["photons"] == 1000.0


@pytest.mark.parametrize(
    ("effect", "factor"), [({"gain": 0.1}, 1.1), ({"scatter_effect": 0.1}, 1.1), ({"chemistry": 0.1}, 1.1)]
)
def test_effects_on_simulated_matrices_are_where_they_belong(effect, factor):
    recipe = EemRecipe(units=(40, 40), specimen=0.0, photons=1e6, read_noise=0.0, **effect)
    data = simulate_eem(recipe, seed=0)
    first, second = (data.x[data.label == c].mean(axis=0) for c in ("class 1", "class 2"))
    line = data.emission == data.excitation
    for name, place in (("scatter_effect", line), ("chemistry", data.fluorophore(1, widths=0.5))):
        ratio = second[place].sum() / first[place].sum()
        affected = name in effect or "gain" in effect
        assert ratio == pytest.approx(factor if affected else 1.0, abs=0.012)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 1}, "recipe, channels: expected two or more, found 1"),
        ({"budget": "foo"}, "recipe, budget: expected 'spectrum' or 'channel', found 'foo'"),
        ({"photons": -1.0}, "recipe, photons: expected 0 or more"),
        ({"units": (5, 0)}, "recipe, units: expected one specimen or more in every class"),
        ({"other_effect": 0.1, "peaks": PEAKS[:1]}, "recipe, other_effect: expected a third peak to act on"),
    ],
)
def test_recipes_that_cannot_be_drawn_are_refused(change, message):
    with pytest.raises(SpectraError) as error:
        Recipe(**change)
    assert message in str(error.value)


def test_everything_planted_travels_with_the_spectra():
    recipe = Recipe(units=(4, 6), replicates=(1, 2), lines=((1500.0, 4.0, 0.1),), photons=1e5, budget="channel")
    assert simulate(recipe, seed=0).recipe == recipe == simulate(recipe, seed=0).take(np.arange(3)).recipe


@pytest.mark.parametrize("finer", [1, 2])
def test_beyond_a_fluorophore_nothing_of_it_is_emitted_and_scattered_light_is_no_exception(finer):
    grid = {"excitations": 20 * finer + 1, "emissions": 34 * finer + 1}
    with_it, without = (simulate_eem(EemRecipe(chemistry=c, **grid), seed=3) for c in (0.3, 0.0))
    change = np.abs(with_it.expected - without.expected).max(axis=0)  # the specimens are the same
    off = with_it.beyond(1)
    assert change[off].max() < np.exp(-8) * change.max() * 1.1 and change[~off].max() == change.max()
    near_scatter = np.abs(with_it.emission - with_it.excitation) <= 15
    assert change[near_scatter].max() > 0.05 * change.max()  # so that a mask which leaves scatter out would fail
    assert (off & near_scatter).any() and (off & with_it.blank).any()
    assert not (off & with_it.fluorophore(1, widths=4.0)).any()


def test_expected_matrices_are_the_mean_of_what_is_counted():
    data = simulate_eem(EemRecipe(units=(200, 200), specimen=0.0, gain=0.1), seed=0)
    left = (data.x - data.expected)[:, data.fluorophore(0)]
    error = np.sqrt((data.expected[0, data.fluorophore(0)].mean() * 1000 + 25) / left.size) / 1000
    assert abs(left.mean()) < 4 * error
