"""Any classifier under the probe's controls: the verdict is about the model, on planted truth."""

from __future__ import annotations

import json

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from spectral_core import audit_classifier
from spectral_core.errors import AuditError
from spectral_core.models import parse_model
from spectral_core.simulate import BAND, BLANK, Recipe, simulate

SURE = (60, 60)


def judged(recipe, estimator, *, seed=0, blank=True, **options):
    data = simulate(recipe, seed=seed)
    return audit_classifier(
        data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"C=O": BAND},
        blank={"silent": BLANK} if blank else None, unit=data.unit, batch=data.batch if recipe.batches > 1 else None,
        estimator=estimator, **{"n_permutations": 99, "n_folds": 3, "seed": seed} | options,
    )  # fmt: skip


def codes(found):
    return {message.code for message in found}


def log_noise(x):
    return np.log(np.std(np.diff(x, n=2, axis=1), axis=1, keepdims=True) + 1e-12)


def test_a_model_that_pools_the_noise_is_convicted_though_the_probe_sees_nothing():
    estimator = make_pipeline(FunctionTransformer(log_noise), LogisticRegression())
    report = judged(Recipe(units=(40, 40), noise_ratio=3.0), estimator)
    assert report.verdict == "artefact" and "nuisance_sufficient" in codes(report.reasons)
    assert report.content["judged_by"] == "model"
    found = report.content["estimator"]
    assert found["probe_verdict"] in {"no_signal", "inconclusive"}
    assert found["balanced_accuracy"] > found["probe_balanced_accuracy"] + 0.3


@pytest.mark.parametrize("estimator", [SVC(), make_pipeline(StandardScaler(), LogisticRegression(C=0.01))])
def test_a_declared_band_supports_a_model(estimator):
    assert judged(Recipe(units=SURE, band_effect=0.25), estimator).verdict == "supported"


@pytest.mark.slow
def test_a_forest_is_supported_by_a_band_and_convicted_by_a_blank():
    forest = RandomForestClassifier(5, max_features=0.2)
    assert judged(Recipe(units=(40, 40), band_effect=0.5, channels=100), forest).verdict == "supported"
    report = judged(Recipe(units=(40, 40), offset=1.0, channels=100), forest)
    assert report.verdict == "artefact" and "blank_sufficient" in codes(report.reasons)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(units=SURE, band_effect=0.25),
        Recipe(units=SURE, offset=0.6),
        Recipe(units=SURE, other_effect=0.3),
        Recipe(units=(4, 40), band_effect=0.5),
        Recipe(units=SURE, batches=4, band_effect=0.3, batch_offset=0.3),
        Recipe(units=(40, 40, 40), band_effect=0.5),
    ],
)
def test_ridge_as_estimator_and_the_probe_agree(recipe):
    report = judged(recipe, parse_model("ridge").build(seed=0))
    assert report.verdict == report.content["estimator"]["probe_verdict"]


def test_a_model_that_recognises_specimens_is_convicted_by_leakage():
    report = judged(Recipe(units=(160, 160), replicates=2, fingerprint=0.1, channels=60), KNeighborsClassifier(1))
    assert report.verdict == "artefact" and codes(report.reasons) == {"replicate_leakage"}


def test_an_artefact_that_the_probe_can_use_but_the_model_does_not_leaves_the_model_alone():
    # the baseline tells the classes apart perfectly; the model looks at one peak's height over its surroundings
    def height(x):
        middle = x[:, x.shape[1] // 2 - 3 : x.shape[1] // 2 + 3].mean(axis=1, keepdims=True)
        return middle - (x[:, :1] + x[:, -1:]) / 2

    data = simulate(Recipe(units=SURE, offset=0.6), seed=0)
    local = np.abs(data.axis - 1200) < 60
    report = audit_classifier(
        data.x[:, local], data.label, axis=data.axis[local], axis_unit="cm-1", bands={"C=O": BAND},
        blank={"edge": (1141, 1150)}, unit=data.unit, n_permutations=99, n_folds=3, seed=0,
        estimator=make_pipeline(FunctionTransformer(height), LogisticRegression()),
    )  # fmt: skip
    assert report.content["estimator"]["probe_verdict"] == "artefact"
    assert report.verdict in {"no_signal", "inconclusive"}


class NeverShown(ClassifierMixin, BaseEstimator):
    """Refuses to classify a spectrum it was trained on, and labels that are no texts."""

    def fit(self, X, y):
        assert y.dtype.kind == "U" and set(y) <= {"class 1", "class 2"}
        self.shown_ = {row.tobytes() for row in X}
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        if any(row.tobytes() in self.shown_ for row in X):
            raise ValueError("shown before")
        return np.full(len(X), self.classes_[0])


def test_no_model_is_shown_what_it_classifies_and_labels_are_the_users():
    report = judged(Recipe(units=(12, 12), replicates=2, batches=2), NeverShown(), blank=False)
    assert report.content["estimator"]["balanced_accuracy"] == 0.5


@pytest.mark.slow
def test_the_same_seed_gives_the_same_report_without_a_random_state_and_with_any_number_of_workers():
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(3))
    recipe = Recipe(units=(15, 15), band_effect=0.3, channels=40)
    first, again = (judged(recipe, forest).to_dict() for _ in range(2))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        shared = judged(recipe, forest).to_dict()
    assert first | {"created_at": ""} == again | {"created_at": ""} == shared | {"created_at": ""}


def test_the_random_state_of_a_splitter_inside_a_search_is_set():
    search = GridSearchCV(NearestCentroid(), {"shrink_threshold": [None, 0.5]}, cv=KFold(2, shuffle=True))
    recipe = Recipe(units=(30, 30), channels=40)
    first, again = (judged(recipe, search).to_dict()["variants"] for _ in range(2))
    assert first == again and search.cv.random_state is None  # the user's own is left alone


class Broken(ClassifierMixin, BaseEstimator):
    """Fails where it is told to."""

    def __init__(self, how="raise"):
        self.how = how

    def fit(self, X, y):
        if self.how == "raise":
            raise ValueError("no convergence")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        if self.how == "nan":
            return np.full(len(X), np.nan)
        return np.full(len(X) + (self.how == "long"), "class 3" if self.how == "strange" else "class 1")


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (Broken("raise"), r"estimator Broken, the whole spectrum, fold 1 of 3: .*found no convergence"),
        (Broken("nan"), r"fold 1 of 3: expected one of the classes.*found nan"),
        (Broken("strange"), r"found 'class 3'"),
        (Broken("long"), r"found shape"),
        (LinearRegression(), "expected a scikit-learn classifier or Pipeline, found LinearRegression"),
        ("svm", "expected a scikit-learn classifier or Pipeline, found str"),
        (make_pipeline(FrozenEstimator(StandardScaler()), SVC()), "expected steps that are refitted in every fold"),
    ],
)
def test_an_estimator_that_cannot_be_judged_is_refused_with_its_place(estimator, message):
    with pytest.raises(AuditError, match=message):
        judged(Recipe(units=(8, 8), channels=40), estimator, blank=False)


def test_a_block_without_refits_is_reported_as_not_settled_and_no_number_stands_for_it(tmp_path):
    # only a neighbour sees the two-sided line in the blank; it is worse than the band, so it could not convict
    data = simulate(Recipe(units=(40, 40), band_effect=0.6), seed=0)
    sign = (np.where(np.arange(80) % 2, 1, -1) * (data.label == "class 2"))[:, None]
    data.x[:] += 0.06 * sign * np.exp(-0.5 * ((data.axis - 1900) / 15) ** 2)
    report = audit_classifier(
        data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"C=O": BAND}, blank={"silent": BLANK},
        unit=data.unit, n_permutations=199, n_folds=3, seed=0, estimator=KNeighborsClassifier(3),
    )  # fmt: skip
    (blank,) = [check for check in report.checks if check.code == "blank"]
    (variant,) = json.loads(report.save_json(tmp_path / "report.json").read_text(encoding="utf-8"))["variants"]
    told = {"p": None, "p_adjusted": None, "settled": False, "more_permutations": 119}
    for where in (variant["probes"]["blank"], blank.values):
        assert {name: where.get(name) for name in told} == told
    assert blank.values["interval"][0] > 0.6 and "at least 119 more permutations are needed" in blank.finding
    assert "not settled" in report.save_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert variant["probes"]["guards_left_out"]["p_adjusted"] is None  # descriptive: not corrected
    assert variant["probes"]["guards_left_out"]["settled"]


def test_too_few_units_cost_no_refits_under_permuted_labels():
    report = judged(Recipe(units=(4, 20), channels=40), NearestCentroid())
    assert codes(report.reasons) == {"too_few_units"}
    assert report.content["estimator"]["tests"]["full"]["permutations"] == 0


def test_a_report_about_a_model_is_written_and_tells_what_was_judged(tmp_path):
    report = judged(Recipe(units=(20, 20), band_effect=0.4, channels=60), NearestCentroid())
    stored = json.loads(report.save_json(tmp_path / "report.json").read_text(encoding="utf-8"))
    assert stored["estimator"]["name"] == "NearestCentroid" and stored["variants"][0]["judged_by"] == "NearestCentroid"
    assert [row["region"] for row in stored["estimator"]["band_permutation"]] == ["C=O", "silent", "off-band"]
    assert "NearestCentroid" in report.save_html(tmp_path / "report.html").read_text(encoding="utf-8")
