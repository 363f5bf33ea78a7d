"""Whenever a process is killed, and however many run at once: every spectrum exactly once, always readable."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from spectral_core.archive import Ledger, open_archive
from spectral_core.ingest import ingest_inbox
from spectral_core.study import Study
from tests.core.faults import BATCH, check_snapshots, study_in, write_files

FILES = 24


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServerContext]:
    """Start processes from one that has imported everything, so that each costs milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["spectral_core.ingest"])
    yield context


@pytest.fixture
def study(tmp_path: Path) -> Study:
    write_files(tmp_path / "inbox", range(FILES))
    (tmp_path / "inbox" / "Abroken.txt").write_text("no spectrum\n")
    return study_in(tmp_path)


def check_complete(study: Study) -> None:
    assert check_snapshots(study.archive, newest=1) == FILES
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert ledger.counts() == {"archived": FILES, "quarantined": 1}
        held = open_archive(study.archive).sources()
        assert {(row.sha256, row.source) for row in ledger.rows("archived")} == set(held.items())
    assert [p.name[13:] for p in (study.archive / "quarantine").iterdir()] == ["Abroken.txt"]


def commits(archive: Path) -> tuple[int, int]:
    """Count the snapshots written, and say when the branch moved: a commit does the one, then the other."""
    reference = archive / "store" / "refs" / "branch.main" / "ref.json"
    try:
        return len(list((archive / "store" / "snapshots").iterdir())), reference.stat().st_mtime_ns
    except FileNotFoundError:
        return 0, 0


def when_claimed(archive: Path) -> bool:
    return (archive / "offband.json").exists()


def when_the_store_is_made(archive: Path) -> bool:
    return (archive / "store.new").exists() or (archive / "store").exists()


def when_the_ledger_is_written(archive: Path) -> bool:
    return (archive / "ledger.sqlite-journal").exists() and commits(archive)[0] >= 3


def when_a_quarantine_copy_is_made(archive: Path) -> bool:
    return (archive / "quarantine").exists()


def when_snapshots_are(count: int) -> Callable[[Path], bool]:
    def moment(archive: Path) -> bool:
        return commits(archive)[0] >= count

    moment.__name__ = f"when_snapshot_{count}_is_written"
    return moment


def after_commit(count: int) -> Callable[[Path], bool]:
    """When the branch has moved `count` times: the commit is made, its ledger rows are not."""
    seen: set[int] = set()

    def moment(archive: Path) -> bool:
        seen.add(commits(archive)[1])
        return len(seen - {0}) > count

    moment.__name__ = f"after_commit_{count}"
    return moment


def some_time_after_commit(count: int, seed: int) -> Callable[[Path], bool]:
    due: list[float] = []

    def moment(archive: Path) -> bool:
        if not due and commits(archive)[0] > count:
            due.append(time.monotonic() + random.Random(seed).uniform(0, 0.12))
        return bool(due) and time.monotonic() >= due[0]

    moment.__name__ = f"some_time_after_commit_{count}"
    return moment


MOMENTS = [
    when_claimed,
    when_the_store_is_made,
    when_the_ledger_is_written,
    when_a_quarantine_copy_is_made,
    when_snapshots_are(2),
    after_commit(1),
    after_commit(3),
    some_time_after_commit(1, seed=1),
    some_time_after_commit(3, seed=2),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_a_killed_ingestion_is_completed_by_the_next(
    study: Study, processes: ForkServerContext, moment: Callable[[Path], bool]
) -> None:
    process = processes.Process(target=ingest_inbox, args=(study,), kwargs={"batch_files": BATCH})
    process.start()
    while process.is_alive() and not moment(study.archive):
        time.sleep(0.0002)
    assert process.pid is not None
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it ended before the moment came"
    before = check_snapshots(study.archive)
    assert before < FILES and before % BATCH in (0, BATCH - 1)  # whole batches; one held the broken file
    report = ingest_inbox(study, batch_files=BATCH)
    assert (report.new, report.already_archived) == (FILES - before, before)
    check_complete(study)


def test_two_processes_on_one_inbox_store_every_spectrum_once(study: Study, processes: ForkServerContext) -> None:
    both = [processes.Process(target=ingest_inbox, args=(study,), kwargs={"batch_files": BATCH}) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    check_complete(study)
    assert str(ingest_inbox(study)) == f"0 new, {FILES} already archived, 1 quarantined"
