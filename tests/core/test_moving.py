"""Files leave the inbox only if the study says so, only after the commit, and never onto another file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from spectral_core import ingest
from spectral_core.archive import Ledger, moving, open_archive, verify_archive
from spectral_core.archive.moving import Departures
from spectral_core.errors import ArchiveError, StudyError
from spectral_core.ingest import ingest_inbox
from spectral_core.study import Study, study_from

AXIS = np.arange(400.0, 440.0, 2.0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting until files have kept still: nobody writes to these."""
    monkeypatch.setattr(moving, "QUIET_S", 0.0)


def write(path: Path, seed: int) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).uniform(0, 2, AXIS.size)
    path.write_text("".join(f"{x:g}\t{y:.4f}\n" for x, y in zip(AXIS, values, strict=True)))
    return path.read_bytes()


def study_in(folder: Path, **keys: object) -> Study:
    (folder / "inbox").mkdir(exist_ok=True)
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results", "inbox_after": "done",
        "samples": {"pattern": r"(?P<label>[a-z]+)\d*\.txt"}, "reading": {"axis_unit": "nm"}, "audit": {"seed": 1},
    }  # fmt: skip
    return study_from(content | keys, where=folder / "study.toml")


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_archived_files_and_their_doubles_move_with_their_folders_and_the_refused_stay(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    content = {"a1.txt": write(study.inbox / "a1.txt", 1), "day 2/b1.txt": write(study.inbox / "day 2" / "b1.txt", 2)}
    (study.inbox / "a2.txt").write_bytes(content["a1.txt"])
    (study.inbox / "c1.txt").write_text("no spectrum\n")
    report = ingest_inbox(study)
    assert str(report) == "2 new, 0 already archived, 1 duplicates, 1 quarantined, 3 moved"
    assert files_in(tmp_path / "done") == {**content, "a2.txt": content["a1.txt"]}
    assert files_in(study.inbox) == {"c1.txt": b"no spectrum\n"}
    assert verify_archive(study.archive).sound
    assert str(ingest_inbox(study)) == "0 new, 0 already archived, 1 quarantined"


def test_the_refused_move_into_their_own_folder_and_a_repaired_one_is_archived(tmp_path: Path) -> None:
    study = study_in(tmp_path, inbox_after_refusal="refused")
    write(study.inbox / "a1.txt", 1)
    (study.inbox / "b1.txt").write_text("no spectrum\n")
    assert ingest_inbox(study).moved == 2
    assert list(files_in(study.inbox)) == [] and list(files_in(tmp_path / "refused")) == ["b1.txt"]
    write(study.inbox / "b1.txt", 2)
    assert str(ingest_inbox(study)) == "1 new, 0 already archived, 1 moved"
    assert len(open_archive(study.archive)) == 2 and verify_archive(study.archive).sound


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    old = write(tmp_path / "done" / "a1.txt", 8)
    new = write(study.inbox / "a1.txt", 1)
    ingest_inbox(study)
    (sha,) = open_archive(study.archive).sources()
    assert files_in(tmp_path / "done") == {"a1.txt": old, f"a1.{sha[:12]}.txt": new}
    write(study.inbox / "a1.txt", 1)
    ingest_inbox(study)
    assert set(files_in(tmp_path / "done")) == {"a1.txt", f"a1.{sha[:12]}.txt", f"a1.{sha[:12]}.2.txt"}


class Killed(BaseException):
    """What stands in for a process that ends here."""


def test_what_was_archived_and_not_moved_is_moved_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(tmp_path)
    contents = {f"a{k}.txt": write(study.inbox / f"a{k}.txt", k) for k in range(3)}

    def killed(self: Departures) -> None:
        raise Killed

    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr(Departures, "move", killed)
        ingest_inbox(study)
    assert len(open_archive(study.archive)) == 3 and files_in(study.inbox) == contents
    assert str(ingest_inbox(study)) == "0 new, 3 already archived, 3 moved"
    assert files_in(tmp_path / "done") == contents and not files_in(study.inbox)


def test_a_process_killed_between_name_and_rename_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(tmp_path)
    content = write(study.inbox / "a1.txt", 1)

    def killed(self: Path, target: Path) -> None:
        raise Killed

    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr(Path, "rename", killed)
        departures = Departures(study.inbox, {"inbox_after": tmp_path / "done"})
        departures.note(moving_file(study.inbox / "a1.txt"), "0" * 64, refused=False)
        departures.move()
    assert files_in(tmp_path / "done") == {"a1.txt": b""} and files_in(study.inbox) == {"a1.txt": content}
    ingest_inbox(study)
    assert files_in(tmp_path / "done") == {"a1.txt": content} and not files_in(study.inbox)


def moving_file(path: Path) -> moving.Found:
    stat = moving.stat_of(path)
    assert stat is not None
    return moving.Found(path.name, str(path), stat)


def test_a_file_that_is_written_to_stays_and_both_versions_are_archived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(tmp_path)
    old = write(study.inbox / "a1.txt", 1)
    rename = Path.rename

    def appended(self: Path, target: Path) -> Path:
        if self.name == "a1.txt" and self.parent == study.inbox:
            with self.open("ab") as instrument:
                instrument.write(b"440\t1.5\n")
        return rename(self, target)

    with monkeypatch.context() as instrument:
        instrument.setattr(Path, "rename", appended)
        assert ingest_inbox(study).moved == 0
    assert files_in(study.inbox) == {"a1.txt": old + b"440\t1.5\n"} and not files_in(tmp_path / "done")
    ((_, reason),) = ingest_inbox(study).quarantined  # the new version has one channel more
    assert "21 channels" in reason


def test_a_file_that_another_process_archived_and_moved_is_not_left_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_in(tmp_path)
    write(study.inbox / "a1.txt", 1)
    find = ingest.find_sources

    def late(inbox: Path, **keys: object) -> object:
        found = find(inbox, **keys)  # type: ignore[arg-type]
        monkeypatch.setattr(ingest, "find_sources", find)
        ingest_inbox(study)  # the other process
        return found

    monkeypatch.setattr(ingest, "find_sources", late)
    report = ingest_inbox(study)
    assert str(report) == "0 new, 1 already archived"
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert ledger.counts() == {"archived": 1}


def test_young_files_are_waited_for_and_no_longer_than_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_in(tmp_path)
    write(study.inbox / "a1.txt", 1)
    monkeypatch.setattr(moving, "QUIET_S", 2.0)
    waited: list[float] = []
    clock = moving.time.monotonic
    monkeypatch.setattr(moving.time, "sleep", lambda seconds: waited.append(seconds))
    monkeypatch.setattr(moving.time, "monotonic", lambda: clock() + sum(waited))
    assert ingest_inbox(study).moved == 1
    assert len(waited) == 1 and 0 < waited[0] <= 2


def test_the_folder_may_lie_in_the_inbox_and_is_passed_over(tmp_path: Path) -> None:
    study = study_in(tmp_path, inbox_after="inbox/done")
    write(study.inbox / "a1.txt", 1)
    assert ingest_inbox(study).moved == 1
    assert str(ingest_inbox(study)) == "0 new, 0 already archived"
    found = verify_archive(study.archive)
    assert found.sound and not found.new


def test_a_sheet_may_name_files_that_were_moved(tmp_path: Path) -> None:
    samples = {"sheet": "samples.csv", "label": "class"}
    study = study_in(tmp_path, samples=samples, inbox_after_refusal="refused")
    content = write(study.inbox / "a1.txt", 1)
    (study.inbox / "a2.txt").write_bytes(content)
    (study.inbox / "a3.txt").write_text("no spectrum\n")
    (tmp_path / "samples.csv").write_text("file,class\na1.txt,x\na2.txt,x\na3.txt,y\n")
    assert ingest_inbox(study).moved == 3
    assert str(ingest_inbox(study)) == "0 new, 0 already archived"


@pytest.mark.parametrize("place", ["inbox", ".", "archive", "archive/done"])
def test_a_folder_that_would_be_read_again_or_written_into_is_refused(tmp_path: Path, place: str) -> None:
    study = study_in(tmp_path, inbox_after=place)
    with pytest.raises(StudyError, match="apart from inbox and archive"):
        ingest_inbox(study)
    assert not (tmp_path / "archive").exists()


@pytest.mark.skipif(
    not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == Path("/tmp").stat().st_dev,
    reason="no second file system",
)
def test_a_folder_on_another_file_system_is_refused(tmp_path: Path) -> None:
    other = Path("/dev/shm") / f"offband-{os.getpid()}"
    try:
        with pytest.raises(StudyError, match="on the file system of the inbox"):
            ingest_inbox(study_in(tmp_path, inbox_after=str(other)))
    finally:
        other.rmdir()


def test_a_folder_that_refuses_is_told_and_the_next_run_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_in(tmp_path)
    write(study.inbox / "a1.txt", 1)

    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.name == "a1.txt":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    with monkeypatch.context() as locked, pytest.raises(ArchiveError, match=r"a1\.txt.*Permission denied.*next run"):
        locked.setattr(Path, "rename", refused)
        ingest_inbox(study)
    assert not files_in(tmp_path / "done")
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert ledger.counts() == {"archived": 1}
    assert ingest_inbox(study).moved == 1
