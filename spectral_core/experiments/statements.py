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
HOLDS, WHEN, NOT, UNTOLD = "holds", "holds when …", "does not hold here", "not examined in this run"


@dataclass(frozen=True)
class Outcome:
    """What all findings together say about one statement.

    `word` is one of four; `under` and `not_under` are the conditions under which it held and did not.
    """

    word: str
    under: tuple[str, ...]
    not_under: tuple[str, ...]

    def __str__(self) -> str:
        examined = len(self.under) + len(self.not_under)
        counted = f" ({len(self.under)} of {examined} conditions examined)" if self.word == WHEN else ""
        return f"{self.word}{counted}"


def weigh(findings: Sequence[Finding]) -> Outcome:
    """Add up the findings on one statement.

    All hold: it holds. None: it does not hold here. Some: it holds when the conditions of those that do are met.

    Example:
        >>> told = [Finding("x", True, "noise differs", ""), Finding("x", False, "gain differs", "")]
        >>> print(weigh(told))
        holds when … (1 of 2 conditions examined)
        >>> weigh(told).under
        ('noise differs',)
    """
    yes = tuple(dict.fromkeys(f.when for f in findings if f.holds))
    no = tuple(dict.fromkeys(f.when for f in findings if not f.holds))
    word = UNTOLD if not findings else HOLDS if not no else NOT if not yes else WHEN
    return Outcome(word, yes, no)
