"""The curves of a large study with their permutation bands, within eight CPU seconds on one thread."""

from __future__ import annotations

import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from spectral_core.diagnostics.curves import examine_curves
from spectral_core.splits import make_design, permuted_codes

pytestmark = pytest.mark.benchmark
N, D, MOST_CPU = 1000, 2048, 8.0


def test_growth_learnability_and_channel_curves_take_eight_seconds():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D)).astype(np.float32)
    design = make_design(rng.permutation(np.arange(N) % 2))
    labelings = np.column_stack([design.codes, permuted_codes(design, n=99, seed=0)])
    inside = np.arange(D) < 200
    costs = []
    with threadpool_limits(1):
        for _ in range(3):
            start = time.process_time()
            examine_curves(x, np.arange(float(D)), design, labelings, off_band=~inside, in_band=inside, seed=1)
            costs.append(time.process_time() - start)
    print(f"curves of {N:,} × {D:,} with 99 permutations: {min(costs):.1f} CPU s (three runs: {np.round(costs, 1)})")
    assert min(costs) <= MOST_CPU
