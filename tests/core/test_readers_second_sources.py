"""Values decoded a second time, by hand, from files that the tests write: no code is shared with the readers."""

from __future__ import annotations

import csv
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pytest
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import Source, hash_entries, read_spectra
from tests.core.bytes_by_hand import asd_by_hand, envi_by_hand, mat73_by_hand, omnic_by_hand
from tests.core.test_readers_arrays import mat73
from tests.core.written_files import asd_file, envi_pair, omnic_file

RNG = np.random.default_rng(11)
Y = RNG.uniform(0.1, 2, (3, 40))
MOMENTS = [datetime(2026, 1, 31, 9, 30) + timedelta(minutes=5 * i) for i in range(3)]
LEAVES = ["leaf 7", "leaf 8", "leaf 9"]
SPANISH = (
    "Fichero De Datos De SpectraSuite\r\nFecha: Sat Jan 31 09:30:15 CET 2026\r\nEspectrómetros: USB2G17\r\n"
    "Tiempo de integración (usec): 3000000 (USB2G17)\r\nAlisar: 12 (USB2G17)\r\n"
    "Procesado del espectro de número de pixeles en: 40\r\n>>>>> Comienza Data<<<<< Espectral Procesado Del EL\r\n"
)
LABSPEC = (
    "#Acq. time (s)=\t60\n#Instrument=\tLabRAM HR Evol\n#Spectro (cm-¹)=\t909.972\n#Title=\tleaf 7\n"
    "#Acquired=\t31.01.2026 09:30:15\n"
)
HITACHI = (
    "Sample:\tleaf 7\r\nRun Date:\t09:30:15, 01/31/2026\r\n\r\nInstrument\r\n"
    "Model:\tF-7000 FL Spectrophotometer\r\n\r\nInstrument Parameters\r\n"
    "Measurement type:\tWavelength scan\r\nScan mode:\tEmission\r\nEX WL:\t350.0 nm\r\n\r\n"
    "Data Points\r\nnm\tData\r\n"
)


def read(
    data: bytes | str, name: str, axis_unit: str, intensity_unit: str = "", entries: Mapping[str, bytes] | None = None
) -> xr.Dataset:
    content = data.encode("latin-1") if isinstance(data, str) else data
    sha = hash_entries(entries) if entries else "0" * 64
    source = Source(name, sha, len(content), content, entries or {})
    return read_spectra(source, axis_unit=axis_unit, intensity_unit=intensity_unit)


def rows_of(text: str, mark: str, comma: bool = False) -> np.ndarray:
    """The numbers below the line that starts with the mark, up to the next line that does or the end."""
    below = text.replace("\r", "").partition(f"\n{mark}")[2].partition("\n")[2].partition(f"\n{mark}")[0]
    cells = [line.split("\t") for line in below.split("\n") if line]
    return np.array([[float(cell.replace(",", ".") if comma else cell) for cell in row] for row in cells])


def test_omnic_spectra_and_groups_agree_with_their_bytes() -> None:
    pytest.importorskip("spectrochempy_omnic")
    for group, n in ((False, 1), (True, 3)):
        data = omnic_file(Y[:n], 4000.0, 3900.5, LEAVES, MOMENTS, group=group)
        dataset = read(data, "a.spg" if group else "a.spa", "cm-1")
        found = omnic_by_hand(data)
        assert len(found) == n == dataset.sizes["sample"]
        for i, spectrum in enumerate(found):
            np.testing.assert_allclose(dataset["axis"], spectrum.axis[::-1], rtol=1e-6)
            np.testing.assert_allclose(dataset["intensity"][i], spectrum.intensity[::-1], rtol=1e-6)
            assert dataset["sample_name"].values[i] == spectrum.title
            assert dataset["acquired_at"].values[i] == spectrum.moment.isoformat()


@pytest.mark.parametrize("form", [0, 1, 2])
def test_asd_spectra_agree_with_their_bytes(form: int) -> None:
    data = asd_file(np.round(1e4 * Y[0]), np.round(1e5 * Y[1]), form=form, first=400.0, step=1.5)
    axis, sample, reference = asd_by_hand(data)
    dataset = read(data, "a.asd", "nm")
    np.testing.assert_allclose(dataset["axis"], axis, rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"][0], sample / reference, rtol=1e-6)
    np.testing.assert_allclose(read(data, "a.asd", "nm", "counts")["intensity"][0], sample, rtol=1e-6)


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize(("kind", "order"), [(2, 1), (4, 0), (5, 1), (12, 0)])
def test_pixels_of_a_cube_agree_with_their_bytes(interleave: str, kind: int, order: int) -> None:
    cube = np.round(1e4 * RNG.uniform(0, 1, (2, 3, 5)))
    header, numbers = envi_pair(cube, (400, 500.5, 600, 700, 800), interleave=interleave, kind=kind, order=order,
                                offset=3)  # fmt: skip
    dataset = read(b"", "cube.img", "nm", entries={"cube.hdr": header, "cube.img": numbers})
    for i, (line, sample) in enumerate((line, sample) for line in range(2) for sample in range(3)):
        axis, values = envi_by_hand(header.decode(), numbers, line, sample)
        np.testing.assert_allclose(dataset["axis"], axis, rtol=1e-6)
        np.testing.assert_allclose(dataset["intensity"][i], values, rtol=1e-6)
        assert (dataset["y"].values[i], dataset["x"].values[i]) == (str(line), str(sample))


def test_a_spectral_library_agrees_with_its_bytes() -> None:
    """Its bands are the spectra's channels: one spectrum a line, one value a sample."""
    header, numbers = envi_pair(Y[:, :, None], (0.0,), interleave="bsq", kind=5, file_type="ENVI Spectral Library",
                                wavelength="{" + ",".join(f"{400 + i}" for i in range(40)) + "}")  # fmt: skip
    dataset = read(b"", "lib.sli", "nm", entries={"lib.hdr": header, "lib.sli": numbers})
    for i in range(3):
        values = struct.unpack_from("<40d", numbers, 8 * 40 * i)
        np.testing.assert_allclose(dataset["intensity"][i], values, rtol=1e-6)


def test_matlab_7_3_arrays_agree_with_their_bytes() -> None:
    data = mat73({"X": Y, "axis": np.linspace(400, 700, 40), "axis_unit": "nm"})
    found = mat73_by_hand(data)
    dataset = read(data, "a.mat", "nm")
    np.testing.assert_allclose(dataset["axis"], found["axis"][0], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"], found["X"], rtol=1e-6)


def test_ocean_text_in_another_language_agrees_with_its_lines() -> None:
    """Marks, decimal commas and the names of the lines as a real Spanish export has them."""
    rows = "".join(f"{190.74 + 0.38 * i:.2f}\t{100 * value - 60:.3f}\r\n" for i, value in enumerate(Y[0]))
    text = SPANISH + rows.replace(".", ",") + ">>>>> Data<<<<< Espectral Procesado Extremo\r\n"
    dataset = read(text, "a.txt", "nm", "reflectance")
    table = rows_of(text, ">>>>>", comma=True)
    np.testing.assert_allclose(dataset["axis"], table[:, 0], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"][0], table[:, 1], rtol=1e-6)
    told = {name: dataset[name].values[0] for name in ("instrument", "acquired_at")}
    assert told == {"instrument": "USB2G17", "acquired_at": "2026-01-31T09:30:15"}
    with pytest.raises(OffbandError, match="40 pixels, as it says, found 39"):
        read(SPANISH + rows.replace(".", ",").rpartition("\r\n")[0].rpartition("\r\n")[0], "a.txt", "nm")


@pytest.mark.parametrize(
    ("unit", "column"), [("Dark", 1), ("reference", 2), ("Sample", 3), ("Processed", 4), ("transmittance", 4)]
)
def test_the_study_chooses_a_column_of_a_jaz(unit: str, column: int) -> None:
    rows = ["\t".join(f"{value:.6f}" for value in (190.5 + i, *RNG.uniform(-5, 900, 4))) for i in range(30)]
    text = "Jaz Data File\nSpectrometers: JAZA1479\nNumber of Pixels in Processed Spectrum: 30\n"
    text += ">>>>>Begin Processed Spectral Data<<<<<\n"
    data = text + "\n".join(["W\tD\tR\tS\tP", *rows]) + "\n>>>>>End Processed Spectral Data<<<<<\n"
    dataset = read(data, "a.jaz", "nm", unit)
    table = rows_of(text + "\n".join(rows), ">>>>>")
    np.testing.assert_allclose(dataset["axis"], table[:, 0], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"], table[:, [column]].T, rtol=1e-6)
    assert dataset["intensity"].attrs["units"] == unit
    for silent in ("", "counts"):
        with pytest.raises(OffbandError, match="'Dark', 'Reference', 'Sample', 'Processed'"):
            read(data, "a.jaz", "nm", silent)


@pytest.mark.parametrize(
    ("axes", "name"),
    [("", "position"), ("#AxisType[2]=Points\n", "point"), ("#AxisType[2]=Time\n", "time"), ("#AxisType[2]=X\n", "x")],
)
def test_a_labspec_series_agrees_with_its_lines(axes: str, name: str) -> None:
    top = "\t" + "\t".join(f"{12.5 + 1.85 * i:.4f}" for i in range(40))
    rows = [f"{59.88 * i:g}\t" + "\t".join(f"{900 * value:.0f}" for value in y) for i, y in enumerate(Y)]
    text = LABSPEC + axes + "\n".join([top, *rows]) + "\n"
    dataset = read(text, "a.txt", "cm-1")
    cells = [line.split("\t") for line in text.split("\n") if line and not line.startswith("#")]
    np.testing.assert_allclose(dataset["axis"], [float(cell) for cell in cells[0][1:]], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"], np.array([row[1:] for row in cells[1:]], dtype=float), rtol=1e-6)
    assert list(dataset[name].values) == [row[0] for row in cells[1:]]


def test_a_labspec_map_agrees_with_its_lines() -> None:
    top = "\t\t" + "\t".join(f"{12.5 + 1.85 * i:.4f}" for i in range(40))
    rows = [f"{i // 2}\t{-1.5 + i % 2}\t" + "\t".join(f"{900 * value:.2f}" for value in y) for i, y in enumerate(Y)]
    dataset = read(LABSPEC + "\n".join([top, *rows]) + "\n", "a.txt", "cm-1")
    cells = [row.split("\t") for row in rows]
    np.testing.assert_allclose(dataset["axis"], [float(cell) for cell in top.split()], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"], np.array([row[2:] for row in cells], dtype=float), rtol=1e-6)
    assert [list(dataset[name].values) for name in ("x", "y")] == [[row[0] for row in cells], [row[1] for row in cells]]


def test_labspec_states_the_unit_of_its_axis_by_its_spectrograph() -> None:
    text = LABSPEC + "".join(f"{12.5 + 1.85 * i:.4f}\t{900 * value:.0f}\n" for i, value in enumerate(Y[0]))
    assert read(text, "a.txt", "cm-1").sizes == {"sample": 1, "channel": 40}
    with pytest.raises(OffbandError, match="Spectro: expected an axis in 'nm'"):
        read(text, "a.txt", "nm")
    in_nm = text.replace("Spectro (cm-¹)=\t909.972", "Spectro (nm)=\t560.2")
    assert read(in_nm, "a.txt", "nm")["axis"].attrs["units"] == "nm"


def test_a_wavelength_scan_agrees_with_the_csv_module() -> None:
    text = HITACHI + "".join(f"{400 + 0.5 * i:.1f}\t{1000 * value:.4g}\r\n" for i, value in enumerate(Y[0]))
    below = list(csv.reader(text.splitlines(), delimiter="\t"))
    table = np.array(below[below.index(["nm", "Data"]) + 1 :], dtype=float)
    dataset = read(text, "a.txt", "nm")
    np.testing.assert_allclose(dataset["axis"], table[:, 0], rtol=1e-6)
    np.testing.assert_allclose(dataset["intensity"][0], table[:, 1], rtol=1e-6)
    assert dataset["excitation_nm"].values[0] == "350.0"
