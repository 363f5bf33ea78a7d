"""The statements that are put to the test, and how findings add up to a verdict on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spectral_core.experiments.experiment import Finding


@dataclass(frozen=True)
class Statement:
    """A statement under test; `claimed` says whether the abstract of the source makes it."""

    code: str
    text: str
    claimed: bool


STATEMENTS = (
    Statement("no_chemistry", "Near-perfect accuracy is reached where no chemical distinction exists.", True),
    Statement(
        "small_differences",
        "Differences caused by noise, normalisation or instruments become separable, "
        "however small, as channels multiply.",
        True,
    ),
    Statement("maps_astray", "Importance maps point at irrelevant regions.", True),
    Statement("complexity", "More complex models make it worse.", False),
    Statement("preprocessing", "More preprocessing makes it more pronounced.", False),
    Statement("reduce_dimension", "Reduce the dimension before classifying.", False),
    Statement("distrust", "Distrust an accuracy that is too good.", False),
    Statement("beyond", "It applies beyond spectroscopy.", False),
)
HOLDS, WHEN, NOT = "holds", "holds when …", "does not hold here"
OPEN, UNTOLD = "undecided here", "not examined in this run"


@dataclass(frozen=True)
class Outcome:
    """What all findings together say about one statement.

    `word` is one of five; `under`, `not_under` and `undecided` are the conditions under which it held, did not
    hold, and where the run cannot tell. How many there are of each was chosen with the experiments: it is no rate.
    """

    word: str
    under: tuple[str, ...]
    not_under: tuple[str, ...]
    undecided: tuple[str, ...]


def weigh(findings: Sequence[Finding]) -> Outcome:
    """Add up the findings on one statement.

    All hold: it holds. Some: it holds when the conditions of those that do are met. None, and one or more is clear:
    it does not hold here.

    Example:
        >>> told = [Finding("x", "yes", "noise differs", ""), Finding("x", "no", "gain differs", "")]
        >>> weigh(told).word, weigh(told).under
        ('holds when …', ('noise differs',))
    """
    yes, no, unsure = (
        tuple(dict.fromkeys(f.when for f in findings if f.answer == answer)) for answer in ("yes", "no", "undecided")
    )
    word = UNTOLD if not findings else WHEN if yes else NOT if no else OPEN
    return Outcome(HOLDS if yes and not no and not unsure else word, yes, no, unsure)
