"""Datasets in our own schema come back whole; damage, other schemas and pickles are refused."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_core.errors import OffbandError, ReadError
from spectral_core.readers import Source, is_source, open_source, read_spectra
from spectral_core.readers.netcdf import read_netcdf, read_zarr, zip_entries
from spectral_core.spectra import METADATA, make_spectra


def spectra(n: int = 3, d: int = 40) -> xr.Dataset:
    rng = np.random.default_rng(5)
    columns = {"label": [f"Öl {i % 2}" for i in range(n)], "plate no": [f"p{i}" for i in range(n)]}
    return make_spectra(
        rng.normal(size=(n, d)), 400 + 2.5 * np.arange(d), axis_unit="nm", intensity_unit="absorbance", metadata=columns
    )


def netcdf_bytes(dataset: xr.Dataset) -> bytes:
    with warnings.catch_warnings():
        # a name with a space in it is stored as a variable, which the reader must not mind
        warnings.simplefilter("ignore", xr.SerializationWarning)
        return bytes(dataset.to_netcdf(engine="h5netcdf"))


def write_zarr(dataset: xr.Dataset, path: Path, *, zarr_format: int = 3) -> Path:
    with warnings.catch_warnings():
        # zarr warns that variable-length texts have no finished specification
        warnings.simplefilter("ignore")
        dataset.to_zarr(path, consolidated=False, zarr_format=zarr_format)
    return path


def zipped(folder: Path, prefix: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return out.getvalue()


def read(path: Path, *, axis_unit: str = "nm", intensity_unit: str = "absorbance") -> xr.Dataset:
    return read_spectra(open_source(path, name=path.name), axis_unit=axis_unit, intensity_unit=intensity_unit)


def stored(dataset: xr.Dataset, folder: Path, form: str) -> Path:
    if form == "netcdf":
        path = folder / "set.nc"
        path.write_bytes(netcdf_bytes(dataset))
        return path
    group = write_zarr(dataset, folder / "set.zarr", zarr_format=2 if form == "zarr 2" else 3)
    if form == "zip":
        path = folder / "set.zarr.zip"
        path.write_bytes(zipped(group, prefix="set.zarr/"))
        return path
    return group


@pytest.mark.parametrize("form", ["netcdf", "zarr", "zarr 2", "zip"])
def test_a_dataset_comes_back_with_all_its_columns(tmp_path: Path, form: str) -> None:
    dataset = spectra()
    back = read(stored(dataset, tmp_path, form))
    np.testing.assert_array_equal(back["intensity"], dataset["intensity"])
    np.testing.assert_array_equal(back["axis"], dataset["axis"])
    for name in ("label", "plate no"):
        assert list(back[name].values) == list(dataset[name].values)
    assert all(back[name].dtype == object for name in METADATA)
    assert [name.split(":")[1] for name in back["spectrum_id"].values] == ["0", "1", "2"]
    assert list(back["spectrum"].values) == ["1", "2", "3"]


@pytest.mark.parametrize("form", ["netcdf", "zarr", "zip"])
def test_other_units_than_the_study_declares_are_refused(tmp_path: Path, form: str) -> None:
    path = stored(spectra(), tmp_path, form)
    with pytest.raises(ReadError, match="an axis in 'cm-1'"):
        read(path, axis_unit="cm-1")
    with pytest.raises(ReadError, match="'counts'"):
        read(path, intensity_unit="counts")


def test_columns_that_are_no_texts_become_texts(tmp_path: Path) -> None:
    dataset = spectra().assign_coords(
        replicate=("sample", [1, 2, 3]),
        dose=("sample", [0.5, np.nan, 2.0]),
        acquired_at=("sample", np.array(["2026-01-31T09:30", "NaT", "2026-02-01"], dtype="datetime64[ns]")),
        sample=("sample", ["a", "b", "c"]),
    )
    back = read(stored(dataset, tmp_path, "netcdf"))
    assert list(back["replicate"].values) == ["1", "2", "3"]
    assert list(back["dose"].values) == ["0.5", "", "2.0"]
    assert list(back["acquired_at"].values) == ["2026-01-31T09:30:00", "", "2026-02-01T00:00:00"]
    assert list(back["sample_name"].values) == ["a", "b", "c"]


def test_a_dataset_with_the_numbers_alone_is_enough() -> None:
    bare = spectra(n=1).drop_vars([*METADATA, "plate no"])
    back = read_netcdf(netcdf_bytes(bare), axis_unit="nm", intensity_unit="", where="a.nc")
    assert list(back["spectrum"].values) == [""]
    assert all(back[name].values[0] == "" for name in METADATA)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d: d.rename(intensity="y"), r"intensity\[sample, channel\]"),
        (lambda d: d.transpose("channel", "sample"), r"intensity\[sample, channel\]"),
        (lambda d: d.drop_vars("axis"), r"axis\[channel\]"),
        (lambda d: d.isel(sample=[]), "at least one spectrum"),
        (lambda d: d.assign(intensity=d["intensity"].where(d["axis"] > 410)), "finite intensity"),
        (lambda d: d.assign_coords(axis=d["axis"] * 0 + 1), "duplicated"),
        (lambda d: d.assign_coords(axis=d["axis"].where(d["axis"] < 450)), "finite"),
    ],
)  # fmt: skip
def test_a_dataset_of_another_schema_or_with_bad_numbers_is_refused(change: object, what: str) -> None:
    data = netcdf_bytes(change(spectra()))  # type: ignore[operator]
    with pytest.raises(OffbandError, match=what):
        read_netcdf(data, axis_unit="nm", intensity_unit="", where="a.nc")


def test_a_pickle_inside_zarr_is_refused_unread(tmp_path: Path) -> None:
    group = write_zarr(spectra(), tmp_path / "set.zarr", zarr_format=2)
    metadata = group / "label" / ".zarray"
    content = json.loads(metadata.read_text())
    content["filters"] = [{"id": "pickle", "protocol": 5}]
    metadata.write_text(json.dumps(content).replace("pickle", "\\u0070ickle"))
    with pytest.raises(ReadError, match="pickled objects, which are never read"):
        read(group)


def test_what_unpacks_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(tmp_path / "huge.zarr", mode="w")
        group.create_array(
            "intensity", shape=(2**20, 2**20), chunks=(1, 2**20), dtype="f4", dimension_names=("sample", "channel")
        )
        group.create_array("axis", shape=(2**20,), dtype="f8", dimension_names=("channel",))
    with pytest.raises(ReadError, match="at most"):
        read(tmp_path / "huge.zarr")


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "sheet1.xml").write_text("<sheet/>")
    with pytest.raises(ReadError, match="office document"):
        zip_entries(zipped(tmp_path / "book"), where="book.xlsx")


def test_the_hash_of_a_zarr_folder_tells_names_and_contents_apart(tmp_path: Path) -> None:
    group = write_zarr(spectra(), tmp_path / "set.zarr")
    whole = open_source(group, name="set.zarr")
    assert open_source(group, name="elsewhere.zarr").sha256 == whole.sha256
    assert whole.size == sum(p.stat().st_size for p in group.rglob("*") if p.is_file())
    (group / "label").rename(group / "unit name")
    moved = open_source(group, name="set.zarr").sha256
    (group / "unit name" / "zarr.json").write_bytes((group / "unit name" / "zarr.json").read_bytes() + b" ")
    assert len({whole.sha256, moved, open_source(group, name="set.zarr").sha256}) == 3


def test_a_zarr_folder_is_one_source_and_its_files_are_none(tmp_path: Path) -> None:
    group = write_zarr(spectra(), tmp_path / "set.zarr")
    assert is_source(group)
    assert not any(is_source(path) for path in group.rglob("*"))
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "empty.zarr" / "a.txt").write_text("1;2\n2;3\n")
    assert not is_source(tmp_path / "empty.zarr")
    assert is_source(tmp_path / "empty.zarr" / "a.txt")


GOOD = netcdf_bytes(spectra(n=2, d=5))


@given(st.integers(9, len(GOOD) - 1))
@settings(max_examples=100, deadline=None)
def test_a_netcdf_file_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ReadError, match="damage"):
        read_netcdf(GOOD[:length], axis_unit="nm", intensity_unit="", where="a.nc")


# h5netcdf leaves half a file object behind, whose end pytest would report
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("at", range(8, 96, 4))
def test_a_damaged_superblock_raises_nothing_but_our_errors(at: int) -> None:
    damaged = GOOD[:at] + bytes(byte ^ 0xA5 for byte in GOOD[at : at + 4]) + GOOD[at + 4 :]
    with contextlib.suppress(OffbandError):
        read_netcdf(damaged, axis_unit="nm", intensity_unit="", where="a.nc")


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    group = write_zarr(spectra(n=2, d=5), tmp_path_factory.mktemp("zarr") / "set.zarr")
    return dict(open_source(group, name="set.zarr").entries)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_zarr_group_raises_nothing_but_our_errors(entries: dict[str, bytes], data: st.DataObject) -> None:
    damaged = dict(entries)
    for name in data.draw(st.lists(st.sampled_from(sorted(entries)), min_size=1, max_size=3)):
        content = bytearray(damaged[name])
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        damaged[name] = bytes(content)
    try:
        dataset = read_zarr(damaged, axis_unit="nm", intensity_unit="", where="a.zarr")
    except OffbandError:
        return
    assert np.isfinite(dataset["intensity"]).all()


def test_a_source_is_hashed_over_what_is_read(tmp_path: Path) -> None:
    path = stored(spectra(), tmp_path, "netcdf")
    source = open_source(path, name="in/set.nc")
    path.write_bytes(b"changed")
    assert isinstance(source, Source)
    assert read_spectra(source, axis_unit="nm", intensity_unit="")["source"].values[0] == "in/set.nc"
