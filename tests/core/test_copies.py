"""Copies of one measurement are no independent evidence, and normalised spectra have no empty region left."""

from __future__ import annotations

import numpy as np
import pytest

from spectral_core import audit_classifier
from spectral_core.controls.normalised import normalised_by
from spectral_core.copies import keep_copies_together
from spectral_core.preprocessing import parse_variant
from spectral_core.simulate import BAND, BLANK, Recipe, Simulated, simulate
from spectral_core.splits import make_design


def judged(data: Simulated, **declared: object):
    options: dict = {"bands": {"declared": BAND}, "blank": {"silent": BLANK}, "unit": data.unit} | declared
    return audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", seed=0, n_permutations=199, **options)


def codes(messages) -> set[str]:
    return {message.code for message in messages}


def copied(data: Simulated) -> Simulated:
    """Every spectrum a second time, under another specimen's name."""
    n = data.unit.size
    twice = data.take(np.tile(np.arange(n), 2))
    return Simulated(twice.x, twice.axis, twice.label, np.arange(2 * n), twice.batch, twice.truth)


def test_copies_of_nothing_do_not_become_an_association():
    verdicts = []
    for seed in range(5):
        report = judged(copied(simulate(Recipe(units=(20, 20), channels=120), seed=seed)))
        assert "copied_spectra" in codes(report.caveats)
        assert report.content["design"]["n_units"] == 40
        verdicts.append(report.verdict)
    assert verdicts.count("unexplained") + verdicts.count("supported") <= 1


def test_copies_in_two_classes_are_told_and_left_apart():
    x = np.random.default_rng(0).normal(size=(12, 40))
    x[7] = x[2]
    design = keep_copies_together(make_design(["a"] * 6 + ["b"] * 6, unit=list(range(12))), x)
    assert design.copies == ((2, 7),) and design.n_units == 12


def test_replicates_of_one_unit_and_coarse_numbers_are_no_copies():
    x = np.random.default_rng(0).normal(size=(8, 40))
    x[5] = x[1]
    declared = make_design(list("abababab"), unit=[0, 1, 2, 3, 4, 1, 5, 6])
    assert keep_copies_together(declared, x) is declared
    coarse = np.random.default_rng(0).integers(0, 2, size=(8, 3)).astype(float)
    apart = make_design(list("abababab"), unit=list(range(8)))
    assert keep_copies_together(apart, coarse) is apart


@pytest.mark.parametrize(("variant", "named"), [("snv", "standard deviation"), ("area", "area"), ("vector", "norm")])
def test_spectra_normalised_beforehand_are_known_and_convict_nobody(variant: str, named: str):
    data = simulate(Recipe(units=(30, 30), band_effect=0.4), seed=1)
    x = parse_variant(variant).apply(data.x, data.axis)[0].astype(np.float32)
    assert normalised_by(x, data.axis).startswith(named) and normalised_by(data.x, data.axis) == ""
    report = judged(Simulated(x, data.axis, data.label, data.unit, data.batch, {}))
    assert "normalised_beforehand" in codes(report.caveats) and report.verdict != "artefact"
    assert named in next(c.message for c in report.caveats if c.code == "normalised_beforehand")


def test_a_blank_that_loses_nothing_convicts_in_few_units():
    report = judged(simulate(Recipe(units=(15, 15), offset=0.6), seed=0))
    assert report.verdict == "artefact" and "blank_sufficient" in codes(report.reasons)


@pytest.mark.parametrize(("shuffled", "verdict"), [(False, "inconclusive"), (True, "supported")])
def test_classes_measured_one_after_the_other_are_not_supported(shuffled: bool, verdict: str):
    data = simulate(Recipe(units=(50, 50), band_effect=0.3), seed=0)
    order = np.random.default_rng(0).permutation(100) if shuffled else np.arange(100)
    times = (np.datetime64("2026-01-01T08:00") + order * np.timedelta64(1, "m")).astype(str)
    report = judged(data, acquired_at=times)
    assert report.verdict == verdict
    if not shuffled:
        assert codes(report.reasons) == {"class_aliased_with_batch"}
        assert "one after the other" in report.reasons[0].message
