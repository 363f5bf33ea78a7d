"""The models of a study: what training found is taken over, and the verdict speaks of whoever is better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectral_core.audit import audit_variants
from spectral_core.controls.blocks import make_blocks
from spectral_core.errors import AuditError
from spectral_core.estimators import OutOfFold, contenders_of
from spectral_core.evidence import Settings
from spectral_core.models import parse_model
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.splits import make_design
from spectral_core.training import balanced_accuracy, train

SETTINGS = Settings(n_permutations=199, delta=0.05, alpha=0.05, n_folds=3, seed=4)
PLACES = AxisPlaces("cm-1", {"C=O": BAND}, {"silent": BLANK})


def spectra(**effects):
    data = simulate(Recipe(units=(30, 30), replicates=2, channels=100) if not effects else
                    Recipe(units=(40, 40), replicates=2, channels=100, **effects), seed=4)  # fmt: skip
    return data.x, data.axis, make_design(data.label, unit=data.unit)


def two_sided_band(centre=1200, **effects):
    """Class 2 has the band higher or lower: no line tells it from class 1, its neighbours do."""
    x, axis, design = spectra(**effects)
    sign = np.where(np.arange(design.n_units) % 2, 1.0, -1.0)[design.unit]
    x += 0.8 * (design.codes * sign)[:, None] * np.exp(-0.5 * ((axis - centre) / 10) ** 2)
    return x, axis, design


def trained(x, axis, design, texts, *, variant="raw", permutations=39, seed=4):
    chain = parse_variant(variant)
    regions = locate_regions(axis, axis_unit="cm-1", bands=PLACES.bands, blanks=PLACES.blanks)
    blocks = make_blocks(x, regions, PLACES.bands, chain).by_name
    parts = {name: block.matrix for name, block in blocks.items() if name not in {"full", "nuisance"}}
    return [
        OutOfFold.of(train(blocks["full"].matrix, design, model=parse_model(text), variant=str(chain), regions=parts,
                           folds=3, permutations=permutations, seed=seed))
        for text in texts
    ]  # fmt: skip


def audited(x, axis, design, found, *, budget=39, variants=("raw",), settings=SETTINGS):
    models = contenders_of(found, budget=budget, seed=settings.seed)
    chains = [parse_variant(text) for text in variants]
    return audit_variants(x, axis, design, PLACES, chains, settings, models=models)


def test_a_model_that_beats_the_probe_by_more_than_delta_speaks_for_the_variant():
    x, axis, design = two_sided_band()
    report = audited(x, axis, design, trained(x, axis, design, ["k-nn(neighbours=3)"]))
    (row,) = report.content["models"]
    assert report.content["judged_by"] == "model" and row["decides"] and row["lead"]["estimate"] > 0.2
    assert report.verdict == row["verdict"] == "supported", report.content["reasons"]
    assert report.content["variants"][0]["judged_by"] == "k-nn(neighbours=3)"
    assert report.content["probe"][0]["verdict"] != "supported"


def test_the_model_that_speaks_is_refitted_as_often_as_several_models_need_and_the_others_are_not():
    x, axis, design = two_sided_band()
    report = audited(x, axis, design, trained(x, axis, design, ["k-nn", "ridge", "lda"], permutations=19), budget=19,
                     settings=replace(SETTINGS, n_permutations=119))  # fmt: skip
    assert [row["judged_by"] for row in report.content["models"]] == ["refits", "predictions", "predictions"]
    assert report.content["models"][0]["verdict"] == "supported" == report.verdict
    assert report.content["variants"][0]["probes"]["full"]["p_adjusted"] <= 0.05  # nineteen give 2 · 3 / 20
    silent = audited(x, axis, design, trained(x, axis, design, ["k-nn"], permutations=0), budget=0)
    (full,) = [check for check in silent.checks if check.code == "association"]
    assert silent.verdict == "inconclusive" and (full.values["p"], full.values["settled"]) == (None, False)


def test_an_association_that_nobody_tested_has_no_p_value_and_says_how_many_permutations_it_needs():
    # the model finds its two-sided line in the blank, the probe finds the band and nothing in the blank
    x, axis, design = two_sided_band(centre=1900, band_effect=0.6)
    report = audited(x, axis, design, trained(x, axis, design, ["k-nn"], permutations=19), budget=19)
    (model,) = report.content["models"]
    assert not model["decides"] and model["metrics"]["balanced_accuracy_blank"] > 0.9
    # off-band, blank and nuisance are corrected together: 2 · 3 / (119 + 1) = 0.05
    assert model["not_settled"] == {"blank": {"anywhere": 119}, "off_band": {"anywhere": 119}}


def test_where_no_model_beats_the_probe_the_probe_speaks_and_every_model_has_a_verdict():
    x, axis, design = spectra(band_effect=0.4)
    variants = ("raw", "savgol(5, 2)")
    found = [
        row for v in variants for row in trained(x, axis, design, ["ridge", "svm-rbf"], variant=v, permutations=19)
    ]
    report = audited(x, axis, design, found, budget=19, variants=variants)
    rows = report.content["models"]
    assert report.content["judged_by"] == "probe" and not any(row["decides"] for row in rows)
    assert [(row["variant"].split("(")[0], row["model"]) for row in rows] == [
        ("raw", "ridge"), ("raw", "svm-rbf"), ("savgol", "ridge"), ("savgol", "svm-rbf")]  # fmt: skip
    assert {row["verdict"] for row in rows} == {"supported"} == {v["verdict"] for v in report.content["variants"]}


def test_what_training_classified_is_not_fitted_again_and_its_numbers_are_the_reports():
    x, axis, design = spectra(offset=0.6)
    (found,) = trained(x, axis, design, ["ridge"])
    report = audited(x, axis, design, [found])
    metrics = report.content["models"][0]["metrics"]
    assert metrics["balanced_accuracy_unit_folds"] == balanced_accuracy(design.codes, found.predictions["unit_folds"])
    assert metrics["p_association"] == found.p_association and metrics["fit_seconds"] > 0
    assert report.content["models"][0]["verdict"] == "artefact"


def test_predictions_on_file_come_back_as_they_were(tmp_path):
    x, axis, design = spectra()
    (found,) = trained(x, axis, design, ["k-nn"], permutations=2)
    again = OutOfFold.load(found.save(tmp_path / "models" / "k-nn.npz"))
    assert (again.model, again.variant, again.p_association) == (found.model, found.variant, found.p_association)
    assert again.metrics == dict(found.metrics) and set(again.predictions) == set(found.predictions)
    for name, predicted in found.predictions.items():
        np.testing.assert_array_equal(again.predictions[name], predicted)


def test_predictions_on_other_folds_are_refused():
    x, axis, design = spectra()
    (found,) = trained(x, axis, design, ["ridge"], permutations=2, seed=5)
    with pytest.raises(AuditError, match=r"training of 'ridge' on variant 'raw': expected the folds of the audit"):
        audited(x, axis, design, [found])
    shorter = make_design(np.asarray(design.classes)[design.codes][:-2], unit=design.unit[:-2])
    with pytest.raises(AuditError, match="expected predictions of 118 spectra, found 120"):
        found.check(shorter, n_folds=3, seed=5)
