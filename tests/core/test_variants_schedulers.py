"""Variants computed on processes and on a running scheduler; and workers that die."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from dask.delayed import delayed

from spectral_core.errors import ArchiveError, SpectraError
from spectral_core.preprocessing import parse_variant
from spectral_core.preprocessing.blocks import compute_blocks
from spectral_core.variants import materialise, open_variant
from tests.core.test_variants import SNV, dataset, expected, names_in, run, small_blocks

__all__ = ["small_blocks"]


UNGUARDED = """
import icechunk, numpy as np, xarray as xr
from pathlib import Path
from spectral_core.preprocessing import parse_variant
from spectral_core.variants import materialise
from tests.core.test_variants import dataset
folder = Path({folder!r})
icechunk.set_logs_filter("error")
repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "store")))
session = repository.writable_session("main")
dataset(200).chunk(sample=30).to_zarr(session.store, consolidated=False)
snapshot = session.commit("200 spectra")
spectra = xr.open_zarr(repository.readonly_session(snapshot_id=snapshot).store, consolidated=False, chunks={{}})
done = []
reference = materialise(spectra, parse_variant("als(lam=1e3) | snv"), directory=folder / "variants", snapshot=snapshot,
                        scheduler="processes", workers=2, progress=lambda *now: done.append(now))
print(reference.path, len(done))
"""


@pytest.mark.slow
def test_processes_read_an_icechunk_archive_from_a_script_without_a_main_guard(tmp_path: Path) -> None:
    ended = run(tmp_path / "script.py", UNGUARDED.format(folder=str(tmp_path)))
    assert ended.returncode == 0, ended.stderr
    path, blocks = ended.stdout.split()
    assert int(blocks) > 2
    stored = open_variant(path)
    np.testing.assert_allclose(stored["intensity"], expected(dataset(200), "als(lam=1e3) | snv"), atol=1e-5)
    assert stored["label"].values.tolist() == dataset(200)["label"].values.tolist()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_running_dask_scheduler_gives_the_same(tmp_path: Path, small_blocks: None) -> None:
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=str(tmp_path),
    )
    told: list[tuple[int, int]] = []
    with cluster:
        where = cluster.scheduler_address
        reference = materialise(
            dataset().chunk({"sample": 9}), SNV, directory=tmp_path, snapshot="A", scheduler=where,
            progress=lambda *now: told.append(now),
        )  # fmt: skip
        with pytest.raises(SpectraError, match=r"variant 'absorbance.* spectrum "):
            materialise(-dataset(), parse_variant("absorbance"), directory=tmp_path, snapshot="A", scheduler=where)
    np.testing.assert_allclose(open_variant(reference)["intensity"], expected(dataset(), "snv"), atol=1e-6)
    assert told[-1] == (8, 8) and names_in(tmp_path, "*.part") == []


def test_an_address_without_a_scheduler_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="expected a running scheduler, found no answer"):
        materialise(dataset(), SNV, directory=tmp_path, snapshot="A", scheduler="tcp://nowhere")


def _die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_worker_that_is_killed_is_a_clear_failure() -> None:
    blocks = [delayed(_die)(i) for i in range(2)]
    with pytest.raises(ArchiveError, match="expected workers that finish their blocks"):
        compute_blocks(blocks, scheduler="processes", workers=2, progress=None)
