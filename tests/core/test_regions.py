"""Bands, guards, blanks and gaps on an axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectral_core.errors import AuditError
from spectral_core.regions import locate_regions, segments


def test_off_band_leaves_a_guard_of_half_a_width_on_either_side():
    axis = np.arange(0.0, 101.0)
    regions = locate_regions(axis, axis_unit="nm", bands={"b": (40, 60)}, blanks={"k": (90, 100)})
    np.testing.assert_array_equal(axis[regions.in_band], np.arange(40.0, 61.0))
    np.testing.assert_array_equal(axis[regions.off_band], np.r_[np.arange(0.0, 30.0), np.arange(71.0, 101.0)])
    np.testing.assert_array_equal(axis[regions.blank], np.arange(90.0, 101.0))


@pytest.mark.parametrize("interval", [(200, 300), (-20, 30), (50, 40), (50.2, 50.8)])
def test_an_interval_without_channels_or_beyond_the_axis_is_refused(interval):
    with pytest.raises(AuditError, match="band 'b': expected an interval inside the axis, 0 to 100 nm"):
        locate_regions(np.arange(0.0, 101.0), axis_unit="nm", bands={"b": interval}, blanks={})


def test_a_band_of_one_channel_is_a_band():
    regions = locate_regions(np.arange(10.0), axis_unit="nm", bands={"b": (4.5, 5.5)}, blanks={})
    assert regions.in_band.sum() == 1


@given(st.integers(12, 200), st.sampled_from([0.1, 0.25, 1.0, 1.928, 4.0]), st.integers(1, 4))
def test_rounded_positions_and_widening_grids_have_no_gap(n, spacing, digits):
    even = np.arange(n) * spacing + 400
    rounded = np.unique(np.round(even, digits))
    if rounded.size == n and spacing >= 2 * 10.0**-digits:
        assert len(segments(rounded)) == 1
    assert len(segments(1e7 / even[::-1])) == 1


@given(st.integers(10, 60), st.integers(10, 60), st.integers(1, 20))
def test_missing_channels_part_the_axis(before, after, missing):
    axis = np.r_[np.arange(before), np.arange(after) + before + missing].astype(float)
    assert segments(axis) == [slice(0, before), slice(before, before + after)]


def test_alternately_rounded_steps_have_no_gap():
    assert len(segments(np.round(np.arange(0, 60) * 0.25, 1))) == 1
    assert len(segments(np.round(np.arange(0, 60) * 0.015, 2))) == 1
