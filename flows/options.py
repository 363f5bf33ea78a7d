"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Verdict(StrEnum):
    """The five verdicts, as the command line spells them."""

    artefact = "artefact"
    no_signal = "no_signal"
    unexplained = "unexplained"
    supported = "supported"
    inconclusive = "inconclusive"


StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file (TOML).", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what Prefect logs, and tracebacks.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", help="Audit this model of MLflow: models:/NAME@ALIAS, models:/NAME/VERSION or runs:/ID/PATH.",
        show_default=False,
    ),
]  # fmt: skip
Variant = Annotated[
    str | None,
    typer.Option(
        "--variant", help="With --model, the chain that its spectra went through; what its tags say, or raw, without.",
        show_default=False,
    ),
]  # fmt: skip
TrustPickle = Annotated[
    bool,
    typer.Option("--trust-pickle", help="With --model, load it even if that may run code that its author wrote."),
]
FailUnless = Annotated[
    Verdict | None,
    typer.Option("--fail-unless", help="Exit with status 1 if the verdict is another.", show_default=False),
]
HtmlPage = Annotated[
    Path | None, typer.Option("--html", help="Write this file too: one self-contained page.", show_default=False)
]
AUDIT = "A report.json, a folder of results, STUDY@SNAPSHOT, or an MLflow run."
