"""Two halves of one class that differ as much as the classes: by batch, else by time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectral_core import audit_classifier
from spectral_core.controls.same_class import examine_same_class
from spectral_core.evidence import Settings
from spectral_core.simulate import BAND, Recipe, simulate
from spectral_core.splits import make_design

SETTINGS = Settings(199, 0.05, 0.05, 5, 0)


def audited(recipe, *, seed=0, **declared):
    data = simulate(recipe, seed=seed)
    batch = data.batch if recipe.batches > 1 else None
    return audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"b": BAND}, unit=data.unit,
                            batch=batch, n_permutations=199, seed=seed, **declared)  # fmt: skip


def caveats(report):
    return {caveat.code: caveat.message for caveat in report.caveats}


def check(report, code):
    return next(check for check in report.checks if check.code == code)


def test_batches_that_differ_more_than_classes_are_told():
    report = audited(Recipe(units=(60, 60), batches=2, batch_mix=0.8, batch_offset=5.0), seed=1)
    message = caveats(report)["same_class_separable"]
    assert "Two halves of one class, 'class 1' (batch 1 and batch 2" in message
    assert "in random order" in message  # the batches tell the class as well: the design is to blame
    assert check(report, "same_class").values["halves_of_class"]["class 1"]["estimate"] > 0.9


def test_balanced_batches_are_named_as_what_protects():
    report = audited(Recipe(units=(40, 40), batches=2, batch_offset=5.0, band_effect=0.3))
    assert "dealt evenly to the batches" in caveats(report)["same_class_separable"]


def test_a_drift_inside_each_class_is_told_when_the_order_is_known():
    data = simulate(Recipe(units=(40, 40), noise=0.01, specimen=0.02), seed=0)
    x = data.x + np.linspace(0, 3, 80)[:, None] * np.linspace(0, 1, data.axis.size)
    for order, told in ((np.arange(80), True), (None, False), (np.random.default_rng(0).permutation(80), False)):
        report = audit_classifier(x, data.label, axis=data.axis, axis_unit="cm-1", bands={"b": BAND}, unit=data.unit,
                                  acquired_at=order, n_permutations=199, seed=0)  # fmt: skip
        assert ("same_class_separable" in caveats(report)) is told
        assert check(report, "same_class").asked is (order is not None)


def test_halves_are_the_two_largest_batches_and_else_the_earlier_and_later_units():
    label = np.repeat(["a", "b"], 40)
    batch = np.r_[np.repeat(["x", "y", "z", ""], [15, 8, 13, 4]), np.repeat(["x", "y"], [38, 2])]
    order = np.tile(np.arange(40.0), 2)
    order[40:44] = np.nan
    x = np.random.default_rng(0).normal(size=(80, 30))
    found = examine_same_class(x, make_design(label, batch=batch, acquired_at=order), SETTINGS)
    of = {half.class_name: half for half in found.by_class}
    assert (of["a"].halves, of["a"].n_units, of["a"].by_batch) == (("x", "z"), 28, True)
    assert (of["b"].halves, of["b"].n_units, of["b"].by_batch) == (("earlier", "later"), 36, False)


def test_units_of_one_time_stay_together_and_too_few_are_not_asked():
    x = np.random.default_rng(0).normal(size=(40, 30))
    label = np.repeat(["a", "b"], 20)
    days = np.tile(np.repeat([1.0, 2.0], [6, 14]), 2)
    found = examine_same_class(x, make_design(label, acquired_at=days), SETTINGS)
    assert all(half.n_units == 20 and half.accuracy.value < 0.9 for half in found.by_class)
    rare = np.tile(np.repeat([1.0, 2.0], [4, 16]), 2)
    assert examine_same_class(x, make_design(label, acquired_at=rare), SETTINGS) is None
    assert examine_same_class(x, make_design(label, acquired_at=np.ones(40)), SETTINGS) is None
    assert examine_same_class(x, make_design(label), SETTINGS) is None
    one_unit = make_design(label, unit=np.repeat([0, 1], 20), acquired_at=np.arange(40))
    assert examine_same_class(x, one_unit, SETTINGS) is None


def test_a_class_whose_batches_nobody_stated_is_not_halved_by_batch():
    x, label = np.random.default_rng(0).normal(size=(80, 30)), np.repeat(["a", "b"], 40)
    batch = np.where(label == "a", np.tile(["x", "y"], 40), "")
    found = examine_same_class(x, make_design(label, batch=batch), SETTINGS)
    assert [half.class_name for half in found.by_class] == ["a"]


def test_units_measured_in_both_batches_exchange_them_inside():
    report = audited(Recipe(units=(20, 20), replicates=2, batches=2, crossed=True, batch_offset=3.0, band_effect=0.3))
    halves = check(report, "same_class").values["halves_of_class"]["class 1"]
    assert halves["estimate"] > 0.9 and halves["p_adjusted"] <= 0.01 and halves["units"] == 20


def test_alike_halves_are_rarely_called_different_over_several_classes():
    alarms, sets = 0, 60
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        design = make_design(np.repeat(["a", "b", "c"], 16), batch=np.tile(["x", "y"], 24))
        found = examine_same_class(rng.normal(size=(48, 60)), design, Settings(199, 0.05, 0.05, 5, seed))
        alarms += found.worst.p_adjusted <= 0.05
    assert stats.binomtest(alarms, sets, 0.05, alternative="greater").pvalue > 1e-3


@pytest.mark.parametrize("order", [None, "time"])
def test_the_check_says_what_was_asked(order):
    report = audited(Recipe(units=(20, 20), channels=80), acquired_at=np.arange(40) if order else None)
    found = check(report, "same_class")
    assert found.finding.startswith("worst of 2: " if order else "Not asked: no class has two batches")
