"""Curves over a hundred seeds: identical classes stay inside their bands, exponents lie in their intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from spectral_core.diagnostics.curve_band import CurveBand, band_of
from spectral_core.diagnostics.curves import examine_curves
from spectral_core.diagnostics.growth_laws import fit_growth
from spectral_core.diagnostics.learnability import examine_learnability
from spectral_core.diagnostics.nested_channels import halved, independent_columns, principal_components
from spectral_core.diagnostics.plug_in import permuted_plug_in_curves, plug_in_curves, plug_in_without
from spectral_core.diagnostics.reference import unit_groups
from spectral_core.splits import Design, make_design, permuted_codes
from tests.calibration.acceptance import at_least, at_most

pytestmark = pytest.mark.calibration
SEEDS, PERMUTATIONS = 100, 39
EVERY_CURVE = 1e-3  # level of each curve's test: there are forty of them


def labelled(n: int, seed: int) -> tuple[Design, np.ndarray]:
    design = make_design(np.random.default_rng([seed, 1]).permutation(np.arange(n) % 2))
    return design, np.column_stack([design.codes, permuted_codes(design, n=PERMUTATIONS, seed=seed)])


def curves_of(n: int, d: int, seed: int) -> Iterator[tuple[str, np.ndarray, CurveBand]]:
    """Every curve of smooth spectra with channel noise whose classes are identical."""
    rng = np.random.default_rng([seed, 2])
    x = np.cumsum(rng.normal(size=(n, d)), axis=1) / 5 + rng.normal(size=(n, d))
    design, labelings = labelled(n, seed)
    inside = np.arange(d) < d // 5
    growth, learning, channels = examine_curves(
        x, np.arange(float(d)), design, labelings, off_band=~inside, in_band=inside, seed=seed
    )  # fmt: skip
    for grown in growth.curves:
        for path, fit in grown.fits.items():
            yield f"growth {grown.order} {grown.region} {path}", fit.values, fit.band
    yield "learnability", learning.accuracy, learning.band
    for drawn in channels.curves:
        yield f"channels {drawn.order} {drawn.region}", drawn.accuracy, drawn.band


@pytest.mark.parametrize(
    ("n", "d"), [(80, 24), (48, 120)], ids=["more units than channels", "more channels than units"]
)
def test_identical_classes_stay_inside_their_permutation_bands(n: int, d: int) -> None:
    inside: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    shares = []
    for seed in range(SEEDS):
        found = [(name, bool(((values >= band.low) & (values <= band.high)).all()), band.p <= 0.05)
                 for name, values, band in curves_of(n, d, seed)]  # fmt: skip
        inside.update({name: kept for name, kept, _ in found})
        alarms.update({name: alarm for name, _, alarm in found})
        shares.append(np.mean([kept for _, kept, _ in found]))
    assert len(inside) > 40
    assert not {name: hits for name, hits in inside.items() if not at_least(hits, SEEDS, 0.95, level=EVERY_CURVE)}
    assert not {name: hits for name, hits in alarms.items() if not at_most(hits, SEEDS, 0.05, level=EVERY_CURVE)}
    # curves of one seed share their noise: seeds are what is independent
    assert np.mean(shares) >= 0.95 - 3 * np.std(shares, ddof=1) / np.sqrt(SEEDS)


def test_different_means_do_not_raise_the_covariance_term() -> None:
    alarms: Counter[str] = Counter()
    for seed in range(SEEDS):
        _, labelings = labelled(80, seed)
        x = np.random.default_rng([seed, 4]).normal(size=(80, 200)) + 2.0 * labelings[:, :1]
        for order, columns in (("components", principal_components(x)), ("binning", halved(x, 16)), ("channels", x)):
            q, dimensions = independent_columns(columns, 16)
            curves = permuted_plug_in_curves(q, labelings, dimensions[[0, 1, 3, 7, 15]])
            alarms[order] += band_of(curves[1]).p <= 0.05
            assert band_of(curves[0] + curves[1]).p <= 0.05  # the total still holds the means
    assert not {order: hits for order, hits in alarms.items() if not at_most(hits, SEEDS, 0.05, level=EVERY_CURVE)}


def test_where_more_units_lead_lies_in_its_interval() -> None:
    hits = firm = 0
    truth = stats.norm.cdf(0.5 * np.sqrt(10) / 2)
    for seed in range(SEEDS):
        design, labelings = labelled(256, seed)
        x = np.random.default_rng([seed, 5]).normal(size=(256, 10)) + 0.5 * labelings[:, :1]
        found = examine_learnability(x, np.arange(10.0), design, labelings, off_band=None, in_band=None, seed=seed)
        hits += found.law.most_low <= truth <= found.law.most_high
        firm += "cannot be told" not in found.reading and abs(found.law.most - truth) > 0.05
    assert at_least(hits, SEEDS, 0.95)
    assert at_most(firm, SEEDS, 0.05)


def test_exponents_of_a_diffuse_shift_lie_in_their_intervals() -> None:
    sizes, hits = [1, 2, 4, 8, 16, 32], 0
    for seed in range(SEEDS):
        _, labelings = labelled(300, seed)
        x = np.random.default_rng([seed, 3]).normal(size=(300, 32)) + 0.4 * labelings[:, :1]
        columns, _ = independent_columns(x, 32)
        groups = unit_groups(np.arange(300), labelings[:, 0], seed=seed)
        without = plug_in_without(columns, labelings[:, 0], sizes, groups)[0]
        fit = fit_growth(tuple(sizes), plug_in_curves(columns, labelings, sizes)[0], without)
        hits += fit.beta_low <= 1.0 <= fit.beta_high
    assert at_least(hits, SEEDS, 0.95)
