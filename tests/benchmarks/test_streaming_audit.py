"""The audit of an archive larger than memory: its time against the operations it needs, and its memory.

`OFFBAND_SCALE_ROWS` is the number of spectra (200,000 by default); the archive is simulated and stored a block of rows
at a time. `OFFBAND_SCALE_WORKERS` is the number of worker threads (one for each core by default), each with one BLAS
thread. Run with `pytest tests/benchmarks/test_streaming_audit.py -m benchmark -s`.
"""

from __future__ import annotations

import os

import dask.array as da
import numpy as np
import pytest
import zarr

from spectral_core.controls.nuisance import Scalars
from spectral_core.evidence import Settings
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions
from spectral_core.splits import make_design
from spectral_core.streaming import Execution, audit_stream
from spectral_core.streaming.plan import plan_blocks
from spectral_core.streaming.rows import Rows
from tests.benchmarks.measuring import cost, machine, product_rate
from tests.benchmarks.watching import Watched

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]
N, D, P, FOLDS, REPLICATES = int(os.environ.get("OFFBAND_SCALE_ROWS", "200000")), 1024, 999, 5, 5
WORKERS = int(os.environ.get("OFFBAND_SCALE_WORKERS", "0")) or None
AXIS = np.linspace(400.0, 4000.0, D)
PLACES = AxisPlaces("cm-1", {"first": (1500.0, 1700.0), "second": (2800.0, 3000.0)}, {"edge": (3500.0, 4000.0)})
CHAINS = [parse_variant(text) for text in ("snv", "snv | savgol(11, 2, 1)")]
SETTINGS = Settings(P, 0.05, 0.05, FOLDS, 0, maps=False)
MOST_TIMES_FLOOR, LEAST_TIMES_SKLEARN, MOST_BYTES = 3.0, 500.0, 3 * 2**30


def simulated(path, n):
    """Store n spectra, five of each specimen, of two classes that differ in a band; give what slices and the design."""
    rng = np.random.default_rng(0)
    unit = np.arange(n) // REPLICATES
    label = rng.integers(0, 2, unit[-1] + 1)[unit]
    shapes = ((900, 80, 1.0), (1600, 120, 0.8), (2900, 60, 1.2))
    peaks = sum(height * np.exp(-0.5 * ((AXIS - at) / width) ** 2) for at, width, height in shapes)
    band = np.exp(-0.5 * ((AXIS - 1600) / 60) ** 2)
    stored = zarr.create_array(path, shape=(n, D), chunks=(1024, D), dtype="float32")
    specimen = 1 + 0.1 * rng.normal(size=unit[-1] + 1)
    for start in range(0, n, 8192):
        rows = slice(start, min(start + 8192, n))
        x = 1 + peaks * specimen[unit[rows]][:, None] + 0.01 * label[rows][:, None] * band
        stored[rows] = (x + 0.05 * rng.standard_normal(x.shape, dtype=np.float32)).astype(np.float32)
    return da.from_zarr(path), make_design(label, unit=unit)


def floor(n, sources, blocks):
    """Operations of the products and factors that the passes need, in multiply-and-adds times two.

    Sums of squares of every source over spectra and over units (symmetric: half of a product), and of the whole
    spectrum once more for random folds; XᵀY over units; scores of every spectrum; per block a tridiagonal form, and
    per fold a factor, its inverse and P solutions.
    """
    units = n / REPLICATES
    squares = sum((n + units) * m**2 + 2 * units * m * P for m in sources) + (n + FOLDS * units) * D**2
    scores = sum(2 * n * m * P for m in blocks) + 2 * n * D
    fits = sum(4 / 3 * m**3 + FOLDS * (m**3 + 2 * m**2 * P) for m in blocks) + FOLDS * D**3
    return squares + scores + fits


def sizes(x, chain):
    """Columns of the sources and of the blocks of one variant, nuisance scalars left out."""
    regions = locate_regions(AXIS, axis_unit="cm-1", bands=PLACES.bands, blanks=PLACES.blanks)
    plan = plan_blocks(Rows(x[:8]), regions, PLACES.bands, chain, Scalars(np.zeros((8, 0)), ()), {}, {})
    sources = {name: source.n_columns for name, source in plan.sources.items()}
    blocks = [sources[block.source] if block.columns is None else block.columns.size for block in plan.blocks]
    return list(sources.values()), blocks, plan


def sklearn_seconds(x, design, plan, n):
    """CPU seconds of `permutation_test_score` on every block for n spectra, from one permutation of 8,192 of them."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import GroupKFold, permutation_test_score

    rows = slice(0, 8192)
    raw, seconds = np.asarray(x[rows]), 0.0
    for block in plan.blocks:
        z = plan.sources[block.source].matrix(raw, rows)
        z = z if block.columns is None else z[:, block.columns]
        label, unit = design.codes[rows], design.unit[rows]
        took = cost(lambda z=z, label=label, unit=unit: permutation_test_score(
            RidgeClassifier(), z, label, groups=unit, cv=GroupKFold(FOLDS), n_permutations=1,
            scoring="balanced_accuracy"))  # fmt: skip
        seconds += took.cpu / 2 * (P + 1) * n / 8192
    return seconds


def test_a_streamed_audit_costs_few_times_its_floor_and_flat_memory(tmp_path):
    x, design = simulated(str(tmp_path / "archive.zarr"), N)
    rate = product_rate()
    found = []
    execution = Execution("threads", WORKERS)
    with Watched() as watched:
        took = cost(lambda: found.append(audit_stream(x, AXIS, design, PLACES, CHAINS, SETTINGS, execution=execution)))
    needed, sklearn = 0.0, 0.0
    for chain in CHAINS:
        sources, blocks, plan = sizes(x, chain)
        needed += floor(N, sources, blocks) / rate
        sklearn += sklearn_seconds(x, design, plan, N)
    print(f"\n{machine(rate)}\n{N:,} × {D:,}, P = {P}, {len(CHAINS)} variants: {took.cpu:.0f} CPU s, "
          f"{took.wall:.0f} s; floor {needed:.0f} s ({took.cpu / needed:.2f} ×); "
          f"scikit-learn {sklearn:,.0f} s ({sklearn / took.cpu:,.0f} ×); "
          f"{watched.most / 2**30:.2f} GiB resident; {found[0].passes} passes")  # fmt: skip
    assert watched.most <= MOST_BYTES
    assert took.cpu <= MOST_TIMES_FLOOR * needed
    assert sklearn >= LEAST_TIMES_SKLEARN * took.cpu
