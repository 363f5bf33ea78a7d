"""The closed form equals refits: exact algebra, not an approximation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from spectral_core.probe import centred_gram, choose_penalty, fit_probe, hat_matrix, held_out_margins
from spectral_core.probe.fitting import dual_probe, primal_probe
from spectral_core.splits import make_design, permuted_codes, unit_folds


def refitted_margins(x, codes, folds, n_classes, alpha, unit):
    """Fit scikit-learn's Ridge in every fold; centroids where unseen spectra of a class would score."""
    margins = np.empty(codes.size)
    for fold in folds:
        train = np.setdiff1d(np.arange(codes.size), fold)
        model = Ridge(alpha=alpha, solver="svd").fit(x[train], np.eye(n_classes)[codes[train]])
        hat = Ridge(alpha=alpha, solver="svd").fit(x[train], np.eye(train.size)).predict(x[train])
        blocks = [hat[np.ix_(unit[train] == u, unit[train] == u)] for u in np.unique(unit[train])]
        leverage = np.mean([block.sum() / len(block) for block in blocks])
        fitted, held = model.predict(x[train]), model.predict(x[fold])
        centroid = {c: fitted[codes[train] == c].mean(axis=0) for c in set(codes[train].tolist())}
        unseen = {c: (mean - leverage * np.eye(n_classes)[c]) / (1 - leverage) for c, mean in centroid.items()}
        for score, i in zip(held, fold, strict=True):
            own = int(codes[i])
            if own not in centroid:
                margins[i] = -1.0
                continue
            ahead = []
            for rival in centroid.keys() - {own}:
                line, middle = centroid[own] - centroid[rival], (unseen[own] + unseen[rival]) / 2
                ahead.append((2 * line @ (score - middle), line @ line))
            lead, between = min(ahead)
            margins[i] = np.clip(lead / between, -1, 1)
    return margins


@pytest.mark.parametrize(
    ("n_classes", "n", "d", "k"), [(2, 41, 120, 5), (2, 90, 12, 4), (3, 62, 30, 5), (3, 80, 15, 5), (5, 83, 200, 7)]
)
@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("form", [dual_probe, primal_probe])
def test_closed_form_equals_refits_to_1e_9(n_classes, n, d, k, units, form):
    rng = np.random.default_rng(n)
    codes = rng.integers(0, n_classes, n)
    x = rng.normal(size=(n, d)) + 5.0
    x[:, :3] += codes[:, None]
    design = make_design(codes, unit=np.sort(rng.integers(0, n // units, n)))  # units of unequal size
    folds = unit_folds(design, k=k, seed=1)
    labelings = np.column_stack([codes, permuted_codes(make_design(codes), n=4, seed=2)])
    probe = form(x, unit=design.unit)
    alpha = probe.penalty * ((x - x.mean(axis=0)) ** 2).sum() / n
    found = probe.margins(labelings, folds, n_classes)
    for p in range(labelings.shape[1]):
        expected = refitted_margins(x, labelings[:, p], folds, n_classes, alpha, design.unit)
        np.testing.assert_allclose(found[:, p], expected, atol=1e-9)


def test_unequal_classes_do_not_give_every_spectrum_to_the_larger_one():
    accuracy = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        codes = np.repeat([0, 1], [90, 10])
        x = rng.normal(size=(100, 1000)) + 0.15 * codes[:, None]
        margin = fit_probe(x).margins(codes[:, None], unit_folds(make_design(codes), k=5, seed=seed), 2)[:, 0]
        accuracy.append(np.mean([(margin[codes == c] > 0).mean() for c in (0, 1)]))
    # a shift of 0.15 standard deviations in 1,000 channels, Φ(0.15·√1000/2) = 0.99 if all were known; the
    # midpoint of the training centroids gives 0.50 on these
    assert np.mean(accuracy) > 0.75


def test_many_labelings_at_once_equal_one_at_a_time():
    rng = np.random.default_rng(0)
    for n_classes in (2, 3):
        codes = rng.integers(0, n_classes, (30, 1100))
        hat = hat_matrix(centred_gram(rng.normal(size=(30, 50))), 0.5)
        folds = [np.arange(i, 30, 5) for i in range(5)]
        together = held_out_margins(hat, codes, folds, n_classes)
        for p in (0, 511, 512, 1099):
            alone = held_out_margins(hat, codes[:, p : p + 1], folds, n_classes)
            np.testing.assert_allclose(together[:, p : p + 1], alone, atol=1e-12)


def test_a_class_missing_from_training_is_never_predicted():
    hat = hat_matrix(centred_gram(np.random.default_rng(0).normal(size=(9, 20))), 0.1)
    for codes, n_classes in ((np.array([0] * 6 + [1] * 3), 2), (np.array([0, 0, 0, 1, 1, 1, 2, 2, 2]), 3)):
        folds = [np.arange(0, 3), np.arange(3, 6), np.arange(6, 9)]
        margins = held_out_margins(hat, codes[:, None], folds, n_classes)[:, 0]
        assert (margins[6:] == -1.0).all()


def test_spectra_that_are_held_out_but_not_judged_stay_out_of_the_margins():
    hat = hat_matrix(centred_gram(np.random.default_rng(0).normal(size=(8, 20))), 0.1)
    codes = np.array([0, 1] * 4)[:, None]
    margins = held_out_margins(hat, codes, [np.arange(4)], 2, judged=[np.array([1, 2])])
    whole = held_out_margins(hat, codes, [np.arange(4)], 2)
    assert np.isnan(margins[[0, 3, 4, 5, 6, 7]]).all()
    np.testing.assert_array_equal(margins[[1, 2]], whole[[1, 2]])


def test_penalty_spends_the_stated_degrees_of_freedom():
    for n, d in ((40, 200), (200, 10)):
        gram = centred_gram(np.random.default_rng(1).normal(size=(n, d)))
        ridge, rank = choose_penalty(gram)
        assert rank == min(n - 1, d)
        assert np.trace(hat_matrix(gram, ridge)) - 1 == pytest.approx(n * rank / (n + 2 * rank), rel=1e-4)


@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e30])
def test_the_probe_does_not_depend_on_the_intensity_unit(factor):
    x = np.random.default_rng(3).normal(size=(20, 40)) + 3
    reference = hat_matrix(centred_gram(x), 0.3)
    np.testing.assert_allclose(hat_matrix(centred_gram(x * factor), 0.3), reference, atol=1e-10)


def test_equal_spectra_know_nothing():
    gram = centred_gram(np.full((12, 5), 0.1))
    ridge, rank = choose_penalty(gram)
    assert rank == 0
    margins = held_out_margins(hat_matrix(gram, ridge), np.arange(12)[:, None] % 2, [np.arange(4)], 2)
    np.testing.assert_allclose(margins[:4], 0.0, atol=1e-12)
