"""Experiments that ask for regions: fluorescence, maps, normalisation, pixels and suspicion follow their numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectral_core.experiments import fluorescence, growth, juices, maps, normalisation, pixels, suspicion
from spectral_core.experiments.cells import Cell, Row
from spectral_core.experiments.results import Estimate, Results
from spectral_core.experiments.sets import JUICES, is_present, load_juices
from spectral_core.relevance.agreement import measure_agreement
from tests.core.made_results import filled


def answers(findings, statement):
    return {f.when: f.answer for f in findings if f.statement == statement}


def map_numbers(what, shares, accuracy=0.9, even=0.1):
    """Numbers of maps: `shares` by difference, the same for all maps."""
    seen = 0.5 if what == maps.NOTHING else accuracy
    return {f"accuracy, {m}": seen for m in maps.MODELS} | {maps.CHANCE: even} | dict.fromkeys(maps.MAPS, shares[what])


@pytest.mark.parametrize(
    ("share", "nothing", "word", "answer"),
    [
        (0.01, 0.1, maps.OFF, "yes"),
        (0.1, 0.1, maps.FLAT, "no"),  # as even as with nothing planted, and 90 % of it off-band: points nowhere
        (0.1, 0.3, maps.FLAT, "no"),  # less than with nothing planted, but no less than an even map
        (0.04, 0.04, maps.FLAT, "undecided"),  # avoids the band, but so it does with nothing planted
        (0.6, 0.1, maps.IN, "no"),
    ],
)
def test_a_map_points_off_band_only_below_both_an_even_map_and_nothing_planted(share, nothing, word, answer):
    cells = [Cell.of("maps", difference=w, seed=s) for w in ("gain", "nothing") for s in range(10)]
    results = filled(cells, lambda p: map_numbers(p["difference"], {"gain": share, "nothing": nothing}))
    assert maps.pointing(results, "VIP²", "gain") == (word, answer)
    (finding,) = maps.findings(results)
    assert finding.answer == answer and f"VIP² {word}" in finding.evidence
    assert maps.agreement(results, "VIP²", "gain").mean == pytest.approx((share - 0.1) / 0.9)


def test_a_map_is_asked_as_soon_as_its_own_model_is_clearly_above_chance():
    """A forest at 0.6 ± 0.007 counts; a map of a model at chance has nothing to explain."""
    cells = [Cell.of("maps", difference=w, seed=s) for w in ("noise level", "nothing") for s in range(10)]

    def numbers(p):
        told = map_numbers(p["difference"], {"noise level": 0.01, "nothing": 0.1}, accuracy=0.5)
        return told | {"accuracy, forest": 0.595 if p["difference"] == "noise level" else 0.5}

    (finding,) = maps.findings(filled(cells, numbers))
    assert finding.answer == "yes" and "impurity of forest, permutation" not in finding.when
    assert finding.when.endswith("the map is permutation of forest, impurity of forest")
    blind = filled(cells, lambda p: map_numbers(p["difference"], {"noise level": 0.0, "nothing": 0.1}, accuracy=0.5))
    (finding,) = maps.findings(blind)
    assert finding.answer == "undecided" and "clearly above chance" in finding.evidence


def test_the_share_of_a_map_is_the_one_behind_the_audits_agreement():
    rng = np.random.default_rng(0)
    values, inside = rng.random(50), np.arange(50) < 7
    one = measure_agreement("m", np.column_stack([values, values]), inside, alpha=0.05)
    share = maps.share_inside(values, inside)
    assert share == pytest.approx(one.share) and (share - 7 / 50) / (1 - 7 / 50) == pytest.approx(one.agreement)
    assert math.isnan(maps.share_inside(np.zeros(50), inside))


def test_the_mass_of_vip_is_its_square_and_sums_to_the_number_of_channels():
    rng = np.random.default_rng(1)
    x, codes = rng.normal(size=(60, 40)), np.repeat([0, 1], 30)
    assert maps._linear_maps(x, codes)["VIP²"].sum() == pytest.approx(40)


def test_guards_count_for_neither_side_of_a_map():
    """Two channels of six that count are in the band, and one of them differs; another that does is in a guard."""
    rng = np.random.default_rng(2)
    x, codes = rng.normal(size=(80, 12)), np.repeat([0, 1], 40)
    x[codes == 1, 5] += 4.0
    x[codes == 1, 0] += 4.0
    at, order = np.arange(12), rng.permutation(80)
    train, test = order[:40], order[40:]
    parts = (at == 4) | (at == 5), at > 7
    numbers = maps.shares_of_maps(
        (x[train], codes[train]), (x[test], codes[test]), parts, list(at.reshape(-1, 2)), seed=0
    )
    assert numbers[maps.CHANCE] == pytest.approx(2 / 6) and numbers["accuracy, forest"] > 0.9
    assert numbers["permutation of ridge"] > 0.8 and numbers["impurity of forest"] > 0.8


def test_growth_is_judged_on_the_same_seeds_and_needs_room():
    few, many = (
        Results.of(Row({}, s, {"a": a + 0.05 * s}, 0.0) for s in range(5)) for a in (0.5, 0.6)
    )  # seeds differ by more than they rise
    rise = growth.rise_of("a", fewest=few, most=many)
    assert rise.mean == pytest.approx(0.1) and rise.error == pytest.approx(0.0, abs=1e-12) and rise.seeds == 5
    assert growth.grown(few.estimate("a"), Estimate(0.7, 0.01, 5), rise) == "yes"
    assert growth.grown(few.estimate("a"), many.estimate("a").less(Estimate(0.0, 0.2, 5)), rise) == "undecided"
    assert growth.grown(Estimate(0.7, 0.01, 5), Estimate(0.7, 0.01, 5), Estimate(0.0, 0.001, 5)) == "no"
    assert growth.grown(Estimate(0.99, 0.001, 5), Estimate(1.0, 0.0, 5), Estimate(0.01, 0.001, 5)) == "undecided"


def fluorescence_numbers(p, perfect):
    """The norm of the blank tells read noise apart at the finest grid; nothing else is seen."""
    told = {"features": 735.0 * p["grid"] ** 2, "random folds": 0.5, "all features": 0.5}
    if p["source"] == fluorescence.SIMULATED:
        told |= dict.fromkeys(("blank", "off-band", "band", "norm of all", "norm of the blank"), 0.5)
        told |= map_numbers(p["difference"], dict.fromkeys((*fluorescence.PLANTED, "chemistry", "nothing"), 0.1))
        if p["difference"] == fluorescence.NOISE and p["grid"] > 1 and perfect:
            told["norm of the blank"] = 0.99
    return told


@pytest.mark.parametrize("perfect", [True, False])
def test_read_noise_is_judged_by_the_scalar_that_sees_it_and_by_its_growth_with_cells(perfect):
    results = filled(fluorescence.cells(True), lambda p: fluorescence_numbers(p, perfect))
    told = fluorescence.findings(results)
    near = answers(told, "no_chemistry")
    assert near["read noise 10 % differs in simulated fluorescence, 2,940 cells"] == ("yes" if perfect else "no")
    assert near["read noise 10 % differs in simulated fluorescence, 735 cells"] == "no"
    grows = {when: a for when, a in answers(told, "small_differences").items() if a == "yes"}
    assert len(grows) == perfect and all(when.startswith("read noise") for when in grows)


def test_twelve_apples_do_not_refute_what_twelve_answers_would_leave_open():
    sure = juices.of_apples(Estimate(0.8, 0.001, 20))
    assert sure.error == pytest.approx(math.sqrt(0.8 * 0.2 / 12)) and sure.against(0.95) == "undecided"
    assert juices.of_apples(Estimate(0.5, 0.001, 20)).against(0.95) == "no"
    assert juices.of_apples(Estimate(0.9, 0.3, 20)).error == 0.3  # never narrower than over seeds


def test_the_norm_sees_a_noisier_half_and_nothing_where_all_norms_are_equal():
    rng = np.random.default_rng(3)
    label, unit = np.repeat(["a", "b"], 30), np.arange(60).astype(str)
    x = rng.normal(size=(60, 400)) * np.where(label == "b", 1.2, 1.0)[:, None]
    assert juices.norm_accuracy(x, label, unit, 0) > 0.95
    assert juices.norm_accuracy(np.zeros((60, 5)), label, unit, 0) == 0.5


@pytest.mark.skipif(not is_present(JUICES), reason="the set is not beside the project")
def test_juices_are_audited_with_groups_that_hold_no_scattered_light_and_no_blank():
    data = load_juices()
    groups = juices.fluorescent_groups(data)
    masks = np.array(list(groups.values()))
    assert masks.any(axis=1).all() and masks.sum(axis=0).max() == 1
    assert (data.emission - data.excitation)[masks.any(axis=0)].min() > 15
    numbers = juices.audit_juices(0)
    told = {k.split()[0] for k in numbers}
    assert {"verdict", "reason", "band", "off-band"} <= told and numbers["non-zero in the blank"] == 0.0
    table = fluorescence.table(
        Results.of(
            [Row({"source": fluorescence.REAL, "difference": fluorescence.MEASURED, "grid": 1}, 0, numbers, 0.0)]
        )
    )
    words = " ".join(" ".join(row) for row in table.rows)
    assert all(k in words for k in numbers if k.startswith(("verdict ", "reason ")))
    assert "bands_undeclared" not in words


def test_strengths_are_lengths_of_the_mean_difference():
    """Written out for the offset, which is the same in all 300 channels: length √300 · offset / 0.02."""
    assert suspicion.planted_size("offset", 8.0) == pytest.approx(8.0 * 0.02 / math.sqrt(300))
    assert suspicion.planted_size("gain", 8.0) == pytest.approx(2 * suspicion.planted_size("gain", 4.0))
    axis = np.linspace(1000, 2000, 300)
    line = np.exp(-0.5 * ((axis - 1200) / 12) ** 2)
    assert suspicion.planted_size("chemistry in the band", 4.0) == pytest.approx(
        4 * 0.02 / np.linalg.norm(line), rel=1e-6
    )
    assert suspicion.in_words("axis shift", 3.2).endswith("cm⁻¹")


def test_weaker_artefacts_leave_out_the_strongest_of_them_and_the_weakest_chemistry():
    """All reach 0.97 at the same strength: equal strengths tell nothing, weaker artefacts are below it."""
    results = filled(
        suspicion.cells(False),
        lambda p: dict.fromkeys(suspicion.VERDICTS, 0.0) | {"accuracy": 0.97 if p["strength"] > 10 else 0.7},
    )
    high, moderate, change = suspicion.likelier(results)
    assert (high.mean, moderate.mean, change.mean) == (0.5, 0.5, 0.0)
    high, moderate, _ = suspicion.likelier(results, weaker=4.0)
    assert high.mean == 0.0  # strengths 2 to 8 of artefacts: none is at 0.97
    assert moderate.mean == pytest.approx(1 / (1 + 1 / 4))  # 4 of 4 artefact strengths, 1 of 4 of chemistry
    words = " ".join(f.evidence for f in suspicion.findings(results))
    assert "supports 0 of 420 sets with an artefact, where none should be, and convicts 0 of 280" in words


def test_an_enlarged_picture_repeats_its_pixels_and_a_padded_one_adds_empty_background():
    small, none = pixels._features(pixels.ENLARGED, 8)
    large, background = pixels._features(pixels.ENLARGED, 16)
    assert not none.any() and not background.any() and background.size == large.shape[1] == 256
    np.testing.assert_array_equal(large.reshape(-1, 16, 16)[:, ::2, 1::2].reshape(len(large), -1), small)
    np.testing.assert_allclose((large**2).sum(axis=1), 4 * (small**2).sum(axis=1))
    padded, empty = pixels._features(pixels.PADDED, 16)
    assert not padded[:, empty].any() and empty.sum() == 256 - 64


def test_few_features_are_told_but_are_no_finding_of_their_own():
    def numbers(p):
        many = p["edge"] > 8
        told = {"features": float(p["edge"] ** 2)}
        told |= {f"{m}, all": 0.9 if many and p["planted"] == pixels.NOISE else 0.5 for m in pixels.MODELS}
        if p["set"] == pixels.PADDED and many:
            told |= {f"{m}, background": 0.8 for m in pixels.MODELS}
        if p["set"] == pixels.AUDITED:
            said = "artefact" if p["planted"] != "nothing" else "supported"
            told |= {f"verdict {v}": float(v == said) for v in pixels.VERDICTS} | {"probe, blank": 0.5}
        return told

    told = answers(pixels.findings(filled(pixels.cells(True), numbers)), "beyond")
    assert sorted(told.values()) == ["no", "yes", "yes"] and len(told) == 3
    (noise,) = (when for when, a in told.items() if pixels.NOISE in when)
    (bright,) = (when for when, a in told.items() if pixels.BRIGHTNESS in when)
    assert told[noise] == "yes" and told[bright] == "no"


def test_what_normalising_adds_is_the_difference_on_the_same_spectra():
    rows = [Row({"step": "snv", "height": 0.1, "d": 100}, s, {normalisation.LAST: 0.6 + 0.1 * s,
                normalisation.FIRST: 0.5 + 0.1 * s}, 0.0) for s in range(3)]  # fmt: skip
    found = normalisation.written(Results.of(rows), "snv", 0.1, 100)
    assert found.mean == pytest.approx(0.1) and found.error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("module", [fluorescence, maps, normalisation, pixels, suspicion])
def test_figures_fit_a_page(module):
    """No wider than 900 px, whatever was measured."""
    (experiment,) = (v for v in vars(module).values() if type(v).__name__ == "Experiment")
    numbers = {
        "fluorescence": lambda p: fluorescence_numbers(p, True), "maps": lambda p: map_numbers(
            p["difference"], dict.fromkeys((*maps.ARTEFACTS, "chemistry", "nothing"), 0.1)),
        "normalisation": lambda p: {"full": 1.0, normalisation.LAST: 0.6, normalisation.FIRST: 0.5},
        "pixels": lambda p: {f"{m}, all": 0.5 for m in pixels.MODELS} | {"features": 64.0},
        "suspicion": lambda p: dict.fromkeys(suspicion.VERDICTS, 0.2) | {"accuracy": 0.7},
    }[experiment.name]  # fmt: skip
    made = experiment.figure(filled(experiment.cells(True), numbers))
    assert made.get_figwidth() * made.dpi <= 900
