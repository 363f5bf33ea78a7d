"""The probe in two passes over rows judges as it does in memory, whatever the design and wherever rows are cut."""

from __future__ import annotations

import tracemalloc

import dask.array as da
import numpy as np
import pytest

from spectral_core.controls.blocks import make_blocks
from spectral_core.packed_labels import pack_codes, pack_labelings
from spectral_core.preprocessing import parse_variant
from spectral_core.probe import fit_probe
from spectral_core.regions import locate_regions
from spectral_core.splits import batch_folds, make_design, permuted_codes, random_folds, unit_folds
from spectral_core.streaming.layout import Layout, straddling
from spectral_core.streaming.passes import Execution, Question, ask_in_two_passes, stages
from spectral_core.streaming.plan import plan_blocks, scalar_places
from spectral_core.streaming.questions import batches_left_out
from spectral_core.streaming.rows import Rows
from spectral_core.streaming.sources import Asked, Source
from spectral_core.streaming.sums import Labels
from spectral_core.streaming.survey import survey_rows

D, P = 24, 60
AXIS = np.arange(float(D))
HERE = Execution("threads", 2)


def archive(x, *, together=32):
    rows = Rows(x)
    rows.together = together
    return rows


def drawn(n_classes, replicates, *, n=240, order=None, batches=1):
    """Spectra and design; with an `order`, the spectra of a unit lie anywhere."""
    rng = np.random.default_rng([n_classes, replicates, n])
    unit = np.arange(n) // replicates
    label = rng.integers(0, n_classes, n // replicates)[unit]
    x = 5.0 + rng.normal(size=(n, D)) + 0.5 * rng.normal(size=(n // replicates, D))[unit] + 0.2 * label[:, None]
    rows = np.arange(n) if order is None else np.random.default_rng(order).permutation(n)
    batch = rng.integers(0, batches, n).astype(str)
    return x[rows], make_design(label[rows], unit=unit[rows] if replicates > 1 else None, batch=batch[rows])


def asked(x, design, layout, labels, *, chain="raw", execution=HERE, together=32):
    rows = archive(x, together=together)
    first = slice(0, min(together, len(x)))
    source = Source("full", parse_variant(chain), AXIS).shifted(rows[first], first)
    question = Question("", "full", (Asked("full", "full", D),), layout, labels)
    [[found]] = ask_in_two_passes([question], rows, {"full": source}, seed=0, execution=execution)
    return found


def assert_same(judgement, expected, *, atol=1e-9):
    np.testing.assert_allclose(judgement.margins, expected.margins, atol=atol)
    np.testing.assert_allclose(judgement.statistic, expected.statistic, atol=atol)
    np.testing.assert_allclose(judgement.accuracy, expected.accuracy, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("replicates", "order"), [(1, None), (4, None), (4, 7)])
@pytest.mark.parametrize("draw", [unit_folds, random_folds])
def test_two_passes_judge_as_the_probe_in_memory(n_classes, replicates, order, draw):
    x, design = drawn(n_classes, replicates, order=order)
    folds = draw(design, k=5, seed=1)
    packed = pack_labelings(design, n=P, seed=3)
    found = asked(x, design, Layout.of_folds(folds, design.unit), (Labels(packed, n_classes),))
    probe = fit_probe(x, unit=design.unit)
    codes = np.column_stack([design.codes, permuted_codes(design, n=P, seed=3)])
    assert (found.rank, found.sampled) == (probe.rank, 1.0)
    assert found.penalty == pytest.approx(probe.penalty)
    assert_same(found.scored[0].judgement, probe.judge(codes, folds, n_classes))


def test_a_background_ten_thousand_times_the_signal_changes_nothing():
    x, design = drawn(2, 1, order=1)
    folds = unit_folds(design, k=5, seed=0)
    background = 1e4 * (2 + np.sin(AXIS))
    labels = (Labels(pack_labelings(design, n=P, seed=0), 2),)
    found = asked(x + background, design, Layout.of_folds(folds, design.unit), labels)
    codes = np.column_stack([design.codes, permuted_codes(design, n=P, seed=0)])
    assert_same(found.scored[0].judgement, fit_probe(x).judge(codes, folds, 2), atol=1e-8)


@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize("most_cells", [3, 1000])
def test_batches_left_out_in_groups_equal_batches_left_out_in_memory(crossed, most_cells):
    x, design = drawn(2, 3 if crossed else 1, batches=4)
    folds = unit_folds(design, k=3, seed=0)
    held = judged = batch_folds(design)
    if crossed:
        pairs = [(b, f) for b in batch_folds(design) for f in folds if np.intersect1d(b, f).size]
        held, judged = [np.union1d(*pair) for pair in pairs], [np.intersect1d(*pair) for pair in pairs]
    layouts, rows = batches_left_out(design, Layout.of_folds(folds, design.unit).cell, most_cells=most_cells)
    assert rows.size == design.n and (len(layouts) > 1) == (most_cells == 3)
    packed = pack_labelings(design, n=P, seed=0, within_batch=True)
    scored = [asked(x, design, layout, (Labels(packed, 2),)).scored[0] for layout in layouts]
    whole = scored[0]
    for part in scored[1:]:
        whole = whole.beside(part)
    codes = np.column_stack([design.codes, permuted_codes(design, n=P, seed=0, within_batch=True)])
    assert_same(whole.judgement, fit_probe(x, unit=design.unit).judge(codes, held, 2, judged=judged))


@pytest.mark.parametrize("chain", ["raw", "snv", "savgol(5, 2, 1) | snv"])
@pytest.mark.parametrize("band", [(6.0, 14.0), (6.0, 8.0)])  # the second is too narrow for the filter
def test_every_block_is_judged_as_the_matrix_that_is_cut_in_memory(chain, band):
    x, design = drawn(2, 2)
    x = x.astype(np.float32)
    bands, blanks = {"b": band}, {"q": (18.0, 23.0)}
    regions = locate_regions(AXIS, axis_unit="nm", bands=bands, blanks=blanks)
    cut = make_blocks(x, regions, bands, parse_variant(chain)).by_name
    rows, folds = archive(x), unit_folds(design, k=4, seed=0)
    scalars = make_blocks(x, regions, bands, parse_variant(chain)).scalars
    plan = plan_blocks(rows, regions, bands, parse_variant(chain), scalars,
                       scalar_places(regions, parse_variant(chain), bands=True), {})  # fmt: skip
    assert [block.name for block in plan.blocks] == list(cut)
    labels = (Labels(pack_labelings(design, n=P, seed=0), 2),)
    questions = [
        Question("", source, tuple(b for b in plan.blocks if b.source == source),
                 Layout.of_folds(folds, design.unit), labels)
        for source in plan.sources
    ]  # fmt: skip
    codes = np.column_stack([design.codes, permuted_codes(design, n=P, seed=0)])
    for of_source in ask_in_two_passes(questions, rows, plan.sources, seed=0, execution=HERE):
        for found in of_source:
            block = cut[found.asked.name]
            assert (found.asked.n_channels, found.asked.note) == (block.n_channels, block.note)
            expected = fit_probe(block.matrix, unit=design.unit).judge(codes, folds, 2)
            assert_same(found.scored[0].judgement, expected, atol=1e-7)


def test_processes_and_threads_and_any_cut_give_the_same():
    x, design = drawn(2, 4, order=2)
    layout = Layout.of_folds(unit_folds(design, k=5, seed=0), design.unit)
    labels = (Labels(pack_labelings(design, n=P, seed=0), 2),)
    expected = asked(x, design, layout, labels, execution=Execution("threads", 1), together=240).scored[0].judgement
    lazy = da.from_array(x, chunks=(50, D))
    for execution, together in ((Execution("processes", 2), 64), (Execution("threads", 3), 20)):
        found = asked(lazy, design, layout, labels, chain="raw", execution=execution, together=together)
        assert_same(found.scored[0].judgement, expected)


@pytest.mark.parametrize(
    ("labels", "unit", "batch"),
    [
        (list("aabbab") * 8, None, None),
        (list("abcde") * 8, np.arange(40) // 2, np.arange(40) % 4),
        (list("aabbab") * 8, np.arange(48) // 6, np.arange(48) % 2),  # units hold both classes
        ([f"{i % 300}" for i in range(600)], None, None),  # more classes than a byte counts
    ],
)
@pytest.mark.parametrize("within", [False, True])
def test_packed_labelings_are_the_ones_drawn_in_memory(labels, unit, batch, within):
    design = make_design(labels, unit=unit, batch=batch)
    packed = pack_labelings(design, n=45, seed=5, within_batch=within)
    expected = np.column_stack([design.codes, permuted_codes(design, n=45, seed=5, within_batch=within)])
    np.testing.assert_array_equal(packed.dense(slice(0, 46)), expected)
    rows = np.array([7, 3, 30, 3])
    np.testing.assert_array_equal(packed.of_rows(rows).dense(slice(8, 21)), expected[rows, 8:21])
    np.testing.assert_array_equal(packed.first(9).dense(slice(0, 9), rows), expected[rows, :9])
    np.testing.assert_array_equal(pack_codes(design.codes, len(design.classes)).dense(slice(0, 1))[:, 0], design.codes)


def test_labelings_of_many_spectra_take_a_bit_each():
    design = make_design(np.arange(20_000) % 2)
    assert pack_labelings(design, n=99, seed=0).planes.nbytes == 20_000 * 13


def test_questions_that_do_not_fit_a_stage_take_another_and_no_more():
    x, design = drawn(2, 1)
    layout = Layout.of_folds(unit_folds(design, k=5, seed=0), design.unit)
    rows = archive(x)
    source = Source("full", parse_variant("raw"), AXIS).shifted(rows[slice(0, 32)], slice(0, 32))
    labels = (Labels(pack_labelings(design, n=P, seed=0), 2),)
    questions = [Question(str(i), "full", (Asked("full", "full", D),), layout, labels) for i in range(6)]
    size = 8 * D * 5 * (D + P + 1)  # five cells of a square matrix and of one column a labeling
    for most, packed in ((1, 6), (2 * size, 3), (6 * size - 1, 2), (6 * size, 1)):
        assert len(stages(questions, {"full": source}, most)) == packed


def test_memory_grows_with_packed_labels_only():
    peaks = []
    for n in (4_000, 16_000):
        x = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
        design = make_design(np.arange(n) % 2)
        layout = Layout.of_folds(unit_folds(design, k=5, seed=0), design.unit)
        labels = (Labels(pack_labelings(design, n=799, seed=0), 2),)
        rows = archive(x, together=500)
        source = Source("full", parse_variant("raw"), np.arange(8.0)).shifted(rows[slice(0, 500)], slice(0, 500))
        question = Question("", "full", (Asked("full", "full", 8),), layout, labels)
        tracemalloc.start()
        ask_in_two_passes([question], rows, {"full": source}, seed=0, execution=Execution("threads", 1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # of 12,000 more spectra: 100 bytes of labels, copied once or twice, and some numbers each; dense labels have 800
    assert peaks[1] - peaks[0] < 12_000 * 400


class Counting:
    """An array that counts how often each of its rows is read."""

    def __init__(self, x):
        self.x, self.shape, self.read = x, x.shape, np.zeros(len(x), dtype=int)

    def __getitem__(self, rows):
        if isinstance(rows, slice) and rows.stop - rows.start == self.shape[0]:
            return self  # the same rows, not read yet
        return View(self, rows)


class View:
    def __init__(self, whole, rows):
        self.whole, self.rows, self.shape = whole, rows, (rows.stop - rows.start, whole.shape[1])

    def __getitem__(self, rows):
        return View(self.whole, slice(self.rows.start + rows.start, self.rows.start + rows.stop))

    def __array__(self, dtype=None, copy=None):
        self.whole.read[self.rows] += 1
        return self.whole.x[self.rows]


def test_each_row_is_read_twice_whatever_is_asked():
    x, design = drawn(2, 4)
    counting = Counting(x)
    rows = archive(counting)
    source = Source("full", parse_variant("raw"), AXIS, shift=np.zeros(D))
    labels = Labels(pack_labelings(design, n=P, seed=0), 2)
    questions = [
        Question("", "full", (Asked("full", "full", D),), Layout.of_folds(draw(design, k=5, seed=0), design.unit),
                 (labels, labels))
        for draw in (unit_folds, random_folds)
    ]  # fmt: skip
    ask_in_two_passes(questions, rows, {"full": source}, seed=0, execution=HERE)
    assert (counting.read == 2).all()


def test_units_that_lie_far_apart_are_gathered_up_to_a_limit_and_then_drawn():
    _, design = drawn(2, 4, order=3)
    layout = Layout.of_folds(unit_folds(design, k=5, seed=0), design.unit)
    exact = straddling(layout, together=32, most=10**6, seed=0)
    some = straddling(layout, together=32, most=20, seed=0)
    none = straddling(layout, together=240, most=20, seed=0)
    apart = [np.unique(np.flatnonzero(design.unit == u) // 32).size > 1 for u in range(design.n_units)]
    assert exact.weight == 1.0 and exact.unit.tolist() == np.flatnonzero(apart).tolist()
    assert (exact.size == 4).all() and np.bincount(exact.slot[exact.slot >= 0]).tolist() == exact.size.tolist()
    assert some.size.size == 20 and some.weight == pytest.approx(sum(apart) / 20)
    assert none.size.size == 0 and none.inside.all()


def test_a_survey_counts_what_every_spectrum_says():
    x, design = drawn(3, 1)
    found = survey_rows(archive(x + 1e4), AXIS, design.codes, 3, [], execution=HERE, where="X")
    for c in range(3):
        np.testing.assert_allclose(found.mean[c], (x + 1e4)[design.codes == c].mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(found.sd[c], x[design.codes == c].std(axis=0), rtol=1e-9)
    assert np.unique(found.digests, axis=0).shape == (240, 2) and found.normalised == ""
    alike = survey_rows(archive(parse_variant("snv").apply(x, AXIS)[0]), AXIS, design.codes, 3, [], execution=HERE,
                        where="X")  # fmt: skip
    assert alike.normalised == "standard deviation"
