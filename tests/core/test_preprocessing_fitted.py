"""Fitted steps keep scikit-learn's contract and their formulas, and learn only from what they are fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from spectral_core.errors import StudyError
from spectral_core.preprocessing.fitted import FITTED, MSC, Pareto, PrincipalComponents

RNG = np.random.default_rng(11)
X = RNG.normal(size=(12, 30)).cumsum(axis=1) + 20


@parametrize_with_checks([MSC(), Pareto(), PrincipalComponents()])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_msc_removes_gain_and_offset_exactly() -> None:
    gains, offsets = RNG.uniform(0.2, 5, (12, 1)), RNG.uniform(-9, 9, (12, 1))
    out = MSC().fit_transform(offsets + gains * X[0])
    reference = offsets.mean() + gains.mean() * X[0]
    np.testing.assert_allclose(out, np.broadcast_to(reference, (12, 30)), rtol=1e-10)


def test_msc_equals_a_straight_line_fit_of_each_spectrum() -> None:
    msc = MSC().fit(X[:8])
    lines = [np.polyfit(X[:8].mean(axis=0), row, 1) for row in X]
    expected = [(row - offset) / slope for row, (slope, offset) in zip(X, lines, strict=True)]
    np.testing.assert_allclose(msc.transform(X), expected, rtol=1e-8)


def test_msc_turns_a_spectrum_without_shape_into_the_reference() -> None:
    msc = MSC().fit(X)
    np.testing.assert_allclose(msc.transform(np.full((1, 30), 7.3))[0], X.mean(axis=0))
    assert np.isfinite(MSC().fit_transform(np.full((3, 30), 0.1))).all()


def test_pareto_by_hand() -> None:
    train = np.array([[0.0, 5.0], [8.0, 5.0]])  # means 4 and 5; deviations 4 and 0
    np.testing.assert_allclose(Pareto().fit(train).transform(train), [[-2, 0], [2, 0]])


def test_scale_leaves_constant_channels_finite() -> None:
    train = np.c_[X[:, :3], np.full(12, 0.1)]
    out = FITTED["scale"]().fit_transform(train)
    np.testing.assert_allclose(out.std(axis=0), [1, 1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(FITTED["mean_centre"]().fit_transform(train), train - train.mean(axis=0))


def test_principal_components_equal_scikit_learns_and_shrink_to_a_narrow_blank() -> None:
    np.testing.assert_allclose(
        FITTED["pca"](4).fit_transform(X), PCA(4, svd_solver="full").fit_transform(X), atol=1e-10
    )
    assert FITTED["pca"]().fit_transform(X[:, :3]).shape == (12, 3)


@pytest.mark.parametrize("components", [0, -1, 2.5, True, "3"])
def test_a_number_of_components_that_is_none_is_refused(components: Any) -> None:
    with pytest.raises(StudyError, match="pca, argument components: expected a whole number of at least 1"):
        FITTED["pca"](components)


@pytest.mark.parametrize("name", sorted(FITTED))
def test_what_is_held_out_does_not_change_what_was_learned(name: str) -> None:
    step = make_pipeline(FITTED[name]()).fit(X[:8])
    alone = step.transform(X[8:9])
    np.testing.assert_allclose(step.transform(np.r_[X[8:9], 1e6 * X[9:]])[:1], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(FITTED))
def test_float32_stays_float32(name: str) -> None:
    assert FITTED[name]().fit_transform(X.astype(np.float32)).dtype == np.float32
