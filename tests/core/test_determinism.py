"""One seed, one report: whatever the threads, the workers, the process and the order of summation."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from threadpoolctl import threadpool_limits

from spectral_core import audit_classifier
from spectral_core.inference import credit, permutation_p
from spectral_core.probe import ask_each, fit_pls, fit_probe, group_channels

AUDIT = """
import json, sys
import numpy as np
from threadpoolctl import threadpool_limits
from spectral_core import audit_classifier
from spectral_core.probe import threads

threads.SMALL = 0  # BLAS as it is limited here: no problem counts as small
rng = np.random.default_rng(3)
unit = np.arange(80) // 2
y, batch = unit % 2, (unit // 2) % 2
x = rng.normal(size=(80, 200)) + 2.0
x[:, 40:60] += 0.6 * y[:, None]
x[64:] = x[:16]  # the same spectra again, half of them under the other label
y[64:72] = 1 - y[64:72]
for limit in sys.argv[1:]:
    with threadpool_limits(int(limit)):
        report = audit_classifier(
            x, y, axis=np.arange(200.0), axis_unit="nm", bands={"dye": (40, 59), "salt": (100, 120)},
            blank={"dark": (150, 190)}, unit=unit, batch=batch, preprocess="snv", n_permutations=99, seed=5,
        )
    print(json.dumps({k: v for k, v in report.to_dict().items() if k not in ("versions", "created_at")}))
"""
SHORTENED = {"values": 2e-6, "pointwise": 2e-4, "simultaneous": 2e-4}  # maps: six digits, their levels four


def audited(threads: str, *limits: str) -> list[str]:
    """The audit's reports under each limit, as a fresh process of so many BLAS threads writes them."""
    count = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    ran = subprocess.run(
        [sys.executable, "-c", AUDIT, *limits], env=os.environ | count, capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def assert_same(one, other, *, where="report", within=1e-9):
    """Same texts, counts, verdicts and p-values; every other figure within a relative 1e-9."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for name in one:
            exact = name == "p" or name.startswith("p_") or name.endswith("_p")
            tolerance = 0.0 if exact else SHORTENED.get(name, within)
            assert_same(one[name], other[name], where=f"{where}.{name}", within=tolerance)
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for i, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, where=f"{where}[{i}]", within=within)
    elif isinstance(one, float) and not math.isnan(one):
        assert one == other or abs(one - other) <= within * max(abs(one), abs(other), 1e-3), f"{where}: {one} {other}"
    elif not isinstance(one, float):
        assert one == other, where


def test_one_thread_writes_the_same_bytes_again_and_two_threads_the_same_report():
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(audited, "1", "1"), pool.submit(audited, "2", "1", "2")
    assert one.result() == two.result()[:1]
    assert_same(*(json.loads(report) for report in two.result()))


def test_the_comparison_sees_a_flipped_p_value_and_a_ninth_digit():
    for other in ({"p": 0.1 + 1e-15, "n": 3}, {"p": 0.1, "n": 4}, {"n": 3, "p": 0.1}):
        with pytest.raises(AssertionError):
            assert_same({"p": 0.1, "n": 3}, other)
    with pytest.raises(AssertionError, match=r"report\.a\[1\]"):
        assert_same({"a": [1.0, 2.0]}, {"a": [1.0, 2.0 + 1e-8]})


def test_workers_do_not_change_what_a_model_is_told():
    rng = np.random.default_rng(8)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 40))
    x[:, 10:14] += 0.5 * y[:, None]

    def report():
        found = audit_classifier(x, y, axis=np.arange(40.0), axis_unit="nm", bands={"dye": (10, 13)},
                                 estimator=RidgeClassifier(), n_permutations=99, n_folds=2, seed=2)  # fmt: skip
        return {name: value for name, value in found.to_dict().items() if name != "created_at"}

    alone = report()
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_same(alone, report())


def test_workers_do_not_change_what_a_band_is_told():
    rng = np.random.default_rng(4)
    x, folds = rng.normal(size=(60, 96)), [np.arange(f, 60, 5) for f in range(5)]
    codes = relabelled(np.arange(60) % 2, 99)
    groups = group_channels(x, {str(b): np.arange(12 * b, 12 * b + 12) for b in range(8)})
    one, two = (
        dict(ask_each(groups.all_but_one(), lambda probe: probe.judge(codes, folds, 2), workers=w)) for w in (1, 2)
    )
    assert list(one) == list(two)
    for name in one:
        np.testing.assert_allclose(one[name].statistic, two[name].statistic, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(one[name].accuracy, two[name].accuracy)
        assert p_of(one[name]) == p_of(two[name])


def relabelled(observed, n):
    return np.column_stack([observed, np.random.default_rng(1).permuted(np.tile(observed, (n, 1)), axis=1).T])


def p_of(judgement):
    return permutation_p(float(judgement.statistic[0]), judgement.statistic[1:])


def turned(x):
    """Spectra turned as a whole in the space of channels: the same distances, other rounding."""
    return x @ np.linalg.qr(np.random.default_rng(0).normal(size=(x.shape[1], x.shape[1])))[0]


@pytest.mark.parametrize("asked", ["ridge", "pls"])
def test_rounding_does_not_decide_ties_between_relabelings(asked):
    """Eight spectra have 70 relabelings in 35 pairs that only swap the names of the classes, and so tie."""
    rng = np.random.default_rng(6)
    codes = relabelled(np.arange(8) % 2, 499)
    folds = [np.array([0, 1]), np.array([2, 3]), np.array([4, 5]), np.array([6, 7])]
    for _ in range(20):
        # a background a thousand times the rest costs six of sixteen digits
        x = rng.normal(size=(8, 30)) + 1e3 * rng.normal(size=(8, 1)) * rng.normal(size=30)

        def p(spectra):
            if asked == "pls":
                return p_of(fit_pls(spectra).judge(codes, folds, 2, components=2))
            return p_of(fit_probe(spectra).judge(codes, folds, 2))

        assert p(x) == p(turned(x))


def test_a_spectrum_midway_between_the_classes_is_on_the_border_whatever_the_rounding():
    rng = np.random.default_rng(2)
    for _ in range(20):
        centre, away = rng.normal(size=50), rng.normal(size=(9, 50))
        x = np.concatenate([centre + away, centre - away, [centre, centre]])
        codes = np.array([0] * 9 + [1] * 9 + [0, 1])[:, None]
        folds = [np.array([18, 19]), np.array([0, 9]), np.array([5, 14])]
        for spectra in (x, turned(x), np.ascontiguousarray(x[:, ::-1])):
            margins = fit_probe(spectra).margins(codes, folds, 2)[:, 0]
            np.testing.assert_array_equal(credit(margins[18:], 2), 0.5)


def test_the_thread_limit_leaves_no_mark_on_the_folds_or_the_ties_of_saturated_spectra():
    rng = np.random.default_rng(9)
    y = np.arange(40) % 2
    x = rng.normal(size=(40, 80)) + 1e3 * y[:, None]  # every spectrum beyond its centroid: all margins are clipped
    codes, folds = relabelled(y, 499), [np.arange(f, 40, 5) for f in range(5)]
    found = []
    for limit in (1, 2):
        with threadpool_limits(limit):
            found.append(p_of(fit_probe(x).judge(codes, folds, 2)))
    assert found[0] == found[1] == 1 / 500
