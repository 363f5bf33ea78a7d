"""Pipeline runs that are not over, noted on disk: what a killed process left open in MLflow, the next run closes.

A note lies in `results/open-runs` from before a run is created to its end, with a lock that the operating system takes
back from a process however it ends. MLflow knows the run by the id of its flow run, a tag. The note holds no tracking
URI, which may hold a password, but a hash of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from spectral_core.errors import room_for
from spectral_core.study import Study
from tasks.mlflow_store import RunReference, connect, reaching
from tasks.tracking import fail_run

LOST = "Its process ended without a word, or could not reach MLflow; what it archived, stored and trained is kept."


@dataclass(frozen=True)
class OpenRun:
    """A flow run whose run in MLflow is to be closed: where that is, its note on disk, the lock of its process."""

    uri: str
    experiment: str
    note: Path
    lock: FileLock

    def closed(self) -> None:
        """Remove the note: the run is over in MLflow too."""
        self.note.unlink(missing_ok=True)
        self.left()

    def left(self) -> None:
        """Give the lock back; while the note is there, the next run closes this one."""
        self.lock.release()
        if not self.note.exists():
            Path(self.lock.lock_file).unlink(missing_ok=True)

    def fail(self, message: str) -> int:
        """Mark the run failed, with its children, as far as they are open; say how many were.

        Raises:
            OffbandError: The tracking server or database does not answer; the note stays.
        """
        try:
            runs = _still_open(self.uri, self.experiment, self.note.stem)
            for run in runs:
                fail_run(run, message=message)
            self.closed()
        finally:
            self.left()
        return len(runs)


def note_open(study: Study, flow_run_id: str) -> OpenRun:
    """Note that this process works on a flow run, before anything of it is in MLflow.

    Raises:
        ArchiveError: The disk is full, or the folder cannot be written.
    """
    note = _folder(study) / f"{flow_run_id}.json"
    with room_for("the note of an open run", note.parent):
        note.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(note.with_suffix(".lock"))
        lock.acquire(timeout=10)
        content = {"experiment": study.experiment, "store": _hash_of(study.tracking_uri)}
        note.write_text(json.dumps(content), encoding="utf-8")
    return OpenRun(study.tracking_uri, study.experiment, note, lock)


def close_lost_runs(study: Study) -> int:
    """Mark as failed what runs of the study left open in its tracking store whose process is gone; say how many.

    Raises:
        OffbandError: The tracking server or database does not answer.
    """
    closed = 0
    for note in sorted(_folder(study).glob("*.json")):
        content = _content(note)
        if content.get("store") not in (None, _hash_of(study.tracking_uri)):
            continue  # of a store that the study has left
        lock = FileLock(note.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue  # its process lives
        experiment = str(content.get("experiment", study.experiment))
        closed += OpenRun(study.tracking_uri, experiment, note, lock).fail(LOST)
    return closed


def _still_open(uri: str, experiment_name: str, flow_run_id: str) -> list[RunReference]:
    """Give the run of a flow run and its children, as far as MLflow takes them for running; children first."""
    with reaching(uri):
        client = connect(uri)
        experiment = client.get_experiment_by_name(experiment_name)
        if experiment is None:
            return []
        of_experiment = [experiment.experiment_id]
        parents = client.search_runs(of_experiment, f"tags.`prefect.flow_run_id` = '{flow_run_id}'")
        children = [
            child
            for parent in parents
            for child in client.search_runs(of_experiment, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
        ]
        running = [run.info for run in [*children, *parents] if run.info.status == "RUNNING"]
        return [RunReference(uri, info.experiment_id, info.run_id) for info in running]


def _content(note: Path) -> dict[str, Any]:
    """Read a note; a full disk or a kill may have cut it short."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _folder(study: Study) -> Path:
    return study.results / "open-runs"


def _hash_of(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()[:16]
