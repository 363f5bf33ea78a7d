"""When a task is tried again, and why nothing is cached: declared once, for every task.

Only input and output is retried, and only for errors that can pass: a network share that is away for a moment, a
file that another program still holds. Bad input (`OffbandError`) and mistakes of ours stay what they are however
often they are repeated.

Prefect caches nothing: its cache hashes and pickles the inputs whole, and what is worth keeping is already
addressed by its content (the archive by sha256, variants by snapshot and chain).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

P = ParamSpec("P")
R = TypeVar("R")

_NEVER_PASS = (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError, PermissionError)


def may_pass(error: BaseException) -> bool:
    """Say whether trying again can help.

    Example:
        >>> may_pass(TimeoutError()), may_pass(PermissionError()), may_pass(ValueError())
        (True, False, False)
    """
    return isinstance(error, OSError) and not isinstance(error, _NEVER_PASS)


def _retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_pass(error)


def io_task(*, name: str, run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Declare a task that reads or writes: two retries, after 1 s and 5 s, for errors that can pass."""
    return task(
        name=name,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=2,
        retry_delay_seconds=[1, 5],
        retry_condition_fn=_retry,
    )


def pure_task(*, name: str, run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Declare a task that computes: it gives the same error however often it is tried."""
    return task(name=name, task_run_name=run_name, cache_policy=NO_CACHE, persist_result=False)
