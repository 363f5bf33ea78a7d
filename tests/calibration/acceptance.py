"""How far a share may lie from what was promised before it counts as broken: binomial bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEVEL = 0.01  # of wrongly calling a share broken, for each scenario


def clopper_pearson(hits: int, trials: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Compute the exact interval of a share (Clopper & Pearson, 1934)."""
    low = float(stats.beta.ppf(level / 2, hits, trials - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(1 - level / 2, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high


def at_least(hits: int, trials: int, promised: float, *, level: float = LEVEL) -> bool:
    """Whether a share is compatible with being at least what was promised."""
    return clopper_pearson(hits, trials, level=level)[1] >= promised


def at_most(hits: int, trials: int, promised: float, *, level: float = LEVEL) -> bool:
    """Whether a share is compatible with being at most what was promised."""
    return clopper_pearson(hits, trials, level=level)[0] <= promised


def band_around(share: float, trials: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Compute the shares that `trials` draws give with probability 1 − level when the true share is this."""
    low, high = stats.binom.ppf([level / 2, 1 - level / 2], trials, share) / trials
    return float(low), float(high)


def uniform_p(p: Sequence[float], permutations: int) -> float:
    """Test by Kolmogorov–Smirnov that permutation p-values are uniform on 1/(P+1), …, 1.

    A uniform number smaller than one step is taken off each, which makes the discrete uniform continuous.
    """
    step = np.random.default_rng(0).random(len(p)) / (permutations + 1)
    return float(stats.kstest(np.asarray(p) - step, "uniform").pvalue)
