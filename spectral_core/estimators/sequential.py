"""Permutation p-values where each draw is a refit: stop as soon as the answer is clearly no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.utils.parallel import Parallel, delayed

ENOUGH = 10
_SAME = 1e-12
Draw = Callable[[int], tuple[float, float]]


@dataclass(frozen=True)
class SequentialTest:
    """A sequential permutation test.

    `drawn` labelings were refitted, `exceedances` of them reached the observed statistic; `stopped` says that
    there were enough of these. `null_accuracy` is the mean balanced accuracy under permuted labels (NaN
    without draws).
    """

    p: float
    drawn: int
    exceedances: int
    stopped: bool
    null_accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """Give the test as plain values."""
        return {"p": self.p, "permutations": self.drawn, "exceedances": self.exceedances, "stopped": self.stopped}


def sequential_test(observed: float, draw: Draw, *, most: int, enough: int = ENOUGH) -> SequentialTest:
    """Draw labelings until `enough` of them reach the observed statistic, `most` at most.

    With h exceedances at draw l, p = h/l; with g < h after all n draws, p = (g + 1)/(n + 1) (Besag & Clifford,
    Biometrika 78:301, 1991). Exact: p ≤ h/l says that fewer than h of the first l − 1 draws reached the
    observed value, which of l exchangeable values happens with probability h/l at most. They are exchangeable
    where folds are drawn blind to the labels, the estimator is refitted under each labeling, and its random
    state is fixed, so that the statistic is one function of the labels.

    Labelings are refitted in waves of as many as are at least still needed, so the result does not depend on
    the number of workers; these are those of the caller's `joblib.parallel_config`, one by default.

    Args:
        observed: Statistic of the observed labels.
        draw: From the number of a labeling to its statistic and its balanced accuracy.
        most: Labelings to draw at most; with none p is 1.
        enough: h.

    Example:
        >>> sequential_test(1.0, lambda i: (float(i % 2), 0.5), most=99, enough=3).p
        0.5
        >>> sequential_test(2.0, lambda i: (float(i % 2), 0.5), most=99, enough=3).p
        0.01
    """
    reached, accuracies = 0, list[float]()
    while reached < enough and len(accuracies) < most:
        start = len(accuracies)
        wave = range(start, min(start + enough - reached, most))  # none of these can turn out to be one too many
        results = Parallel(n_jobs=None, max_nbytes=None)(delayed(draw)(i) for i in wave)
        reached += sum(value >= observed - _SAME for value, _ in results)
        accuracies += [accuracy for _, accuracy in results]
    drawn, stopped = len(accuracies), reached == enough
    # up to the draw before the one that stopped it the mean is unbiased, whatever the rule
    counted = accuracies[:-1] if stopped and drawn > 1 else accuracies
    mean = sum(counted) / len(counted) if counted else float("nan")
    return SequentialTest(enough / drawn if stopped else (reached + 1) / (drawn + 1), drawn, reached, stopped, mean)
