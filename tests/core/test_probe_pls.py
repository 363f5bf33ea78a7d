"""Batched PLS-DA equals scikit-learn's PLSRegression, refitted in every fold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from spectral_core.errors import AuditError
from spectral_core.probe import fit_pls
from spectral_core.splits import make_design, permuted_codes, unit_folds


def refitted_margins(x, codes, folds, n_classes, components):
    """Fit PLSRegression(scale=False) on class indicators in every fold; nearest training centroid."""
    margins = np.empty(codes.size)
    for fold in folds:
        train = np.setdiff1d(np.arange(codes.size), fold)
        # converged power iterations: with the default tolerance several classes agree to 1e-4 only
        model = PLSRegression(components, scale=False, tol=1e-28, max_iter=100_000)
        model.fit(x[train], np.eye(n_classes)[codes[train]])
        fitted, held = model.predict(x[train]), model.predict(x[fold])
        centroids = np.stack([fitted[codes[train] == c].mean(axis=0) for c in range(n_classes)])
        for score, i in zip(held, fold, strict=True):
            squared = ((score - centroids) ** 2).sum(axis=1)
            rival = min(set(range(n_classes)) - {codes[i]}, key=squared.__getitem__)
            between = ((centroids[codes[i]] - centroids[rival]) ** 2).sum()
            margins[i] = np.clip((squared[rival] - squared[codes[i]]) / between, -1, 1)
    return margins


def study(n_classes, n, d, decay):
    rng = np.random.default_rng(n + d)
    codes = rng.permutation(np.arange(n) % n_classes)
    x = rng.normal(size=(n, d)) / (1.0 + np.arange(d)) ** decay + 4.0
    x[:, :3] += 0.3 * codes[:, None]
    folds = unit_folds(make_design(codes, unit=np.sort(rng.integers(0, n // 3, n))), k=4, seed=1)
    return x, np.column_stack([codes, permuted_codes(make_design(codes), n=3, seed=2)]), folds


@pytest.mark.parametrize(
    ("n_classes", "n", "d", "decay"),
    [(2, 50, 90, 0.0), (2, 50, 90, 1.5), (2, 90, 20, 0.5), (3, 61, 90, 0.5), (5, 83, 20, 0.5)],
)
@pytest.mark.parametrize("components", [1, 4, 10])
def test_batched_pls_equals_refits_to_1e_9(n_classes, n, d, decay, components):
    x, labelings, folds = study(n_classes, n, d, decay)
    found = fit_pls(x).margins(labelings, folds, n_classes, components=components)
    for p in range(labelings.shape[1]):
        expected = refitted_margins(x, labelings[:, p], folds, n_classes, components)
        np.testing.assert_allclose(found[:, p], expected, atol=1e-9)


def test_all_smaller_numbers_of_components_come_along():
    x, labelings, folds = study(3, 61, 90, 0.5)
    probe = fit_pls(x)
    path = probe.path(labelings, folds, 3, components=6)
    assert len(path) == 6
    for a, found in enumerate(path, start=1):
        alone = probe.judge(labelings, folds, 3, components=a)
        np.testing.assert_allclose(found.statistic, alone.statistic, atol=1e-12)
        np.testing.assert_allclose(
            found.margins, probe.margins(labelings, folds, 3, components=a)[:, 0], atol=1e-12
        )  # fmt: skip


def test_spectra_that_are_held_out_but_not_judged_stay_out_of_the_margins():
    x, labelings, _ = study(2, 50, 90, 0.0)
    probe, fold = fit_pls(x), np.arange(8)
    margins = probe.margins(labelings, [fold], 2, components=3, judged=[np.array([1, 2])])
    whole = probe.margins(labelings, [fold], 2, components=3)
    np.testing.assert_array_equal(margins[[1, 2]], whole[[1, 2]])
    assert np.isnan(np.delete(margins, [1, 2], axis=0)).all()


def test_more_components_than_dimensions_change_nothing():
    """Where nothing is left to fit, a component is none, instead of amplified rounding."""
    for n, d in ((8, 30), (40, 3)):
        rng = np.random.default_rng(n)
        x, codes, folds = rng.normal(size=(n, d)), rng.integers(0, 2, (n, 20)), [np.arange(2), np.arange(2, 4)]
        codes[-2:] = [[0], [1]]
        probe, enough = fit_pls(x), min(n - 3, d)
        found = probe.judge(codes, folds, 2, components=enough + 6)
        np.testing.assert_allclose(found.margins, probe.judge(codes, folds, 2, components=enough).margins, atol=1e-6)


def test_equal_spectra_and_absent_classes_know_nothing():
    codes = np.arange(12)[:, None] % 2
    for d in (30, 3):
        assert (fit_pls(np.full((12, d), 0.1)).margins(codes, [np.arange(4)], 2, components=2)[:4] == 0.0).all()
    x = np.random.default_rng(0).normal(size=(9, 20))
    margins = fit_pls(x).margins(np.repeat([0, 1], [6, 3])[:, None], [np.arange(6, 9)], 2, components=2)
    assert (margins[6:] == -1.0).all()


def test_no_components_are_refused():
    with pytest.raises(AuditError, match="components: expected at least one, found 0"):
        fit_pls(np.eye(4)).judge(np.arange(4)[:, None] % 2, [np.arange(2)], 2, components=0)
