"""The energy test equals its definition written out, and is honest under the null hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from spectral_core.errors import AuditError
from spectral_core.probe import distance_matrix, energy_test
from spectral_core.probe.energy import dispersion_between


def written_out(x, codes, n_classes):
    """Between-class part of the dispersion, by loops over classes and spectra (Rizzo & Székely, 2010)."""

    def mean_distance(a, b):
        return sum(np.linalg.norm(x[i] - x[j]) for i in a for j in b) / (len(a) * len(b))

    classes = [np.flatnonzero(codes == c) for c in range(n_classes)]
    n = len(x)
    between = 0.0
    for i, a in enumerate(classes):
        for b in classes[i + 1 :]:
            energy = 2 * mean_distance(a, b) - mean_distance(a, a) - mean_distance(b, b)
            between += len(a) * len(b) / (2 * n) * energy
    return between / (n / 2 * mean_distance(range(n), range(n)))


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_all_labelings_at_once_equal_the_double_loop(n_classes):
    rng = np.random.default_rng(n_classes)
    x = rng.normal(size=(19, 6)) * 3 + 100
    codes = rng.integers(0, n_classes, (19, 5))
    codes[:n_classes] = np.arange(n_classes)[:, None]
    found = dispersion_between(distance_matrix(x), codes, n_classes)
    expected = [written_out(x, codes[:, p], n_classes) for p in range(5)]
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_one_channel_agrees_with_scipys_energy_distance():
    """SciPy's energy distance of two samples on a line is the root of the energy."""
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(30, 1)), np.repeat([0, 1], [10, 20])
    energy = stats.energy_distance(x[codes == 0, 0], x[codes == 1, 0]) ** 2
    total = cdist(x, x).sum() / 60
    found = dispersion_between(distance_matrix(x), codes[:, None], 2)[0]
    assert found == pytest.approx(10 * 20 / 60 * energy / total, rel=1e-9)


def test_distances_are_euclidean_in_units_of_the_spread():
    x = np.random.default_rng(1).normal(size=(15, 40)) + 9
    spread = np.sqrt(((x - x.mean(axis=0)) ** 2).sum() / 15)
    np.testing.assert_allclose(distance_matrix(x), cdist(x, x) / spread, atol=1e-9)


def test_p_is_uniform_without_an_effect_and_small_with_one():
    """P + 1 = 20 labelings: under the null hypothesis p takes 1/20, …, 20/20 equally often."""
    rng = np.random.default_rng(3)
    observed = np.arange(24) % 2

    def p_value(effect):
        codes = np.column_stack([observed, rng.permuted(np.tile(observed, (19, 1)), axis=1).T])
        x = rng.normal(size=(24, 10)) * np.where(observed == 1, 1.0 + effect, 1.0)[:, None]
        return energy_test(distance_matrix(x), codes, 2).p

    null = [p_value(0.0) for _ in range(400)]
    assert stats.binomtest(sum(p <= 0.25 for p in null), 400, 0.25).pvalue > 1e-3
    # same mean, other spread: no linear classifier could see it
    assert np.median([p_value(1.0) for _ in range(20)]) == 0.05


def test_equal_spectra_have_nothing_between_classes():
    codes = np.column_stack([np.arange(8) % 2, np.arange(8) // 4])
    found = energy_test(distance_matrix(np.full((8, 4), 0.3)), codes, 2)
    assert (found.share, found.p) == (0.0, 1.0)
    assert str(found) == "0.000 of the dispersion lies between classes, 0.000 expected, p = 1"


def test_codes_without_relabelings_are_refused():
    with pytest.raises(AuditError, match="at least two columns"):
        energy_test(np.zeros((4, 4)), np.zeros((4, 1), dtype=int), 2)
