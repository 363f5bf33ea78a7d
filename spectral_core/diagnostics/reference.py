"""What an estimate is held against, and its interval over units.

Bands are the central 95 % of P values that no difference gives: the order statistics (P + 1)·0.025 and
(P + 1)·0.975, so that one more such value lies inside with probability 0.95 exactly. Intervals are jackknives
over groups of units, stratified by class (Efron & Stein, Annals of Statistics 9:586, 1981).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.result import Assumption, Band
from spectral_core.errors import AuditError
from spectral_core.inference import permutation_p
from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]
NO_INTERVAL: Interval = (float("nan"), float("nan"))
EXCHANGEABLE = "permuted labels are exchangeable with the observed"
_GROUPS = 20
_STREAM = 41


def permutation_band(values: Floats) -> Band:
    """Hold the first value against the others, which permuted labels gave; p counts values at least as large.

    Raises:
        AuditError: There is no permuted value.
    """
    if values.size < 2:
        raise AuditError("labelings", "the observed labels and at least one permutation", f"{values.size} columns",
                         "Draw permutations with splits.permuted_codes.")  # fmt: skip
    low, high = _central(values[1:])
    return Band("permuted labels", low, high, permutation_p(float(values[0]), values[1:]))


def noise_band(estimate: float, drawn: Floats) -> Band:
    """Hold an estimate against draws of white noise; p is two-sided."""
    low, high = _central(drawn)
    p = 2 * min(permutation_p(estimate, drawn), permutation_p(-estimate, -drawn))
    return Band("white noise of this size", low, high, min(p, 1.0))


def _central(values: Floats) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975], method="weibull")
    return float(low), float(high)


def unit_groups(unit: Codes, codes: Codes, *, seed: int, most: int = _GROUPS) -> Codes:
    """Deal units into at most `most` groups, each class in turn; a unit stays together.

    Args:
        unit: Unit of each of n rows.
        codes: Class of each of n rows; a unit counts with the class of its first row.
        seed: Seed of the shuffle.
        most: Largest number of groups.

    Returns:
        Group of each row, 0 to G − 1.
    """
    units, first, member = np.unique(unit, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng([seed, _STREAM]).permutation(units.size)
    dealt = shuffled[np.argsort(codes[first][shuffled], kind="stable")]
    group = np.empty(units.size, dtype=np.intp)
    group[dealt] = np.arange(units.size) % min(most, units.size)
    return np.asarray(group[member])


def jackknife_error(deleted: Floats) -> float:
    """Compute the standard error from G estimates, each without one group of units."""
    size = deleted.size
    return float(np.sqrt((size - 1) / size * ((deleted - deleted.mean()) ** 2).sum()))


def interval_over_units(estimate: float, deleted: Floats, *, scale: Literal["linear", "log"] = "linear") -> Interval:
    """Give the 95 % jackknife interval, Student's t with G − 1 degrees of freedom.

    Args:
        estimate: From all units.
        deleted: G estimates, each without one group of units; not finite where none was possible.
        scale: "log" for positive estimates: the interval is then symmetric as a ratio.

    Returns:
        Low and high; NaN with fewer than 3 groups or where an estimate failed without a group.
    """
    positive = scale == "linear" or (estimate > 0 and bool((deleted > 0).all()))
    if deleted.size < 3 or not positive or not np.isfinite(deleted).all():
        return NO_INTERVAL
    from scipy.stats import t

    reach = float(t.ppf(0.975, deleted.size - 1))
    if scale == "log":
        factor = float(np.exp(min(reach * jackknife_error(np.log(deleted)), 700.0)))
        return estimate / factor, estimate * factor
    error = reach * jackknife_error(deleted)
    return estimate - error, estimate + error


def interval_of_share(share: float, deleted: Floats, *, n_units: int, comparisons: int = 1) -> Interval:
    """Give Wilson's score interval of an AUC or another share, with the effective number of units.

    The jackknife variance v stands for share·(1 − share)/m, which gives m; where nothing varies (a share of 0
    or 1), m is `n_units`: "no overlap seen" is not "no overlap possible" (for the AUC: Newcombe, Statistics in
    Medicine 25:559, 2006). Student's t takes the place of the normal point.

    Args:
        share: From all units.
        deleted: G shares, each without one group of units.
        n_units: Units of the smaller class; t has one degree of freedom fewer, and G − 1 at most.
        comparisons: Number of intervals that are to hold together (Bonferroni).

    Returns:
        Low and high; NaN with fewer than 3 groups or where a share failed without a group.
    """
    if deleted.size < 3 or not np.isfinite(deleted).all():
        return NO_INTERVAL
    from scipy.stats import t

    z = float(t.ppf(1 - 0.025 / comparisons, max(min(n_units, deleted.size) - 1, 1)))
    variance, spread = jackknife_error(deleted) ** 2, share * (1 - share)
    m = spread / variance if variance > 0 and spread > 0 else float(n_units)
    centre = (share + z**2 / (2 * m)) / (1 + z**2 / m)
    reach = z / (1 + z**2 / m) * float(np.sqrt(spread / m + z**2 / (4 * m**2)))
    return max(min(centre - reach, share), 0.0), min(max(centre + reach, share), 1.0)


def state_independence(design: Design) -> Assumption:
    """Say what the interval takes for independent."""
    if not design.unit_declared:
        return Assumption("spectra are independent", "assumed", "no unit was declared: each spectrum counts as one")
    return Assumption("units are independent", "assumed", f"{design.n_units} units")


def state_interval(interval: Interval, groups: int) -> tuple[Assumption, ...]:
    """Say why there is no interval, where there is none."""
    if np.isnan(interval[0]):
        note = f"{groups} groups of units; without one of them the figure cannot be computed"
        return (Assumption("enough units for an interval", "violated", note),)
    return ()


def state_exchange(design: Design, labelings: Codes) -> Assumption:
    """Say among which spectra the labels were permuted, as the labelings themselves show.

    Args:
        design: Classes and batches of n spectra.
        labelings: n × (1 + P) class codes of the same spectra, the observed ones first.
    """
    if not design.batch_declared:
        return Assumption(EXCHANGEABLE, "assumed", "no batch was declared: permuted among all units")
    batches = design.batch[:, None] == np.arange(len(design.batches))
    kept = all(
        (counts == counts[:, :1]).all()
        for c in range(len(design.classes))
        for counts in [batches.T.astype(np.float64) @ (labelings == c)]
    )
    note = "permuted inside batches" if kept else "permuted across batches: a batch effect looks like a class"
    return Assumption(EXCHANGEABLE, "assumed", note)
