"""What the user sees: progress and errors on stderr, the answer on stdout, one JSON document if asked for."""

from __future__ import annotations

import json
import sys
import traceback
from types import TracebackType
from typing import Any, Self

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from spectral_core.errors import OffbandError
from tasks.environment import quieten

DONE, FAILURE, BAD_INPUT = 0, 1, 2
"""Exit statuses: the work was done whatever the verdict; it could not be done; the input is at fault."""

WIDTH = 160
"""Columns of an answer that goes to a file or another program."""

_TYPERS = (typer.Exit, typer.Abort, typer.BadParameter)


class Terminal:
    """One command's terminal: a context that turns every error into one message and an exit status.

    Args:
        as_json: Answer with one JSON document on stdout, errors included.
        verbose: Show what Prefect logs, and tracebacks.
    """

    def __init__(self, *, as_json: bool, verbose: bool) -> None:
        self.as_json, self.verbose = as_json, verbose
        self._out = Console(soft_wrap=True, highlight=False)
        if not self._out.is_terminal:
            self._out.width = WIDTH
        self._err = Console(stderr=True, highlight=False)
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TimeElapsedColumn(), console=self._err, disable=not self._err.is_terminal,
        )  # fmt: skip
        self._steps: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if not self.verbose:
            quieten()
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        if isinstance(error, KeyboardInterrupt):
            self.say("offband: interrupted; what was archived stays, and the next run goes on from there")
        if isinstance(error, OffbandError):
            self._refuse(error)
            raise typer.Exit(BAD_INPUT) from None
        if isinstance(error, Exception) and not isinstance(error, _TYPERS):
            self._fail(error)
            raise typer.Exit(FAILURE) from None

    def step(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` pieces of a step are done; a step appears when first named."""
        if what not in self._steps:
            self._steps[what] = self._progress.add_task(what, total=total)
            if self._progress.disable:
                self.say(what)
        self._progress.update(self._steps[what], completed=done, total=total)

    def say(self, text: str) -> None:
        """Print a line about what is going on."""
        self._err.print(text, markup=False, soft_wrap=True)

    def show(self, *renderables: RenderableType) -> None:
        """Print the answer for a person; nothing when a machine asked."""
        self._progress.stop()
        if not self.as_json:
            for renderable in renderables:
                self._out.print(renderable, markup=False)

    def answer(self, document: dict[str, Any]) -> None:
        """Print the answer for a machine, as the only line on stdout; nothing when a person asked."""
        if self.as_json:
            typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))

    def _refuse(self, error: OffbandError) -> None:
        self._trace(error)
        self._err.print(f"offband: {error}", markup=False, soft_wrap=True)
        parts = {name: getattr(error, name) for name in ("where", "expected", "found", "remedy")}
        self.answer({"error": {"kind": type(error).__name__, **parts}, "exit_status": BAD_INPUT})

    def _fail(self, error: Exception) -> None:
        self._trace(error)
        what = f"{type(error).__name__}: {error}"
        hint = "" if self.verbose else " (--verbose shows where)"
        self._err.print(f"offband failed: {what}{hint}", markup=False, soft_wrap=True)
        self.answer({"error": {"kind": type(error).__name__, "message": str(error)}, "exit_status": FAILURE})

    def _trace(self, error: Exception) -> None:
        if self.verbose:
            traceback.print_exception(error, file=sys.stderr)
