"""Text of Avantes, B&W Tek, Ocean Optics and LabSpec: numbers as in the table, and what their heads say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import Source, read_spectra, vendor
from spectral_core.readers.vendor import moment

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
needs_vendor_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")

OCEAN = """Data from leaf_7.txt Node

Date: Sat Jan 31 09:30:15 CET 2026
User: Curie
Spectrometer: FLMS17
XAxis mode: Wavelengths
Integration Time (sec): 1.000000E-1
Number of Pixels in Spectrum: 3
>>>>>Begin Spectral Data<<<<<
339.12\t0.5
339.50\t0.25
339.88\t0.125
"""
SUITE = """SpectraSuite Data File
++++++++++++++++++++++++++++++++++++
Date: Mon Sep 10 15:20:07 EDT 2012
Spectrometers: USB2E7196
Number of Pixels in Processed Spectrum: 3
>>>>>Begin Processed Spectral Data<<<<<
339.12\t0.5
339.50\t0.25
339.88\t0.125
>>>>>End Processed Spectral Data<<<<<
"""
LABSPEC = """#Acq. time (s)=\t10
#Laser (nm)=\t532.06
#Instrument=\tXploRA
#AxisType[0]=\tIntens
#AxisUnit[0]=\tCnt
#AxisType[1]=\tSpectr
#AxisUnit[1]=\t1/cm
#Title=\tleaf 7
#Acquired=\t31.01.2026 09:30:15
"""
SPECTRUM = "100.5\t12\n102.25\t13.5\n104\t9\n"
MAP = "\t\t100.5\t102.25\t104\n0\t-1.5\t12\t13.5\t9\n0\t-0.5\t1\t2\t3\n1\t-1.5\t4\t5\t6\n"


def read(text: str | bytes, axis_unit: str = "nm", intensity_unit: str = "") -> xr.Dataset:
    data = text.encode() if isinstance(text, str) else text
    return read_spectra(Source("a.txt", "0" * 64, len(data), data), axis_unit=axis_unit, intensity_unit=intensity_unit)


def refusal(text: str | bytes, axis_unit: str = "nm", intensity_unit: str = "") -> str:
    with pytest.raises(OffbandError) as caught:
        read(text, axis_unit, intensity_unit)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2021-10-27 15:50:22", "2021-10-27T15:50:22"), ("31.01.2026 09:30:15", "2026-01-31T09:30:15"),
        ("1/31/26 4:11:19 PM", "2026-01-31T16:11:19"), ("31/01/2026 09:30", "2026-01-31T09:30:00"),
        ("Sat Jan 31 09:30:15 CET 2026", "2026-01-31T09:30:15"), ("2026-01-31 09:30:15.250", "2026-01-31T09:30:15"),
        ("05/05/2026 09:30:15", "2026-05-05T09:30:15"), ("05/06/2026 09:30:15", ""), ("soon", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_moment_is_read_where_day_and_month_are_certain(text: str, iso: str) -> None:
    assert moment(text) == iso


@pytest.mark.parametrize(
    ("text", "instrument", "when"),
    [(OCEAN, "FLMS17", "2026-01-31T09:30:15"), (SUITE, "USB2E7196", "2012-09-10T15:20:07")],
)
def test_ocean_text_is_read_between_its_marks(text: str, instrument: str, when: str) -> None:
    dataset = read(text, intensity_unit="counts")
    np.testing.assert_array_equal(dataset["axis"], [339.12, 339.5, 339.88])
    np.testing.assert_array_equal(dataset["intensity"], [[0.5, 0.25, 0.125]])
    assert dataset["intensity"].attrs["units"] == "counts"
    assert (dataset["instrument"].values[0], dataset["acquired_at"].values[0]) == (instrument, when)
    assert "Number of Pixels" in dataset[vendor.METADATA_COLUMN].values[0]


def test_ocean_text_that_is_still_being_written_is_refused() -> None:
    assert "3 pixels, as it says, found 2" in refusal(OCEAN.removesuffix("339.88\t0.125\n"))
    assert "an axis in 'cm-1'" in refusal(OCEAN, axis_unit="cm-1")
    assert "row 11" in refusal(OCEAN.replace("0.25", "x"))


def test_an_ocean_mark_that_a_line_end_breaks_is_refused() -> None:
    assert "a line that begins the data" in refusal(OCEAN.replace(">>>>>Begin", ">>>>>\nBegin"))


def test_ocean_text_may_join_two_spectrometers() -> None:
    """OceanView then states the pixels of the first of them."""
    dataset = read(OCEAN + "340.26\t0.75\n")
    np.testing.assert_array_equal(dataset["intensity"], [[0.5, 0.25, 0.125, 0.75]])


def test_avantes_text_may_fill_the_name_up_with_zeros() -> None:
    head = "leaf 7\r\nAverage: 20 scans\r\nData measured with spectrometer name: 0804016U1" + 51 * "\0" + "\r\n"
    table = "Wave   ;Transmittance\r\n[nm]   ;[% transmittance]\r\n300.00;3.1487\r\n301.00;3.1589\r\n302.00;3.5700\r\n"
    dataset = read(head + table)
    np.testing.assert_allclose(dataset["intensity"], [[3.1487, 3.1589, 3.57]], rtol=1e-6)
    assert dataset["intensity"].attrs["units"] == "transmittance"
    assert (dataset["instrument"].values[0], dataset["sample_name"].values[0]) == ("Avantes 0804016U1", "leaf 7")


def test_a_labspec_spectrum_states_its_quantity_and_unit() -> None:
    dataset = read(LABSPEC + SPECTRUM, "cm-1")
    np.testing.assert_array_equal(dataset["axis"], [100.5, 102.25, 104])
    np.testing.assert_array_equal(dataset["intensity"], [[12, 13.5, 9]])
    assert dataset["intensity"].attrs["units"] == "counts"
    told = {name: dataset[name].values[0] for name in ("instrument", "acquired_at", "sample_name", "spectrum")}
    assert told == {"instrument": "XploRA", "acquired_at": "2026-01-31T09:30:15", "sample_name": "leaf 7",
                    "spectrum": ""}  # fmt: skip
    assert json.loads(dataset[vendor.METADATA_COLUMN].values[0])["Laser (nm)"] == "532.06"
    assert "an axis in 'nm'" in refusal(LABSPEC + SPECTRUM)
    assert "found 'counts'" in refusal(LABSPEC + SPECTRUM, "cm-1", "absorbance")
    assert "found 'counts/s'" in refusal(LABSPEC.replace("Cnt", "Cnt/sec") + SPECTRUM, "cm-1", "counts")


@pytest.mark.parametrize(
    ("axes", "names"),
    [("", ("x", "y")), ("#AxisType[2]=\tX\n#AxisType[3]=\tY\n", ("y", "x"))],
)
def test_a_labspec_map_gives_one_spectrum_a_point(axes: str, names: tuple[str, str]) -> None:
    dataset = read(LABSPEC + axes + MAP, "cm-1")
    np.testing.assert_array_equal(dataset["axis"], [100.5, 102.25, 104])
    np.testing.assert_array_equal(dataset["intensity"], [[12, 13.5, 9], [1, 2, 3], [4, 5, 6]])
    assert [list(dataset[name].values) for name in names] == [["0", "0", "1"], ["-1.5", "-0.5", "-1.5"]]


def test_a_labspec_table_that_is_damaged_is_refused() -> None:
    assert "row 12" in refusal(LABSPEC + MAP.replace("1\t2\t3", "1\t2"), "cm-1")
    assert "'spoilt'" in refusal(LABSPEC + MAP.replace("13.5", "spoilt"), "cm-1")
    assert "position and intensity" in refusal(LABSPEC + "1\t2\t3\n2\t3\t4\n", "cm-1")


@needs_vendor_files
@pytest.mark.parametrize("name", ["010.txt", "010-backside.txt", "105.txt", "105-2.txt", "202.txt", "301.txt"])
def test_real_avantes_files_agree_with_their_text(name: str) -> None:
    data = (VENDOR / name).read_bytes()
    rows = [line.replace(",", ".").split(";") for line in data.decode("latin-1").splitlines()[8:] if line.strip()]
    table = np.array(rows, dtype=float)
    dataset = read(data, intensity_unit="reflectance")
    np.testing.assert_allclose(dataset["axis"], table[:, 0])
    np.testing.assert_allclose(dataset["intensity"][0], table[:, 4], rtol=1e-6)
    assert dataset["instrument"].values[0] == "Avantes 1204091U1"
    assert dataset["sample_name"].values[0] == name.removesuffix(".txt")
    assert "one quantity" in refusal(data)
    np.testing.assert_allclose(read(data, intensity_unit="Dark")["intensity"][0], table[:, 2], rtol=1e-6)


@needs_vendor_files
def test_a_real_bwtek_file_agrees_with_its_text() -> None:
    data = next(VENDOR.glob("PST02*.txt")).read_bytes()
    lines = data.decode("latin-1").splitlines()
    top = next(i for i, line in enumerate(lines) if line.startswith("Pixel;"))
    heads = lines[top].split(";")
    rows = [line.replace(",", ".").split(";") for line in lines[top + 1 :] if line.strip()]
    shift, raw = heads.index("Raman Shift"), heads.index("Dark Subtracted #1")
    table = np.array([(row[shift], row[raw]) for row in rows if row[shift].strip()], dtype=float)
    dataset = read(data, "cm-1", "Dark Subtracted #1")
    np.testing.assert_allclose(dataset["axis"], table[:, 0])
    np.testing.assert_allclose(dataset["intensity"][0], table[:, 1], rtol=1e-6)
    assert dataset["acquired_at"].values[0] == "2021-10-27T15:50:22"
    assert dataset["instrument"].values[0] == "BTC162E-785S-SYS RUW"
    assert json.loads(dataset[vendor.METADATA_COLUMN].values[0])["laser_wavelength"] == "784,82"
