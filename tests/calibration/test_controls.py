"""Controls of measuring over hundreds of seeds: false alarms without a difference, the right caveat with one."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pytest

from spectral_core.controls.instrument import Measured, examine_instrument
from spectral_core.controls.metadata import examine_metadata
from spectral_core.controls.same_class import examine_same_class
from spectral_core.evidence import Settings
from spectral_core.examination import draw_labelings
from spectral_core.regions import locate_regions
from spectral_core.simulate import BAND, Recipe, simulate
from spectral_core.splits import make_design
from tests.calibration.acceptance import at_least, at_most
from tests.calibration.trial import repeat

pytestmark = pytest.mark.calibration
SEEDS = 400
_TIMES = 1_000_003  # stream of acquisition times
NOTHING = {
    "two classes": Recipe(units=(20, 20), channels=120),
    "three classes": Recipe(units=(14, 14, 14), channels=120),
    "replicates": Recipe(units=(12, 12), channels=120, replicates=(1, 2, 4), fingerprint=0.03),
    "two batches": Recipe(units=(24, 24), channels=120, batches=2),
    "noise differs": Recipe(units=(20, 20), channels=120, noise_ratio=0.5),
}
PLANTED = {
    "gain": Recipe(units=(40, 40), gain=0.1),
    "axis shift": Recipe(units=(40, 40), shift=1.0),
    "offset": Recipe(units=(40, 40), offset=0.3),
    "slope": Recipe(units=(40, 40), slope=0.3),
    "saturation": Recipe(units=(40, 40), saturation=0.1),
}


def smallest(recipe: Recipe, seed: int) -> dict[str, float]:
    """Smallest adjusted p-value of each control, on times drawn at random."""
    data = simulate(recipe, seed=seed)
    times = np.round(30 * np.random.default_rng([seed, _TIMES]).random(data.label.size))
    batch = data.batch if recipe.batches > 1 else None
    design = make_design(data.label, unit=data.unit, batch=batch, acquired_at=times)
    settings = Settings(199, 0.05, 0.05, 5, seed)
    labelings = draw_labelings(design, settings).anywhere
    regions = locate_regions(data.axis, axis_unit="cm-1", bands={"b": BAND}, blanks={})
    halves = examine_same_class(data.x, design, settings)
    instrument = examine_instrument(Measured(data.x, regions), design, labelings, settings)
    metadata = examine_metadata(design, labelings, settings) or {}
    return {
        "same_class": halves.worst.p_adjusted if halves else 1.0,
        "instrument": min(scalar.p_adjusted for scalar in instrument.by_name.values()),
        "metadata": min(piece.p_adjusted for piece in metadata.values()),
    }


def differing(recipe: Recipe, seed: int) -> set[str]:
    """Names of the instrument's scalars that draw a caveat."""
    data = simulate(recipe, seed=seed)
    design = make_design(data.label, unit=data.unit)
    settings = Settings(199, 0.05, 0.05, 5, seed)
    regions = locate_regions(data.axis, axis_unit="cm-1", bands={"b": BAND}, blanks={})
    labelings = draw_labelings(design, settings).anywhere
    found = examine_instrument(Measured(data.x, regions), design, labelings, settings)
    return {name for name in found.by_name if found.differs(name, settings.alpha)}


@pytest.mark.parametrize("name", NOTHING)
def test_identical_classes_alarm_no_control_more_often_than_alpha(name: str, pool: ProcessPoolExecutor) -> None:
    found = repeat(pool, partial(smallest, NOTHING[name]), SEEDS)
    for control in ("same_class", "instrument", "metadata"):
        assert at_most(sum(p[control] <= 0.05 for p in found), SEEDS, 0.05, level=1e-3), control


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_draws_the_caveat_that_names_it(name: str, pool: ProcessPoolExecutor) -> None:
    found = repeat(pool, partial(differing, PLANTED[name]), 100)
    assert at_least(sum(name in names for names in found), 100, 0.95)


def test_undeclared_chemistry_is_no_gain_and_no_baseline(pool: ProcessPoolExecutor) -> None:
    found = repeat(pool, partial(differing, Recipe(units=(40, 40), other_effect=0.3)), 100)
    assert at_most(sum(bool(names) for names in found), 100, 0.05)
