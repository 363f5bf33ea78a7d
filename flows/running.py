"""Start flows from the command line, after a check of the study: Prefect costs seconds, bad input should not."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_core.archive import check_claimable, is_archive, open_archive
from spectral_core.errors import StudyError
from spectral_core.regions import locate_regions
from spectral_core.samples import load_samples
from spectral_core.study import Study, load_study

if TYPE_CHECKING:
    from flows.terminal import Terminal
    from spectral_core.ingest_report import IngestReport
    from tasks.auditing import Audited
    from tasks.mlflow_models import ModelAsked
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
    if is_archive(study.archive):
        _check_regions(study)
    return study


def run_pipeline(terminal: Terminal, study: Study, study_file: Path) -> PipelineResult:
    """Run the whole pipeline."""
    from flows.prefect_session import prefect_session

    _say_dashboard(terminal, study)
    with prefect_session(terminal, study):
        from flows.pipeline import pipeline

        return pipeline(study, command=_command("run", study_file))


def run_ingest(terminal: Terminal, study: Study) -> IngestReport:
    """Run ingestion alone."""
    from flows.prefect_session import prefect_session

    with prefect_session(terminal, study):
        from flows.ingest import ingest

        return ingest(study)


def run_audit(
    terminal: Terminal, study: Study, study_file: Path, snapshot: str | None, model: ModelAsked | None = None
) -> Audited:
    """Run the audit alone, on a snapshot of the archive or its latest, of the study or of somebody's model.

    Raises:
        ArchiveError: The archive is empty, or has no such snapshot.
    """
    archive = open_archive(study.archive)
    archive.metadata(snapshot)
    named = snapshot or archive.snapshot()
    from flows.prefect_session import prefect_session

    _say_dashboard(terminal, study)
    with prefect_session(terminal, study):
        from flows.audit import audit, audit_model

        words: list[object] = ["audit", study_file, "--snapshot", named]
        if model is None:
            return audit(study, named, origin={"command": _command(*words)})
        words += ["--model", model.address, *(["--variant", model.variant] if model.variant else [])]
        words += ["--trust-pickle"] if model.trust_pickle else []
        return audit_model(study, named, model, origin={"command": _command(*words)})


def asked_model(address: str | None, variant: str | None, trust_pickle: bool) -> ModelAsked | None:
    """Gather the options about a model, checked before any work.

    Raises:
        StudyError: The variant does not parse, or stands without a model.
    """
    if address is None:
        if variant is not None or trust_pickle:
            given = "--variant" if variant is not None else "--trust-pickle"
            raise StudyError(given, "a model", "no --model", "Name one, or leave the option out.")
        return None
    from spectral_core.preprocessing import parse_variant
    from tasks.mlflow_models import ModelAsked

    return ModelAsked(address, str(parse_variant(variant)) if variant else "", trust_pickle)


def _say_dashboard(terminal: Terminal, study: Study) -> None:
    """Name the dashboard of the Dask scheduler, if one is used; a scheduler that does not answer is told now."""
    from spectral_core.preprocessing.blocks import dashboard_of

    if (dashboard := dashboard_of(study.compute.scheduler)) is not None:
        terminal.say(f"Dask dashboard: {dashboard}")


def _check_inbox(study: Study, study_file: Path) -> None:
    if not study.inbox.is_dir():
        found = "a file" if study.inbox.exists() else "no such folder"
        raise StudyError(
            f"{study_file}, key inbox", "a folder with instrument files", f"{study.inbox}, {found}",
            "Make the folder, or correct the key.",
        )  # fmt: skip


def _check_regions(study: Study) -> None:
    axis = open_archive(study.archive).axis()
    if axis is not None:
        bands, blanks = study.band_intervals(), study.blank_intervals()
        locate_regions(axis.positions, axis_unit=axis.unit, bands=bands, blanks=blanks)


def _command(*words: object) -> str:
    return shlex.join(["offband", *(str(word) for word in words)])
