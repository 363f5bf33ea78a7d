"""The event that a study's verdict changed, for automations of Prefect to answer.

An automation matches the resource's labels: `prefect.resource.id` is `offband.study.NAME` whatever the snapshot, the
study file or the server; `offband.verdict` is the new verdict, `offband.verdict.before` the one before. The payload is
for what the automation sends on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.events import emit_event
from prefect.events.schemas.events import Event
from prefect.exceptions import EventTooLarge
from prefect.logging import get_run_logger

from spectral_core.errors import AuditError
from spectral_core.study import Study
from tasks.policy import io_task

if TYPE_CHECKING:
    from tasks.auditing import Audited

VERDICT_CHANGED = "offband.verdict.changed"


@dataclass(frozen=True)
class PastVerdict:
    """What the audit before came to, and the snapshot that it was made on."""

    verdict: str
    snapshot: str


def resource_id(study_name: str) -> str:
    """Name the resource of a study's events.

    Example:
        >>> resource_id("brewed-coffee")
        'offband.study.brewed-coffee'
    """
    return f"offband.study.{study_name}"


@io_task(name="recall last verdict")
def recall_verdict(study: Study) -> PastVerdict | None:
    """Give the verdict of the study's last audit, None before the first; ask before the next audit is written.

    The last audit is the newest report.json in the study's results that is of this study; a report that cannot be read
    is passed over and named in the log. Audits of somebody's model lie deeper, and are none of the study.
    """
    return last_verdict(study, tell=get_run_logger().warning)


@io_task(name="announce verdict")
def announce_verdict(study: Study, snapshot: str, before: PastVerdict | None, audited: Audited) -> None:
    """Emit an event if the verdict is another than before; no event, and no failed one, changes the run."""
    if before is None or before.verdict == audited.verdict:
        return
    if emit_change(study, snapshot, before, audited) is None:
        get_run_logger().warning("%s could not be emitted: no automation learns of it", VERDICT_CHANGED)
    else:
        get_run_logger().info("%s: %s, was %s", VERDICT_CHANGED, audited.verdict, before.verdict)


def last_verdict(study: Study, *, tell: Callable[[str], None]) -> PastVerdict | None:
    """Find the newest readable report of a study among its results.

    Args:
        study: Its name and its results count; what else it declares may have changed since.
        tell: Told which reports cannot be read, and why.
    """
    from spectral_core.comparison import read_report  # with the audit's own imports, which are slow

    for file in sorted(study.results.glob("*/report.json"), key=_written, reverse=True):
        try:
            report = read_report(file)
        except AuditError as error:
            tell(f"passed over in search of the last verdict: {error}")
            continue
        if (report.get("study") or {}).get("name") == study.name:
            return PastVerdict(str(report["verdict"]), str(report.get("archive_snapshot") or ""))
    return None


def emit_change(study: Study, snapshot: str, before: PastVerdict, audited: Audited) -> Event | None:
    """Hand the event to Prefect, which sends it beside the run and logs what it could not send.

    Returns:
        The event; None where Prefect did not take it.
    """
    report = json.loads(audited.report_json.read_text(encoding="utf-8"))
    labels = {
        "prefect.resource.id": resource_id(study.name), "prefect.resource.name": study.name,
        "offband.verdict": audited.verdict, "offband.verdict.before": before.verdict,
    }  # fmt: skip
    payload = {
        "study": study.name, "snapshot": snapshot, "snapshot_before": before.snapshot,
        "from": before.verdict, "to": audited.verdict, "summary": audited.summary,
        "reasons": [{"code": code, "message": message} for code, message in audited.reasons],
        "report": str(audited.report_html), "mlflow_run_id": report["provenance"].get("mlflow_run_id", ""),
    }  # fmt: skip
    with suppress(EventTooLarge):
        return emit_event(VERDICT_CHANGED, resource=labels, payload=payload)
    return None


def _written(file: Path) -> int:
    # a folder may be cleared away meanwhile
    with suppress(OSError):
        return file.stat().st_mtime_ns
    return 0
