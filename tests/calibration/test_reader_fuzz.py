"""Ten thousand damaged copies a reader: spectra or our own error, none over 5 s, memory below 1 GB."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from spectral_core.readers import GUARD
from spectral_core.readers.guarded import CLOCK, SECONDS
from tests.core.mutations import FILES, Tally, read_copies, read_spoilt

COUNT = 10_000
MOST_BYTES = 10**9

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
REAL = {
    **dict.fromkeys(("BF_lo_01_soil_cal.1", "issue82_Opus_test.0", "ftir_ps.0"), ("cm-1", "absorbance")),
    "sp.wdf": ("cm-1", ""), "raman_atacamit.spc": ("cm-1", ""), "ftir_ldpe_soil.asp": ("cm-1", ""),
    "fitr_nitrocellulose.jdx": ("cm-1", ""), "jcamp/dupinc2.jdx": ("cm-1", ""), "jcamp/pacdec1.jdx": ("cm-1", ""),
    "010.txt": ("nm", "reflectance"), "PST02_iRPlus785_Z020_100_1300ms.txt": ("cm-1", "Raw data #1"),
    **{f"fluorescence/{name}": ("nm", "") for name in (
        "hitachi_F-7000.txt", "hitachi_F-7000_Japanese.TXT", "JASCO_FP-8500.csv", "shimadzu_RF-6000.txt",
        "fluoromax4.dat", "horiba_aqualog.dat", "cary_eclipse.csv",
    )},
}  # fmt: skip
"""Real files, with the axis unit and the quantity of a study that reads them."""

pytestmark = [pytest.mark.calibration, pytest.mark.timeout(7200)]


def held() -> int:
    """Most memory that this process, or one that it has waited for, has had, in bytes."""
    GUARD.close()
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return 1024 * max(resource.getrusage(whose).ru_maxrss for whose in who)


def judge(tally: Tally, count: int, started: float, name: str) -> None:
    took = time.monotonic() - started
    print(f"{name}: {tally.read} read, {tally.refused} refused, {tally.ended} of them ended; slowest "
          f"{tally.slowest:.1f} s, apart {tally.slowest_apart:.1f} s; {held() / 1e6:.0f} MB; {took:.0f} s")  # fmt: skip
    assert tally.read + tally.refused == count
    assert tally.slowest < SECONDS
    assert tally.slowest_apart < CLOCK * SECONDS
    assert held() < MOST_BYTES


@pytest.mark.parametrize("name", FILES)
def test_damaged_copies_of_a_written_file(name: str) -> None:
    started = time.monotonic()
    judge(read_spoilt(name, COUNT, seed=1), COUNT, started, name)


@pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")
@pytest.mark.parametrize("name", REAL)
def test_damaged_copies_of_a_real_file(name: str) -> None:
    unit, quantity = REAL[name]
    started = time.monotonic()
    content = (VENDOR / name).read_bytes()
    judge(
        read_copies(content, COUNT // 10, seed=2, unit=unit, quantity=quantity, name=name), COUNT // 10, started, name
    )
