"""At the end of a process: the store's own threads are let finish before the interpreter goes.

icechunk answers from threads of its own. One of them may still be on its way out of the last answer when Python
shuts down, and CPython before 3.14 ends such a thread in a way that aborts the whole process: status 134 after work
that was all done (https://github.com/python/cpython/issues/87135).
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

_TASKS = Path("/proc/self/task")  # Linux alone tells what threads do


def await_threads(*, least_s: float = 0.02, most_s: float = 1.0) -> None:
    """Give the interpreter to whoever waits for it, until no other thread computes.

    Args:
        least_s: Seconds to wait in any case.
        most_s: Seconds after which a thread that still computes is left alone.
    """
    deadline = time.monotonic() + most_s
    time.sleep(least_s)
    while _another_computes() and time.monotonic() < deadline:
        time.sleep(least_s)


def _another_computes() -> bool:
    own = str(threading.get_native_id())
    return any(_computes(task) for task in _TASKS.glob("[0-9]*") if task.name != own)


def _computes(task: Path) -> bool:
    try:
        # the state stands behind the name, which is in brackets and may hold anything
        return (task / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):  # it has ended
        return False
