"""Full disks, jumping clocks, vanished mounts, missing permissions: told, and nothing lost; kills are elsewhere."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spectral_core import ingest, settling
from spectral_core.archive import Ledger, clock, moving, open_archive, verify_archive
from spectral_core.errors import ArchiveError, StudyError
from spectral_core.estimators import OutOfFold
from spectral_core.ingest import ingest_inbox
from spectral_core.ingest_report import IngestReport
from spectral_core.study import Study
from tests.core.faults import (
    check_complete,
    give_up_root,
    how_to_mount,
    on_small_disk,
    study_in,
    write_files,
)

needs_mount = pytest.mark.skipif(how_to_mount() is None, reason="no disk may be mounted here")


@needs_mount
def test_a_full_disk_is_told_and_the_work_succeeds_when_space_returns(tmp_path: Path) -> None:
    messages = [message for message, _ in on_small_disk("short", tmp_path).values()]
    assert len(messages) == 3
    assert all("space" in message or "disk is full" in message for message in messages), messages


def test_predictions_that_the_disk_has_no_room_for_leave_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    kept = OutOfFold("ridge", "raw", np.zeros(4, dtype=int), {"unit_folds": np.zeros(4, dtype=int)}, 0, 1.0, {})
    old = kept.save(tmp_path / "raw-ridge.npz").read_bytes()

    def full(file: object, **arrays: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(ArchiveError, match=r"room for out-of-fold predictions, found No space left"):
        kept.save(tmp_path / "raw-ridge.npz")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"raw-ridge.npz": old}


def test_clocks_that_jump_lose_nothing(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    write_files(study.inbox, range(3))
    for days, path in zip((-9000, 9000, 40), sorted(study.inbox.iterdir()), strict=True):
        os.utime(path, (time.time() + 86_400 * days,) * 2)
    assert ingest_inbox(study).new == 3
    write_files(study.inbox, range(3, 4))
    os.utime(study.inbox / "B3.txt", (0, 0))
    assert str(ingest_inbox(study)) == "1 new, 3 already archived"
    check_complete(study, 4)


def test_files_of_a_time_that_lies_ahead_are_not_read_at_every_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instrument whose clock is a year ahead, and a clock here that was set back by a day since."""
    study, opened = study_in(tmp_path), list[str]()
    write_files(study.inbox, range(4))
    os.utime(study.inbox / "A0.txt", (time.time() + 3e7,) * 2)
    monkeypatch.setattr(settling.time, "time_ns", lambda: 0)  # long before the time of change that the files have
    monkeypatch.setattr(ingest, "open_source", lambda path, name, **keys: opened.append(name) or read(path, name=name))
    assert ingest_inbox(study).new == 4 and len(opened) == 4
    assert str(ingest_inbox(study)) == "0 new, 4 already archived" and len(opened) == 4


read = ingest.open_source


def test_a_clock_set_back_moves_files_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, slept = study_in(tmp_path, inbox_after="done"), list[float]()
    write_files(study.inbox, range(3))
    monotonic = time.monotonic
    monkeypatch.setattr(moving.time, "time_ns", lambda: 0)
    monkeypatch.setattr(moving.time, "sleep", slept.append)
    monkeypatch.setattr(moving.time, "monotonic", lambda: monotonic() + sum(slept))
    assert ingest_inbox(study).moved == 3
    assert sum(slept) <= 2 * moving.QUIET_S
    check_complete(study, 3)


def test_a_clock_behind_the_newest_snapshot_is_waited_for_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store refuses a snapshot older than the last; tests/calibration sets the clock of a whole process."""
    study, slept = study_in(tmp_path), list[float]()
    write_files(study.inbox, range(3))
    ingest_inbox(study)
    write_files(study.inbox, range(3, 5))

    class Behind(datetime):
        by = timedelta(days=1)

        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) - cls.by

    with monkeypatch.context() as back:
        back.setattr(clock, "datetime", Behind)
        told = r"expected a clock later than the newest snapshot, of .* UTC, found .* UTC\. Set this machine's clock"
        with pytest.raises(ArchiveError, match=told):
            ingest_inbox(study)
        Behind.by = timedelta(seconds=8)
        back.setattr(clock.time, "sleep", slept.append)
        assert ingest_inbox(study).new == 2
    assert 0 < sum(slept) < 8.1
    check_complete(study, 5)


@pytest.mark.slow
def test_an_inbox_whose_mount_vanished_is_told_and_resumed(tmp_path: Path) -> None:
    study = study_in(tmp_path, inbox_after="inbox/done", inbox_after_refusal="leave")
    write_files(study.inbox, range(3))
    ingest_inbox(study)
    study.inbox.rename(tmp_path / "unmounted")
    with pytest.raises(StudyError, match=r"found no such folder\. Create it, mount it"):
        ingest_inbox(study)
    study.inbox.mkdir()  # the mount point, empty now
    before = (study.archive / "ledger.sqlite").read_bytes()
    with pytest.raises(
        StudyError, match=r"the folder that 3 files came from, found another folder, which is empty\. M"
    ):
        ingest_inbox(study)
    assert list(study.inbox.iterdir()) == [] and (study.archive / "ledger.sqlite").read_bytes() == before
    told = [str(discrepancy) for discrepancy in verify_archive(study.archive).discrepancies]
    assert any("the folder that files came from, found another, empty one. Mount it" in line for line in told)
    study.inbox.rmdir()
    (tmp_path / "unmounted").rename(study.inbox)
    write_files(study.inbox, range(3, 5))
    assert str(ingest_inbox(study)) == "2 new, 0 already archived, 2 moved"
    assert verify_archive(study.archive).sound


def test_an_inbox_that_was_emptied_by_hand_is_no_vanished_mount(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    write_files(study.inbox, range(3))
    ingest_inbox(study)
    for path in study.inbox.iterdir():
        path.unlink()
    assert str(ingest_inbox(study)) == "0 new, 0 already archived"
    found = verify_archive(study.archive)
    assert found.sound and found.gone == 3


def test_an_inbox_that_vanishes_while_it_is_read_leaves_files_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead mount answers every question with an error, even whether a file is there."""
    study = study_in(tmp_path)
    write_files(study.inbox, range(6))
    stat, opened, read = os.stat, Path.open, set[str]()

    def dead(path: object) -> bool:
        return len(read) > 2 and str(path).startswith(str(study.inbox))

    def asked(path: object, *args: object, **keys: object) -> os.stat_result:
        if dead(path):
            raise OSError(116, "Stale file handle")
        return stat(path, *args, **keys)  # type: ignore[arg-type]

    def opening(self: Path, *args: object, **keys: object) -> object:
        if self.parent == study.inbox:
            read.add(self.name)
        if dead(self):
            raise OSError(116, "Stale file handle")
        return opened(self, *args, **keys)  # type: ignore[arg-type]

    with monkeypatch.context() as unplugged:
        unplugged.setattr(os, "stat", asked)
        unplugged.setattr(Path, "open", opening)
        report = ingest_inbox(study)
    assert report.new + len(report.waiting) == 6 and report.new and report.waiting and not report.quarantined
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert ledger.counts() == {"archived": report.new, "waiting": len(report.waiting)}
    assert ingest_inbox(study).new == len(report.waiting)
    check_complete(study, 6)


@pytest.fixture(scope="module")
def unprivileged() -> Iterator[ProcessPoolExecutor]:
    """One process for which permissions count, whoever runs the tests."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["spectral_core.ingest"])
    with ProcessPoolExecutor(1, mp_context=context, initializer=give_up_root) as pool:
        yield pool


@pytest.fixture
def ingesting(unprivileged: ProcessPoolExecutor) -> Callable[[Study], IngestReport]:
    return lambda study: unprivileged.submit(ingest_inbox, study).result(timeout=60)


def with_broken_file(folder: Path, **keys: object) -> Study:
    """Three files are archived; then come two more, and one that is no spectrum."""
    study = study_in(folder, **keys)
    write_files(study.inbox, range(3))
    ingest_inbox(study)
    write_files(study.inbox, range(3, 5))
    (study.inbox / "Abroken.txt").write_text("no spectrum\n")
    return study


def test_a_file_and_a_folder_that_may_not_be_read_go_to_quarantine_and_are_archived_once_they_may(
    tmp_path: Path, ingesting: Callable[[Study], IngestReport]
) -> None:
    study = study_in(tmp_path)
    write_files(study.inbox, range(3))
    write_files(study.inbox / "deeper", range(3, 5))
    (study.inbox / "A0.txt").chmod(0)
    (study.inbox / "deeper").chmod(0)
    report = ingesting(study)
    assert report.new == 2 and dict(report.quarantined).keys() == {"A0.txt", "deeper/"}
    assert all("Permission denied" in reason for _, reason in report.quarantined)
    (study.inbox / "A0.txt").chmod(0o600)
    (study.inbox / "deeper").chmod(0o700)
    assert str(ingesting(study)) == "3 new, 2 already archived"
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert ledger.counts()["archived"] == 5


def test_an_inbox_that_may_not_be_listed_is_told(tmp_path: Path, ingesting: Callable[[Study], IngestReport]) -> None:
    study = study_in(tmp_path)
    write_files(study.inbox, range(1))
    study.inbox.chmod(0)
    with pytest.raises(StudyError, match=r"expected a readable folder, found no permission"):
        ingesting(study)
    study.inbox.chmod(0o700)
    assert ingesting(study).new == 1


@pytest.mark.parametrize("part", ["", "quarantine", "store", "ledger.sqlite", "lock"])
def test_an_archive_that_may_not_be_written_is_told_and_the_next_run_resumes(
    tmp_path: Path, part: str, ingesting: Callable[[Study], IngestReport]
) -> None:
    study = with_broken_file(tmp_path)
    place = study.archive / part
    if part == "quarantine":
        place.mkdir()
    below = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for path in below:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        with pytest.raises(ArchiveError) as told:
            ingesting(study)
    finally:
        for path in below:
            path.chmod(0o700 if path.is_dir() else 0o600)
    assert str(study.archive) in str(told.value) and "ermission" in str(told.value), told.value
    assert len(open_archive(study.archive)) in (3, 5)
    assert dict(ingesting(study).quarantined).keys() == {"Abroken.txt"}
    assert len(open_archive(study.archive)) == 5 and verify_archive(study.archive).sound


def test_a_folder_for_moved_files_that_may_not_be_written_is_told_and_the_next_run_moves(
    tmp_path: Path, ingesting: Callable[[Study], IngestReport]
) -> None:
    study = study_in(tmp_path, inbox_after="done")
    write_files(study.inbox, range(3))
    (tmp_path / "done").mkdir(mode=0o500)
    with pytest.raises(ArchiveError, match=r"A0\.txt, which is archived .* Permission denied.* the next run moves it"):
        ingesting(study)
    (tmp_path / "done").chmod(0o700)
    assert str(ingesting(study)) == "0 new, 3 already archived, 3 moved"
    check_complete(study, 3)
