"""The front door: content decides the reader, hashes are of what was read, and nothing but our errors comes out."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_core.errors import OffbandError, ReadError
from spectral_core.readers import Source, is_source, open_source, read_spectra
from spectral_core.readers.stated import agreed_quantity, axis_units, quantity
from spectral_core.spectra import METADATA

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor"
needs_vendor_files = pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor files are not here")

TEXT = b"nm;Absorbance\n400;0.5\n401;0.25\n402;0.125\n"
JCAMP = (
    b"##TITLE= leaf\n##JCAMP-DX= 4.24\n##XUNITS= NANOMETERS\n##YUNITS= ABSORBANCE\n##FIRSTX= 400\n##LASTX= 402\n"
    b"##NPOINTS= 3\n##XFACTOR= 1\n##YFACTOR= 0.125\n##XYDATA= (X++(Y..Y))\n400 4 2 1\n##END=\n"
)
ASP = b"3\r\n402.0\r\n400.0\r\n1\r\n2\r\n4\r\n0.125\r\n0.25\r\n0.5\r\n"


def source(data: bytes, name: str = "a.txt") -> Source:
    return Source(name, hashlib.sha256(data).hexdigest(), len(data), data)


def refusal(data: bytes, name: str = "a.txt") -> str:
    with pytest.raises(ReadError) as caught:
        read_spectra(source(data, name), axis_unit="nm", intensity_unit="absorbance")
    return str(caught.value)


@pytest.mark.parametrize("data", [TEXT, JCAMP, ASP, b"$$ note\r\n\r\n" + JCAMP, b"\xef\xbb\xbf" + JCAMP])
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a", "a.dat"])
def test_the_content_decides_whatever_the_name(data: bytes, name: str) -> None:
    dataset = read_spectra(source(data, name), axis_unit="nm", intensity_unit="absorbance")
    np.testing.assert_array_equal(dataset["axis"], [400, 401, 402])
    np.testing.assert_array_equal(dataset["intensity"], [[0.5, 0.25, 0.125]])
    sha = hashlib.sha256(data).hexdigest()
    assert dataset["spectrum_id"].values[0] == f"{sha[:16]}:0"
    assert (dataset["source"].values[0], dataset["source_sha256"].values[0]) == (name, sha)
    assert {"spectrum", *METADATA} <= set(dataset.coords)


def test_a_jcamp_file_inside_a_text_name_is_still_checked() -> None:
    assert "NPOINTS" in refusal(JCAMP.replace(b"NPOINTS= 3", b"NPOINTS= 4").replace(b"LASTX= 402", b"LASTX= 403"))


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (b"", "a.txt", "an empty file"),
        (b" \r\n\t", "a.jdx", "an empty file"),
        (bytes(4096), "a.spc", "an empty file"),
        (np.random.default_rng(3).bytes(5000), "a.jdx", "JCAMP-DX, which starts with ##TITLE="),
        (np.random.default_rng(3).bytes(5000), "a.txt", "binary data"),
        (b"PK\x03\x04" + bytes(500), "a.xlsx", "a zip of a zarr group"),
        (b"CDF\x01" + bytes(500), "a.nc", "NetCDF-3"),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "a.nc", "damage"),
        (b"##NOT= jcamp\n1 2\n2 3\n", "a.dx", "JCAMP-DX"),
        (ASP.replace(b"3\r\n402", b"4\r\n402"), "a.asp", "4 intensities after 6 lines, found 3"),
        (ASP.replace(b"0.25", b"nan"), "a.asp", "row 8"),
    ],
)  # fmt: skip
def test_what_is_no_spectrum_is_refused_by_name(data: bytes, name: str, what: str) -> None:
    message = refusal(data, name)
    assert message.startswith(name)
    assert what in message


def test_a_source_is_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    opened = open_source(path, name="day 1/a.txt")
    assert opened == Source("day 1/a.txt", hashlib.sha256(TEXT).hexdigest(), len(TEXT), TEXT)
    assert opened.data == TEXT


def test_unreadable_and_too_large_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    assert open_source(path, name="a.txt", largest=len(TEXT)).size == len(TEXT)
    with pytest.raises(ReadError, match="at most 10 bytes"):
        open_source(path, name="a.txt", largest=10)
    with pytest.raises(ReadError, match=r"gone.txt: expected a file"):
        open_source(tmp_path / "gone.txt", name="gone.txt")
    with pytest.raises(ReadError, match="another folder"):
        open_source(tmp_path, name="folder")
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(ReadError, match="a device or pipe"):
        open_source(tmp_path / "pipe.txt", name="pipe.txt")


@pytest.mark.parametrize(
    "name",
    [".hidden.txt", "a.part", "a.tmp", "a.txt~", "~$a.xlsx", "b.crdownload", "Thumbs.db", ".DS_Store", "desktop.ini"],
)  # fmt: skip
def test_temporary_hidden_and_system_files_are_no_sources(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TEXT)
    assert not is_source(tmp_path / name)


def test_files_are_sources_and_folders_links_to_nothing_and_pipes_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.txt").symlink_to(tmp_path / "gone.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_source(path)] == ["a.txt"]


@pytest.mark.parametrize(
    ("heading", "units"),
    [
        ("Wavenumber (cm-1)", {"cm-1"}), ("Raman Shift", {"cm-1"}), ("wavelength_nm", {"nm"}), ("cm⁻¹", {"cm-1"}),
        ("Wavelength", {"nm", "um"}), ("MICROMETERS", {"um"}), ("[nm]", {"nm"}), ("leaf 7", set()), ("", set()),
    ],
)  # fmt: skip
def test_headings_state_axis_units(heading: str, units: set[str]) -> None:
    assert axis_units(heading) == units


@pytest.mark.parametrize(
    ("stated", "declared", "agreed"),
    [
        ("ABSORBANCE", "absorbance", "absorbance"), ("A", "absorbance", "absorbance"), ("%T", "T", "T"),
        ("ARBITRARY UNITS", "counts", "counts"), ("", "counts", "counts"), ("counts", "", "counts"), ("pH", "", "pH"),
        ("PICOAMPERES", "picoamperes", "picoamperes"), ("Absorbance", "A", "A"),
    ],
)  # fmt: skip
def test_one_quantity_has_many_spellings(stated: str, declared: str, agreed: str) -> None:
    assert agreed_quantity(stated, declared, where="a") == agreed


@pytest.mark.parametrize(
    ("stated", "declared"),
    [
        ("ABSORBANCE", "transmittance"), ("%R", "transmittance"), ("counts", "absorbance"), ("pH", "counts"),
        ("log(1/R)", "absorbance"), ("KUBELKA-MUNK", "reflectance"), ("T", "absorbance"),
    ],
)  # fmt: skip
def test_different_quantities_are_never_taken_for_one(stated: str, declared: str) -> None:
    with pytest.raises(ReadError, match="as the study declares"):
        agreed_quantity(stated, declared, where="a")


def test_a_letter_in_a_heading_is_no_quantity() -> None:
    assert quantity("A") == quantity("leaf T") == ""


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.jdx", "a.nc", "a.zarr.zip"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes, name: str) -> None:
    for content in (data, b"##TITLE=x\n" + data, b"MATLAB 5.0 MAT-file".ljust(126) + b"IM" + data):
        with contextlib.suppress(OffbandError):
            read_spectra(source(content, name), axis_unit="nm", intensity_unit="")


@given(st.binary(max_size=300), st.sampled_from([b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"]))
@settings(max_examples=20, deadline=None)
def test_any_bytes_that_are_read_apart_are_read_or_refused(data: bytes, mark: bytes) -> None:
    with contextlib.suppress(OffbandError):
        read_spectra(source(mark + data), axis_unit="nm", intensity_unit="")


@needs_vendor_files
def test_a_vendor_asp_file_is_evenly_spaced_between_its_stated_ends() -> None:
    path = VENDOR / "ftir_ldpe_soil.asp"
    dataset = read_spectra(open_source(path, name=path.name), axis_unit="cm-1", intensity_unit="absorbance")
    lines = path.read_text().split()
    np.testing.assert_allclose(dataset["axis"][[0, -1]], [float(lines[2]), float(lines[1])])
    np.testing.assert_array_equal(dataset["intensity"][0], np.array(lines[:5:-1], dtype=np.float32))


@needs_vendor_files
@pytest.mark.parametrize("path", sorted(p for p in VENDOR.rglob("*") if p.is_file()) if VENDOR.is_dir() else [])
def test_every_vendor_file_is_read_or_refused(path: Path) -> None:
    try:
        dataset = read_spectra(open_source(path, name=path.name), axis_unit="cm-1", intensity_unit="")
    except OffbandError:
        return
    assert dataset.sizes["channel"] > 1
    assert np.isfinite(dataset["intensity"]).all()
