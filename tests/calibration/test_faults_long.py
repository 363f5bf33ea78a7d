"""A hundred kills, twenty races, clocks that jump, and disks that fill up at every stage of the pipeline."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.core.faults import (
    ROOT,
    check_complete,
    how_to_mount,
    kill_at_random,
    on_small_disk,
    race,
    study_in,
    write_files,
)

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
    cycles = kill_at_random(study_in(tmp_path, inbox_after=after), processes, kills=100, files=5, seed=1)
    print(f"{after}: 100 of {cycles} cycles killed")


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


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, now);
    if (which == CLOCK_REALTIME) now->tv_sec += atol(getenv("CLOCK_IS_OFF_BY"));
    return failed;
}
"""
INGEST = """
import sys
from pathlib import Path
from spectral_core.errors import OffbandError
from spectral_core.ingest import ingest_inbox
from tests.core.faults import study_in
try:
    print(ingest_inbox(study_in(Path(sys.argv[1]))))
except OffbandError as error:
    print(error)
"""


@pytest.mark.skipif(shutil.which("cc") is None or sys.platform != "linux", reason="needs a C compiler, on Linux")
def test_a_clock_that_jumps_between_scans_is_waited_for_or_told_and_nothing_is_lost(tmp_path: Path) -> None:
    """The clock of a whole process, the store's included, is off by so many seconds."""
    (tmp_path / "clock.c").write_text(CLOCK)
    library = tmp_path / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)

    def ingest_when_off_by(seconds: int) -> str:
        settings = {"LD_PRELOAD": str(library), "CLOCK_IS_OFF_BY": str(seconds)}
        done = subprocess.run([sys.executable, "-c", INGEST, str(tmp_path)], cwd=ROOT, check=True, text=True,
                              env={**os.environ, **settings}, stdout=subprocess.PIPE)  # fmt: skip
        return done.stdout.strip().splitlines()[-1]

    study, told = study_in(tmp_path), {}
    for count, seconds in enumerate([0, -8, -86_400, -(10**8), 10**7, 0, 60], start=1):
        write_files(study.inbox, range(3 * count))
        told[seconds, count] = ingest_when_off_by(seconds)
    print("\n".join(f"{seconds:+d} s: {said}" for (seconds, _), said in told.items()))
    back = "expected a clock later than the newest snapshot"
    said = list(told.values())
    assert said[:2] == ["3 new, 0 already archived", "3 new, 3 already archived"], "eight seconds are waited for"
    assert back in said[2] and back in said[3] and "Set the clocks of this machine and of its file server" in said[4]
    assert said[5:] == ["12 new, 6 already archived", "3 new, 18 already archived"]
    check_complete(study, 21)
