"""Start programs, start them again when they die, and end every one of them, whatever happens."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self

import httpx

STARTUP_S = 120.0
GRACE_S = 20.0
TICK_S = 0.1

MOST_DEATHS = 3
SOON_S = 30.0
"""A program that dies this often, each time this soon after its start, is not started again: a person must mend it."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Program:
    """One program to keep running.

    `settings` are added to the environment; a GET of `health` answers 200 once it is up ("" if nothing tells).
    A program that `speaks` has its stderr on ours; the others write to a log file of their name.
    """

    name: str
    arguments: list[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    health: str = ""
    speaks: bool = False
    stopped_by: signal.Signals = signal.SIGTERM


class Supervision:
    """Programs kept running inside this context, and none left behind it.

    SIGTERM, SIGINT and SIGHUP ask to stop; a second one ends everything at once. Each program leads a process
    group of its own: the terminal's Ctrl-C reaches only us, and whatever a program has started ends with it.

    Args:
        logs: Folder of the programs' logs; each start of serving begins them anew.
        say: Told what happens, a line each.
    """

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs, self._say = logs, say
        self._running: dict[str, tuple[Program, subprocess.Popen[bytes]]] = {}
        self._deaths: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._asked = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        _adopt_orphans(True)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            servers = [name for name, (program, _) in self._running.items() if program.health]
            # what uses the servers goes first, and tells them
            self._end([name for name in self._running if name not in servers])
            self._end(servers)
        finally:
            _adopt_orphans(False)
            for number, handler in self._before.items():
                signal.signal(number, handler)

    @property
    def asked_to_stop(self) -> bool:
        """Whether a signal has come."""
        return self._asked > 0

    def start(self, program: Program) -> None:
        """Start a program; it is known by its name."""
        self._launch(program, fresh=True)

    def process_id(self, name: str) -> int:
        """Give the process of a program that was started."""
        return self._running[name][1].pid

    def wait_until_up(self, *names: str, within_s: float = STARTUP_S) -> None:
        """Wait until programs answer at their health addresses, or a signal comes.

        Raises:
            RuntimeError: One has ended, or does not answer in time; its log's last lines are given.
        """
        deadline = time.monotonic() + within_s
        for name in names:
            program, process = self._running[name]
            while not self.asked_to_stop and not _answers(program.health):
                if process.poll() is not None:
                    died = f"{name} ended with status {process.returncode} as it started"
                    raise RuntimeError(f"{died}. {self._tail(name)}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not answer at {program.health}. {self._tail(name)}")
                time.sleep(TICK_S)

    def keep_running(self) -> None:
        """Start again what dies, until a signal comes.

        Raises:
            RuntimeError: A program dies again and again.
        """
        while not self.asked_to_stop:
            for program, process in list(self._running.values()):
                if process.poll() is not None:
                    self._start_again(program, process)
            time.sleep(TICK_S)

    def _start_again(self, program: Program, dead: subprocess.Popen[bytes]) -> None:
        _end_group(dead.pid)
        soon = time.monotonic() - self._began[program.name] < SOON_S
        deaths = self._deaths[program.name] = self._deaths.get(program.name, 0) + 1 if soon else 0
        died = f"{program.name} ended with status {dead.returncode}"
        if deaths >= MOST_DEATHS:
            times = f"{deaths} times, each within {SOON_S:g} s of its start"
            raise RuntimeError(f"{died}, {times}. {self._tail(program.name)}")
        self._say(f"{died}; it is started again")
        self._launch(program, fresh=False)

    def _launch(self, program: Program, *, fresh: bool) -> None:
        with self._log(program.name).open("wb" if fresh else "ab") as log:
            out: IO[bytes] | None = None if program.speaks else log
            process = subprocess.Popen(
                program.arguments, env={**os.environ, **program.settings}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=out, start_new_session=True, preexec_fn=_end_with_parent(),
            )  # fmt: skip
        self._running[program.name] = (program, process)
        self._began[program.name] = time.monotonic()

    def _end(self, names: list[str]) -> None:
        ending = [self._running.pop(name) for name in names]
        for program, process in ending:
            if self._asked < 2 and process.poll() is None:
                process.send_signal(program.stopped_by)
        deadline = time.monotonic() + GRACE_S
        while self._asked < 2 and time.monotonic() < deadline and any(p.poll() is None for _, p in ending):
            time.sleep(TICK_S)
        for _, process in ending:
            process.kill()
            process.wait()
            _end_group(process.pid)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _tail(self, name: str) -> str:
        lines = [line for line in self._log(name).read_text(errors="replace").splitlines() if line.strip()]
        return f"{self._log(name)} ends: {' / '.join(lines[-3:])}" if lines else f"{self._log(name)} is empty."


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _end_group(leader: int) -> None:
    """Kill what a program, itself gone, has left of its process group, and wait until nothing is."""
    deadline = time.monotonic() + 5
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(leader, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(-leader, os.WNOHANG)
            time.sleep(0.01)


def _adopt_orphans(adopt: bool) -> None:
    """On Linux, let what our programs leave behind become our children, whose end we can wait for."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(adopt))


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, let a program be told to end when we are killed and cannot tell it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel
