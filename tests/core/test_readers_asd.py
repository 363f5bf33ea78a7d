"""ASD files: counts, and the ratio of sample to reference; held against pyASDReader."""

from __future__ import annotations

import json
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import vendor
from spectral_core.readers.asd import is_asd, read_asd
from tests.core.written_files import asd_file

RNG = np.random.default_rng(7)
SAMPLE, REFERENCE = RNG.integers(100, 60_000, 2151).astype(float), RNG.integers(60_000, 65_000, 2151).astype(float)


def read(data: bytes, intensity_unit: str = "", axis_unit: str = "nm") -> xr.Dataset:
    assert is_asd(data)
    return read_asd(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where="a.asd")


def refusal(data: bytes, intensity_unit: str = "", axis_unit: str = "nm") -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, intensity_unit, axis_unit)
    return str(caught.value)


@pytest.mark.parametrize("form", [0, 1, 2], ids=["float32", "int32", "float64"])
def test_reflectance_is_sample_over_reference(form: int) -> None:
    dataset = read(asd_file(SAMPLE, REFERENCE, form=form))
    np.testing.assert_array_equal(dataset["axis"], np.arange(350.0, 2501.0))
    np.testing.assert_array_equal(dataset["intensity"][0], (SAMPLE / REFERENCE).astype(np.float32))
    assert dataset["intensity"].attrs["units"] == "reflectance"
    assert dataset["instrument"].values[0] == "FieldSpec FR 18123"
    assert dataset["acquired_at"].values[0] == "2026-01-31T09:30:15"
    assert json.loads(dataset[vendor.METADATA_COLUMN].values[0])["comment"] == "a leaf"


def test_the_study_may_ask_for_the_counts_of_any_file() -> None:
    for kind in (0, 1, 2, 6):
        np.testing.assert_array_equal(read(asd_file(SAMPLE, REFERENCE, kind=kind), "counts")["intensity"][0], SAMPLE)
    assert read(asd_file(SAMPLE, REFERENCE, kind=0))["intensity"].attrs["units"] == "counts"


def test_what_needs_calibration_or_has_no_reference_is_refused() -> None:
    assert "found radiance" in refusal(asd_file(SAMPLE, REFERENCE, kind=2))
    assert "absolute reflectance" in refusal(asd_file(SAMPLE, REFERENCE, kind=8))
    assert "found none" in refusal(asd_file(SAMPLE, REFERENCE, flag=b"\x00\x00"))
    assert "a finite intensity" in refusal(asd_file(SAMPLE, 0 * REFERENCE))
    assert "found 'reflectance'" in refusal(asd_file(SAMPLE, REFERENCE), "absorbance")
    assert "an axis in 'cm-1'" in refusal(asd_file(SAMPLE, REFERENCE), axis_unit="cm-1")


@pytest.mark.parametrize(
    ("at", "form", "value", "what"),
    [
        (204, "<h", 32_767, "its channels"), (204, "<h", -5, "channels of ascending"),
        (195, "<f", float("nan"), "step nan"),
        (484 + 8 * 2151 + 18, "<h", -1, "length of a description"), (484 + 8 * 2151 + 18, "<h", 30_000, "its channels"),
    ],
)  # fmt: skip
def test_lengths_are_held_against_the_file(at: int, form: str, value: float, what: str) -> None:
    data = bytearray(asd_file(SAMPLE, REFERENCE))
    struct.pack_into(form, data, at, value)
    assert what in refusal(bytes(data))


def test_an_independent_reader_agrees(other_asd_reader: Any, tmp_path: Path) -> None:
    (tmp_path / "a.asd").write_bytes(asd_file(SAMPLE, REFERENCE))
    other = other_asd_reader(str(tmp_path / "a.asd"))
    dataset = read((tmp_path / "a.asd").read_bytes())
    np.testing.assert_allclose(dataset["axis"], other.wavelengths, rtol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it divides into memory that it leaves as it was where the reference is 0
        np.testing.assert_allclose(dataset["intensity"][0], other.reflectance, rtol=1e-6)
    counts = read((tmp_path / "a.asd").read_bytes(), "counts")
    np.testing.assert_allclose(counts["intensity"][0], other.digitalNumber, rtol=1e-6)
    assert dataset["acquired_at"].values[0] == other.metadata.when_datetime.isoformat()
