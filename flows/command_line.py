"""The command `offband`.

Exit status: 0 when the work was done, whatever the verdict; 2 for bad input; 1 for a failure, or for a verdict other
than `--fail-unless` asks for. Everything heavy is imported by the command that needs it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.options import AUDIT, FailUnless, HtmlPage, Json, Model, StudyFile, TrustPickle, Variant, Verbose
from flows.schedule import NIGHTLY, SCAN_MINUTES, TIMEZONE, Schedule, checked_schedule
from flows.terminal import FAILURE, Terminal

app = typer.Typer(
    name="offband",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tell whether a model's accuracy on spectra is chemistry or an artefact of high dimension.",
    epilog="Begin with: offband demo",
)


def main() -> None:
    """Run the command line; nothing but its answer reaches stdout, whatever a library prints there."""
    sys.stdout.flush()
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(answers, "w", encoding="utf-8")
    app()


@app.command(epilog="Example: offband demo  (then look at demo/results)")
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's files go.")] = Path("demo"),
    fail_unless: FailUnless = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write sixty real coffee spectra into an inbox and run the ordinary pipeline on them."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from spectral_core.demo import NOTES, write_demo

        written = write_demo(folder)
        terminal.say("\n".join(NOTES))
        _run(terminal, written.study_file, fail_unless)


@app.command(epilog="Example: offband run study.toml --fail-unless supported")
def run(study: StudyFile, fail_unless: FailUnless = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Ingest what is new, preprocess, train, and audit: the whole pipeline of a study."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        _run(terminal, study, fail_unless)


@app.command(epilog="Example: offband ingest study.toml")
def ingest(study: StudyFile, as_json: Json = False, verbose: Verbose = False) -> None:
    """Archive the new files of a study's inbox; files that cannot be read go to quarantine, with the reason."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.answers import answer_ingestion
        from flows.running import checked_study, run_ingest

        plan = checked_study(study)
        answer_ingestion(terminal, plan, run_ingest(terminal, plan))


@app.command(epilog="Example: offband audit study.toml --snapshot 1CECHNKREP0F1RSTCMT0")
def audit(
    study: StudyFile,
    snapshot: Annotated[
        str | None, typer.Option(help="The archive's snapshot to audit; the latest without it.")
    ] = None,
    model: Model = None,
    variant: Variant = None,
    trust_pickle: TrustPickle = False,
    fail_unless: FailUnless = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Judge whether the declared bands explain the accuracy, on what is archived already."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.answers import answer_audit
        from flows.running import asked_model, checked_study, run_audit

        plan, asked = checked_study(study, archived=True), asked_model(model, variant, trust_pickle)
        audited = run_audit(terminal, plan, study, snapshot, asked)
        _exit_unless(fail_unless, answer_audit(terminal, plan, audited))


@app.command(epilog="Example: offband compare study.toml@1CECHNKR study.toml@7GDRPM2V --html changes.html")
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=AUDIT, show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="The audit to compare with A.", show_default=False)],
    study: Annotated[Path | None, typer.Option(help="Whose snapshots, archive and MLflow are meant.")] = None,
    tracking: Annotated[str | None, typer.Option(help="MLflow's URI, for runs.")] = None,
    html: HtmlPage = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what changed from one audit to another, and what of it is more than noise."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.comparing import find_side
        from flows.comparison_answers import answer_comparison

        before, after = (find_side(name, study_file=study, tracking=tracking) for name in (a, b))
        answer_comparison(terminal, before, after, html)


@app.command(epilog="Example: offband history study.toml --html history.html")
def history(study: StudyFile, html: HtmlPage = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Show verdict and key figures of all audits of a study over time, and where something turned."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.comparing import find_history
        from flows.comparison_answers import answer_history

        answer_history(terminal, find_history(study), html)


@app.command(epilog="Example: offband experiments --quick --out experiments")
def experiments(
    out: Annotated[
        Path, typer.Option(help="Folder for results, figures and document; a later run goes on there.")
    ] = Path("experiments"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Few seeds and sizes: two or three minutes, not some twenty.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this experiment; may be given several times.", show_default=False)
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Put the statements behind offband to the test, on spectra with planted truth and on real ones."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.experiment_answers import answer_experiments, planned, run_experiments

        plan = planned(out, quick=quick, only=only)
        answer_experiments(terminal, plan, run_experiments(terminal, plan))


@app.command(epilog='Example: offband serve study.toml --nightly "30 2 * * *" --timezone Europe/Zurich')
def serve(
    study: StudyFile,
    scan_minutes: Annotated[float, typer.Option(help="Minutes between two scans of the inbox.")] = SCAN_MINUTES,
    nightly: Annotated[str, typer.Option(help="Cron line of the whole pipeline with its audit.")] = NIGHTLY,
    timezone: Annotated[str, typer.Option(help="Time zone of the cron line, an IANA name.")] = TIMEZONE,
    prefect_port: Annotated[int, typer.Option(help="Port of Prefect, unless PREFECT_API_URL names one.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow, unless the study names a server.")] = 5000,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Watch and scan the inbox and run the pipeline every night, until Ctrl-C or SIGTERM; on this machine only."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.running import checked_study
        from flows.serve import serve_study

        plan = checked_study(study)
        schedule = Schedule(str(study.resolve()), plan.name, scan_minutes, nightly, timezone)
        checked_schedule(schedule)
        serve_study(terminal, plan, schedule, prefect_port=prefect_port, mlflow_port=mlflow_port)


@app.command(epilog="Example: offband verify archive --inbox inbox")
def verify(
    archive: Annotated[
        str, typer.Argument(metavar="ARCHIVE", help="The archive: a folder, or s3://bucket/prefix.", show_default=False)
    ],
    inbox: Annotated[
        Path | None, typer.Option(help="Where its files come from, if not where ingestion found them.")
    ] = None,
    intake: Annotated[
        Path | None, typer.Option(help="Ledger and quarantine of an archive at s3://; without it only the store.")
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Prove that archive, ledger, quarantine and inbox agree, recomputing every hash; status 1 if anything is off."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.answers import answer_verification
        from spectral_core.archive import verify_archive

        def progress(done: int, total: int) -> None:
            terminal.step("comparing spectra and files", done, total)

        if not answer_verification(terminal, verify_archive(archive, inbox=inbox, intake=intake, progress=progress)):
            raise typer.Exit(FAILURE)


@app.command(epilog="Example: offband doctor study.toml")
def doctor(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", show_default=False)] = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what is installed, what a run would use, and what is wrong; status 1 if anything is."""
    with Terminal(as_json=as_json, verbose=verbose) as terminal:
        from flows.answers import answer_findings
        from flows.doctor import examine

        if not answer_findings(terminal, examine(study)):
            raise typer.Exit(FAILURE)


def _run(terminal: Terminal, study: Path, fail_unless: FailUnless) -> None:
    from flows.answers import answer_pipeline
    from flows.running import checked_study, run_pipeline

    plan = checked_study(study)
    _exit_unless(fail_unless, answer_pipeline(terminal, plan, run_pipeline(terminal, plan, study)))


def _exit_unless(wanted: FailUnless, verdict: str) -> None:
    if wanted is not None and verdict != wanted:
        raise typer.Exit(FAILURE)
