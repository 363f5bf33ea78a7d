"""A Dask cluster as somebody else keeps it: `dask scheduler` and `dask worker`s, processes, over TCP on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
QUIET = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False", "DASK_LOGGING__DISTRIBUTED": "warning"}


class Cluster:
    """A scheduler and its workers; every process is killed at the end, also after a failure."""

    def __init__(self, folder: Path, *, workers: int = 2, nanny: bool = False, memory: str = "0") -> None:
        self._folder, self._nanny, self._memory = folder, nanny, memory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.scheduler = self._start_scheduler()
        self.workers = [self.start_worker() for _ in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [self.scheduler, *self.workers]:
            kill(process)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start one worker with one thread."""
        nanny = "--nanny" if self._nanny else "--no-nanny"
        return self._start("worker", self.address, nanny, "--nworkers", "1", "--nthreads", "1", "--no-dashboard",
                           "--memory-limit", self._memory, "--host", "127.0.0.1", "--death-timeout", "60",
                           "--local-directory", str(self._folder / "worker"))  # fmt: skip

    def restart(self) -> None:
        """Kill the scheduler and start another at its address; its workers go with it, and others are started."""
        kill(self.scheduler)
        self.scheduler = self._start_scheduler()
        self.workers += [self.start_worker() for _ in self.workers]

    def _start_scheduler(self) -> subprocess.Popen[bytes]:
        return self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self._port), "--dashboard-address", "127.0.0.1:0"
        )

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        here = {**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        log = self._folder / "cluster.log"
        with log.open("ab") as told:
            return subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
                stdout=told, stderr=told, env=here, start_new_session=True,
            )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it started: each is a process group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
