"""Every file of the inbox ends in the archive once, or in quarantine with its reason, and the inbox is untouched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from spectral_core import ingest, settling
from spectral_core.archive import Ledger, open_archive
from spectral_core.errors import ArchiveError, SheetError, StudyError
from spectral_core.ingest import ingest_inbox
from spectral_core.readers import Source, open_source
from spectral_core.study import Study, study_from

AXIS = np.arange(400.0, 432.0, 2.0)

Write = Callable[..., Path]


def values_of(name: str, n: int = len(AXIS)) -> np.ndarray:
    return np.random.default_rng(list(name.encode())).uniform(0, 2, n).round(4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """Write one spectrum as two columns of text; the intensities are the name's own."""

    def file(name: str, *, axis: np.ndarray = AXIS, content: str | None = None) -> Path:
        path = folder / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = (f"{x:g}\t{y:g}" for x, y in zip(axis, values_of(name, len(axis)), strict=True))
        path.write_text("\n".join(rows) + "\n" if content is None else content)
        return path

    return file


def sheet(folder: Path, labels: Mapping[str, str]) -> None:
    rows = "".join(f"{name},{label},u-{name}\n" for name, label in labels.items())
    (folder / "samples.csv").write_text("file,class,sample\n" + rows)


def study_in(folder: Path, **keys: object) -> Study:
    content = {
        "name": "t",
        "inbox": "inbox",
        "archive": "archive",
        "results": "results",
        "samples": {"sheet": "samples.csv", "label": "class", "unit": "sample"},
        "reading": {"axis_unit": "cm-1", "intensity_unit": "absorbance"},
        "audit": {"seed": 1},
    }
    return study_from(content | keys, where=folder / "study.toml")


def archived(folder: Path) -> dict[str, np.ndarray]:
    """Map names to intensities; a spectrum that is there twice fails here."""
    spectra = open_archive(folder / "archive").open()
    names = list(spectra["source"].values)
    assert len(names) == len(set(names)), "a spectrum is archived twice"
    return dict(zip(names, spectra["intensity"].values, strict=True))


def ledger_rows(folder: Path) -> dict[str, str]:
    with Ledger(folder / "archive" / "ledger.sqlite") as ledger:
        return {row.source: row.state for row in ledger.rows()}


def test_every_file_is_archived_with_its_label_and_a_second_run_finds_nothing_new(folder: Path, write: Write) -> None:
    names = [f"day{k % 2}/s{k}.txt" for k in range(7)]
    for name in names:
        write(name)
    sheet(folder, {name: f"class {name[-5]}" for name in names})
    seen: list[tuple[int, int]] = []
    report = ingest_inbox(study_in(folder), batch_files=3, progress=lambda done, total: seen.append((done, total)))
    assert str(report) == "7 new, 0 already archived"
    assert (report.spectra, report.spectra_in_archive) == (7, 7)
    assert seen[-1] == (7, 7)
    stored = archived(folder)
    for name in names:
        assert stored[name].tobytes() == values_of(name).astype(np.float32).tobytes()
    metadata = open_archive(folder / "archive").metadata()
    assert dict(zip(metadata["source"].values, metadata["label"].values, strict=True)) == {
        name: f"class {name[-5]}" for name in names
    }
    for name, sha in zip(metadata["source"].values, metadata["source_sha256"].values, strict=True):
        assert sha == hashlib.sha256((folder / "inbox" / name).read_bytes()).hexdigest()
    again = ingest_inbox(study_in(folder))
    assert str(again) == "0 new, 7 already archived"
    assert again.snapshot == report.snapshot
    assert again.to_dict()["already_archived"] == 7


def test_bad_files_among_good_ones_are_quarantined_with_reasons_and_the_rest_goes_on(
    folder: Path, write: Write
) -> None:
    good = [f"good{k}.txt" for k in range(4)]
    bad = {
        "empty.txt": "",
        "garbage.jdx": "\x00\x01\x02 not JCAMP",
        "nan.txt": "400 1\n402 nan\n404 2\n",
        "rowless.txt": None,
    }
    for name in good:
        write(name)
    for name, content in bad.items():
        write(name, content=content)
    write("a-odd.txt", axis=AXIS + 1)
    sheet(folder, dict.fromkeys([*good, *list(bad)[:3], "a-odd.txt"], "x"))
    before = {p: p.read_bytes() for p in (folder / "inbox").rglob("*")}
    report = ingest_inbox(study_in(folder))
    assert report.new == 4 and sorted(archived(folder)) == good
    reasons = dict(report.quarantined)
    assert sorted(reasons) == sorted([*bad, "a-odd.txt"])
    assert "16 channels from 400 to 430 cm-1" in reasons["a-odd.txt"]
    assert "16 channels from 401 to 431 cm-1" in reasons["a-odd.txt"]
    copies = sorted((folder / "archive" / "quarantine").iterdir())
    assert sorted(p.read_bytes() for p in copies) == sorted(before[folder / "inbox" / name] for name in reasons)
    assert {p: p.read_bytes() for p in (folder / "inbox").rglob("*")} == before
    with Ledger(folder / "archive" / "ledger.sqlite") as ledger:
        assert {row.source: row.reason for row in ledger.rows("quarantined")} == reasons
        assert ledger.counts() == {"archived": 4, "quarantined": 5}
    again = ingest_inbox(study_in(folder))
    assert str(again) == "0 new, 4 already archived, 5 quarantined"
    assert sorted((folder / "archive" / "quarantine").iterdir()) == copies


def test_the_most_frequent_axis_of_the_first_batch_wins_not_the_first_file(folder: Path, write: Write) -> None:
    write("a.txt", axis=AXIS[:-1])
    write("b.txt")
    write("c.txt")
    sheet(folder, dict.fromkeys(["a.txt", "b.txt", "c.txt"], "x"))
    assert [name for name, _ in ingest_inbox(study_in(folder)).quarantined] == ["a.txt"]
    assert sorted(archived(folder)) == ["b.txt", "c.txt"]


def test_other_units_than_the_archive_s_are_quarantined(folder: Path, write: Write) -> None:
    write("a.txt")
    sheet(folder, {"a.txt": "x"})
    ingest_inbox(study_in(folder))
    write("b.txt")
    sheet(folder, {"a.txt": "x", "b.txt": "x"})
    for reading in (
        {"axis_unit": "nm", "intensity_unit": "absorbance"},
        {"axis_unit": "cm-1", "intensity_unit": "counts"},
    ):
        ((_, reason),) = ingest_inbox(study_in(folder, reading=reading)).quarantined
        assert "(intensity unit absorbance)" in reason and ("nm" in reason or "counts" in reason)
    assert ingest_inbox(study_in(folder)).new == 1


def test_a_quarantined_file_is_tried_again_and_leaves_quarantine_when_it_succeeds(folder: Path, write: Write) -> None:
    write("a.txt")
    write("b.txt")
    broken = write("c.txt", content="400 1\n402 oops\n")
    sheet(folder, {"a.txt": "x", "c.txt": "x"})
    assert dict(ingest_inbox(study_in(folder)).quarantined).keys() == {"b.txt", "c.txt"}
    sheet(folder, {"a.txt": "x", "b.txt": "y", "c.txt": "x"})
    old = hashlib.sha256(broken.read_bytes()).hexdigest()
    write("c.txt")  # repaired: the same name, new bytes
    assert str(ingest_inbox(study_in(folder))) == "2 new, 1 already archived"
    with Ledger(folder / "archive" / "ledger.sqlite") as ledger:
        assert {(row.source, row.state) for row in ledger.rows()} == {
            ("a.txt", "archived"), ("b.txt", "archived"), ("c.txt", "archived"), ("c.txt", "quarantined"),
        }  # fmt: skip
        assert [row.sha256 for row in ledger.rows("quarantined")] == [old]
    assert [p.name for p in (folder / "archive" / "quarantine").iterdir()] == [f"{old[:12]}-c.txt"]


def test_the_same_bytes_under_two_names_are_archived_once(folder: Path, write: Write) -> None:
    content = write("a.txt").read_text()
    write("b.txt", content=content)
    sheet(folder, {"a.txt": "x", "b.txt": "x"})
    assert str(ingest_inbox(study_in(folder))) == "1 new, 0 already archived, 1 duplicates"
    write("c.txt", content=content)
    sheet(folder, {"a.txt": "x", "b.txt": "x", "c.txt": "x"})
    assert str(ingest_inbox(study_in(folder))) == "0 new, 1 already archived, 2 duplicates"
    assert list(archived(folder)) == ["a.txt"]
    assert ledger_rows(folder) == {"a.txt": "archived", "b.txt": "duplicate", "c.txt": "duplicate"}


def test_a_corrected_sheet_relabels_what_is_archived_and_old_snapshots_keep_the_old_label(
    folder: Path, write: Write
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        write(name)
    sheet(folder, {"a.txt": "x", "b.txt": "x", "c.txt": "y"})
    old = ingest_inbox(study_in(folder)).snapshot
    sheet(folder, {"a.txt": "x", "b.txt": "y", "c.txt": "y"})
    report = ingest_inbox(study_in(folder))
    assert str(report) == "0 new, 3 already archived, 1 relabelled"
    archive = open_archive(folder / "archive")
    assert list(archive.open()["label"].values) == ["x", "y", "y"]
    assert list(archive.open(old)["label"].values) == ["x", "x", "y"]
    assert ingest_inbox(study_in(folder)).snapshot == report.snapshot != old


def test_an_archived_file_that_a_new_sheet_does_not_name_keeps_its_label(folder: Path, write: Write) -> None:
    old = write("a.txt")
    sheet(folder, {"a.txt": "x"})
    ingest_inbox(study_in(folder))
    old.unlink()
    write("b.txt")
    sheet(folder, {"b.txt": "y"})
    assert str(ingest_inbox(study_in(folder))) == "1 new, 0 already archived"
    assert list(open_archive(folder / "archive").open()["label"].values) == ["x", "y"]


def test_an_archived_file_may_leave_the_inbox_while_the_sheet_still_names_it(folder: Path, write: Write) -> None:
    write("a.txt").rename(folder / "inbox" / "a.txt")
    write("b.txt")
    sheet(folder, {"a.txt": "x", "b.txt": "y"})
    ingest_inbox(study_in(folder))
    (folder / "inbox" / "a.txt").unlink()
    assert str(ingest_inbox(study_in(folder))) == "0 new, 1 already archived"
    sheet(folder, {"a.txt": "x", "b.txt": "y", "nowhere.txt": "z"})
    with pytest.raises(SheetError, match=r"nowhere\.txt"):
        ingest_inbox(study_in(folder))


def test_a_sheet_that_names_a_missing_file_stops_the_run_before_anything_is_written(folder: Path, write: Write) -> None:
    write("a.txt")
    sheet(folder, {"a.txt": "x", "nowhere.txt": "z"})
    with pytest.raises(SheetError, match=r"nowhere\.txt"):
        ingest_inbox(study_in(folder))
    assert not (folder / "archive").exists()


def test_a_commit_whose_ledger_rows_were_never_written_is_found_again(folder: Path, write: Write) -> None:
    for name in ("a.txt", "b.txt"):
        write(name)
    sheet(folder, {"a.txt": "x", "b.txt": "x"})
    ingest_inbox(study_in(folder))
    (folder / "archive" / "ledger.sqlite").unlink()
    assert str(ingest_inbox(study_in(folder))) == "0 new, 2 already archived"
    with Ledger(folder / "archive" / "ledger.sqlite") as ledger:
        rows = ledger.rows()
    assert [(row.source, row.state, row.spectra, row.size > 0) for row in rows] == [
        ("a.txt", "archived", 1, True), ("b.txt", "archived", 1, True),
    ]  # fmt: skip


def test_a_store_that_lost_what_the_ledger_knows_is_not_silently_begun_anew(folder: Path, write: Write) -> None:
    write("a.txt")
    sheet(folder, {"a.txt": "x"})
    ingest_inbox(study_in(folder))
    (folder / "archive" / "store").rename(folder / "lost")
    with pytest.raises(ArchiveError, match=r"a\.txt.*an empty store.*Restore store/ from a backup"):
        ingest_inbox(study_in(folder))


def test_known_files_are_not_read_again_but_changed_ones_are(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def opening(path: Path, *, name: str) -> Source:
        opened.append(name)
        return open_source(path, name=name)

    monkeypatch.setattr(ingest, "open_source", opening)
    for name in ("a.txt", "b.txt"):
        write(name)
    write("copy of a.txt", content=(folder / "inbox" / "a.txt").read_text())
    sheet(folder, {"a.txt": "x", "b.txt": "x", "copy of a.txt": "x"})

    def files_read() -> list[str]:
        opened.clear()
        ingest_inbox(study_in(folder))
        return opened.copy()

    assert files_read() == ["a.txt", "b.txt", "copy of a.txt"]
    # they changed a moment ago, within one tick of a coarse clock: their times prove nothing yet
    assert files_read() == ["a.txt", "b.txt", "copy of a.txt"]
    monkeypatch.setattr(settling, "TICK_NS", 0)
    files_read()
    assert files_read() == []
    changed = folder / "inbox" / "a.txt"
    was = changed.stat()
    changed.write_text(changed.read_text().replace("400\t", "400 "))  # the same size, and then the same time
    os.utime(changed, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (changed.stat().st_size, changed.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    assert files_read() == ["a.txt"]


def test_a_file_that_grows_or_vanishes_while_it_is_read_waits_for_the_next_run(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.txt")
    growing = write("b.txt", axis=AXIS[:8])  # half written, and yet it reads as a spectrum
    write("c.txt")
    sheet(folder, {"a.txt": "x", "b.txt": "x", "c.txt": "x"})

    def opening(path: Path, *, name: str) -> Source:
        if name == "c.txt":
            path.unlink()
        source = open_source(path, name=name)
        if name == "b.txt":
            write("b.txt")
        return source

    with monkeypatch.context() as instrument:
        instrument.setattr(ingest, "open_source", opening)
        report = ingest_inbox(study_in(folder))
    assert str(report) == "1 new, 0 already archived, 2 still being written"
    assert report.waiting == ("b.txt", "c.txt")
    assert ledger_rows(folder) == {"a.txt": "archived", "b.txt": "waiting", "c.txt": "waiting"}
    write("c.txt")
    assert str(ingest_inbox(study_in(folder))) == "2 new, 1 already archived"
    assert growing.exists() and sorted(archived(folder)) == ["a.txt", "b.txt", "c.txt"]
    assert set(ledger_rows(folder).values()) == {"archived"}


def test_the_same_bytes_with_two_labels_are_quarantined_until_the_sheet_is_corrected(
    folder: Path, write: Write
) -> None:
    content = write("a.txt").read_text()
    write("b.txt", content=content)
    sheet(folder, {"a.txt": "x", "b.txt": "y"})
    ((name, reason),) = ingest_inbox(study_in(folder)).quarantined
    assert name == "b.txt" and "expected 'x', the label of 'a.txt', which has the same bytes, found 'y'" in reason
    assert ledger_rows(folder) == {"a.txt": "archived", "b.txt": "quarantined"}
    sheet(folder, {"a.txt": "x", "b.txt": "x"})
    assert str(ingest_inbox(study_in(folder))) == "0 new, 1 already archived, 1 duplicates"
    assert ledger_rows(folder) == {"a.txt": "archived", "b.txt": "duplicate"}
    assert not list((folder / "archive" / "quarantine").iterdir())
    sheet(folder, {"a.txt": "x", "b.txt": "y"})
    assert [name for name, _ in ingest_inbox(study_in(folder)).quarantined] == ["b.txt"]


def test_an_inbox_of_which_nothing_can_be_read_is_an_error_with_reasons(folder: Path, write: Write) -> None:
    by_name = {"pattern": r"(?P<label>[a-z]+)\d\.txt"}
    with pytest.raises(ArchiveError, match="no files"):
        ingest_inbox(study_in(folder, samples=by_name))
    for k in range(5):
        write(f"bad{k}.txt", content=f"nothing {k} to read")
    sheet(folder, {f"bad{k}.txt": "x" for k in range(5)})
    with pytest.raises(ArchiveError, match=r"bad0\.txt.*bad1\.txt.*bad2\.txt.*2 more"):
        ingest_inbox(study_in(folder))
    write("good.txt")
    sheet(folder, {"good.txt": "x"} | {f"bad{k}.txt": "x" for k in range(5)})
    assert str(ingest_inbox(study_in(folder))) == "1 new, 0 already archived, 5 quarantined"


def test_inbox_and_archive_must_be_apart_and_the_inbox_must_exist(folder: Path, write: Write) -> None:
    write("a.txt")
    sheet(folder, {"a.txt": "x"})
    for keys in ({"archive": "inbox"}, {"archive": "inbox/archive"}, {"inbox": "archive/inbox"}):
        with pytest.raises(StudyError, match="neither within the other"):
            ingest_inbox(study_in(folder, **keys))
    with pytest.raises(StudyError, match=r"no such folder.*Create it, mount it"):
        ingest_inbox(study_in(folder, inbox="nowhere"))
    with pytest.raises(StudyError, match="a file"):
        ingest_inbox(study_in(folder, inbox="samples.csv"))
    assert sorted(p.name for p in folder.rglob("*")) == ["a.txt", "inbox", "samples.csv"]


def test_a_foreign_folder_as_archive_is_never_written_to(folder: Path, write: Write) -> None:
    write("a.txt")
    sheet(folder, {"a.txt": "x"})
    (folder / "archive").mkdir()
    (folder / "archive" / "precious.txt").write_text("data")
    with pytest.raises(ArchiveError, match=r"precious\.txt"):
        ingest_inbox(study_in(folder))
    assert [p.name for p in (folder / "archive").iterdir()] == ["precious.txt"]


def test_the_sheet_and_the_results_may_lie_in_the_inbox(folder: Path, write: Write) -> None:
    write("a.txt")
    write("results/predictions.csv", content="1,2\n3,4\n")
    (folder / "inbox" / "samples.csv").write_text("file,class,sample\na.txt,x,u\n")
    samples = {"sheet": "inbox/samples.csv", "label": "class", "unit": "sample"}
    report = ingest_inbox(study_in(folder, samples=samples, results="inbox/results"))
    assert str(report) == "1 new, 0 already archived"


def test_a_name_that_is_not_utf8_reaches_the_ledger(folder: Path, write: Write) -> None:
    write("a.txt")
    sheet(folder, {"a.txt": "x"})
    Path(os.fsdecode(os.fsencode(folder / "inbox") + b"/caf\xe9.txt")).write_text("400 1\n402 2\n")
    report = ingest_inbox(study_in(folder))
    assert [name for name, _ in report.quarantined] == [r"caf\xe9.txt"]
    assert ledger_rows(folder)[r"caf\xe9.txt"] == "quarantined"
