"""Run the cells that have no result yet: Dask on processes, one processor each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager
from typing import Any

from dask.base import compute
from dask.callbacks import Callback
from dask.delayed import delayed

from spectral_core.errors import ArchiveError
from spectral_core.experiments.cells import Cell, CellStore, Numbers
from spectral_core.preprocessing.blocks import Progress, worker_count

Measure = Callable[[Cell], Numbers]
# Dask is typed in part only.
_compute: Callable[..., tuple[int, ...]] = compute
_callback: Callable[..., AbstractContextManager[Any]] = Callback


def run_cells(
    cells: Sequence[Cell],
    store: CellStore,
    measure: Measure,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Measure every cell without a result, and store each result as soon as it is there.

    A run that was killed goes on where it was: finished cells are not touched. Processes, because many models
    hold the interpreter's lock; each has one thread for linear algebra. One worker means this process.

    Args:
        cells: What to measure; cells that are equal are measured once.
        store: Where results lie.
        measure: Gives the numbers of a cell; importable by name, because processes import it.
        workers: Processes, by default one a processor.
        progress: Called with (cells done, all cells), results that were there included.

    Returns:
        The number of cells that were measured.

    Raises:
        ArchiveError: Processes died.
    """
    waiting = store.missing(list(dict.fromkeys(cells)))
    before = len(set(cells)) - len(waiting)
    if progress is not None:
        progress(before, len(set(cells)))
    pieces = [delayed(_measure_and_store, pure=False)(cell, store, measure) for cell in waiting]
    told = _Told({piece.key for piece in pieces}, before, progress)
    count = min(worker_count(workers), max(len(pieces), 1))
    with _callback(posttask=told):
        if count == 1:
            return sum(_compute(*pieces, scheduler="synchronous"))
        return sum(_on_processes(pieces, count))


def _on_processes(pieces: Sequence[Any], count: int) -> tuple[int, ...]:
    from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

    try:
        # kept for the next experiment: a process imports scikit-learn once
        pool = get_reusable_executor(max_workers=count, timeout=30)
        return _compute(*pieces, scheduler="processes", pool=pool, chunksize=1)
    except BrokenExecutor as error:
        found = f"{type(error).__name__}: {error}"
        raise ArchiveError("experiments", "processes that finish their cells", found,
                           "Look for memory running out; run again, finished cells are kept.") from None  # fmt: skip


class _Told:
    """Counts finished cells for whoever watches."""

    def __init__(self, waiting: set[Any], done: int, progress: Progress | None) -> None:
        self._waiting, self._progress, self._total = waiting, progress, done + len(waiting)

    def __call__(self, key: Any, *_: Any) -> None:
        if key in self._waiting:
            self._waiting.remove(key)
            if self._progress is not None:
                self._progress(self._total - len(self._waiting), self._total)


def _measure_and_store(cell: Cell, store: CellStore, measure: Measure) -> int:
    from threadpoolctl import threadpool_limits

    start = time.process_time()
    with threadpool_limits(limits=1):
        numbers = measure(cell)
    store.write(cell, numbers, seconds=time.process_time() - start)
    return 1
