"""How many BLAS threads a problem deserves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import ThreadpoolController

SMALL = 4_000_000
"""Matrices with fewer numbers than this are handled by one BLAS thread.

Below it the largest product takes well under a second on one core, and threads that wait for each other on a
busy machine cost more than they bring (300 eigenvalues: 7 ms on one thread, 1.6 s on two under contention).
"""


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


class _OneThread:
    """Count who needs one thread: the limit is the process's, so the last to leave restores it."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._limit = _libraries().limit(limits=1, user_api="blas")

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()


_ONE = _OneThread()


@contextmanager
def threads_for(numbers: int) -> Iterator[None]:
    """Hold BLAS to one thread while a problem is small; leave it as it is for a large one.

    Safe from several Python threads: while any of them is inside with a small problem, all have one BLAS
    thread. No result depends on it beyond rounding.

    Args:
        numbers: Size of the largest matrix of the problem; small is fewer than `SMALL`.
    """
    if numbers >= SMALL:
        yield
        return
    _ONE.enter()
    try:
        yield
    finally:
        _ONE.leave()
