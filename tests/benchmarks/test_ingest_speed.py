"""20,000 small text files at ten times the rate of a plain loop, in flat memory; commits that cost the same."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_core.archive import create_archive
from spectral_core.ingest import ingest_inbox
from spectral_core.spectra import make_spectra
from spectral_core.study import study_from

pytestmark = pytest.mark.benchmark

CHANNELS = 1024
FILES = int(os.environ.get("OFFBAND_INGEST_FILES", "20000"))
NAIVE_FILES = 300  # the loop appends at the same rate or slower later on


def write_files(inbox: Path, count: int) -> None:
    inbox.mkdir()
    axis = [f"{x:.3f}\t" for x in np.linspace(400, 1800, CHANNELS)]
    rng = np.random.default_rng(0)
    for k in range(count):
        values = np.char.mod("%.6f\n", rng.normal(1, 0.1, CHANNELS))
        (inbox / f"{'AB'[k % 2]}_{k:05d}.txt").write_text("nm\tcounts\n" + "".join(map(str.__add__, axis, values)))


def study_of(folder: Path):
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results",
        "samples": {"pattern": r"(?P<label>[AB])_(?P<unit>\d+)\.txt", "unit": "unit"},
        "reading": {"axis_unit": "nm"}, "audit": {"seed": 1},
    }  # fmt: skip
    return study_from(content, where=folder / "study.toml")


def naive(inbox: Path, store: Path, count: int) -> float:
    """Read and append file by file; CPU seconds a file."""
    begun = time.process_time()
    for k, path in enumerate(sorted(inbox.iterdir())[:count]):
        table = pd.read_csv(path, sep="\t").to_numpy()
        texts = {"label": path.name[0], "unit": path.stem, "source": path.name,
                 "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}  # fmt: skip
        columns = {name: ("sample", np.array([text], dtype=object)) for name, text in texts.items()}
        dataset = xr.Dataset(
            {"intensity": (("sample", "channel"), table[None, :, 1].astype(np.float32))},
            coords={"axis": ("channel", table[:, 0]), **columns},
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr has no final specification for texts of variable length
            dataset.to_zarr(store, consolidated=False, **({"append_dim": "sample"} if k else {"mode": "w"}))
    return (time.process_time() - begun) / count


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ingest_and_tell(folder: Path) -> None:
    memory: dict[int, int] = {}

    def progress(done: int, total: int) -> None:
        if done % 1000 == 0:
            memory[done] = resident()

    begun, wall = time.process_time(), time.perf_counter()
    report = ingest_inbox(study_of(folder), progress=progress)
    told = {"cpu": time.process_time() - begun, "wall": time.perf_counter() - wall, "new": report.new}
    (folder / "told.json").write_text(json.dumps(told | {"memory": memory}))


def test_small_text_files_are_ingested_at_ten_times_the_rate_of_a_loop_in_flat_memory(tmp_path):
    write_files(tmp_path / "inbox", FILES)
    before = naive(tmp_path / "inbox", tmp_path / "before.zarr", NAIVE_FILES)
    process = multiprocessing.get_context("spawn").Process(target=ingest_and_tell, args=(tmp_path,))
    process.start()
    process.join()
    loop = (before + naive(tmp_path / "inbox", tmp_path / "after.zarr", NAIVE_FILES)) / 2
    told = json.loads((tmp_path / "told.json").read_text())
    memory = {int(done): size for done, size in told["memory"].items()}
    ours = told["cpu"] / FILES
    wall = told["wall"] / FILES
    print(f"{FILES} files: {ours * 1e3:.2f} ms CPU a file ({wall * 1e3:.2f} wall), loop {loop * 1e3:.1f} ms:"
          f" {loop / ours:.1f} times; MB {[round(memory[k] / 2**20) for k in sorted(memory)]}")  # fmt: skip
    assert told["new"] == FILES
    assert loop / ours >= 10
    # names and hashes of what is known are held: some 600 bytes a file
    assert memory[max(memory)] - memory[min(2000, FILES)] <= 30 * 2**20 + 1000 * FILES


def batch(rows: np.ndarray, seed: int) -> xr.Dataset:
    x = np.random.default_rng(seed).normal(size=(len(rows), CHANNELS))
    names = [str(i) for i in rows]
    metadata = {"source": names, "source_sha256": [f"{i:064x}" for i in rows], "spectrum_id": [f"{i}:0" for i in rows],
                "label": [n[-1] for n in names]}  # fmt: skip
    return make_spectra(x, np.arange(CHANNELS), axis_unit="nm", intensity_unit="", metadata=metadata)


def test_a_commit_costs_the_same_at_a_thousand_and_at_a_hundred_thousand_spectra(tmp_path):
    archive, held, costs = create_archive(tmp_path / "archive"), 0, {}
    for size in (1_000, 10_000, 100_000):
        while held < size:
            archive.append(batch(np.arange(held, held + 1000), held))
            held += 1000
        spent = []
        for _ in range(9):
            new = batch(np.arange(held, held + 10), held)
            begun = time.process_time()
            archive.append(new)
            spent.append(time.process_time() - begun)
            held += 10
        costs[size] = float(np.median(spent))
        held += 1000 - held % 1000  # numbers of spectra only name them
    print({size: f"{cost * 1e3:.0f} ms CPU" for size, cost in costs.items()})
    assert costs[100_000] <= 1.5 * costs[1_000]
