"""Results as if cells had given numbers, to try the rules that read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from spectral_core.experiments.cells import Cell, Parameter, Row
from spectral_core.experiments.results import Results

SEEDS = 12  # of two or three, as of a quick run, nothing is clear


def filled(cells: Iterable[Cell], numbers: Callable[[Mapping[str, Parameter]], Mapping[str, float]]) -> Results:
    """Give the parameters of every cell as many seeds as they have, at least twelve, with a little spread over them."""
    return Results.of(
        Row(dict(given), seed, {k: v + 0.002 * (-1) ** seed for k, v in numbers(dict(given)).items()}, 0.1)
        for given, seeds in Counter(cell.parameters for cell in cells).items()
        for seed in range(max(seeds, SEEDS))
    )
