"""Diagnostics against independent implementations and arithmetic written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from spectral_core.diagnostics import measure_geometry
from spectral_core.diagnostics.capacity import cover_capacity, separable_share, training_accuracy
from spectral_core.diagnostics.class_overlap import class_overlap
from spectral_core.diagnostics.contrast import relative_contrast
from spectral_core.diagnostics.effective_rank import effective_rank, entropy_rank
from spectral_core.diagnostics.geometry import within_classes
from spectral_core.diagnostics.hubness import hubness
from spectral_core.diagnostics.neighbours import compare_neighbours
from spectral_core.diagnostics.norm_separability import SIZES, norm_separability
from spectral_core.diagnostics.participation import participation_ratio
from spectral_core.diagnostics.two_nn import two_nn
from spectral_core.diagnostics.variance_ratio import variance_ratio
from spectral_core.probe import choose_penalty
from spectral_core.splits import make_design, permuted_codes


def study(n=30, d=12, *, classes=2, replicates=1, seed=0):
    """Spectra with correlated channels, their design and five labelings."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n), replicates)
    design = make_design(units % classes, unit=units)
    x = rng.normal(size=(units.size, d)) @ rng.normal(size=(d, d)) + 3.0 + 0.5 * design.codes[:, None]
    return x, design, np.column_stack([design.codes, permuted_codes(design, n=4, seed=seed)])


def unit_means(x, design):
    """Mean spectrum and class of each unit."""
    rows = [design.unit == u for u in range(design.n_units)]
    return np.array([x[own].mean(axis=0) for own in rows]), np.array([design.codes[own][0] for own in rows])


@pytest.mark.parametrize("d", [3, 12, 60])
def test_two_nn_is_that_of_scikit_dimension(d):
    skdim = pytest.importorskip("skdim")
    x, design, _ = study(200, d)
    found = two_nn(compare_neighbours(measure_geometry(x, design, seed=0).points))
    assert found.estimate == pytest.approx(skdim.id.TwoNN().fit(x).dimension_, rel=1e-6)
    with np.errstate(divide="ignore"):  # of its linear fit, which has no use here
        likelihood = skdim.id.TwoNN(discard_fraction=0.0, method="mle").fit(x).dimension_
    assert found.parts["maximum_likelihood"] == pytest.approx(likelihood, rel=1e-6)


def test_effective_rank_is_the_exponential_of_the_entropy_written_out():
    # p = (1/2, 1/4, 1/8, 1/8): H = (1/2 + 1/2 + 3/8 + 3/8) ln 2 = 7/4 ln 2
    assert entropy_rank(np.array([4.0, 2.0, 1.0, 1.0])) == pytest.approx(2 ** (7 / 4))
    assert entropy_rank(np.array([5.0, 0.0, 0.0])) == pytest.approx(1.0)


@pytest.mark.parametrize("replicates", [1, 3])
def test_effective_rank_and_participation_come_from_the_pooled_covariance_of_unit_means(replicates):
    x, design, _ = study(30, 12, replicates=replicates)
    points = measure_geometry(x, design, seed=0).points
    means, classes = unit_means(x, design)
    residual = np.concatenate([means[classes == c] - means[classes == c].mean(axis=0) for c in (0, 1)])
    nu = 28
    pooled = residual.T @ residual / nu
    assert effective_rank(points).estimate == pytest.approx(np.exp(stats.entropy(np.linalg.eigvalsh(pooled))))
    square = nu**2 / ((nu - 1) * (nu + 2)) * (np.trace(pooled @ pooled) - np.trace(pooled) ** 2 / nu)
    found = participation_ratio(points)
    assert found.estimate == pytest.approx(np.trace(pooled) ** 2 / square)
    assert found.parts["naive"] == pytest.approx(np.trace(pooled) ** 2 / np.trace(pooled @ pooled))


def separable(points, labels):
    """Whether a plane with an intercept parts the labels, by linear programming."""
    sign = 2 * np.asarray(labels) - 1
    system = -sign[:, None] * np.column_stack([points, np.ones(len(points))])
    bounds = [(None, None)] * system.shape[1]
    return linprog(np.zeros(system.shape[1]), A_ub=system, b_ub=-np.ones(len(points)), bounds=bounds).status == 0


@pytest.mark.parametrize(("n", "d"), [(5, 2), (6, 2), (5, 3)])
def test_covers_count_is_that_of_all_labelings_tried(n, d):
    points = np.random.default_rng(n).normal(size=(n, d))
    fitted = [separable(points, labels) for labels in product((0, 1), repeat=n)]
    assert separable_share(n, d) == pytest.approx(np.mean(fitted))


def test_covers_arithmetic_written_out():
    assert separable_share(5, 2) == (1 + 4 + 6) / 2**4
    assert separable_share(6, 2) == (1 + 5 + 10) / 2**5  # n = 2(d + 1): one half
    assert separable_share(100, 99) == 1.0
    x, design, _ = study(30, 12)
    found = cover_capacity(x, measure_geometry(x, design, seed=0), design)
    assert found.parts["rank"] == 12
    assert found.estimate == pytest.approx(stats.binom.cdf(12, 29, 0.5))
    assert "carries no evidence" not in found.reading
    short = cover_capacity(x[:13], measure_geometry(x[:13], two := make_design(design.codes[:13]), seed=0), two)
    assert short.estimate == 1.0 and "training accuracy carries no evidence" in short.reading


@pytest.mark.parametrize("d", [12, 60])
def test_training_accuracy_is_that_of_a_fitted_ridge_with_the_nearest_centroid(d):
    x, design, codes = study(30, d)
    geometry = measure_geometry(x, design, seed=0)
    found = training_accuracy(geometry, codes)
    centred = x - x.mean(axis=0)
    penalty = choose_penalty(geometry.gram)[0] * (centred**2).sum() / 30
    reached = []
    for labels in codes.T:
        scores = Ridge(alpha=penalty, solver="svd").fit(x, labels.astype(float)).predict(x)
        border = (scores[labels == 0].mean() + scores[labels == 1].mean()) / 2
        reached.append(balanced_accuracy_score(labels, scores > border))
    assert found.estimate == pytest.approx(reached[0])
    assert found.parts["random_labels"] == pytest.approx(np.mean(reached[1:]))


@pytest.mark.parametrize(("classes", "replicates"), [(2, 1), (3, 2)])
def test_class_overlap_is_the_auc_over_all_pairs_of_units(classes, replicates):
    x, design, codes = study(18, classes=classes, replicates=replicates)
    found = class_overlap(measure_geometry(x, design, seed=0), codes)
    distances, expected = cdist(x, x), []
    for labels in codes.T:
        pairs = [(labels[i] != labels[j], distances[i, j]) for i in range(design.n) for j in range(i)
                 if design.unit[i] != design.unit[j]]  # fmt: skip
        expected.append(roc_auc_score(*zip(*pairs, strict=True)))
    assert found.estimate == pytest.approx(expected[0])
    assert found.band.low == pytest.approx(min(expected[1:])) and found.band.high == pytest.approx(max(expected[1:]))
    assert found.low < found.estimate < found.high


def test_hubness_and_contrast_are_those_of_all_distances_written_out():
    x, design, _ = study(60, 40)
    neighbourhood = compare_neighbours(measure_geometry(x, design, seed=0).points)
    distances = cdist(x, x)
    order = np.argsort(distances, axis=1)
    assert (order[:, 0] == np.arange(60)).all()
    counts = np.bincount(order[:, 1:11].ravel(), minlength=60)
    found = hubness(neighbourhood)
    assert found.estimate == pytest.approx(stats.skew(counts))
    assert found.parts == {"k": 10.0, "largest": float(counts.max()), "never": float((counts == 0).mean())}
    ratios = [row[row > 0].max() / row[row > 0].min() for row in distances]
    assert relative_contrast(neighbourhood).estimate == pytest.approx(stats.gmean(ratios) - 1)


def test_variance_ratios_are_those_of_each_class_and_channel():
    x, design, codes = study(33, classes=3)
    band = np.arange(12) < 5
    found = variance_ratio(x, design, codes, regions={"in_band": band, "off_band": ~band}, seed=0)
    for result, mask in zip(found, (band, ~band), strict=True):
        expected = []
        for labels in codes.T:
            logs = [np.log(x[labels == c][:, mask].var(axis=0, ddof=1)) for c in range(3)]
            expected.append(np.mean([np.abs(logs[a] - logs[b]) for a, b in ((0, 1), (0, 2), (1, 2))]))
        assert result.estimate == pytest.approx(expected[0])
        assert result.band.low == pytest.approx(min(expected[1:]))
        assert result.sample.d == mask.sum()


def test_norm_separability_is_the_auc_of_sizes_written_out():
    x, design, codes = study(30)
    x = x + 20.0
    axis = np.linspace(0.0, 1.0, 12)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    snv = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    sizes = {
        "raw": np.linalg.norm(x, axis=1),
        "centred": np.linalg.norm(x - x.mean(axis=0), axis=1),
        "snv": np.linalg.norm(snv - snv.mean(axis=0), axis=1),
        "area": np.linalg.norm(x, axis=1) / np.trapezoid(np.abs(x), axis, axis=1),
        "unit_vector": np.linalg.norm(unit - unit.mean(axis=0), axis=1),
    }
    assert sizes.keys() == SIZES.keys()
    for result, (name, size) in zip(norm_separability(x, axis, design, codes, seed=0), sizes.items(), strict=True):
        aucs = [roc_auc_score(labels, size) for labels in codes.T]
        assert result.name == f"norm_separability.{name}"
        assert result.parts["1 above 0"] == pytest.approx(aucs[0])
        folded = 0.5 + np.abs(np.array(aucs) - 0.5)
        assert result.estimate == pytest.approx(folded[0])
        assert result.band.high == pytest.approx(folded[1:].max())


def test_class_means_leave_no_trace_in_the_residual_gram_matrix():
    x, design, _ = study(20, 6, classes=3)
    gram = (x - x.mean(axis=0)) @ (x - x.mean(axis=0)).T
    residual = np.array(x)
    for c in range(3):
        residual[design.codes == c] -= x[design.codes == c].mean(axis=0)
    found, nu = within_classes(gram, design.codes)
    np.testing.assert_allclose(found, residual @ residual.T, atol=1e-9)
    assert nu == 17
