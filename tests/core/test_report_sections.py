"""Sections of the page that only some reports have: proposed blanks, models, features without an axis."""

from __future__ import annotations

import ast
import copy
import re
import tomllib

import pytest

from spectral_core.errors import StudyError
from spectral_core.report import render_html
from spectral_core.study import study_from
from tests.core.test_report_page import Page, coffee_report

PROPOSED = [
    {"interval": [2397.28, 2572.728], "n_channels": 92, "variance_over_noise": 1.26, "mean_deviation": 1.9},
    {"interval": [1909.496, 2084.944], "n_channels": 92, "variance_over_noise": 1.18, "mean_deviation": 1.86},
]


def section(report, name):
    html = render_html(report)
    assert Page(html).open == []
    found = re.search(rf'<section id="{name}">.*?</section>', html, flags=re.DOTALL)
    return found.group() if found else ""


def without_blanks(proposed):
    report = coffee_report(1)
    report["regions"] |= {"blanks": {}, "proposed_blanks": proposed}
    return report


def test_proposed_blanks_are_tabulated_drawn_and_written_as_a_study_that_still_wants_a_reason(tmp_path):
    shown = section(without_blanks(PROPOSED), "spectra")
    words = Page(shown).words
    for told in ("2,397.3–2,572.7 cm⁻¹ 92 1.26 1.9", "1,909.5–2,084.9 cm⁻¹ 92 1.18 1.86", "has not used them"):
        assert told in words
    assert shown.count('class="region proposal"') == 2
    lines, keyword = (Page(block).text for block in re.findall(r"<pre.*?</pre>", shown, flags=re.DOTALL))
    blanks = tomllib.loads(lines)["blanks"]
    assert [blank["interval"] for blank in blanks.values()] == [p["interval"] for p in PROPOSED]
    assert ast.literal_eval(keyword.removeprefix("blank="))["candidate 1"] == (2397.28, 2572.728)
    study = {"name": "s", "inbox": "i", "archive": "a", "results": "r", "samples": {}, "audit": {"seed": 1},
             "reading": {"axis_unit": "cm-1"}, "blanks": blanks}  # fmt: skip
    with pytest.raises(StudyError, match="reason"):
        study_from(study, where=tmp_path / "study.toml")


def test_where_nothing_looks_empty_it_is_said_and_beside_a_declared_blank_nothing_is_proposed():
    assert "no interval outside bands and guards is wide, straight and quiet enough" in Page(
        section(without_blanks([]), "spectra")).words  # fmt: skip
    declared = coffee_report(1)
    declared["regions"]["proposed_blanks"] = PROPOSED
    for report in (declared, coffee_report(1)):
        assert "Candidates for a blank" not in section(report, "spectra")


def with_estimator():
    report = coffee_report(1) | {"spectra": {}}
    report["variants"][0]["judged_by"] = "SVC"
    report["models"] = [
        {"variant": "raw", "model": "SVC", "judged_by": "refits", "verdict": "artefact", "reasons": [],
         "decides": True, "lead": {"estimate": 0.071}, "permutations": {"full": 199, "off_band": 23}, "metrics": {}},
        {"variant": "raw", "model": "ridge", "judged_by": "predictions", "decides": False,
         "lead": {"estimate": -0.02}, "permutations": {"full": 19}, "metrics": {}},
    ]  # fmt: skip
    return report | {
        "judged_by": "model",
        "judged_by_why": "raw: SVC is more accurate than the probe by more than delta (+0.07).",
        "estimator": {
            "name": "SVC", "balanced_accuracy": 0.934, "interval": [0.81, 0.98], "probe_verdict": "supported",
            "probe_balanced_accuracy": 0.863, "correction": "Corrected by Holm.",
            "tests": {"full": {"p": 0.005, "permutations": 199, "exceedances": 0, "stopped": False},
                      "off_band": {"p": 0.43, "permutations": 23, "exceedances": 10, "stopped": True}},
            "band_permutation": [{"region": "ester C=O", "n_channels": 42, "loss": 0.213, "sd": 0.011, "repeats": 10}],
        },
    }  # fmt: skip


def test_a_reader_sees_whose_verdict_it_is_on_which_path_and_with_how_many_permutations():
    report = with_estimator()
    words = Page(section(report, "models")).words
    for told in (
        "Whose verdict: raw: SVC is more accurate", "SVC ◂ speaks raw refitting the model itself", "23–199 +0.071",
        "ridge raw its own predictions, permutations of the probe – 19 −0.020",
        "SVC reaches 0.934 [0.810, 0.980], the probe 0.863. The probe's own verdict is ● Supported.",
        "Full spectrum 0.005 199 0 no", "Off-band only 0.43 23 10 yes", "Corrected by Holm.",
        "ester C=O 42 +0.213 0.011",
    ):  # fmt: skip
        assert told in words, told
    assert "Judged by SVC (refitting the model itself)" in Page(section(report, "checks")).words
    assert "judged: SVC" in Page(render_html(report)).words


def test_the_probe_is_named_with_its_permutations_where_it_judges():
    report = coffee_report(1)
    report["variants"][0]["judged_by"] = "probe"
    words = Page(section(report, "checks")).words
    assert "Judged by the probe, in closed form, 1,999 permutations of the labels behind each p-value." in words
    assert "judged: offband’s own linear classifier (the probe)" in Page(render_html(report)).words


@pytest.mark.parametrize("missing", ["judged_by_why", "tests", "band_permutation", "correction", "probe_verdict"])
def test_a_model_section_without_a_part_is_still_a_page(missing):
    report = with_estimator()
    (report if missing in report else report["estimator"]).pop(missing)
    assert "SVC" in section(report, "models")


def test_features_without_an_axis_are_listed_by_group_and_never_shaded():
    report = coffee_report(1)
    names = [f"pixel {i}" for i in range(40)]
    report["spectra"] = {"axis": list(range(40)), "axis_unit": "feature", "features": names,
                         "mean": {"a": [0.0, 1.0] * 20}, "sd": {}}  # fmt: skip
    report["regions"] = {
        "axis_unit": "feature", "off_band": [], "off_band_features": names[2:],
        "bands": {"centre": {"features": names[:2], "assignment": ""}}, "blanks": {},
    }  # fmt: skip
    shown = section(copy.deepcopy(report), "spectra")
    words = Page(shown).words
    assert "centre band 2 pixel 0 · pixel 1" in words and "and 14 more" in words  # 38 off-band, 24 of them named
    assert "Feature, in the order given" in words and 'class="region' not in shown
    assert '"names":["pixel 0","pixel 1"' in shown


def test_the_methods_paragraph_tells_this_design_and_nothing_that_was_not_done():
    report = coffee_report(2)
    told = Page(section(report, "methods")).words
    design, settings = report["design"], report["settings"]
    for fact in (f"{design['n_spectra']} spectra", f"{settings['n_permutations']:,} permutations",
                 f"{settings['n_folds']}-fold", *report["variants"][1]["variant"].split(" | ")):  # fmt: skip
        assert fact in told, fact
    assert "Holm's method" not in told
    assert "permutations of the labels of units (Phipson" in told
    report["design"] |= {"batches": {"Monday": {"Brasil": 3}, "Tuesday": {"Brasil": 2}}, "unit_declared": False}
    told = Page(section(report, "methods")).words
    assert "in 2 batches" in told
    assert "Holm's method" in told
    assert "each taken as independent" in told
    assert "units kept together" not in told


def test_the_design_draws_a_dot_a_unit_and_says_where_there_is_none():
    report = coffee_report(1)
    report["design"]["batches"] = {"Monday": {"Brasil": 7, "Ethiopia": 0}, "Tuesday": {"Brasil": 2, "Ethiopia": 4}}
    shown = section(report, "design")
    monday, tuesday = (re.search(rf"<tr><th[^>]*>{day}</th>.*?</tr>", shown).group() for day in ("Monday", "Tuesday"))
    assert (monday.count("<circle"), tuesday.count("<circle")) == (7, 6)
    assert "none" in Page(monday).words
    report["design"]["batches"]["Monday"]["Brasil"] = 6001
    shown = section(report, "design")
    assert shown.count("<circle") < 300
    assert "a dot is up to 101 units" in Page(shown).words
