"""What stands behind a model's p-values and losses: laws of the sequential test and of exchanged regions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from spectral_core.estimators.band_permutation import _donors, permute_regions
from spectral_core.estimators.refit import Refits, prepare
from spectral_core.estimators.sequential import sequential_test
from spectral_core.splits import make_design, permuted_codes, unit_folds


def test_a_sequential_test_stops_at_the_tenth_exceedance_and_says_so():
    test = sequential_test(0.0, lambda i: (1.0 if i % 3 == 2 else -1.0, 0.5 + i), most=199)
    assert (test.drawn, test.exceedances, test.stopped, test.p) == (30, 10, True, 10 / 30)
    assert test.null_accuracy == np.mean(0.5 + np.arange(29))  # without the draw that stopped it
    full = sequential_test(0.0, lambda i: (-1.0, 0.5), most=199)
    assert (full.drawn, full.stopped, full.p) == (199, False, 1 / 200)


def test_without_a_budget_p_is_one():
    assert sequential_test(1.0, lambda i: (0.0, 0.5), most=0).p == 1.0


def test_every_level_that_a_sequential_p_can_take_is_kept():
    rng = np.random.default_rng(0)
    sets, most, enough = 1500, 39, 5
    p = []
    for _ in range(sets):
        drawn = rng.normal(size=most + 1)
        p.append(sequential_test(drawn[-1], lambda i, d=drawn: (d[i], 0.5), most=most, enough=enough).p)
    for level in (1 / 40, 2 / 40, 4 / 40, 5 / 20, 5 / 10, 1.0):  # at these values P(p <= level) = level
        spread = np.sqrt(level * (1 - level) / sets)
        assert abs(np.mean(np.array(p) <= level + 1e-12) - level) <= 4 * spread


class NearestMean(ClassifierMixin, BaseEstimator):
    """The cheapest honest classifier."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict(self, X):
        return self.classes_[((X[:, None] - self.means_) ** 2).sum(axis=2).argmin(axis=1)]


def test_refits_of_labels_that_mean_nothing_are_false_alarms_no_more_often_than_said():
    sets, alarms, refits = 300, 0, Refits(NearestMean(), "nearest mean", ("a", "b"))
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        unit = np.repeat(np.arange(8), 2)
        x = rng.normal(size=(8, 3))[unit] + 0.1 * rng.normal(size=(16, 3))
        design = make_design(np.array(["a", "b"])[(np.arange(8) % 2)[unit]], unit=unit)
        folds, drawn = unit_folds(design, k=2, seed=seed), permuted_codes(design, n=19, seed=seed)

        def value(codes, x=x, folds=folds, design=design):
            return refits.held_out(x, codes, folds, where="null").accuracy(design, codes)[::-1]

        observed = value(design.codes)[0]
        alarms += sequential_test(observed, lambda i, v=value, d=drawn: v(d[:, i]), most=19, enough=3).p <= 0.1
    assert alarms <= 30 + 4 * np.sqrt(300 * 0.1 * 0.9)


def test_margins_break_ties_and_never_overturn_an_accuracy():
    rng = np.random.default_rng(1)
    x, design = rng.normal(size=(40, 4)), make_design(["a", "b"] * 20)
    folds = unit_folds(design, k=4, seed=0)
    found = Refits(LogisticRegression(), "l", design.classes).held_out(x, design.codes, folds, where="x")
    assert np.array_equal(found.margin > 0, found.predicted == design.codes)
    plain, broken = found.accuracy(design, design.codes)
    assert abs(broken - plain) < 1 / 40**2 and plain == np.mean(found.predicted == design.codes)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_that_training_lacks_has_margin_minus_one_and_is_never_predicted(classes):
    rng = np.random.default_rng(2)
    labels = [*(["a", "b", "c"][:classes] * 4), "rare"]
    design, x = make_design(labels), rng.normal(size=(len(labels), 3))
    folds = [np.arange(4), np.arange(4, len(labels))]
    found = Refits(LogisticRegression(), "l", design.classes).held_out(x, design.codes, folds, where="x")
    assert found.margin[-1] == -1 and found.predicted[-1] != design.codes[-1]


def test_only_missing_random_states_are_set():
    from sklearn.ensemble import RandomForestClassifier

    steps = make_pipeline(RandomForestClassifier(random_state=5))
    assert prepare(steps, seed=9).get_params()["randomforestclassifier__random_state"] == 5
    assert prepare(RandomForestClassifier(), seed=9).random_state == 9


def test_a_region_that_a_model_does_not_use_loses_exactly_nothing_and_the_used_one_nearly_all():
    rng = np.random.default_rng(3)
    design = make_design(["a", "b"] * 40)
    x = rng.normal(size=(80, 12))
    x[:, :4] += 4 * design.codes[:, None]
    refits = Refits(make_pipeline(FunctionTransformer(lambda v: v[:, :6]), LogisticRegression()), "m", design.classes)
    folds = unit_folds(design, k=4, seed=0)
    fitted = refits.fit(x, design.codes, folds, where="x")
    places = {"used": np.arange(12) < 4, "unused": np.arange(12) >= 6}
    used, unused = permute_regions(refits, fitted, x, design, folds, places, seed=0)
    assert (unused.loss, unused.sd) == (0.0, 0.0)
    assert used.loss == pytest.approx(0.5, abs=0.1)  # exchanged labels of two classes agree half the time


def test_replicates_of_a_unit_get_the_region_from_one_other_unit():
    fold = np.array([3, 4, 5, 10, 11, 12, 13])
    unit = np.array([0, 0, 0, 7, 7, 8, 9])
    donors = _donors(unit, fold, np.random.default_rng(0))
    from_unit = dict(zip(fold.tolist(), unit.tolist(), strict=True))
    for u in np.unique(unit):
        assert len({from_unit[d] for d in donors[unit == u].tolist()}) == 1
