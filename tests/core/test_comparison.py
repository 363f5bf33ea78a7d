"""What a comparison and a history say of audits whose differences were put there."""

from __future__ import annotations

import copy
import html
import json
import re
from datetime import UTC, datetime

import numpy as np
import pytest
import xarray as xr

from spectral_core.audit import audit_classifier
from spectral_core.comparison import Side, check_report, compare_audits, read_report
from spectral_core.comparison.history import history_of
from spectral_core.comparison.history_page import render_history
from spectral_core.comparison.history_text import history_lines, history_summary, turn_text
from spectral_core.comparison.page import render_comparison
from spectral_core.comparison.sentences import data_lines, notes, summary
from spectral_core.comparison.text import comparison_lines
from spectral_core.errors import AuditError
from spectral_core.report import json_text
from spectral_core.simulate import BAND, BLANK, Recipe, simulate
from spectral_core.splits import make_design
from spectral_core.unit_credits import credits_by_unit

FIRST, ALL = 9, 14


def audit(units, seed=1):
    """An audit of the first specimens of a class, two spectra each."""
    data = simulate(Recipe(units=(ALL, ALL), replicates=2, channels=60, band_effect=0.3), seed=2)
    kept = np.flatnonzero(data.unit % ALL < units)
    report = audit_classifier(
        data.x[kept], data.label[kept], axis=data.axis, axis_unit="cm-1", bands={"peak": BAND}, blank={"silent": BLANK},
        unit=[f"<oil> {u}" for u in data.unit[kept]], n_permutations=199, seed=seed,
    )  # fmt: skip
    return report.to_dict()


@pytest.fixture(scope="module")
def reports():
    """The first audit and the one with added specimens, through the JSON that a file holds."""
    return [json.loads(json_text(audit(n))) for n in (FIRST, ALL)]


@pytest.fixture
def sides(reports):
    return [Side(name, copy.deepcopy(report)) for name, report in zip("AB", reports, strict=True)]


def metadata(units, label="oil"):
    ids = [f"{u}-{r}" for u in units for r in range(2)]
    columns = {
        "spectrum_id": ids,
        "unit": [i.split("-")[0] for i in ids],
        "label": [label] * len(ids),
        "batch": ["monday" if int(i.split("-")[0]) < 3 else "" for i in ids],
    }
    return xr.Dataset(coords={k: ("sample", np.array(v, dtype=object)) for k, v in columns.items()})


def rewritten(side, **entries):
    return Side(side.name, {**side.report, **entries}, side.metadata, side.written_at)


def test_credits_of_units_give_back_the_balanced_accuracy(reports):
    for report in reports:
        units = report["units"]
        for block, credit in units["credit"]["raw"].items():
            recalls = [
                np.average(np.array(credit)[rows], weights=np.array(units["spectra"])[rows])
                for name in report["design"]["classes"]
                for rows in [[c == name for c in units["class"]]]
            ]
            told = report["variants"][0]["probes"][block]
            assert np.mean(recalls) == pytest.approx(told["balanced_accuracy"], abs=1e-6)
            assert recalls == pytest.approx(list(told["recall"].values()), abs=1e-6)


def test_units_without_names_have_no_table():
    x = np.random.default_rng(0).normal(size=(20, 12))
    report = audit_classifier(x, ["a", "b"] * 10, axis=range(12), axis_unit="nm", n_permutations=99, seed=1)
    assert report.to_dict()["units"] == {}


def test_units_keep_their_names_in_a_subset_and_where_copies_are_joined():
    from spectral_core.copies import keep_copies_together

    design = make_design(["a", "b", "a", "b", "b"], unit=["u4", "u1", "u3", "u2", "u0"])
    part = design.subset(np.array([0, 2, 3]))
    assert [part.unit_names[u] for u in part.unit] == ["u4", "u3", "u2"]
    x = np.random.default_rng(0).normal(size=(5, 40))
    x[3] = x[1]
    joined = keep_copies_together(design, x)
    assert [joined.unit_names[u] for u in joined.unit] == ["u4", "u1", "u3", "u1", "u0"]


def test_an_audit_does_not_differ_from_itself(sides):
    found = compare_audits(sides[0], sides[0])
    assert found.data.same and not found.settings and not found.versions and not found.moved
    assert all(f.contrasts["all"].value == 0 and f.contrasts["all"].p == 1 for f in found.figures)
    assert not (found.reasons.came or found.reasons.went or found.caveats.came or found.caveats.went)
    assert "No unit was added or removed." in data_lines(found)


def test_added_units_are_counted_by_class_and_named(sides):
    found = compare_audits(*sides)
    added = found.data.added
    assert (found.data.known_by, found.data.units_common) == ("unit", 2 * FIRST)
    assert (added.spectra, len(added.units), added.by_class) == (4 * (ALL - FIRST), 2 * (ALL - FIRST), {
        "class 1": 2 * (ALL - FIRST), "class 2": 2 * (ALL - FIRST)})  # fmt: skip
    assert found.data.removed.spectra == 0 and "<oil> 13" in added.units
    back = compare_audits(*reversed(sides))
    assert back.data.removed == added and back.data.added.spectra == 0
    assert {"all", "common", "removed"} == set(back.figures[0].contrasts)


def test_spectra_come_from_the_archive_where_it_can_be_read(sides):
    a = Side("A", sides[0].report, metadata([1, 2]))
    changed = metadata([2, 3])
    changed["label"].values[0] = "water"
    found = compare_audits(a, Side("B", sides[1].report, changed)).data
    assert found.known_by == "spectrum_id" and not found.why
    assert (found.added.spectrum_ids, found.added.units) == (("3-0", "3-1"), ("3",))
    assert (found.removed.spectrum_ids, found.removed.by_batch) == (("1-0", "1-1"), {"monday": 2})
    assert (found.added.by_batch, found.relabelled) == ({"not stated": 2}, {"label": 1})


def test_every_p_value_is_corrected_by_holm_over_all_tests(sides):
    found = compare_audits(*sides)
    tested = [c for f in found.figures for c in f.contrasts.values()]
    tested += [r.contrast for r in found.regions if r.contrast]
    assert len(tested) == found.n_tests == 3 * 5 + 2
    for i, contrast in enumerate(ordered := sorted(tested, key=lambda c: c.p)):
        by_hand = max(min(1.0, (len(ordered) - j) * ordered[j].p) for j in range(i + 1))
        assert contrast.p_adjusted == pytest.approx(by_hand)


def test_without_a_unit_table_audits_are_compared_by_their_intervals_and_it_is_said(sides):
    a = rewritten(sides[0], units={})
    found = compare_audits(a, sides[1])
    assert {tuple(f.contrasts) for f in found.figures} == {("all",)} and not found.figures[0].paired
    assert any("names no units" in note for note in notes(found))


def test_other_classes_are_not_compared(sides):
    design = {**sides[1].report["design"], "classes": {"class 1": {}, "class 3": {}}}
    found = compare_audits(sides[0], rewritten(sides[1], design=design))
    assert found.n_tests == 0 and summary(found).endswith("No figure could be compared.")
    assert any("classes differ" in note for note in notes(found))


def test_settings_versions_and_seeds_are_compared_key_by_key(sides):
    bands = {"peak": {"interval": [1100.0, 1200.0], "assignment": ""}}
    b = rewritten(
        sides[0], settings={**sides[0].report["settings"], "seed": 5},
        regions={**sides[0].report["regions"], "bands": bands},
        versions={**sides[0].report["versions"], "numpy": "1.0"},
    )  # fmt: skip
    found = compare_audits(sides[0], b)
    assert {"settings.seed", "bands.peak.interval"} <= {change.key for change in found.settings}
    assert [change.key for change in found.versions] == ["numpy"]
    (peak,) = [region for region in found.regions if region.region == "peak"]
    assert peak.moved and peak.contrast is None
    assert any("declared differently" in note for note in notes(found))


def test_a_study_that_differs_in_what_the_report_does_not_hold_is_noticed(sides):
    a, b = (rewritten(sides[0], study={"name": "s", "digest": d, "variants": ["raw"]}) for d in "xy")
    assert compare_audits(a, b).settings_hidden and not compare_audits(a, a).settings_hidden


def test_reasons_come_and_go_with_their_sentences(sides):
    row = {"code": "blank_sufficient", "message": "The blanks do as well.", "variants": ["raw"]}
    turned = rewritten(sides[0], verdict="artefact", reasons=[row])
    found = compare_audits(sides[0], turned)
    assert found.reasons.came == [row] and compare_audits(turned, sides[0]).reasons.went == [row]
    assert summary(found).startswith(f"The verdict went from {sides[0].report['verdict']} to artefact.")
    assert "turned on a difference that chance alone may make" in summary(found)


def test_the_document_holds_what_the_issue_asks_and_is_json(sides):
    told = json.loads(json.dumps(compare_audits(*sides).to_dict(), allow_nan=False))
    assert told["schema_version"] == 1 and told["multiplicity"]["method"] == "Holm"
    figure = told["figures"][0]
    assert {"balanced_accuracy", "interval"} <= set(figure["a"]) and len(figure["differences"]["all"]["interval"]) == 2
    assert isinstance(figure["more_than_noise"], bool) and told["relevance"][0]["a"]["p"] <= 1
    assert told["data"]["added"]["units"]


def test_lines_fit_a_terminal_of_80_columns(sides):
    long = rewritten(sides[1], variants=[{**sides[1].report["variants"][0], "variant": "savgol(window=15) | snv"}])
    for b in (sides[1], long):
        lines = comparison_lines(compare_audits(sides[0], b))
        assert max(map(len, lines)) <= 80 and lines[0].startswith("The verdict")


def test_pages_load_nothing_and_escape_what_they_were_given(sides):
    history = history_of("<b>study</b>", [*sides, rewritten(sides[1], verdict="artefact")])
    for page in (render_comparison(compare_audits(*sides)), render_history(history)):
        assert "default-src 'none'" in html.unescape(page) and "<script" not in page
        assert not re.search(r"(?:src|href)=\"(?!#|data:)", page) and not re.search(r"url\((?!#)|@import", page)
        assert "<oil>" not in page and "<b>study" not in page
    assert "&lt;oil&gt; 13" in render_comparison(compare_audits(*sides))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], "a report of an audit"),
        ({"verdict": "supported"}, "lacks the key 'schema_version'"),
        ("newer", "key schema_version: expected 1 to 1.*found 99, written by offband 0.1.0. Update offband"),
    ],
)
def test_what_is_no_report_is_refused(reports, content, expected):
    content = {**reports[0], "schema_version": 99} if content == "newer" else content
    with pytest.raises(AuditError, match=expected):
        check_report(content, where="r.json")


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(AuditError, match="no such file"):
        read_report(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"schema_version": 1,\n')
    with pytest.raises(AuditError, match=r"half\.json, line 2: expected JSON"):
        read_report(tmp_path / "half.json")


def test_a_history_is_ordered_by_commit_and_says_where_something_turned(sides):
    row = {"code": "off_band_sufficient", "message": "Off-band does as well.", "variants": ["raw"]}
    study = {"name": "oils", "digest": "x", "audit": {"seed": 1}}
    first = rewritten(sides[0], study=study, archive_snapshot="AAAA")
    turned = rewritten(sides[1], study=study, archive_snapshot="BBBB", verdict="unexplained", reasons=[row])
    changed = rewritten(sides[1], study={**study, "digest": "y", "audit": {"seed": 2}}, archive_snapshot="BBBB",
                        verdict="unexplained", reasons=[row], created_at="2999-01-01T00:00:00+00:00")  # fmt: skip
    early, late = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2))
    given = [(changed, late), (turned, late), (first, early)]
    found = history_of("oils", [Side(s.name, s.report, written_at=t) for s, t in given])
    assert [p.side.snapshot for p in found.points] == ["AAAA", "BBBB", "BBBB"]
    assert [number for number, _ in found.turns] == [2]
    assert turn_text(found.points[1].turn) == (
        f"verdict {sides[0].report['verdict']} → unexplained; reasons came: off_band_sufficient"
    )
    assert turn_text(found.points[2].turn) == "the study changed: audit.seed 1 → 2"
    assert "at snapshot BBBB (audit 2)" in history_summary(found)
    lines = history_lines(found)
    assert max(map(len, lines)) <= 80 and any(line.startswith("  2* BBBB") for line in lines)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["turned_at"] == ["BBBB"] and told["audits"][1]["figures"]["raw"]["off_band"]["interval"]


def test_audits_that_the_archive_does_not_know_come_where_they_were_made(sides):
    known = Side("known", sides[0].report, written_at=datetime(2020, 1, 1, tzinfo=UTC))
    found = history_of("s", [sides[1], known])
    assert [p.side.name for p in found.points] == ["known", "B"]


def test_the_table_stops_where_it_would_swell_the_report(monkeypatch, reports):
    from spectral_core import unit_credits

    monkeypatch.setattr(unit_credits, "MOST_ROWS", 5)
    assert audit(4)["units"] == {}
    assert credits_by_unit is unit_credits.credits_by_unit
