"""Excitation–emission matrices: every cell of seven real exports, and axes that are never taken for each other."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import Source, read_spectra

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor" / "fluorescence"
needs_vendor_files = pytest.mark.skipif(not FOLDER.is_dir(), reason="the vendor files are not here")

EX, EM = np.arange(300.0, 440.0, 20.0), np.arange(310.0, 530.0, 20.0)
LIGHT = np.where(EM[None] > EX[:, None], 100 + EX[:, None] + 2 * EM[None], 0.5)


def read(data: bytes, name: str = "a.txt", intensity_unit: str = "", axis_unit: str = "nm") -> xr.Dataset:
    source = Source(name, "0" * 64, len(data), data)
    return read_spectra(source, axis_unit=axis_unit, intensity_unit=intensity_unit)


def refusal(data: bytes, axis_unit: str = "nm") -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, axis_unit=axis_unit)
    return str(caught.value)


def down(corner: str, mark: str, ex: np.ndarray = EX, em: np.ndarray = EM, light: np.ndarray = LIGHT) -> str:
    """A table with excitation across and emission down."""
    rows = [[corner, *ex], *([em[j], *light[:, j]] for j in range(len(em)))]
    return "\r\n".join(mark.join(map(str, row)) for row in rows) + "\r\n"


HITACHI = "Sample:\tleaf\r\nRun Date:\t09:30:15, 01/31/2026\r\n\r\nModel:\tF-7000 FL Spectrophotometer\r\n"
THREE_D = HITACHI + "Measurement type:\t3-D scan\r\nData Points\r\n"
JASCO = (
    "TITLE,leaf\r\nDATA TYPE,FLUORESCENCE SPECTRUM\r\nORIGIN,JASCO\r\nXUNITS,NANOMETERS\r\nNPOINTS,11\r\nXYDATA,\r\n"
)
SHIMADZU = '"Summary"\r\n"Model (S/N):","RF-6000 (17)"\r\n\r\n"RawData"\r\n'
ACROSS = "\r\n".join(",".join(map(str, row)) for row in (["Ex/Em", *EM], *([EX[i], *LIGHT[i]] for i in range(len(EX)))))

WRITTEN = {
    "Hitachi": THREE_D + down("", "\t"),
    "JASCO": JASCO + down("", ","),
    "Shimadzu": SHIMADZU + ACROSS + "\r\n",
    "FluoroMax": down("F1", "\t"),
    "Aqualog": down("Wavelength", "\t"),
}


@pytest.mark.parametrize("maker", WRITTEN)
def test_a_written_matrix_gives_one_emission_spectrum_an_excitation(maker: str) -> None:
    dataset = read(WRITTEN[maker].encode())
    np.testing.assert_array_equal(dataset["axis"], EM)
    np.testing.assert_array_equal(dataset["intensity"], LIGHT.astype(np.float32))
    assert list(dataset["excitation_nm"].values) == [f"{wavelength:g}" for wavelength in EX]
    assert list(dataset["spectrum"].values) == [f"{wavelength:g}" for wavelength in EX]
    assert dataset["intensity"].attrs["units"] == ""
    assert read(WRITTEN[maker].encode(), intensity_unit="counts")["intensity"].attrs["units"] == "counts"


@pytest.mark.parametrize("maker", WRITTEN)
def test_a_matrix_is_in_nm(maker: str) -> None:
    assert "an axis in 'cm-1'" in refusal(WRITTEN[maker].encode(), axis_unit="cm-1")


@pytest.mark.parametrize("maker", WRITTEN)
def test_a_cell_that_is_no_number_is_named(maker: str) -> None:
    text = WRITTEN[maker].replace(str(LIGHT[1, 4]), "spoilt")
    assert "'spoilt'" in refusal(text.encode())


@pytest.mark.parametrize("maker", WRITTEN)
def test_a_row_that_is_cut_off_is_refused(maker: str) -> None:
    text = WRITTEN[maker].rstrip()
    mark = "\t" if "\t" in text.rsplit("\n", 1)[1] else ","
    assert "cells as in row" in refusal(text.rsplit(mark, 1)[0].encode())


@pytest.mark.parametrize("maker", ["Hitachi", "FluoroMax", "Aqualog"])
def test_axes_the_other_way_round_contradict_physics(maker: str) -> None:
    """Light below the excitation wavelength means that the axes are named or taken the wrong way."""
    head = THREE_D if maker == "Hitachi" else ""
    corner = {"Hitachi": "", "FluoroMax": "F1", "Aqualog": "Wavelength"}[maker]
    swapped = down(corner, "\t", EM, EX, LIGHT.T)
    assert "times the light below the excitation wavelength" in refusal((head + swapped).encode())


def test_axes_without_names_need_evidence() -> None:
    far = EM + 200
    assert "no cells to tell them by" in refusal(down("F1", "\t", em=far).encode())
    np.testing.assert_array_equal(read((THREE_D + down("", "\t", em=far)).encode())["axis"], far)


def test_pixels_that_lie_unevenly_are_the_emission() -> None:
    uneven = EM**1.01
    dataset = read(down("Wavelength", "\t", em=uneven, light=0 * LIGHT).encode())
    np.testing.assert_allclose(dataset["axis"], uneven)
    assert "no cells" in refusal(down("Wavelength", "\t", em=uneven + 200, ex=EX**1.01).encode())


def test_a_table_must_be_as_its_head_says() -> None:
    assert "NPOINTS: expected '7' as stated there, found 11" in refusal(
        WRITTEN["JASCO"].replace("NPOINTS,11", "NPOINTS,7").encode()
    )


def test_an_emission_spectrum_keeps_the_wavelength_that_was_held() -> None:
    head = HITACHI + "Measurement type:\tWavelength scan\r\nScan mode:\tEmission\r\nEX WL:\t350.0 nm\r\nData Points\r\n"
    dataset = read((head + "nm\tData\r\n400.0\t1.5\r\n401.0\t2.5\r\n402.0\t0.5\r\n").encode())
    np.testing.assert_array_equal(dataset["intensity"], [[1.5, 2.5, 0.5]])
    told = {name: dataset[name].values[0] for name in ("excitation_nm", "acquired_at", "sample_name", "instrument")}
    assert told == {"excitation_nm": "350.0", "acquired_at": "2026-01-31T09:30:15", "sample_name": "leaf",
                    "instrument": "F-7000 FL Spectrophotometer"}  # fmt: skip


CARY = "a_EX_350.00,,b_EX_360.00,,\nWavelength (nm),Intensity (a.u.),Wavelength (nm),Intensity (a.u.),\n"
SCANS = "400,1.5,400,3.5,\n401,2.5,401,4.5,\n402,0.5,402,5.5,\n,,,,\n"
LOGS = "".join(
    f"{name},\n{name}\nCollection Time: 1/31/26 9:30:15 AM\nInstrument                 Cary Eclipse\n"
    f"3-D Mode                   ON\nEx. Wavelength (nm)        350.00\n[Excitation (nm)] , {held}.0000\n\n"
    for name, held in (("a_EX_350.00", 350), ("b_EX_360.00", 360))
)


def test_scans_of_a_cary_are_paired_with_their_logs() -> None:
    dataset = read((CARY + SCANS + LOGS).encode())
    np.testing.assert_array_equal(dataset["intensity"], [[1.5, 2.5, 0.5], [3.5, 4.5, 5.5]])
    assert list(dataset["excitation_nm"].values) == ["350", "360"]
    assert list(dataset["spectrum"].values) == ["a_EX_350.00", "b_EX_360.00"]
    assert list(dataset["acquired_at"].values) == ["2026-01-31T09:30:15"] * 2


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("401,4.5", "401.5,4.5", "one axis for all scans"), ("401,4.5,\n", "401\n", "row 4"),
        ("b_EX_360.00\nColl", "c\nColl", "a log for each of 2 scans"),
        ("[Excitation (nm)] , 360", "[x] , 360", "in every log"), ("4.5", "-", "a finite number"),
    ],
)  # fmt: skip
def test_scans_and_logs_that_do_not_fit_are_refused(old: str, new: str, what: str) -> None:
    text = CARY + SCANS + LOGS
    assert old in text
    if "a log" in what:
        text = text.replace("b_EX_360.00,\nb_EX_360.00\n", "")
    assert what in refusal(text.replace(old, new).encode())


def test_headings_without_a_pair_are_refused() -> None:
    text = (CARY + SCANS + LOGS).replace(CARY.split("\n")[1], "Wavelength (nm),,,,")
    assert "pairs of wavelength and intensity" in refusal(text.encode())


def cells(name: str, mark: str, first: int, last: int | None = None) -> list[list[str]]:
    text = (FOLDER / name).read_bytes().decode("latin-1").replace("\r\n", "\n")
    rows = list(csv.reader(io.StringIO(text), delimiter=mark, quoting=csv.QUOTE_MINIMAL))
    return [row for row in rows[first:last] if any(row)]


@needs_vendor_files
@pytest.mark.parametrize(
    ("name", "mark", "top", "emission_down"),
    [
        ("hitachi_F-7000.txt", "\t", 30, True), ("hitachi_F-7000_Japanese.TXT", "\t", 36, True),
        ("JASCO_FP-8500.csv", ",", 17, True), ("shimadzu_RF-6000.txt", ",", 40, False),
        ("horiba_aqualog.dat", "\t", 0, True), ("fluoromax4.dat", "\t", 0, True),
    ],
)  # fmt: skip
def test_every_cell_of_a_real_matrix_is_where_it_was(name: str, mark: str, top: int, emission_down: bool) -> None:
    """Read by the csv module with the row of wavelengths counted by eye; which axis is which is from R package EEM."""
    rows = cells(name, mark, top)
    across = np.array([cell for cell in rows[0][1:] if cell], dtype=float)
    table = np.array([row[: 1 + across.size] for row in rows[1:]], dtype=float)
    down_axis, values = table[:, 0], table[:, 1:]
    excitation, emission, light = (across, down_axis, values.T) if emission_down else (down_axis, across, values)
    dataset = read((FOLDER / name).read_bytes(), name)
    order = np.argsort(emission)
    np.testing.assert_allclose(dataset["axis"], emission[order], rtol=1e-12)
    np.testing.assert_allclose(dataset["intensity"], light[:, order], rtol=1e-6)
    np.testing.assert_allclose(dataset["excitation_nm"].values.astype(float), excitation, rtol=1e-5)


@needs_vendor_files
def test_every_cell_of_a_real_cary_file_is_where_it_was() -> None:
    name = "cary_eclipse.csv"
    rows = [row for row in cells(name, ",", 2, 190) if len(row) > 90 and row[0]]
    table = np.array([row[:94] for row in rows], dtype=float)
    dataset = read((FOLDER / name).read_bytes(), name)
    np.testing.assert_allclose(dataset["axis"], table[:, 0])
    np.testing.assert_allclose(dataset["intensity"], table[:, 1::2].T, rtol=1e-6)
    titles = [cell for cell in cells(name, ",", 0, 1)[0] if cell]
    assert list(dataset["spectrum"].values) == titles
    assert [float(title.rsplit("_", 1)[1]) for title in titles] == list(dataset["excitation_nm"].values.astype(float))
