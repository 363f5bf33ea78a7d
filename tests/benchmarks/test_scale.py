"""A study on spectra that do not fit in memory: variants and audit, their time for few and many spectra, their memory.

    OFFBAND_SCALE_ROWS=250000,2000000 python -m pytest tests/benchmarks/test_scale.py -m benchmark --timeout=0 -s

The default sizes are a tenth of these, for which fixed costs still count: linear time is asserted from 250,000 spectra
on. Archives are simulated; their making is not timed. 2,000,000 × 1,024 take 25 GB of disk and an hour of two cores.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from spectral_core.archive import Archive, create_archive
from spectral_core.audit import audit_study
from spectral_core.preprocessing import parse_variant
from spectral_core.spectra import make_spectra
from spectral_core.study import Study
from spectral_core.variants import materialise
from tests.benchmarks.measuring import Cost, cost, machine, product_rate
from tests.benchmarks.watching import Watched

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]
SIZES = tuple(int(size) for size in os.environ.get("OFFBAND_SCALE_ROWS", "25000,200000").split(","))
CHANNELS, REPLICATES, STEP = 1024, 5, 50_000
AXIS = np.linspace(400.0, 4000.0, CHANNELS)
VARIANTS = ("snv", "snv | savgol(11, 2, 1)")
MOST_BYTES, LINEAR_FROM, MOST_OFF_LINE = 3 * 2**30, 250_000, 0.15


def simulated(folder: Path, n: int) -> Archive:
    """Five spectra of each specimen; two classes that differ in a band; noise."""
    archive, rng = create_archive(folder), np.random.default_rng(n)
    shapes = ((900, 80, 1.0), (1600, 120, 0.8), (2900, 60, 1.2))
    peaks = sum(h * np.exp(-0.5 * ((AXIS - at) / width) ** 2) for at, width, h in shapes).astype(np.float32)
    band = (0.01 * np.exp(-0.5 * ((AXIS - 1600) / 60) ** 2)).astype(np.float32)
    for start in range(0, n, STEP):
        row = np.arange(start, min(start + STEP, n))
        unit = row // REPLICATES
        amount = (1 + 0.1 * np.random.default_rng(unit[0]).normal(size=unit[-1] - unit[0] + 1))[unit - unit[0]]
        label = unit * 2654435761 % 2**32 // 2**31  # of a specimen, without order
        x = 1 + amount.astype(np.float32)[:, None] * peaks + label.astype(np.float32)[:, None] * band
        x += 0.05 * rng.standard_normal(x.shape, dtype=np.float32)
        columns = {"spectrum_id": row.astype(str), "source_sha256": [f"{start:064d}"] * row.size,
                   "label": np.where(label == 1, "b", "a"), "unit": unit.astype(str)}  # fmt: skip
        archive.append(make_spectra(x, AXIS, axis_unit="cm-1", intensity_unit="absorbance", metadata=columns))
    return archive


def study_of(folder: Path) -> Study:
    return Study(
        name="scale", inbox=folder / "inbox", archive=folder / "archive", results=folder / "results",
        samples={"label": "label", "unit": "unit"}, reading={"axis_unit": "cm-1"}, variants=VARIANTS,
        audit={"seed": 0, "permutations": 999},
        bands={"first": {"interval": (1500, 1700), "assignment": "simulated"},
               "second": {"interval": (2800, 3000), "assignment": "simulated"}},
        blanks={"edge": {"interval": (3500, 4000), "reason": "nothing is simulated there"}},
    )  # fmt: skip


def measured(folder: Path, n: int) -> tuple[dict[str, Cost], int]:
    """Cost of each variant and of the audit of n spectra, and the most memory that was held meanwhile."""
    archive, study, found = simulated(folder / "archive", n), study_of(folder), {}
    snapshot = archive.snapshot()
    with Watched() as watched:
        for text in VARIANTS:
            where = {"directory": folder / "variants", "snapshot": snapshot, "archive": archive.path}
            found[text] = cost(lambda: materialise(archive.open(), parse_variant(text), **where))  # noqa: B023
        found["audit"] = cost(lambda: audit_study(study, archive.open(), snapshot=snapshot))
    return found, watched.most


def test_time_is_linear_in_the_number_of_spectra_and_memory_flat(tmp_path: Path) -> None:
    seen: dict[int, dict[str, Cost]] = {}
    for n in SIZES:
        seen[n], held = measured(tmp_path / str(n), n)
        shutil.rmtree(tmp_path / str(n))
        told = ", ".join(f"{name}: {took.cpu:.0f} CPU s ({took.wall:.0f} s)" for name, took in seen[n].items())
        print(f"\n{n:,} × {CHANNELS:,}: {told}; {held / 2**30:.2f} GiB resident", flush=True)
        assert held <= MOST_BYTES
    few, many = min(SIZES), max(SIZES)
    ratios = {name: seen[many][name].cpu / seen[few][name].cpu * few / many for name in seen[few]}
    print(machine(product_rate()), "CPU a spectrum, most beside fewest:", {k: round(r, 3) for k, r in ratios.items()})
    if few >= LINEAR_FROM:
        assert all(abs(ratio - 1) <= MOST_OFF_LINE for ratio in ratios.values())
