"""The laboratory of a calibration run: two processes, and what was found, written down at the end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.calibration.document import Findings, write
from tests.calibration.trial import two_processes

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"


@pytest.fixture(scope="session")
def findings() -> Iterator[Findings]:
    """What the tests of this session found; docs/calibration.md is written when every part was measured."""
    found = Findings()
    yield found
    if found.complete:
        DOCUMENT.write_text(write(found), encoding="utf-8")


@pytest.fixture(scope="session")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes for the whole session."""
    with two_processes() as workers:
        yield workers
