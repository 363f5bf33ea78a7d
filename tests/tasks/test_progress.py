from __future__ import annotations

import httpx
import pytest
from prefect import flow

from tasks import progress
from tasks.policy import pure_task


def test_only_what_happens_inside_is_watched() -> None:
    seen: list[tuple[str, int, int]] = []
    progress.Progress("before")(1, 2)
    with progress.watched_by(lambda *told: seen.append(told)):
        progress.Progress("inside")(1, 2)
        progress.Progress("inside")(2, 2)
    progress.Progress("after")(1, 2)
    assert seen == [("inside", 1, 2), ("inside", 2, 2)]


@pytest.mark.parametrize(("patience", "artifacts"), [(0.0, 1), (3600.0, 0)])
def test_a_step_that_lasts_gets_one_artifact_that_is_updated(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch, patience: float, artifacts: int
) -> None:
    monkeypatch.setattr(progress, "ARTIFACT_SECONDS", patience)
    name = f"counting {patience}"

    @pure_task(name="count")
    def count() -> None:
        told = progress.Progress(name)
        for done in range(1, 4):
            told(done, 3)

    @flow(name="count")
    def counting() -> None:
        count()

    counting()
    found = httpx.post(f"{prefect_server}/artifacts/filter", json={}, timeout=30).json()
    ours = [artifact for artifact in found if artifact["description"] == name]
    assert [artifact["data"] for artifact in ours] == [100.0] * artifacts
