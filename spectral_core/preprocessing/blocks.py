"""Where blocks of spectra are computed: Dask on threads, on processes, or on a running scheduler.

A block stores its own result, and the same one however often it is computed. So a block whose worker died, or whose
scheduler was started anew, is computed again, and nothing else is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from concurrent.futures import CancelledError as Cancelled
from contextlib import AbstractContextManager, contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from dask.base import compute
from dask.callbacks import Callback
from dask.delayed import Delayed
from dask.system import CPU_COUNT

from spectral_core.errors import ArchiveError

# Dask is typed in part only.
_compute: Callable[..., tuple[int, ...]] = compute
_callback: Callable[..., AbstractContextManager[Any]] = Callback

Progress = Callable[[int, int], None]
"""Called with the blocks done and all blocks, whenever one is done."""

PATIENCE_S = 60.0
"""How long is waited for a scheduler that does not answer, or has no worker."""

LOOK_S = 2.0
"""After so long without a block done it is looked whether the scheduler still has a worker."""


def worker_count(workers: int | None) -> int:
    """Give the number of local workers: as asked, else one for each processor this process may use."""
    return CPU_COUNT if workers is None else workers


def compute_blocks(
    blocks: Sequence[Delayed], *, scheduler: str, workers: int | None, progress: Progress | None
) -> list[int]:
    """Compute every block and give what each returned, in order.

    Args:
        blocks: Dask tasks, each of which stores its block and returns a small number.
        scheduler: "threads", "processes", or the address of a running Dask scheduler.
        workers: Local threads or processes; a running scheduler has its own.
        progress: Told of each finished block.

    Raises:
        ArchiveError: Workers died again and again, or no scheduler answers at the address.
    """
    if not blocks:
        return []
    if "://" in scheduler:
        return _on_running_scheduler(blocks, scheduler, progress)
    count = min(worker_count(workers), len(blocks))
    with _reporting(blocks, progress):
        if scheduler == "threads" or count == 1:
            return list(_compute(*blocks, scheduler="threads", num_workers=count))
        return _on_processes(blocks, count)


def dashboard_of(scheduler: str) -> str | None:
    """Give the address of a running scheduler's dashboard; None for local workers, or where it has none.

    Raises:
        ArchiveError: No scheduler answers at the address.
    """
    if "://" not in scheduler:
        return None
    with _connected(scheduler) as client:
        services = client.scheduler_info().get("services", {})
        return str(client.dashboard_link) if "dashboard" in services else None


def _on_processes(blocks: Sequence[Delayed], count: int) -> list[int]:
    # loky, unlike multiprocessing, does not run the caller's script again in every process, so scripts need
    # no `if __name__ == "__main__"`; and it notices a worker that was killed.
    from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

    try:
        with ProcessPoolExecutor(max_workers=count) as pool:
            return list(_compute(*blocks, scheduler="processes", pool=pool))
    except BrokenExecutor as error:
        raise _workers_died("processes", error) from None


def _on_running_scheduler(blocks: Sequence[Delayed], address: str, progress: Progress | None) -> list[int]:
    """Compute on a cluster; where its scheduler is started anew, send it what is not done yet.

    A scheduler that was lost twice without one block done in between is given up.
    """
    done: dict[int, int] = {}
    lost_at = -1
    while len(done) < len(blocks):
        with _connected(address) as client:
            _await_worker(client)
            whole = _take(client, blocks, done, progress)
        if whole:
            break
        if lost_at == len(done):
            raise ArchiveError(f"Dask scheduler {address}", "a scheduler that stays", "one lost twice",
                               "Look at its log, and run again: finished blocks stay.")  # fmt: skip
        lost_at = len(done)
    return [done[i] for i in range(len(blocks))]


def _take(client: Any, blocks: Sequence[Delayed], done: dict[int, int], progress: Progress | None) -> bool:
    """Compute the blocks that are not done; False if the scheduler was lost before all were."""
    import distributed

    finished: SimpleQueue[Any] = SimpleQueue()
    left = [i for i in range(len(blocks)) if i not in done]
    futures = client.compute([blocks[i] for i in left])
    which = {future.key: i for future, i in zip(futures, left, strict=True)}
    for future in futures:
        future.add_done_callback(finished.put)
    try:
        while which:
            future = _next(finished, client)
            if future is None or future.status in ("cancelled", "lost"):
                return False
            done[which.pop(future.key)] = future.result(timeout=PATIENCE_S)
            future.release()
            if progress is not None:
                progress(len(done), len(blocks))
    except distributed.KilledWorker as error:
        raise _workers_died(client.scheduler.address, error) from None
    except (distributed.client.FutureCancelledError, distributed.comm.core.CommClosedError):
        return False
    finally:
        if which and client.status == "running":
            client.cancel([future for future in futures if future.key in which])
    return True


def _next(finished: SimpleQueue[Any], client: Any) -> Any | None:
    """Give the next block that is done; None where the scheduler is lost.

    Raises:
        ArchiveError: All workers are gone, and none came back.
    """
    while client.status == "running":
        try:
            return finished.get(timeout=LOOK_S)
        except Empty:
            try:
                _await_worker(client)
            except (OSError, Cancelled):
                return None
    return None


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    import distributed

    connect: Callable[..., Any] = distributed.Client
    try:
        client = connect(address, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ArchiveError(f"Dask scheduler {address}", "a running scheduler", f"no answer ({error})",
                           "Start it, or correct compute.scheduler.") from None  # fmt: skip
    told = logging.getLogger("distributed.client")
    before = told.level
    told.setLevel(logging.CRITICAL)  # what it logs of a lost scheduler is told by what is done about it
    try:
        with client:
            yield client
    finally:
        told.setLevel(before)


def _await_worker(client: Any) -> None:
    """Wait for a worker: without one a scheduler would keep the blocks, and its client, for ever."""
    until = time.monotonic() + PATIENCE_S
    while client.status == "running" and not client.scheduler_info(n_workers=1)["workers"]:
        if time.monotonic() > until:
            where, found = f"Dask scheduler {client.scheduler.address}", f"none for {PATIENCE_S:g} s"
            raise ArchiveError(where, "at least one worker", found, "Start `dask worker`s that name this scheduler.")
        time.sleep(0.1)


@contextmanager
def _reporting(blocks: Sequence[Delayed], progress: Progress | None) -> Iterator[None]:
    if progress is None:
        yield
        return
    waiting = {block.key for block in blocks}

    def posttask(key: Any, *_: Any) -> None:
        if key in waiting:
            waiting.remove(key)
            progress(len(blocks) - len(waiting), len(blocks))

    with _callback(posttask=posttask):
        yield


def _workers_died(where: str, error: BaseException) -> ArchiveError:
    found = f"{type(error).__name__}: {error}"
    return ArchiveError(f"Dask on {where}", "workers that finish their blocks", found,
                        "Look for memory running out, use fewer workers, and run again: finished blocks "
                        "stay.")  # fmt: skip
