"""Two audits of one population differ by no more than noise; a change that is there is found."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from tests.calibration.acceptance import at_least, at_most
from tests.calibration.comparisons import Pair, any_difference, off_band_found, raw_alarm
from tests.calibration.trial import repeat

pytestmark = pytest.mark.calibration
SEEDS = 250
SAME_POPULATION = [
    Pair(how, units, effect) for how in ("apart", "grown", "same") for units, effect in ((12, 0.0), (30, 0.12))
]
CHANGED = Pair("grown", 120, 0.3, gain=0.5)


@pytest.mark.parametrize("pair", SAME_POPULATION, ids=lambda p: f"{p.how}, {p.units} a class, {p.band_effect:g}")
def test_audits_of_one_population_are_rarely_called_different(pair: Pair, pool: ProcessPoolExecutor) -> None:
    alarms = sum(repeat(pool, partial(any_difference, pair), SEEDS))
    print(f"{pair}: {alarms} of {SEEDS} called different")
    assert at_most(alarms, SEEDS, 0.05)


def test_the_table_of_relevance_adds_no_false_alarms(pool: ProcessPoolExecutor) -> None:
    assert at_most(sum(repeat(pool, partial(any_difference, Pair("apart", 15, 0.1, maps=True)), SEEDS)), SEEDS, 0.05)


def test_without_holm_and_without_the_training_factor_alarms_would_be_false(pool: ProcessPoolExecutor) -> None:
    """The measure itself works: it sees the alarms that the two corrections prevent."""
    alarms = sum(repeat(pool, partial(raw_alarm, Pair("apart", 12, 0.0)), SEEDS))
    print(f"uncorrected: {alarms} of {SEEDS}")
    assert not at_most(alarms, SEEDS, 0.05)


def test_new_spectra_of_an_instrument_with_another_gain_are_found(pool: ProcessPoolExecutor) -> None:
    found = sum(repeat(pool, partial(off_band_found, CHANGED), 100))
    print(f"{CHANGED}: found in {found} of 100")
    assert at_least(found, 100, 0.8)
