"""Intervals that look empty are proposed, peaks are not, and labels never matter: they are no argument."""

from __future__ import annotations

import numpy as np
import pytest

from spectral_core import audit_classifier
from spectral_core.blank_proposals import propose_blanks
from spectral_core.simulate import BAND, BLANK, PEAKS, Recipe, simulate
from tests.core.test_cases import read

EVERYWHERE = np.ones(300, dtype=np.bool_)
TAIL = 2.0  # standard deviations of a peak that a proposal must not reach


def proposed(recipe, seed, free=EVERYWHERE):
    data = simulate(recipe, seed=seed)
    return propose_blanks(data.x, data.axis, free=free)


@pytest.mark.parametrize(
    "recipe",
    [Recipe(), Recipe(offset=0.6, slope=0.4), Recipe(noise_ratio=0.5, gain=0.3), Recipe(batches=4, batch_offset=2.0)],
    ids=["no artefact", "offset and slope", "noise and gain", "batches"],
)
def test_the_empty_region_is_found_and_no_peak_is_proposed_over_30_seeds(recipe):
    """Empty is where no peak lies; an artefact of the measurement there must not hide it."""
    for seed in range(30):
        found = proposed(recipe, seed)
        widest = found[0]
        assert widest.low <= BLANK[0] and widest.high >= BLANK[1], (seed, found)
        for peak, width, _ in PEAKS:
            reach = (peak - TAIL * width, peak + TAIL * width)
            assert all(p.high < reach[0] or p.low > reach[1] for p in found), (seed, peak, found)


def test_a_narrow_line_inside_an_empty_region_parts_it():
    rng = np.random.default_rng(0)
    axis = np.arange(1000.0)
    x = 0.01 * rng.normal(size=(40, 1000))
    x += (0.05 + 0.02 * rng.normal(size=(40, 1))) * np.exp(-0.5 * ((axis - 500) / 1.5) ** 2)
    found = propose_blanks(x, axis, free=np.ones(1000, dtype=np.bool_))
    assert found and all(p.high < 497 or p.low > 503 for p in found)


def test_a_peak_that_every_sample_shares_is_not_empty():
    """A solvent's line does not differ between spectra, yet something absorbs there."""
    rng = np.random.default_rng(0)
    axis = np.arange(400.0)
    x = np.exp(-0.5 * ((axis - 200) / 15) ** 2) + 0.02 * rng.normal(size=(40, 400))
    assert all(p.high < 170 or p.low > 230 for p in propose_blanks(x, axis, free=np.ones(400, dtype=np.bool_)))


def test_the_ratio_of_white_noise_is_one():
    rng = np.random.default_rng(0)
    ratios = [
        propose_blanks(rng.normal(size=(40, 200)), np.arange(200.0), free=np.ones(200, dtype=np.bool_))[0]
        for _ in range(20)
    ]
    assert [p.n_channels for p in ratios] == [200] * 20
    # 40 × 200 values and an efficiency of the second difference of about one half: sd of the ratio about 0.02
    assert np.mean([p.variance_over_noise for p in ratios]) == pytest.approx(1.0, abs=0.02)


def test_only_free_channels_without_a_gap_are_proposed():
    rng = np.random.default_rng(0)
    axis = np.r_[np.arange(100.0), 300 + np.arange(100.0)]
    free = axis > 40
    found = propose_blanks(rng.normal(size=(20, 200)), axis, free=free)
    assert [(p.low, p.high) for p in found] == [(300.0, 399.0), (41.0, 99.0)]


@pytest.mark.parametrize("x", [np.ones((20, 300)), np.random.default_rng(0).normal(size=(4, 300))])
def test_without_noise_or_with_four_spectra_nothing_is_proposed(x):
    assert propose_blanks(x, np.arange(300.0), free=EVERYWHERE) == ()


def test_smooth_bands_everywhere_leave_nothing_to_propose():
    data, _ = read("quadram_purees_ftir")  # 900–1,800 cm⁻¹: the fingerprint alone
    assert propose_blanks(data["X"], data["axis"], free=np.ones(data["axis"].size, dtype=np.bool_)) == ()


def test_of_brewed_coffee_the_silent_regions_are_proposed():
    """2,450–2,600 cm⁻¹ is declared in the demo; no C–H, C=O, C–O or O–H band is touched."""
    from chemotools.datasets import load_coffee

    x = load_coffee()[0].to_numpy()
    axis = 450 + 1.928 * np.arange(1841)
    found = propose_blanks(x, axis, free=np.ones(1841, dtype=np.bool_))
    assert any(p.low < 2525 < p.high for p in found)
    assert all(p.low > 1850 and p.high < 2800 for p in found)


def test_the_audit_proposes_where_no_blank_is_declared_and_never_uses_it():
    data = simulate(Recipe(units=(30, 30), band_effect=0.4), seed=0)

    def judged(**declared):
        return audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"C=O": BAND},
                                unit=data.unit, n_permutations=99, seed=0, **declared)  # fmt: skip

    report = judged()
    found = report.to_dict()["regions"]["proposed_blanks"]
    assert found[0]["interval"][0] <= BLANK[0] and found[0]["interval"][1] >= BLANK[1]
    guard = (BAND[1] - BAND[0]) / 2
    assert all(p["interval"][1] < BAND[0] - guard or p["interval"][0] > BAND[1] + guard for p in found)
    assert "blank" not in report.to_dict()["variants"][0]["probes"]
    assert "proposed_blanks" not in judged(blank={"silent": BLANK}).to_dict()["regions"]
