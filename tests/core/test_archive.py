"""The archive gives back what went in, stores nothing twice, and never writes where it does not belong."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from filelock import FileLock

from spectral_core.archive import create_archive, open_archive
from spectral_core.errors import ArchiveError, SpectraError
from spectral_core.spectra import METADATA, make_spectra, validate_spectra

AXIS = np.linspace(400, 1800, 15)


def spectra(
    name: str, n: int = 1, *, seed: int = 0, axis=AXIS, unit="cm-1", quantity="absorbance", **columns
) -> xr.Dataset:
    values = np.random.default_rng([seed, *name.encode()]).normal(size=(n, len(axis)))
    sha = hashlib.sha256(values.tobytes()).hexdigest()
    metadata = {
        "source": [name] * n,
        "source_sha256": [sha] * n,
        "spectrum_id": [f"{name}#{i}" for i in range(n)],
    }
    return make_spectra(values, axis, axis_unit=unit, intensity_unit=quantity, metadata=metadata | columns)


@pytest.fixture
def archive(tmp_path: Path):
    return create_archive(tmp_path / "archive")


def test_what_goes_in_comes_out_bit_for_bit(archive) -> None:
    parts = [spectra("a", 3, label=["x", "y", "ü"]), spectra("b", 1), spectra("c", 7)]
    for part in parts:
        archive.append(part)
    back = archive.open()
    validate_spectra(back, where="archive")
    assert back["intensity"].dtype == np.float32
    assert back["intensity"].values.tobytes() == np.concatenate([p["intensity"].values for p in parts]).tobytes()
    assert back["axis"].values.tobytes() == AXIS.tobytes()
    assert back["axis"].attrs["units"] == "cm-1" and back["intensity"].attrs["units"] == "absorbance"
    for column in METADATA:
        assert list(back[column].values) == [text for p in parts for text in p[column].values], column


def test_the_channels_are_one_chunk_and_a_chunk_is_about_four_mebibytes(archive) -> None:
    wide = np.arange(4096.0)
    for k in range(3):
        archive.append(spectra(f"f{k}", 100, axis=wide))
    rows, channels = archive.open()["intensity"].chunks
    assert channels == (4096,)
    assert rows == (256, 44)  # 256 rows x 4,096 channels x 4 bytes = 4 MiB


def test_longer_texts_are_not_truncated_by_a_later_append(archive) -> None:
    archive.append(spectra("a", label=["s"]))
    archive.append(spectra("b", label=["considerably longer, with ümlaut and 谱"]))
    assert list(archive.open()["label"].values) == ["s", "considerably longer, with ümlaut and 谱"]


def test_texts_that_repeat_are_held_once_however_they_are_opened(archive) -> None:
    for name in ("a", "b"):
        archive.append(spectra(name, 40, label=["considerably long"] * 40))
    for opened in (archive.open(), archive.metadata(), archive.open().isel(sample=slice(5, 60))):
        assert len({id(text) for text in opened["label"].values}) == 1
        assert len({id(text) for text in opened["source"].values}) == 2


@pytest.mark.parametrize("column", ["operator", "mg/L ethanol", "plate no.", "_x", "..", "größe", "zarr.json"])
def test_a_new_column_is_backfilled_with_empty_texts_and_a_missing_one_is_filled(archive, column: str) -> None:
    archive.append(spectra("a", 2))
    archive.append(spectra("b", **{column: ["Eve"]}))
    archive.append(spectra("c"))
    assert list(archive.open()[column].values) == ["", "", "Eve", ""]
    assert list(archive.metadata()[column].values) == ["", "", "Eve", ""]


def test_the_same_bytes_are_stored_once_even_under_another_name_or_within_one_batch(archive) -> None:
    first, second = spectra("a", 2), spectra("b")
    same_bytes = second.assign_coords(source=("sample", np.array(["copy of b"], dtype=object)))
    archive.append(xr.concat([first, second, same_bytes, first], "sample", data_vars="minimal"))
    before = archive.snapshot()
    assert archive.append(same_bytes) == before
    assert list(archive.open()["source"].values) == ["a", "a", "b"]
    assert set(archive.sources().values()) == {"a", "b"}


def test_what_another_process_archived_meanwhile_is_not_stored_again(archive) -> None:
    other = open_archive(archive.path)
    assert not other.sources()
    archive.append(spectra("a"))
    other.append(xr.concat([spectra("a"), spectra("b")], "sample", data_vars="minimal"))
    assert list(archive.open()["source"].values) == ["a", "b"] == list(archive.sources().values())


def test_a_snapshot_stays_as_it_was_while_others_append_and_relabel(archive) -> None:
    old = archive.append(spectra("a", 2, label=["x", "y"]))
    opened = archive.open()
    archive.append(spectra("b", 5))
    metadata = archive.metadata()
    archive.relabel(metadata.assign_coords(label=("sample", np.array(["z"] * 7, dtype=object))))
    for view in (opened, archive.open(old)):
        assert view.sizes["sample"] == 2
        assert view["intensity"].values.tobytes() == spectra("a", 2)["intensity"].values.tobytes()
    assert list(archive.open(old)["label"].values) == ["x", "y"]
    assert list(archive.open()["label"].values) == ["z"] * 7


def test_history_tells_how_many_spectra_each_snapshot_holds(archive) -> None:
    names = [archive.append(spectra(str(k), k + 1)) for k in range(3)]
    history = archive.history()
    assert [s.spectra for s in history] == [6, 3, 1, 0]
    assert [s.id for s in history[:3]] == names[::-1]
    assert archive.snapshot() == names[-1] and len(archive) == 6


def test_an_unknown_snapshot_is_refused_with_the_newest_three(archive) -> None:
    names = [archive.append(spectra(str(k))) for k in range(4)]
    for unknown in ("1CECHNKREP0F1RSTCMZZ", "no id at all", ""):
        with pytest.raises(ArchiveError) as raised:
            archive.open(unknown)
        assert all(name in str(raised.value) for name in names[1:]) and names[0] not in str(raised.value)


def test_an_empty_archive_says_that_there_is_nothing_to_open(archive) -> None:
    assert archive.axis() is None and len(archive) == 0 and not archive.sources()
    for read in (archive.open, archive.metadata):
        with pytest.raises(ArchiveError, match=r"expected spectra, found none.*Ingest files first"):
            read()


def test_the_axis_is_set_once_and_another_is_refused_naming_both(archive) -> None:
    archive.append(spectra("a"))
    before = archive.snapshot()
    spacing = AXIS[1] - AXIS[0]
    archive.append(spectra("b", axis=AXIS + 0.9e-4 * spacing))
    assert archive.axis().positions.tobytes() == AXIS.tobytes()
    before = archive.snapshot()
    one_off = AXIS.copy()
    one_off[7] += 1.1e-4 * spacing
    others = {"axis": one_off}, {"axis": AXIS[:-1]}, {"unit": "nm"}, {"quantity": "counts"}
    for odd in (spectra("c", **other) for other in others):
        with pytest.raises(
            ArchiveError, match=r"15 channels from 400 to 1800 cm-1.*found 1[45] channels from 400 to 1"
        ):
            archive.append(odd)
    assert archive.snapshot() == before and len(archive) == 2


def test_relabel_changes_metadata_in_one_commit_and_counts_the_spectra(archive) -> None:
    archive.append(spectra("a", 3, label=["x", "x", "y"]))
    with archive.writing():
        metadata = archive.metadata()
        corrected = metadata.assign_coords(
            label=("sample", np.array(["x", "y", "y"], dtype=object)),
            site=("sample", np.array(["", "", "Ulm"], dtype=object)),
        )
        assert archive.relabel(corrected) == 2
    assert len(archive.history()) == 3
    assert archive.relabel(archive.metadata()) == 0
    assert len(archive.history()) == 3
    with pytest.raises(ArchiveError, match="other values of source"):
        archive.relabel(corrected.assign_coords(source=("sample", np.array(["b"] * 3, dtype=object))))


def test_what_breaks_the_contract_is_refused(archive) -> None:
    nameless = spectra("a").assign_coords(source_sha256=("sample", np.array([""], dtype=object)))
    with pytest.raises(ArchiveError, match="source_sha256"):
        archive.append(nameless)
    with pytest.raises(SpectraError, match="float32"):
        archive.append(spectra("a").astype("float64"))
    with pytest.raises(SpectraError, match=r"column replicate.*texts.*3"):
        archive.append(spectra("a").assign_coords(replicate=("sample", [3])))
    with pytest.raises(SpectraError, match="metadata as texts"):
        archive.append(spectra("a").assign_coords(channel=("channel", np.arange(15))))
    assert len(archive) == 0


def test_a_foreign_folder_is_never_written_to(tmp_path: Path) -> None:
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.tex").write_text("text")
    (foreign / "store").mkdir()
    for use in (create_archive, open_archive):
        with pytest.raises(ArchiveError, match=r"chapter1\.tex.*Point `archive` at an absent or empty folder"):
            use(foreign)
    with pytest.raises(ArchiveError, match="found a file"):
        create_archive(foreign / "chapter1.tex")
    assert sorted(p.name for p in foreign.rglob("*")) == ["chapter1.tex", "store"]


def test_opening_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such folder"):
        open_archive(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchiveError, match="an empty folder"):
        open_archive(tmp_path / "empty")
    assert not (tmp_path / "absent").exists() and not list((tmp_path / "empty").iterdir())


def test_an_archive_half_made_by_a_killed_process_is_completed(tmp_path: Path) -> None:
    (tmp_path / "offband.json.4711").write_text('{"form')  # killed while it wrote the marker
    create_archive(tmp_path)
    (tmp_path / "store").rename(tmp_path / "store.new")  # killed before the store was renamed into place
    (tmp_path / "store.new" / "refs" / "branch.main" / "ref.json").unlink()
    with pytest.raises(ArchiveError, match="no such folder"):
        open_archive(tmp_path).open()
    create_archive(tmp_path).append(spectra("a"))
    assert len(open_archive(tmp_path)) == 1


@pytest.mark.parametrize(
    "marker", ['{"format": "offband archive", "version": 99}', '{"format": "x", "version": 1}', "[]", ""]
)
def test_a_marker_of_another_kind_or_a_newer_version_is_refused(tmp_path: Path, marker: str) -> None:
    (tmp_path / "offband.json").write_text(marker)
    for use in (create_archive, open_archive):
        with pytest.raises(ArchiveError, match=r"offband\.json"):
            use(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["offband.json"]


def test_a_damaged_store_is_an_archive_error(archive) -> None:
    archive.append(spectra("a"))
    (archive.path / "store" / "refs" / "branch.main" / "ref.json").write_text("garbage")
    with pytest.raises(ArchiveError, match="backup"):
        open_archive(archive.path).open()


def test_a_store_that_lost_a_file_is_an_archive_error(archive) -> None:
    archive.append(spectra("a"))
    for file in (archive.path / "store" / "snapshots").iterdir():
        file.unlink()
    for read in ("open", "metadata", "history", "axis", "sources"):
        with pytest.raises(ArchiveError, match="a readable icechunk repository"):
            getattr(open_archive(archive.path), read)()


def test_a_second_writer_waits_and_then_names_the_holder(archive) -> None:
    archive.append(spectra("a"))
    impatient = open_archive(archive.path, lock_wait_s=0.1)
    with archive.writing():
        refused: list[ArchiveError] = []

        def write() -> None:
            try:
                impatient.append(spectra("b"))
            except ArchiveError as error:
                refused.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert len(impatient.open()["sample"]) == 1  # readers do not wait
    assert f"held by process {os.getpid()} " in str(refused[0])
    impatient.append(spectra("b"))
    assert len(archive) == 2
    assert not FileLock(archive.path / "lock").is_locked


def test_nothing_is_printed(tmp_path: Path, capfd) -> None:
    create_archive(tmp_path / "archive").append(spectra("a"))
    open_archive(tmp_path / "archive").open()["intensity"].mean().compute()
    assert capfd.readouterr() == ("", "")
