"""Damaged files are read or refused by our own error, at once; ten thousand a reader in tests/calibration."""

from __future__ import annotations

import builtins
import contextlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from spectral_core.errors import OffbandError, ReadError
from spectral_core.readers import read_spectra
from spectral_core.readers.guarded import CLOCK, SECONDS
from tests.core.mutations import FILES, QUANTITIES, UNITS, read_spoilt, source_of

LIBRARIES = {"opus": "brukeropus", "spc": "spc_io", "wdf": "wdf", "spa": "spectrochempy_omnic"}


def needs_library(name: str) -> None:
    library = next((library for start, library in LIBRARIES.items() if name.split()[0] == start), None)
    if name == "spg":
        library = LIBRARIES["spa"]
    if library is not None:
        pytest.importorskip(library)


@pytest.mark.parametrize("name", FILES)
def test_the_whole_file_is_read(name: str) -> None:
    """Else the damaged copies would prove nothing."""
    needs_library(name)
    source = source_of(name, FILES[name])
    dataset = read_spectra(source, axis_unit=UNITS.get(name, "nm"), intensity_unit=QUANTITIES.get(name, ""))
    assert dataset.sizes["channel"] > 1


@pytest.mark.parametrize("name", FILES)
def test_damaged_copies_are_read_or_refused(name: str) -> None:
    """Forty copies; ten of a file that is read apart, since the reader is replaced after each."""
    needs_library(name)
    count = 10 if name.startswith(("matlab 7.3", "netcdf", "zarr")) else 40
    tally = read_spoilt(name, count, seed=20260131)
    assert tally.refused > 0
    assert tally.read + tally.refused == count
    assert tally.slowest < SECONDS
    assert tally.slowest_apart < CLOCK * SECONDS


@pytest.mark.parametrize("name", ["wdf", "spc", "asd"])
@pytest.mark.parametrize("number", ["0000a07f", "000080ff", "ffff7f7f"], ids=["signalling NaN", "-inf", "largest"])
def test_numbers_that_are_none_are_refused_without_a_warning(name: str, number: str) -> None:
    needs_library(name)
    content = FILES[name]
    assert isinstance(content, bytes)
    stored = {"wdf": ("<f4", 512 + 16), "spc": ("<f4", 512 + 20 + 32), "asd": ("<f8", 484)}[name]
    raw = bytes.fromhex(number) if stored[0] == "<f4" else bytes(4) + bytes.fromhex(number)
    damaged = content[: stored[1]] + raw + content[stored[1] + len(raw) :]
    with contextlib.suppress(OffbandError):
        dataset = read_spectra(source_of(name, damaged), axis_unit=UNITS.get(name, "nm"), intensity_unit="")
        assert np.isfinite(dataset["intensity"]).all() and number == "ffff7f7f"


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_that_is_missing_gives_the_line_that_installs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library gives the install line."""
    imported = builtins.__import__

    def without(module: str, *rest: Any, **named: Any) -> Any:
        if module.split(".")[0] == LIBRARIES[name]:
            raise ModuleNotFoundError(f"No module named {module!r}")
        return imported(module, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ReadError, match=r"Run: pip install 'offband\[vendor\]'"):
        read_spectra(source_of(name, FILES[name]), axis_unit=UNITS.get(name, "nm"), intensity_unit="")


def test_no_vendor_library_is_imported_with_the_readers() -> None:
    names = {*LIBRARIES.values(), "requests", "scipy.io", "pyASDReader", "spectral"}
    code = f"import sys, spectral_core.readers; print(sorted({names!r} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
