"""The sample sheet, the pattern, the files' own columns: every spectrum gets its own row, or the place is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from spectral_core.errors import SheetError
from spectral_core.samples import join_samples, load_samples, metadata_for
from spectral_core.spectra import make_spectra
from spectral_core.study import Samples


def spectra(sources: list[str], names: list[str] | None = None, **columns: list[str]) -> xr.Dataset:
    n = len(sources)
    metadata = {"source": sources, "spectrum": names or [""] * n, **columns}
    values = np.arange(3.0 * n).reshape(n, 3)
    return make_spectra(values, [1, 2, 3], axis_unit="nm", intensity_unit="", metadata=metadata)


def sheet(folder: Path, text: str | bytes, **samples: Any) -> Samples:
    path = folder / "samples.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Samples(sheet=path, **samples)


def refusal(samples: Samples) -> str:
    with pytest.raises(SheetError) as caught:
        load_samples(samples)
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_every_dialect_of_a_sheet_fills_the_columns(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [["file", "Sorte", "plant", "dose"], ["b.txt", " Süß ", "p2", "1.5"], ["day 1/a.txt", "Herb", "p1", ""]]
    text = "".join(delimiter.join(cells) + "\r\n" for cells in rows)
    samples = sheet(tmp_path, text.encode(encoding), label="Sorte", unit="plant", columns=("dose",))
    joined = join_samples(load_samples(samples), spectra(["day 1/a.txt", "b.txt", "day 1/a.txt"]))
    assert list(joined["label"].values) == ["Herb", "Süß", "Herb"]
    assert list(joined["unit"].values) == ["p1", "p2", "p1"]
    assert list(joined["dose"].values) == ["", "1.5", ""]
    assert list(joined["batch"].values) == ["", "", ""]
    assert all(joined[name].dtype == object for name in ("label", "unit", "dose"))


def test_the_dataset_given_is_left_as_it_was(tmp_path: Path) -> None:
    given_spectra = spectra(["a.txt"])
    before = given_spectra.copy(deep=True)
    join_samples(load_samples(sheet(tmp_path, "file,label\na.txt,x\n")), given_spectra)
    xr.testing.assert_identical(given_spectra, before)


def test_what_the_study_does_not_map_keeps_what_the_file_states(tmp_path: Path) -> None:
    table = load_samples(sheet(tmp_path, "file,label,batch\na.txt,x,b1\n", batch="batch"))
    joined = join_samples(table, spectra(["a.txt"], instrument=["prism 3"], batch=["of the file"], plate=["p9"]))
    assert joined["instrument"].values[0] == "prism 3"
    assert joined["batch"].values[0] == "b1"
    assert joined["plate"].values[0] == "p9"


def test_a_corrected_sheet_joins_anew(tmp_path: Path) -> None:
    archived = join_samples(
        load_samples(sheet(tmp_path, "file,label\na.txt,x\nb.txt,y\n")), spectra(["a.txt", "b.txt"])
    )
    again = join_samples(load_samples(sheet(tmp_path, "file,label\na.txt,z\nb.txt,y\n")), archived)
    assert list(again["label"].values) == ["z", "y"]


def test_a_spectrum_column_tells_spectra_of_one_file_apart(tmp_path: Path) -> None:
    table = load_samples(sheet(tmp_path, "file,spectrum,label\nset.csv,s1,x\nset.csv,s2,y\nb.txt,,z\n"))
    joined = join_samples(table, spectra(["set.csv", "b.txt", "set.csv"], ["s2", "", "s1"]))
    assert list(joined["label"].values) == ["y", "z", "x"]
    with pytest.raises(SheetError, match="a row for spectrum 's3', found rows for 's1', 's2'"):
        join_samples(table, spectra(["set.csv"], ["s3"]))


def test_a_row_for_the_file_alone_serves_all_its_spectra(tmp_path: Path) -> None:
    table = load_samples(sheet(tmp_path, "file,label\nset.csv,x\n"))
    joined = join_samples(table, spectra(["set.csv", "set.csv"], ["s1", "s2"]))
    assert list(joined["label"].values) == ["x", "x"]


def test_names_that_the_contract_uses_are_kept_under_others(tmp_path: Path) -> None:
    samples = sheet(tmp_path, "file,label,sample\na.txt,x,s1\n", unit="sample", columns=("sample",))
    joined = join_samples(load_samples(samples), spectra(["a.txt"]))
    assert joined["unit"].values[0] == joined["sample_name"].values[0] == "s1"
    assert "sample" not in joined.coords


def test_accents_and_separators_are_spelt_in_many_ways(tmp_path: Path) -> None:
    table = load_samples(sheet(tmp_path, "file,label\n./tag\\Mu\u0308ll.txt,x\n"))
    assert metadata_for(table, "tag/M\u00fcll.txt")["label"] == "x"
    table.check_files(["tag/M\u00fcll.txt"])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "column names and at least one row"),
        ("file,label\n", "column names and at least one row"),
        ("file,kind\na.txt,x\n", "found no 'label'. The sheet has file, kind"),
        ("name,label\na.txt,x\n", "found no 'file'. The sheet has name, label"),
        ("file,label\na.txt,x\nb.txt,y\na.txt,x\n", "row 4: expected every file once, found 'a.txt' again"),
        ("file,label\na.txt,x\n./a.txt,x\n", "row 3: expected every file once"),
        ("file,spectrum,label\na.txt,1,x\na.txt,1,y\n", "'a.txt, spectrum 1' again"),
        ("file,label\na.txt,x\nb.txt,\n", "row 3, column label: expected a label, found an empty text"),
        ("file,label\na.txt,x,y\n", "row 2: expected 2 cells as in the first row, found 3"),
        ("file,label\na.txt\n", "row 2: expected 2 cells as in the first row, found 1"),
        ("file,label,label\na.txt,x,y\n", "different column names"),
        ("file,label\n/etc/passwd,x\n", "row 2, column file: expected a path relative to the inbox"),
        ("file,label\n../a.txt,x\n", "a path relative to the inbox, found '../a.txt'"),
        ("file,label\nday\\..\\..\\a.txt,x\n", "a path relative to the inbox"),
        ("file,label\nC:\\a.txt,x\n", "a path relative to the inbox"),
        ("file,label\n,x\n", "a path relative to the inbox, found ''"),
        ('file,label\na.txt,"x\nb.txt,y\n', "balanced quotes"),
        (b"PK\x03\x04\x00\x00", "a sheet as CSV text"),
    ],
)  # fmt: skip
def test_a_sheet_that_is_none_names_the_place(tmp_path: Path, text: str | bytes, what: str) -> None:
    message = refusal(sheet(tmp_path, text))
    assert message.startswith("samples.csv")
    assert what in message


def test_a_missing_sheet_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(Samples(sheet=tmp_path / "gone.csv"))
    assert "a readable file" in refusal(Samples(sheet=tmp_path))


def test_a_column_that_the_study_asks_for_and_the_sheet_lacks_is_named(tmp_path: Path) -> None:
    message = refusal(sheet(tmp_path, "file,label\na.txt,x\n", unit="plant", columns=("dose",)))
    assert "no 'plant', 'dose'" in message
    assert "The sheet has file, label" in message


def test_times_are_iso_8601_or_refused(tmp_path: Path) -> None:
    good = "file,label,at\na.txt,x,2026-01-31T09:30:00+01:00\nb.txt,y,\nc.txt,z,2026-01-31\n"
    samples = sheet(tmp_path, good, acquired_at="at")
    joined = join_samples(load_samples(samples), spectra(["a.txt", "b.txt"]))
    assert list(joined["acquired_at"].values) == ["2026-01-31T09:30:00+01:00", ""]
    message = refusal(sheet(tmp_path, "file,label,at\na.txt,x,31.1.2026\n", acquired_at="at"))
    assert "row 2, column at: expected a time as in ISO 8601" in message


def test_files_that_the_sheet_names_and_nobody_has_are_named_with_the_closest(tmp_path: Path) -> None:
    text = "file,label\n" + "".join(f"leaf_{i}.txt,x\n" for i in range(6))
    table = load_samples(sheet(tmp_path, text))
    table.check_files([f"leaf_{i}.txt" for i in range(9)])
    with pytest.raises(SheetError) as caught:
        table.check_files(["leaf_0.txt", "leef_1.txt"])
    message = str(caught.value)
    assert "'leaf_1.txt', 'leaf_2.txt', 'leaf_3.txt' and 2 more (5 in all) not there" in message
    assert "Did you mean" in message
    assert "samples.allow_missing" in message
    load_samples(sheet(tmp_path, text, allow_missing=True)).check_files([])


def test_a_file_without_a_row_is_refused_with_the_closest(tmp_path: Path) -> None:
    table = load_samples(sheet(tmp_path, "file,label\nleaf_1.txt,x\n"))
    with pytest.raises(SheetError, match=r"a row for 'leaf_l.txt', found the closest, 'leaf_1.txt'"):
        join_samples(table, spectra(["leaf_l.txt"]))


PATTERN = r"(?P<kind>[a-z]+)_(?P<plant>\d+)(?:_(?P<day>d\d))?\.txt"


def test_a_pattern_is_matched_against_the_path_or_the_bare_name() -> None:
    samples = Samples(pattern=PATTERN, label="kind", unit="plant", batch="day")
    joined = join_samples(load_samples(samples), spectra(["oak_1.txt", "deep/elm_22_d3.txt"]))
    assert list(joined["label"].values) == ["oak", "elm"]
    assert list(joined["unit"].values) == ["1", "22"]
    assert list(joined["batch"].values) == ["", "d3"]
    by_folder = Samples(pattern=r"(?P<label>\w+)/.*")
    assert join_samples(load_samples(by_folder), spectra(["oak/1.txt"]))["label"].values[0] == "oak"


def test_a_name_that_the_pattern_does_not_match_whole_is_refused() -> None:
    table = load_samples(Samples(pattern=PATTERN, label="kind"))
    for name in ("oak.txt", "oak_1.txt.bak", "1_oak.txt"):
        with pytest.raises(SheetError, match="a file name that matches"):
            join_samples(table, spectra([name]))
    with pytest.raises(SheetError, match="a label"):
        join_samples(load_samples(Samples(pattern=r"(?P<label>x?).*")), spectra(["a.txt"]))


def test_without_sheet_and_pattern_the_files_own_columns_serve() -> None:
    table = load_samples(Samples(label="kind", unit="sample", columns=("dose",)))
    joined = join_samples(table, spectra(["a.csv"], kind=[" oak "], sample_name=["s1"], dose=["2"]))
    assert (joined["label"].values[0], joined["unit"].values[0]) == ("oak", "s1")
    with pytest.raises(SheetError, match=r"a\.csv: expected the columns 'sample', 'dose' in the file"):
        join_samples(table, spectra(["a.csv"], kind=["oak"]))
    with pytest.raises(SheetError, match="spectrum 2, column kind: expected a label"):
        own = spectra(["a.csv", "a.csv"], kind=["oak", " "], sample_name=["", ""], dose=["", ""])
        join_samples(table, own)


@given(st.binary(max_size=120))
def test_any_bytes_as_a_sheet_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for content in (data, b"file,label\n" + data):
        try:
            load_samples(sheet(tmp_path_factory.getbasetemp(), content))
        except SheetError:
            continue
