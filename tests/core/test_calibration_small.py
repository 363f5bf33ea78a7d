"""A small share of `make calibrate`: enough seeds to notice a rule that broke, few enough for every run."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import pytest

from spectral_core.simulate import Recipe
from tests.calibration.acceptance import (
    at_least,
    at_most,
    band_around,
    clopper_pearson,
    uniform_p,
)
from tests.calibration.attacks import HELD, OPEN
from tests.calibration.coverage import Population, measure
from tests.calibration.document import PARTS, covered_population
from tests.calibration.nulls import NULLS
from tests.calibration.scenarios import SCENARIOS
from tests.calibration.trial import Study, audited

NULL_SEEDS, SEEDS = 50, 5
QUICK = {
    "dilation", "SNV-carried", "replicates, random labels, few", "replicates, weak band, few",
    "batches nested in classes", "batch 80/20", "batch aliased", "band", "other band",
    "offset", "axis shift", "line inside the guard", "no blank",
}  # fmt: skip


def test_without_a_difference_false_alarms_are_rare_and_nothing_is_supported():
    outcomes = [audited(Study("null", Recipe(units=(15, 15), channels=100)), seed) for seed in range(NULL_SEEDS)]
    assert not any(outcome.verdict in ("supported", "artefact") for outcome in outcomes)
    for name in outcomes[0].p:
        p = [outcome.p[name] for outcome in outcomes]
        assert at_most(sum(value <= 0.05 for value in p), NULL_SEEDS, 0.05, level=1e-3), name
        assert uniform_p(p, 199) > 1e-4, name


@pytest.mark.parametrize("scenario", [s for s in (*SCENARIOS, *HELD) if s.name in QUICK], ids=lambda s: s.name)
def test_planted_truth_is_found_in_nearly_every_seed(scenario):
    held = [scenario.holds(audited(scenario.study, seed)) for seed in range(SEEDS)]
    # a rule that is right in 95 % errs in three of five with probability .001
    assert sum(held) >= SEEDS - 2


@pytest.mark.parametrize("population", [Population(0.75, 0.6, (40, 40)), Population(0.75, 0.75, (20, 20), 4)])
def test_intervals_cover_and_the_bootstrap_of_units_covers_less(population, monkeypatch):
    monkeypatch.setattr("tests.calibration.coverage.SETS", 400)
    monkeypatch.setattr("tests.calibration.coverage.BOOTSTRAPPED", 100)
    accuracy, difference, _, bootstrap = measure(population)
    low, high = band_around(0.95, 400, level=1e-4)
    assert low <= accuracy.interval <= high
    assert low <= difference.interval  # wider than needed where replicates agree: see docs/calibration.md
    assert bootstrap.width < difference.width


def test_every_scenario_has_a_name_of_its_own_and_a_right_answer_that_exists():
    named = [*(s.name for s in (*SCENARIOS, *HELD, *(a.scenario for a in OPEN))), *(n.study.name for n in NULLS)]
    assert len(named) == len(set(named)) and set(named) >= QUICK
    verdicts = {"artefact", "no_signal", "unexplained", "supported", "inconclusive"}
    assert {right.partition("/")[0] for s in (*SCENARIOS, *HELD) for right in s.right} == verdicts


def test_bands_of_acceptance_by_hand():
    # no hit in 10: the upper end solves (1 − p)^10 = level/2
    assert clopper_pearson(0, 10, level=0.05) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert clopper_pearson(10, 10, level=0.05) == (pytest.approx(0.025**0.1), 1.0)
    assert at_least(95, 100, 0.95) and not at_least(70, 100, 0.95)
    assert at_most(5, 100, 0.05) and not at_most(20, 100, 0.05)
    low, high = band_around(0.5, 4, level=0.2)  # 0 and 4 heads in four tosses: 1/16 each
    assert (low, high) == (0.25, 0.75)


def test_uniformity_is_refused_to_p_values_that_are_too_small_and_granted_to_the_discrete_uniform():
    exact = [(i % 200 + 1) / 200 for i in range(1000)]
    assert uniform_p(exact, 199) > 0.5
    assert uniform_p([value**2 for value in exact], 199) < 1e-6


def test_outcomes_of_processes_come_in_the_order_of_seeds():
    study = Study("order", Recipe(units=(6, 6), channels=50), permutations=99)
    with ProcessPoolExecutor(1) as pool:
        far = list(pool.map(audited, [study] * 3, range(3)))
    near = [audited(study, seed) for seed in range(3)]
    assert far == near and covered_population(near, "full")[0] <= 1.0
    assert all("{" in part for part in PARTS)
