"""Baselines equal pybaselines, remove straight lines, and keep bands."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from pybaselines import Baseline

from spectral_core.errors import SpectraError
from spectral_core.preprocessing import parse_variant

AXIS = 200 + 1.5 * np.arange(150)


def bands(n: int = 4) -> np.ndarray:
    rng = np.random.default_rng(3)
    at = np.arange(150)
    band = np.exp(-(((at - 70) / 5) ** 2)) * rng.uniform(1, 2, (n, 1))
    return band + 0.01 * at + 2 * np.exp(-at / 60) + 0.02 * rng.normal(size=(n, 150))


@pytest.mark.parametrize(
    ("text", "method", "arguments"),
    [
        ("als", "asls", {"lam": 1e5, "p": 0.01}),
        ("als(lam=2e3, p=0.05)", "asls", {"lam": 2e3, "p": 0.05}),
        ("arpls(lam=1e4)", "arpls", {"lam": 1e4}),
        ("airpls(lam=1e4)", "airpls", {"lam": 1e4}),
    ],
)
def test_each_equals_pybaselines_called_directly(text: str, method: str, arguments: dict[str, float]) -> None:
    x = bands()
    expected = [row - getattr(Baseline(x_data=AXIS), method)(row, **arguments)[0] for row in x]
    np.testing.assert_allclose(parse_variant(text).apply(x, AXIS)[0], expected, atol=1e-10)


@pytest.mark.parametrize("text", ["als(lam=1e6, p=0.001)", "arpls(lam=1e5)", "airpls(lam=1e5)"])
def test_a_band_on_a_straight_line_is_freed_of_the_line(text: str) -> None:
    at = np.arange(150)
    band = np.exp(-(((at - 70) / 4) ** 2))
    noise = 1e-3 * np.random.default_rng(0).normal(size=150)
    out = parse_variant(text).apply((band + 5 - 0.02 * at + noise)[None], AXIS)[0][0]
    np.testing.assert_allclose(out, band, atol=0.03)


@pytest.mark.parametrize("name", ["als", "arpls", "airpls"])
def test_spectra_without_noise_pass_without_a_warning(name: str) -> None:
    rows = np.array([np.arange(150.0), np.arange(150.0) ** 2, np.eye(150)[0]])
    assert np.isfinite(parse_variant(name).apply(rows, AXIS)[0]).all()


def test_a_baseline_that_cannot_be_solved_for_names_spectrum_and_lam() -> None:
    with pytest.raises(SpectraError, match=r"arpls, spectrum 1: .* none with lam=1e\+300 on 150 channels"):
        parse_variant("arpls(lam=1e300)").apply(bands(), AXIS)


def test_threads_do_not_disturb_one_another() -> None:
    chain, x = parse_variant("arpls(lam=1e4) | savgol(7, 2, 1)"), bands(30)
    expected = chain.apply(x, AXIS)[0]
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(chain.apply(x, AXIS)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for out in found:
        np.testing.assert_array_equal(out, expected)
