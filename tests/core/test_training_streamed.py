"""Training on spectra that are read block by block: equal to training in memory, or on a subsample and said so."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import skops.io

import spectral_core.streamed_training.closed_form as closed_form
from spectral_core.controls.blocks import make_blocks
from spectral_core.errors import AuditError
from spectral_core.estimators import OutOfFold
from spectral_core.kept_models import keep_model, kept_model
from spectral_core.models import parse_model
from spectral_core.models.files import load_pipeline
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions
from spectral_core.report.models import models_html
from spectral_core.splits import make_design, permuted_codes, unit_folds
from spectral_core.streamed_training import Stock, classified_blocks, train_streamed
from spectral_core.streaming.passes import Execution
from spectral_core.streaming.subsample import draw_subsample
from spectral_core.training import balanced_accuracy, train

CLOSED = [
    "ridge", "ridge(penalty=0.01)", "pls-da(components=4)", "lda(components=6)", "scale | ridge", "pareto | pls-da",
    "mean_centre | pca(6) | scale | pls-da(3)", "scale | pca(24) | ridge",
]  # fmt: skip
BANDS, BLANKS = {"dye": (0, 6)}, {"edge": (17, 23)}
REGIONS = ("bands", "off_band", "blank")


def study(*, units=60, replicates=1, d=24, classes=2, shift=0.4, seed=0):
    """Smooth spectra of units of one class each; `shift` moves the first channels by class."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), replicates)
    codes = (np.arange(units) % classes)[unit]
    x = rng.normal(size=(units, d))[unit] + 0.3 * rng.normal(size=(unit.size, d)) + 50 + 20 * np.sin(np.arange(d) / 9)
    x[:, : d // 4] += shift * codes[:, None]
    return x.astype(np.float32), make_design([f"class {c}" for c in codes], unit=unit)


def made(x, variant):
    chain, axis = parse_variant(variant), np.arange(float(x.shape[1]))
    regions = locate_regions(axis, axis_unit="nm", bands=BANDS, blanks=BLANKS)
    return chain, regions, *chain.apply(x, axis)


def in_memory(x, design, text, *, variant="raw", permutations=0, folds=4, seed=3):
    chain, regions, spectra, axis = made(x, variant)
    blocks = make_blocks(x, regions, BANDS, chain, preprocessed=(spectra, axis)).by_name
    parts = {name: blocks[name].matrix for name in REGIONS if name in blocks}
    return train(spectra, design, model=parse_model(text), variant=variant, regions=parts, folds=folds,
                 permutations=permutations, seed=seed)  # fmt: skip


def streamed(
    x, design, texts, *, variant="raw", permutations=0, folds=4, seed=3, rows=17, workers=3, most=40, spectra=None
):
    chain, regions, made_spectra, axis = made(x, variant)
    stock = Stock(x, made_spectra if spectra is None else spectra)
    if rows is not None:
        stock.measured.together = stock.variant.together = rows
    models = [parse_model(text) for text in texts]
    found = train_streamed(stock, classified_blocks(regions, chain, axis), design, models, variant=variant,
                           folds=folds, permutations=permutations, seed=seed, execution=Execution(workers=workers),
                           most=most)  # fmt: skip
    return list(found)


def assert_alike(found, expected, x):
    assert found.predictions.keys() == expected.predictions.keys()
    for name in expected.predictions:
        np.testing.assert_array_equal(found.predictions[name], expected.predictions[name], err_msg=name)
    for name in expected.folds:
        np.testing.assert_array_equal(found.folds[name], expected.folds[name])
    assert (found.balanced_accuracy, found.recall) == (expected.balanced_accuracy, expected.recall)
    scores, wanted = (trained.pipeline.decision_function(x) for trained in (found, expected))
    np.testing.assert_allclose(scores, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("shape", "variant", "texts"),
    [
        ({"classes": 2}, "raw", CLOSED),
        ({"classes": 3}, "snv", CLOSED),
        ({"classes": 3, "units": 20, "replicates": 3}, "snv", CLOSED),
        # more channels than spectra, and crops of lower rank than they have channels
        ({"units": 11, "replicates": 2, "d": 30}, "snv | savgol(5, 2, 1)", ["ridge", "pls-da(3)", "scale | lda(2)"]),
    ],
)
def test_models_from_sums_are_those_of_training_in_memory(shape, variant, texts):
    x, design = study(**shape)
    spectra = made(x, variant)[2]
    found = streamed(x, design, texts, variant=variant, permutations=2)
    assert [trained.model.text for trained in found] == [parse_model(text).text for text in texts]
    for trained in found:
        expected = in_memory(x, design, trained.model.text, variant=variant, permutations=2)
        assert_alike(trained, expected, spectra)
        assert list(trained.to_metrics()) == list(expected.to_metrics())
        if trained.model.name != "pls-da":
            assert (trained.p_association, trained.subsample) == (expected.p_association, None)


def test_the_fitted_pipeline_holds_what_scikit_learn_would_have_learned(tmp_path):
    x, design = study(classes=3)
    text = "scale | pareto | pca(6) | lda(4)"
    (found,), expected = streamed(x, design, [text]), in_memory(x, design, text)
    for own, theirs in zip(found.pipeline[:2], expected.pipeline[:2], strict=True):
        np.testing.assert_allclose(own.mean_, theirs.mean_, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(own.scale_, theirs.scale_, rtol=1e-9)
    own, theirs = found.pipeline[2].pca_, expected.pipeline[2].pca_
    for name in (
        "components_",
        "explained_variance_",
        "explained_variance_ratio_",
        "singular_values_",
        "noise_variance_",
    ):
        np.testing.assert_allclose(getattr(own, name), getattr(theirs, name), rtol=1e-7, atol=1e-9)
    assert (own.n_components_, own.n_samples_) == (theirs.n_components_, theirs.n_samples_)
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(found.pipeline))
    read = load_pipeline(tmp_path / "model.skops")
    np.testing.assert_array_equal(read.predict(x), found.pipeline.predict(x))
    assert set(read.predict(x)) == set(design.classes)


def test_how_rows_are_cut_and_read_changes_nothing():
    x, design = study(units=25, replicates=2)
    texts = ["scale | ridge", "pls-da(3)", "lda"]
    expected = streamed(x, design, texts, rows=50, workers=1)
    lazy = da.from_array(x, chunks=(7, -1))
    for found in (
        streamed(x, design, texts, rows=3, workers=2),
        streamed(lazy, design, texts, spectra=lazy, rows=None),
    ):
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other, x)


def test_as_many_passes_as_memory_needs_give_the_same(monkeypatch):
    x, design = study(units=25, replicates=2, classes=3)
    texts, passes = ["ridge", "pls-da(3)"], []
    expected = streamed(x, design, texts, variant="snv")
    monkeypatch.setattr(closed_form, "MEMORY", 1)
    real = closed_form.sum_cells
    monkeypatch.setattr(closed_form, "sum_cells", lambda *asked: passes.append(asked) or real(*asked))
    for one, other in zip(streamed(x, design, texts, variant="snv"), expected, strict=True):
        assert_alike(one, other, x)
    # full: two kinds of folds and the inner folds of nine training sets; three regions: folds and four each
    assert len(passes) == 2 + 9 + 3 * (1 + 4)


def test_classes_that_training_sets_lack_are_treated_as_in_memory():
    x, _ = study(units=20)
    design = make_design(["a"] * 12 + ["b"] * 7 + ["only once"], unit=np.arange(20))
    for trained in streamed(x, design, ["scale | ridge", "pls-da(3)", "lda"], permutations=2):
        expected = in_memory(x, design, trained.model.text, permutations=2)
        assert_alike(trained, expected, x)
        assert trained.recall["only once"] == 0.0
    two = make_design(["a"] * 10 + ["b"] * 10, unit=np.repeat([0, 1], 10))  # each training set shows one class
    for trained in streamed(x, two, ["ridge", "pls-da", "lda"]):
        np.testing.assert_array_equal(trained.predictions["unit_folds"], 1 - two.codes)


def test_a_region_that_the_chain_refuses_is_classified_as_measured():
    x, design = study()
    variant = "savgol(9, 2, 1)"  # longer than the band of seven channels and the blank of seven
    for trained in streamed(x, design, ["ridge", "lda"], variant=variant):
        assert_alike(trained, in_memory(x, design, trained.model.text, variant=variant), made(x, variant)[2])


@pytest.mark.parametrize("text", ["k-nn(neighbours=3)", "msc | lda(4)", "svm-rbf"])
def test_other_models_learn_from_a_subsample_and_classify_every_spectrum(text):
    x, design = study(units=40, replicates=3, classes=2, shift=1.0)
    (found,) = streamed(x, design, [text], permutations=5, rows=64, workers=2)
    rows = draw_subsample(design, most=40, seed=3)
    drawn, model, folds = design.subset(rows), parse_model(text), unit_folds(design, k=4, seed=3)
    own = [np.flatnonzero(np.isin(rows, fold)) for fold in folds]

    def held_out(codes):
        predicted = np.empty(rows.size, dtype=int)
        for fold in own:
            rest = np.setdiff1d(np.arange(rows.size), fold)
            predicted[fold] = model.build(3).fit(x[rows[rest]], codes[rest]).predict(x[rows[fold]])
        return balanced_accuracy(codes, predicted)

    for fold, places in zip(folds, own, strict=True):
        rest = np.setdiff1d(np.arange(rows.size), places)
        assert not set(design.unit[rows[rest]]) & set(design.unit[fold])
        refit = model.build(3).fit(x[rows[rest]].astype(float), drawn.codes[rest])
        np.testing.assert_array_equal(found.predictions["unit_folds"][fold], refit.predict(x[fold].astype(float)))
    null = [held_out(codes) for codes in permuted_codes(drawn, n=5, seed=3).T]
    assert found.p_association == (1 + sum(a >= held_out(drawn.codes) - 1e-12 for a in null)) / 6
    assert found.subsample is not None
    assert (found.subsample.spectra, found.subsample.of, found.subsample.seed) == (rows.size, design.n, 3)
    assert {name: p.size for name, p in found.predictions.items()} == dict.fromkeys(
        ("unit_folds", "random_folds", *REGIONS), design.n
    )


def test_a_subsample_of_all_spectra_is_training_in_memory():
    x, design = study(units=20, replicates=2)
    (found,) = streamed(x, design, ["k-nn"], variant="snv", permutations=5, most=100)
    assert found.subsample is not None and found.subsample.spectra == design.n
    expected = in_memory(x, design, "k-nn", variant="snv", permutations=5)
    for name in expected.predictions:
        np.testing.assert_array_equal(found.predictions[name], expected.predictions[name])
    assert found.p_association == expected.p_association


def test_classes_of_different_size_are_drawn_alike():
    x, _ = study(units=120)
    design = make_design(["common"] * 100 + ["rare"] * 20, unit=np.arange(120))
    (found,) = streamed(x, design, ["k-nn"], most=40)
    rows = draw_subsample(design, most=40, seed=3)
    assert np.bincount(design.codes[rows]).tolist() == [20, 20] and found.subsample.spectra == 40


def test_what_rests_on_a_subsample_is_kept_and_said(tmp_path):
    x, design = study(units=40, replicates=2)
    knn, pls = streamed(x, design, ["k-nn", "pls-da"], permutations=3, most=40)
    for trained in (knn, pls):
        keep_model(trained, tmp_path)
        again = kept_model(tmp_path, design, model=trained.model, variant="raw", folds=4, permutations=3, seed=3)
        assert again.subsample == trained.subsample == OutOfFold.of(trained).subsample
    units = knn.subsample.units
    assert str(knn.subsample) == (f"trained on 40 of 80 spectra ({units} units, classes alike, seed 3), as it needs "
                                  "them in memory; its accuracies are over all, its permutation test not")  # fmt: skip
    assert str(pls.subsample).startswith("trained on all 80 spectra; its permutation test on 40 of 80 spectra (")
    row = {"model": "k-nn", "variant": "raw", "trained_on": str(knn.subsample), "metrics": {}}
    assert f"k-nn on raw: {knn.subsample}." in str(models_html({"models": [row]}))


@pytest.mark.parametrize("text", ["ridge", "k-nn"])
def test_bad_intensities_are_refused_by_place(text):
    x, design = study()
    x[33, 20] = np.nan
    with pytest.raises(AuditError, match=r"on variant 'raw', spectrum 34, channel 21: expected a finite .*found nan"):
        streamed(x, design, [text], most=8)
    with pytest.raises(AuditError, match="expected 60 spectra, found 59 as measured, 59 after the chain"):
        streamed(x[:-1], design, [text])
