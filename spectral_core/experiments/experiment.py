"""What an experiment is: cells to measure, a figure, and what its numbers say about each statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.results import Answer, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Finding:
    """What one part of an experiment says about one statement.

    `answer` was decided from the numbers by the rule that `rule` states: whether the statement holds, or that these
    seeds, sizes and spectra cannot tell. `when` names the condition that was examined, as it reads after "holds
    when"; `evidence` is a sentence with the numbers in it.
    """

    statement: str
    answer: Answer
    when: str
    evidence: str


@dataclass(frozen=True)
class Table:
    """Numbers shown beside a figure."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    `cells(quick)` lists what to measure, `measure` gives the numbers of one cell, `figure`, `table` and
    `findings` read the results. `what` says in a few sentences what was run, `reading` how to read the figure,
    `rule` how findings were decided.
    """

    name: str
    title: str
    what: str
    reading: str
    rule: str
    cells: Callable[[bool], list[Cell]]
    measure: Callable[[Cell], Numbers]
    figure: Callable[[Results], Figure]
    table: Callable[[Results], Table]
    findings: Callable[[Results], list[Finding]]
    note: Callable[[], str] = lambda: ""
