"""The probe beside scikit-learn's permutation test and the expert's trick, alternating in one run.

`make bench` prints the tables; with OFFBAND_WRITE_BENCHMARKS=1 it also renews their section of
docs/benchmarks.md. Bars are ratios with wide margins against the noise of a shared machine.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit, permutation_test_score
from threadpoolctl import threadpool_limits

from spectral_core.probe import Probe, ask_each, distance_matrix, energy_test, fit_pls, fit_probe, group_channels
from spectral_core.probe.ridge import Dual, centred_gram, complement_matrix
from tests.benchmarks.floors import probe_floor
from tests.benchmarks.measuring import alternate, cost, machine, product_rate, renew, writing

SIZES = [(300, 1024), (1000, 2048)]
PERMUTATIONS, FOLDS, BANDS, COMPONENTS = 1000, 5, 32, 10
RIDGE = "ridge"
TIMED = 2  # permutations that permutation_test_score really runs: its cost is linear in them, the rest is extrapolated


METHOD = f"""\
{PERMUTATIONS:,} permutations, {FOLDS} folds, float64. Medians of alternating rounds in one process. Ours is
everything from the spectra to one statistic a permutation. Ridge has its penalty given, as scikit-learn and
the expert's trick (one multi-output `Ridge.fit` a fold) have; the next row adds the choice of the penalty, and
32 bands choose 32 times. `permutation_test_score` ran {TIMED} permutations, and one band of 32: its cost is
linear in both, the figure is extrapolated."""


def study(n, d):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, d)) + 2.0
    observed = rng.permutation(np.arange(n, dtype=np.int16) % 2)
    codes = np.column_stack([observed, rng.permuted(np.tile(observed, (PERMUTATIONS, 1)), axis=1).T])
    fold_of = rng.permutation(np.arange(n) % FOLDS)
    return x, codes, [np.flatnonzero(fold_of == f) for f in range(FOLDS)], PredefinedSplit(fold_of)


def sklearns_way(estimator, x, codes, split, scoring="balanced_accuracy"):
    permutation_test_score(
        estimator, x, codes[:, 0], cv=split, n_permutations=TIMED, scoring=scoring, random_state=0, n_jobs=1
    )  # fmt: skip


def by_half(estimator, x, y):
    return balanced_accuracy_score(y, estimator.predict(x).ravel() > 0.5)


def experts_trick(x, codes, folds, alpha):
    """One multi-output fit a fold: predictions of training and held-out spectra for every labeling."""
    held = np.empty(codes.shape)
    for fold in folds:
        train = np.setdiff1d(np.arange(len(x)), fold)
        held[fold] = Ridge(alpha=alpha).fit(x[train], codes[train].astype(float)).predict(x[fold])
    y = codes == 1
    right = (held > 0.5) == y
    return ((right & y).sum(axis=0) / y.sum(axis=0) + (right & ~y).sum(axis=0) / (~y).sum(axis=0)) / 2


def refitted_margins(model, x, y, folds):
    """Nearest training centroid of a model fitted on 0/1 labels, one labeling, fold by fold.

    Ridge places centroids where unseen spectra would score, by the mean leverage (decision 0005): one for the
    intercept and Σ s²/(s² + alpha) over the singular values s, per training spectrum.
    """
    margins = np.empty(y.size)
    for fold in folds:
        train = np.setdiff1d(np.arange(y.size), fold)
        model.fit(x[train], y[train].astype(float))
        fitted, held = model.predict(x[train]).ravel(), model.predict(x[fold]).ravel()
        zero, one = fitted[y[train] == 0].mean(), fitted[y[train] == 1].mean()
        leverage = 0.0
        if isinstance(model, Ridge):
            square = np.linalg.svd(x[train] - x[train].mean(axis=0), compute_uv=False) ** 2
            leverage = (1 + (square / (square + model.alpha)).sum()) / train.size
        score = (2 * held - (one + zero - leverage) / (1 - leverage)) / (one - zero)
        margins[fold] = np.clip(np.where(y[fold] == 1, score, -score), -1, 1)
    return margins


def exactness(found, model, x, codes, folds):
    """Largest difference from refits over the first three labelings."""
    x = x.astype(np.float64)
    return max(np.abs(found[:, p] - refitted_margins(model, x, codes[:, p], folds)).max() for p in range(3))


def with_penalty(x, penalty, codes, folds):
    """The probe with its penalty given, as the others get theirs: no eigenvalues are needed."""
    probe = Probe(Dual(complement_matrix(centred_gram(x), penalty), np.arange(len(x))), len(x), penalty, 0, x.size)
    return probe.judge(codes, folds, 2)


def ridge_rows(n, d):
    x, codes, folds, split = study(n, d)
    probe = fit_probe(x)
    alpha = probe.penalty * float(((x - x.mean(axis=0)) ** 2).sum()) / n
    found = alternate({
        "given": lambda: with_penalty(x, probe.penalty, codes, folds),
        "chosen": lambda: fit_probe(x).judge(codes, folds, 2),
        "sklearn": lambda: sklearns_way(RidgeClassifier(alpha=alpha), x, codes, split),
        "expert": lambda: experts_trick(x, codes, folds, alpha),
    })  # fmt: skip
    wrong = exactness(probe.margins(codes[:, :3], folds, 2), Ridge(alpha=alpha, solver="svd"), x, codes, folds)
    sklearn, expert = whole(found["sklearn"]), found["expert"]
    yield RIDGE, n, d, found["given"], sklearn, expert, wrong
    yield f"{RIDGE}, and the penalty chosen", n, d, found["chosen"], sklearn, expert, wrong


def pls_rows(n, d):
    x, codes, folds, split = study(n, d)
    model = PLSRegression(COMPONENTS, scale=False)
    found = alternate({
        "ours": lambda: fit_pls(x).judge(codes, folds, 2, components=COMPONENTS),
        "sklearn": lambda: sklearns_way(model, x, codes, split, by_half),
    })  # fmt: skip
    wrong = exactness(fit_pls(x).margins(codes[:, :3], folds, 2, components=COMPONENTS), model, x, codes, folds)
    yield f"PLS-DA({COMPONENTS})", n, d, found["ours"], whole(found["sklearn"]), None, wrong


def bands_rows(n, d):
    x, codes, folds, split = study(n, d)
    groups = {str(b): channels for b, channels in enumerate(np.array_split(np.arange(d), BANDS))}
    cropped = x[:, d // BANDS :]
    found = alternate({
        "ours": lambda: list(ask_each(group_channels(x, groups).all_but_one(), lambda p: p.judge(codes, folds, 2))),
        "sklearn": lambda: sklearns_way(RidgeClassifier(), cropped, codes, split),
    }, rounds=3)  # fmt: skip
    first = next(iter(group_channels(x, groups).all_but_one()))[1].fit()
    scale = float(((cropped - cropped.mean(axis=0, dtype=np.float64)) ** 2).sum()) / n
    model = Ridge(alpha=first.penalty * scale, solver="svd")
    wrong = exactness(first.margins(codes[:, :3], folds, 2), model, cropped, codes, folds)
    yield f"{BANDS} bands dropped", n, d, found["ours"], whole(found["sklearn"]).times(BANDS), None, wrong


def whole(few):
    """All permutations from a few: permutation_test_score cross-validates 1 + P times."""
    return few.times((1 + PERMUTATIONS) / (1 + TIMED))


def comparison_table(rows):
    yield ("| | n × d | ours, CPU s (wall) | `permutation_test_score`, CPU s | ratio | expert's trick, CPU s | ratio "
           "| largest difference from refits |")  # fmt: skip
    yield "|---|---|---|---|---|---|---|---|"
    for name, n, d, ours, sklearn, expert, wrong in rows:
        trick = f"{expert.cpu:.2f} | {expert.cpu / ours.cpu:.1f}" if expert else "– | –"
        yield (f"| {name} | {n:,} × {d:,} | {ours.cpu:.3f} ({ours.wall:.3f}) | {sklearn.cpu:,.0f} "
               f"| {sklearn.cpu / ours.cpu:,.0f} | {trick} | {wrong:.0e} |")  # fmt: skip


def floor_table(rate):
    """Cost in n and d beside the operations of its matrix products over the measured rate."""
    yield "| n × d | form | ours, CPU s | floor, CPU s | cost / floor |"
    yield "|---|---|---|---|---|"
    for n, d in [
        (100, 1024),
        (300, 256),
        (300, 1024),
        (300, 4096),
        (1000, 512),
        (1000, 2048),
        (2000, 2048),
        (4000, 512),
    ]:
        x, codes, folds, _ = study(n, d)
        ours = alternate({"ours": lambda x=x, c=codes, f=folds: fit_probe(x).judge(c, f, 2)}, rounds=3)["ours"].cpu
        form, floor = "primal" if n >= 2 * d else "dual", probe_floor(n, d, codes.shape[1], FOLDS) / rate
        yield f"| {n:,} × {d:,} | {form} | {ours:.3f} | {floor:.3f} | {ours / floor:.1f} |"


def single_precision_lines():
    """What the expert gains, and loses, by float32."""
    for n, d in SIZES:
        x, codes, folds, _ = study(n, d)
        single = x.astype(np.float32)
        found = alternate({"single": lambda x=single, c=codes, f=folds: experts_trick(x, c, f, 1.0)})
        lost = [Ridge(alpha=1.0).fit(z[n // 5 :], codes[n // 5 :, 0]).predict(z[: n // 5]) for z in (x, single)]
        yield (f"- The expert's trick in float32, {n:,} × {d:,}: {found['single'].cpu:.2f} CPU s; its scores are off "
               f"by {np.abs(lost[0] - lost[1]).max():.0e}.")  # fmt: skip


def energy_lines():
    for n, d in SIZES:
        x, codes, _, _ = study(n, d)
        distances = distance_matrix(x)
        found = alternate({
            "distances": lambda x=x: distance_matrix(x),
            "test": lambda m=distances, c=codes: energy_test(m, c, 2),
        })  # fmt: skip
        yield (f"- Energy test, {PERMUTATIONS:,} permutations, {n:,} × {d:,}: {found['test'].cpu:.3f} CPU s after "
               f"{found['distances'].cpu:.3f} for the distances.")  # fmt: skip


def tall_line():
    n, d, p = 20_000, 512, 500
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(n, d)).astype(np.float32), rng.integers(0, 2, (n, p)).astype(np.int8)
    folds = [np.arange(f, n, FOLDS) for f in range(FOLDS)]
    spent = cost(lambda: fit_probe(x).judge(codes, folds, 2))
    tracemalloc.start()
    fit_probe(x).judge(codes, folds, 2)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return peak, (f"- Tall data, {n:,} × {d}, {p} permutations: {spent.cpu:.1f} CPU s, {peak:.0f} MiB beside the "
                  f"{x.nbytes / 2**20:.0f} MiB of spectra (n × n would be {n**2 * 8 / 2**20:,.0f}).")  # fmt: skip


def section(rows, rate, tall):
    yield machine(rate)
    yield ""
    yield from METHOD.splitlines()
    yield ""
    yield from comparison_table(rows)
    yield ""
    yield "Cost in n and d beside the floor: the operations of the matrix products over the measured rate."
    yield ""
    yield from floor_table(rate)
    yield ""
    yield from single_precision_lines()
    yield from energy_lines()
    yield tall


@pytest.mark.benchmark
def test_the_probe_is_exact_and_as_much_faster_as_promised():
    """≥ 1,000 × permutation_test_score and ≥ 5 × the expert's trick; PLS-DA(10) ≥ 60 ×; 32 bands ≥ 1,000 ×."""
    bars = {RIDGE: 1000, f"{RIDGE}, and the penalty chosen": 1000, "PLS-DA(10)": 60, "32 bands dropped": 1000}
    with threadpool_limits(1):
        rate = product_rate()
        rows = [row for rows_of in (ridge_rows, pls_rows, bands_rows) for n, d in SIZES for row in rows_of(n, d)]
        peak, tall = tall_line()
        lines = list(section(rows, rate, tall))
    print("\n" + "\n".join(lines))
    if writing():
        renew("probe", lines)
    assert peak < 500
    for name, n, d, ours, sklearn, expert, wrong in rows:
        if name not in bars:
            continue
        assert wrong < 1e-9, f"{name} {n} × {d} differs from refits by {wrong:.1e}"
        # half the promise: a shared machine slows one side of a ratio at a time
        assert sklearn.cpu / ours.cpu > bars[name] / 2, f"{name} {n} × {d}"
        assert expert is None or expert.cpu / ours.cpu > 5 / 2, f"{name} {n} × {d}"
