"""What several tests of readers share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def other_asd_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The class ASDFile of pyASDReader, whose import writes a log file where one stands."""
    monkeypatch.chdir(tmp_path)
    handlers = list(logging.getLogger().handlers)
    module = pytest.importorskip("pyASDReader")
    yield module.ASDFile
    for handler in [h for h in logging.getLogger().handlers if h not in handlers]:
        logging.getLogger().removeHandler(handler)
        handler.close()
