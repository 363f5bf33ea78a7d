"""The section "What the classifier looks at" shows every map and number of relevance, and nothing without them."""

from __future__ import annotations

import copy
import re
from functools import cache

import numpy as np
import pytest

from spectral_core import audit_classifier
from spectral_core.relevance import examine_relevance
from spectral_core.report import render_html
from spectral_core.report.words import MAPS
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.splits import make_design, permuted_codes, unit_folds
from tests.core.test_report_page import Page


@cache
def audited(band_effect, units=(15, 15)):
    data = simulate(Recipe(units=units, channels=120, band_effect=band_effect), seed=1)
    report = audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"C–H": BAND},
                              blank={"silent": BLANK}, unit=data.unit, n_permutations=99, seed=1)  # fmt: skip
    design = make_design(data.label, unit=data.unit)
    labelings = np.column_stack([design.codes, permuted_codes(design, n=99, seed=1)])
    found = examine_relevance(data.x, data.axis, design, unit_folds(design, k=5, seed=1), labelings,
                              bands={"C–H": BAND}, blanks={"silent": BLANK}, alpha=0.05)  # fmt: skip
    content = copy.deepcopy(report.to_dict())
    content["variants"][0]["relevance"] = found.to_dict()
    return content, found


def section(content):
    html = render_html(content)
    assert Page(html).open == []
    found = re.search(r'<section id="relevance">.*?</section>', html, flags=re.DOTALL)
    return found.group() if found else None


def test_every_map_and_every_region_is_shown_with_its_numbers():
    content, found = audited(0.4)
    words = Page(section(content)).words.replace("−", "-")
    for name, entry in MAPS.items():
        assert entry["title"] in words
        assert name in found.maps
    for row in found.per_band:
        assert row.region.name in words
        for estimate in (row.necessity, row.joint_loss, row.conditional_loss):
            assert f"{estimate.value:+.3f}".replace("+0.000", "0.000").replace("-0.000", "0.000") in words
    for agreement in found.agreement.values():
        assert f"{agreement.agreement:+.3f}" in words
    assert "speak for class 2" in words


def test_what_leaves_the_outer_band_is_marked_and_nothing_else():
    for effect in (0.4, 0.0):
        content, found = audited(effect)
        marked = section(content).count('class="beyond"')
        leaves = [(np.abs(m.values) if m.signed else m.values) > m.simultaneous for m in found.maps.values()]
        assert (marked > 0) == any(out.any() for out in leaves)
    assert section(audited(0.4)[0]).count('class="beyond"') > 0


def test_a_map_is_drawn_where_its_channels_lie():
    content, found = audited(0.4)
    path = re.search(r'class="relevance-map".*?d="(M[^"]*)" class="map"', section(content), flags=re.DOTALL).group(1)
    points = np.array([[int(v) for v in point.split()] for point in path[1:].split("L")])
    highest = points[points[:, 1].argmin(), 0] / 10_000  # share of the axis from the left
    pattern = found.maps["pattern"].values
    assert highest == pytest.approx(pattern.argmax() / (pattern.size - 1), abs=1e-3)


def test_without_relevance_there_is_no_section():
    content, _ = audited(0.4)
    bare = copy.deepcopy(content)
    del bare["variants"][0]["relevance"]
    assert section(bare) is None
    assert section({}) is None


def test_several_classes_and_several_variants_are_shown():
    content, found = audited(0.4, units=(10, 10, 10))
    content = copy.deepcopy(content)
    content["variants"].append(copy.deepcopy(content["variants"][0]) | {"variant": "snv"})
    shown = section(content)
    assert shown.count("<details") == 2 and shown.count(" open") == 1
    assert found.positive_class == "" and "Above zero" not in shown


@pytest.mark.parametrize("missing", ["maps", "agreement", "per_band", "axis", "n_permutations", "positive_class"])
def test_a_missing_part_leaves_a_page(missing):
    content = copy.deepcopy(audited(0.4)[0])
    for nothing in ({}, None):
        content["variants"][0]["relevance"][missing] = nothing
        section(content)
    del content["variants"][0]["relevance"][missing]
    section(content)
