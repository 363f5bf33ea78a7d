"""Find what `offband compare` and `offband history` were asked about: reports on disk, snapshots, MLflow runs."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_core.archive import open_archive
from spectral_core.comparison import Side, read_report
from spectral_core.comparison.history import History, commit_times, history_of
from spectral_core.errors import ArchiveError, AuditError, OffbandError, StudyError
from spectral_core.storage import Place
from spectral_core.study import Study, load_study

if TYPE_CHECKING:
    import xarray as xr

_REPORT = "report.json"
_RUN = re.compile(r"(?:runs:/)?([0-9a-f]{32})/?")
_FOLDER = 10  # characters of a snapshot in the name of its results folder
_LEAST = 4  # characters that name a snapshot


def find_side(name: str, *, study_file: Path | None, tracking: str | None) -> Side:
    """Read one side of a comparison.

    Args:
        name: A report.json, a folder of results, STUDY@SNAPSHOT, a snapshot of `study_file`, or an MLflow run.
        study_file: The study whose archive and tracking are meant, if `name` does not say.
        tracking: Where the run is, if the study does not say.

    Raises:
        OffbandError: Nothing is found under this name, or it is no report.
    """
    study = None if study_file is None else load_study(study_file)
    path = Path(name)
    if path.is_file() or (path.is_dir() and not _RUN.fullmatch(name)):
        return _with_archive(name, read_report(_report_in(path)), study.archive if study else None)
    if run := _RUN.fullmatch(name):
        return _side_of_run(name, run.group(1), study, tracking)
    file, _, snapshot = name.rpartition("@")
    if file:
        return _side_of_snapshot(name, load_study(Path(file)), snapshot)
    if study is not None:
        return _side_of_snapshot(name, study, name)
    raise AuditError(
        name, "a report.json, a folder of results, STUDY@SNAPSHOT or an MLflow run", "none of these",
        "Check the path; a snapshot alone needs --study, a run --tracking or --study.",
    )  # fmt: skip


def find_history(study_file: Path) -> History:
    """Read every audit of a study that lies in its results folder.

    Raises:
        OffbandError: The study cannot be read, or there is no audit of it.
    """
    study = load_study(study_file)
    times, passed = _commit_times(study.archive)
    sides = []
    for path in sorted(study.results.glob(f"*/{_REPORT}")):
        try:
            report = read_report(path)
        except AuditError as error:
            passed.append(str(error))
            continue
        side = Side(str(path), report, written_at=times.get(str(report.get("archive_snapshot"))))
        if side.study == study.name:
            sides.append(side)
        else:
            passed.append(f"{path}: of the study {side.study!r}")
    if not sides:
        raise StudyError(str(study.results), f"audits of {study.name}", f"none that can be read ({len(passed)} other)",
                         f"Run one: offband run {study_file}")  # fmt: skip
    return history_of(study.name, sides, passed_over=passed)


def _report_in(path: Path) -> Path:
    if path.is_file():
        return path
    if (path / _REPORT).is_file():
        return path / _REPORT
    below = sorted(found.parent.name for found in path.glob(f"*/{_REPORT}"))
    found = f"none; {len(below)} folders below hold one, {', '.join(below[:3])} among them" if below else "none"
    raise AuditError(str(path), f"a {_REPORT} in it", found, "Name one of the folders that hold a report.")


def _side_of_run(name: str, run_id: str, study: Study | None, tracking: str | None) -> Side:
    uri = tracking or (study and study.tracking_uri)
    if not uri:
        raise OffbandError(name, "to know the tracking server of the run", "neither --tracking nor --study",
                           "Add --tracking URI, such as sqlite:////path/mlflow.db, or --study STUDY.")  # fmt: skip
    from tasks.mlflow_reports import report_of_run

    logged = report_of_run(uri, run_id)
    return _with_archive(name, logged.report, study.archive if study else logged.archive)


def _side_of_snapshot(name: str, study: Study, snapshot: str) -> Side:
    """Take the audit of a snapshot with the study as it stands, else the latest of that snapshot."""
    whole = _whole_snapshot(study, snapshot)
    folders = sorted(study.results.glob(f"{whole[:_FOLDER]}-*/{_REPORT}"), key=lambda file: file.stat().st_mtime)
    exact = study.results / f"{whole[:_FOLDER]}-{study.digest()[:10]}" / _REPORT
    if not folders:
        raise AuditError(
            name, "an audit of this snapshot", f"none in {study.results}",
            f"Audit it first: offband audit STUDY --snapshot {whole}",
        )  # fmt: skip
    return _with_archive(name, read_report(exact if exact in folders else folders[-1]), study.archive)


def _whole_snapshot(study: Study, snapshot: str) -> str:
    known = [found.id for found in open_archive(study.archive).history() if found.spectra]
    matching = [one for one in known if one.startswith(snapshot)] if len(snapshot) >= _LEAST else []
    if len(matching) == 1:
        return matching[0]
    found = f"{snapshot!r}, which fits {len(matching)}"
    expected = f"a snapshot of the archive, such as {', '.join(known[:3])}" if known else "an archive with spectra"
    raise ArchiveError(str(study.archive), expected, found,
                       f"Name it by {_LEAST} characters or more, as offband ingest prints it.")  # fmt: skip


def _with_archive(name: str, report: dict[str, object], archive: Place | None) -> Side:
    """Add what the archive knows of the report's snapshot, or why it was not asked."""
    snapshot = report.get("archive_snapshot")
    if archive is None or not snapshot:
        why = "no archive was named (--study STUDY)" if snapshot else "a report was not made from an archive"
        return Side(name, report, no_metadata=why)
    found = _metadata(archive, str(snapshot))
    times, _ = _commit_times(archive)
    written = times.get(str(snapshot))
    if isinstance(found, str):
        return Side(name, report, written_at=written, no_metadata=found)
    return Side(name, report, metadata=found, written_at=written)


def _metadata(archive: Place, snapshot: str) -> xr.Dataset | str:
    try:
        return open_archive(archive).metadata(snapshot)
    except ArchiveError as error:
        return f"the archive could not be read ({error.where}: {error.found})"


def _commit_times(archive: Place) -> tuple[dict[str, datetime], list[str]]:
    try:
        return dict(commit_times(open_archive(archive).history())), []
    except ArchiveError as error:
        return {}, [f"The archive could not be read ({error.found}), so audits come in the order they were made."]
