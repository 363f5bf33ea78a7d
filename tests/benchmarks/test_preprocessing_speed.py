"""Throughput of the per-spectrum kernels beside chemotools, one line of numpy, and pybaselines."""

from __future__ import annotations

import os
import time
import warnings
from functools import partial

import numpy as np
import pytest
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import MultiplicativeScatterCorrection, StandardNormalVariate
from dask.delayed import delayed
from pybaselines import Baseline
from threadpoolctl import threadpool_limits

from spectral_core.preprocessing import parse_variant
from spectral_core.preprocessing.blocks import compute_blocks
from spectral_core.preprocessing.fitted import MSC, msc
from tests.benchmarks.measuring import Cost, alternate, machine, product_rate, renew, writing

pytestmark = pytest.mark.benchmark
N, D, ROUNDS = 200_000, 1024, 3
ROWS = 1024  # 4 MB, a block of a variant
CORES = 2
ONE_PROCESS, THEIRS = 4 * ROWS, 600
AXIS = 1.9 * np.arange(D)
SAVGOL = "savgol(11, 2, 1)"
BASELINES = {"als": ("asls", {"lam": 1e5, "p": 0.01}), "arpls": ("arpls", {"lam": 1e5}),
             "airpls": ("airpls", {"lam": 1e5})}  # fmt: skip

KERNELS = f"""\
{N:,} × {D:,} float32 in memory, medians of {ROUNDS} alternating rounds in one process; wall seconds in
parentheses. "Blocks" is what a variant computes before it is stored: a chain on blocks of {ROWS:,} spectra, on one
thread or on {CORES}. MSC is the fitted step's `transform`, checks of its input included; of the whole array, a third of
its time is the system's making 0.8 GB of fresh memory. chemotools is `transform(X)`, which works in float64 on one
thread; one line of numpy stays in float32. The copy reads and writes the same bytes into an array that exists
already: its rate is the most that any kernel could reach."""
FITS = f"""\
{N:,} × {D:,} float32, bands on a curved background with noise; cost per spectrum, CPU seconds of all processes.
pybaselines with its default solver, one `Baseline` object, called for each of {THEIRS:,} of the spectra; one process of
ours is `Chain.apply` on {ONE_PROCESS:,}
(medians of {ROUNDS} alternating rounds). {CORES} processes are what a variant uses,
on all spectra once, the start of the processes and the transport of the spectra included. Baselines are equal to
10⁻⁶ of each spectrum's largest intensity."""


def spectra(n: int) -> np.ndarray:
    """Three bands, a slope, gain and offset of each spectrum, noise."""
    rng, at, x = np.random.default_rng(0), np.linspace(0, 1, D, dtype=np.float32), np.empty((n, D), dtype=np.float32)
    shape = at + np.exp(-(((at - 0.2) / 0.02) ** 2)) + np.exp(-(((at - 0.5) / 0.1) ** 2)) + np.exp(-2 * at)
    for rows in np.array_split(np.arange(n), max(1, n // 5000)):
        noise = rng.standard_normal((rows.size, D), dtype=np.float32)
        x[rows] = rng.uniform(0.5, 2, (rows.size, 1)) * shape + rng.uniform(0, 3, (rows.size, 1)) + 0.02 * noise
    return x


def in_blocks(text: str, x: np.ndarray, scheduler: str, workers: int) -> None:
    """Apply a chain as a variant does, and store nothing."""
    chain = parse_variant(text)
    step = delayed(lambda block: len(chain.apply(block, AXIS)[0]), pure=False)
    blocks = [step(x[at : at + ROWS]) for at in range(0, len(x), ROWS)]
    assert sum(compute_blocks(blocks, scheduler=scheduler, workers=workers, progress=None)) == len(x)


def one_line_msc(x: np.ndarray, r: np.ndarray) -> np.ndarray:
    return (x - (m := x.mean(axis=1, keepdims=True))) / ((x - m) @ r / (r @ r))[:, None]


def told(name: str, ours: Cost, theirs: Cost | None, promised: float | None) -> str:
    if theirs is None:
        return f"| {name} | {ours.cpu:.2f} ({ours.wall:.2f}) | – | – | – |"
    aim = "–" if promised is None else f"{promised:g}"
    return (f"| {name} | {ours.cpu:.2f} ({ours.wall:.2f}) | {theirs.cpu:.2f} ({theirs.wall:.2f}) |"
            f" {theirs.cpu / ours.cpu:.1f} ({theirs.wall / ours.wall:.1f}) | {aim} |")  # fmt: skip


def test_snv_msc_and_savgol():
    x = spectra(N)
    out, head = np.zeros_like(x), x[:2000]
    own = MSC().fit(head)
    centred = (own.reference_ - own.reference_.mean()).astype(np.float32)
    theirs = {"snv": StandardNormalVariate().fit(head), "msc": MultiplicativeScatterCorrection().fit(head),
              "savgol": SavitzkyGolay(window_length=11, polyorder=2, deriv=1).fit(head)}  # fmt: skip
    actions = {
        "copy": lambda: np.copyto(out, x),
        "snv 1": lambda: in_blocks("snv", x, "threads", 1),
        "snv 2": lambda: in_blocks("snv", x, "threads", CORES),
        "snv chemotools": lambda: theirs["snv"].transform(x),
        "snv numpy": lambda: (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True),
        "msc": lambda: own.transform(x),
        "msc 1": lambda: sum(len(own.transform(x[at : at + ROWS])) for at in range(0, N, ROWS)),
        "msc chemotools": lambda: theirs["msc"].transform(x),
        "msc numpy": lambda: one_line_msc(x, centred),
        "savgol 1": lambda: in_blocks(SAVGOL, x, "threads", 1),
        "savgol 2": lambda: in_blocks(SAVGOL, x, "threads", CORES),
        "savgol chemotools": lambda: theirs["savgol"].transform(x),
    }
    same_as_chemotools(head, theirs, own)
    with threadpool_limits(1):
        seen = alternate(actions, rounds=ROUNDS)
    rows, met = [], []
    for name, ours, other, promised in [
        ("SNV, blocks, 1 thread, beside chemotools", "snv 1", "snv chemotools", 4),
        (f"SNV, blocks, {CORES} threads, beside chemotools", "snv 2", "snv chemotools", 4),
        ("SNV, blocks, 1 thread, beside one line of numpy", "snv 1", "snv numpy", 2),
        ("MSC, blocks, 1 thread, beside chemotools", "msc 1", "msc chemotools", 4),
        ("MSC, blocks, 1 thread, beside one line of numpy", "msc 1", "msc numpy", 2),
        ("MSC of the whole array, beside one line of numpy", "msc", "msc numpy", 2),
        ("Savitzky–Golay, blocks, 1 thread, beside chemotools", "savgol 1", "savgol chemotools", None),
        (f"Savitzky–Golay, blocks, {CORES} threads, beside chemotools", "savgol 2", "savgol chemotools", 3),
    ]:
        rows.append(told(name, seen[ours], seen[other], promised))
        if promised:
            met.append(max(seen[other].cpu / seen[ours].cpu, seen[other].wall / seen[ours].wall) >= promised / 2)
    share = {k: getattr(seen["copy"], k) / getattr(seen["snv 1"], k) for k in ("cpu", "wall")}
    rows.append(told("copy of the array", seen["copy"], None, None))
    rate = 2 * x.nbytes / seen["copy"].cpu / 1e9
    lines = [machine(product_rate()), "", KERNELS, "",
             "| | ours, CPU s (wall) | theirs, CPU s (wall) | ratio, CPU (wall) | promised |", "|---|---|---|---|---|",
             *rows, "",
             f"SNV on one thread runs at {share['cpu']:.0%} of the copy's rate ({rate:.0f} GB/s read and written) by"
             f" CPU seconds, {share['wall']:.0%} by wall seconds; promised are 40 %."]  # fmt: skip
    print("\n".join(lines))
    if writing():
        renew("preprocessing", lines)
    assert all(met) and share["cpu"] >= 0.2


def same_as_chemotools(x, theirs, own):
    snv, savgol = parse_variant("snv").apply(x, AXIS)[0], parse_variant(SAVGOL).apply(x, np.arange(float(D)))[0]
    np.testing.assert_allclose(snv, theirs["snv"].transform(x), atol=2e-6)
    np.testing.assert_allclose(msc(x, own.reference_), theirs["msc"].transform(x), atol=1e-5)
    inner = slice(5, -5)  # its ends repeat the last channel
    np.testing.assert_allclose(savgol[:, inner], theirs["savgol"].transform(x)[:, inner], atol=1e-6)


def cost_of_all_processes(action) -> Cost:
    before, wall = os.times(), time.perf_counter()
    action()
    return Cost(sum(os.times()[:4]) - sum(before[:4]), time.perf_counter() - wall)


def test_baselines():
    x = spectra(N)
    some = x[:: N // THEIRS][:THEIRS]
    warnings.filterwarnings("ignore", "almost all baseline points are below")
    rows, met = [], []
    with threadpool_limits(1):
        for name, (method, arguments) in BASELINES.items():
            text = f"{name}({', '.join(f'{k}={v}' for k, v in arguments.items())})"
            fit = getattr(Baseline(x_data=AXIS, check_finite=False), method)

            def one_by_one(fit=fit, arguments=arguments):
                return [row - fit(row, **arguments)[0] for row in some.astype(np.float64)]

            expected, found = np.array(one_by_one()), parse_variant(text).apply(some, AXIS)[0]
            assert np.abs(found - expected).max() <= 1e-6 * np.abs(some).max(axis=1).min()
            one_process = partial(parse_variant(text).apply, x[:ONE_PROCESS], AXIS)
            seen = alternate({"theirs": one_by_one, "ours": one_process}, rounds=ROUNDS)
            theirs, one = seen["theirs"].times(1e6 / THEIRS), seen["ours"].times(1e6 / ONE_PROCESS)
            two = cost_of_all_processes(partial(in_blocks, text, x, "processes", CORES)).times(1e6 / N)
            rows.append(f"| {name} | {theirs.cpu:.0f} ({theirs.wall:.0f}) | {one.cpu:.0f} ({one.wall:.0f}) |"
                        f" {theirs.cpu / one.cpu:.1f} ({theirs.wall / one.wall:.1f}) | {two.cpu:.0f} ({two.wall:.0f}) |"
                        f" {theirs.wall / two.wall:.1f} | 4 |")  # fmt: skip
            met.append(max(theirs.cpu / one.cpu, theirs.wall / two.wall) >= 2)
    lines = [machine(product_rate()), "", FITS, "",
             f"| | pybaselines, µs CPU (wall) | ours, one process | ratio | ours, {CORES} processes |"
             " ratio of wall seconds | promised |", "|---|---|---|---|---|---|---|", *rows]  # fmt: skip
    print("\n".join(lines))
    if writing():
        renew("baselines", lines)
    assert all(met)
