"""Baselines of many spectra at once: each round a dense solution, and every fit that of pybaselines."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pybaselines import Baseline

from spectral_core.preprocessing import parse_variant
from spectral_core.preprocessing.whittaker import Reweigh, adaptive, asymmetric, baselines, logistic

RULES: dict[str, tuple[Reweigh, str, dict[str, float]]] = {
    "als": (asymmetric(0.01), "asls", {"p": 0.01}),
    "arpls": (logistic, "arpls", {}),
    "airpls": (adaptive, "airpls", {}),
}
Kind = Callable[[int, int], np.ndarray]


def bands(n: int, d: int) -> np.ndarray:
    rng, at = np.random.default_rng(0), np.linspace(0, 1, d)
    peaks = sum(np.exp(-(((at - c) / 0.01) ** 2)) * rng.uniform(0.2, 1, (n, 1)) for c in rng.uniform(0, 1, 8))
    return np.asarray(peaks + 3 * np.exp(-2 * at) * rng.uniform(0.5, 2, (n, 1)) + 0.02 * rng.normal(size=(n, d)))


def walk(n: int, d: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, d)).cumsum(axis=1)


def counts(n: int, d: int) -> np.ndarray:
    return np.random.default_rng(2).poisson(50 * (bands(n, d) - bands(n, d).min())).astype(np.float64)


def on_fluorescence(n: int, d: int) -> np.ndarray:
    return bands(n, d) + 1e4 * (1 + np.linspace(0, 1, d) ** 2)


def by_pybaselines(x: np.ndarray, method: str, **arguments: float) -> tuple[np.ndarray, np.ndarray]:
    """Give its baselines, and how often it solved (its history leaves out a round that found nothing to reweigh)."""
    fit: Callable[..., Any] = getattr(Baseline(x_data=np.arange(x.shape[1])), method)
    fits, rounds = np.empty(x.shape), np.empty(len(x), dtype=int)
    for row, spectrum in enumerate(x):
        with warnings.catch_warnings(record=True) as stopped:
            warnings.simplefilter("always")
            fits[row], told = fit(spectrum, **arguments)
        rounds[row] = len(told["tol_history"]) + bool(stopped)
    return fits, rounds


def decided(x: np.ndarray, fits: np.ndarray, rounds: np.ndarray, method: str, **arguments: float) -> np.ndarray:
    """Tell for which spectra pybaselines gives the same when their last digits change.

    Where airPLS keeps two channels, the baseline goes through both, and rounding decides on which side they are;
    arPLS on a background 10⁴ times the bands takes 50 rounds, in which rounding grows to 10⁻⁴.
    """
    rng, same = np.random.default_rng(0), np.ones(len(x), dtype=bool)
    draws, size = (10, 1e-13) if method == "airpls" else (1, 4e-16)
    for _ in range(draws):
        others, turns = by_pybaselines(x * (1 + size * rng.normal(size=x.shape)), method, **arguments)
        same &= (np.abs(others - fits).max(axis=1) < 1e-8 * np.abs(x).max(axis=1)) & (turns == rounds)
    return same


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("kind", "n", "d", "lam"),
    [(bands, 66, 120, 1e4), (walk, 66, 70, 30.0), (counts, 66, 90, 1e4), (on_fluorescence, 66, 70, 1e4),
     (bands, 9, 120, 1e4), (bands, 66, 40, 1e3)],
)  # fmt: skip
def test_baselines_and_rounds_are_those_of_pybaselines(name: str, kind: Kind, n: int, d: int, lam: float) -> None:
    rule, method, arguments = RULES[name]
    x = kind(n, d)
    exact, rounds = by_pybaselines(x, method, lam=lam, **arguments)
    same = decided(x, exact, rounds, method, lam=lam, **arguments)
    found, own_rounds = baselines(x, lam=lam, reweigh=rule)
    assert same.mean() > 0.9 or (name, kind) == ("arpls", on_fluorescence)
    largest = np.abs(x[same]).max(axis=1, keepdims=True)
    np.testing.assert_allclose(found[same] / largest, exact[same] / largest, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(own_rounds[same], rounds[same])
    assert np.abs(found - exact).max() < 1e-2 * np.abs(x).max() or name == "airpls"


@pytest.mark.parametrize("name", ["als", "airpls"])
@pytest.mark.parametrize("lam", [1e10, 1e12])
def test_where_rounding_shows_lapack_decides_as_it_does_in_pybaselines(name: str, lam: float) -> None:
    rule, method, arguments = RULES[name]
    x = bands(70, 150)
    exact, _ = by_pybaselines(x, method, lam=lam, **arguments)
    np.testing.assert_allclose(baselines(x, lam=lam, reweigh=rule)[0], exact, rtol=0, atol=1e-7)


def test_one_round_is_the_dense_solution() -> None:
    """The first round of all rules smooths with weights 1: z = (1 + lam DᵀD)⁻¹ y."""
    y = walk(80, 120)
    differences = np.diff(np.eye(120), 2, axis=0)
    dense = np.linalg.solve(np.eye(120) + 50 * differences.T @ differences, y.T).T

    def settled(y: np.ndarray, z: np.ndarray, w: np.ndarray, turn: int) -> np.ndarray:
        return np.zeros(y.shape[1])

    found, rounds = baselines(y, lam=50, reweigh=settled)
    np.testing.assert_allclose(found, dense, rtol=1e-10)
    assert set(rounds) == {1}


@pytest.mark.parametrize("name", RULES)
def test_a_spectrum_that_takes_long_does_not_change_the_others(name: str) -> None:
    rule = RULES[name][0]
    mixed = np.vstack([bands(70, 200), walk(70, 200)])
    together, rounds = baselines(mixed, lam=1e4, reweigh=rule)
    assert len(set(rounds)) > 1
    np.testing.assert_allclose(together[:70], baselines(mixed[:70], lam=1e4, reweigh=rule)[0], rtol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_more_spectra_than_are_fitted_side_by_side_and_constant_ones_among_them(name: str) -> None:
    x, axis = np.tile(bands(60, 100), (9, 1)), np.arange(100.0)
    x[::7] = 4.0
    out = parse_variant(f"{name}(lam=1e3)").apply(x, axis)[0]
    np.testing.assert_array_equal(out[::7], 0)
    shaped = np.arange(60) % 7 > 0
    np.testing.assert_allclose(out[:60][shaped], parse_variant(f"{name}(lam=1e3)").apply(x[:60], axis)[0][shaped],
                               atol=1e-9)  # fmt: skip
