"""20,000 small text files at ten times the rate of a plain loop, in flat memory; commits and rescans that stay cheap.

`make bench` prints the table; with OFFBAND_WRITE_BENCHMARKS=1 it also renews the section of docs/benchmarks.md.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_core.archive import create_archive
from spectral_core.ingest import ingest_inbox
from spectral_core.spectra import make_spectra
from spectral_core.study import study_from
from tests.benchmarks.measuring import machine, product_rate, renew, writing

pytestmark = pytest.mark.benchmark

CHANNELS = 1024
FILES = int(os.environ.get("OFFBAND_INGEST_FILES", "20000"))
KNOWN = int(os.environ.get("OFFBAND_KNOWN_FILES", "100000"))
NAIVE_FILES = 300  # the loop appends at the same rate or slower later on


@pytest.fixture(scope="module")
def rows() -> Iterator[list[str]]:
    """Rows of the table, one or more a test; written once all three have run."""
    told: list[str] = []
    yield told
    lines = [
        machine(product_rate()), "",
        "CPU seconds of one process. The loop reads a file with pandas, hashes it, and appends it with",
        "`to_zarr(append_dim=…)`; it does no check, keeps no ledger, and a kill can leave it half written. Files hold",
        f"{CHANNELS:,} channels as two columns of text; those of the rescan hold 8, since none is opened.", "",
        "| what | figure | promised |", "|---|---|---|", *told,
    ]  # fmt: skip
    print("\n".join(lines))
    if writing() and len(told) == 6:
        renew("ingest", lines)


def write_files(inbox: Path, count: int, channels: int = CHANNELS) -> None:
    inbox.mkdir()
    axis = [f"{x:.3f}\t" for x in np.linspace(400, 1800, channels)]
    rng = np.random.default_rng(0)
    for k in range(count):
        values = np.char.mod("%.6f\n", rng.normal(1, 0.1, channels))
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


def test_small_text_files_are_ingested_at_ten_times_the_rate_of_a_loop_in_flat_memory(tmp_path, rows):
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
    grown = memory[max(memory)] - memory[min(2000, FILES)]
    rows += [
        f"| {FILES:,} files, a file | {ours * 1e3:.2f} ms ({wall * 1e3:.2f} wall) | – |",
        f"| the loop, a file | {loop * 1e3:.1f} ms: {loop / ours:.1f} times as much | 10 times |",
        f"| resident memory, from 2,000 files to {FILES:,} | + {grown / 2**20:.0f} MiB, "
        f"to {memory[max(memory)] / 2**20:.0f} MiB | flat: 30 MiB, and 1 kB a file for its name and hash |",
    ]
    assert told["new"] == FILES
    assert loop / ours >= 10
    assert grown <= 30 * 2**20 + 1000 * FILES


def batch(rows: np.ndarray, seed: int) -> xr.Dataset:
    x = np.random.default_rng(seed).normal(size=(len(rows), CHANNELS))
    names = [str(i) for i in rows]
    metadata = {"source": names, "source_sha256": [f"{i:064x}" for i in rows], "spectrum_id": [f"{i}:0" for i in rows],
                "label": [n[-1] for n in names]}  # fmt: skip
    return make_spectra(x, np.arange(CHANNELS), axis_unit="nm", intensity_unit="", metadata=metadata)


def test_a_commit_costs_the_same_at_a_thousand_and_at_a_hundred_thousand_spectra(tmp_path, rows):
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
    told = ", ".join(f"{cost * 1e3:.0f} ms at {size:,}" for size, cost in costs.items())
    rows.append(f"| a commit of 10 spectra, in an archive that holds so many | {told} | at most half as much again |")
    assert costs[100_000] <= 1.5 * costs[1_000]


def rescan(folder: Path) -> None:
    study, spent = study_of(folder), []
    for _ in range(3):
        begun, wall = time.process_time(), time.perf_counter()
        report = ingest_inbox(study)
        spent.append((time.process_time() - begun, time.perf_counter() - wall))
    (folder / "told.json").write_text(json.dumps([str(report), *np.median(spent, axis=0)]))


def test_a_scan_that_finds_nothing_new_among_a_hundred_thousand_known_files_is_quick(tmp_path, rows):
    write_files(tmp_path / "inbox", KNOWN, channels=8)
    begun = time.process_time()
    ingest_inbox(study_of(tmp_path), batch_files=10_000)
    first = time.process_time() - begun
    process = multiprocessing.get_context("spawn").Process(target=rescan, args=(tmp_path,))
    process.start()
    process.join()
    said, cpu, wall = json.loads((tmp_path / "told.json").read_text())
    rows += [
        f"| a scan that finds nothing new among {KNOWN:,} known files | {cpu:.1f} s ({wall:.1f} wall) | 5 s |",
        f"| the ingestion of these before, 10,000 a commit | {first:.0f} s | – |",
    ]
    assert said == f"0 new, {KNOWN} already archived"
    assert cpu < 5
