"""`verify` proves ledger, archive, inbox and quarantine consistent, recomputes hashes, and says what is off."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from spectral_core.archive import Ledger, moving, open_archive, verify_archive
from spectral_core.archive.columns import DIGEST, TEXT_ROWS
from spectral_core.archive.folder import open_repository
from spectral_core.errors import ArchiveError
from spectral_core.ingest import ingest_inbox
from spectral_core.study import Study, study_from

AXIS = np.arange(400.0, 440.0, 2.0)


def write_file(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 2, AXIS.size)
    path.write_text("".join(f"{x:g}\t{y:.4f}\n" for x, y in zip(AXIS, values, strict=True)))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Six good files of two classes, one the bytes of another, one that cannot be read."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for i in range(6):
        write_file(inbox / f"{'ab'[i % 2]}-{i}.txt", i)
    shutil.copy(inbox / "a-0.txt", inbox / "a-7.txt")
    (inbox / "a-8.txt").write_text("no spectrum\n")
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results",
        "samples": {"pattern": r"(?P<label>[ab])-(?P<unit>\d+)\.txt"},
        "reading": {"axis_unit": "cm-1", "intensity_unit": "absorbance"}, "audit": {"seed": 1},
    }  # fmt: skip
    plan = study_from(content, where=tmp_path / "study.toml")
    ingest_inbox(plan)
    return plan


def off(study: Study) -> list[str]:
    return [str(d) for d in verify_archive(study.archive).discrepancies]


def test_an_archive_that_nobody_touched_is_sound(study: Study) -> None:
    found = verify_archive(study.archive)
    assert found.sound, found.discrepancies
    assert (found.spectra, found.digests, found.hashed) == (6, 6, 8 + 1)
    assert found.files == {"archived": 6, "duplicate": 1, "quarantined": 1}
    assert found.inboxes == (str(study.inbox.resolve()),) and not found.new and not found.gone


def test_files_not_seen_yet_and_files_gone_are_told_and_are_no_fault(study: Study) -> None:
    write_file(study.inbox / "b-9.txt", 9)
    (study.inbox / "a-2.txt").unlink()
    found = verify_archive(study.archive)
    assert found.sound and found.new == ("b-9.txt",) and found.gone == 1


def commit(study: Study, change: Callable[[zarr.Group], None]) -> None:
    session = open_repository(study.archive).writable_session("main")
    change(zarr.open_group(session.store, mode="a"))
    session.commit("damage", metadata={"spectra": 6})


def set_in(group: zarr.Group, array: str, key: object, value: object) -> None:
    stored = group[array]
    assert isinstance(stored, zarr.Array)
    stored[key] = value


@pytest.mark.parametrize(
    ("array", "key", "value", "told"),
    [
        ("intensity", (2, 7), 1.25, "expected the intensities that were archived, found others"),
        ("intensity", (2, 7), np.nan, "some that are not finite"),
        (DIGEST, 2, 12345, "expected the intensities that were archived, found others"),
    ],
    ids=["one number", "a lost number", "digest"],
)
def test_a_changed_number_is_found(study: Study, array: str, key: object, value: object, told: str) -> None:
    commit(study, lambda group: set_in(group, array, key, value))
    (message,) = off(study)
    name = open_archive(study.archive).metadata()["source"].values[2]
    assert message.startswith(f"{name}, spectrum ") and told in message


def test_a_moved_axis_is_found(study: Study) -> None:
    commit(study, lambda group: set_in(group, "axis", 3, AXIS[3] + 0.5))
    assert len(off(study)) == 6


def test_a_spectrum_that_is_there_twice_is_found(study: Study) -> None:
    ids = open_archive(study.archive).metadata()["spectrum_id"].values
    commit(study, lambda group: set_in(group, "spectrum_id", slice(1, 2), np.array([ids[0]], dtype=object)))
    assert any(m.startswith(f"spectrum {ids[0]}: expected one row in the store, found 2") for m in off(study))
    assert TEXT_ROWS > 6


def in_ledger(study: Study, statement: str) -> None:
    db = sqlite3.connect(study.archive / "ledger.sqlite")
    db.execute(statement)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM files WHERE source = 'b-1.txt'", "ledger, b-1.txt: expected archived, as in the store"),
        ("UPDATE files SET spectra = 3 WHERE source = 'b-1.txt'", "expected 1 spectra, as in the store, found 3"),
        ("UPDATE files SET sha256 = 'f00' WHERE source = 'a-7.txt'", "store, a-7.txt: expected a file with the same"),
        ("INSERT INTO files SELECT 'x.txt', 'f00', state, reason, size, mtime_ns, snapshot, spectra, first_seen,"
         " last_seen FROM files WHERE source = 'b-1.txt'", "store, x.txt: expected the file that the ledger calls"),
    ],
    ids=["row lost", "count", "duplicate of nothing", "row of nothing"],
)  # fmt: skip
def test_a_ledger_that_disagrees_with_the_store_is_found(study: Study, statement: str, told: str) -> None:
    in_ledger(study, statement)
    assert any(told in message for message in off(study)), off(study)


def test_a_repaired_ledger_is_sound_after_the_next_ingestion(study: Study) -> None:
    in_ledger(study, "DELETE FROM files WHERE source = 'b-1.txt'")
    ingest_inbox(study)
    assert not off(study)


def test_what_is_off_in_quarantine_is_found(study: Study) -> None:
    (copy,) = (study.archive / "quarantine").iterdir()
    copy.write_text("other bytes")
    (copy.parent / "0123456789ab-stray.txt").write_text("stray")
    told = off(study)
    assert any(f"quarantine, {copy.name}: expected sha256" in message for message in told)
    assert any("0123456789ab-stray.txt: expected a file that the ledger knows" in message for message in told)
    copy.unlink()
    assert any(f"quarantine, {copy.name}: expected the copy of a refused file, found none" in m for m in off(study))


def test_a_file_changed_in_the_inbox_is_found(study: Study) -> None:
    write_file(study.inbox / "a-2.txt", 99)
    (message,) = off(study)
    assert message.startswith("inbox, a-2.txt: expected sha256 ") and "run `offband ingest`" in message


def test_a_vanished_inbox_is_said(study: Study) -> None:
    study.inbox.rename(study.inbox.with_name("elsewhere"))
    (message,) = off(study)
    assert "expected a folder, found none. Mount it" in message
    assert verify_archive(study.archive, inbox=study.inbox.with_name("elsewhere")).sound


def test_a_folder_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such folder"):
        verify_archive(tmp_path / "nothing")


def test_spectra_archived_before_digests_were_kept_are_counted_apart(study: Study) -> None:
    def forget(group: zarr.Group) -> None:
        del group[DIGEST]

    commit(study, forget)
    assert (verify_archive(study.archive).sound, verify_archive(study.archive).digests) == (True, 0)
    write_file(study.inbox / "b-9.txt", 9)
    ingest_inbox(study)
    found = verify_archive(study.archive)
    assert found.sound and (found.spectra, found.digests) == (7, 1)


def test_a_ledger_of_version_1_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    db = sqlite3.connect(path)
    db.executescript("""
        CREATE TABLE files (
            source TEXT NOT NULL, sha256 TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('archived', 'duplicate', 'quarantined')),
            reason TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            snapshot TEXT NOT NULL, spectra INTEGER NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL,
            PRIMARY KEY (source, sha256)
        ) WITHOUT ROWID;
        CREATE INDEX files_by_sha256 ON files (sha256);
        CREATE TABLE stats (
            source TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            ctime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
        ) WITHOUT ROWID;
        INSERT INTO files VALUES ('a.txt', 'aa', 'archived', '', 1, 2, 's', 3, 'then', 'then');
        PRAGMA user_version = 1;
    """)
    db.close()
    with Ledger(path) as ledger:
        assert [(row.source, row.spectra) for row in ledger.rows()] == [("a.txt", 3)]
        assert ledger.inboxes() == {}


def moved_study(folder: Path, **keys: object) -> Study:
    """Three archived files, one the bytes of another, one refused; all are moved out of the inbox."""
    inbox = folder / "inbox"
    (inbox / "day 2").mkdir(parents=True)
    for i in range(3):
        write_file(inbox / ("day 2" if i == 2 else ".") / f"{'ab'[i % 2]}-{i}.txt", i)
    shutil.copy(inbox / "a-0.txt", inbox / "a-7.txt")
    (inbox / "a-8.txt").write_text("no spectrum\n")
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results",
        "inbox_after": "done", "inbox_after_refusal": "done/refused",
        "samples": {"pattern": r"(?P<label>[ab])-(?P<unit>\d+)\.txt"},
        "reading": {"axis_unit": "cm-1", "intensity_unit": "absorbance"}, "audit": {"seed": 1},
    }  # fmt: skip
    plan = study_from(content | keys, where=folder / "study.toml")
    (folder / "done").mkdir()
    write_file(folder / "done" / "b-1.txt", 99)  # somebody's own, whose name is taken
    ingest_inbox(plan)
    return plan


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "QUIET_S", 0.0)


@pytest.mark.usefixtures("at_once")
def test_files_that_were_moved_are_hashed_where_they_lie_now(tmp_path: Path) -> None:
    study = moved_study(tmp_path)
    found = verify_archive(study.archive)
    assert found.sound and not found.new and not found.gone, found.discrepancies
    assert found.files == {"archived": 3, "duplicate": 1, "quarantined": 1}
    assert found.hashed == 1 + 5 + 1, "the copy in quarantine, four and a stranger in done, one in done/refused"


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("name", ["a-0.txt", "day 2/a-2.txt", "b-1.*.txt", "refused/a-8.txt"])
def test_a_file_that_was_changed_after_it_was_moved_is_found(tmp_path: Path, name: str) -> None:
    study = moved_study(tmp_path)
    (moved,) = (tmp_path / "done").glob(name)
    moved.write_text(moved.read_text() + "440\t1\n")
    folder = tmp_path / "done" / ("refused" if "refused" in name else "")
    where = f"{folder.name}, {moved.relative_to(folder).as_posix()}: expected sha256 "
    (message,) = [message for message in off(study) if message.startswith(where)]
    assert "changed after it was moved" in message


@pytest.mark.usefixtures("at_once")
def test_files_taken_away_after_they_were_moved_are_counted_and_a_folder_that_is_away_is_told(tmp_path: Path) -> None:
    study = moved_study(tmp_path)
    (tmp_path / "done" / "a-0.txt").unlink()  # a-7.txt holds the same bytes
    (tmp_path / "done" / "day 2" / "a-2.txt").unlink()
    found = verify_archive(study.archive)
    assert found.sound and found.gone == 1
    (tmp_path / "done").rename(tmp_path / "unmounted")
    assert [
        message for message in off(study) if "done: expected the files moved there, found no such folder" in message
    ]


@pytest.mark.usefixtures("at_once")
def test_a_stranger_under_the_name_of_a_moved_file_is_no_fault(tmp_path: Path) -> None:
    assert verify_archive(moved_study(tmp_path).archive).sound
    assert len(list((tmp_path / "done").glob("b-1*"))) == 2


@pytest.mark.usefixtures("at_once")
def test_a_repaired_quarantined_file_is_archived_and_all_is_sound(tmp_path: Path) -> None:
    """Re-ingesting a repaired quarantined file works, from the inbox and where the refused are moved away."""
    for folder, keys in ((tmp_path / "left", {"inbox_after_refusal": "leave"}), (tmp_path / "moved", {})):
        study = moved_study(folder, **keys)
        write_file(study.inbox / "a-8.txt", 8)
        assert ingest_inbox(study).new == 1
        found = verify_archive(study.archive)
        assert found.sound and found.files["archived"] == 4, found.discrepancies
