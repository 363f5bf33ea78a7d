"""Kernels of float32 spectra against the formulas in float64, on offsets, tiny and huge values, and flat spectra."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_core.preprocessing import parse_variant, row_scalars
from spectral_core.preprocessing.fitted import msc
from spectral_core.preprocessing.row_scalars import row_products, short_buffers

OFFSETS = [0.0, 1.0, 1e2, 1e4, 1e6, 1e8]


def spectra(n: int, d: int, *, offset: float, tilt: float, seed: int = 0) -> np.ndarray:
    """Two bands of height near 1 with noise, on a background that is `offset` times as high."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, d)
    bands = np.exp(-(((at - 0.4) / 0.05) ** 2)) + 0.5 * np.exp(-(((at - 0.7) / 0.02) ** 2))
    background = offset * (1 + tilt * (0.3 * at + np.exp(-3 * at)))
    return (rng.uniform(0.5, 2, (n, 1)) * (bands + background) + 0.02 * rng.normal(size=(n, d))).astype(np.float32)


def snv_in_double(x: np.ndarray) -> np.ndarray:
    exact = x.astype(np.float64)
    return (exact - exact.mean(axis=1, keepdims=True)) / exact.std(axis=1, keepdims=True)


def msc_in_double(x: np.ndarray, reference: np.ndarray) -> np.ndarray:
    exact, centred = x.astype(np.float64), reference - reference.mean()
    slope = (exact - exact.mean(axis=1, keepdims=True)) @ centred / (centred @ centred)
    return (exact - exact.mean(axis=1, keepdims=True)) / slope[:, None] + reference.mean()


def error(found: np.ndarray, exact: np.ndarray) -> float:
    """Give the largest error of a spectrum against its largest value."""
    return float((np.abs(found - exact).max(axis=1) / np.abs(exact).max(axis=1)).max())


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("d", [60, 1024, 9000])
def test_snv_of_float32_is_snv_of_float64_to_a_millionth_on_any_background(offset: float, d: int) -> None:
    for tilt in (0.0, 1.0) if offset < 1e8 else (1.0,):  # on 1e8 float32 has no digit left for bands of height 1
        x = spectra(30, d, offset=offset, tilt=tilt)
        out = parse_variant("snv").apply(x, np.arange(float(d)))[0]
        assert out.dtype == np.float32 and error(out, snv_in_double(x)) < 1e-6


@pytest.mark.parametrize("offset", OFFSETS)
def test_msc_of_float32_is_msc_of_float64_to_a_millionth_on_any_background(offset: float) -> None:
    x = spectra(30, 1024, offset=offset, tilt=1.0)
    reference = x[:10].mean(axis=0, dtype=np.float64)
    out, exact = msc(x, reference), msc_in_double(x, reference)
    assert out.dtype == np.float32 and error(out, exact) < 1e-6
    # the bands too, not only the background they stand on; float32 holds 2^-24 of what it stores
    assert np.abs(out - exact).max() < 1e-6 * np.abs(exact - exact.mean(axis=1, keepdims=True)).max() + 2**-24 * (
        np.abs(exact).max()
    )


def test_msc_of_spectra_unlike_the_reference_is_as_good() -> None:
    x = np.random.default_rng(3).normal(size=(200, 300)).astype(np.float32)
    reference = np.random.default_rng(4).normal(size=300)
    assert error(msc(x, reference), msc_in_double(x, reference)) < 1e-6


@settings(deadline=None, max_examples=30)
@given(power=st.integers(-36, 36), seed=st.integers(0, 99))
def test_snv_does_not_know_the_unit(power: int, seed: int) -> None:
    x = spectra(3, 50, offset=2, tilt=1, seed=seed).astype(np.float64)
    scaled = (x * 10.0**power).astype(np.float32)
    out = parse_variant("snv").apply(scaled, np.arange(50.0))[0]
    np.testing.assert_allclose(out, snv_in_double(x), atol=5e-6)


def test_one_channel_of_one_digit_is_not_flat_and_a_constant_is() -> None:
    x = np.full((2, 10_000), 3.0, dtype=np.float32)
    x[0, 17] = np.nextafter(np.float32(3), np.float32(4))
    out = parse_variant("snv").apply(x, np.arange(10_000.0))[0]
    assert out[0, 17] == pytest.approx(np.sqrt(9999), rel=1e-6)  # a single one of 10,000 in closed form
    np.testing.assert_array_equal(out[1], 0)


@pytest.mark.parametrize("text", ["snv", "savgol(11, 2, 1)", "snv | savgol(5, 2)"])
def test_a_spectrum_far_from_trusted_leaves_its_neighbours_alone(text: str) -> None:
    x = spectra(40, 200, offset=1, tilt=1)
    alone = parse_variant(text).apply(x, np.arange(200.0))[0]
    mixed = x.copy()
    mixed[::3] = spectra(14, 200, offset=1e7, tilt=0)
    mixed[1] = 5.0
    found = parse_variant(text).apply(mixed, np.arange(200.0))[0]
    others = [i for i in range(40) if i % 3 and i != 1]
    np.testing.assert_array_equal(found[others], alone[others])


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize(("window", "deriv"), [(5, 0), (11, 1), (21, 2)])
def test_savgol_of_float32_is_that_of_float64_rounded_once(offset: float, window: int, deriv: int) -> None:
    x, axis = spectra(7, 300, offset=offset, tilt=1.0), 1.9 * np.arange(300)
    chain = parse_variant(f"savgol({window}, 2, {deriv})")
    exact = chain.apply(x.astype(np.float64), axis)[0]
    np.testing.assert_array_equal(chain.apply(x, axis)[0], exact.astype(np.float32))


def test_products_of_long_rows_are_summed_in_parts() -> None:
    x = np.random.default_rng(0).uniform(1, 2, (3, 100_000)).astype(np.float32)
    exact = np.einsum("ij,ij->i", x.astype(np.float64), x.astype(np.float64))
    np.testing.assert_allclose(row_products(x, x), exact, rtol=1e-7)
    np.testing.assert_allclose(row_products(x, x[0]), x.astype(np.float64) @ x[0].astype(np.float64), rtol=1e-7)
    assert row_products(x[:0], x[0]).shape == (0,)


def test_numpys_buffer_is_what_it_was_also_after_an_error() -> None:
    before = np.getbufsize()
    with pytest.raises(ZeroDivisionError), short_buffers():
        assert np.getbufsize() < before
        raise ZeroDivisionError
    assert np.getbufsize() == before
    assert doctest.testmod(row_scalars).failed == 0
