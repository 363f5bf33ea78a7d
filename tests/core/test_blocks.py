"""What the probe is asked to classify: regions are cropped first, then preprocessed."""

from __future__ import annotations

import numpy as np
import pytest

from spectral_core.controls.blocks import make_blocks
from spectral_core.controls.nuisance import nuisance_scalars, scalar_aucs
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import locate_regions

AXIS = np.arange(60.0)
BANDS = {"b": (20.0, 29.0)}


def cut(x, chain, *, bands=BANDS, blanks=None):
    regions = locate_regions(AXIS, axis_unit="nm", bands=bands, blanks={"q": (45, 59)} if blanks is None else blanks)
    return make_blocks(x, regions, bands, parse_variant(chain))


def spectra(n=8):
    return np.random.default_rng(0).normal(size=(n, 60)) + 5


def test_nothing_of_a_band_reaches_the_channels_outside_it():
    x = spectra()
    disturbed = x.copy()
    disturbed[:, 20:30] *= 100
    chain = parse_variant("snv | savgol(5, 2, 1)")
    before, after = cut(x, str(chain)), cut(disturbed, str(chain))
    for name in ("off_band", "blank", "nuisance"):
        np.testing.assert_array_equal(before.by_name[name].matrix, after.by_name[name].matrix)
    assert not np.allclose(before.by_name["off_band_after"].matrix, after.by_name["off_band_after"].matrix)
    np.testing.assert_allclose(before.by_name["blank"].matrix, chain.apply(x[:, 45:], AXIS[45:])[0], atol=1e-12)


def test_nothing_outside_a_band_reaches_the_band():
    x = spectra()
    disturbed = x.copy()
    disturbed[:, :20] *= 100
    before, after = cut(x, "snv"), cut(disturbed, "snv")
    np.testing.assert_array_equal(before.by_name["bands"].matrix, after.by_name["bands"].matrix)


def test_a_band_keeps_its_height_where_a_normalisation_would_divide_it_away():
    x = np.ones((6, 60)) * np.arange(1.0, 7.0)[:, None]  # flat spectra of different height: constant after snv
    block = cut(x, "snv").by_name["bands"]
    assert block.n_channels == 10
    assert np.ptp(block.matrix, axis=0).max() > 0


def test_what_is_not_declared_is_not_asked():
    assert set(cut(spectra(), "raw", bands={}, blanks={}).by_name) == {"full"}
    assert "off_band_after" not in cut(spectra(), "raw").by_name  # a chain that changes nothing carries nothing


def test_a_region_too_narrow_for_the_chain_is_judged_raw_and_says_so():
    found = cut(spectra(), "savgol(11, 2)", bands={"b": (20.0, 22.0)})
    assert "raw, because" in found.by_name["bands"].note
    assert found.by_name["off_band"].note == ""


def test_a_chain_that_crops_leaves_the_audit_the_channels_that_are_left():
    found = cut(spectra(), "crop(15, 40)", blanks={})
    assert found.by_name["full"].n_channels == 26
    assert found.by_name["off_band"].n_channels == 1 + 7  # the guard reaches from 15.5 to 33.5: 15, and 34 to 40


@pytest.mark.parametrize(
    ("change", "scalar"),
    [
        (lambda x, label: x + 0.5 * label, "total intensity"),
        (lambda x, label: 5 + (x - 5) * (1 + label), "high-frequency noise"),
        (lambda x, label: x + 0.1 * label * (np.arange(60) - 30), "slope"),
        (lambda x, label: x + 0.01 * label * (np.arange(60) - 30) ** 2, "curvature"),
    ],
)
def test_each_scalar_sees_what_it_is_named_after(change, scalar):
    label = np.arange(80) % 2
    x = change(np.random.default_rng(1).normal(size=(80, 60)) * 0.2 + 5, label[:, None])
    scalars = nuisance_scalars(x, AXIS, {"blank": np.ones(60, dtype=bool)})
    assert scalar_aucs(scalars, label, 2)[f"{scalar} of blank"] > 0.95
    np.testing.assert_allclose(scalars.values.std(axis=0), 1)


def test_scalars_that_do_not_vary_are_left_out():
    assert nuisance_scalars(np.ones((5, 60)), AXIS, {"blank": np.ones(60, dtype=bool)}).names == ()
