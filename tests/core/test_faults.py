"""Full disks, jumping clocks, mounts that vanish: told, and nothing lost; kills are in tests/calibration."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from spectral_core.archive import Ledger
from spectral_core.errors import ArchiveError, StudyError
from spectral_core.estimators import OutOfFold
from spectral_core.ingest import ingest_inbox
from tests.core.faults import (
    check_complete,
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


def test_an_inbox_whose_mount_vanished_is_told_and_resumed(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    write_files(study.inbox, range(3))
    ingest_inbox(study)
    study.inbox.rename(tmp_path / "unmounted")
    with pytest.raises(StudyError, match=r"found no such folder\. Create it, mount it"):
        ingest_inbox(study)
    study.inbox.mkdir()  # the empty mount point
    assert str(ingest_inbox(study)) == "0 new, 0 already archived"
    study.inbox.rmdir()
    (tmp_path / "unmounted").rename(study.inbox)
    write_files(study.inbox, range(3, 5))
    assert str(ingest_inbox(study)) == "2 new, 3 already archived"
    check_complete(study, 5)


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
