"""Differences of accuracies over partly common units: against written arithmetic, an enumeration, and simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from spectral_core.comparison.newcomers import PERMUTATIONS, newcomers, shared_classes
from spectral_core.comparison.noise import contrast, from_intervals, training_factor
from spectral_core.comparison.units import Credits
from spectral_core.inference import credit
from spectral_core.probe import fit_probe
from spectral_core.simulate import Recipe, simulate
from spectral_core.splits import make_design, unit_folds
from tests.calibration.acceptance import at_most
from tests.calibration.comparisons import Pair, any_difference, compared


def rows(values, units, classes, spectra=None):
    n = len(values)
    sizes = np.ones(n) if spectra is None else np.asarray(spectra, dtype=float)
    return Credits(np.asarray(values, dtype=float), sizes, np.asarray(units), np.asarray(classes))


def draw(rng, n, p, first_unit=0):
    """n units a class, one spectrum each."""
    return rows(rng.random(2 * n) < p, first_unit + np.arange(2 * n), np.repeat([0, 1], n))


def test_the_accuracy_weighs_classes_alike_and_spectra_within_them():
    # class 0: (3·1 + 1·0)/4 = 3/4; class 1: 1/2; the mean is 5/8
    assert rows([1, 0, 0.5], [0, 1, 2], [0, 0, 1], [3, 1, 2]).accuracy == 0.625


def test_unpaired_differences_have_the_standard_error_of_four_proportions():
    rng = np.random.default_rng(3)
    n = 400
    a, b = draw(rng, n, 0.7), draw(rng, n, 0.8, first_unit=2 * n)
    found = contrast(a, b, n_units=4 * n, factor=1.0, alpha=0.05)
    recalls = [c.value[c.class_code == k].mean() for c in (a, b) for k in (0, 1)]
    error = np.sqrt(sum(r * (1 - r) for r in recalls) / n) / 2  # each recall counts half
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.01)
    z = found.value / error
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.1)


def test_what_common_units_do_in_both_audits_cancels():
    rng = np.random.default_rng(4)
    n = 200
    a = draw(rng, n, 0.7)
    flipped = np.zeros(2 * n, dtype=bool)
    flipped[[0, 1, 2, n, n + 1]] = True
    b = rows(np.where(flipped, 1 - a.value, a.value), a.unit, a.class_code)
    paired = contrast(a, b, n_units=2 * n, factor=1.0, alpha=0.05)
    apart = rows(b.value, b.unit + 2 * n, b.class_code)
    unpaired = contrast(a, apart, n_units=4 * n, factor=1.0, alpha=0.05)
    # five discordant pairs: the variance of the mean of 2n differences of −1, 0 and 1
    by_class = [(b.value - a.value)[a.class_code == k] for k in (0, 1)]
    error = np.sqrt(sum(d.var() / n for d in by_class)) / 2
    assert (paired.high - paired.low) / 2 == pytest.approx(1.96 * error, rel=0.15)
    assert unpaired.value == paired.value and (unpaired.high - unpaired.low) > 3 * (paired.high - paired.low)


def test_half_common_units_lie_between_pairs_and_independent_samples():
    rng = np.random.default_rng(5)
    a = draw(rng, 100, 0.7)
    widths = []
    for shift in (0, 50, 100):  # units of each class that are new
        unit = np.concatenate([np.arange(shift, 100 + shift), np.arange(300 + shift, 400 + shift)])
        before = rows(a.value, np.concatenate([np.arange(100), np.arange(300, 400)]), a.class_code)
        values = np.where(unit % 300 < 100, a.value[unit % 300 % 100 + 100 * (unit >= 300)], rng.random(200) < 0.7)
        found = contrast(before, rows(values, unit, a.class_code), n_units=600, factor=1.0, alpha=0.05)
        widths.append(found.high - found.low)
    assert widths[0] < widths[1] < widths[2]


def test_replicates_count_as_one_unit():
    rng = np.random.default_rng(6)
    a, b = draw(rng, 40, 0.6), draw(rng, 40, 0.8, first_unit=80)
    single = contrast(a, b, n_units=160, factor=1.0, alpha=0.05)
    fivefold = [rows(c.value, c.unit, c.class_code, np.full(80, 5.0)) for c in (a, b)]
    again = contrast(*fivefold, n_units=160, factor=1.0, alpha=0.05)
    assert (again.low, again.high, again.p) == (single.low, single.high, single.p)


def test_equal_audits_differ_by_nothing_and_the_interval_still_has_a_width():
    a = rows(np.ones(20), np.arange(20), np.repeat([0, 1], 10))
    found = contrast(a, a, n_units=20, factor=1.5, alpha=0.05)
    assert found.value == 0 and found.p == 1 and found.low < 0 < found.high


def test_the_training_factor_is_nadeau_and_bengios_share_of_test_to_training():
    # five folds: a fifth is tested, four fifths train: 1 + 5·(1/4)
    assert training_factor(5) ** 2 == 1 + 5 * 0.25
    narrow, wide = (
        contrast(*(draw(np.random.default_rng(s), 50, 0.7, 100 * s) for s in (0, 1)), n_units=200, factor=f, alpha=0.05)
        for f in (1.0, 1.5)
    )
    assert wide.high - wide.low == pytest.approx(1.5 * (narrow.high - narrow.low)) and wide.p > narrow.p


def test_intervals_alone_give_newcombes_difference():
    """Newcombe (1998), table II, contrast (a): 56/70 against 48/80 gives [+0.0524, +0.3339] (method 10)."""
    ends = [stats.binomtest(k, n).proportion_ci(method="wilson") for k, n in ((48, 80), (56, 70))]
    a, b = ((k, e.low, e.high) for k, e in zip((48 / 80, 56 / 70), ends, strict=True))
    found = from_intervals(a, b, n=(80, 70), factor=1.0, alpha=0.05)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert found.p < 0.05 and from_intervals(a, a, n=(80, 80), factor=1.0, alpha=0.05).p == 1


def test_newcomers_are_tested_by_every_way_to_choose_them():
    # eight units of one class, three of them new: 56 choices, enumerated
    values = np.array([0, 0, 1, 0, 0.5, 1, 1, 0.5])
    figure, tags = rows(values, np.arange(8), np.zeros(8, dtype=int)), np.arange(8) >= 5
    apart = [values[list(c)].mean() - np.delete(values, c).mean() for c in combinations(range(8), 3)]
    exact = np.mean(np.abs(apart) >= abs(values[5:].mean() - values[:5].mean()) - 1e-12)
    (p,) = newcomers([figure], tags, seed=1)
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / PERMUTATIONS))


def test_newcomers_exchange_inside_their_class_only():
    # class 0 is always right, class 1 never: between classes there is nothing to exchange, within them no difference
    figure = rows(np.repeat([1.0, 0.0], 10), np.arange(20), np.repeat([0, 1], 10))
    tags = np.isin(np.arange(20), [0, 1, 2, 3, 4, 10])
    assert newcomers([figure], tags, seed=1) == [1.0]
    assert shared_classes(figure, tags) == [0, 1]


def test_units_of_several_classes_move_as_a_whole():
    figure = rows([1, 1, 0, 0] * 3, np.repeat(np.arange(6), 2), [0, 1] * 6)
    (p,) = newcomers([figure], figure.unit >= 4, seed=2)
    # 15 choices of two of six units with credits 1 0 1 0 1 0: one right and one wrong is observed, least far apart
    assert p == 1.0


def test_p_values_do_not_depend_on_the_figures_asked_beside_them():
    rng = np.random.default_rng(7)
    figures, tags = [draw(rng, 15, 0.7) for _ in range(3)], np.tile(np.arange(15) >= 11, 2)
    together = newcomers(figures, tags, seed=4)
    assert together == [newcomers([figure], tags, seed=4)[0] for figure in figures]


def held_out(data, kept, seed):
    """Credits of the probe on some spectra of a simulated set, each specimen held out once."""
    part = data.take(kept)
    design = make_design(part.label, unit=part.unit)
    folds = unit_folds(design, k=5, seed=seed)
    margins = fit_probe(part.x, unit=design.unit).judge(design.codes[:, None], folds, 2).margins
    return rows(credit(np.asarray(margins).ravel(), 2), part.unit, design.codes)


def test_cross_validated_accuracies_of_two_samples_of_one_population_rarely_differ():
    n, p = 16, []
    for seed in range(150):
        data = simulate(Recipe(units=(2 * n, 2 * n), channels=60, band_effect=0.08 * (seed % 2)), seed=seed)
        first = np.tile(np.arange(2 * n) < n, 2)
        a, b = (held_out(data, np.flatnonzero(half), seed) for half in (first, ~first))
        p.append(contrast(a, b, n_units=4 * n, factor=training_factor(5), alpha=0.05).p)
    assert at_most(sum(value <= 0.05 for value in p), len(p), 0.05)
    assert min(p) < 0.5


def test_audits_of_one_population_are_not_called_different():
    alarms = sum(any_difference(Pair("apart", 8, 0.1), seed) for seed in range(8))
    assert at_most(alarms, 8, 0.05)


def test_new_spectra_of_an_instrument_with_another_gain_are_found_and_named():
    found = compared(Pair("grown", 120, 0.3, gain=1.0), 0)
    (figure,) = [figure for figure in found.moved if figure.block == "off_band"]
    added = figure.contrasts["added"]
    assert found.beyond(added) and (added.n_a, added.n_b) == (240, 48) and added.b > added.a
