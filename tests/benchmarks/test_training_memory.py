"""Memory of training does not grow with the archive, and its time grows in proportion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
D = 256


def measured(folder, n, models):
    command = [sys.executable, "-m", "tests.benchmarks.one_training", str(folder), str(n), str(D), models]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads that wait for each other would count as CPU
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.benchmark
@pytest.mark.parametrize("models", ["ridge;lda;scale | ridge", "pls-da", "k-nn"])
def test_memory_is_flat_and_time_linear(tmp_path, models):
    # k-NN compares every spectrum with 4,000 in its memory: fewer spectra show the same
    small, large = (75_000, 300_000) if models != "k-nn" else (20_000, 80_000)
    found = {n: measured(tmp_path, n, models) for n in (small, large)}
    for n, spent in found.items():
        print(f"{models}, {n:,} x {D}: {spent['cpu']:.1f} s CPU, peak {spent['peak']:.0f} MB", spent["accuracy"])
    # vectors of n numbers are held, n x d never: 300,000 x 256 in double precision are 614 MB
    assert found[large]["peak"] - found[small]["peak"] < 40 + 0.1 * (large - small) * D * 8 / 1e6
    assert found[large]["cpu"] < 1.3 * (large / small) * found[small]["cpu"]
