"""Pairs of audits whose archives were drawn from one population, or were not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.audit import audit_variants
from spectral_core.comparison import Comparison, Side, compare_audits
from spectral_core.evidence import Settings
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.simulate import BAND, BLANK, Recipe, Simulated, simulate
from spectral_core.splits import make_design

Rows = npt.NDArray[np.intp]
GROWTH = 0.2


@dataclass(frozen=True)
class Pair:
    """Two audits of one recipe: `how` says which specimens B holds beside those of A, of `units` a class.

    "apart": others altogether; "grown": A's and 20 % more; "same": A's, with other folds; `gain` acts on the added
    specimens alone, as a new instrument's would.
    """

    how: str
    units: int
    band_effect: float
    gain: float = 0.0
    maps: bool = False


def compared(pair: Pair, seed: int) -> Comparison:
    """Draw both archives, audit them, compare."""
    more = {"apart": pair.units, "grown": round(GROWTH * pair.units), "same": 0}[pair.how]
    recipe = Recipe(units=(pair.units + more,) * 2, channels=80, band_effect=pair.band_effect)
    data = simulate(recipe, seed=10_000 + seed)
    place = np.tile(np.arange(pair.units + more), 2)
    if pair.gain:
        brighter = simulate(replace(recipe, gain=pair.gain), seed=10_000 + seed)
        data = replace(data, x=np.where((place >= pair.units)[:, None], brighter.x, data.x))
    first = np.flatnonzero(place < pair.units)
    second = np.flatnonzero(place >= pair.units) if pair.how == "apart" else np.arange(place.size)
    a, b = audited(data, first, seed, maps=pair.maps), audited(data, second, seed + 1, maps=pair.maps)
    return compare_audits(Side("A", a), Side("B", b))


def audited(data: Simulated, rows: Rows, seed: int, *, maps: bool) -> dict[str, Any]:
    """Audit some spectra with few permutations; give the content of report.json."""
    kept = data.take(rows)
    design = make_design(kept.label, unit=np.char.mod("s%d", kept.unit))
    places = AxisPlaces("cm-1", {"declared": BAND}, {"silent": BLANK})
    settings = Settings(99, 0.05, 0.05, 5, seed, maps=maps)
    return audit_variants(kept.x, kept.axis, design, places, [parse_variant("raw")], settings).to_dict()


def any_difference(pair: Pair, seed: int) -> bool:
    """Whether any difference at all is called more than noise."""
    found = compared(pair, seed)
    return bool(found.moved or found.moved_regions)


def off_band_found(pair: Pair, seed: int) -> bool:
    """Whether the off-band accuracy is said to differ."""
    return any(figure.block == "off_band" for figure in compared(pair, seed).moved)


def raw_alarm(pair: Pair, seed: int) -> bool:
    """Whether some difference of all units would be called real by its own p-value, without either correction."""
    found = compared(pair, seed)
    wholes = [figure.contrasts["all"] for figure in found.figures]
    # the interval is `factor` times too wide for a t-test on the spread between units alone
    return any(abs(c.value) > (c.high - c.low) / 2 / found.factor for c in wholes)
