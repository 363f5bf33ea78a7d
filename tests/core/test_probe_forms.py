"""Through n × n or through d × d matrices: the same probe, and nothing grows with the labelings."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from spectral_core.errors import AuditError
from spectral_core.probe import fit_pls, fit_probe, hat_matrix, held_out_margins
from spectral_core.probe.fitting import dual_probe, primal_probe
from spectral_core.probe.primal import Primal
from spectral_core.probe.ridge import centred_gram

FOLDS = [np.arange(0, 90, 4), np.arange(1, 90, 3), np.arange(5, 12)]  # unequal, overlapping
JUDGED = [FOLDS[0], np.setdiff1d(FOLDS[1], FOLDS[0]), np.array([6, 11])]


def spectra(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) + 5.0


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("d", [3, 40, 130])
def test_primal_equals_dual_to_1e_9(n_classes, d):
    x = spectra(90, d)
    codes = np.random.default_rng(d).integers(0, n_classes, (90, 12))
    dual, primal = dual_probe(x), primal_probe(x)
    assert dual.rank == primal.rank
    expected = dual.margins(codes, FOLDS, n_classes, judged=JUDGED)
    np.testing.assert_allclose(primal.margins(codes, FOLDS, n_classes, judged=JUDGED), expected, atol=1e-9)
    by_hat = held_out_margins(hat_matrix(centred_gram(x), dual.penalty), codes, FOLDS, n_classes, judged=JUDGED)
    np.testing.assert_allclose(by_hat, expected, atol=1e-9)


def test_tall_data_take_the_primal_form_and_wide_data_the_dual():
    assert isinstance(fit_probe(spectra(40, 20)).form, Primal)
    assert not isinstance(fit_probe(spectra(40, 21)).form, Primal)


@pytest.mark.parametrize("fit", [dual_probe, primal_probe])
def test_a_class_missing_from_training_is_never_predicted(fit):
    probe = fit(spectra(9, 4))
    for codes, n_classes in ((np.array([0] * 6 + [1] * 3), 2), (np.array([0, 0, 0, 1, 1, 1, 2, 2, 2]), 3)):
        margins = probe.margins(codes[:, None], [np.arange(6, 9)], n_classes)
        assert (margins[6:] == -1.0).all()


@pytest.mark.parametrize("fit", [dual_probe, primal_probe])
def test_equal_spectra_know_nothing(fit):
    probe = fit(np.full((12, 5), 0.1))
    assert probe.rank == 0
    np.testing.assert_array_equal(probe.margins(np.arange(12)[:, None] % 2, [np.arange(4)], 2)[:4], 0.0)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_primal_form_does_not_depend_on_the_intensity_unit(factor):
    codes = np.arange(90)[:, None] % 2
    expected = primal_probe(spectra(90, 7)).margins(codes, FOLDS[:1], 2)
    np.testing.assert_allclose(primal_probe(spectra(90, 7) * factor).margins(codes, FOLDS[:1], 2), expected, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("integer", [np.int8, np.intp])
def test_a_judgement_is_the_mean_over_classes_of_class_means(n_classes, integer):
    probe = fit_probe(spectra(90, 20))
    codes = np.random.default_rng(1).integers(0, n_classes, (90, 600)).astype(integer)
    margins = probe.margins(codes, FOLDS, n_classes, judged=JUDGED)
    found = probe.judge(codes, FOLDS, n_classes, judged=JUDGED)
    np.testing.assert_array_equal(found.margins, margins[:, 0])
    rows = np.concatenate(JUDGED)
    for p in (0, 511, 599):
        m, c = margins[rows, p], codes[rows, p]
        right = np.where(m > 0, 1.0, np.where(m == 0, 1 / n_classes, 0.0))
        assert found.statistic[p] == pytest.approx(np.mean([m[c == k].mean() for k in range(n_classes)]))
        assert found.accuracy[p] == pytest.approx(np.mean([right[c == k].mean() for k in range(n_classes)]))


def test_tall_data_never_make_a_matrix_that_grows_with_spectra_squared():
    n, d, p = 6000, 16, 2000
    x = spectra(n, d).astype(np.float32)
    codes = np.random.default_rng(0).integers(0, 2, (n, p)).astype(np.int8)
    folds = [np.arange(i, n, 5) for i in range(5)]
    tracemalloc.start()
    try:
        fit_probe(x).judge(codes, folds, 2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # n × n would be 288 MB and n × P margins 96 MB
    assert peak < 90e6


def test_codes_and_folds_that_cannot_be_used_are_refused():
    for probe in (fit_probe(spectra(10, 30)), fit_probe(spectra(10, 3))):
        with pytest.raises(AuditError, match=r"class codes: expected 10 rows.*shape \(9, 1\)"):
            probe.margins(np.zeros((9, 1), dtype=int), [np.arange(3)], 2)
        with pytest.raises(AuditError, match="fold 1: expected fewer than 10"):
            probe.judge(np.zeros((10, 1), dtype=int), [np.arange(3), np.arange(10)], 2)


ONE_THREAD = """
import numpy
from threadpoolctl import threadpool_info, threadpool_limits
from spectral_core.probe.threads import SMALL, threads_for

def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

with threadpool_limits(2, user_api="blas"):
    with threads_for(SMALL - 1):
        with threads_for(10):
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    with threads_for(SMALL):
        assert blas_threads() == {2}
    assert blas_threads() == {2}
"""


def test_small_problems_have_one_thread_and_leave_the_rest_as_it_was():
    # in a process of its own: the limit is the process's, and threads of other tests may still be at work in this one
    subprocess.run([sys.executable, "-c", ONE_THREAD], check=True, timeout=60)


def test_the_number_of_threads_changes_nothing_to_1e_9():
    x = spectra(300, 700)
    codes = np.random.default_rng(2).integers(0, 2, (300, 50))
    folds = [np.arange(i, 300, 5) for i in range(5)]

    def everything(threads):
        with threadpool_limits(threads, user_api="blas"):
            wide, tall = dual_probe(x), primal_probe(x[:, :100])
            pls = fit_pls(x)
            found = [probe.form.held_out(codes, folds, 2) for probe in (wide, tall)]
            scores = [np.concatenate([part.scores.ravel() for part in stream]) for stream in found]
            parts = pls._held_out(codes, folds, 2, 5, (5,))
            return [*scores, np.concatenate([part.scores.ravel() for _, part in parts])]

    for one, two in zip(everything(1), everything(2), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-9)
