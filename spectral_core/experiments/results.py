"""Finished cells, averaged over seeds with their Monte-Carlo error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import betaincinv, stdtrit

from spectral_core.experiments.cells import Parameter, Row

Answer = Literal["yes", "no", "undecided"]


@dataclass(frozen=True)
class Estimate:
    """Mean over seeds, its standard error, and the number of seeds.

    The error is of the mean over seeds (0 for one seed: then nothing is known of it); cells whose number is
    NaN do not count. Where seeds split the same `spectra` again, how many they are limits what is clear.
    """

    mean: float
    error: float
    seeds: int
    spectra: float = math.inf

    @property
    def reach(self) -> float:
        """Half the 99 % interval of the mean, by Student's t over seeds: 64 errors of two seeds, 2.9 of twenty."""
        return float(stdtrit(self.seeds - 1, 0.995)) * self.error if self.seeds > 1 else math.inf

    def above(self, level: float) -> bool:
        """Whether the mean is clearly above a level: all of its 99 % interval is."""
        return self.mean - self.reach > level and self._binomial()[0] > level

    def below(self, level: float) -> bool:
        """Whether the mean is clearly below a level: all of its 99 % interval is."""
        return self.mean + self.reach < level and self._binomial()[1] < level

    def against(self, level: float) -> Answer:
        """Say whether the mean is above a level: clearly so, clearly not, or undecided by these seeds.

        Example:
            >>> [Estimate(mean, 0.02, 10).against(0.6) for mean in (0.7, 0.5, 0.62)]
            ['yes', 'no', 'undecided']
        """
        return "yes" if self.above(level) else "no" if self.below(level) else "undecided"

    def less(self, other: Estimate) -> Estimate:
        """Subtract an estimate from other seeds or other draws; of one from the same draws the error is too large."""
        return Estimate(self.mean - other.mean, math.hypot(self.error, other.error), min(self.seeds, other.seeds))

    def of_spectra(self, spectra: float) -> Estimate:
        """Say that an accuracy was taken of so many spectra, which every seed split again.

        A level is then clear only outside the exact 99 % interval of a share of them too (Clopper & Pearson,
        Biometrika 26:404, 1934).

        Example:
            >>> [Estimate(1.0, 0.0, 20).of_spectra(n).against(0.95) for n in (60, 200)]
            ['undecided', 'yes']
        """
        return replace(self, spectra=spectra)

    def _binomial(self) -> tuple[float, float]:
        n = self.spectra
        if math.isinf(n):
            return math.inf, -math.inf
        right = min(max(self.mean, 0.0), 1.0) * n
        low = float(betaincinv(right, n - right + 1, 0.005)) if right > 0 else 0.0
        return low, float(betaincinv(right + 1, n - right, 0.995)) if right < n else 1.0

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.error:.3f}" if self.seeds > 1 else f"{self.mean:.3f}"


@dataclass(frozen=True)
class Results:
    """Rows of one experiment; parts of it are taken by parameter."""

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Results:
        """Collect rows."""
        return cls(tuple(rows))

    def where(self, **wanted: Parameter) -> Results:
        """Keep the rows whose parameters have these values."""
        return Results(tuple(r for r in self.rows if all(r.parameters.get(k) == v for k, v in wanted.items())))

    def distinct(self, name: str) -> list[Parameter]:
        """List the values of a parameter in the order in which they first appear."""
        return list(dict.fromkeys(r.parameters[name] for r in self.rows if name in r.parameters))

    def numbers(self, name: str) -> list[float]:
        """List the values of a parameter as numbers, ascending."""
        return sorted(float(v) for v in self.distinct(name))

    def values(self, number: str) -> list[float]:
        """List a number of every row that has it and where it is not NaN."""
        found = (r.numbers.get(number, math.nan) for r in self.rows)
        return [v for v in found if not math.isnan(v)]

    def estimate(self, number: str, **wanted: Parameter) -> Estimate:
        """Average a number over the seeds of the rows with these parameters.

        Example:
            >>> rows = [Row({"d": 4}, seed, {"accuracy": a}, 0.0) for seed, a in enumerate((0.5, 0.7))]
            >>> print(Results.of(rows).estimate("accuracy", d=4))
            0.600 ± 0.100
        """
        return average(self.where(**wanted).values(number))

    @property
    def seeds(self) -> list[int]:
        """The seeds, ascending."""
        return sorted({r.seed for r in self.rows})

    @property
    def seconds(self) -> float:
        """Processor seconds of all cells."""
        return sum(r.seconds for r in self.rows)


def every(*answers: Answer) -> Answer:
    """Join answers that must all be yes.

    Example:
        >>> every("yes", "yes"), every("yes", "undecided"), every("undecided", "no")
        ('yes', 'undecided', 'no')
    """
    return "no" if "no" in answers else "undecided" if "undecided" in answers else "yes"


def by_answer(judged: Iterable[tuple[Answer, str]]) -> dict[Answer, str]:
    """Join what was judged alike, so that one answer is given once.

    Example:
        >>> by_answer([("yes", "5 %"), ("no", "1 %"), ("yes", "10 %")])
        {'yes': '5 %; 10 %', 'no': '1 %'}
    """
    joined: dict[Answer, list[str]] = {}
    for answer, text in judged:
        joined.setdefault(answer, []).append(text)
    return {answer: "; ".join(texts) for answer, texts in joined.items()}


def said(holds: bool) -> Answer:
    """Turn a comparison that has no error into an answer."""
    return "yes" if holds else "no"


def average(values: Iterable[float]) -> Estimate:
    """Average values and give the standard error of the mean."""
    known = np.array([v for v in values if not math.isnan(v)])
    if known.size == 0:
        return Estimate(math.nan, math.nan, 0)
    error = float(known.std(ddof=1) / np.sqrt(known.size)) if known.size > 1 else 0.0
    return Estimate(float(known.mean()), error, int(known.size))
