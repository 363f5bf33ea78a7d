"""Diagnostics over hundreds of sets: bands hold what they say, intervals cover the truth, energies are dcor's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from spectral_core.diagnostics import Diagnostic, examine_diagnostics, measure_geometry
from spectral_core.diagnostics.examination import examine_scalars
from spectral_core.diagnostics.participation import participation_ratio
from spectral_core.diagnostics.thin_shell import thin_shell
from spectral_core.probe import distance_matrix
from spectral_core.probe.energy import dispersion_between
from spectral_core.splits import Design, make_design, permuted_codes

pytestmark = pytest.mark.calibration
SETS = 300
AXIS = np.arange(90.0)
REGIONS = {"bands": {"b": (10.0, 19.0)}, "blanks": {"k": (70.0, 85.0)}}


def labelled(design: Design, seed: int, permutations: int = 199) -> np.ndarray:
    return np.column_stack([design.codes, permuted_codes(design, n=permutations, seed=seed)])


@cache
def identical_classes(replicates: int) -> dict[str, list[Diagnostic]]:
    """Diagnostics by name of sets whose labels are drawn at random, one label a unit."""
    found = defaultdict(list)
    for seed in range(SETS):
        rng = np.random.default_rng([seed, 7])
        unit = np.repeat(np.arange(36), replicates)
        x = rng.normal(size=(36, 90))[unit] * (replicates > 1) + rng.normal(size=(unit.size, 90))
        design = make_design(rng.permutation(np.arange(36) % 2)[unit], unit=unit)
        for scalar in examine_scalars(x, AXIS, design, labelled(design, seed), **REGIONS, seed=seed):
            if isinstance(scalar, Diagnostic):
                found[scalar.name].append(scalar)
    return dict(found)


def chance(count: int, share: float) -> tuple[int, int]:
    low, high = stats.binom.interval(0.9999, count, share)
    return int(low), int(high)


@pytest.mark.parametrize("replicates", [1, 3])
def test_identical_classes_lie_inside_the_band_of_permuted_labels(replicates: int) -> None:
    of_labels = {k: v for k, v in identical_classes(replicates).items() if v[0].band.kind == "permuted labels"}
    assert len(of_labels) == 10
    for name, results in of_labels.items():
        inside = sum(r.band.low <= r.estimate <= r.band.high for r in results)
        assert len(results) == SETS and inside >= chance(SETS, 0.95)[0], name
        alarms = sum(r.band.p <= 0.05 for r in results)
        assert alarms <= chance(SETS, 0.05)[1], name


def test_white_noise_lies_inside_the_band_of_white_noise() -> None:
    of_noise = {k: v for k, v in identical_classes(1).items() if v[0].band.kind != "permuted labels"}
    for name, results in of_noise.items():
        inside = sum(r.band.low <= r.estimate <= r.band.high for r in results)
        assert inside >= chance(len(results), 0.95)[0], (name, inside)


def test_intervals_over_units_cover_the_population() -> None:
    rng, n, scales = np.random.default_rng(11), 80, 0.97 ** np.arange(90)
    design, dilation = make_design(np.arange(n) % 2), 0.08
    ratio = (scales**2).sum() ** 2 / (scales**4).sum()
    shell = np.std(np.sqrt(rng.chisquare(1, size=(20_000, 90)) @ scales**2)) / np.sqrt((scales**2).mean())
    auc = stats.f.cdf((1 + dilation) ** 2, 90, 90)
    covered = dict.fromkeys(("participation", "shell", "auc"), 0)
    for seed in range(SETS):
        x = rng.normal(size=(n, 90))
        points = measure_geometry(x * scales, design, seed=seed).points
        found = {"participation": (participation_ratio(points), ratio), "shell": (thin_shell(points), shell)}
        dilated = x * (1 + dilation * design.codes)[:, None]
        report = examine_diagnostics(dilated, AXIS, design, labelled(design, seed, 9), bands={}, blanks={}, seed=seed)
        found["auc"] = report["norm_separability.raw"], auc
        for name, (result, truth) in found.items():
            covered[name] += result.low <= truth <= result.high
    for name, count in covered.items():
        assert 0.91 <= count / SETS <= 0.99, (name, count)


def energies() -> Iterator[tuple[float, float]]:
    """The energy behind the energy test, and dcor's."""
    dcor = pytest.importorskip("dcor")
    for d in (2, 12):  # for one channel dcor compiles for a minute
        rng = np.random.default_rng(d)
        x, labels = rng.normal(size=(25, d)), np.arange(25) % 2
        x[labels == 1] += 0.5
        share = dispersion_between(distance_matrix(x), labels[:, None], 2)[0]
        first, second = x[labels == 0], x[labels == 1]
        total = cdist(x, x).sum() / (2 * 25)
        yield share * total, len(first) * len(second) / (2 * 25) * dcor.energy_distance(first, second)


def test_the_energy_behind_the_energy_test_is_that_of_dcor() -> None:
    for found, expected in energies():
        assert found == pytest.approx(expected, rel=1e-9)
