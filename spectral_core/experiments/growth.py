"""Does an accuracy grow with the number of channels?"""

from __future__ import annotations

from spectral_core.experiments.results import Answer, Estimate, Results, average, every

RULE = (
    "clearly above 0.6 with the most and, seed by seed, clearly more than 0.02 above that with the fewest; where the "
    "fewest give clearly more than 0.95 already there is no room to grow, which is undecided"
)


def grown(first: Estimate, last: Estimate, rise: Estimate) -> Answer:
    """Say whether an accuracy rises to something worth having, from the fewest channels to the most.

    Args:
        first: Accuracy with the fewest channels.
        last: Accuracy with the most.
        rise: Their difference, of the same seeds.

    Example:
        >>> few, more, many = (Estimate(mean, 0.01, 9) for mean in (0.52, 0.56, 0.8))
        >>> grown(few, many, many.less(few)), grown(few, more, more.less(few))
        ('yes', 'no')
    """
    if first.above(0.95):
        return "undecided"
    return every(last.against(0.6), rise.against(0.02))


def rise_of(number: str, *, fewest: Results, most: Results) -> Estimate:
    """Average the rise of a number over the seeds that both have: their draws are shared, and differences are not wide.

    Example:
        >>> from spectral_core.experiments.cells import Row
        >>> few, many = (Results.of(Row({}, s, {"a": a + 0.1 * s}, 0.0) for s in (0, 1)) for a in (0.5, 0.7))
        >>> print(rise_of("a", fewest=few, most=many))
        0.200 ± 0.000
    """
    before = {row.seed: row.numbers[number] for row in fewest.rows}
    return average(row.numbers[number] - before[row.seed] for row in most.rows if row.seed in before)
