"""Laws and references of Savitzky–Golay filters, resampling, and of gaps in the axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from spectral_core.errors import SpectraError
from spectral_core.preprocessing import parse_variant

RNG = np.random.default_rng(7)
LOCAL = ["savgol(7, 2)", "savgol(7, 3, 1)", "als(lam=100)", "arpls(lam=100)", "airpls(lam=100)"]


@settings(max_examples=50, deadline=None)
@given(
    half=st.integers(1, 9), order=st.integers(0, 5), deriv=st.integers(0, 3), spacing=st.floats(0.01, 10),
    coefficients=st.lists(st.floats(-2, 2), min_size=6, max_size=6),
)  # fmt: skip
def test_savgol_is_exact_on_polynomials_up_to_its_order_edges_included(
    half: int, order: int, deriv: int, spacing: float, coefficients: list[float]
) -> None:
    window, order = 2 * half + 1, min(order, 2 * half)
    deriv = min(deriv, order)
    polynomial = np.polynomial.Polynomial(coefficients[: order + 1], domain=[0, 40 * spacing])
    axis = 100 + spacing * np.arange(41)
    out, _ = parse_variant(f"savgol({window}, {order}, {deriv})").apply(polynomial(axis - 100)[None], axis)
    exact = polynomial.deriv(deriv)(axis - 100) if deriv else polynomial(axis - 100)
    np.testing.assert_allclose(out[0], exact, atol=1e-7 * (1 + spacing**-deriv), rtol=1e-7)


@pytest.mark.parametrize(("window", "order", "deriv"), [(3, 0, 0), (5, 2, 0), (11, 2, 1), (15, 4, 2), (21, 3, 3)])
def test_savgol_equals_scipy(window: int, order: int, deriv: int) -> None:
    x, axis = RNG.normal(size=(4, 60)), 900 + 1.9 * np.arange(60)
    expected = savgol_filter(x, window, order, deriv=deriv, delta=1.9, mode="interp")
    text = f"savgol({window}, {order}, {deriv})"
    np.testing.assert_allclose(parse_variant(text).apply(x, axis)[0], expected, atol=1e-12)
    single = parse_variant(text).apply(x.astype(np.float32), axis)[0]
    np.testing.assert_allclose(single, expected, atol=2e-6)


def test_a_window_as_wide_as_the_spectrum_is_one_polynomial() -> None:
    x, axis = RNG.normal(size=(1, 11)), np.arange(11.0)
    fit = np.polynomial.Polynomial.fit(axis, x[0], 2)
    np.testing.assert_allclose(parse_variant("savgol(11, 2)").apply(x, axis)[0][0], fit(axis), atol=1e-12)


def test_a_derivative_on_an_axis_that_widens_is_refused_and_pointed_to_resample() -> None:
    axis = 1e7 / np.linspace(600, 500, 400)  # even in nm, uneven in cm-1
    x = np.ones((1, 400))
    with pytest.raises(SpectraError, match=r"evenly spaced channels .* Put resample"):
        parse_variant("savgol(11, 2, 1)").apply(x, axis)
    assert parse_variant("savgol(11, 2)").apply(x, axis)[0].shape == (1, 400)
    resampled = parse_variant("resample(16700, 19900, 8) | savgol(11, 2, 1)").apply(axis[None] * 3, axis)[0]
    np.testing.assert_allclose(resampled, 3, rtol=1e-9)


@pytest.mark.parametrize("jitter", [1e-6, 0.01, 0.08])
def test_a_slightly_uneven_axis_stays_whole_and_differentiable(jitter: float) -> None:
    axis = 400 + 2.0 * (np.arange(300) + RNG.uniform(-jitter, jitter, 300))
    out, positions = parse_variant("savgol(11, 2, 1)").apply(5 * axis[None], axis)
    np.testing.assert_array_equal(positions, axis)
    np.testing.assert_allclose(out, 5, rtol=0.05)


@pytest.mark.parametrize("text", LOCAL)
def test_a_gapped_axis_is_treated_run_by_run_and_short_runs_are_left_out(text: str) -> None:
    whole, x = 400 + 2.0 * np.arange(100), RNG.normal(size=(3, 100))
    keep = np.r_[0:30, 40:42, 60:100]  # runs of 30, 2 and 40 channels
    out, positions = parse_variant(text).apply(x[:, keep], whole[keep])
    runs = [parse_variant(text).apply(x[:, run], whole[run])[0] for run in (slice(0, 30), slice(60, 100))]
    np.testing.assert_array_equal(positions, np.r_[whole[:30], whole[60:]])
    np.testing.assert_allclose(out, np.hstack(runs), atol=1e-12)


@pytest.mark.parametrize("text", LOCAL)
def test_nothing_crosses_a_gap(text: str) -> None:
    axis = np.r_[np.arange(20.0), 50 + np.arange(20.0)]
    x = RNG.normal(size=(2, 40))
    changed = x.copy()
    changed[:, 20:] += 1e3 * RNG.normal(size=(2, 20))
    before, after = (parse_variant(text).apply(values, axis)[0] for values in (x, changed))
    np.testing.assert_array_equal(before[:, :20], after[:, :20])
    assert not np.array_equal(before[:, 20:], after[:, 20:])


def test_no_run_long_enough_says_how_long_they_are() -> None:
    axis = np.r_[np.arange(5.0), 50 + np.arange(8.0)]
    with pytest.raises(SpectraError, match=r"a run of at least 11 neighbouring channels, found .* longest run 8"):
        parse_variant("snv | savgol(11, 2)").apply(np.ones((1, 13)), axis)


@settings(deadline=None)
@given(slope=st.floats(-5, 5), offset=st.floats(-5, 5), step=st.floats(0.05, 7), seed=st.integers(0, 50))
def test_resample_is_exact_on_lines_of_any_axis_and_never_leaves_it(
    slope: float, offset: float, step: float, seed: int
) -> None:
    axis = np.cumsum(np.random.default_rng(seed).uniform(1, 1.4, 50))
    out, grid = parse_variant(f"resample({axis[0] - 3}, {axis[-1] + 3}, {step})").apply(
        (slope * axis + offset)[None], axis
    )
    np.testing.assert_allclose(out[0], slope * grid + offset, atol=1e-9)
    assert grid[0] >= axis[0] and grid[-1] <= axis[-1]
    np.testing.assert_allclose(np.diff(grid), step, rtol=1e-9)


def test_resample_onto_its_own_axis_changes_nothing_and_includes_the_last_position() -> None:
    axis, x = 0.1 * np.arange(4), RNG.normal(size=(2, 4))
    out, grid = parse_variant("resample(0, 0.3, 0.1)").apply(x, axis)  # 0.3 / 0.1 < 3 in floating point
    np.testing.assert_allclose(grid, axis)
    np.testing.assert_allclose(out, x, atol=1e-12)


def test_resample_leaves_gaps_empty() -> None:
    axis = np.r_[np.arange(10.0), 20 + np.arange(10.0)]
    out, grid = parse_variant("resample(0, 29, 0.5)").apply(axis[None], axis)
    assert not ((grid > 9) & (grid < 20)).any() and {9.0, 20.0} <= set(grid)
    np.testing.assert_allclose(out[0], grid)


def test_resample_to_where_nothing_was_measured_is_refused() -> None:
    with pytest.raises(SpectraError, match=r"step resample.* 10 channels from 0 to 9"):
        parse_variant("resample(100, 200, 1)").apply(np.ones((1, 10)), np.arange(10.0))


@pytest.mark.parametrize("window", [3, 11, 25])
@pytest.mark.parametrize("extra", [0, 1, 2, 15, 16, 17, 31, 32, 33, 100])
def test_savgol_equals_scipy_for_every_number_of_channels_beside_the_steps_it_slides_in(
    window: int, extra: int
) -> None:
    x = RNG.normal(size=(3, window + extra))
    expected = savgol_filter(x, window, 2, deriv=1, mode="interp")
    found = parse_variant(f"savgol({window}, 2, 1)").apply(x, np.arange(float(x.shape[1])))[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_savgol_of_a_view_with_other_strides_is_that_of_its_copy() -> None:
    x = RNG.normal(size=(700, 160)).astype(np.float32)
    chain, axis = parse_variant("savgol(7, 3)"), np.arange(40.0)
    for view in (x[:, 20:60], x[:, ::4], np.asfortranarray(x[:, :40])):
        np.testing.assert_array_equal(chain.apply(view, axis)[0], chain.apply(view.copy(order="C"), axis)[0])
