"""What the Prefect user interface shows of a run beside its states: names, tables, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from spectral_core.ingest_report import IngestReport
from spectral_core.study import Study
from tasks.policy import io_task

if TYPE_CHECKING:
    from tasks.auditing import Audited

MOST_ROWS = 1000


def run_tags(study: Study, snapshot: str) -> list[str]:
    """Give the tags of every run that works on a study at a snapshot."""
    return ["offband", f"study:{study.name}", f"snapshot:{snapshot[:10]}"]


@io_task(name="label run")
def label_run(study: Study, snapshot: str) -> None:
    """Name and tag the flow run after its study and snapshot, which is known only once files are ingested."""
    with get_client(sync_client=True) as client:
        name = f"{flow_run.get_flow_name()} {study.name} {snapshot[:10]}"
        client.update_flow_run(UUID(str(flow_run.get_id())), name=name, tags=run_tags(study, snapshot))


@io_task(name="publish ingestion")
def publish_ingestion(report: IngestReport) -> None:
    """Show what ingestion did, and every quarantined file with its reason, as table artifacts."""
    counts = {name: value for name, value in report.to_dict().items() if isinstance(value, int | str)}
    create_table_artifact(key="ingested", table=[counts], description=str(report))
    if report.quarantined:
        rows = [{"file": file, "reason": reason} for file, reason in report.quarantined[:MOST_ROWS]]
        create_table_artifact(
            key="quarantined", table=rows, description=f"{len(report.quarantined)} files in quarantine"
        )


@io_task(name="publish verdict")
def publish_verdict(study: Study, snapshot: str, audited: Audited) -> None:
    """Show the verdict with its reasons and caveats as a markdown artifact."""
    create_markdown_artifact(key="verdict", markdown=verdict_markdown(study, snapshot, audited))


def verdict_markdown(study: Study, snapshot: str, audited: Audited) -> str:
    """Write the verdict as Markdown."""
    lines = [f"# {audited.verdict}", audited.summary, f"Study `{study.name}`, snapshot `{snapshot}`."]
    for title, found in (("Reasons", audited.reasons), ("Caveats", audited.caveats)):
        if found:
            lines += [f"## {title}", "\n".join(f"- `{code}`: {message}" for code, message in found)]
    return "\n\n".join([*lines, f"Report: `{audited.report_html}`"]) + "\n"
