"""Diagnostics of a 1,000 × 2,048 set with their nulls: at most 15 CPU s on one thread, a third of it for scalars."""

from __future__ import annotations

import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from spectral_core.diagnostics import examine_diagnostics
from spectral_core.diagnostics.examination import examine_scalars
from spectral_core.splits import make_design, permuted_codes


@pytest.mark.benchmark
def test_diagnostics_of_a_large_set_with_their_nulls_take_fifteen_seconds():
    n, d = 1000, 2048
    rng = np.random.default_rng(0)
    design = make_design(np.arange(n) % 2)
    x = rng.normal(size=(n, d)) * (1 + 0.02 * design.codes)[:, None]
    labelings = np.column_stack([design.codes, permuted_codes(design, n=199, seed=0)])
    spent = {}
    with threadpool_limits(1):
        for examine in (examine_scalars, examine_diagnostics):
            start = time.process_time()
            examine(x, np.arange(float(d)), design, labelings, bands={"b": (100.0, 200.0)},
                    blanks={"k": (1500.0, 1600.0)}, seed=1)  # fmt: skip
            spent[examine] = time.process_time() - start
    print({examine.__name__: round(seconds, 1) for examine, seconds in spent.items()})
    assert spent[examine_diagnostics] <= 15
    assert spent[examine_scalars] <= 5
