"""Chains: what they are called, what they refuse, and that every spectrum stands for itself."""

from __future__ import annotations

import doctest
import importlib
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_core.errors import SpectraError, StudyError
from spectral_core.preprocessing import Chain, parse_variant

EVERY_STEP = [
    "raw", "crop(410, 470)", "snv", "area", "maximum", "vector", "absorbance", "absorbance(percent=True)",
    "savgol", "savgol(5, 3, 2)", "resample(403, 440, 1.5)", "als(lam=1e3)", "arpls(lam=1e3)", "airpls(lam=1e3)",
]  # fmt: skip
AXIS = 400 + 2.0 * np.arange(40)


def spectra(n: int, *, seed: int = 0, d: int = 40) -> np.ndarray:
    """Positive fractions with two bands on a slope."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, d)
    bands = np.exp(-(((at - 0.3) / 0.08) ** 2)) * rng.uniform(0.1, 0.4, (n, 1))
    slope = 0.3 + at * rng.uniform(0.0, 0.2, (n, 1))
    return np.clip(bands + slope + 0.01 * rng.normal(size=(n, d)), 0.01, 1)


@pytest.mark.parametrize("text", EVERY_STEP)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_alone_rows_shuffled_and_the_block_agree(text: str, dtype: type) -> None:
    chain, x = parse_variant(text), spectra(9).astype(dtype)
    block, positions = chain.apply(x, AXIS)
    one_by_one = np.vstack([chain.apply(row[None], AXIS)[0] for row in x])
    order = np.random.default_rng(1).permutation(9)
    np.testing.assert_allclose(one_by_one, block, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(chain.apply(x[order], AXIS)[0], block[order], rtol=1e-6, atol=1e-7)
    assert block.dtype == dtype and block.shape == (9, positions.size)


@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, 699)), seed=st.integers(0, 99))
def test_any_cut_into_blocks_of_rows_gives_the_same_as_the_whole(cuts: set[int], seed: int) -> None:
    # 700 rows are more than one cache block of the kernels
    chain, x = parse_variant("absorbance | savgol(7, 2, 1) | snv"), spectra(700, seed=seed).astype(np.float32)
    edges = [0, *sorted(cuts), 700]
    parts = [chain.apply(x[a:b], AXIS)[0] for a, b in pairwise(edges)]
    np.testing.assert_allclose(np.vstack(parts), chain.apply(x, AXIS)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("text", EVERY_STEP)
def test_no_step_changes_its_input_and_all_take_no_rows(text: str) -> None:
    x = spectra(3).astype(np.float32)
    x.flags.writeable = False
    kept = x.copy()
    _, positions = parse_variant(text).apply(x, AXIS)
    np.testing.assert_array_equal(x, kept)
    assert parse_variant(text).apply(x[:0], AXIS)[0].shape == (0, positions.size)


@pytest.mark.parametrize("text", ["raw", "crop(410, 470)", "crop(0, 500) | crop(410, 470)"])
def test_what_changes_no_intensity_copies_none(text: str) -> None:
    x = spectra(3).astype(np.float32)
    assert np.shares_memory(parse_variant(text).apply(x, AXIS)[0], x)


@pytest.mark.parametrize("text", [t for t in EVERY_STEP if not t.startswith("absorbance")])
@pytest.mark.parametrize("level", [0.0, 0.1, -3.0, 1e30])
def test_a_constant_spectrum_never_gives_nan(text: str, level: float) -> None:
    for dtype in (np.float32, np.float64):
        assert np.isfinite(parse_variant(text).apply(np.full((2, 40), level, dtype), AXIS)[0]).all()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("als | snv|savgol(11, 2, deriv=1)", "als(lam=100000, p=0.01) | snv | savgol(window=11, order=2, deriv=1)"),
        ("savgol", "savgol(window=11, order=2, deriv=0)"),
        ("savgol(deriv=0, window=11)", "savgol(window=11, order=2, deriv=0)"),
        ("arpls(lam=1e5)", "arpls(lam=100000)"),
        ("airpls(100000)", "airpls(lam=100000)"),
        ("crop(1, 2.5)", "crop(low=1, high=2.5)"),
        (" raw ", "raw"),
        ("absorbance(True)", "absorbance(percent=True)"),
        ("resample(1, 2, step=0.5)", "resample(start=1, stop=2, step=0.5)"),
    ],
)  # fmt: skip
def test_one_chain_has_one_canonical_text_whichever_way_it_is_written(text: str, canonical: str) -> None:
    chain = parse_variant(text)
    assert str(chain) == canonical
    assert parse_variant(canonical) == chain and hash(parse_variant(canonical)) == hash(chain)


@settings(deadline=None)
@given(
    lam=st.floats(1e-300, 1e300),
    p=st.floats(1e-9, 1 - 1e-9),
    window=st.integers(1, 500),
    order=st.integers(0, 2),
)
def test_canonical_texts_lose_no_digit(lam: float, p: float, window: int, order: int) -> None:
    chain = parse_variant(f"als({lam!r}, {p!r}) | savgol({2 * window + 1}, {order})")
    assert dict(chain.steps[0].arguments) == {"lam": lam, "p": p}
    assert parse_variant(str(chain)) == chain


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty text"),
        ("snv |", "unknown ''"),
        ("snvv", "one of absorbance, airpls, als, area, arpls, crop, maximum, raw, resample, savgol, snv, vector"),
        ("raw | snv", "Remove raw"),
        ("snv | raw", "Remove raw"),
        ("savgol(window=10)", "argument window: expected an odd number of channels, found 10"),
        ("savgol(1, 0)", "argument window: expected a whole number of at least 3, found 1"),
        ("savgol(5, 5)", "argument order: expected a degree below the window (5), found 5"),
        ("savgol(5, 2, 3)", "argument deriv: expected at most the order (2)"),
        ("savgol(5.0)", "argument window: expected a whole number of at least 3, found 5.0"),
        ("savgol(True)", "argument window: expected a whole number"),
        ("savgol(width=5)", "arguments of savgol(window, order, deriv), found 'width'"),
        ("als(lam=0)", "argument lam: expected a number above 0, found 0"),
        ("als(lam='1e5')", "argument lam: expected a number above 0, found '1e5'"),
        ("als(lam=1e400)", "argument lam: expected a number above 0, found inf"),
        (f"als(lam={10**400})", "argument lam: expected a number above 0"),
        ("als(p=1)", "argument p: expected a number above 0 and below 1, found 1"),
        ("als(p=-0.1)", "argument p: expected a number above 0 and below 1"),
        ("arpls(lam=-1)", "argument lam"),
        ("airpls(lam=None)", "argument lam"),
        ("crop(5)", "no 'high'"),
        ("crop(5, 5)", "argument high: expected a position above low (5), found 5"),
        ("resample(0, 10, 0)", "argument step: expected a number above 0"),
        ("resample(10, 0, 1)", "argument stop: expected a position above start (10)"),
        ("resample(0, 1, 1e-9)", "at most ten million channels"),
        ("absorbance(percent=1)", "argument percent: expected True or False, found 1"),
        ("snv(3)", "arguments of snv(), found 3"),
        ("msc", "'msc', which learns from several spectra. Put it in the model, e.g. 'msc | ridge'"),
        ("snv | mean_centre", "'mean_centre', which learns from several spectra"),
        ("pca(components=3)", "'pca', which learns from several spectra"),
        ("scale | snv", "'scale', which learns from several spectra"),
    ],
)  # fmt: skip
def test_a_bad_chain_is_refused_when_parsed_and_the_message_says_why(text: str, says: str) -> None:
    with pytest.raises(StudyError) as caught:
        parse_variant(text)
    assert says in str(caught.value) and f"variant {text!r}" in str(caught.value).replace("variant:", "variant '':")


def test_raw_is_the_identity_and_hands_the_same_array_back() -> None:
    x = spectra(2)
    out, positions = parse_variant("raw").apply(x, AXIS)
    assert out is x and positions is AXIS
    assert parse_variant("raw").is_identity and not parse_variant("snv").is_identity


def test_only_baselines_count_as_slow() -> None:
    slow = {text.partition("(")[0] for text in EVERY_STEP if parse_variant(text).is_slow}
    assert slow == {"als", "arpls", "airpls"} and parse_variant("snv | als").is_slow


def test_a_chain_travels_to_other_processes() -> None:
    chain = parse_variant(" | ".join(EVERY_STEP[1:]))
    assert isinstance(chain, Chain) and pickle.loads(pickle.dumps(chain)) == chain  # noqa: S301


def test_the_quantity_is_named_as_long_as_it_has_a_name() -> None:
    assert parse_variant("crop(1, 2) | savgol | als").unit("counts") == "counts"
    assert parse_variant("absorbance(percent=True) | savgol").unit("%") == "absorbance"
    assert parse_variant("absorbance | savgol(deriv=1)").unit("reflectance") == ""
    assert parse_variant("savgol(deriv=1) | snv").unit("counts") == "1"


@pytest.mark.parametrize("shapes", [((40,), (40,)), ((2, 39), (40,)), ((2, 0), (0,)), ((2, 40), (40, 1))])
def test_arrays_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(SpectraError, match="n × d spectra with d axis positions"):
        parse_variant("snv").apply(np.zeros(shapes[0]), np.zeros(shapes[1]))


@pytest.mark.parametrize("module", ["arguments", "chain", "fitted", "neighbours", "per_spectrum"])
def test_doctests_hold(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"spectral_core.preprocessing.{module}"))
    assert results.attempted > 0 and results.failed == 0
