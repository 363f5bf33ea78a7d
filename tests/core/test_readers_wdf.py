"""Renishaw WDF: single spectra and maps, with the place and the time of every point."""

from __future__ import annotations

import json
import struct
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import vendor
from spectral_core.readers.wdf import read_wdf
from tests.core.written_files import wdf_block, wdf_file

pytest.importorskip("wdf")

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
needs_vendor_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")

AXIS = np.array([1800.5, 1500.25, 1200.0, 900.0])
MAP = np.arange(24.0).reshape(6, 4) ** 2
X, Y = np.tile([10.0, 10.5, 11.0], 2), np.repeat([-3.0, -2.0], 3)
MOMENTS = [datetime(2026, 1, 31, 9, 30) + timedelta(seconds=40 * i) for i in range(6)]


def read(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1") -> xr.Dataset:
    return read_wdf(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where="a.wdf")


def refusal(data: bytes, intensity_unit: str = "", axis_unit: str = "cm-1") -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, intensity_unit, axis_unit)
    return str(caught.value)


def test_a_map_gives_one_spectrum_a_point_with_its_place_and_time() -> None:
    dataset = read(wdf_file(MAP, AXIS, x=X, y=Y, moments=MOMENTS))
    np.testing.assert_array_equal(dataset["axis"], AXIS[::-1])
    np.testing.assert_array_equal(dataset["intensity"], MAP[:, ::-1])
    np.testing.assert_array_equal(dataset["x"].values.astype(float), X)
    np.testing.assert_array_equal(dataset["y"].values.astype(float), Y)
    assert list(dataset["acquired_at"].values) == [moment.isoformat() for moment in MOMENTS]
    assert list(dataset["spectrum"].values) == ["1", "2", "3", "4", "5", "6"]
    stated = json.loads(dataset[vendor.METADATA_COLUMN].values[5])
    assert (stated["title"], stated["user"], stated["unit of x"]) == ("a map", "operator", "Micron")


def test_spectra_that_were_not_collected_are_left_out() -> None:
    dataset = read(wdf_file(MAP, AXIS, collected=4, x=X, y=Y))
    np.testing.assert_array_equal(dataset["intensity"], MAP[:4, ::-1])
    np.testing.assert_array_equal(dataset["x"].values.astype(float), X[:4])


def test_units_are_held_against_the_study() -> None:
    assert read(wdf_file(MAP[:1], AXIS), "counts")["intensity"].attrs["units"] == "counts"
    assert "found 'counts'" in refusal(wdf_file(MAP[:1], AXIS), "absorbance")
    assert "an axis in 'nm'" in refusal(wdf_file(MAP[:1], AXIS), axis_unit="nm")
    assert read(wdf_file(MAP[:1], AXIS, units=0), "counts")["intensity"].attrs["units"] == "counts"
    assert read(wdf_file(MAP[:1], AXIS, units=0))["intensity"].attrs["units"] == ""


@pytest.mark.parametrize("declared", ["", "counts"])
def test_intensities_labelled_as_an_axis_are_refused(declared: str) -> None:
    assert "found RamanShift, an axis" in refusal(wdf_file(MAP[:1], AXIS, units=1), declared)


@pytest.mark.parametrize(
    ("at", "form", "value", "what"),
    [
        (512 + 8, "<Q", 0, "block 2"), (512 + 8, "<Q", 2**63, "block 2"), (8, "<Q", 0, "block 1"),
        (60, "<I", 2**31, "positions"), (64, "<Q", 2**40, "origins"), (72, "<Q", 7, "spectra"),
        (72, "<Q", 0, "spectra"),
        (88, "<I", 3, "positions"), (16, "<Q", 8, "an axis for every spectrum"),
    ],
)  # fmt: skip
def test_lengths_are_held_against_the_file(at: int, form: str, value: int, what: str) -> None:
    """A block of length 0 leads Renishaw's library back to the same block for ever."""
    data = bytearray(wdf_file(MAP, AXIS, x=X, y=Y))
    struct.pack_into(form, data, at, value)
    assert what in refusal(bytes(data))


def test_a_file_without_data_or_axis_is_refused() -> None:
    assert "no DATA" in refusal(wdf_file(MAP, AXIS)[:512])
    assert "no XLST" in refusal(wdf_file(MAP, AXIS)[:512] + wdf_block(b"DATA", bytes(96)))


def test_damaged_properties_cost_nothing_but_themselves() -> None:
    good = wdf_file(MAP, AXIS)
    dataset = read(good + wdf_block(b"WXDA", b"PSET" + struct.pack("<I", 2**31) + b"\xff" * 40))
    np.testing.assert_array_equal(dataset["intensity"], MAP[:, ::-1])


def blocks_by_hand(data: bytes) -> dict[bytes, bytes]:
    blocks, at = {}, 0
    while at < len(data):
        size = struct.unpack_from("<Q", data, at + 8)[0]
        blocks.setdefault(data[at : at + 4], data[at + 16 : at + size])
        at += size
    return blocks


@needs_vendor_files
@pytest.mark.parametrize("name", ["sp.wdf", "undefined.wdf"])
def test_real_files_agree_with_bytes_decoded_by_hand(name: str) -> None:
    data = bytearray((VENDOR / name).read_bytes())
    if name == "undefined.wdf":
        assert "found RamanShift, an axis" in refusal(bytes(data))
        struct.pack_into("<I", data, 152, 0)  # arbitrary units, as this file should say
    dataset = read(bytes(data))
    blocks = blocks_by_hand(bytes(data))
    axis = np.frombuffer(blocks[b"XLST"], "<f4", offset=8).astype(np.float64)
    values = np.frombuffer(blocks[b"DATA"], "<f4").reshape(-1, axis.size)
    np.testing.assert_allclose(dataset["axis"], axis[::-1], rtol=1e-12)
    np.testing.assert_array_equal(dataset["intensity"], values[:, ::-1])
    assert len(values) == {"sp.wdf": 1, "undefined.wdf": 2}[name]


@needs_vendor_files
def test_a_real_file_agrees_with_renishaw_wire() -> None:
    other = pytest.importorskip("renishawWiRE").WDFReader(str(VENDOR / "sp.wdf"))
    other.close()
    dataset = read((VENDOR / "sp.wdf").read_bytes(), "counts")
    np.testing.assert_allclose(dataset["axis"], other.xdata[::-1], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"][0], other.spectra[::-1], rtol=1e-6)
    assert dataset["acquired_at"].values[0] == "2017-05-16T14:49:43"
    assert dataset["instrument"].values[0] == "Renishaw 75C784"
