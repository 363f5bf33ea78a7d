"""ENVI cubes: header and numbers are one source; every order of bytes and bands gives the same spectra."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_core.archive.inbox import find_sources
from spectral_core.errors import OffbandError, ReadError
from spectral_core.readers import is_source, open_source, read_spectra, vendor
from tests.core.written_files import envi_pair

CUBE = np.arange(2 * 3 * 4, dtype=float).reshape(2, 3, 4) + 1
AXIS = (450.5, 550.0, 650.25, 750.0)


def stored(folder: Path, pair: tuple[bytes, bytes], header: str = "cube.hdr", numbers: str = "cube.img") -> Path:
    (folder / header).write_bytes(pair[0])
    (folder / numbers).write_bytes(pair[1])
    return folder / numbers


def read(path: Path, intensity_unit: str = "", axis_unit: str = "nm") -> xr.Dataset:
    return read_spectra(open_source(path, name=path.name), axis_unit=axis_unit, intensity_unit=intensity_unit)


def refusal(path: Path, intensity_unit: str = "", axis_unit: str = "nm") -> str:
    with pytest.raises(OffbandError) as caught:
        read(path, intensity_unit, axis_unit)
    return str(caught.value)


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 12, 13, 14, 15])
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_every_order_and_type_gives_one_spectrum_a_pixel(tmp_path: Path, interleave: str, kind: int) -> None:
    path = stored(tmp_path, envi_pair(CUBE, AXIS, interleave=interleave, kind=kind, order=kind % 2, offset=7))
    dataset = read(path)
    np.testing.assert_array_equal(dataset["axis"], AXIS)
    np.testing.assert_array_equal(dataset["intensity"], CUBE.reshape(6, 4))
    assert list(dataset["x"].values) == ["0", "1", "2"] * 2
    assert list(dataset["y"].values) == ["0"] * 3 + ["1"] * 3
    assert list(dataset["spectrum"].values)[4] == "1,1"
    assert json.loads(dataset[vendor.METADATA_COLUMN].values[0])["interleave"] == interleave


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_an_independent_reader_agrees(tmp_path: Path, interleave: str) -> None:
    spectral = pytest.importorskip("spectral")
    path = stored(tmp_path, envi_pair(CUBE / 7, AXIS, interleave=interleave, kind=5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = spectral.io.envi.open(str(tmp_path / "cube.hdr"), str(path))
        values = np.array(image.load())
    dataset = read(path)
    np.testing.assert_allclose(dataset["intensity"], values.reshape(6, 4), rtol=1e-6)
    np.testing.assert_allclose(dataset["axis"], image.bands.centers)


def test_header_and_numbers_are_one_source(tmp_path: Path) -> None:
    path = stored(tmp_path, envi_pair(CUBE, AXIS))
    assert [p.name for p in sorted(tmp_path.iterdir()) if is_source(p)] == ["cube.img"]
    first = open_source(path, name="cube.img")
    (tmp_path / "cube.hdr").write_bytes(envi_pair(CUBE, AXIS, description="another")[0])
    assert open_source(path, name="cube.img").sha256 != first.sha256
    path.unlink()
    assert is_source(tmp_path / "cube.hdr")
    assert "the numbers of an ENVI cube beside its header" in refusal(tmp_path / "cube.hdr")


@pytest.mark.parametrize(("header", "numbers"), [("c.hdr", "c"), ("c.dat.hdr", "c.dat"), ("c.HDR", "c.BIL")])
def test_the_usual_pairs_of_names_are_found(tmp_path: Path, header: str, numbers: str) -> None:
    path = stored(tmp_path, envi_pair(CUBE, AXIS), header, numbers)
    if header.endswith(".HDR"):
        (tmp_path / header).rename(tmp_path / "c.hdr")
    assert read(path).sizes["sample"] == 6


def test_a_text_beside_a_foreign_header_stays_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text("nm;Absorbance\n400;0.5\n401;0.25\n402;0.125\n")
    (tmp_path / "a.hdr").write_text("something else\n")
    assert is_source(tmp_path / "a.dat") and is_source(tmp_path / "a.hdr")
    assert read(tmp_path / "a.dat").sizes == {"sample": 1, "channel": 3}


def test_the_scale_states_reflectance_and_is_applied(tmp_path: Path) -> None:
    path = stored(tmp_path, envi_pair(CUBE, AXIS, kind=12, reflectance_scale_factor="100"))
    dataset = read(path)
    np.testing.assert_allclose(dataset["intensity"], CUBE.reshape(6, 4) / 100, rtol=1e-7)
    assert dataset["intensity"].attrs["units"] == "reflectance"
    assert "found 'reflectance'" in refusal(path, "counts")


def test_pixels_without_data_are_left_out_and_wavelengths_sorted(tmp_path: Path) -> None:
    cube = CUBE.copy()
    cube[0, 1] = -9999
    cube[1, 1, 0] = -9999  # in one band only: a value, not a missing pixel
    path = stored(tmp_path, envi_pair(cube, (450.5, 650.25, 550.0, 750.0), data_ignore_value="-9999"))
    dataset = read(path)
    assert list(dataset["spectrum"].values) == ["0,0", "0,2", "1,0", "1,1", "1,2"]
    np.testing.assert_array_equal(dataset["intensity"][0], CUBE[0, 0, [0, 2, 1, 3]])


def test_a_spectral_library_gives_its_spectra_by_name(tmp_path: Path) -> None:
    spectra = CUBE.reshape(6, 4)
    names = "{" + ", ".join(f"leaf {i}" for i in range(6)) + "}"
    pair = envi_pair(spectra[:, :, None], (0.0,), interleave="bsq", file_type="ENVI Spectral Library",
                     spectra_names=names, wavelength="{" + ", ".join(map(str, AXIS)) + "}")  # fmt: skip
    dataset = read(stored(tmp_path, pair, "lib.hdr", "lib.sli"))
    np.testing.assert_array_equal(dataset["intensity"], spectra)
    assert dataset["spectrum"].values[5] == "leaf 5"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("samples = 3", "samples = 300", "bytes of numbers, as the header says"),
        ("lines = 2", "lines = -2", "above 0"),
        ("bands = 4", "bands = 1000000000000", "the cube"), ("data type = 4", "data type = 6", "real numbers"),
        ("interleave = bil", "interleave = ", "real numbers"), ("byte order = 0", "byte order = x", "byte order"),
        ("750}", "750", "a closing brace"), ("450.5", "blue", "numbers"), ("Nanometers", "GHz", "wavelength units"),
        (",\n 750}", "}", "4 positions"),
    ],
)  # fmt: skip
def test_a_header_that_is_not_of_these_numbers_is_refused(tmp_path: Path, old: str, new: str, what: str) -> None:
    header, numbers = envi_pair(CUBE, AXIS)
    assert old.encode() in header
    assert what in refusal(stored(tmp_path, (header.replace(old.encode(), new.encode()), numbers)))


def test_a_cube_that_is_still_being_written_is_refused(tmp_path: Path) -> None:
    header, numbers = envi_pair(CUBE, AXIS)
    for length in (0, 1, len(numbers) - 1):
        with pytest.raises(ReadError, match="still being written"):
            read(stored(tmp_path, (header, numbers[:length])))


def test_a_header_that_is_edited_alone_is_seen_by_the_next_scan(tmp_path: Path) -> None:
    stored(tmp_path, envi_pair(CUBE, AXIS))
    (before,) = find_sources(tmp_path)[0]
    header = envi_pair(CUBE, AXIS, description="longer than it was before")[0]
    (tmp_path / "cube.hdr").write_bytes(header)
    (after,) = find_sources(tmp_path)[0]
    assert before.name == after.name == "cube.img" and before.stat != after.stat
