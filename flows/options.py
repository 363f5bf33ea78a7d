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
FailUnless = Annotated[
    Verdict | None,
    typer.Option("--fail-unless", help="Exit with status 1 if the verdict is another.", show_default=False),
]
