"""Cross-validation of models: nothing leaks, shortcuts are exact, and every number is what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from spectral_core.errors import AuditError
from spectral_core.models import parse_model
from spectral_core.regions import locate_regions
from spectral_core.splits import Design, make_design, permuted_codes, unit_folds
from spectral_core.training import balanced_accuracy, compact_coordinates, train

RIGID = ["ridge", "pls-da", "lda", "svm-rbf", "k-nn", "mean_centre | pca(6) | svm-rbf"]
EVERY = ["ridge", "pls-da", "lda", "svm-rbf", "random-forest(trees=10)", "k-nn", "msc | scale | pca(6) | lda"]


def study(*, units: int = 20, replicates: int = 2, d: int = 120, shift: float = 0.0, classes: int = 2, seed: int = 0):
    """Units of one class each, their replicates nearly equal; `shift` moves channels 0 to 19 by class."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), replicates)
    codes = (np.arange(units) % classes)[unit]
    x = rng.normal(size=(units, d))[unit] + 0.05 * rng.normal(size=(unit.size, d)) + 10
    x[:, :20] += shift * codes[:, None]
    return x, make_design([f"class {c}" for c in codes], unit=unit)


def trained(x, design, text="ridge", *, regions=None, folds=5, permutations=0, seed=1, **options):
    return train(x, design, model=parse_model(text), variant="raw", regions=regions or {}, folds=folds,
                 permutations=permutations, seed=seed, **options)  # fmt: skip


@pytest.mark.parametrize("text", EVERY)
def test_predictions_are_those_of_plain_refits_without_the_fold(text):
    x, design = study(shift=0.5, classes=3, units=21)
    result = trained(x, design, text)
    for test in unit_folds(design, k=5, seed=1):
        rest = np.setdiff1d(np.arange(design.n), test)
        refit = parse_model(text).build(seed=1).fit(x[rest], design.codes[rest])
        np.testing.assert_array_equal(result.predictions["unit_folds"][test], refit.predict(x[test]))


@pytest.mark.parametrize("text", RIGID)
@pytest.mark.parametrize("shape", [(40, 700), (30, 31)])
def test_turned_coordinates_give_the_same_scores(text, shape):
    n, d = shape
    x, design = study(units=n // 2, d=d, shift=0.3)
    model, half = parse_model(text), np.arange(0, n, 2)
    turned = compact_coordinates(x, model)
    assert turned.shape == (n, n)

    scores = []
    for values in (x, turned):
        pipeline = model.build(seed=0).fit(values[half], design.codes[half])
        scores.append(pipeline.decision_function(values))
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-9, atol=1e-9 * np.abs(scores[0]).max())


@pytest.mark.parametrize("text", ["scale | ridge", "msc | lda", "pareto | k-nn", "random-forest"])
def test_models_that_see_more_than_distances_keep_their_channels(text):
    x, _ = study(units=10, d=50)
    assert compact_coordinates(x, parse_model(text)) is x


def test_replicates_in_two_folds_look_like_skill_and_units_kept_together_do_not():
    x, design = study(units=40, replicates=5)  # labels of units are arbitrary
    metrics = trained(x, design, "k-nn(neighbours=1)").to_metrics()
    assert metrics["balanced_accuracy_random_folds"] > 0.95
    assert metrics["balanced_accuracy_unit_folds"] < 0.75  # 40 units: chance + 3 standard errors


def test_without_replicates_both_kinds_of_folds_are_one():
    x, design = study(replicates=1)
    result = trained(x, design)
    np.testing.assert_array_equal(result.folds["unit_folds"], result.folds["random_folds"])
    np.testing.assert_array_equal(result.predictions["unit_folds"], result.predictions["random_folds"])


def test_folds_are_recorded_and_keep_units_together():
    x, design = study(units=23)
    fold = trained(x, design).folds["unit_folds"]
    assert set(fold) == set(range(5))
    assert all(np.unique(fold[design.unit == u]).size == 1 for u in range(23))


def test_accuracies_and_recalls_are_those_of_scikit_learn():
    x, design = study(shift=0.6, classes=3, units=31)
    result = trained(x, design)
    predicted = result.predictions["unit_folds"]
    assert result.balanced_accuracy["unit_folds"] == balanced_accuracy_score(design.codes, predicted)
    np.testing.assert_allclose(list(result.recall.values()), recall_score(design.codes, predicted, average=None))
    assert list(result.recall) == ["class 0", "class 1", "class 2"]


def test_balanced_accuracy_passes_over_classes_that_do_not_occur():
    assert balanced_accuracy(np.array([0, 2, 2]), np.array([1, 2, 0])) == (0 / 1 + 1 / 2) / 2


def test_p_counts_the_permutations_that_reach_the_observed_accuracy():
    x, design = study(shift=0.25, seed=4)
    result = trained(x, design, permutations=39, seed=3)
    relabelled = permuted_codes(design, n=39, seed=3)
    null = []
    for p in range(39):
        predicted = np.empty(design.n, dtype=int)
        for test in unit_folds(design, k=5, seed=3):
            rest = np.setdiff1d(np.arange(design.n), test)
            refit = parse_model("ridge").build(seed=3).fit(x[rest], relabelled[rest, p])
            predicted[test] = refit.predict(x[test])
        null.append(balanced_accuracy_score(relabelled[:, p], predicted))
    reached = np.sum(np.array(null) >= result.balanced_accuracy["unit_folds"] - 1e-12)
    assert result.p_association == (1 + reached) / 40


def test_p_is_never_zero_and_small_for_a_plain_difference():
    x, design = study(shift=4.0)
    assert trained(x, design, permutations=19).p_association == 1 / 20


def test_p_is_uniform_where_labels_mean_nothing():
    p = []
    for seed in range(60):
        x, design = study(units=16, replicates=2, d=60, seed=seed)
        p.append(trained(x, design, permutations=9, folds=2, seed=seed).p_association)
    # P(p <= 0.2) is at most 0.2: 12 of 60 expected, 21 is 3 standard deviations more
    assert np.sum(np.array(p) <= 0.2) <= 21
    assert np.sum(np.array(p) <= 0.6) >= 18


def test_without_permutations_there_is_no_p_among_the_metrics():
    x, design = study()
    assert "p_association" not in trained(x, design).to_metrics()


def test_every_model_has_the_same_metric_names():
    x, design = study(units=10, d=40, shift=1.0)
    regions = {"bands": x[:, :20], "off_band": x[:, 25:], "blank": x[:, 30:]}
    names = {tuple(trained(x, design, t, regions=regions, permutations=1).to_metrics()) for t in EVERY}
    assert names == {(
        "balanced_accuracy_unit_folds", "balanced_accuracy_random_folds", "balanced_accuracy_bands",
        "balanced_accuracy_off_band", "balanced_accuracy_blank", "p_association", "recall_class 0",
        "recall_class 1", "fit_seconds",
    )}  # fmt: skip


def test_a_band_effect_is_seen_in_the_band_and_nowhere_else():
    x, design = study(units=40, shift=3.0)
    axis = np.arange(120.0)
    regions = locate_regions(axis, axis_unit="nm", bands={"dye": (0, 19)}, blanks={"edge": (90, 119)})
    cropped = {"bands": x[:, regions.in_band], "off_band": x[:, regions.off_band], "blank": x[:, regions.blank]}
    accuracy = trained(x, design, regions=cropped).balanced_accuracy
    assert accuracy["bands"] > 0.95
    assert abs(accuracy["off_band"] - 0.5) < 0.25 and abs(accuracy["blank"] - 0.5) < 0.25


@pytest.mark.parametrize("text", EVERY)
def test_a_class_that_training_lacks_is_never_predicted_and_does_no_harm(text):
    x, _ = study(units=9, replicates=1, d=50, shift=3.0)
    design = make_design(["a"] * 4 + ["b"] * 4 + ["only once"], unit=np.arange(9))
    result = trained(x, design, text, folds=3, permutations=2)
    assert result.recall["only once"] == 0.0


@pytest.mark.parametrize("text", EVERY)
def test_a_training_set_of_one_class_predicts_that_class(text):
    x, _ = study(units=6, replicates=1, d=20)
    design = make_design(["a"] * 3 + ["b"] * 3, unit=[0, 0, 0, 1, 1, 1])  # two units: leave one out
    predicted = trained(x, design, text).predictions["unit_folds"]
    np.testing.assert_array_equal(predicted, 1 - design.codes)


@pytest.mark.parametrize("text", [t for t in EVERY if "msc" not in t])  # of one channel MSC leaves nothing
def test_one_channel_is_enough(text):
    x, design = study(units=12, shift=6.0)
    assert trained(x[:, :1], design, text).balanced_accuracy["unit_folds"] > 0.9


def test_the_final_pipeline_predicts_class_names():
    x, design = study(shift=4.0)
    assert set(trained(x, design).pipeline.predict(x)) == {"class 0", "class 1"}


@pytest.mark.slow
def test_runs_repeat_and_processes_change_nothing():
    x, design = study(shift=0.3)
    alone, again, shared = (
        trained(x, design, "random-forest(trees=5)", permutations=9, workers=workers) for workers in (1, 1, 2)
    )
    assert alone.p_association == again.p_association == shared.p_association
    np.testing.assert_array_equal(alone.predictions["unit_folds"], again.predictions["unit_folds"])


def test_one_class_only_is_refused():
    design = Design(np.zeros(4, dtype=int), ("tea",), np.arange(4), np.zeros(4, dtype=int), ("",), True)
    with pytest.raises(AuditError, match="labels: expected two or more classes, found one class, 'tea'"):
        trained(np.ones((4, 3)), design)


def test_bad_intensities_are_refused_by_place():
    x, design = study()
    x[3, 5] = np.nan
    with pytest.raises(AuditError, match=r"'ridge' on variant 'raw', spectrum 4, channel 6: .*found nan"):
        trained(x, design)
    with pytest.raises(AuditError, match="expected 40 spectra of one or more channels, found shape"):
        trained(x[:-1], design)


def test_one_unit_cannot_be_split():
    design = make_design(["a", "b"], unit=["x", "x"])
    with pytest.raises(AuditError, match="two or more units"):
        trained(np.eye(2), design)
