"""Ten thousand damaged copies a reader: spectra or our own error, none over 5 s, memory below 1 GB."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.core.mutations import FILES, QUANTITIES, UNITS, read_spoilt

COUNT = 10_000
SECONDS, MEBIBYTES = 5.0, 1024

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
REAL = {
    "BF_lo_01_soil_cal.1": "opus", "sp.wdf": "wdf", "raman_atacamit.spc": "opus", "010.txt": "avantes",
    "fluorescence/hitachi_F-7000_Japanese.TXT": "Hitachi matrix", "fluorescence/JASCO_FP-8500.csv": "JASCO matrix",
}  # fmt: skip
"""Real files, and the written one of the same axis unit and quantity."""

pytestmark = [pytest.mark.calibration, pytest.mark.timeout(1800)]


def held() -> float:
    """Most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("name", FILES)
def test_damaged_copies_of_a_written_file(name: str) -> None:
    tally = read_spoilt(name, COUNT, seed=1)
    assert tally.read + tally.refused == COUNT
    assert tally.slowest < SECONDS
    assert held() < MEBIBYTES


@pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")
@pytest.mark.parametrize("name", REAL)
def test_damaged_copies_of_a_real_file(name: str) -> None:
    like = REAL[name]
    assert like in {*UNITS, *QUANTITIES, *FILES}
    tally = read_spoilt(like, COUNT // 10, seed=2, original=(VENDOR / name).read_bytes())
    assert tally.read + tally.refused == COUNT // 10
    assert tally.slowest < SECONDS
    assert held() < MEBIBYTES
