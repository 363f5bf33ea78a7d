"""What the commands answer: sentences for people, one document for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

from flows.servers import mlflow_command, prefect_command

if TYPE_CHECKING:
    from flows.doctor import Finding
    from flows.terminal import Terminal
    from spectral_core.archive import Verification
    from spectral_core.ingest_report import IngestReport
    from spectral_core.study import Study
    from tasks.auditing import Audited
    from tasks.runs import PipelineResult

MOST_QUARANTINED = 5
MOST_OFF = 20
_COLUMNS = {
    "balanced_accuracy_unit_folds": "units together",
    "balanced_accuracy_random_folds": "random folds",
    "balanced_accuracy_bands": "bands",
    "balanced_accuracy_off_band": "off-band",
    "balanced_accuracy_blank": "blanks",
    "p_association": "p",
}


def answer_ingestion(terminal: Terminal, study: Study, report: IngestReport) -> None:
    """Say what was archived and what went to quarantine, with the reasons."""
    terminal.show(*_ingestion_lines(study, report))
    terminal.answer({"study": study.name, "ingested": report.to_dict(), "archive": str(study.archive)})


def answer_audit(terminal: Terminal, study: Study, audited: Audited) -> str:
    """Say the verdict, why, and where the reports are; give the verdict."""
    commands = _viewing(study)
    terminal.show(*_verdict_lines(audited), "", *_viewing_lines(commands))
    terminal.answer(_audit_document(study, audited) | {"view": commands})
    return audited.verdict


def answer_pipeline(terminal: Terminal, study: Study, result: PipelineResult) -> str:
    """Say what was ingested, how the models did, the verdict and why; give the verdict."""
    commands = _viewing(study)
    terminal.show(
        *_ingestion_lines(study, result.ingested), "", _models_table(result.models), "",
        *_verdict_lines(result.audited), "", *_viewing_lines(commands),
    )  # fmt: skip
    further = {"ingested": result.ingested.to_dict(), "models": list(result.models), "view": commands}
    terminal.answer(_audit_document(study, result.audited) | further)
    return result.audited.verdict


def answer_findings(terminal: Terminal, findings: Iterable[Finding]) -> bool:
    """Print the doctor's findings as they come; say whether nothing is wrong."""
    shown = []
    for finding in findings:
        shown.append(finding)
        remedy = f"\n{'':9}→ {finding.remedy}" if finding.remedy else ""
        terminal.show(f"{finding.status:8} {finding.topic}: {finding.found}{remedy}")
    sound = all(finding.status != "wrong" for finding in shown)
    terminal.answer({"sound": sound, "findings": [asdict(finding) for finding in shown]})
    return sound


def answer_verification(terminal: Terminal, found: Verification) -> bool:
    """Say what was compared and what is off; say whether nothing is."""
    lines = [f"{found.archive}, snapshot {found.snapshot}: {found}"]
    lines += [f"  {discrepancy}" for discrepancy in found.discrepancies[:MOST_OFF]]
    if len(found.discrepancies) > MOST_OFF:
        lines.append(f"  and {len(found.discrepancies) - MOST_OFF} more; --json lists all")
    if found.digests < found.spectra:
        lines.append(
            f"  {found.spectra - found.digests} spectra were archived before digests were kept: not recomputed"
        )
    if found.new:
        lines.append(f"  {len(found.new)} files of the inbox were never ingested, {found.new[0]} among them")
    if found.gone:
        lines.append(f"  {found.gone} archived files no longer lie in the inbox")
    terminal.show(*lines)
    terminal.answer(found.to_dict())
    return found.sound


def _ingestion_lines(study: Study, report: IngestReport) -> list[str]:
    lines = [f"Ingested: {report}; {report.spectra_in_archive} spectra at snapshot {report.snapshot}"]
    lines += [f"  quarantined {file}: {reason}" for file, reason in report.quarantined[:MOST_QUARANTINED]]
    hidden = len(report.quarantined) - MOST_QUARANTINED
    return lines if hidden <= 0 else [*lines, f"  and {hidden} more in {study.intake_folder / 'quarantine'}"]


def _models_table(models: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Balanced accuracy of the models", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("variant")
    table.add_column("model")
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right")
    for model in models:
        cells = [_cell(model["metrics"].get(name)) for name in _COLUMNS]
        table.add_row(model["variant"], model["model"], *cells)
    return table


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _verdict_lines(audited: Audited) -> list[str]:
    lines = [f"Verdict: {audited.verdict}", f"  {audited.summary}"]
    for title, found in (("Reasons", audited.reasons), ("Caveats", audited.caveats)):
        if found:
            lines += ["", f"{title}:", *(f"  {code}: {message}" for code, message in found)]
    return [*lines, "", f"report.html  {audited.report_html}", f"report.json  {audited.report_json}"]


def _audit_document(study: Study, audited: Audited) -> dict[str, Any]:
    def coded(found: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
        return [{"code": code, "message": message} for code, message in found]

    return {
        "study": study.name,
        "verdict": audited.verdict,
        "summary": audited.summary,
        "reasons": coded(audited.reasons),
        "caveats": coded(audited.caveats),
        "report_html": str(audited.report_html),
        "report_json": str(audited.report_json),
    }


def _viewing(study: Study) -> dict[str, str]:
    from pathlib import Path

    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_UI_URL

    home = Path(PREFECT_HOME.value())
    prefect = prefect_command(api_url=PREFECT_API_URL.value(), ui_url=PREFECT_UI_URL.value(), home=home)
    return {"prefect": prefect, "mlflow": mlflow_command(study.tracking_uri)}


def _viewing_lines(commands: Mapping[str, str]) -> list[str]:
    return ["To look at the runs in a browser:", *(f"  {name:8} {what}" for name, what in commands.items())]
