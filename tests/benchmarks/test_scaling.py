"""Two worker processes against one on preprocessing: a cluster's second worker is worth 0.7 of the first, or more.

    python -m pytest tests/benchmarks/test_scaling.py -m benchmark --timeout=0 -s

Each worker is a process of one thread, with one thread for BLAS and codec, warmed up before the clock starts. Both
numbers of workers take turns, three times, and the median ratio counts. The machine needs two idle processors: where a
plain computation in two processes takes much longer than in one, the figures are of the machine, and the test skips.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spectral_core.archive import Archive, create_archive
from spectral_core.preprocessing import parse_variant
from spectral_core.spectra import make_spectra
from spectral_core.variants import materialise
from tests.core.cluster import Cluster

N, CHANNELS, STEP = 200_000, 1024, 50_000
ROUNDS = 3
SPIN = "import time; t = time.process_time()\nwhile time.process_time() - t < 2: pass"

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Simulated spectra: smooth, with noise, positive; labels repeat."""
    archive = create_archive(tmp_path_factory.mktemp("scaling") / "archive")
    axis, rng = np.linspace(400, 1800, CHANNELS), np.random.default_rng(0)
    shapes = np.exp(-(((axis - rng.uniform(400, 1800, (40, 1))) / 60) ** 2)).astype(np.float32)
    for start in range(0, N, STEP):
        weights = rng.uniform(0, 1, (STEP, len(shapes))).astype(np.float32)
        x = weights @ shapes + 1 + 0.01 * rng.standard_normal((STEP, CHANNELS), dtype=np.float32)
        columns = {"spectrum_id": [f"{start + i}" for i in range(STEP)], "source_sha256": [f"{start:064d}"] * STEP}
        archive.append(make_spectra(x, axis, axis_unit="cm-1", intensity_unit="counts", metadata=columns))
    yield archive


def processors_at_hand() -> float:
    """How many processors two busy processes get between them."""
    start = time.perf_counter()
    both = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(2)]
    for process in both:
        process.wait(timeout=120)
    return 4 / (time.perf_counter() - start)


def seconds(archive: Archive, folder: Path, text: str, scheduler: str) -> float:
    """Time one variant of all spectra, from its first block to its last: texts are written before, by the client."""
    told: list[float] = []
    where = {"directory": folder, "snapshot": archive.snapshot(), "archive": archive.path, "scheduler": scheduler}
    materialise(archive.open(), parse_variant(text), **where, progress=lambda *_: told.append(time.perf_counter()))
    return (told[-1] - told[0]) * len(told) / (len(told) - 1)


@pytest.mark.parametrize("text", ["snv | savgol(11, 2, 1)", "als"])
def test_a_second_worker_is_worth_seven_tenths_of_the_first(
    text: str, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLOSC_NTHREADS"):
        monkeypatch.setenv(name, "1")
    if (at_hand := processors_at_hand()) < 1.9:
        pytest.skip(f"two busy processes get {at_hand:.2f} processors here, and need 1.9")
    took: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(ROUNDS):
        for workers in took:
            folder = tmp_path / f"{turn} {workers}"
            folder.mkdir()
            with Cluster(folder, workers=workers) as cluster:
                seconds(archive, folder / "warm", "snv", cluster.address)
                took[workers].append(seconds(archive, folder / "timed", text, cluster.address))
    ratio = float(np.median(np.array(took[1]) / np.array(took[2])))
    print(f"\n{text}: one worker {took[1]} s, two {took[2]} s, ratio {ratio:.2f}, processors {at_hand:.2f}")
    assert ratio >= 1.7
