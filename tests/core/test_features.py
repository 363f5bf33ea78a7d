"""The audit of features without an axis: sets of names in place of intervals, the same rules."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestCentroid

from spectral_core import audit_classifier, audit_features
from spectral_core.errors import AuditError, OffbandError
from tests.core.test_cases import read
from tests.core.test_report_page import Page

PIXELS = tuple(f"row {i // 8}, column {i % 8}" for i in range(64))
CENTRE = {PIXELS[8 * row + column] for row in range(2, 6) for column in range(2, 6)}
EDGE = {PIXELS[8 * row + column] for row in range(8) for column in (0, 7)}


@cache
def digits(first=3, second=8):
    images, labels = load_digits(return_X_y=True)
    kept = np.isin(labels, [first, second])
    return images[kept][:200], labels[kept][:200].astype(str)


def on_and_off_axis(**options):
    """The same numbers on an axis whose gaps hold every guard, and as features; each blank is under 8 channels."""
    rng = np.random.default_rng(3)
    axis = np.r_[np.arange(20.0), 100 + np.arange(10.0), 200 + np.arange(6.0)]
    labels = np.repeat(["a", "b"], 30)
    x = rng.normal(size=(60, 36))
    x[30:, 20:30] += options.pop("effect", 0.9)
    x[30:, 30:] += options.pop("artefact", 0.0)
    names = [f"f{i}" for i in range(36)]
    shared = {"unit": np.arange(60), "n_permutations": 199, "seed": 5} | options
    places = {"bands": {"dye": (100, 109)}, "blank": {"edge": (200, 205)}}
    along = audit_classifier(x, labels, axis=axis, axis_unit="nm", **places, **shared)
    order = rng.permutation(36)
    by_name = audit_features(x[:, order], labels, features=[names[i] for i in order], bands={"dye": names[20:30]},
                             blank={"edge": set(names[30:])}, **shared)  # fmt: skip
    return along, by_name


@pytest.mark.parametrize("effects", [{}, {"effect": 0.0, "artefact": 0.9}, {"effect": 0.0}])
def test_where_nothing_depends_on_the_axis_both_audits_agree_whatever_the_order_of_the_features(effects):
    along, by_name = on_and_off_axis(**effects)
    assert (along.verdict, [r.code for r in along.reasons]) == (by_name.verdict, [r.code for r in by_name.reasons])
    (one,), (other,) = along.to_dict()["variants"], by_name.to_dict()["variants"]
    for name in ("full", "bands", "off_band", "blank", "nuisance"):
        assert one["probes"][name]["p_adjusted"] == other["probes"][name]["p_adjusted"]
        assert one["probes"][name]["balanced_accuracy"] == pytest.approx(other["probes"][name]["balanced_accuracy"])
    for name, estimate in one["differences"].items():
        if "guards" not in name:
            assert other["differences"][name]["interval"] == pytest.approx(estimate["interval"])
    rows = {row["name"]: row for row in other["relevance"]["per_band"]}
    for row in one["relevance"]["per_band"]:
        assert rows[row["name"]]["alone_p"] == row["alone_p"]
        assert rows[row["name"]]["shares"] == pytest.approx(row["shares"])


def test_an_estimator_is_judged_alike_too():
    along, by_name = on_and_off_axis(estimator=NearestCentroid(), n_permutations=99, n_folds=2)
    assert along.verdict == by_name.verdict
    one, other = along.to_dict()["estimator"], by_name.to_dict()["estimator"]
    assert one["balanced_accuracy"] == other["balanced_accuracy"]
    assert {row["region"] for row in one["band_permutation"]} == {row["region"] for row in other["band_permutation"]}


def test_the_outer_columns_of_a_digit_do_not_explain_it_and_its_strokes_reach_beyond_the_centre():
    images, labels = digits()
    report = audit_features(images, labels, features=PIXELS, bands={"centre": CENTRE}, blank={"edge": EDGE},
                            unit=np.arange(200), n_permutations=199, seed=0)  # fmt: skip
    probes = report.to_dict()["variants"][0]["probes"]
    assert (probes["bands"]["n_channels"], probes["off_band"]["n_channels"], probes["blank"]["n_channels"]) == (
        16, 48, 16)  # fmt: skip
    assert report.verdict == "unexplained"
    assert probes["blank"]["balanced_accuracy"] < 0.7 < probes["off_band"]["balanced_accuracy"]


def test_a_label_written_into_the_background_is_convicted():
    """Clever Hans: one background level a class, as a scanner or a watermark leaves it."""
    images, labels = digits()
    marked = images.copy()
    rows = np.flatnonzero(labels == "8")
    marked[np.ix_(rows, [i for i, name in enumerate(PIXELS) if name in EDGE])] += 3.0
    report = audit_features(marked, labels, features=PIXELS, bands={"centre": CENTRE}, blank={"edge": EDGE},
                            unit=np.arange(200), n_permutations=199, seed=0)  # fmt: skip
    assert report.verdict == "artefact"
    assert {reason.code for reason in report.reasons} == {"blank_sufficient", "nuisance_sufficient"}
    told = " ".join(m.message for m in (*report.reasons, *report.caveats))
    assert "'edge' (16 features)" in told and "cm" not in told and "absorbs" not in told


def test_only_level_and_norm_are_taken_and_no_map_needs_a_neighbour(tmp_path):
    images, labels = digits()
    report = audit_features(images, labels, features=PIXELS, bands={"centre": CENTRE}, blank={"edge": EDGE},
                            unit=np.arange(200), n_permutations=99, seed=0)  # fmt: skip
    nuisance = next(check for check in report.checks if check.code == "nuisance")
    assert set(nuisance.values["auc"]) == {"total intensity of edge", "norm of edge"}
    relevance = report.to_dict()["variants"][0]["relevance"]
    assert set(relevance["maps"]) == {"weights", "pattern", "vip", "selectivity_ratio"}
    assert all(found["p_shifts"] is None for found in relevance["agreement"].values())
    assert "guards_left_out" not in report.to_dict()["variants"][0]["probes"]
    page = Page(report.save_html(tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == [] and "row 3, column 4" in page.words and "cm⁻¹" not in page.words
    assert "wavenumber" not in page.words.lower()
    assert report.save_json(tmp_path / "report.json").is_file()


def test_without_bands_the_claim_is_missing_and_bands_of_everything_leave_no_off_band():
    images, labels = digits()
    for bands in (None, {"all": PIXELS}):
        report = audit_features(images, labels, features=PIXELS, bands=bands, unit=np.arange(200),
                                n_permutations=99, seed=0)  # fmt: skip
        assert [reason.code for reason in report.reasons] == ["bands_undeclared"]


def test_apple_juices_unfolded_are_blank_where_emission_is_shorter_than_excitation():
    data, meta = read("eem_applejuice")
    emission, excitation = data["emission_nm"], data["excitation_nm"]
    x = data["X"].reshape(len(data["X"]), -1)
    names = [f"ex {b:g}, em {a:g} nm" for a in emission for b in excitation]
    gap = (emission[:, None] - excitation[None, :]).ravel()
    measured = np.isfinite(x).all(axis=0)
    kept = np.flatnonzero(measured & (np.abs(gap) > 15))  # without the Rayleigh line
    amino = (excitation[None, :] < 305) & (emission[:, None] > 300) & (emission[:, None] < 400)
    places = {
        "band": [names[i] for i in kept if amino.ravel()[i] and gap[i] > 0],
        "blank": [names[i] for i in kept if gap[i] < 0],
    }
    report = audit_features(x[:, kept], meta["label"], features=[names[i] for i in kept], unit=meta["unit"],
                            bands={"aromatic amino acids and phenols": places["band"]},
                            blank={"below excitation": places["blank"]}, n_permutations=199, seed=0)  # fmt: skip
    probes = report.to_dict()["variants"][0]["probes"]
    assert probes["blank"]["n_channels"] == len(places["blank"])
    assert probes["blank"]["p_adjusted"] > 0.05 >= probes["full"]["p_adjusted"]  # nothing is emitted there
    assert not {"blank_sufficient", "nuisance_sufficient"} & {reason.code for reason in report.reasons}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": {"b": ["f0", "f9"]}}, "band 'b': expected names of features, found 'f9'"),
        ({"blank": {"k": ["f1", "f1"]}}, "blank 'k': expected each feature once, one at least, found 'f1' repeated"),
        ({"bands": {"b": []}}, "found no feature"),
        ({"bands": {"b": "f0"}}, "a collection of feature names, found the text 'f0'"),
        ({"blank": {"k": ["f0", "f2"]}}, "blank 'k': expected no feature of a declared band, found 'f0' of band 'b'"),
        ({"features": ["f0", "f1", "f0", "f2"]}, "names that are all different, found 'f0' repeated"),
        ({"features": ["f0", 1, "f2", "f3"]}, "a list of texts, found 1"),
        ({"features": ["f0", "f1", "f2"], "bands": None}, "3 features, found shape (20, 4)"),
        ({"y": ["a"] * 20}, "two or more classes"),
        ({"y": ["a", "b"] * 9}, "20 labels"),
        ({"n_permutations": 5}, "n_permutations"),
    ],
)
def test_bad_input_is_refused_with_its_place(change, message):
    good = {"X": np.random.default_rng(0).normal(size=(20, 4)), "y": ["a", "b"] * 10, "seed": 0,
            "features": ["f0", "f1", "f2", "f3"], "bands": {"b": ["f0"]}}  # fmt: skip
    with pytest.raises(OffbandError) as error:
        audit_features(**good | change)
    assert message in str(error.value)


def test_a_missing_value_is_refused_with_row_and_feature():
    x = np.zeros((20, 2))
    x[6, 1] = np.nan
    with pytest.raises(AuditError, match="X, row 7, feature 'green': expected a finite number, found nan"):
        audit_features(x, ["a", "b"] * 10, features=["red", "green"], seed=0)
