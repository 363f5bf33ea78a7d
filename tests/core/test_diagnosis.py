"""Diagnostics from arrays: what cannot be meant is refused with its place, as the audit refuses it."""

from __future__ import annotations

import numpy as np
import pytest

from spectral_core.diagnosis import diagnose
from spectral_core.errors import OffbandError

GOOD = {"y": ["a", "b"] * 12, "axis": np.arange(40.0), "axis_unit": "cm-1", "seed": 0}


@pytest.mark.parametrize("factor", [1e-200, 1e160])
def test_intensities_whose_squares_leave_float64_are_refused(factor):
    x = np.random.default_rng(0).normal(size=(24, 40))
    with pytest.raises(OffbandError, match=r"X: expected intensities up to 1e-100 at least and 1e\+100 at most, found"):
        diagnose(x * factor, **GOOD)


@pytest.mark.parametrize("factor", [1e-60, 1e60])
def test_the_unit_of_the_intensities_changes_no_diagnostic(factor):
    x = np.random.default_rng(0).normal(size=(24, 40))
    one, other = (diagnose(x * f, **GOOD).to_frame().set_index("name")["estimate"] for f in (1.0, factor))
    np.testing.assert_allclose(other.to_numpy(float), one.to_numpy(float), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": {"b": (30, 20)}}, "band 'b': expected an interval inside the axis, 0 to 39 cm-1, found 30 to 20"),
        ({"bands": {"b": (500, 600)}}, "band 'b': expected an interval inside the axis"),
        ({"bands": {"b": (float("nan"), 5)}}, "band 'b': expected an interval inside the axis"),
        ({"bands": {"b": (5, 9)}, "blank": {"k": (8, 12)}}, "blank 'k': expected no channel of a declared band"),
        ({"blank": {"k": (80, 90)}}, "blank 'k': expected an interval inside the axis"),
        ({"bands": [(5, 9)]}, "bands: expected name to (low, high), found list"),
        ({"blank": {"k": 5}}, "blank, 'k': expected (low, high), two numbers, found 5"),
        ({"axis": ["x"] * 40}, "axis: expected numbers, one position a channel"),
        ({"preprocess": None}, "variant: expected a text such as 'snv'"),
        *(({"seed": seed}, "seed: expected a whole number") for seed in (1.5, -1, "a", None, True)),
        ({"y": ["a", "b"] * 11}, "y: expected 24 labels"),
    ],
)
def test_what_the_audit_would_refuse_the_diagnostics_refuse_too(change, message):
    x = np.random.default_rng(0).normal(size=(24, 40))
    with pytest.raises(OffbandError) as error:
        diagnose(x, **GOOD | change)
    assert message in str(error.value)
