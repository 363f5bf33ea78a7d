"""Files that instruments and their programs wrote, from public packages (docs/formats.md), each decoded a second time.

They are looked for in the folder that OFFBAND_PUBLIC_FILES names; without it these tests are skipped.
"""

from __future__ import annotations

import os
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import mat5, open_source, read_spectra
from spectral_core.readers.matlab import read_datasets
from tests.core.bytes_by_hand import asd_by_hand, envi_by_hand, mat73_by_hand, omnic_by_hand

PLACE = os.environ.get("OFFBAND_PUBLIC_FILES", "")
pytestmark = pytest.mark.skipif(not PLACE, reason="OFFBAND_PUBLIC_FILES names no folder of public files")

LIGHTR = "lightr/inst/testdata"
SCP = "spectrochempy_data/testdata"
ORANGE = "orange_spectroscopy/orangecontrib/spectroscopy/datasets"
HYLITE = "hylite/hylite/sensors/calibration_data"
OMNIC = (
    f"{ORANGE}/sample1.spa", f"{SCP}/irdata/OPUS/not_opus.spa", f"{SCP}/irdata/subdir/7_CZ0-100_Pd_101.SPA",
    f"{SCP}/irdata/carroucell_samp/2-BaSO4_0.SPA", f"{SCP}/irdata/carroucell_samp/BG1-BCKG_0.SPA",
    f"{SCP}/irdata/interferogram/spectre.SPA", f"{SCP}/wodger.spg", f"{SCP}/irdata/CO@Mo_Al2O3.SPG",
)  # fmt: skip


def file(name: str) -> Path:
    path = Path(PLACE) / name
    if not path.is_file():
        pytest.skip(f"{name} is not in OFFBAND_PUBLIC_FILES")
    return path


def read(name: str, axis_unit: str, intensity_unit: str = "") -> xr.Dataset:
    path = file(name)
    return read_spectra(open_source(path, name=path.name), axis_unit=axis_unit, intensity_unit=intensity_unit)


def text_of(name: str) -> str:
    return file(name).read_bytes().decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")


def between(text: str, begin: str, end: str = "\x00") -> list[str]:
    """The lines that are no others than between a line starting so and one starting so."""
    inside = f"\n{text}".partition(f"\n{begin}")[2].partition("\n")[2].partition(f"\n{end}")[0]
    return [line for line in inside.split("\n") if line.strip()]


def table_of(lines: list[str], mark: str = "\t", comma: bool = False) -> np.ndarray:
    rows = [line.replace(",", ".") if comma else line for line in lines]
    return np.array([[float(cell) for cell in row.split(mark)] for row in rows])


def assert_same(dataset: xr.Dataset, axis: np.ndarray, values: np.ndarray, row: int = 0) -> None:
    np.testing.assert_allclose(dataset["axis"], axis, rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"][row], values, rtol=1e-6)


@pytest.mark.parametrize("name", OMNIC)
def test_omnic(name: str) -> None:
    pytest.importorskip("spectrochempy_omnic")
    dataset = read(name, "cm-1")
    found = omnic_by_hand(file(name).read_bytes())
    assert dataset.sizes["sample"] == len(found)
    for i, spectrum in enumerate(found):
        assert_same(dataset, spectrum.axis[::-1], spectrum.intensity[::-1], i)
        assert dataset["sample_name"].values[i] == spectrum.title.strip()
        assert dataset["acquired_at"].values[i] == spectrum.moment.isoformat()


def test_an_interferogram_of_omnic_is_refused() -> None:
    with pytest.raises(OffbandError, match="an interferogram"):
        read(f"{SCP}/irdata/interferogram/interfero.SPA", "cm-1")


@pytest.mark.parametrize("name", ["OOusb4000.txt", "UK5.txt", "OceanView.txt", "non_english/OO_comma.txt",
                                  "non_english/OceanView_nonEN.txt"])  # fmt: skip
def test_ocean_text(name: str) -> None:
    table = table_of(between(text_of(f"{LIGHTR}/{name}"), ">>>>>", ">>>>>"), comma="non_english" in name)
    dataset = read(f"{LIGHTR}/{name}", "nm", "reflectance")
    assert_same(dataset, table[:, 0], table[:, 1])
    assert dataset["instrument"].values[0] and dataset["acquired_at"].values[0]


@pytest.mark.parametrize(("name", "letters"), [("jazspec.jaz", "WDRSP"), ("irrad.JazIrrad", "WDSP")])
def test_every_column_of_a_jaz(name: str, letters: str) -> None:
    table = table_of(between(text_of(f"{LIGHTR}/{name}"), "W\tD", ">>>>>"))
    for letter, word in {"D": "Dark", "R": "Reference", "S": "Sample", "P": "Processed"}.items():
        if letter in letters:
            assert_same(read(f"{LIGHTR}/{name}", "nm", word), table[:, 0], table[:, letters.index(letter)])
    with pytest.raises(OffbandError, match=r"'Dark'.*'Processed'"):
        read(f"{LIGHTR}/{name}", "nm", "counts")


def test_a_text_of_spectrasuite_agrees_with_the_binary_of_the_same_measurement() -> None:
    """The text is written with two and three decimals; the .ProcSpec, XML in a zip, has all digits of both."""
    dataset = read(f"{LIGHTR}/compare/OceanInsight/BB_PF21_4.txt", "nm", "reflectance")
    with zipfile.ZipFile(file(f"{LIGHTR}/compare/OceanInsight/BB_PF21_4.ProcSpec")) as archive:
        xml = archive.read("ps_47.xml").decode("latin-1")
    full = {}
    for part in ("channelWavelengths", "processedPixels"):
        (inside,) = re.findall(rf"(?s)<{part}>(.*?)</{part}>", xml)
        full[part] = np.array([float(number) for number in re.findall(r"<double>(.*?)</double>", inside)])
    np.testing.assert_allclose(dataset["axis"], full["channelWavelengths"], rtol=0, atol=0.005 + 1e-6)
    values = np.asarray(dataset["intensity"][0], dtype=float)
    wrong = np.abs(values - full["processedPixels"]) - 0.0005 - 1e-6 * np.abs(values)
    assert wrong.max() <= 0


@pytest.mark.parametrize(
    "name", ["532nm-191216-Si_200mu", "SMC1-Initial_RT", "subdir/LiNbWO6-0-H", "subdir/LiNbWO6-90-V"]
)
def test_labspec_spectra(name: str) -> None:
    name = f"{SCP}/ramandata/labspec/{name}.txt"
    table = table_of([line for line in text_of(name).split("\n") if line and line[0] != "#"])
    assert_same(read(name, "cm-1"), table[:, 0], table[:, 1])
    with pytest.raises(OffbandError, match="Spectro: expected an axis in 'nm'"):
        read(name, "nm")


@pytest.mark.parametrize(("name", "column"), [("Activation", "position"), ("serie190214-1", "position"),
                                              ("lasertest1", "point")])  # fmt: skip
def test_labspec_series(name: str, column: str) -> None:
    name = f"{SCP}/ramandata/labspec/{name}.txt"
    cells = [line.strip().split("\t") for line in text_of(name).split("\n") if line.strip() and line[0] != "#"]
    dataset = read(name, "cm-1")
    assert dataset.sizes["sample"] == len(cells) - 1
    for i, row in enumerate(cells[1:]):
        assert_same(dataset, np.array(cells[0], dtype=float), np.array(row[1:], dtype=float), i)
        assert float(dataset[column].values[i]) == float(row[0])


@pytest.mark.parametrize("name", ["avantes_export.ttt", "avantes_export2.trt", "avantes_export_long.ttt",
                                  "compare/Avantes/NEW0601.ttt"])  # fmt: skip
def test_avasoft_text(name: str) -> None:
    lines = between(text_of(f"{LIGHTR}/{name}"), "[nm]")
    dataset = read(f"{LIGHTR}/{name}", "nm", "counts" if name.endswith(".trt") else "transmittance")
    table = table_of(lines, ";")
    assert_same(dataset, table[:, 0], table[:, -1])
    assert re.fullmatch(r"Avantes \d{7}U1", dataset["instrument"].values[0])


def test_a_binary_of_craic_agrees_with_its_text() -> None:
    """The instrument's own text has two and four decimals."""
    table = table_of(text_of(f"{LIGHTR}/compare/CRAIC/CRAIC.txt").strip().split("\n")[3:])
    dataset = read(f"{LIGHTR}/compare/CRAIC/CRAIC.spc", "nm")
    np.testing.assert_allclose(dataset["axis"], table[:, 0], rtol=0, atol=0.005 + 1e-6)
    values = np.asarray(dataset["intensity"][0], dtype=float)
    assert (np.abs(values - table[:, 1]) <= 0.00005 + 1e-6 * np.abs(values)).all()


def test_opus_agrees_with_the_text_that_it_exported() -> None:
    lines = [line for line in text_of(f"{ORANGE}/peach_juice.dpt").split("\n") if line[:1].isdigit()]
    table = table_of(lines)[::-1]
    dataset = read(f"{ORANGE}/peach_juice.0", "cm-1")
    np.testing.assert_allclose(dataset["axis"], table[:, 0], rtol=0, atol=0.000005 + 1e-6)
    np.testing.assert_allclose(dataset["intensity"][0], table[:, 1], rtol=0, atol=0.000005 + 1e-6)


@pytest.mark.parametrize("name", ["asdreader/inst/extdata/soil.asd", "ajtag-asdreader/data/raw.asd",
                                  "ajtag-asdreader/data/sample.asd"])  # fmt: skip
def test_asd(name: str, other_asd_reader: Any) -> None:
    axis, sample, reference = asd_by_hand(file(name).read_bytes())
    counts = read(name, "nm", "counts")
    assert_same(counts, axis, sample)
    other = other_asd_reader(str(file(name)))
    assert_same(counts, other.wavelengths, other.digitalNumber)
    if name.endswith("sample.asd"):
        assert_same(read(name, "nm"), axis, sample / reference)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it divides into memory that it leaves as it was where the reference is 0
            assert_same(read(name, "nm"), other.wavelengths, other.reflectance)


@pytest.mark.parametrize(
    "name", ["fenix/Radiometric_8x2_1x1", "fenix/Radiometric_2x2_1x1", "fenix1k/Radiometric_4x2_1x1"]
)
def test_envi_cubes(name: str) -> None:
    header, numbers = text_of(f"{HYLITE}/{name}.hdr"), file(f"{HYLITE}/{name}.dat").read_bytes()
    dataset = read(f"{HYLITE}/{name}.dat", "nm")
    samples = dataset.sizes["sample"]
    for sample in (0, 1, samples // 2, samples - 1):
        axis, values = envi_by_hand(header, numbers, 0, sample)
        order = np.argsort(axis)
        assert_same(dataset, axis[order], values[order], sample)
    spectral = pytest.importorskip("spectral")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = spectral.io.envi.open(str(file(f"{HYLITE}/{name}.hdr")), str(file(f"{HYLITE}/{name}.dat")))
        cube = np.array(image.load()).reshape(samples, -1)
    np.testing.assert_allclose(dataset["intensity"], cube[:, np.argsort(image.bands.centers)], rtol=1e-6)


def test_matlab_5_arrays_agree_with_scipy() -> None:
    data = file(f"{SCP}/matlabdata/als2004dataset.MAT").read_bytes()
    assert data.startswith(b"MATLAB 5.0 MAT-file, Platform: PCWIN")
    arrays = mat5.read_elements(data, where="a.mat")
    other = scipy.io.loadmat(file(f"{SCP}/matlabdata/als2004dataset.MAT"))
    assert set(arrays) == {name for name in other if not name.startswith("__")} and len(arrays) == 6
    for name, values in arrays.items():
        np.testing.assert_allclose(values, other[name], rtol=1e-6)


@pytest.mark.parametrize("number", [1, 6, 15])
def test_matlab_7_3_arrays_agree_with_their_bytes(number: int) -> None:
    data = file(f"mat7.3/tests/testfile{number}.mat").read_bytes()
    assert data.startswith(b"MATLAB 7.3 MAT-file, Platform: PCWIN64")
    matrices = {name: values for name, values in mat73_by_hand(data).items() if values.ndim == 2}
    arrays = read_datasets(data, where="a.mat")
    numeric = {name: values for name, values in arrays.items() if values.dtype.kind == "f"}
    assert matrices and set(matrices) == set(numeric)
    for name, values in matrices.items():
        np.testing.assert_allclose(numeric[name], values, rtol=1e-6)


def test_old_spc_is_refused_by_name() -> None:
    for name in ("CONTOUR", "DEMO_3D", "LC_DIODE_ARRAY"):
        with pytest.raises(OffbandError, match="the old format"):
            read(f"{SCP}/galacticdata/{name}.SPC", "nm")


@pytest.mark.parametrize("name", ["BENZENE", "HCL", "HOLMIUM", "KKSAM", "TOLUENE", "TUMIX", "SINGLE_POLYMER_FILM"])
def test_spc_agrees_with_its_bytes(name: str) -> None:
    """Float32 at 544, or integers of 16 or 32 bits times a power of two; the axis between the ends at 8 and 16."""
    data = file(f"{SCP}/galacticdata/{name}.SPC").read_bytes()
    points, first, last = struct.unpack_from("<I2d", data, 4)
    exponent, wide = struct.unpack_from("<b", data, 3)[0], not data[0] & 0x01
    letter, scale = (
        ("f", 1.0) if exponent == -128 else ("i", 2.0 ** (exponent - 32)) if wide else ("h", 2.0 ** (exponent - 16))
    )
    assert not data[0] & 0x84  # one spectrum, even axis
    values = scale * np.array(struct.unpack_from(f"<{points}{letter}", data, 544), dtype=float)
    axis = np.array([first + (last - first) * i / (points - 1) for i in range(points)])
    turn = -1 if last < first else 1
    assert_same(
        read(f"{SCP}/galacticdata/{name}.SPC", "nm" if name == "HOLMIUM" else "cm-1"), axis[::turn], values[::turn]
    )
