"""Where blocks of spectra are computed: Dask on threads, on processes, or on a running scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager, contextmanager
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
        ArchiveError: Workers died, or no scheduler answers at the address.
    """
    if "://" in scheduler:
        return _on_running_scheduler(blocks, scheduler, progress)
    count = min(worker_count(workers), len(blocks))
    with _reporting(blocks, progress):
        if scheduler == "threads" or count == 1:
            return list(_compute(*blocks, scheduler="threads", num_workers=count))
        return _on_processes(blocks, count)


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
    import distributed

    connect: Callable[..., Any] = distributed.Client
    as_completed: Callable[..., Iterator[Any]] = distributed.as_completed
    try:
        client = connect(address, timeout="30s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ArchiveError(f"Dask scheduler {address}", "a running scheduler", f"no answer ({error})",
                           "Start it, or correct compute.scheduler.") from None  # fmt: skip
    with client:
        futures = client.compute(list(blocks))
        try:
            for done, future in enumerate(as_completed(futures, loop=client.loop), start=1):
                future.result()
                if progress is not None:
                    progress(done, len(blocks))
        except distributed.KilledWorker as error:
            raise _workers_died(address, error) from None
        finally:
            client.cancel([future for future in futures if not future.done()])
        return list(client.gather(futures))


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
                        "Look for memory running out, use fewer workers, and run again.")  # fmt: skip
