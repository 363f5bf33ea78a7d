"""Laws and references of crop, SNV, the normalisations and log10(1/R)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spectral_core.errors import SpectraError
from spectral_core.preprocessing import parse_variant

AXIS = np.array([400.0, 401.0, 402.5, 404.0, 406.0, 409.0])
VALUES = st.floats(-1e4, 1e4, allow_nan=False, width=32)
Size = Callable[[np.ndarray], np.ndarray]
BLOCKS = hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(6)), elements=VALUES)


def apply(text: str, x: np.ndarray, axis: np.ndarray = AXIS) -> np.ndarray:
    return parse_variant(text).apply(x, axis)[0]


@settings(deadline=None)
@given(BLOCKS)
def test_snv_has_mean_0_and_sd_1_unless_the_spectrum_is_constant(x: np.ndarray) -> None:
    out = apply("snv", x).astype(np.float64)
    constant = np.ptp(x, axis=1) == 0
    np.testing.assert_allclose(out.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(out.std(axis=1), np.where(constant, 0, 1), atol=1e-5)


@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_snv_removes_gain_and_offset(gain: float, offset: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 6))
    np.testing.assert_allclose(apply("snv", gain * x + offset), apply("snv", x), atol=1e-9)


def test_snv_of_float32_counts_on_a_large_offset_is_still_centred() -> None:
    x = (1e6 + np.random.default_rng(0).normal(size=(4, 2000))).astype(np.float32)
    out = apply("snv", x, np.arange(2000.0))
    np.testing.assert_allclose(out.mean(axis=1, dtype=np.float64), 0, atol=1e-6)


EVEN = np.linspace(0, 5, 6)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vector", lambda y: np.linalg.norm(y, axis=1)),
        ("maximum", lambda y: np.abs(y).max(axis=1)),
        ("area", lambda y: np.trapezoid(np.abs(y), EVEN, axis=1)),
    ],
)
@settings(deadline=None)
@given(x=BLOCKS)
def test_each_normalisation_makes_its_own_size_1_and_keeps_zeros(name: str, size: Size, x: np.ndarray) -> None:
    found = size(apply(name, x, EVEN).astype(np.float64))
    np.testing.assert_allclose(found, np.where(x.any(axis=1), 1, 0), rtol=1e-5)


def test_normalisations_by_hand() -> None:
    x = np.array([[3.0, -4.0, 0.0]])
    axis = np.array([0.0, 2.0, 4.0])
    np.testing.assert_allclose(apply("vector", x, axis), [[3 / 5, -4 / 5, 0]])
    np.testing.assert_allclose(apply("maximum", x, axis), [[3 / 4, -1, 0]])
    # trapezoids of |x|: 2·(3 + 4)/2 + 2·(4 + 0)/2 = 11
    np.testing.assert_allclose(apply("area", x, axis), [[3 / 11, -4 / 11, 0]])


def test_no_area_is_counted_across_a_gap() -> None:
    axis = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
    # two runs of ones, each two units wide: 4, not the 12 that a line across the gap would give
    np.testing.assert_allclose(apply("area", np.ones((1, 6)), axis), np.full((1, 6), 1 / 4))


def test_area_of_a_single_channel_is_its_height() -> None:
    np.testing.assert_allclose(apply("area", np.array([[-7.0]]), np.array([500.0])), [[-1.0]])


def test_crop_keeps_both_ends_and_its_own_axis() -> None:
    out, positions = parse_variant("crop(401, 404)").apply(np.arange(12.0).reshape(2, 6), AXIS)
    np.testing.assert_array_equal(positions, [401, 402.5, 404])
    np.testing.assert_array_equal(out, [[1, 2, 3], [7, 8, 9]])


def test_crop_that_leaves_nothing_says_what_the_axis_holds() -> None:
    with pytest.raises(SpectraError, match=r"step crop\(low=500, high=600\).* 6 channels from 400 to 409"):
        apply("crop(500, 600)", np.zeros((1, 6)))


def test_absorbance_by_hand() -> None:
    fractions = np.array([[1.0, 0.1, 0.01, 0.5, 1e-3, 2.0]])
    expected = [[0, 1, 2, 0.30102999566, 3, -0.30102999566]]
    np.testing.assert_allclose(apply("absorbance", fractions), expected, atol=1e-10)
    np.testing.assert_allclose(apply("absorbance(percent=True)", 100 * fractions), expected, atol=1e-10)


@pytest.mark.parametrize("value", [0.0, -0.2, np.nan])
def test_absorbance_of_no_light_names_spectrum_and_position(value: float) -> None:
    x = np.full((20_000, 6), 0.5, dtype=np.float32)
    x[15_000, 2] = value
    with pytest.raises(SpectraError, match=r"absorbance, spectrum 15001, axis 402.5: expected a positive"):
        apply("absorbance", x)


def test_absorbance_of_per_cent_or_counts_is_refused_and_told_how() -> None:
    with pytest.raises(SpectraError, match=r"at most 2 \(fraction\), found 55.* absorbance\(percent=True\)"):
        apply("absorbance", np.full((1, 6), 55.0))
    with pytest.raises(SpectraError, match=r"at most 200 \(per cent\), found 30000"):
        apply("absorbance(percent=True)", np.full((1, 6), 30_000.0))
