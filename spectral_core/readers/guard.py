"""Reading apart from this process: what hangs, crashes or takes all memory costs one file and not the run."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spectral_core.errors import OffbandError, ReadError, SpectraError
from spectral_core.readers import wire
from spectral_core.readers.guarded import CLOCK, NO_MEMORY, SECONDS, allowed_s
from spectral_core.spectra import make_spectra

START_S = 120.0
"""Most seconds that the process may take to import the readers, on a machine that is busy."""

# spectral_core itself imports the whole audit, of which reading needs nothing: a package of that name stands in for it
_START = """
import sys, types
package = sys.modules["spectral_core"] = types.ModuleType("spectral_core")
package.__path__ = [sys.argv[2]]
from spectral_core.readers.guarded import serve
serve(int(sys.argv[1]), seconds=float(sys.argv[3]))
"""
# threads of their own would take the address space of many files
_ALONE = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "BLOSC_NTHREADS": "1", "MALLOC_ARENA_MAX": "1",
    "ZARR_THREADING__MAX_WORKERS": "1", "ZARR_ASYNC__CONCURRENCY": "1",
}  # fmt: skip
_REFUSALS: dict[str, type[OffbandError]] = {"ReadError": ReadError, "SpectraError": SpectraError}
_PACKAGE = Path(__file__).resolve().parents[1]
_ANEW = "The file is damaged: copy or write it anew."


class Guard:
    """The process that reads for this one: started with the first file, ended with this process however that ends.

    Files are read one at a time, from whatever thread.

    Args:
        seconds: Processor time that a small file may take.
    """

    _process: subprocess.Popen[bytes] | None = None
    _link: socket.socket | None = None

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._number = 0

    def read(
        self, data: bytes, entries: Mapping[str, bytes], *, axis_unit: str, intensity_unit: str, where: str
    ) -> xr.Dataset:
        """Read content as `read_content` does, within bounds of time and memory; the arguments are the same.

        Raises:
            ReadError: The content cannot be read, takes too long or too much memory, or crashes its library.
            SpectraError: The numbers break the Spectra contract.
        """
        question = {"entries": list(entries), "axis_unit": axis_unit, "intensity_unit": intensity_unit, "where": where}
        blobs = [data, *entries.values()]
        descriptor = wire.pack(question, blobs)
        try:
            with self._lock:
                header, numbers = self._ask(descriptor, allowed_s(sum(map(len, blobs)), seconds=self._seconds), where)
        finally:
            os.close(descriptor)
        if "refused" in header:
            raise _REFUSALS[header["refused"]](*header["told"])
        axis, intensity = np.frombuffer(numbers[0], np.float64), np.frombuffer(numbers[1], np.float32)
        return make_spectra(
            intensity.reshape(-1, axis.size), axis, axis_unit=header["axis_unit"],
            intensity_unit=header["intensity_unit"], metadata=header["columns"], where=where,
        )  # fmt: skip

    def _ask(self, descriptor: int, seconds: float, where: str) -> tuple[dict[str, Any], list[bytes]]:
        for _ in range(2):  # the process may have ended since the last file
            link = self._link or self._start(where)
            try:
                while _is_ready(link, 0.0) and (late := wire.receive(link)) is not None:
                    _forget(late[2])
                self._number += 1
                wire.send(link, self._number, descriptor=descriptor)
                answer = self._wait(link, CLOCK * seconds + START_S, where)
            except ConnectionError:
                answer = None
            if answer is not None:
                status, packed = answer
                if packed is not None:
                    return wire.unpack(packed)
                raise _ended(status, seconds, where)
            self._end()
        raise _ended(-signal.SIGKILL, seconds, where)

    def _wait(self, link: socket.socket, most_s: float, where: str) -> tuple[int, int | None] | None:
        while True:
            if not _is_ready(link, most_s):
                self._end()
                raise ReadError(where, "a file that can be read", f"no answer within {most_s:.0f} s", _ANEW)
            if (received := wire.receive(link)) is None:
                return None
            number, status, packed = received
            if number in (0, self._number):
                return status, packed
            _forget(packed)

    def _start(self, where: str) -> socket.socket:
        link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link = link
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(theirs.fileno()), str(_PACKAGE), str(self._seconds)],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/",
                env={**os.environ, **_ALONE}, start_new_session=True,
            )  # fmt: skip
        if not _is_ready(link, START_S) or wire.receive(link) is None:
            self._end()
            raise ReadError(where, "a process that reads it", "one that does not start (see the standard error)",
                            "Run `offband doctor`, and try again.")  # fmt: skip
        return link

    def close(self) -> None:
        """End the process, if there is one; the next file starts another."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._link is not None:
            self._link.close()
        if self._process is not None:
            try:
                self._process.wait(timeout=5)  # it ends when the link does
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._link = self._process = None

    def leave_to_parent(self) -> None:
        """Forget the process in a fork of this one: it belongs to the other, and must see that one end."""
        if self._link is not None:
            self._link.close()
        if self._process is not None:
            self._process.returncode = 0
        self._link = self._process = None
        self._lock = threading.Lock()  # another thread may have held it at the fork


def _is_ready(link: socket.socket, seconds: float) -> bool:
    ready = select.poll()
    ready.register(link, select.POLLIN)
    return bool(ready.poll(1000 * seconds))


def _forget(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _ended(code: int, seconds: float, where: str) -> ReadError:
    """Say how the reader of a file ended: minus the number of a signal, or the status of a fault."""
    if code == NO_MEMORY:
        return ReadError(where, "a file that can be read", "that it takes too much memory", _ANEW)
    if code > 0:
        return ReadError(where, "a file that can be read", f"an unforeseen fault of its reader (status {code})",
                         "Copy or write the file anew; report the fault with the file.")  # fmt: skip
    by_signal = {
        signal.SIGPROF: f"no answer within {seconds:.2g} s of computing",
        signal.SIGALRM: f"no answer within {CLOCK * seconds:.2g} s",
        signal.SIGKILL: "that its reader was killed, perhaps for want of memory",
    }
    name = signal.Signals(-code).name
    found = by_signal.get(signal.Signals(-code), f"that its reader crashed ({name})")
    return ReadError(where, "a file that can be read", found, _ANEW)


GUARD = Guard()
atexit.register(GUARD.close)
os.register_at_fork(after_in_child=GUARD.leave_to_parent)
