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
from spectral_core.diagnostics.class_overlap import _without_each, class_overlap, row_ranks
from spectral_core.diagnostics.contrast import relative_contrast
from spectral_core.diagnostics.effective_rank import effective_rank, entropy_rank
from spectral_core.diagnostics.geometry import within_classes
from spectral_core.diagnostics.hubness import hubness
from spectral_core.diagnostics.neighbours import compare_neighbours
from spectral_core.diagnostics.norm_separability import SIZES, norm_separability
from spectral_core.diagnostics.participation import participation_ratio, unbiased_squares
from spectral_core.diagnostics.reference import unit_groups
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


def squares_over_fours(classes):
    """(tr Σ)² and tr Σ² by their definition: means over all four different units of a class, and between classes."""
    weight = np.array([len(z) - 1.0 for z in classes]) / sum(len(z) - 1 for z in classes)
    total, square = np.zeros((2, 2)), np.zeros((2, 2))
    for a, b in product((0, 1), repeat=2):
        if a != b:
            first, second = (np.cov(classes[c].T) for c in (a, b))
            total[a, b], square[a, b] = np.trace(first) * np.trace(second), np.trace(first @ second)
            continue
        one, two = np.triu_indices(len(classes[a]), 1)
        apart = classes[a][one] - classes[a][two]
        shared = (one[:, None] == one) | (one[:, None] == two) | (two[:, None] == one) | (two[:, None] == two)
        lengths = (apart**2).sum(axis=1)
        total[a, a] = np.outer(lengths, lengths)[~shared].mean() / 4
        square[a, a] = ((apart @ apart.T)[~shared] ** 2).mean() / 4
    return weight @ total @ weight, weight @ square @ weight


def test_the_unbiased_squares_are_means_over_four_different_units():
    rng = np.random.default_rng(1)
    classes = [rng.standard_t(3, size=(m, 7)) for m in (4, 9)]
    x, codes = np.concatenate(classes), np.repeat([0, 1], [4, 9])
    residual = within_classes(x @ x.T, codes)[0]
    assert unbiased_squares(residual, codes) == pytest.approx(squares_over_fours(classes))


@pytest.mark.parametrize("replicates", [1, 3])
def test_effective_rank_and_participation_come_from_the_pooled_covariance_of_unit_means(replicates):
    x, design, _ = study(30, 12, replicates=replicates)
    points = measure_geometry(x, design, seed=0).points
    means, classes = unit_means(x, design)
    residual = np.concatenate([means[classes == c] - means[classes == c].mean(axis=0) for c in (0, 1)])
    pooled = residual.T @ residual / 28
    assert effective_rank(points).estimate == pytest.approx(np.exp(stats.entropy(np.linalg.eigvalsh(pooled))))
    found = participation_ratio(points)
    total, square = squares_over_fours([means[classes == c] for c in (0, 1)])
    assert found.estimate == pytest.approx(total / square)
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
    assert found.band.p == short.band.p == 1.0  # white noise of this size has this rank
    flat = cover_capacity(x @ np.ones((12, 12)), measure_geometry(x @ np.ones((12, 12)), design, seed=0), design)
    assert flat.parts == {"rank": 1.0} and flat.estimate < flat.band.low and flat.band.p <= 0.01
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
def test_class_overlap_is_the_auc_of_each_spectrum_averaged_over_classes(classes, replicates):
    x, design, codes = study(18, classes=classes, replicates=replicates)
    found = class_overlap(measure_geometry(x, design, seed=0), codes)
    expected = [overlap_by_rows(x, design, labels) for labels in codes.T]
    assert found.estimate == pytest.approx(expected[0])
    assert found.band.low == pytest.approx(min(expected[1:])) and found.band.high == pytest.approx(max(expected[1:]))
    assert found.low < found.estimate < found.high


def overlap_by_rows(x, design, labels):
    """Mean over classes of the mean AUC of distances from one spectrum to other classes against its own."""
    distances, apart = cdist(x, x), design.unit[:, None] != design.unit
    rows = np.array([roc_auc_score(labels[own] != label, row[own])
                     for label, row, own in zip(labels, distances, apart, strict=True)])  # fmt: skip
    return np.mean([rows[labels == c].mean() for c in np.unique(labels)])


def test_the_overlap_without_a_group_is_that_of_the_other_spectra():
    x, design, _ = study(60, 8, replicates=2)
    x[::7] = x[3]  # ties
    squared, apart = cdist(x, x, "sqeuclidean"), design.unit[:, None] != design.unit
    groups = unit_groups(design.unit, design.codes, seed=0)
    found = _without_each(*row_ranks(squared, apart), apart, design.codes, groups).mean(axis=0)
    whole = overlap_by_rows(x, design, design.codes)
    for g in (0, 9, 19):
        rows = np.flatnonzero(groups != g)
        exact = overlap_by_rows(x[rows], design.subset(rows), design.codes[rows])
        assert abs(found[g] - exact) < 0.15 * abs(exact - whole) + 2e-4


def test_neighbours_without_a_group_are_those_of_the_other_units():
    x, design, _ = study(45, 6)
    points = measure_geometry(x, design, seed=3).points
    groups = unit_groups(points.unit, points.codes, seed=3)
    without = compare_neighbours(points).without
    assert len(without) == groups.max() + 1 == 20
    scale = compare_neighbours(points).found.nearest / np.sort(cdist(x, x), axis=1)[:, 1]
    for g, found in enumerate(without):
        ranked = np.sort(cdist(x[groups != g], x[groups != g]), axis=1)
        np.testing.assert_allclose(found.nearest, scale[0] * ranked[:, 1])
        np.testing.assert_allclose(found.second, scale[0] * ranked[:, 2])
        np.testing.assert_allclose(found.farthest, scale[0] * ranked[:, -1])


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
    x[:, 11] = 7.0
    residual, counts = x.copy(), np.bincount(design.codes)
    for c in range(3):
        own = design.codes == c
        residual[own] = (x[own] - x[own].mean(axis=0)) * np.sqrt(counts[c] / (counts[c] - 1))
    found = variance_ratio(x, design, codes, regions={"in_band": band, "off_band": ~band}, seed=0)
    for result, mask in zip(found, (band, ~band & (np.arange(12) != 11)), strict=True):
        expected = []
        for labels, values in zip(codes.T, (x, *[residual] * 4), strict=True):
            logs = [np.log(values[labels == c][:, mask].var(axis=0, ddof=1)) for c in range(3)]
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


def test_a_background_a_million_times_the_noise_does_not_hide_the_noise_level():
    rng, design = np.random.default_rng(3), make_design(np.arange(40) % 2)
    codes = np.column_stack([design.codes, permuted_codes(design, n=19, seed=0)])
    noise = rng.normal(size=(40, 200)) * (1 + 0.5 * design.codes)[:, None]
    for background in (0.0, 1e6):
        found = norm_separability(noise + background, np.arange(200.0), design, codes, seed=0)[1]
        assert found.estimate == 1.0, background


def test_class_means_leave_no_trace_in_the_residual_gram_matrix():
    x, design, _ = study(20, 6, classes=3)
    gram = (x - x.mean(axis=0)) @ (x - x.mean(axis=0)).T
    residual = np.array(x)
    for c in range(3):
        residual[design.codes == c] -= x[design.codes == c].mean(axis=0)
    found, nu = within_classes(gram, design.codes)
    np.testing.assert_allclose(found, residual @ residual.T, atol=1e-9)
    assert nu == 17
