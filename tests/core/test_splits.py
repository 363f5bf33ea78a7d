"""Folds keep units together and are blind to labels; permutations exchange what the design lets exchange."""

from __future__ import annotations

from math import comb, factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectral_core.errors import AuditError
from spectral_core.splits import count_permutations, make_design, permuted_codes, random_folds, unit_folds


@given(st.lists(st.integers(0, 12), min_size=4, max_size=60), st.integers(2, 8), st.integers(0, 5))
def test_units_are_never_split_and_every_spectrum_is_held_out_once(units, k, seed):
    labels = np.arange(len(units)) % 2
    design = make_design(labels, unit=units)
    folds = unit_folds(design, k=k, seed=seed)
    assert sorted(np.concatenate(folds).tolist()) == list(range(len(units)))
    for fold in folds:
        outside = np.setdiff1d(np.arange(len(units)), fold)
        assert not set(design.unit[fold]) & set(design.unit[outside])


def test_folds_do_not_look_at_the_labels():
    unit = np.repeat(np.arange(20), 2)
    one = unit_folds(make_design(np.arange(40) % 2, unit=unit), k=5, seed=3)
    other = unit_folds(make_design(np.arange(40) < 30, unit=unit), k=5, seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_folds_spread_each_batch_evenly():
    batch = np.repeat(["monday", "tuesday"], [20, 10])
    design = make_design(np.arange(30) % 2, batch=batch)
    for fold in unit_folds(design, k=5, seed=0):
        assert sorted(np.bincount(design.batch[fold]).tolist()) == [2, 4]


def test_random_folds_split_units_and_equal_unit_folds_without_replicates():
    design = make_design(np.arange(40) % 2, unit=np.repeat(np.arange(10), 4))
    folds = random_folds(design, k=5, seed=0)
    assert sorted(np.concatenate(folds).tolist()) == list(range(40))
    assert any(set(design.unit[f]) & set(design.unit[np.setdiff1d(np.arange(40), f)]) for f in folds)
    alone = make_design(np.arange(40) % 2)
    for a, b in zip(random_folds(alone, k=5, seed=0), unit_folds(alone, k=5, seed=0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_permutations_move_whole_units():
    unit = np.repeat(np.arange(6), [1, 2, 3, 1, 2, 3])
    design = make_design(np.isin(unit, [0, 1, 2]), unit=unit)
    drawn = permuted_codes(design, n=50, seed=0)
    for u in range(6):
        assert (drawn[unit == u] == drawn[unit == u][0]).all()
    firsts = drawn[[np.flatnonzero(unit == u)[0] for u in range(6)]]
    assert (firsts.sum(axis=0) == 3).all()


def test_permutations_within_batch_keep_each_batch_composition():
    batch = np.repeat(["a", "b", "c"], 8)
    labels = np.r_[np.zeros(8), np.ones(8), np.arange(8) % 2]
    design = make_design(labels, batch=batch)
    drawn = permuted_codes(design, n=40, seed=1, within_batch=True)
    assert (drawn[:8] == 0).all() and (drawn[8:16] == 1).all()
    assert (drawn[16:].sum(axis=0) == 4).all()
    assert len({tuple(column) for column in drawn.T}) > 20


def test_units_of_several_classes_exchange_labels_inside_the_unit():
    unit = np.repeat(np.arange(8), 4)
    labels = np.tile([0, 0, 1, 1], 8)
    design = make_design(labels, unit=unit)
    drawn = permuted_codes(design, n=30, seed=2)
    for u in range(8):
        assert (drawn[unit == u].sum(axis=0) == 2).all()
        np.testing.assert_array_equal(drawn[unit == u][0], drawn[unit == u][1])  # its replicates move together
    assert count_permutations(design) == pytest.approx(2**8)


def test_every_relabeling_is_equally_likely():
    drawn = permuted_codes(make_design([0, 0, 1, 1]), n=6000, seed=5)
    counts = np.unique(drawn, axis=1, return_counts=True)[1]
    assert counts.size == comb(4, 2)
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_permutations_are_counted():
    design = make_design([0] * 5 + [1] * 4 + [2] * 3)
    assert count_permutations(design) == pytest.approx(factorial(12) / (factorial(5) * factorial(4) * factorial(3)))
    batches = make_design([0, 0, 1, 1, 0, 1], batch=[1, 1, 1, 1, 2, 2])
    assert count_permutations(batches, within_batch=True) == pytest.approx(comb(4, 2) * comb(2, 1))
    assert count_permutations(make_design(np.arange(4000) % 2)) == float("inf")


@pytest.mark.parametrize(
    ("labels", "columns", "found"),
    [
        (["a", "a"], {}, "one class"),
        (["a", ""], {}, "1 of 2 empty"),
        (["a", None, "b"], {}, "1 of 3 empty"),
        (["a", "b"], {"unit": ["x"]}, "found 1"),
        (["a", "b"], {"unit": ["x", ""]}, "1 of 2 empty"),
        ([["a"], ["b"]], {}, "shape (2, 1)"),
    ],
)
def test_designs_that_make_no_sense_are_refused(labels, columns, found):
    with pytest.raises(AuditError, match=found.replace("(", r"\(").replace(")", r"\)")):
        make_design(labels, **columns)


def test_a_column_of_empty_texts_is_undeclared():
    design = make_design(["a", "b"], unit=["", ""], batch=["", ""])
    assert not design.unit_declared and not design.batch_declared


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_what_is_missing_in_a_list_or_a_column_is_no_class_and_no_batch(missing):
    batch = ["x", "y", missing, "y"]
    for values in (batch, np.array(batch, dtype=object), pd.Series(batch, dtype=object)):
        assert make_design(list("abab"), batch=values).batches == ("", "x", "y")
        with pytest.raises(AuditError, match="labels: expected a class for every spectrum, found 1 of 4 empty"):
            make_design(values)
