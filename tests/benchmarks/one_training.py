"""Training of one study in a process of its own, on spectra that lie on disk: seconds, and the largest memory.

python -m tests.benchmarks.one_training FOLDER N D MODELS prints JSON; MODELS are separated by semicolons. The spectra
are written by blocks, so that nothing of them is in memory before.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import dask.array as da
import numpy as np
import zarr

from spectral_core.models import parse_model
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions
from spectral_core.splits import make_design
from spectral_core.streamed_training import Stock, classified_blocks, train_streamed
from spectral_core.streaming.passes import Execution
from tests.benchmarks.one_audit import peak

ROWS, REPLICATES = 4096, 2


def write(folder, n, d):
    """Spectra of two classes that differ a little in the first channels; replicates differ in noise only."""
    rng = np.random.default_rng(n)
    unit = np.arange(n) // REPLICATES
    stored = zarr.create_array(folder / f"{n}-{d}.zarr", shape=(n, d), chunks=(ROWS, d), dtype="float32")
    for start in range(0, n, ROWS):
        own = unit[start : start + ROWS]
        x = rng.standard_normal((own.size, d), dtype=np.float32)
        x[:, : d // 16] += np.float32(0.02) * (own % 2)[:, None]
        stored[start : start + ROWS] = x + 20
    return da.from_zarr(stored), unit


def main(folder, n, d, texts):
    x, unit = write(Path(folder), n, d)
    axis, chain = np.arange(float(d)), parse_variant("raw")
    design = make_design(unit % 2, unit=unit)
    regions = locate_regions(
        axis, axis_unit="nm", bands={"dye": (0, d // 16 - 1)}, blanks={"edge": (d - d // 8, d - 1)}
    )
    stock, blocks = Stock(x, x), classified_blocks(regions, chain, axis)
    before, cpu, wall = peak(), time.process_time(), time.perf_counter()
    trained = list(train_streamed(stock, blocks, design, [parse_model(text) for text in texts], variant="raw",
                                  folds=5, permutations=19, seed=1, execution=Execution(workers=2)))  # fmt: skip
    spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    said = {one.model.text: one.balanced_accuracy["unit_folds"] for one in trained}
    print(json.dumps(spent | {"before": before, "peak": peak(), "accuracy": said}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(";"))
