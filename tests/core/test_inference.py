"""Error rates of the small statistics, by arithmetic and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from spectral_core.inference import (
    balanced_mean,
    class_weights,
    holm_between_groups,
    permutation_p,
    step_down_max_t,
)
from spectral_core.splits import make_design


def test_a_p_value_is_never_zero():
    assert permutation_p(5.0, np.zeros(99)) == 1 / 100
    assert permutation_p(0.0, np.zeros(99)) == 1.0


def test_step_down_max_t_by_hand():
    observed = np.array([3.0, 1.0, 2.0])
    null = np.array([[0.0, 4.0, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    # largest first: claim 0 against max of all three (2, 4, 0) -> 1 of 3; claim 2 against claims 2 and 1
    # (2, 1, 0) -> 1 of 3; claim 1 alone (2, 0, 0) -> 1 of 3; each (1 + 1) / 4, made monotone
    np.testing.assert_allclose(step_down_max_t(observed, null), [0.5, 0.5, 0.5])
    np.testing.assert_allclose(step_down_max_t(np.array([5.0, 1.0, 2.0]), null), [0.25, 0.5, 0.5])


def test_step_down_max_t_holds_the_family_wise_error():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        common = rng.normal(size=200)
        statistics = 0.7 * common + 0.7 * rng.normal(size=(8, 200))
        alarms += step_down_max_t(statistics[:, 0], statistics[:, 1:]).min() <= 0.05
    assert 6 <= alarms <= 36  # binomial(400, 0.05) holds [8, 33] in 99 %; p-values come in steps of 1/200


def test_holm_by_hand():
    one, two = holm_between_groups([np.array([0.03, 0.5]), np.array([0.01, 0.02])])
    np.testing.assert_allclose(two, [0.02, 0.04])
    np.testing.assert_allclose(one, [0.03, 0.5])


def test_holm_never_ranks_a_later_family_before_an_earlier_one():
    one, two = holm_between_groups([np.array([0.04]), np.array([0.03])])
    assert two[0] == pytest.approx(0.06) and one[0] == pytest.approx(0.06)


def test_weights_average_class_means():
    codes = np.array([0, 0, 0, 1])[:, None]
    design = make_design([0, 0, 0, 1])
    values = np.array([1.0, 0.0, 0.0, 1.0])[:, None]
    assert (class_weights(design, codes) * values).sum() == pytest.approx((1 / 3 + 1) / 2)


def test_no_discordance_leaves_what_the_rule_of_three_leaves():
    design = make_design(np.repeat(["a", "b", "c"], 20))
    found = balanced_mean(design, np.zeros(60), alpha=0.05, low=-1.0)
    assert found.value == 0.0
    assert found.at_most == pytest.approx(1 - 0.05 ** (1 / 60), rel=0.08)  # exact binomial bound, 0.0487


@pytest.mark.parametrize("sizes", [(25, 25), (30, 30, 30), (12, 60)])
@pytest.mark.parametrize("replicates", [1, 4])
def test_intervals_cover_what_they_say(sizes, replicates):
    rng = np.random.default_rng(sum(sizes) + replicates)
    label = np.repeat(np.repeat(np.arange(len(sizes)), sizes), replicates)
    unit = np.repeat(np.arange(sum(sizes)), replicates)
    design = make_design(label, unit=unit)
    covered = []
    for _ in range(800):
        skill = rng.beta(4, 2, size=sum(sizes))[unit]  # replicates of a unit agree
        found = balanced_mean(design, (rng.random(unit.size) < skill).astype(float), alpha=0.05)
        covered.append((found.low <= 2 / 3 <= found.high, found.at_least <= 2 / 3, found.at_most >= 2 / 3))
    for share in np.mean(covered, axis=0):
        assert 0.925 <= share <= 0.99


@pytest.mark.parametrize("right", [(30, 24), (40, 37), (20, 20)])
def test_the_interval_of_an_accuracy_of_two_classes_is_that_of_agresti_and_caffo(right):
    # one success and one failure more in each class: p = (x + 1)/(m + 2), variance of the mean of two such p
    shares = np.array([(x + 1) / 42 for x in right])
    half = 1.959964 * np.sqrt((shares * (1 - shares) / 42).sum()) / 2
    credit = np.concatenate([np.arange(40) < x for x in right]).astype(float)
    found = balanced_mean(make_design(np.repeat([0, 1], 40)), credit, alpha=0.05)
    assert (found.low, found.high) == pytest.approx((shares.mean() - half, shares.mean() + half), abs=0.002)


def test_no_interval_ends_inside_a_bound():
    rng = np.random.default_rng(5)
    for low in (0.0, -1.0):
        for _ in range(60):
            design = make_design(np.repeat([0, 1, 2][: rng.integers(2, 4)], rng.integers(5, 40)))
            found = balanced_mean(design, rng.integers(int(low), 2, design.n).astype(float), alpha=0.05, low=low)
            assert low <= found.low <= found.at_least <= found.value <= found.at_most <= found.high <= 1


def test_replicates_do_not_narrow_the_interval():
    once = make_design(np.repeat([0, 1], 15))
    often = make_design(np.repeat(np.repeat([0, 1], 15), 10), unit=np.repeat(np.arange(30), 10))
    right = np.random.default_rng(1).integers(0, 2, 30).astype(float)
    a, b = balanced_mean(once, right, alpha=0.05), balanced_mean(often, np.repeat(right, 10), alpha=0.05)
    assert (a.low, a.high) == pytest.approx((b.low, b.high))
