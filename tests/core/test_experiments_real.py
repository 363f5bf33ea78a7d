"""Real noise, its transplant, and what channels and spectra decide: laws, and rules that follow the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectral_core.diagnostics.laws import dilation_accuracy, learnable_accuracy, mean_shift_accuracy
from spectral_core.experiments import channels, real_groups, real_noise
from spectral_core.experiments.cells import Cell
from spectral_core.experiments.results import Estimate, by_answer
from spectral_core.experiments.sets import COFFEE, PAIRS, SPECTRA, is_present, load_set
from spectral_core.experiments.transplant import (
    FEWEST,
    Parted,
    classes,
    noise_levels,
    of_pair,
    on_one_scale,
    part,
    quiet_channels,
    shared,
    without_patterns,
)
from tests.core.made_results import filled


def answers(findings, statement, word):
    return [f.answer for f in findings if f.statement == statement and word in f.when]


def test_a_level_is_clear_only_outside_the_exact_interval_of_the_spectra_at_hand():
    for right, n in ((30, 40), (60, 60), (0, 12), (7, 12)):
        one, exact = Estimate(right / n, 0.0, 8).of_spectra(n), stats.binomtest(right, n).proportion_ci(0.99, "exact")
        for level in (exact.low - 1e-6, exact.low + 1e-6, exact.high - 1e-6, exact.high + 1e-6):
            expected = "yes" if level < exact.low else "no" if level > exact.high else "undecided"
            assert one.against(level) == expected, (right, n, level)
    assert Estimate(0.9, 0.2, 8).of_spectra(4000).against(0.6) == "undecided"  # seeds differ by more
    assert by_answer([("no", "a"), ("no", "b"), ("yes", "c")]) == {"no": "a; b", "yes": "c"}


@pytest.mark.parametrize("name", [name for name in SPECTRA if is_present(name)])
def test_pairs_name_classes_that_the_sets_have(name):
    known = set(classes(load_set(name).label))
    assert {c for pair in PAIRS[name] for c in pair} == known
    assert len({frozenset(pair) for pair in PAIRS[name]}) == len(PAIRS[name])


def test_channels_with_lines_or_without_any_signal_are_not_quiet():
    rng = np.random.default_rng(0)
    label = np.repeat(["a", "b"], 30)
    residual = rng.normal(size=(60, 300))
    residual[label == "b", 40:50] *= 8.0  # lines of one class, of either sign
    residual[label == "a", 200:220] = 0.0  # padded
    quiet = quiet_channels(residual * rng.uniform(1, 1000, size=(60, 1)), label)
    assert not quiet[40:50].any() and not quiet[200:220].any()
    assert np.delete(quiet, np.r_[40:50, 200:220]).mean() > 0.95
    assert classes(np.repeat(["a", "b"], [FEWEST, FEWEST - 1])) == ["a"]


def test_one_scale_brings_instruments_of_any_gain_and_offset_to_the_same_noise():
    rng = np.random.default_rng(1)
    x = np.sin(np.linspace(0, 20, 400)) + 0.01 * rng.normal(size=(40, 400))
    gain = np.where(np.arange(40) < 20, 1.0, 300.0)
    label = np.repeat(["a", "b"], 20)
    raw, scaled = part(x * gain[:, None] + gain[:, None], label), part(on_one_scale(x * gain[:, None] + 5.0), label)
    assert raw.strength("b") / raw.strength("a") == pytest.approx(300.0, rel=0.1)
    assert scaled.strength("b") / scaled.strength("a") == pytest.approx(1.0, abs=0.1)


def test_what_the_spectra_of_a_class_share_is_taken_from_their_noise():
    rng = np.random.default_rng(2)
    vapour = rng.normal(size=(3, 200))
    own = rng.normal(size=(30, 200))
    noise = own + 3 * rng.normal(size=(30, 3)) @ vapour + 5.0
    assert np.linalg.matrix_rank(without_patterns(noise)) == 30 - 1 - 3
    # what is left lies in the complement of the shared patterns but for what 30 spectra cannot tell of them
    left = without_patterns(noise) @ vapour.T
    assert np.abs(left).max() < 0.1 * np.abs(noise @ vapour.T).std()
    assert shared(without_patterns(noise), rng) < 1.5
    slow = own + 2 * rng.normal(size=(30, 12)) @ rng.normal(size=(12, 200))  # more patterns than are taken away
    assert shared(without_patterns(slow), rng) > real_groups.MOST_SHARED


def test_noise_of_unequal_classes_keeps_equal_strength_because_as_many_spectra_are_drawn():
    rng = np.random.default_rng(3)
    label = np.repeat(["a", "b"], [12, 90])
    data = Parted(np.zeros((102, 400)), rng.normal(size=(102, 400)), label, np.ones(400, dtype=np.bool_))
    pair = of_pair(data, ("a", "b"), rng)
    assert (pair.label == "a").sum() == (pair.label == "b").sum() == 12
    assert pair.strength("a") / pair.strength("b") == pytest.approx(1.0, abs=0.05)


def test_noise_levels_rank_spectra_by_their_noise_and_by_nothing_else():
    rng = np.random.default_rng(4)
    strength = np.linspace(1, 2, 40)
    noise = strength[:, None] * rng.normal(size=(40, 500))
    smooth = rng.normal(size=(40, 1)) * np.linspace(0, 1, 500) ** 2
    levels = noise_levels(noise, smooth * 50 + noise, np.arange(500.0))
    assert levels.shape == (40, 3) and np.allclose(levels.mean(axis=0), 0) and np.allclose(levels.std(axis=0), 1)
    assert all(np.corrcoef(np.log(strength), column)[0, 1] > 0.95 for column in levels.T)
    assert noise_levels(noise[:, :4], noise[:, :4], np.arange(4.0)).shape == (40, 2)  # no five neighbours


def of_real(foreign, *, own=0.5, sharing=1.2, blank=0.5):
    def numbers(p):
        if p["way"] == real_groups.MEASURED:
            return {"full": 1.0, "blank": blank, "residual": 0.5, "spectra": 60.0, "classes": 3.0, "channels": 1841.0}
        level = foreign(p["share"]) if p["way"] == real_groups.FOREIGN else own
        return dict.fromkeys(real_groups.MODELS, 0.5) | {
            "noise level": level, "noise ratio": 1.1, "channels": 1000 * p["share"], "spectra": 400.0,
            "shared": sharing,
        }  # fmt: skip

    cells = [c for c in real_noise.cells(True) if c.text("set") == COFFEE]
    return real_noise.findings(filled(cells, numbers))


def test_real_noise_is_judged_by_its_growth_its_level_and_its_own_noise():
    cases = {
        "yes": of_real(lambda share: 0.99 if share == 1 else 0.6),
        "no": of_real(lambda share: 0.5),
        "undecided": of_real(lambda share: 0.62 if share == 1 else 0.5),  # 400 spectra do not tell 0.62 from 0.6
    }
    for expected, told in cases.items():
        assert set(answers(told, "small_differences", "real noise")) == {expected}
        assert answers(told, "no_chemistry", "real noise") == ["yes" if expected == "yes" else "no"]
    as_good = of_real(lambda share: 0.9 if share == 1 else 0.6, own=0.95)
    assert set(answers(as_good, "small_differences", "real noise")) == {"no"}


def test_a_residual_that_spectra_share_is_not_judged_as_noise():
    told = of_real(lambda share: 0.99, sharing=4.0, blank=0.99)
    assert answers(told, "small_differences", "") == []
    assert [f.answer for f in told] == ["undecided"] and "blanks" in told[0].when  # 0.99 of 60 spectra is not clear


def test_evidence_prints_the_accuracies_that_were_compared():
    told = of_real(lambda share: 0.99 if share == 1 else 0.6, own=0.55)
    evidence = next(f.evidence for f in told if f.statement == "small_differences")
    assert "0.990" in evidence and "0.600" in evidence and "noise of the same class 0.550" in evidence


def law_of(p, *, svm=0.9):
    d, size = p["d"], p["size"]
    if p["kind"] == channels.NOISE:
        best = float(dilation_accuracy(d, excess=size))
        return {"known rule": best, "norm alone": best, "naive Bayes": 0.5, "SVM (RBF)": svm, "ridge": 0.5,
                "norm AUC": float(channels.dilation_norm_auc(d, excess=size))}  # fmt: skip
    learnt = float(learnable_accuracy(p["n"], distance=size * np.sqrt(d), channels=d))
    return {"known rule": float(mean_shift_accuracy(d, shift=size)), "mean difference": learnt, "ridge": learnt}


def test_every_size_and_number_of_spectra_is_judged_by_its_own_growth():
    told = channels.findings(filled(channels.cells(False), law_of))
    assert set(answers(told, "small_differences", "is known")) == {"yes"}
    assert answers(told, "small_differences", "enough spectra") == ["yes"]
    assert answers(told, "small_differences", "ridge learns it (noise") == ["no"]
    by_size = {f.answer: f.when for f in told if f.when.startswith("mean difference learns it")}
    assert "±0.1 σ, from 50 spectra" in by_size["yes"] and "±0.02 σ, from 50 spectra" in by_size["no"]
    assert answers(told, "no_chemistry", "norm") == ["yes"]  # 2 % stronger reaches 0.96 with 16,384 channels


def test_accuracies_off_the_law_are_refuted():
    def off(p):
        numbers = law_of(p)
        return numbers | {"mean difference": 0.5} if p["kind"] == channels.SHIFT else numbers | {"known rule": 0.9}

    told = channels.findings(filled(channels.cells(True), off))
    assert answers(told, "small_differences", "by how much is known") == ["no"]
    assert answers(told, "small_differences", "enough spectra") == ["no"]


def test_support_vectors_and_naive_bayes_are_asked_about_noise():
    numbers = channels.measure(Cell.of("channels", kind=channels.NOISE, size=0.5, d=64, n=400, seed=1))
    law = float(dilation_accuracy(64, excess=0.5))
    assert numbers["known rule"] == pytest.approx(law, abs=4 * np.sqrt(0.25 / 1000))
    assert 0.6 < numbers["SVM (RBF)"] <= 1.0 and 0.6 < numbers["naive Bayes"] <= 1.0
    assert abs(numbers["ridge"] - 0.5) < 4 * np.sqrt(0.25 / 1000) + 0.05
    assert channels.described(channels.NOISE, 0.1) == "noise 10 % stronger"
