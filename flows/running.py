"""Start flows from the command line: check the study first, which costs nothing, then Prefect, which costs seconds."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_core.archive import check_claimable, open_archive
from spectral_core.errors import StudyError
from spectral_core.regions import locate_regions
from spectral_core.samples import load_samples
from spectral_core.study import Study, load_study

if TYPE_CHECKING:
    from flows.terminal import Terminal
    from spectral_core.ingest import IngestReport
    from tasks.auditing import Audited
    from tasks.runs import PipelineResult


def checked_study(study_file: Path, *, archived: bool = False) -> Study:
    """Read a study and refuse at once what would fail later: a missing inbox, a bad sheet, a foreign archive.

    Args:
        study_file: The study.
        archived: Whether the spectra must be archived already; the inbox is not looked at then.

    Raises:
        OffbandError: The study, its inbox, sheet or archive cannot be used, or a region is outside the axis.
    """
    study = load_study(study_file)
    if archived:
        open_archive(study.archive)
    else:
        _check_inbox(study, study_file)
        load_samples(study.samples)
        check_claimable(study.archive)
    _check_regions(study)
    return study


def run_pipeline(terminal: Terminal, study: Study, study_file: Path) -> PipelineResult:
    """Run the whole pipeline."""
    with prefect_for(terminal, study):
        from flows.pipeline import pipeline

        return pipeline(study, command=_command("run", study_file))


def run_ingest(terminal: Terminal, study: Study) -> IngestReport:
    """Run ingestion alone."""
    with prefect_for(terminal, study):
        from flows.ingest import ingest

        return ingest(study)


def run_audit(terminal: Terminal, study: Study, study_file: Path, snapshot: str | None) -> Audited:
    """Run the audit alone, on a snapshot of the archive or its latest."""
    opened = open_archive(study.archive)
    opened.metadata(snapshot)
    with prefect_for(terminal, study):
        from flows.audit import audit

        name = snapshot or opened.snapshot()
        origin = {"command": _command("audit", study_file, "--snapshot", name)}
        return audit(study, name, origin=origin)


@contextmanager
def prefect_for(terminal: Terminal, study: Study) -> Iterator[None]:
    """Import Prefect, show progress on the terminal, and keep Prefect's own report of failures off it.

    Raises:
        ConnectionError: PREFECT_API_URL names a server that does not answer.
    """
    terminal.say("Starting Prefect …")
    from prefect import tags

    from flows.doctor import prefect_server
    from tasks.progress import watched_by

    for finding in prefect_server():
        if finding.status == "wrong":
            raise ConnectionError(f"{finding.topic}: {finding.found}. {finding.remedy}")
    if not terminal.verbose:
        _silence_failures()
    with tags("offband", f"study:{study.name}"), watched_by(terminal.step):
        yield


class _NotAFailure(logging.Filter):
    """Lets pass what is no failure of a run; those reach the user as one message, and the Prefect API anyway."""

    def filter(self, record: logging.LogRecord) -> bool:
        ours = record.name.startswith(("prefect.flow_runs", "prefect.task_runs"))
        return not (ours and record.levelno >= logging.ERROR)


def _silence_failures() -> None:
    from prefect.logging.handlers import PrefectConsoleHandler

    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_NotAFailure())


def _check_inbox(study: Study, study_file: Path) -> None:
    if not study.inbox.is_dir():
        found = "a file" if study.inbox.exists() else "no such folder"
        raise StudyError(
            f"{study_file}, key inbox", "a folder with instrument files", f"{study.inbox}, {found}",
            "Make the folder, or correct the key.",
        )  # fmt: skip


def _check_regions(study: Study) -> None:
    from spectral_core.archive import is_archive

    axis = open_archive(study.archive).axis() if is_archive(study.archive) else None
    if axis is not None:
        locate_regions(
            axis.positions, axis_unit=axis.unit, bands=study.band_intervals(), blanks=study.blank_intervals()
        )


def _command(*words: object) -> str:
    return shlex.join(["offband", *(str(word) for word in words)])
