"""At the end of a process threads that still compute are waited for, and no longer than is allowed."""

from __future__ import annotations

import hashlib
import sys
import threading
import time

import pytest

from spectral_core.archive.last_call import await_threads

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what threads do")


def computing(rounds: int) -> tuple[threading.Thread, list[bool]]:
    """Start a thread that computes without the interpreter, as the store's do."""
    done: list[bool] = []

    def work() -> None:
        hashlib.pbkdf2_hmac("sha256", b"word", b"salt", rounds)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, done


def test_a_thread_that_computes_is_waited_for() -> None:
    thread, done = computing(200_000)
    await_threads(most_s=60)
    assert done == [True]
    thread.join()


def test_a_thread_that_takes_too_long_is_left_alone() -> None:
    thread, done = computing(3_000_000)
    started = time.monotonic()
    await_threads(most_s=0.1)
    assert time.monotonic() - started < 1 and done == []
    thread.join()
