"""The penalty spends the degrees of freedom it names, whichever way they are counted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigvalsh

from spectral_core.probe import centred_gram, choose_penalty


def spectra(n, d, *, rank=None, decay=0.0):
    rng = np.random.default_rng([n, d])
    x = rng.normal(size=(n, d)) * np.exp(-decay * np.arange(d) / d)
    return x if rank is None else x[:, :rank] @ rng.normal(size=(rank, d))


SHAPES = {
    "more channels than spectra: all but the mean": (spectra(40, 90), 39),
    "a channel fewer than spectra: the same rank": (spectra(40, 39), 39),
    "fewer channels than spectra": (spectra(40, 12), 12),
    "seven components in many channels": (spectra(40, 90, rank=7), 7),
    "a background of e⁶ times the rest": (spectra(40, 90, decay=6.0), 39),
    "each spectrum twice": (np.repeat(spectra(20, 90), 2, axis=0), 19),
    "two spectra": (spectra(2, 5), 1),
    "one channel": (spectra(30, 1), 1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_fit_spends_n_r_over_n_plus_2r_degrees_of_freedom(name):
    x, rank = SHAPES[name]
    n, gram = len(x), centred_gram(x)
    penalty, found = choose_penalty(gram)
    assert found == rank
    values = eigvalsh(gram)[-rank:]
    assert (values / (values + penalty)).sum() == pytest.approx(n * rank / (n + 2 * rank), rel=1e-9)


@pytest.mark.parametrize("name", ["fewer channels than spectra", "one channel"])
def test_the_scatter_matrix_of_channels_gives_the_penalty_of_the_gram_matrix_of_spectra(name):
    x = SHAPES[name][0]
    z = x - x.mean(axis=0)
    scatter = z.T @ z / (float((z**2).sum()) / len(x))
    (penalty, rank), (other, same) = choose_penalty(scatter, n=len(x)), choose_penalty(centred_gram(x))
    assert rank == same
    assert penalty == pytest.approx(other, rel=1e-9)


def test_the_order_of_spectra_and_the_triangle_that_is_read_change_nothing_but_rounding():
    x = SHAPES["more channels than spectra: all but the mean"][0]
    reference = choose_penalty(centred_gram(x))[0]
    assert choose_penalty(centred_gram(x[::-1]))[0] == pytest.approx(reference, rel=1e-12)
    assert choose_penalty(np.tril(centred_gram(x)).T)[0] == pytest.approx(reference, rel=1e-12)
