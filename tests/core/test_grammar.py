"""The grammar of chains: what it reads, and what it refuses with the place, the expectation and the finding."""

from __future__ import annotations

import contextlib
import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectral_core import grammar
from spectral_core.errors import StudyError
from spectral_core.grammar import Step, parse_chain


def snv() -> None: ...


def crop(low: float, high: float) -> None: ...


def smooth(_x: object, window: int = 11, order: int = 2, name: str = "a") -> None: ...


KNOWN = {"snv": snv, "crop": crop, "smooth": smooth, "random-forest": smooth}


def parse(text: str) -> tuple[Step, ...]:
    return parse_chain(text, KNOWN, where="here")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("snv", [("snv", {})]),
        ("snv()", [("snv", {})]),
        ("  snv|crop( 1 ,high = 2.5 )", [("snv", {}), ("crop", {"low": 1, "high": 2.5})]),
        ("smooth(5)", [("smooth", {"window": 5})]),
        ("smooth(order=-1, window=1e5)", [("smooth", {"order": -1, "window": 1e5})]),
        ("random-forest(name='b')", [("random-forest", {"name": "b"})]),
        ("smooth(True, None)", [("smooth", {"window": True, "order": None})]),
    ],
)
def test_elements_come_in_order_with_every_argument_named(text: str, steps: list[tuple[str, dict]]) -> None:
    assert [(step.name, dict(step.arguments)) for step in parse(text)] == steps


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a chain such as .* found an empty text"),
        ("  ", "an empty text"),
        ("|", "unknown ''"),
        ("snv||snv", "unknown ''"),
        ("SNV", "one of crop, random-forest, smooth, snv, found unknown 'SNV'"),
        ("snv(", "Check brackets"),
        ("snv)", "unknown 'snv\\)'"),
        ("crop(1, 2", "Check brackets"),
        ("crop(1, 2) snv", "Check brackets"),
        ("crop(1, 2)(3)", "Check brackets"),
        ("crop(1)", "no 'high'"),
        ("crop(1, 2, 3)", "arguments of crop\\(low, high\\)"),
        ("crop(1, 2, low=1)", "arguments of crop\\(low, high\\), found 'low'"),
        ("smooth(_x=1)", "arguments of smooth\\(window, order, name\\), found '_x'"),
        ("smooth(wide=1)", "found 'wide'"),
        ("crop(a, b)", "Write the values out"),
        ("crop(1+1, 2)", "Write the values out"),
        ("crop(*[1, 2])", "Write the values out"),
        ("smooth(**{'window': 3})", "arguments of smooth"),
        ("smooth(__import__('os').getcwd())", "Write the values out"),
        ("smooth(\x00)", "Check brackets"),
    ],
)  # fmt: skip
def test_what_is_no_chain_is_refused_with_the_place(text: str, says: str) -> None:
    with pytest.raises(StudyError, match=says) as caught:
        parse(text)
    assert str(caught.value).startswith("here")


@given(st.text(alphabet="snvcrop(),=|'1.-_ []{}*\\\n", max_size=40))
def test_any_text_is_read_or_refused_as_a_study_error(text: str) -> None:
    with contextlib.suppress(StudyError):
        parse(text)


@given(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="ascii"), max_size=5),
)
def test_a_steps_text_reads_back_as_the_step(window: int, order: float, name: str) -> None:
    step = Step("smooth", (("window", window), ("order", order), ("name", name)))
    if "|" not in name:
        assert parse(str(step)) == (step,)


def test_doctests_hold() -> None:
    results = doctest.testmod(grammar)
    assert results.attempted > 0 and results.failed == 0
