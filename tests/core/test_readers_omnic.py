"""Thermo OMNIC: spectra and groups written after the layout that spectrochempy-omnic documents."""

from __future__ import annotations

import json
import struct
from datetime import datetime, timedelta

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import vendor
from spectral_core.readers.omnic import read_omnic
from tests.core.written_files import omnic_file

pytest.importorskip("spectrochempy_omnic")

ONE = np.array([[0.5, 0.25, 1.0, 0.125]])
TWO = np.vstack([ONE, 2 * ONE])
MOMENTS = [datetime(2026, 1, 31, 9, 30), datetime(2026, 1, 31, 9, 30) + timedelta(minutes=5)]
SPA = omnic_file(ONE, 4000.0, 3997.0, ["leaf 7"], MOMENTS, group=False)
SPG = omnic_file(TWO, 4000.0, 3997.0, ["leaf 7", "leaf 8"], MOMENTS, group=True)


def read(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1", where: str = "a.spa") -> xr.Dataset:
    return read_omnic(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where=where)


def refusal(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1", where: str = "a.spa") -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, intensity_unit, axis_unit, where)
    return str(caught.value)


def test_a_spectrum_is_given_back_with_its_time() -> None:
    dataset = read(SPA)
    np.testing.assert_array_equal(dataset["axis"], [3997, 3998, 3999, 4000])
    np.testing.assert_array_equal(dataset["intensity"], ONE[:, ::-1])
    assert dataset["intensity"].attrs["units"] == "absorbance"
    assert dataset["acquired_at"].values[0] == "2026-01-31T09:30:00"
    assert (dataset["spectrum"].values[0], dataset["sample_name"].values[0]) == ("", "leaf 7")
    assert json.loads(dataset[vendor.METADATA_COLUMN].values[0])["original_name"] == "leaf 7"


def test_a_group_gives_its_spectra_by_name() -> None:
    dataset = read(SPG, where="a.spg")
    np.testing.assert_array_equal(dataset["intensity"], TWO[:, ::-1])
    assert list(dataset["spectrum"].values) == ["leaf 7", "leaf 8"]
    assert list(dataset["acquired_at"].values) == [moment.isoformat() for moment in MOMENTS]


@pytest.mark.parametrize(
    ("key", "quantity"),
    [(17, "absorbance"), (16, "transmittance"), (11, "reflectance"), (12, "log(1/R)"), (20, "kubelka-munk"), (31, ""),
     (99, ""), (15, "single beam")],
)  # fmt: skip
def test_the_quantity_is_the_files(key: int, quantity: str) -> None:
    data = omnic_file(ONE, 4000.0, 3997.0, ["leaf"], MOMENTS, group=False, y_key=key)
    assert read(data)["intensity"].attrs["units"] == quantity
    if quantity:
        assert f"found '{quantity.split('-')[0]}" in refusal(data, "counts").lower().replace("log(1/r)", "log(1/R)")


def test_an_interferogram_a_series_and_another_axis_are_refused() -> None:
    assert "interferogram" in refusal(omnic_file(ONE, 0.0, 3.0, ["leaf"], MOMENTS, group=False, x_key=2))
    assert "a series" in refusal(b"Spectral Exte File" + bytes(1000))
    assert "an axis in 'cm-1'" in refusal(omnic_file(ONE, 400.0, 403.0, ["leaf"], MOMENTS, group=False, x_key=3))


@pytest.mark.parametrize("data", [SPA, SPG], ids=["spa", "spg"])
@pytest.mark.parametrize(
    ("line", "at", "value"), [(0, 2, 2**32 - 1), (0, 2, 10**6), (1, 2, 10**6), (1, 6, 2**31), (1, 6, 15)]
)
def test_places_outside_the_file_are_refused(data: bytes, line: int, at: int, value: int) -> None:
    """Past the end of a file the library looks for a zero byte for ever."""
    damaged = bytearray(data)
    struct.pack_into("<I", damaged, 304 + 16 * line + at, value)
    assert refusal(bytes(damaged), where="a.spg" if data is SPG else "a.spa")


def test_a_text_without_end_is_refused_at_once() -> None:
    header = struct.unpack_from("<I", SPA, 306)[0]
    endless = SPA[: header + 208] + b"x" * 400_000
    damaged = bytearray(endless)
    struct.pack_into("<I", damaged, 304 + 16 + 2, header)
    assert "one without end" in refusal(bytes(damaged))


@pytest.mark.parametrize("count", [0, 2**32 - 1, 3])
def test_the_number_of_points_must_be_that_of_the_intensities(count: int) -> None:
    damaged = bytearray(SPA)
    struct.pack_into("<I", damaged, struct.unpack_from("<I", SPA, 306)[0] + 4, count)
    assert f"each of {count} points" in refusal(bytes(damaged))
