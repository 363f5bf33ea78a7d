"""Arrays by name: npz and MATLAB files, written by numpy, scipy and h5py, without anything pickled."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers.matlab import is_matlab, read_matlab
from spectral_core.readers.npz import is_npz, read_npz

SETS = Path(__file__).resolve().parents[3] / "shared" / "data" / "sets"
needs_sets = pytest.mark.skipif(not SETS.is_dir(), reason="the sets of spectra are not here")

AXIS = np.array([400.0, 401.5, 403.0, 404.0])
X = np.array([[0.5, 0.25, 1.0, 0.125], [1.0, 2.0, 3.0, 4.0], [9.0, 8.0, 7.0, 6.0]])
LEAVES = ["leaf 7", "leaf 8", "leaf 9"]

Write = Callable[[dict[str, Any]], bytes]


def npz(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def mat(arrays: dict[str, Any], compressed: bool = False) -> bytes:
    buffer = io.BytesIO()
    kept = {n: np.array(a, dtype=object) if isinstance(a, list) else a for n, a in arrays.items()}
    scipy.io.savemat(buffer, kept, do_compression=compressed)
    return buffer.getvalue()


def packed(arrays: dict[str, Any]) -> bytes:
    return mat(arrays, compressed=True)


def mat73(arrays: dict[str, Any]) -> bytes:
    """A MATLAB 7.3 file: HDF5 behind 512 bytes of text, columns first, texts as numbers of characters."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            values = np.array([[ord(c) for c in array]], "u2") if isinstance(array, str) else np.atleast_2d(array)
            item = file.create_dataset(name, data=values.T)
            item.attrs["MATLAB_class"] = np.bytes_("char" if isinstance(array, str) else "double")
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    return head.ljust(512, b"\x00") + buffer.getvalue()[512:]


def read(data: bytes, intensity_unit: str = "", axis_unit: str = "nm") -> xr.Dataset:
    assert is_npz(data) != is_matlab(data)
    reader = read_npz if is_npz(data) else read_matlab
    return reader(data, axis_unit=axis_unit, intensity_unit=intensity_unit, where="a.x")


def refusal(data: bytes, intensity_unit: str = "", axis_unit: str = "nm") -> str:
    with pytest.raises(OffbandError) as caught:
        read(data, intensity_unit, axis_unit)
    return str(caught.value)


every_writer = pytest.mark.parametrize("write", [npz, mat, packed, mat73])


@every_writer
def test_spectra_axis_and_units_are_found_by_name(write: Write) -> None:
    dataset = read(write({"X": X, "axis": AXIS, "axis_unit": "nm", "intensity_unit": "absorbance"}))
    np.testing.assert_array_equal(dataset["axis"], AXIS)
    np.testing.assert_array_equal(dataset["intensity"], X.astype(np.float32))
    assert dataset["intensity"].attrs["units"] == "absorbance"
    assert list(dataset["spectrum"].values) == ["1", "2", "3"]


@every_writer
def test_spectra_in_columns_are_turned_and_columns_of_n_numbers_kept(write: Write) -> None:
    dataset = read(write({"reflectance": X.T, "wavelength": AXIS, "dose": np.array([0.5, 1.5, 2.0])}))
    np.testing.assert_array_equal(dataset["intensity"], X.astype(np.float32))
    assert dataset["intensity"].attrs["units"] == "reflectance"
    assert list(dataset["dose"].values) == ["0.5", "1.5", "2"]


@pytest.mark.parametrize("write", [mat, packed])
def test_a_cell_of_texts_is_a_column(write: Write) -> None:
    dataset = read(write({"X": X, "axis": AXIS, "label": LEAVES}))
    assert list(dataset["label"].values) == LEAVES


def test_texts_of_an_npz_are_a_column() -> None:
    assert list(read(npz({"X": X, "axis": AXIS, "label": np.array(LEAVES)}))["label"].values) == LEAVES


@every_writer
def test_units_are_held_against_the_study(write: Write) -> None:
    assert "an axis in 'nm'" in refusal(write({"X": X, "axis": AXIS, "axis_unit": "cm-1"}))
    assert "an axis in 'nm'" in refusal(write({"X": X, "wavenumber": AXIS}))
    assert "found 'absorbance'" in refusal(write({"absorbance": X, "axis": AXIS}), "counts")


@every_writer
def test_what_may_be_either_is_refused(write: Write) -> None:
    square = np.arange(16.0).reshape(4, 4)
    assert "4 × 4, which may be either" in refusal(write({"spectra": square, "axis": AXIS}))
    np.testing.assert_array_equal(read(write({"intensity": square, "axis": AXIS}))["intensity"], square)
    assert "one array of spectra" in refusal(write({"spectra": X, "data": X, "axis": AXIS}))
    assert "one array of axis" in refusal(write({"spectra": X}))
    assert "one array of axis" in refusal(write({"spectra": X, "axis": AXIS, "wavelength": AXIS}))


def test_pickled_objects_are_never_read() -> None:
    with pytest.raises(OffbandError, match="pickled objects, which are never read"):
        read(npz({"X": X, "axis": AXIS, "label": np.array(LEAVES, dtype=object)}))


def test_an_archive_that_unpacks_to_more_than_it_declares_stays_small() -> None:
    """The stream would unpack to 16 MiB; 200 bytes are declared and read."""
    data = bytearray(npz({"axis": AXIS, "X": np.zeros((2**19, 4))}))
    entry = zipfile.ZipFile(io.BytesIO(bytes(data))).getinfo("X.npy")
    directory = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 24, 200)
    assert entry.file_size > 2**23
    assert "the array" in refusal(bytes(data)) or "damage" in refusal(bytes(data))


def test_shapes_are_held_against_lengths() -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 4), }"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.ljust(117) + b"\n" + bytes(64)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("X.npy", array)
    assert "the array within its 64 bytes" in refusal(buffer.getvalue())


def test_a_compressed_element_is_unpacked_with_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectral_core.readers.mat5.LARGEST", 2**16)
    bomb = zlib.compress(bytes(2**22))
    data = mat({"axis": AXIS})[:128] + struct.pack("<2I", 15, len(bomb)) + bomb
    assert "an array of at most 65536 bytes" in refusal(data)


def test_dimensions_that_no_bytes_stand_for_are_refused() -> None:
    data = bytearray(mat({"X": X, "axis": AXIS}))
    struct.pack_into("<2i", data, 128 + 32, 2**30, 2**30)
    assert "bytes" in refusal(bytes(data))


@pytest.mark.parametrize("form", ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("compressed", [False, True])
def test_numbers_of_every_type_agree_with_scipy(form: str, compressed: bool) -> None:
    values = np.arange(12).reshape(3, 4).astype(form)
    data = mat({"X": values, "axis": AXIS, "axis_unit": "nm"}, compressed=compressed)
    other = scipy.io.loadmat(io.BytesIO(data))
    np.testing.assert_array_equal(read(data)["intensity"], other["X"])
    np.testing.assert_array_equal(read(data)["axis"], other["axis"].squeeze())


def test_texts_agree_with_scipy() -> None:
    labels = ["µm", "leaf 8", ""]
    data = mat({"X": X, "axis": AXIS, "axis_unit": "nm", "label": labels, "rows": np.array(["ab", "cde", "f"])})
    other = scipy.io.loadmat(io.BytesIO(data))
    dataset = read(data)
    assert list(dataset["label"].values) == [str(cell[0]) if cell.size else "" for cell in other["label"].ravel()]
    assert list(dataset["rows"].values) == [str(row).rstrip() for row in other["rows"]]


def test_cells_within_cells_and_structures_are_passed_over() -> None:
    deep = np.array([["a"]], dtype=object)
    for _ in range(3):
        outer = np.empty((1, 1), dtype=object)
        outer[0, 0] = deep
        deep = outer
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"X": X, "axis": AXIS, "deep": deep, "about": {"who": "Curie", "when": 1903.0}})
    dataset = read(buffer.getvalue())
    np.testing.assert_array_equal(dataset["intensity"], X.astype(np.float32))
    assert not {"deep", "about"} & set(dataset.coords)


@needs_sets
def test_a_real_archive_is_read_as_numpy_reads_it() -> None:
    path = SETS / "quadram_coffee_drift" / "tidy_spectra.npz"
    with np.load(path, allow_pickle=False) as other:
        dataset = read(path.read_bytes(), axis_unit="cm-1")
        np.testing.assert_allclose(dataset["intensity"], other["X"], rtol=1e-6)
        np.testing.assert_allclose(dataset["axis"], other["axis"])


def test_a_name_that_is_not_utf_8_is_one_all_the_same() -> None:
    data = mat73({"X": X, "axis": AXIS, "axis_unit": "nm", "d-se": np.array([0.5, 1.5, 2.0])})
    assert data.count(b"d-se") == 1
    dataset = read(data.replace(b"d-se", b"d\xf6se"))
    assert list(dataset["döse"].values) == ["0.5", "1.5", "2"]


def test_a_file_of_structures_alone_is_refused_as_such() -> None:
    assert "found no array of numbers or texts" in refusal(mat({"about": {"who": "Curie", "when": 1903.0}}))
