"""Somebody's fitted model: refitted for the verdict, asked as it stands only about spectra that are new to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectral_core import audit_classifier
from spectral_core.copies import keep_copies_together
from spectral_core.errors import AuditError
from spectral_core.estimators.as_fitted import FEWEST_UNITS, ask_as_fitted
from spectral_core.model_audit import audit_model
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.spectra import make_spectra
from spectral_core.splits import make_design
from spectral_core.study import Study

DATA = simulate(Recipe(units=(20, 20), band_effect=0.5, channels=60), seed=2)
CLAIM = {"axis": DATA.axis, "axis_unit": "cm-1", "bands": {"C=O": BAND}, "blank": {"silent": BLANK},
         "n_permutations": 99, "n_folds": 3, "seed": 2}  # fmt: skip
FEW = np.r_[:4, 20:24]  # too few units: held-out classifications, and no refits under permuted labels


def asked(estimator, x, design, seen):
    return ask_as_fitted(estimator, lambda rows: x[rows], design, seen, alpha=0.05)


class Remembers(ClassifierMixin, BaseEstimator):
    """Says what it was told of a spectrum it knows; refuses to be asked about one."""

    def fit(self, X, y):
        self.known_, self.classes_, self.n_features_in_ = {row.tobytes() for row in X}, np.unique(y), X.shape[1]
        return self

    def predict(self, X):
        if any(row.tobytes() in self.known_ for row in X):
            raise AssertionError("asked about a spectrum of its training")
        return np.where(X.mean(axis=1) > 0, self.classes_[1], self.classes_[0])


def test_a_fitted_model_is_asked_about_no_spectrum_of_a_unit_that_it_has_seen():
    rng = np.random.default_rng(0)
    x, label = rng.normal(size=(60, 40)), np.array(["a", "b"] * 30)
    design = make_design(label, unit=np.repeat(np.arange(30), 2))  # both classes of a unit, two spectra each
    seen = np.arange(60) < 21  # ten units and half of the eleventh
    found = asked(Remembers().fit(x[:22], label[:22]), x, design, seen)
    right = np.where(x.mean(axis=1) > 0, "b", "a")[22:] == label[22:]
    expected = (right[label[22:] == "a"].mean() + right[label[22:] == "b"].mean()) / 2
    assert (found.spectra, found.units) == (38, 19) and found.accuracy.value == pytest.approx(expected)
    assert found.accuracy.low < expected < found.accuracy.high
    assert "38 spectra of 19 units" in found.told and found.to_dict()["accuracy"]["estimate"] == found.accuracy.value


def test_a_copy_of_a_seen_spectrum_under_a_new_name_is_no_new_spectrum():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 40))
    x[30:] = x[:10]
    design = keep_copies_together(make_design(np.array(["a", "b"] * 20), unit=np.arange(40)), x)
    found = asked(Remembers().fit(x[:20], ["a", "b"] * 10), x, design, np.arange(40) < 20)
    assert found.spectra == 10


def test_a_model_fitted_to_a_table_is_asked_by_its_columns_names_without_a_warning():
    table = pd.DataFrame(DATA.x, columns=[f"c{i}" for i in range(60)])
    fitted = make_pipeline(StandardScaler(), NearestCentroid()).fit(table, DATA.label)
    found = asked(fitted, DATA.x, make_design(DATA.label), np.zeros(40, dtype=bool))
    right = fitted.predict(table) == DATA.label
    assert found.accuracy.value == pytest.approx(right.mean())  # twenty of each class


def test_where_it_is_not_known_or_too_few_are_new_the_model_is_not_asked_and_the_sentence_says_why():
    x, design = DATA.x, make_design(DATA.label, unit=DATA.unit)
    everything = NearestCentroid().fit(x, DATA.label)
    new = np.r_[: FEWEST_UNITS - 1, 20 : 20 + FEWEST_UNITS]  # four units of one class, five of the other
    for seen, says in [
        (None, "not known"),
        (np.ones(40, dtype=bool), "every unit of the archive was there"),
        (~np.isin(np.arange(40), new), "fewer than 5"),
    ]:
        found = asked(everything, x, design, seen)
        assert found.accuracy is None and says in found.told and found.to_dict()["accuracy"] is None


def test_a_table_is_audited_as_its_array_and_a_fitted_pipeline_is_refitted_and_the_report_says_so():
    x, label, unit = DATA.x[FEW], DATA.label[FEW], DATA.unit[FEW]
    table = pd.DataFrame(x, columns=[f"{position:.2f}" for position in DATA.axis], index=[f"s{i}" for i in FEW])
    pipeline = make_pipeline(StandardScaler(), NearestCentroid())
    given = CLAIM | {"unit": pd.Series(unit, index=table.index)}
    report = audit_classifier(table, pd.Series(label, index=table.index), estimator=pipeline, **given)
    fitted = make_pipeline(StandardScaler(), NearestCentroid()).fit(table, label)
    again = audit_classifier(table, label, estimator=fitted, **given)
    assert again.content["estimator"]["came_fitted"] and not report.content["estimator"]["came_fitted"]
    assert "what it had learned was set aside" in again.content["judged_by_why"]
    assert "set aside" not in report.content["judged_by_why"]
    assert again.content["variants"] == report.content["variants"]
    array = audit_classifier(x, label, estimator=pipeline, **CLAIM | {"unit": unit})
    assert array.content["variants"] == report.content["variants"]
    assert report.content["models"][0]["metrics"]["balanced_accuracy_bands"] > 0.5


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (DATA.axis[::-1], r"X, column 1: expected the position 1000 of axis, found 2000.*axis=X\.columns"),
        (np.r_[DATA.axis[:-1], 3000.0], "X, column 60: expected the position 2000"),
        (np.r_[DATA.axis[:-1], np.nan], "X, column 60: expected the position 2000"),
    ],
)
def test_columns_that_are_other_positions_than_the_axis_are_refused(columns, says):
    with pytest.raises(AuditError, match=says):
        audit_classifier(pd.DataFrame(DATA.x, columns=columns), DATA.label, unit=DATA.unit, **CLAIM)


@pytest.mark.parametrize("columns", [range(60), [f"pixel {i}" for i in range(60)], DATA.axis + 3, DATA.axis.round()])
def test_columns_that_are_names_or_numbering_or_rounded_positions_are_no_contradiction(columns):
    table = pd.DataFrame(DATA.x[FEW], columns=columns)
    assert audit_classifier(table, DATA.label[FEW], unit=DATA.unit[FEW], **CLAIM).verdict == "inconclusive"


def test_rows_in_another_order_are_refused_by_the_name_of_the_column():
    table, order = pd.DataFrame(DATA.x), np.random.default_rng(0).permutation(40)
    shuffled = pd.Series(DATA.label)[order]
    with pytest.raises(AuditError, match=r"^y: expected rows in the order of X.*Pass y\.loc\[X\.index\]"):
        audit_classifier(table, shuffled, unit=DATA.unit, **CLAIM)
    with pytest.raises(AuditError, match=r"^unit: expected rows"):
        audit_classifier(table, shuffled.loc[table.index], unit=pd.Series(DATA.unit)[order], **CLAIM)


SOME = np.r_[:7, 20:26]  # with alpha 0.01 too few, too


def archived() -> tuple[Study, xr.Dataset]:
    dataset = make_spectra(DATA.x[SOME], DATA.axis, axis_unit="cm-1", intensity_unit="")
    units, labels = [f"u{unit}" for unit in DATA.unit[SOME]], list(DATA.label[SOME])
    named = {"unit": units, "label": labels, "spectrum_id": [f"s{i}" for i in SOME]}
    dataset = dataset.assign({name: ("sample", texts) for name, texts in named.items()})
    study = Study(name="theirs", inbox="i", archive="a", results="r", samples={"unit": "unit"},
                  reading={"axis_unit": "cm-1"}, bands={"C=O": {"interval": BAND, "assignment": "planted"}},
                  blanks={"silent": {"interval": BLANK, "reason": "empty"}},
                  audit={"seed": 2, "alpha": 0.01, "permutations": 99, "folds": 3, "diagnostics": False})  # fmt: skip
    return study, dataset


def test_the_verdict_is_about_the_refitted_recipe_and_what_the_model_says_of_new_spectra_stands_beside_it():
    study, dataset = archived()
    ids = [str(one) for one in dataset["spectrum_id"].values]
    old, x, label = np.array([0, 1, 7]), DATA.x[SOME], DATA.label[SOME]
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)  # snv, written out
    fitted = KNeighborsClassifier(1).fit(x[old], label[old])
    report = audit_model(study, dataset, fitted, variant="snv", snapshot="S", trained_on={ids[i] for i in old})
    found = report.content["estimator"]["as_fitted"]
    new = np.setdiff1d(np.arange(13), old)
    right = fitted.predict(x[new]) == label[new]
    assert (found["spectra"], found["units"]) == (10, 10)
    assert found["accuracy"]["estimate"] == pytest.approx(right.mean())  # five of each class
    assert found["told"] in report.content["judged_by_why"]
    assert [variant["variant"] for variant in report.content["variants"]] == ["snv"]
    assert report.content["archive_snapshot"] == "S" and report.content["study"]["name"] == "theirs"


def test_a_model_of_other_channels_is_refused_before_anything_is_computed():
    study, dataset = archived()
    fitted = NearestCentroid().fit(DATA.x[:, :30], DATA.label)
    with pytest.raises(AuditError, match=r"model NearestCentroid: expected 60 channels.*found 30\. Name the variant"):
        audit_model(study, dataset, fitted, variant="raw", snapshot="S", trained_on=None)
