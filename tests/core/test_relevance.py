"""Every figure of relevance equals what refits and exchanged columns, written out, give."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge

from spectral_core.inference import credit
from spectral_core.probe import held_out_margins
from spectral_core.relevance.agreement import measure_agreement, shifted_shares
from spectral_core.relevance.band_table import Judge, Region, judge_region, list_regions
from spectral_core.relevance.exchange import conditional_parts, contributions, exchange_loss
from spectral_core.relevance.linear_model import fold_models, prepare_model
from spectral_core.relevance.maps import against_null, weight_and_pattern
from spectral_core.relevance.occlusion import cut_windows, occlude
from spectral_core.relevance.pls_maps import count_components, vip_and_selectivity
from spectral_core.splits import make_design, permuted_codes, unit_folds

SHAPES = [(2, 43, 60), (3, 50, 24), (2, 70, 9)]


def spectra(n_classes, n, d, *, replicates=2):
    """Correlated spectra of several classes; units of unequal size."""
    rng = np.random.default_rng(n)
    unit = np.sort(rng.integers(0, n // replicates, n))
    class_of_unit = rng.permutation(np.arange(unit.max() + 1) % n_classes)
    codes = class_of_unit[unit]
    x = 3 + rng.normal(size=(n, 4)) @ rng.normal(size=(4, d)) + 0.5 * rng.normal(size=(n, d))
    x[:, 2:5] += 0.8 * codes[:, None]
    design = make_design(codes, unit=unit)
    labelings = np.column_stack([design.codes, permuted_codes(design, n=3, seed=1)])
    return x, design, labelings, unit_folds(design, k=4, seed=2)


def refit(model, x, codes, n_classes):
    """Fit scikit-learn's Ridge on indicators, with the penalty of the model on the scale of x."""
    y = np.eye(n_classes)[codes]
    return Ridge(alpha=model.ridge * model.scale * model.largest**2, solver="svd").fit(x, y)


def margins_of(ridge, train, train_codes, train_unit, x, own, n_classes):
    """Margins against centroids where unseen spectra of a class would score, one spectrum at a time."""
    fitted = ridge.predict(train)
    hat = Ridge(alpha=ridge.alpha, solver="svd").fit(train, np.eye(len(train))).predict(train)
    blocks = [hat[np.ix_(train_unit == u, train_unit == u)] for u in np.unique(train_unit)]
    leverage = np.mean([block.sum() / len(block) for block in blocks])
    centroids = np.stack([fitted[train_codes == c].mean(axis=0) for c in range(n_classes)])
    unseen = (centroids - leverage * np.eye(n_classes)) / (1 - leverage)
    margins = np.empty(len(x))
    for i, score in enumerate(ridge.predict(x)):
        ahead = []
        for rival in set(range(n_classes)) - {int(own[i])}:
            line, middle = centroids[own[i]] - centroids[rival], (unseen[own[i]] + unseen[rival]) / 2
            ahead.append((2 * line @ (score - middle), line @ line))
        margins[i] = np.clip(min(ahead)[0] / min(ahead)[1], -1, 1)
    return margins


def balanced(codes, values):
    return np.mean([values[codes == c].mean() for c in np.unique(codes)])


@pytest.mark.parametrize(("n_classes", "n", "d"), SHAPES)
def test_fold_models_have_the_weights_and_scores_of_refits(n_classes, n, d):
    x, design, labelings, folds = spectra(n_classes, n, d)
    model = prepare_model(x)
    for fold_model in fold_models(model, labelings, folds, n_classes, unit=design.unit):
        train = np.setdiff1d(np.arange(n), fold_model.rows)
        for p in range(labelings.shape[1]):
            ridge = refit(model, x[train], labelings[train, p], n_classes)
            kept = slice(1, 2) if n_classes == 2 else slice(None)
            np.testing.assert_allclose(fold_model.weights[:, p] / model.largest, ridge.coef_[kept].T, atol=1e-9)
            np.testing.assert_allclose(fold_model.scores[:, p], ridge.predict(x[fold_model.rows])[:, kept], atol=1e-9)


@pytest.mark.parametrize(("n_classes", "n", "d"), SHAPES)
def test_fold_models_classify_as_the_probe_does(n_classes, n, d):
    x, design, labelings, folds = spectra(n_classes, n, d)
    model = prepare_model(x)
    expected = held_out_margins(model.hat, labelings, folds, n_classes, unit=design.unit)
    for fold in fold_models(model, labelings, folds, n_classes, unit=design.unit):
        np.testing.assert_allclose(fold.margins(fold.scores, labelings[fold.rows]), expected[fold.rows], atol=1e-9)


@pytest.mark.parametrize(("n_classes", "n", "d"), SHAPES)
def test_weights_and_pattern_are_those_of_a_refit(n_classes, n, d):
    x, _, labelings, _ = spectra(n_classes, n, d)
    model = prepare_model(x)
    maps = weight_and_pattern(model, labelings, n_classes)
    for p in range(labelings.shape[1]):
        ridge = refit(model, x, labelings[:, p], n_classes)
        fitted = ridge.predict(x)
        weights = ridge.coef_ / np.linalg.norm(ridge.coef_, axis=1, keepdims=True)
        pattern = np.array([[np.cov(channel, score, ddof=0)[0, 1] / score.std() for channel in x.T]
                            for score in fitted.T])  # fmt: skip
        if n_classes == 2:
            expected = {"weights": weights[1], "pattern": pattern[1]}
        else:
            expected = {"weights": np.linalg.norm(weights, axis=0), "pattern": np.linalg.norm(pattern, axis=0)}
        for name, values in expected.items():
            np.testing.assert_allclose(maps[name][:, p], values, atol=1e-9)


def test_the_pattern_is_the_covariance_of_the_spectra_times_the_weights():
    # Haufe et al. (2014), equation 6: A = Σ_X W Σ_ŝ⁻¹; here times the score's standard deviation
    x, _, labelings, _ = spectra(2, 43, 60)
    maps = weight_and_pattern(prepare_model(x), labelings, 2)
    covariance = np.cov(x.T, ddof=0)
    weights = maps["weights"][:, 0]
    np.testing.assert_allclose(
        maps["pattern"][:, 0], covariance @ weights / np.sqrt(weights @ covariance @ weights), atol=1e-9
    )


@pytest.mark.parametrize(("n_classes", "n", "d"), SHAPES)
def test_vip_and_selectivity_ratio_are_those_of_pls_regression(n_classes, n, d):
    x, _, labelings, _ = spectra(n_classes, n, d)
    components = 4
    found = vip_and_selectivity(prepare_model(x), labelings, n_classes, components=components)
    centred = x - x.mean(axis=0)
    for p in range(labelings.shape[1]):
        vip_squared, ratio_squared = np.zeros(d), np.zeros(d)
        classes = [1] if n_classes == 2 else range(n_classes)
        for c in classes:
            y = (labelings[:, p] == c).astype(float)
            pls = PLSRegression(components, scale=False).fit(x, y)
            explained = (pls.x_scores_**2).sum(axis=0) * pls.y_loadings_.ravel() ** 2
            vip_squared += d * (pls.x_weights_**2 @ explained) / explained.sum() / len(classes)
            target = centred @ (pls.coef_.ravel() / np.linalg.norm(pls.coef_))
            explained_part = np.outer(target, centred.T @ target / (target @ target))
            residual = ((centred - explained_part) ** 2).sum(axis=0)
            ratio_squared += ((explained_part**2).sum(axis=0) / residual) ** 2
        np.testing.assert_allclose(found["vip"][:, p] ** 2, vip_squared, atol=1e-7)
        np.testing.assert_allclose(found["selectivity_ratio"][:, p] ** 2, ratio_squared, rtol=1e-6)
    np.testing.assert_allclose((found["vip"] ** 2).sum(axis=0), d)


def test_components_beyond_the_rank_change_nothing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 12))
    codes = (np.arange(30) % 2)[:, None]
    two, ten = (vip_and_selectivity(prepare_model(x), codes, 2, components=a) for a in (2, 10))
    np.testing.assert_allclose(two["vip"], ten["vip"], atol=1e-6)
    assert count_components(1000, 2000) == 10 and count_components(4, 3) == 2 and count_components(30, 1) == 1


@pytest.mark.parametrize(("n_classes", "n", "d"), SHAPES)
def test_occlusion_equals_filling_the_columns_and_predicting(n_classes, n, d):
    x, design, labelings, folds = spectra(n_classes, n, d)
    axis = np.cumsum(np.random.default_rng(0).uniform(0.5, 2.0, d))
    model, windows = prepare_model(x), cut_windows(d, most=5)
    fits = list(fold_models(model, labelings, folds, n_classes, unit=design.unit))
    found = occlude(model, fits, axis, design, labelings, windows)
    for p in (0, 2):
        codes = labelings[:, p]
        for w, window in enumerate(windows):
            lost = np.zeros((2, n))
            for rows in folds:
                train = np.setdiff1d(np.arange(n), rows)
                ridge = refit(model, x[train], codes[train], n_classes)
                mean_filled, line_filled = x[rows].copy(), x[rows].copy()
                mean_filled[:, window] = x[train][:, window].mean(axis=0)
                edges = [i for i in (window.start - 1, window.stop) if 0 <= i < d]
                for spectrum in line_filled:
                    spectrum[window] = np.interp(axis[window], axis[edges], spectrum[edges])
                whole = margins_of(ridge, x[train], codes[train], design.unit[train], x[rows], codes[rows], n_classes)
                for fill, filled in enumerate((mean_filled, line_filled)):
                    left = margins_of(ridge, x[train], codes[train], design.unit[train], filled, codes[rows], n_classes)
                    lost[fill, rows] = whole - left
            assert found.mean_fill[w, p] == pytest.approx(balanced(codes, lost[0]), abs=1e-9)
            assert found.interpolated[w, p] == pytest.approx(balanced(codes, lost[1]), abs=1e-9)


@pytest.mark.parametrize(("n_classes", "n", "d"), SHAPES)
def test_joint_and_conditional_permutation_equal_exchanged_columns(n_classes, n, d):
    x, design, _, folds = spectra(n_classes, n, d)
    band = np.zeros(d, dtype=bool)
    band[1:6] = True
    codes = design.codes
    model = prepare_model(x)
    fits = list(fold_models(model, codes[:, None], folds, n_classes, unit=design.unit))
    rest = prepare_model_hat(model, ~band)
    joint = contributions(model, fits, band)
    conditional = conditional_parts(rest, fits, joint)
    losses = [exchange_loss(design, fits, parts) for parts in (joint, conditional)]
    alpha = model.ridge * model.scale * model.largest**2
    for rows in folds:
        train = np.setdiff1d(np.arange(n), rows)
        ridge = refit(model, x[train], codes[train], n_classes)
        predicted = Ridge(alpha=alpha, solver="svd").fit(x[train][:, ~band], x[train][:, band])
        expectation = predicted.predict(x[rows][:, ~band])
        residual = x[rows][:, band] - expectation
        before = credit(
            margins_of(ridge, x[train], codes[train], design.unit[train], x[rows], codes[rows], n_classes), n_classes
        )
        for k, i in enumerate(rows):
            others = design.unit[rows] != design.unit[i]
            for loss, columns in zip(losses, (x[rows][:, band], expectation[k] + residual), strict=True):
                exchanged = np.tile(x[i], (int(others.sum()), 1))
                exchanged[:, band] = columns[others]
                own = np.full(len(exchanged), codes[i])
                after = credit(
                    margins_of(ridge, x[train], codes[train], design.unit[train], exchanged, own, n_classes), n_classes
                )
                assert loss[i] == pytest.approx(before[k] - after.mean(), abs=1e-9)


def prepare_model_hat(model, channels):
    """The hat matrix of some channels under the whole spectrum's penalty, written out."""
    part = model.z[:, channels]
    n = len(part)
    inverse = np.linalg.inv(part @ part.T / model.scale + model.ridge * np.eye(n))
    return 1 / n + np.eye(n) - model.ridge * inverse


@pytest.mark.parametrize(("n_classes", "n", "d"), SHAPES)
@pytest.mark.parametrize("channels", [slice(2, 5), slice(0, None)])
def test_a_band_alone_and_all_but_a_band_are_refits(n_classes, n, d, channels):
    x, design, labelings, folds = spectra(n_classes, n, d)
    band = np.zeros(d, dtype=bool)
    band[channels] = True
    model = prepare_model(x)
    judge = Judge(
        model, list(fold_models(model, labelings, folds, n_classes, unit=design.unit)), design, labelings, 0.05
    )
    full = credit(
        held_out_margins(model.hat, design.codes[:, None], folds, n_classes, unit=design.unit)[:, 0], n_classes
    )
    row = judge_region(judge, Region("b", "band", band), {"ones": np.ones(d)})
    alone = prepare_model(x[:, band])
    expected = credit(
        held_out_margins(alone.hat, design.codes[:, None], folds, n_classes, unit=design.unit)[:, 0], n_classes
    )
    assert row.alone.value == pytest.approx(balanced(design.codes, expected))
    assert row.sufficiency.value == pytest.approx(balanced(design.codes, full) - row.alone.value)
    assert row.shares["ones"] == pytest.approx(band.mean())
    if band.all():
        assert row.without is None and row.necessity is None
        return
    margins = np.empty(n)
    for rows in folds:
        train = np.setdiff1d(np.arange(n), rows)
        ridge = refit(model, x[train][:, ~band], design.codes[train], n_classes)
        rest, codes = x[:, ~band], design.codes
        margins[rows] = margins_of(
            ridge, rest[train], codes[train], design.unit[train], rest[rows], codes[rows], n_classes
        )  # fmt: skip
    without = balanced(design.codes, credit(margins, n_classes))
    assert row.without.value == pytest.approx(without)
    assert row.necessity.value == pytest.approx(balanced(design.codes, full) - without)


def test_every_circular_shift_is_the_rolled_mask():
    rng = np.random.default_rng(3)
    sizes, inside = np.abs(rng.normal(size=(37, 4))), rng.random(37) < 0.3
    rolled = [sizes[np.roll(inside, s)].sum(axis=0) / sizes.sum(axis=0) for s in range(37)]
    np.testing.assert_allclose(shifted_shares(sizes, inside), rolled, atol=1e-12)


def test_agreement_is_one_inside_zero_when_even_and_negative_outside():
    inside = np.zeros(20, dtype=bool)
    inside[4:9] = True
    maps = np.column_stack([inside, np.ones(20), ~inside]).astype(float)
    found = [measure_agreement("m", np.column_stack([one, maps]), inside, alpha=0.05).agreement for one in maps.T]
    np.testing.assert_allclose(found, [1.0, 0.0, -0.25 / 0.75])


def test_both_levels_of_a_map_are_reached_as_often_as_they_say():
    # labelings of pure noise are exchangeable, so the observed one exceeds each level with probability alpha
    rng = np.random.default_rng(5)
    scale = np.linspace(0.1, 10, 30)[:, None]  # channels of unequal null
    above, whole, everywhere = [], [], []
    for _ in range(600):
        values = np.cumsum(rng.normal(size=(30, 40)), axis=0) * scale
        found = against_null("m", np.arange(30.0), values, signed=True, alpha=0.1)
        above.append((np.abs(found.values) > found.pointwise).mean())
        everywhere.append((np.abs(found.values) > found.simultaneous).any())
        whole.append(found.p <= 0.1)
    assert 0.07 < np.mean(above) < 0.13
    assert 0.065 < np.mean(everywhere) < 0.135
    assert 0.065 < np.mean(whole) < 0.135


def test_regions_are_listed_with_all_bands_together_and_absent_ones_left_out():
    axis = np.linspace(0, 100, 101)
    regions = list_regions(axis, {"a": (10, 20), "b": (40, 60), "gone": (200, 300)}, {"gap": (90, 95)})
    assert [(r.name, r.kind, int(r.channels.sum())) for r in regions] == [
        ("a", "band", 11), ("b", "band", 21), ("all declared bands", "bands", 32),
        ("off-band", "off_band", 101 - 21 - 41), ("gap", "blank", 6),
    ]  # fmt: skip
