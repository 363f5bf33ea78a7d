"""The section "Growth with channels, and concentration": every number and curve, beside what no difference gives."""

from __future__ import annotations

import copy
import re
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest

from spectral_core import diagnose
from spectral_core.audit import audit_variants
from spectral_core.diagnostics import Diagnostic
from spectral_core.evidence import Settings
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.report import json_text, render_html
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.splits import make_design
from tasks.auditing import diagnostic_metrics
from tests.core.test_report_page import Page, coffee_report


@cache
def found(units=(20, 20), channels=48):
    data = simulate(Recipe(units=units, channels=channels, band_effect=0.4), seed=2)
    return diagnose(data.x, data.label, axis=data.axis, bands={"C=O": BAND}, blank={"silent": BLANK}, unit=data.unit,
                    seed=2)  # fmt: skip


def reported(n_variants=1):
    report = coffee_report(n_variants) | {"spectra": {}}  # drawing these takes most of the time
    for variant in report["variants"]:
        variant["diagnostics"] = copy.deepcopy(found().to_dict())
    return report


def section(report):
    html = render_html(report)
    assert Page(html).open == []
    match = re.search(r'<section id="diagnostics">.*?</section>', html, flags=re.DOTALL)
    return match.group() if match else None


def test_every_scalar_is_shown_with_interval_band_and_reading():
    words = Page(section(reported())).words
    for scalar in found().scalars:
        assert scalar.name.replace("_", " ") in words
        if isinstance(scalar, Diagnostic):
            assert scalar.reading.replace(" -", " −").replace("(-", "(−") in words
            assert scalar.band.kind in words
    assert "explain a verdict and never decide it" in words


def test_every_growth_curve_has_a_panel_with_its_two_terms_and_their_bands():
    shown = section(reported())
    growth = found()["growth"].to_dict()
    given = [curve for curve in growth["curves"] if curve["fits"]]
    figure = shown[: shown.index("Figure 4.")]
    drawn = figure.split('<div class="curves">')[1:]
    assert len(drawn) == len(given) >= 5
    for part, curve in zip(drawn, given, strict=True):
        assert f"{curve['order'].capitalize()}, {curve['region']}" in part
        for kind, path in (("mean-term", "mean term"), ("covariance-term", "covariance term")):
            assert (f'class="curve {kind}"' in part) == (path in curve["fits"])
            assert (f'class="shuffled {kind}"' in part) == (path in curve["fits"])
    for curve in growth["curves"]:
        assert curve["fits"] or f"{curve['order']}, {curve['region']} (" in Page(shown).words.partition("Not drawn:")[2]


def test_a_point_lies_where_its_accuracy_and_its_channels_are():
    """Probit against the root of the number of channels."""
    report = reported()
    curve = {"order": "decimation", "region": "full", "channels": [1, 4, 9, 16], "accuracy": [0.5, 0.6, 0.7, 0.8],
             "point_low": [0.4] * 4, "point_high": [0.6] * 4, "p": 0.01, "overlay": [0.5, 0.55, 0.6, 0.65]}  # fmt: skip
    report["variants"][0]["diagnostics"]["curves"] = {"channel_curves": {"curves": [curve], "n": 40, "classes": []}}
    shown = section(report)
    path = re.search(r'd="M([^"]*)" class="curve full"', shown).group(1)
    points = np.array([[int(v) for v in point.split()] for point in path.split("L")])
    assert np.diff(points[:, 0]) == pytest.approx([np.diff(points[:, 0])[0]] * 3, abs=2)  # roots 1, 2, 3, 4
    heights = [NormalDist().inv_cdf(a) for a in curve["accuracy"]]
    expected = np.polyval(np.polyfit(heights, points[:, 1], 1), heights)
    assert points[:, 1] == pytest.approx(expected, abs=2) and points[0, 1] > points[-1, 1]


def test_a_distance_lies_on_a_scale_that_is_linear_near_zero_and_logarithmic_far_from_it():
    report = reported()
    fit = {"channels": [1, 2, 4, 8, 16], "distance": [0.0, 0.01, 0.02, 100.0, 1000.0], "error": [0.0] * 5,
           "point_low": [-0.01] * 5, "point_high": [0.01] * 5, "p": 0.01, "beta": 1.0,
           "beta_interval": [0.5, 1.5]}  # fmt: skip
    curve = {"order": "binning", "region": "full", "fits": {"mean term": fit}}
    report["variants"][0]["diagnostics"]["curves"] = {"growth": {"curves": [curve], "classes": ["a", "b"]}}
    path = re.search(r'd="M([^"]*)" class="curve mean-term"', section(report)).group(1)
    x, y = np.array([[int(v) for v in point.split()] for point in path.split("L")]).T
    assert np.diff(x) == pytest.approx([np.diff(x)[0]] * 4, abs=2)  # doubling is one step
    unit = (y[3] - y[4]) / np.log(10)  # drawing units of one factor e, far from zero
    assert (y[0] - y[1]) / unit == pytest.approx(0.1, abs=0.01)  # 0.01 of the 0.1 up to which it is linear
    assert (y[0] - y[2]) / unit == pytest.approx(0.2, abs=0.01)


def test_an_exponent_that_is_not_determined_is_not_given():
    report = reported()
    fits = report["variants"][0]["diagnostics"]["curves"]["growth"]["curves"][0]["fits"]
    for ends, told in (([-1.0, 2.0], "β not determined"), ([2.0, 2.0], "β at least 2"), ([0.1, 0.7], "[0.10, 0.70]")):
        for fit in fits.values():
            fit["beta_interval"] = ends
        assert told in Page(section(report)).words


def test_an_interval_without_an_upper_end_shows_its_lower_limit():
    report = reported()
    scalar = report["variants"][0]["diagnostics"]["scalars"]["observable_diameter"]
    for ends, told in (([0.25, None], "at least 0.25"), ([0.25, 0.75], "0.25 to 0.75")):
        scalar["interval"] = ends
        assert told in Page(section(report)).words
    scalar["interval"] = [None, None]
    assert "at least" not in Page(section(report)).words.partition("observable diameter")[2][:80]


def test_assumptions_stand_there_and_broken_ones_beside_the_number():
    report = reported()
    scalars = report["variants"][0]["diagnostics"]["scalars"]
    scalars["participation_ratio"]["assumptions"] = [
        {"statement": "rows are Gaussian", "status": "violated", "note": "kurtosis 9"}]  # fmt: skip
    words = Page(section(report)).words
    assert "Does not hold here: rows are Gaussian." in words
    assert "rows are Gaussian violated kurtosis 9 participation ratio" in words


def test_without_diagnostics_there_is_no_section_and_several_variants_are_folded():
    assert section(coffee_report(1)) is None and section({}) is None
    shown = section(reported(2))
    assert shown.count("<summary><code>") == 2


@pytest.mark.parametrize("missing", ["scalars", "curves", "n_permutations"])
def test_a_missing_part_leaves_a_page(missing):
    report = reported()
    part = report["variants"][0]["diagnostics"]
    for nothing in ({}, None):
        part[missing] = nothing
        section(report)
    del part[missing]
    section(report)


@pytest.mark.parametrize("curve", ["growth", "learnability", "channel_curves"])
def test_a_curve_that_cannot_be_given_says_why(curve):
    report = reported()
    curves = report["variants"][0]["diagnostics"]["curves"]
    curves[curve] = {"name": curve, "classes": ["a", "b"], "reading": "cannot be given, because all spectra are equal"}
    assert "cannot be given, because all spectra are equal." in Page(section(report)).words


def test_an_audit_that_is_asked_adds_them_to_every_variant_and_tracking_gets_the_numbers():
    data = simulate(Recipe(units=(8, 8), channels=30, band_effect=0.4), seed=0)
    report = audit_variants(
        data.x, data.axis, make_design(data.label, unit=data.unit), AxisPlaces("cm-1", {"C=O": BAND}, {}),
        [parse_variant("raw"), parse_variant("snv")], Settings(99, 0.05, 0.05, 5, 0), diagnostics=True,
    )  # fmt: skip
    content = report.to_dict()
    assert all(len(variant["diagnostics"]["scalars"]) > 10 for variant in content["variants"])
    assert json_text({"variants": content["variants"]})
    metrics = diagnostic_metrics(content)
    told = next(v for v in content["variants"] if v["verdict"] == content["verdict"])["diagnostics"]["scalars"]
    assert metrics["diagnostics.participation_ratio"] == told["participation_ratio"]["estimate"]
    assert all(name.startswith("diagnostics.") and np.isfinite(value) for name, value in metrics.items())
    assert section(content).count("<summary><code>") == 2
