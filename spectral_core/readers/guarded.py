"""The process that reads apart: a child reads file after file, and is replaced after one that was damaged.

What a damaged file did to the memory of the library that refused it can so reach no other file. The child is
forked from a process that has imported the readers and reads nothing itself: a new one takes milliseconds.
"""

from __future__ import annotations

import importlib
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spectral_core.errors import OffbandError
from spectral_core.readers import wire
from spectral_core.readers.dispatch import read_content

SECONDS = 5.0
"""Processor time for a file, besides a second for each `BYTES_A_SECOND` of it."""

BYTES_A_SECOND = 16 * 2**20

CLOCK = 12
"""Times the processor's seconds that may pass on the clock, as on a machine that is busy."""

ROOM = 768 * 2**20
"""Address space that a file may take, besides `ROOM_A_BYTE` for each of its bytes."""

ROOM_A_BYTE = 16

NO_MEMORY = 2
"""Status of a child that reached the bound of its memory where no reader says so."""

_MOST_FILES = 100
_NEXT, _FAULT, _END = 0, 1, 3


def allowed_s(size: int, *, seconds: float = SECONDS) -> float:
    """Give the seconds of processor time that a file of so many bytes may take, `seconds` being for a small one.

    Example:
        >>> allowed_s(0), allowed_s(160 * 2**20)
        (5.0, 15.0)
    """
    return seconds + size / BYTES_A_SECOND


def serve(descriptor: int, *, seconds: float) -> None:
    """Answer questions until the other side is gone, whatever becomes of the children that read.

    Args:
        descriptor: Of a socket that carries `wire` messages.
        seconds: Processor time for a small file.
    """
    link = socket.socket(fileno=descriptor)
    # xarray imports these with its first file, which no child should have to do
    importlib.import_module("dask.array")
    importlib.import_module("h5netcdf")
    xr.backends.list_engines()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    silence = os.open(os.devnull, os.O_WRONLY)
    wire.send(link, 0)
    os.dup2(silence, sys.stderr.fileno())  # libraries write there what the answer says
    while _outlive_child(link, seconds):
        pass


def _outlive_child(link: socket.socket, seconds: float) -> bool:
    """Let a child read, and tell how it ended if by a signal or fault; say whether another is to follow."""
    life, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(life)
        _read_until_damaged(link, seconds)
    os.close(held)
    ends = select.poll()
    ends.register(life, 0)  # hangs up when the child has ended
    ends.register(link, 0)  # hangs up when the other side is gone
    gone = any(descriptor == link.fileno() for descriptor, _ in ends.poll())
    if gone:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(life)
    code = os.waitstatus_to_exitcode(status)
    if gone or code == _END:
        return False
    if code != _NEXT:
        wire.send(link, 0, code)
    return True


def _read_until_damaged(link: socket.socket, seconds: float) -> None:
    code = _FAULT
    try:
        taken = _address_space()
        for _ in range(_MOST_FILES):
            question = wire.receive(link)
            if question is None or question[2] is None:
                code = _END
                break
            code = _FAULT
            header, blobs = wire.unpack(question[2])
            _limit(sum(map(len, blobs)), taken, seconds)
            answer, contents = _answer(header, blobs)
            descriptor = wire.pack(answer, contents)
            _limit(None, taken, 0.0)
            wire.send(link, question[0], descriptor=descriptor)
            os.close(descriptor)
            code = _NEXT
            if not contents:
                break
    except MemoryError:
        code = NO_MEMORY
    finally:
        os._exit(code)


def _limit(size: int | None, taken: int | None, seconds: float) -> None:
    """Bound time and memory of this process for a file of so many bytes; lift the bounds for None.

    Args:
        size: Bytes of the file.
        taken: Address space that the process had before, in bytes; None where it is not known.
        seconds: Processor time for a small file.
    """
    allowed = 0.0 if size is None else allowed_s(size, seconds=seconds)
    signal.setitimer(signal.ITIMER_PROF, allowed)
    signal.setitimer(signal.ITIMER_REAL, CLOCK * allowed)
    if taken is not None:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        room = most if size is None else taken + ROOM + ROOM_A_BYTE * size
        resource.setrlimit(resource.RLIMIT_AS, (room if most < 0 else min(room, most), most))


def _address_space() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
    except OSError:
        return None


def _answer(question: dict[str, Any], blobs: Sequence[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Give the spectra of a file as header and numbers, or only a header that says why there are none."""
    data, entries = blobs[0], dict(zip(question["entries"], blobs[1:], strict=True))
    try:
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            dataset = read_content(
                data, entries, axis_unit=question["axis_unit"], intensity_unit=question["intensity_unit"],
                where=question["where"],
            )  # fmt: skip
    except OffbandError as error:
        told = [error.where, error.expected, error.found, error.remedy]
        return {"refused": type(error).__name__, "told": told}, []
    variables = dataset.variables
    columns = {str(name): list(v.values) for name, v in variables.items() if v.dims == ("sample",)}
    stated = {"axis_unit": variables["axis"].attrs["units"], "intensity_unit": variables["intensity"].attrs["units"]}
    numbers = [np.asarray(variables[name].values) for name in ("axis", "intensity")]
    return {**stated, "columns": columns}, [array.tobytes() for array in numbers]
