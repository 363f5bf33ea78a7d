"""Faults of a cluster over TCP: a variant comes out whole or not at all, and what was finished is not lost."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dask.delayed import delayed

from spectral_core.errors import ArchiveError
from spectral_core.preprocessing import blocks, parse_variant
from spectral_core.preprocessing.blocks import compute_blocks, dashboard_of
from spectral_core.variants import materialise, open_variant
from tests.core.cluster import Cluster, kill
from tests.core.test_variants import SNV, dataset, expected, names_in, small_blocks

__all__ = ["small_blocks"]

N, BLOCKS = 700, 100
ABSORBANCE = parse_variant("absorbance")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*large graph:UserWarning")


def after(blocks_done: int, fault: Callable[[], object]) -> Callable[[int, int], None]:
    """A progress that commits the fault once, when so many blocks are done."""
    committed: list[object] = []

    def progress(done: int, total: int) -> None:
        if done >= blocks_done and not committed:
            committed.append(fault() or True)

    return progress


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_and_a_lost_cluster_loses_nothing(
    tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "LOOK_S", 0.2)
    with Cluster(tmp_path) as cluster:
        first, second = cluster.workers
        variant = materialise(dataset(N), SNV, directory=tmp_path, snapshot="A", scheduler=cluster.address,
                              progress=after(20, lambda: kill(first)))  # fmt: skip
        stored = open_variant(variant)["intensity"]
        assert stored.shape == (N, 24)
        np.testing.assert_allclose(stored, expected(dataset(N), "snv"), atol=1e-6)
        monkeypatch.setattr(blocks, "PATIENCE_S", 1.0)
        with pytest.raises(ArchiveError, match="expected at least one worker, found none for 1 s"):
            materialise(dataset(N), ABSORBANCE, directory=tmp_path, snapshot="A", scheduler=cluster.address,
                        progress=after(20, lambda: kill(second)))  # fmt: skip
        assert re.fullmatch(r"http://127.0.0.1:\d+/status", dashboard_of(cluster.address) or "")
    assert dashboard_of("threads") is None
    assert names_in(tmp_path, "*.zarr") == [variant.path.name]  # what is not whole is not there
    told: list[int] = []
    variant = materialise(
        dataset(N), ABSORBANCE, directory=tmp_path, snapshot="A", progress=lambda n, _: told.append(n)
    )
    assert told[0] >= 20 and told == list(range(told[0], BLOCKS + 1))
    np.testing.assert_allclose(open_variant(variant)["intensity"], expected(dataset(N), "absorbance"), atol=1e-6)


@pytest.mark.calibration
def test_a_scheduler_that_is_started_anew_gets_what_is_left(tmp_path: Path, small_blocks: None) -> None:
    told: list[int] = []
    with Cluster(tmp_path) as cluster:
        restart = after(20, cluster.restart)
        variant = materialise(dataset(N), SNV, directory=tmp_path, snapshot="A", scheduler=cluster.address,
                              progress=lambda *now: (told.append(now[0]), restart(*now)))  # fmt: skip
    assert told == list(range(1, BLOCKS + 1))  # no block was told twice, or left out
    np.testing.assert_allclose(open_variant(variant)["intensity"], expected(dataset(N), "snv"), atol=1e-6)


@pytest.mark.calibration
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_scheduler_that_stays_away_is_told(
    how: signal.Signals, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cluster(tmp_path) as cluster:
        materialise(dataset(70), SNV, directory=tmp_path, snapshot="A", scheduler=cluster.address)
        monkeypatch.setattr(blocks, "PATIENCE_S", 3.0)
        with pytest.raises(ArchiveError, match="expected a running scheduler, found no answer"):
            materialise(dataset(N), ABSORBANCE, directory=tmp_path, snapshot="A", scheduler=cluster.address,
                        progress=after(20, lambda: os.kill(cluster.scheduler.pid, how)))  # fmt: skip
    assert len(names_in(tmp_path, "*.zarr")) == 1


def _take_memory(mebibytes: int) -> int:
    held = np.ones((mebibytes, 2**20), dtype=np.uint8)
    time.sleep(5)  # the nanny looks every tenth of a second
    return int(held[:, 0].sum())


@pytest.mark.calibration
def test_a_worker_out_of_memory_is_a_clear_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    with Cluster(tmp_path, workers=1, nanny=True, memory="500MB") as cluster:
        small, large = [delayed(_take_memory)(size) for size in (1, 900)]
        assert compute_blocks([small], scheduler=cluster.address, workers=None, progress=None) == [1]
        with pytest.raises(ArchiveError, match="expected workers that finish their blocks, found KilledWorker"):
            compute_blocks([large], scheduler=cluster.address, workers=None, progress=None)
