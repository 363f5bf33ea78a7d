"""Read the study."""

from __future__ import annotations

from pathlib import Path

from spectral_core.study import Study, load_study
from tasks.policy import io_task


@io_task(name="read study")
def read_study(study: Study | Path) -> Study:
    """Give the study behind a path, or the study itself."""
    return study if isinstance(study, Study) else load_study(study)
