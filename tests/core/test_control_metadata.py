"""The class told without any spectrum: from batch, instrument, order of acquisition; and times as they are read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spectral_core import audit_classifier
from spectral_core.acquisition import acquisition_order
from spectral_core.audit import audit_study
from spectral_core.controls.metadata import (
    NEIGHBOURS,
    ORDER,
    accuracy_of_levels,
    accuracy_of_neighbours,
    examine_metadata,
)
from spectral_core.errors import AuditError
from spectral_core.evidence import Settings
from spectral_core.examination import draw_labelings
from spectral_core.simulate import BAND, Recipe, simulate
from spectral_core.spectra import make_spectra
from spectral_core.splits import make_design
from spectral_core.study import study_from

LABEL = np.repeat(["a", "b"], 30)
SHUFFLED = np.random.default_rng(0).permutation(60)


def examined(design, seed=0):
    settings = Settings(199, 0.05, 0.05, 5, seed)
    return examine_metadata(design, draw_labelings(design, settings).anywhere, settings)


def test_the_class_of_a_batch_is_learned_from_other_units():
    # fold 1 holds spectra 0–3, fold 2 the rest; classes by batch of the training half decide
    levels = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    folds = [np.arange(4), np.arange(4, 8)]
    codes = np.array([[0, 0, 1, 1, 0, 0, 1, 1], [1, 1, 0, 0, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]]).T
    # alike in both halves: all right; reversed: all wrong; one of each in every batch: ties, half right
    np.testing.assert_allclose(accuracy_of_levels(levels, codes, folds, 2), [1.0, 0.0, 0.5])
    # a batch that training has not seen: chance
    alone = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(accuracy_of_levels(alone, codes, folds, 2), [0.5, 0.5, 0.5])
    # spectra whose batch nobody stated are not judged
    stated = np.array([0, -1, 1, -1, 0, -1, 1, -1])
    assert accuracy_of_levels(stated, codes[:, :1], folds, 2) == 1.0


def test_neighbours_in_time_are_two_before_and_two_after():
    times = np.arange(8.0)
    blocks = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    turns = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    found = accuracy_of_neighbours(times, np.stack([blocks, turns], axis=1), 2, seed=0)
    # blocks: 0–2 and 5–7 see more of their own, 3 and 4 see two of each: (3 + ½)/4
    # turns: inside, two of each, half; at the ends 0 sees (1, 0), half; 1 sees (0; 0, 1) and is wrong; 6 likewise
    np.testing.assert_allclose(found, [3.5 / 4, (3 * 0.5 + 0.0) / 4])


def test_order_batch_and_instrument_that_go_with_the_class_are_found_and_others_are_not():
    found = examined(make_design(LABEL, acquired_at=np.arange(60)))
    assert set(found) == {ORDER, NEIGHBOURS}
    assert found[ORDER].statistic == 1.0 and found[ORDER].p_adjusted <= 0.01
    assert found[NEIGHBOURS].statistic > 0.9 and found[NEIGHBOURS].p_adjusted <= 0.01
    alternating = examined(make_design(LABEL, acquired_at=np.r_[np.arange(0, 60, 2), np.arange(1, 60, 2)]))
    assert min(piece.p_adjusted for piece in alternating.values()) > 0.05
    runs = np.repeat(np.arange(12), 5)  # five of a class, five of the other: no trend, but runs
    by_runs = examined(make_design(np.where(runs % 2, "a", "b"), acquired_at=np.arange(60)))
    assert by_runs[NEIGHBOURS].p_adjusted <= 0.01 and by_runs[ORDER].p_adjusted > 0.05
    batch = np.where(np.arange(60) % 30 < 24, LABEL, LABEL[::-1])  # four fifths of a class in its own batch
    by_batch = examined(make_design(LABEL, batch=batch))
    assert by_batch["batch"].statistic == pytest.approx(0.8) and by_batch["batch"].p_adjusted <= 0.01
    by_instrument = examined(make_design(LABEL, instrument=np.where(LABEL == "a", "one", "two")))
    assert by_instrument["instrument"].statistic == 1.0 and by_instrument["instrument"].p_adjusted <= 0.01


def test_metadata_that_say_nothing_are_not_asked():
    assert examined(make_design(LABEL)) is None
    assert examined(make_design(LABEL, acquired_at=np.ones(60), instrument=["one"] * 60)) is None
    batch = np.tile(["x", "y"], 30)
    twice = examined(make_design(LABEL, batch=batch, instrument=np.where(batch == "x", "one", "two")))
    assert set(twice) == {"batch"}  # an instrument that is the batch by another name is asked once


def test_units_count_once_and_a_missing_time_is_left_out():
    unit = np.repeat(np.arange(12), 5)
    label = np.where(unit < 6, "a", "b")
    order = np.arange(60.0)
    order[::5] = np.nan
    found = examined(make_design(label, unit=unit, acquired_at=order))
    assert found[ORDER].n_units == 12 and found[ORDER].p >= 1 / 924  # 12 choose 6 ways to deal the labels
    order[:5] = np.nan
    assert examined(make_design(label, unit=unit, acquired_at=order))[ORDER].n_units == 11


def test_units_taken_at_the_same_time_are_not_put_in_row_order():
    """A table sorted by class must not look like a sequence of classes."""
    found = examined(make_design(LABEL, acquired_at=np.tile([1.0, 2.0, 3.0], 20)))
    assert min(piece.p_adjusted for piece in found.values()) > 0.05


def test_metadata_known_of_one_class_only_tell_nothing():
    known = np.where(LABEL == "a", np.arange(60.0), np.nan)
    assert examined(make_design(LABEL, acquired_at=known)) is None
    assert examined(make_design(LABEL, batch=np.where(LABEL == "a", np.tile(["x", "y"], 30), ""))) is None


def test_a_class_without_times_or_batches_is_left_out_and_chance_is_that_of_the_others():
    label, alarms, sets = np.repeat(["a", "b", "c"], 20), {ORDER: 0, NEIGHBOURS: 0, "batch": 0}, 60
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        order = np.where(label == "c", np.nan, rng.permutation(60))
        batch = np.where(label == "c", "", rng.choice(["x", "y"], 60))
        found = examined(make_design(label, acquired_at=order, batch=batch), seed)
        assert {name: piece.chance for name, piece in found.items()} == dict.fromkeys(alarms, 0.5)
        for name, piece in found.items():
            alarms[name] += piece.p <= 0.05
    assert all(stats.binomtest(n, sets, 0.05, alternative="greater").pvalue > 1e-3 for n in alarms.values()), alarms
    ordered = examined(make_design(label, acquired_at=np.where(label == "c", np.nan, np.arange(60.0))))
    assert ordered[ORDER].statistic == 1.0 and ordered[ORDER].p_adjusted <= 0.01


def test_without_association_false_alarms_keep_to_alpha():
    alarms, sets = 0, 100
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        design = make_design(LABEL, unit=np.repeat(np.arange(30), 2), acquired_at=np.repeat(rng.permutation(30), 2),
                             batch=rng.choice(["x", "y", "z"], 60))  # fmt: skip
        alarms += min(piece.p_adjusted for piece in examined(design, seed).values()) <= 0.05
    assert stats.binomtest(alarms, sets, 0.05, alternative="greater").pvalue > 1e-3


def report_of(**declared):
    data = simulate(Recipe(units=(30, 30), channels=80), seed=0)
    return audit_classifier(data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"b": BAND}, unit=data.unit,
                            n_permutations=199, seed=0, **declared)  # fmt: skip


def caveats(report):
    return {caveat.code: caveat.message for caveat in report.caveats}


def test_messages_name_what_tells_the_class():
    in_order = caveats(report_of(acquired_at=np.arange(60)))["order_signal"]
    assert "measured one after the other: the order of acquisition alone tells them with AUC 1.00" in in_order
    runs = np.argsort(np.r_[np.arange(30) // 5 * 2, np.arange(30) // 5 * 2 + 1], kind="stable").argsort()
    together = caveats(report_of(acquired_at=runs))["order_signal"]
    assert "Units of one class were measured together" in together
    assert "order_signal" not in caveats(report_of(acquired_at=SHUFFLED))
    mixed = np.where(np.arange(60) % 30 < 24, LABEL, LABEL[::-1])
    assert "the batch alone tells the class with 0.80" in caveats(report_of(batch=mixed))["metadata_signal"]
    aliased = report_of(batch=LABEL)  # the reason says it already
    assert {reason.code for reason in aliased.reasons} == {"class_aliased_with_batch"}
    assert "metadata_signal" not in caveats(aliased)


def test_spectra_without_a_batch_are_counted():
    batch = np.tile(["x", "y"], 30).astype(object)
    batch[[3, 17, 40]] = ""
    told = caveats(report_of(batch=batch))
    assert "3 of 60 spectra (3 of 60 units) have no batch stated" in told["batch_unstated"]
    assert "batch_unstated" not in caveats(report_of(batch=np.tile(["x", "y"], 30)))


def test_an_audited_archive_is_asked_for_times_and_instruments_that_its_files_state(tmp_path):
    data = simulate(Recipe(units=(30, 30), channels=80), seed=0)
    study = study_from(
        {"name": "order", "inbox": "inbox", "archive": "archive", "results": "results", "variants": ["raw"],
         "samples": {"pattern": "(?P<label>.+)", "label": "label"},
         "reading": {"axis_unit": "cm-1"}, "audit": {"permutations": 199, "seed": 1}},
        where=tmp_path / "study.toml",
    )  # fmt: skip
    stated = {"label": data.label, "acquired_at": [f"2026-01-{1 + i // 2:02d}" for i in range(60)],
              "instrument": np.where(np.arange(60) % 30 < 24, data.label, data.label[::-1])}  # fmt: skip
    stated["acquired_at"][7] = "before lunch"  # files say what they say
    spectra = make_spectra(data.x, data.axis, axis_unit="cm-1", intensity_unit="counts", metadata=stated)
    report = audit_study(study, spectra, snapshot="first")
    told = next(check for check in report.checks if check.code == "metadata").values
    assert told["order_of_acquisition"]["statistic"] == 1.0 and told["order_of_acquisition"]["n_units"] == 59
    assert told["instrument"]["statistic"] == pytest.approx(0.8)
    assert {"order_signal", "metadata_signal"} <= set(caveats(report))
    silent = make_spectra(data.x, data.axis, axis_unit="cm-1", intensity_unit="counts", metadata={"label": data.label})
    assert not next(c for c in audit_study(study, silent, snapshot="second").checks if c.code == "metadata").asked


def test_times_are_read_as_seconds():
    texts = ["1970-01-01", "1970-01-01T00:00:01", "1970-01-01T01:00:02+01:00", "", None]
    np.testing.assert_array_equal(acquisition_order(texts, n=5), [0, 1, 2, np.nan, np.nan])
    moments = [date(1970, 1, 1), datetime(1970, 1, 1, 0, 0, 1), datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)]
    np.testing.assert_array_equal(acquisition_order(np.array(moments, dtype=object), n=3), [0, 1, 2])
    stamps = np.array(["1970-01-01T00:00:03", "NaT"], dtype="datetime64[ns]")
    np.testing.assert_array_equal(acquisition_order(stamps, n=2), [3, np.nan])
    np.testing.assert_array_equal(acquisition_order([3, 1.5, float("nan")], n=3), [3, 1.5, np.nan])
    np.testing.assert_array_equal(acquisition_order(["1970-01-01", float("nan"), pd.NA], n=3), [0, np.nan, np.nan])
    assert acquisition_order(["", None], n=2) is None and acquisition_order(None, n=2) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["31.1.2026", "x"], "acquired_at, spectrum 1: expected a time as in ISO 8601"),
        ([1.0], "acquired_at: expected 2 values"),
        ([1.0, "2026-01-31"], "acquired_at: expected times or plain numbers, found both"),
        ([1.0, float("inf")], "acquired_at, spectrum 2: expected a time or a finite number"),
    ],
)
def test_a_time_that_cannot_be_read_is_refused_with_its_place(values, message):
    with pytest.raises(AuditError) as error:
        make_design(["a", "b"], acquired_at=np.array(values, dtype=object))
    assert message in str(error.value)


def test_a_part_of_a_design_keeps_times_and_instruments():
    design = make_design(["a", "b", "a"], acquired_at=[1, 2, 3], instrument=["one", "", "two"])
    part = design.subset(np.array([1, 2]))
    assert part.order is not None and part.order.tolist() == [2, 3]
    assert part.instrument is not None and part.instrument.tolist() == [-1, design.instrument[2]]
