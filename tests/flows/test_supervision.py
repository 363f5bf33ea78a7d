"""No program is left behind: by a signal, a second one, a death, or our own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.supervision import MOST_DEATHS, Program, Supervision

# two programs, each with a child of its own; the second refuses to end on SIGTERM
SCRIPT = """
import sys
from pathlib import Path
from flows.supervision import Program, Supervision

folder = Path(sys.argv[1])
STUBBORN = "trap '' TERM; " if sys.argv[2] == "stubborn" else ""
with Supervision(folder, lambda text: print(text, flush=True)) as supervision:
    for name, before in (("meek", ""), ("other", STUBBORN)):
        write = f"echo $$ $! > {folder}/{name}.pids; echo started"
        supervision.start(Program(name, ["sh", "-c", f"{before}sleep 600 & {write}; wait; sleep 600"]))
    supervision.keep_running()
"""

Started = tuple[subprocess.Popen[str], list[int]]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits to be read does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], *, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[str], Started]]:
    """Start the script; give its process and the ids of the four below it; end what a failed test leaves."""
    started: list[Started] = []

    def start(manner: str) -> Started:
        run = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path), manner], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append((run, []))
        files = [tmp_path / f"{name}.pids" for name in ("meek", "other")]
        assert wait_for(lambda: all(file.exists() and len(file.read_text().split()) == 2 for file in files))
        started[-1][1].extend(int(pid) for file in files for pid in file.read_text().split())
        return started[-1]

    yield start
    for run, below in started:
        run.kill()
        run.communicate()
        for pid in filter(alive, below):
            os.kill(pid, signal.SIGKILL)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_every_program_and_what_it_started(
    supervise: Callable[[str], Started], number: signal.Signals
) -> None:
    run, below = supervise("meek")
    assert all(alive(pid) for pid in below)
    run.send_signal(number)
    assert run.wait(timeout=10) == 0
    assert not [pid for pid in below if alive(pid)]


def test_a_second_signal_ends_at_once_what_refuses_to(supervise: Callable[[str], Started]) -> None:
    run, below = supervise("stubborn")
    run.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert run.poll() is None, "nothing had refused"
    run.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert run.wait(timeout=10) == 0
    assert time.monotonic() - began < 5
    assert not [pid for pid in below if alive(pid)]


def test_programs_end_with_a_supervisor_that_was_killed(supervise: Callable[[str], Started]) -> None:
    run, below = supervise("meek")
    run.kill()
    leaders = below[::2]
    assert wait_for(lambda: not any(alive(pid) for pid in leaders))


def test_a_dead_program_is_started_again_and_what_it_left_is_ended(supervise: Callable[[str], Started]) -> None:
    run, (leader, child, *others) = supervise("meek")
    os.kill(leader, signal.SIGKILL)
    assert run.stdout is not None
    assert run.stdout.readline() == "meek ended with status -9; it is started again\n"
    assert wait_for(lambda: not alive(child))
    assert all(alive(pid) for pid in others)
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=10) == 0


def test_a_program_that_dies_again_and_again_ends_serving_with_its_last_words(tmp_path: Path) -> None:
    said: list[str] = []
    told = r"broken ended with status 3, 3 times.*broken\.log ends: .*no such table"
    with pytest.raises(RuntimeError, match=told), Supervision(tmp_path, said.append) as supervision:
        supervision.start(Program("steady", ["sleep", "600"]))
        supervision.start(Program("broken", ["sh", "-c", "echo no such table; exit 3"]))
        steady = supervision.process_id("steady")
        supervision.keep_running()
    assert said == ["broken ended with status 3; it is started again"] * (MOST_DEATHS - 1)
    assert not alive(steady)


def test_a_program_that_ends_while_it_is_waited_for_is_named(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/"
    told = r"server ended with status 1 as it started\. .*address in use"
    with pytest.raises(RuntimeError, match=told), Supervision(tmp_path, print) as supervision:
        supervision.start(Program("server", ["sh", "-c", "echo address in use; exit 1"], health=nobody))
        supervision.wait_until_up("server")
