"""A hundred kills, twenty races, and disks that fill up at every stage of ingestion, preprocessing and training."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.core.faults import how_to_mount, kill_at_random, on_small_disk, race, study_in

pytestmark = [pytest.mark.calibration, pytest.mark.timeout(3600)]
needs_mount = pytest.mark.skipif(how_to_mount() is None, reason="no disk may be mounted here")


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServerContext]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.core.faults"])
    yield context


@pytest.mark.parametrize("after", ["leave", "done"])
def test_a_hundred_kills_lose_no_spectrum_and_store_none_twice(
    tmp_path: Path, processes: ForkServerContext, after: str
) -> None:
    killed = kill_at_random(study_in(tmp_path, inbox_after=after), processes, kills=125, files=5, seed=1)
    print(f"{after}: {killed} kills")
    assert killed >= 100  # the others had just ended


def test_two_processes_on_one_inbox_twenty_times(tmp_path: Path, processes: ForkServerContext) -> None:
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        race(study_in(tmp_path / str(number), inbox_after=("leave", "done")[number % 2]), processes, 20)


@needs_mount
@pytest.mark.parametrize("part", ["ingest-long", "preprocess", "train"])
def test_a_full_disk_is_told_and_the_work_succeeds_when_space_returns(tmp_path: Path, part: str) -> None:
    told = on_small_disk(part, tmp_path, mebibytes=48)
    print({free: message[:160] for free, (message, _) in told.items()})
    messages = [message for message, _ in told.values() if message]
    assert len(messages) >= len(told) / 2
    assert all("space" in message or "disk is full" in message for message in messages), messages
