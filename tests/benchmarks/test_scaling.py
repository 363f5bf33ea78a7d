"""Two worker processes against one, on variants and on sums: a second worker is worth 0.7 of the first, or more.

    python -m pytest tests/benchmarks/test_scaling.py -m benchmark --timeout=0 -s

Each worker is a process of one thread, with one thread for BLAS and codec, warmed up before the clock starts. Both
numbers of workers take turns, three times, and the median ratio counts. The machine needs two idle processors: where a
plain computation in two processes takes much longer than in one, the figures are of the machine, and the test skips.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask.delayed import delayed

from spectral_core.archive import Archive, create_archive
from spectral_core.packed_labels import pack_labelings
from spectral_core.preprocessing import parse_variant
from spectral_core.spectra import make_spectra
from spectral_core.splits import make_design, unit_folds
from spectral_core.streaming import Execution
from spectral_core.streaming.layout import Layout
from spectral_core.streaming.passes import Question, cut_tasks, sum_rows
from spectral_core.streaming.rows import Rows
from spectral_core.streaming.sources import Asked, Source
from spectral_core.streaming.sums import Labels
from spectral_core.variants import materialise
from tests.core.cluster import Cluster

N, CHANNELS, STEP = 200_000, 1024, 50_000
ROUNDS, LEAST = 3, 1.7
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
    def timed(cluster: Cluster, folder: Path) -> float:
        seconds(archive, folder / "warm", "snv", cluster.address)
        return seconds(archive, folder / "timed", text, cluster.address)

    assert ratio(text, timed, tmp_path, monkeypatch) >= LEAST


def test_a_second_worker_is_worth_as_much_where_the_audit_sums_up(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first pass: sums of squares of each fold, and products with 999 labelings."""
    dataset = archive.open()
    rows, axis = Rows(dataset["intensity"].data), np.asarray(dataset["axis"].values)
    design = make_design(np.arange(N) // 5 % 2, unit=np.arange(N) // 5)
    source = Source("full", parse_variant("snv | savgol(11, 2, 1)"), axis).shifted(rows[slice(0, 4096)], slice(0, 4096))
    layout = Layout.of_folds(unit_folds(design, k=5, seed=0), np.arange(N))
    labels = (Labels(pack_labelings(design, n=999, seed=0), 2),)
    question = Question("", "full", (Asked("full", "full", CHANNELS),), layout, labels)
    tasks = cut_tasks([question], [None], rows, {"full": source}, Execution("threads", 4))

    def timed(cluster: Cluster, folder: Path) -> float:
        execution = Execution(cluster.address)
        execution.compute([delayed(_warm, pure=False)(i) for i in range(4)])
        started = time.perf_counter()
        # as in the audit, sums stay where they are
        found = execution.compute([delayed(_summed, pure=False)(task) for task in tasks])
        assert found == [True] * 4
        return time.perf_counter() - started

    assert ratio("sums", timed, tmp_path, monkeypatch) >= LEAST


def _warm(_: int) -> None:
    import spectral_core.streaming.passes  # noqa: F401

    time.sleep(0.5)  # so that each worker gets one


def _summed(task: Any) -> bool:
    return sum_rows(task) is not None


def ratio(what: str, timed: Callable[[Cluster, Path], float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """Time something on one worker and on two, in turn, and give the ratio of the medians."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLOSC_NTHREADS"):
        monkeypatch.setenv(name, "1")
    if (at_hand := processors_at_hand()) < 1.8:
        pytest.skip(f"two busy processes get {at_hand:.2f} processors here, and need 1.8")
    took: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(ROUNDS):
        for workers in took:
            folder = tmp_path / f"{turn} {workers}"
            folder.mkdir()
            with Cluster(folder, workers=workers) as cluster:
                took[workers].append(timed(cluster, folder))
    found = float(np.median(took[1]) / np.median(took[2]))
    told = {n: [round(s, 2) for s in all_of] for n, all_of in took.items()}
    print(f"\n{what}: one worker {told[1]} s, two {told[2]} s, ratio {found:.2f}, processors {at_hand:.2f}")
    return found
