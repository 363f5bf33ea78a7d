"""Retries are for what can pass, and for nothing else; run on real Prefect tasks."""

from __future__ import annotations

import numpy as np
import pytest
from prefect import flow

from spectral_core.errors import ReadError
from tasks import policy


def _attempts(error: Exception, monkeypatch: pytest.MonkeyPatch) -> int:
    tried = []

    @policy.io_task(name="touch the disk")
    def touch() -> None:
        tried.append(1)
        if len(tried) < 3:
            raise error

    @flow(name="one touch")
    def once() -> None:
        touch.with_options(retry_delay_seconds=0)()

    try:
        once()
    except type(error):
        return len(tried)
    return len(tried)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (TimeoutError("the share was away for a moment"), 3),
        (PermissionError("not yours"), 1),
        (ReadError("a.csv", "spectra", "nothing", "Look at the file."), 1),
    ],
)
def test_a_task_is_tried_again_only_for_errors_that_can_pass(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch, error: Exception, attempts: int
) -> None:
    assert _attempts(error, monkeypatch) == attempts


def test_computing_tasks_are_never_retried_and_nothing_is_cached_or_persisted() -> None:
    @policy.pure_task(name="compute")
    def compute(x: object) -> object:
        return x

    @policy.io_task(name="read")
    def read(x: object) -> object:
        return x

    assert (compute.retries, read.retries) == (0, 2)
    for declared in (compute, read):
        assert declared.persist_result is False
        assert declared.cache_policy is not None
        assert declared.cache_policy.compute_key(None, {"x": np.ones(3)}, {}) is None  # type: ignore[arg-type]
