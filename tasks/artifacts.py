"""What the Prefect user interface shows of a run beside its states: names, tables, the verdict."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from prefect.artifacts import Artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from spectral_core.errors import OffbandError
from spectral_core.ingest_report import IngestReport
from spectral_core.study import Study
from tasks.environment import MLFLOW_ADDRESS
from tasks.policy import io_task
from tasks.study import read_study

if TYPE_CHECKING:
    from tasks.auditing import Audited

MOST_ROWS = 1000


def run_tags(study: Study, snapshot: str) -> list[str]:
    """Give the tags of every run that works on a study at a snapshot."""
    return ["offband", f"study:{study.name}", f"snapshot:{snapshot[:10]}"]


def run_name() -> str:
    """Name a flow run after its flow and the study it is given, before the snapshot is known; for `flow_run_name`.

    A study file that cannot be read gives its own name: the run says what is wrong with it soon enough.
    """
    study: Study | Path = flow_run.get_parameters()["study"]
    with suppress(OffbandError, OSError):
        study = read_study.fn(study)
    return f"{flow_run.get_flow_name()} {study.name}"


def artifact_key(what: str, study_name: str) -> str:
    """Name what is shown of a study; a page of artifacts keeps one entry a key, with what was shown before.

    Example:
        >>> artifact_key("verdict", "Brewed coffee (2026)")
        'verdict-brewed-coffee-2026'
    """
    return re.sub(r"[^a-z0-9]+", "-", f"{what}-{study_name}".lower()).strip("-")


@io_task(name="label run")
def label_run(study: Study, snapshot: str) -> None:
    """Name and tag the flow run after its study and snapshot, which is known only once files are ingested."""
    with get_client(sync_client=True) as client:
        name = f"{flow_run.get_flow_name()} {study.name} {snapshot[:10]}"
        tags = {*flow_run.get_tags(), *run_tags(study, snapshot)}
        client.update_flow_run(UUID(str(flow_run.get_id())), name=name, tags=sorted(tags))


@io_task(name="publish ingestion")
def publish_ingestion(study: Study, report: IngestReport) -> None:
    """Show what ingestion did, and every quarantined file with its reason, as table artifacts."""
    counts = {name: value for name, value in report.to_dict().items() if isinstance(value, int | str)}
    create_table_artifact(key=artifact_key("ingested", study.name), table=[counts], description=str(report))
    key, rows = artifact_key("quarantined", study.name), report.quarantined[:MOST_ROWS]
    # a table of files that have left quarantine must not stay the latest
    if rows or Artifact.get(key) is not None:
        create_table_artifact(
            key=key, table=[{"file": file, "reason": reason} for file, reason in rows],
            description=f"{len(report.quarantined)} files in quarantine",
        )  # fmt: skip


@io_task(name="publish verdict")
def publish_verdict(study: Study, snapshot: str, audited: Audited) -> None:
    """Show the verdict with its reasons, its caveats and the way to report and MLflow run as a markdown artifact."""
    report = json.loads(audited.report_json.read_text(encoding="utf-8"))
    links = mlflow_links(study, report["provenance"].get("mlflow_run_id", ""))
    create_markdown_artifact(
        key=artifact_key("verdict", study.name), markdown=verdict_markdown(study, snapshot, audited, links=links),
        description=f"{study.name} @ {snapshot[:10]}: {audited.verdict}",
    )  # fmt: skip


def mlflow_links(study: Study, run_id: str) -> str:
    """Write links to the report and the page of a run in MLflow as Markdown.

    Browsers follow no link from a page of a server to a file on disk, so the report's is to the copy that MLflow keeps.

    Args:
        study: Its tracking server is where people see MLflow; else `offband serve` said where, in the environment.
        run_id: The run, "" for none.

    Returns:
        The links; the id alone where no address is known or nobody answers there; "" without a run.
    """
    served = study.tracking_uri if study.tracking_uri.startswith(("http://", "https://")) else ""
    address = (served or os.environ.get(MLFLOW_ADDRESS, "")).rstrip("/")
    if not (address and run_id):
        return f"MLflow run `{run_id}`" if run_id else ""
    try:
        told = httpx.get(f"{address}/api/2.0/mlflow/runs/get", params={"run_id": run_id}, timeout=5).json()
        page = f"{address}/#/experiments/{told['run']['info']['experiment_id']}/runs/{run_id}"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError):
        return f"MLflow run `{run_id}`"
    kind = "?workflowType=machine_learning"
    return f"[Report]({page}/artifacts/report.html{kind}) · [MLflow run]({page}{kind})"


def verdict_markdown(study: Study, snapshot: str, audited: Audited, *, links: str = "") -> str:
    """Write the verdict as Markdown; `links` lead to the report and its run."""
    lines = [f"# {audited.verdict}", audited.summary, f"Study `{study.name}`, snapshot `{snapshot}`."]
    lines += [links] if links else []
    for title, found in (("Reasons", audited.reasons), ("Caveats", audited.caveats)):
        if found:
            lines += [f"## {title}", "\n".join(f"- `{code}`: {message}" for code, message in found)]
    return "\n\n".join([*lines, f"Report on disk: `{audited.report_html}`"]) + "\n"
