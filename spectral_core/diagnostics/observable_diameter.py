"""Observable diameter: how far apart spectra can look to any instrument reading that does not magnify differences."""

from __future__ import annotations

from math import ceil

import numpy as np

from spectral_core.diagnostics.geometry import Floats, Points
from spectral_core.diagnostics.reference import noise_band, unit_groups
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, figure
from spectral_core.diagnostics.white_noise import DRAWS
from spectral_core.splits import Codes

NAME = "observable_diameter"
KAPPA = 0.05
_FEWEST = 20  # units of a half, of which 95 % are fewer than all
_COMPONENTS, _POINTS, _MIXTURES, _STREAM = 5, 5, 3, 54


def observable_diameter(points: Points) -> Diagnostic | NotGiven:
    """Bound from below the observable diameter at κ = 0.05, relative to the typical distance of two spectra.

    The observable diameter is the largest width, over all functions f with |f(x) − f(y)| ≤ ‖x − y‖, of the
    shortest interval that holds f for 95 % of the spectra (Gromov, Metric Structures, chapter 3½). White noise
    has about 3.92/√(2d): in many channels every such reading is nearly constant. Only a lower bound can be had from
    data. One half of the units chooses the function, the widest on it of: leading principal components, class
    against the rest, random mixtures of spectra, distances to the mean and to spectra; the other half
    measures it. Both ways are averaged.

    Args:
        points: Means of units.

    Returns:
        The bound. Its interval holds for the population of the chosen function, whatever the distribution (see
        `partial_diameters`); with fewer than 110 units a half it has no upper end. With fewer than 20 a half, the
        width of 95 % of the units is that of all of them: the bound is then vacuous and says so.
    """
    sample = points.sample
    half = unit_groups(points.unit, points.codes, seed=sample.seed, most=2)
    sizes = np.bincount(half, minlength=2)
    if sizes.min() < 3:
        return NotGiven(NAME, f"each half needs 3 units, and one has {int(sizes.min())}", sample)
    typical = float(np.sqrt(points.squared.sum() / (half.size * (half.size - 1))))
    if typical <= 0:
        return NotGiven(NAME, "all spectra are equal", sample)
    widths, names = [], []
    for chosen in (0, 1):
        name, values = choose_function(points, np.flatnonzero(half == chosen), np.flatnonzero(half != chosen))
        widths.append(partial_diameters(values))
        names.append(name)
    estimate, low, high = (float(v) / typical for v in np.mean(widths, axis=0))
    band = noise_band(estimate, _white(sizes, sample.d, sample.seed))
    vacuous = bool(sizes.min() < _FEWEST)
    assumptions = (*points.assumptions,
                   Assumption("the bound is not vacuous", "violated" if vacuous else "checked",
                              f"{int(sizes.min())} units in the smaller half"),
                   Assumption("the function is measured on other units than it was chosen on", "checked",
                              " and ".join(dict.fromkeys(names))),
                   Assumption("enough units for an upper end of the interval",
                              "violated" if np.isnan(high) else "checked",
                              f"{int(sizes.min())} units in the smaller half, and 110 are needed"))  # fmt: skip
    reading = (
        f"One reading of the spectra ({' or '.join(dict.fromkeys(names))}) spreads 95% of them over "
        f"{figure(estimate)} of the typical distance between two (at least {figure(low)} in the population; white "
        f"noise {figure(band.low)} to {figure(band.high)}): {_meaning(estimate, vacuous, band.high)}."
    )
    return Diagnostic(NAME, estimate, low, high, band, sample, assumptions, reading, {"kappa": KAPPA})


def choose_function(points: Points, chosen_on: Codes, measured_on: Codes) -> tuple[str, Floats]:
    """Choose the 1-Lipschitz function that is widest on some points, and take its values on others."""
    functions = lipschitz_functions(points, chosen_on)

    def width(name: str) -> float:
        values = functions[name][chosen_on]
        return partial_diameters(values[np.isfinite(values)])[0]

    name = max(functions, key=width)
    return name.rstrip("0123456789 "), functions[name][measured_on]


def lipschitz_functions(points: Points, rows: Codes) -> dict[str, Floats]:
    """Compute functions that some points define, with Lipschitz constant 1, on all points, from their Gram matrix.

    The distance of a point from itself is NaN: it would widen the function where it was chosen.
    """
    gram = points.gram - points.gram[rows].mean(axis=0)
    gram -= gram[:, rows].mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(gram[np.ix_(rows, rows)])
    leading = [i for i in range(rows.size - 1, max(rows.size - 1 - _COMPONENTS, -1), -1)
               if values[i] > 1e-12 * max(values[-1], 1e-300)]  # fmt: skip
    weights = {f"a principal component {k}": vectors[:, i] for k, i in enumerate(leading)}
    codes = points.codes[rows]
    for c in np.unique(codes) if np.unique(codes).size > 1 else []:
        own = codes == c
        weights[f"one class against the rest {c}"] = np.where(own, 1 / own.sum(), -1 / (~own).sum())
    rng = np.random.default_rng([points.sample.seed, _STREAM])
    for k in range(_MIXTURES):
        weights[f"a random mixture {k}"] = rng.normal(size=rows.size)
    found = {}
    for name, weight in weights.items():
        length = float(np.sqrt(max(weight @ gram[np.ix_(rows, rows)] @ weight, 0.0)))
        if length > 0:
            found[name] = gram[:, rows] @ weight / length
    found["the distance from the mean spectrum"] = np.sqrt(np.clip(np.diagonal(gram), 0.0, None))
    for k, i in enumerate(rng.choice(rows, size=min(_POINTS, rows.size), replace=False)):
        distance = np.sqrt(points.squared[i])
        distance[i] = np.nan  # its own says nothing
        found[f"the distance from one spectrum {k}"] = distance
    return found


def partial_diameters(values: Floats) -> tuple[float, float, float]:
    """Compute the width of the shortest interval with 95 % of m values, and limits of that of the population.

    Lower: an interval with 95 % of the population holds at least the 2.5 % quantile of a binomial number of m values
    with probability 97.5 %; the shortest with so many is no wider. Upper: between order statistics that leave out r
    values lies a Beta(m + 1 − r, r) share of the population (Wilks, Annals of Mathematical Statistics 12:91, 1941);
    the largest r, split between both ends, that reaches 95 % with probability 97.5 %. NaN for m < 110: not even the
    range does.

    Example:
        >>> [round(w, 3) for w in partial_diameters(np.arange(200) / 200)]  # 190 values, 184, and all but 2 × 1
        [0.945, 0.915, 0.985]
    """
    from scipy.stats import beta, binom

    m, ranked = values.size, np.sort(values)
    middle, low = (_shortest(ranked, count) for count in (ceil((1 - KAPPA) * m - 1e-9),
                                                          int(binom.ppf(0.025, m, 1 - KAPPA))))  # fmt: skip
    ends = np.arange(1, m // 2)  # the order statistics counted from either end
    enough = ends[beta.cdf(1 - KAPPA, m + 1 - 2 * ends, 2 * ends) <= 0.025]
    high = float(ranked[-enough[-1]] - ranked[enough[-1] - 1]) if enough.size else float("nan")
    return middle, low, high


def _shortest(ranked: Floats, count: int) -> float:
    return float((ranked[count - 1 :] - ranked[: ranked.size - count + 1]).min()) if count > 1 else 0.0


def _white(sizes: Codes, d: int, seed: int) -> Floats:
    """White noise seen along any one direction chosen on other units is normal, whatever d."""
    rng = np.random.default_rng([seed, _STREAM + 1])
    nu = int(sizes.sum()) - 1
    count = [ceil((1 - KAPPA) * m - 1e-9) for m in sizes]
    return np.array([
        np.mean([_shortest(np.sort(rng.normal(size=m)), c) for m, c in zip(sizes, count, strict=True)])
        / np.sqrt(2 * rng.chisquare(nu * d) / nu)
        for _ in range(DRAWS)
    ])  # fmt: skip


def _meaning(estimate: float, vacuous: bool, white: float) -> str:
    if vacuous:
        return "with so few units the bound is vacuous, for 95% of them are all of them"
    if estimate <= white:
        return "no more than white noise, so that no simple reading finds structure"
    return "the spectra hold structure that a single reading shows"
