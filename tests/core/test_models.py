"""Model texts, and the laws of the classifiers behind them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectral_core.errors import StudyError
from spectral_core.models import CLASSIFIERS, parse_model
from spectral_core.models.classifiers import (
    BalancedForest,
    BalancedNeighbours,
    PlsDiscriminant,
    PrincipalDiscriminant,
    RidgeDiscriminant,
)
from spectral_core.models.regression import penalty_unit, pls_weights, ridge_weights

OWN = [
    RidgeDiscriminant(), PlsDiscriminant(), PrincipalDiscriminant(), BalancedNeighbours(),
    BalancedForest(20, random_state=0),
]  # fmt: skip
SHAPES = [(40, 300), (60, 12)]  # more channels than spectra, and fewer


def spectra(n: int, d: int, *, classes: int = 2, shift: float = 0.0, seed: int = 0):
    """n spectra with a common shape and a decaying spectrum of variances; every class moved its own way."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    x = rng.normal(size=(n, d)) * np.linspace(3, 0.2, d) + 50 * np.sin(np.arange(d) / 9)
    return x + shift * rng.normal(size=(classes, d))[codes], codes


@pytest.mark.filterwarnings("ignore::UserWarning")  # checks that are skipped (array API) say so by a warning
@parametrize_with_checks(OWN)
def test_own_classifiers_keep_the_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
@pytest.mark.parametrize("classes", [2, 4])
def test_every_classifier_finds_classes_that_are_far_apart_and_none_where_there_are_none(name, classes):
    model = parse_model(name)
    x, codes = spectra(160, 300, classes=classes, shift=1.5)
    noise, _ = spectra(160, 300, classes=classes)
    train, test = slice(0, 80), slice(80, 160)

    far = model.build(seed=1).fit(x[train], codes[train]).predict(x[test])
    none = model.build(seed=1).fit(noise[train], codes[train]).predict(noise[test])

    assert balanced_accuracy_score(codes[test], far) > 0.9
    # 80 held-out spectra: chance ± 3.3 standard errors
    assert abs(balanced_accuracy_score(codes[test], none) - 1 / classes) < 3.3 * np.sqrt(0.25 / 80)


@pytest.mark.parametrize("name", ["ridge", "pls-da", "lda", "svm-rbf", "k-nn", "random-forest"])
def test_the_unit_of_intensity_changes_no_prediction(name):
    x, codes = spectra(60, 200, classes=3, shift=0.3)
    model = parse_model(name)
    absorbance = model.build(seed=2).fit(x[:40], codes[:40]).predict(x[40:])
    # a power of two: rounding is the same
    counts = model.build(seed=2).fit(2.0**20 * x[:40], codes[:40]).predict(2.0**20 * x[40:])
    np.testing.assert_array_equal(absorbance, counts)


@pytest.mark.parametrize("name", ["ridge", "pls-da"])
def test_a_small_class_is_not_cut_off_when_channels_outnumber_spectra(name):
    rng = np.random.default_rng(5)
    d, distance = 1000, 6.0
    codes, tested = np.repeat([0, 1], [90, 10]), np.repeat([0, 1], 100)
    x = rng.normal(size=(100, d)) + np.outer(codes, np.full(d, distance / np.sqrt(d)))
    held_out = rng.normal(size=(200, d)) + np.outer(tested, np.full(d, distance / np.sqrt(d)))

    predicted = parse_model(name).build(seed=0).fit(x, codes).predict(held_out)

    # midway between training means the same ridge direction gives .50 (all spectra go to the large class)
    assert (predicted[tested == 1] == 1).mean() > 0.6
    assert (predicted[tested == 0] == 0).mean() > 0.6


@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_weights_and_left_out_scores_are_those_of_scikit_learn(shape):
    x, codes = spectra(*shape, classes=3, shift=0.3)
    indicators = np.eye(3)[codes]
    centred = x - x.mean(axis=0)
    eigenvalues = np.linalg.eigvalsh(centred @ centred.T if shape[1] > shape[0] else centred.T @ centred)
    alpha = 0.7 * penalty_unit(eigenvalues, n=shape[0])

    weights, left_out = ridge_weights(centred, indicators, 0.7)

    np.testing.assert_allclose(weights.T, Ridge(alpha=alpha).fit(x, indicators).coef_, rtol=1e-6, atol=1e-10)
    refitted = np.empty_like(left_out)
    for i in range(shape[0]):
        others = np.arange(shape[0]) != i
        refitted[i] = Ridge(alpha=alpha).fit(x[others], indicators[others]).predict(x[i : i + 1])[0]
    np.testing.assert_allclose(left_out + indicators.mean(axis=0), refitted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_unit_penalty_leaves_the_stated_degrees_of_freedom(shape):
    n, d = shape
    x, _ = spectra(n, d)
    centred = x - x.mean(axis=0)
    unit = penalty_unit(np.linalg.eigvalsh(centred @ centred.T if d > n else centred.T @ centred), n=n)
    smoother = centred @ np.linalg.solve(centred.T @ centred + unit * np.eye(d), centred.T)
    rank = min(n - 1, d)
    assert np.trace(smoother) == pytest.approx(n * rank / (n + 2 * rank), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("components", [1, 3, 8])
def test_pls_weights_are_those_of_scikit_learn(shape, classes, components):
    x, codes = spectra(*shape, classes=classes, shift=0.5)
    indicators = np.eye(classes)[codes]
    reference = PLSRegression(components, scale=False, tol=1e-20, max_iter=100_000).fit(x, indicators)

    weights = pls_weights(x - x.mean(axis=0), indicators, components)

    np.testing.assert_allclose(weights.T, reference.coef_, rtol=1e-5, atol=1e-8 * np.abs(weights).max())


def test_pls_components_beyond_the_rank_change_nothing():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 200))  # rank 4
    codes = np.arange(30) % 3
    np.testing.assert_array_equal(
        PlsDiscriminant(components=4).fit(x, codes).weights_,
        PlsDiscriminant(components=25).fit(x, codes).weights_,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_lda_is_scikit_learns_lda_on_principal_components(shape):
    x, codes = spectra(*shape, classes=3, shift=0.3)
    half = shape[0] // 2
    pca = PCA(5).fit(x[:half])
    reference = LinearDiscriminantAnalysis(priors=[1 / 3] * 3).fit(pca.transform(x[:half]), codes[:half])

    own = PrincipalDiscriminant(components=5).fit(x[:half], codes[:half])

    np.testing.assert_array_equal(own.predict(x[half:]), reference.predict(pca.transform(x[half:])))


def test_k_nn_is_scikit_learns_where_classes_are_of_one_size_and_ties_cannot_arise():
    x, codes = spectra(60, 30, shift=0.3)
    reference = KNeighborsClassifier(5).fit(x[:40], codes[:40])
    own = BalancedNeighbours(neighbours=5).fit(x[:40], codes[:40])
    np.testing.assert_array_equal(own.predict(x[40:]), reference.predict(x[40:]))


def test_k_nn_with_more_neighbours_than_spectra_asks_them_all():
    assert BalancedNeighbours(neighbours=9).fit([[0.0], [1.0]], ["a", "b"]).predict([[0.2]]).shape == (1,)


@pytest.mark.parametrize("name", ["ridge", "pls-da", "lda", "k-nn", "random-forest"])
def test_constant_spectra_give_some_class_and_no_nan(name):
    x, codes = np.full((12, 20), 7.0), np.arange(12) % 2
    assert set(parse_model(name).build(seed=0).fit(x, codes).predict(x)) <= {0, 1}


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_class_names_that_look_like_numbers_are_names(name):
    x, codes = spectra(40, 60, shift=2.0)
    names = np.array(["1", "02"])[codes]
    assert set(parse_model(name).build(seed=0).fit(x, names).predict(x)) == {"1", "02"}


def test_fitted_steps_come_before_the_classifier_in_the_pipeline():
    pipeline = parse_model("msc | scale | pca(components=3) | lda").build(seed=1)
    x, codes = spectra(30, 40, shift=1.0)
    assert [name for name, _ in pipeline.steps] == ["msc", "scale", "pca", "lda"]
    assert pipeline.fit(x, codes).predict(x).shape == (30,)


def test_a_step_may_be_repeated():
    assert [n for n, _ in parse_model("scale | pca(5) | scale | ridge").build(1).steps] == [
        "scale", "pca", "scale_2", "ridge",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["ridge", "ridge( 2 )", "msc|pca(4) | k-nn(neighbours = 3)"])
def test_the_canonical_text_parses_to_the_same_model(text):
    model = parse_model(text)
    assert parse_model(model.text) == model
    assert parse_model(model.settings).settings == model.settings


def test_only_the_forest_depends_on_the_seed_and_it_repeats():
    x, codes = spectra(40, 60, shift=0.1)
    forest = parse_model("random-forest(trees=3)")
    first, again, other = (
        forest.build(seed).fit(x, codes).named_steps["random-forest"].forest_.feature_importances_ for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rigde", "one of.*k-nn.*ridge.*found unknown 'rigde'"),
        ("snv | ridge", "found unknown 'snv'"),
        ("msc | scale", "a classifier as last element.*found 'scale'"),
        ("ridge | lda", "one classifier, the last element.*also 'ridge'"),
        ("ridge | scale", "a classifier as last element"),
        (
            "pls-da(components=0)",
            "argument components: expected a whole number of at least 1, found 0",
        ),
        ("pls-da(components=2.5)", "pls-da, argument components"),
        ("pls-da(components=True)", "pls-da, argument components"),
        ("k-nn(neighbours='five')", "k-nn, argument neighbours"),
        ("ridge(penalty=-1)", "ridge, argument penalty: expected a number above 0, found -1"),
        ("ridge(penalty=1e999)", "ridge, argument penalty"),
        ("svm-rbf(cost=0)", "svm-rbf, argument cost"),
        ("random-forest(trees=0)", "random-forest, argument trees"),
        ("random-forest(_seed=3)", "arguments of random-forest\\(trees\\)"),
        ("ridge(alpha=1)", "arguments of ridge\\(penalty\\), found 'alpha'"),
        ("pca(0) | lda", "pca, argument components"),
        ("", "an empty text"),
        ("ridge |", "unknown ''"),
    ],
)
def test_a_bad_model_is_refused_before_any_work(text, says):
    with pytest.raises(StudyError, match=f"^model.*{says}"):
        parse_model(text)
