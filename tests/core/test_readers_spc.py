"""Galactic SPC: integers and floats, even and uneven axes, one spectrum and many, to the bit."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import vendor
from spectral_core.readers.spc import is_spc, read_spc
from tests.core.written_files import spc_file

pytest.importorskip("spc_io")

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
needs_vendor_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")

ONE = np.array([[0.5, -0.25, 1.0, 0.125]])
TWO = np.vstack([ONE, 2 * ONE])
ENDS = {"first": 400.0, "last": 403.0}


def read(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1") -> xr.Dataset:
    assert is_spc(data)
    return read_spc(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where="a.spc")


def refusal(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1") -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, intensity_unit, axis_unit)
    return str(caught.value)


@pytest.mark.parametrize(("exponent", "words"), [(-128, 4), (1, 4), (1, 2), (5, 4)])
@pytest.mark.parametrize("spectra", [ONE, TWO], ids=["one", "two"])
def test_a_written_file_gives_back_what_was_written(spectra: np.ndarray, exponent: int, words: int) -> None:
    """Integers are fractions of 2^exponent: y · 2^(exponent − bits)."""
    halved = spectra / 4  # within ±0.5, which 16 bits hold exactly at every exponent here
    dataset = read(spc_file(halved, exponent=exponent, words=words, **ENDS))
    np.testing.assert_array_equal(dataset["axis"], [400, 401, 402, 403])
    np.testing.assert_array_equal(dataset["intensity"], halved)
    assert dataset["intensity"].attrs["units"] == "counts"
    assert list(dataset["spectrum"].values) == ([""] if len(spectra) == 1 else ["1", "2"])


def test_the_exponent_of_a_single_spectrum_is_that_of_the_header() -> None:
    data = bytearray(spc_file(ONE, exponent=5, **ENDS))
    data[512 + 1] = 0  # some programs leave the subheader empty
    np.testing.assert_array_equal(read(bytes(data))["intensity"], ONE)


def test_an_uneven_axis_places_and_metadata_are_kept() -> None:
    axis = np.array([400.0, 401.5, 404.0, 410.25])
    dataset = read(spc_file(TWO, axis=axis, log=b"LASER=785\r\nPOWER=10\x00", z=(0.5, 2.25), **ENDS))
    np.testing.assert_array_equal(dataset["axis"], axis)
    assert list(dataset["z"].values) == ["0.5", "2.25"]
    assert dataset["instrument"].values[1] == "Prism 3"
    assert dataset["acquired_at"].values[0] == "2026-01-31T09:30:00"
    stated = json.loads(dataset[vendor.METADATA_COLUMN].values[1])
    assert stated["comment"] == "a leaf" and "LASER=785" in stated["log"]


def test_units_are_held_against_the_study() -> None:
    data = spc_file(ONE, x_type=3, y_type=2, **ENDS)
    assert read(data, "absorbance", "nm")["intensity"].attrs["units"] == "absorbance"
    assert "'counts', as the study declares, found 'absorbance'" in refusal(data, "counts", "nm")
    assert "an axis in 'cm-1'" in refusal(data)
    assert "as the study declares" in refusal(spc_file(ONE, x_type=4, **ENDS))


def test_percent_says_not_of_what() -> None:
    data = spc_file(ONE, y_type=11, **ENDS)
    assert [read(data, q)["intensity"].attrs["units"] for q in ("reflectance", "%T")] == ["reflectance", "%T"]
    assert "found 'percent'" in refusal(data, "absorbance")
    assert read(data)["intensity"].attrs["units"] == ""


OLD = struct.pack("<2Bh3f2BH4B8s", 0, 0x4D, -5, 195.0, 3000.0, 1000.0, 1, 2, 1997, 3, 9, 8, 46, b"4.0 CM-1").ljust(
    256 + 32 + 4 * 195, b"\x00"
)
"""The old format: points and ends as float32, kinds of the axes at 16, a date, the resolution as text."""


def test_an_interferogram_is_no_spectrum() -> None:
    assert "an interferogram" in refusal(spc_file(ONE, y_type=1, **ENDS))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (spc_file(ONE, version=0x4C, **ENDS), "big-endian"), (OLD, "the old format"),
        (spc_file(ONE, flags=0xC0, **ENDS), "an axis for every spectrum"), (spc_file(ONE, **ENDS)[:-1], "its spectra"),
        (spc_file(ONE, **ENDS) + b"\x00", "expected 560 bytes, as it declares, found 561"),
        (spc_file(ONE[:, :1], **ENDS), "two or more points"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(data: bytes, what: str) -> None:
    assert what in refusal(data)


@pytest.mark.parametrize(("at", "value"), [(4, 2**31), (4, 0), (24, 2**32 - 1), (24, 0), (248, 2**32 - 1), (248, 5)])
def test_counts_are_held_against_the_length_before_anything_is_allocated(at: int, value: int) -> None:
    data = bytearray(spc_file(ONE, **ENDS))
    struct.pack_into("<I", data, at, value)
    assert refusal(bytes(data))


@needs_vendor_files
def test_a_real_file_agrees_with_its_bytes_decoded_by_hand() -> None:
    """559 32-bit integers behind 544 bytes, exponent 11, axis from the two doubles at byte 8."""
    data = (VENDOR / "raman_atacamit.spc").read_bytes()
    dataset = read(data)
    assert dataset["intensity"].attrs["units"] == "absorbance"  # what the file says, though it is a Raman spectrum
    raw = np.array(struct.unpack_from("<559i", data, 544), dtype=np.float64)
    np.testing.assert_allclose(dataset["intensity"][0], raw * 2.0 ** (11 - 32), rtol=1e-6)
    np.testing.assert_allclose(dataset["axis"], np.linspace(*struct.unpack_from("<2d", data, 8), 559), rtol=1e-12)
    assert "found 'absorbance'" in refusal(data, "counts")
