"""Progress of long steps, told to whoever watches: the terminal, and a progress artifact of the Prefect run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

Observer = Callable[[str, int, int], None]
"""Takes what is being done, how many pieces are done, and how many there are."""

_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)

ARTIFACT_SECONDS = 2.0
"""An artifact costs a request to the Prefect API: none for shorter steps, and at most one update in this time."""


@contextmanager
def watched_by(observer: Observer) -> Iterator[None]:
    """Tell the observer the progress of every step inside this context."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def tell_dashboard(scheduler: str) -> None:
    """Log the address of a Dask scheduler's dashboard, where one is used and has one."""
    from spectral_core.preprocessing.blocks import dashboard_of  # not for ingestion, which starts more quickly without

    if (dashboard := dashboard_of(scheduler)) is not None:
        get_run_logger().info("Dask dashboard: %s", dashboard)


class Progress:
    """Progress of one step; call it with the pieces done and their number.

    Example:
        >>> seen = []
        >>> with watched_by(lambda what, done, total: seen.append((what, done, total))):
        ...     Progress("reading files")(3, 60)
        >>> seen
        [('reading files', 3, 60)]
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._observer = _observer.get()
        self._told = time.monotonic()
        self._artifact: UUID | None = None

    def __call__(self, done: int, total: int) -> None:
        """Tell that `done` of `total` pieces are done."""
        if self._observer is not None:
            self._observer(self._what, done, total)
        now = time.monotonic()
        if now - self._told >= ARTIFACT_SECONDS and TaskRunContext.get() is not None:
            self._told = now
            self._publish(100.0 * done / max(total, 1))

    def _publish(self, percent: float) -> None:
        if self._artifact is None:
            self._artifact = cast(UUID, create_progress_artifact(progress=percent, description=self._what))
        else:
            update_progress_artifact(artifact_id=self._artifact, progress=percent)
