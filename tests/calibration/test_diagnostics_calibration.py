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
from spectral_core.diagnostics.contrast import relative_contrast
from spectral_core.diagnostics.examination import examine_scalars
from spectral_core.diagnostics.neighbours import compare_neighbours
from spectral_core.diagnostics.norm_separability import norm_separability
from spectral_core.diagnostics.observable_diameter import observable_diameter
from spectral_core.diagnostics.participation import participation_ratio
from spectral_core.diagnostics.thin_shell import thin_shell
from spectral_core.diagnostics.two_nn import two_nn
from spectral_core.diagnostics.variance_ratio import variance_ratio
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


NOISE = {
    "white": lambda rng, x: x,
    "noise level of each spectrum": lambda rng, x: x * np.exp(0.5 * rng.normal(size=(len(x), 1))),
    "noise level of each class": lambda rng, x: x * np.where(np.arange(len(x)) % 2, 1.5, 1.0)[:, None],
    "heavy tails": lambda rng, x: rng.standard_t(3, size=x.shape),
}


@pytest.mark.parametrize("noise", NOISE)
def test_the_participation_ratio_covers_the_channels_under_every_artefact_of_the_noise(noise: str) -> None:
    rng, design, covered = np.random.default_rng(12), make_design(np.arange(60) % 2), 0
    for seed in range(SETS):
        x = NOISE[noise](rng, rng.normal(size=(60, 300)))
        found = participation_ratio(measure_geometry(x, design, seed=seed).points)
        covered += found.low <= 300 <= found.high
    assert covered >= chance(SETS, 0.95)[0], covered


@pytest.mark.parametrize(("n", "d"), [(60, 2), (60, 300)])
def test_intervals_of_neighbours_cover_their_own_mean(n: int, d: int) -> None:
    """Neither has a population value at finite n: the geometric mean over sets stands for it."""
    rng, design = np.random.default_rng([13, d]), make_design(np.arange(n) % 2)
    found = defaultdict(list)
    for seed in range(SETS):
        near = compare_neighbours(measure_geometry(rng.normal(size=(n, d)), design, seed=seed).points)
        for diagnose in (two_nn, relative_contrast):
            result = diagnose(near)
            found[diagnose].append((result.estimate, result.low, result.high))
    for diagnose, results in found.items():
        estimate, low, high = np.array(results).T
        centre = np.exp(np.log(estimate).mean())
        assert ((low <= centre) & (centre <= high)).mean() >= 0.91, diagnose


@pytest.mark.parametrize("n", [20, 60, 150, 250])
def test_the_limits_of_the_observable_diameter_hold(n: int) -> None:
    rng, design, truth = np.random.default_rng([14, n]), make_design(np.arange(n) % 2), 3.92 / np.sqrt(200)
    found = [observable_diameter(measure_geometry(rng.normal(size=(n, 100)), design, seed=seed).points)
             for seed in range(SETS // 3)]  # fmt: skip
    assert all(np.isnan(f.high) == (n < 220) for f in found)
    assert sum(f.low <= truth and not f.high < truth for f in found) >= chance(SETS // 3, 0.95)[0]


@pytest.mark.parametrize("counts", [(30, 30), (95, 5), (54, 6), (12,) * 5])
def test_the_interval_of_norm_separability_covers_however_many_classes_of_whatever_size(counts: tuple[int]) -> None:
    rng, design, covered = np.random.default_rng(15), make_design(np.repeat(np.arange(len(counts)), counts)), 0
    codes = labelled(design, 0, 1)
    for seed in range(SETS):
        raw = norm_separability(rng.normal(size=(design.n, 50)), np.arange(50.0), design, codes, seed=seed)[0]
        covered += raw.low <= 0.5 <= raw.high
    assert covered >= chance(SETS, 0.95)[0], covered


@pytest.mark.parametrize(
    ("counts", "shift", "replicates"), [((30, 30), 4.0, 1), ((48, 12), 4.0, 1), ((24, 12), 2.0, 4)]
)
def test_a_shift_of_the_mean_gives_no_alarm_of_variance(counts: tuple[int, int], shift: float, replicates: int) -> None:
    rng = np.random.default_rng(16)
    unit = np.repeat(np.arange(sum(counts)), replicates)
    design, alarms = make_design(np.repeat([0, 1], counts)[unit], unit=unit), 0
    for seed in range(SETS):
        x = rng.normal(size=(design.n, 50)) + rng.normal(size=(design.n_units, 50))[unit] * (replicates > 1)
        x += shift * design.codes[:, None]
        codes, everywhere = labelled(design, seed, 99), {"all_channels": np.ones(50, dtype=np.bool_)}
        alarms += variance_ratio(x, design, codes, regions=everywhere, seed=seed)[0].band.p <= 0.05
    assert alarms <= chance(SETS, 0.05)[1], alarms


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
