"""Fetch the report of an audit back from an MLflow run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spectral_core.comparison import read_report
from spectral_core.errors import OffbandError
from spectral_core.storage import Place, place_from
from tasks.mlflow_store import connect, reaching

_ARTIFACT = "report.json"


@dataclass(frozen=True)
class LoggedReport:
    """The report of a run, and the archive that its dataset names (None where it names none)."""

    report: dict[str, Any]
    archive: Place | None


def report_of_run(uri: str, run_id: str) -> LoggedReport:
    """Read report.json off an MLflow run.

    Args:
        uri: Tracking server or database.
        run_id: The run of an audit or of a pipeline.

    Raises:
        OffbandError: There is no such database, the server does not answer, or the run has no report.json.
    """
    _refuse_missing(uri)
    with reaching(uri):
        run = connect(uri).get_run(run_id)
        held = [str(file.path) for file in connect(uri).list_artifacts(run_id)]
    if _ARTIFACT not in held:
        raise OffbandError(
            f"MLflow run {run_id}", f"an artifact {_ARTIFACT}", ", ".join(held) or "no artifact",
            "Name the run of a pipeline or of an audit; runs of models hang below it and hold none.",
        )  # fmt: skip
    with TemporaryDirectory(prefix="offband-report-") as folder:
        with reaching(uri):
            path = Path(connect(uri).download_artifacts(run_id, _ARTIFACT, folder))
        return LoggedReport(read_report(path), _archive(run))


def _archive(run: Any) -> Place | None:
    for dataset in run.inputs.dataset_inputs if run.inputs else []:
        if dataset.dataset.source_type == "offband-archive":
            return place_from(str(json.loads(dataset.dataset.source)["archive"]))
    return None


def _refuse_missing(uri: str) -> None:
    """Make no database where there is none: connecting would."""
    file = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:///") and not file.is_file():
        raise OffbandError(f"tracking {uri}", "an MLflow database", "no such file",
                           "Correct the address, or name a report.json instead.")  # fmt: skip
