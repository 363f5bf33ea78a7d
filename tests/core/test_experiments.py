"""Experiments: cells are stored once and survive a kill, rules follow the numbers, the document follows the rules."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spectral_core.errors import OffbandError
from spectral_core.experiments import complexity, normalisation, sampling, suspicion
from spectral_core.experiments.catalogue import EXPERIMENTS, measure_cell
from spectral_core.experiments.cells import Cell, CellStore
from spectral_core.experiments.conduct import averages, cells_as_csv, conduct, judge_statements, write_document
from spectral_core.experiments.document import Section, render_document
from spectral_core.experiments.experiment import Finding
from spectral_core.experiments.plan import EXPERIMENT_NAMES, Plan
from spectral_core.experiments.results import Estimate, average, every
from spectral_core.experiments.running import run_cells
from spectral_core.experiments.sets import absent, is_present
from spectral_core.experiments.statements import HOLDS, NOT, OPEN, STATEMENTS, UNTOLD, WHEN, weigh
from spectral_core.experiments.transplant import Parted, transplanted
from tests.core.made_results import filled

# one small cell of each experiment, and the numbers that it must give
TINY = {
    "channels": ({"kind": "noise", "size": 0.1, "d": 16, "n": 100}, {"known rule", "norm alone", "norm AUC"}),
    "sampling": ({"way": "fixed for a spectrum", "d": 64}, {"known rule", "ridge", "law"}),
    "complexity": ({"difference": "gain", "size": "small", "model": "ridge"}, {"accuracy", "training accuracy"}),
    "depth": ({"difference": "gain", "order": "normalise first", "depth": 1}, {"crop first", "preprocess first"}),
    "normalisation": ({"step": "snv", "height": 0.2, "d": 100}, {"full", "crop first", "preprocess first"}),
    "instruments": ({"artefact": "offset", "size": "large", "d": 100}, {"full", "scalars", "scalars, boosted trees"}),
    "maps": ({"difference": "chemistry"}, {"permutation of forest", "impurity of forest", "Haufe pattern", "VIP²"}),
    "remedies": ({"difference": "gain", "remedy": "PLS (5)"}, {"ridge", "SVM (RBF)", "random forest"}),
    "suspicion": ({"source": "offset", "strength": 8.0}, {"accuracy", "supported", "artefact"}),
    "real": (
        {
            "set": "brewed coffee",
            "way": "noise of the other class",
            "scale": "in its own units",
            "share": 0.25,
            "pair": "Brasil, Vietnam",
        },
        {"probe", "SVM (RBF)", "noise level"},
    ),
    "fluorescence": (
        {"source": "simulated", "difference": "gain 10 %", "grid": 1},
        {"all features", "random folds", "blank", "norm of the blank", "VIP²"},
    ),
    "pixels": ({"set": "tumours, benign only", "edge": 0, "planted": "nothing"}, {"ridge, all", "SVM (RBF), all"}),
}


def held(findings, statement):
    return {f.when: f.answer for f in findings if f.statement == statement}


@pytest.mark.parametrize("name", EXPERIMENT_NAMES)
def test_a_cell_of_every_experiment_gives_numbers_between_0_and_1(name):
    parameters, expected = TINY[name]
    numbers = measure_cell(Cell.of(name, seed=1, **parameters))
    assert expected <= set(numbers)
    counts = {"steps", "features", "channels", "spectra", "shared", "noise ratio"}
    shares = {k: v for k, v in numbers.items() if k not in counts and math.isfinite(v)}
    assert all(0.0 <= v <= 1.0 for v in shares.values()), shares


@pytest.mark.parametrize("name", EXPERIMENT_NAMES)
def test_every_experiment_has_more_cells_in_full_than_quick_and_none_twice(name):
    quick, full = (EXPERIMENTS[name].cells(q) for q in (True, False))
    assert len({c.digest for c in full}) == len(full) > len(quick) == len({c.digest for c in quick})
    assert {c.experiment for c in full} == {name} and len({c.seed for c in quick}) >= 2


def test_the_catalogue_and_the_plan_name_the_same_experiments():
    assert tuple(EXPERIMENTS) == EXPERIMENT_NAMES == tuple(TINY)


def test_everything_that_decides_a_result_changes_its_name():
    cell = Cell.of("channels", seed=1, d=64, size=0.1)
    others = [Cell.of("sampling", seed=1, d=64, size=0.1), replace(cell, seed=2), replace(cell, edition=2),
              Cell.of("channels", seed=1, d=65, size=0.1), Cell.of("channels", seed=1, d=64)]  # fmt: skip
    assert len({c.digest for c in [cell, *others]}) == 6
    assert Cell.of("channels", seed=1, size=0.1, d=64).digest == cell.digest


def test_a_store_gives_back_what_went_in_and_knows_no_half_written_file(tmp_path):
    store, cell = CellStore(tmp_path), Cell.of("channels", seed=3, d=64)
    store.path(cell).parent.mkdir()
    store.path(cell).with_name(f".{cell.digest}.1.part").write_text('{"numbers": {"a"')
    assert store.missing([cell]) == [cell] and list(store.rows([cell])) == []
    store.write(cell, {"a": 0.25, "b": math.nan}, seconds=1.5)
    (row,) = store.rows([cell])
    assert row.parameters == {"d": 64} and row.seed == 3 and row.numbers["a"] == 0.25 and row.seconds == 1.5
    assert math.isnan(row.numbers["b"]) and json.loads(store.path(cell).read_text())["numbers"]["b"] is None


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    script = (
        "import sys; from pathlib import Path; from spectral_core.experiments.conduct import conduct;"
        "from spectral_core.experiments.plan import Plan;"
        "conduct(Plan(Path(sys.argv[1]), quick=True, workers=1), 'normalisation')"
    )
    plan = Plan(tmp_path, quick=True, workers=1)
    cells, folder = EXPERIMENTS["normalisation"].cells(True), plan.cells / "normalisation"
    running = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=Path.cwd())
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.json"))) < 5 and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert 5 <= len(finished) < len(cells)
    assert run_cells(cells, CellStore(plan.cells), measure_cell, workers=1) == len(cells) - len(finished)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert not CellStore(plan.cells).missing(cells)


def test_progress_counts_every_cell_once_and_those_that_were_there(tmp_path):
    cells, store = [Cell.of("channels", seed=seed) for seed in range(4)], CellStore(tmp_path)
    store.write(cells[2], {"a": 0.5}, seconds=0.0)
    told: list[tuple[int, int]] = []
    count = run_cells([*cells, cells[0]], store, lambda cell: {"a": float(cell.seed)}, workers=1,
                      progress=lambda done, total: told.append((done, total)))  # fmt: skip
    assert count == 3 and told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [row.numbers["a"] for row in store.rows(cells)] == [0.0, 1.0, 0.5, 3.0]


def test_an_average_is_arithmetic():
    estimate = average([0.5, 0.6, 0.7, math.nan])
    assert estimate.mean == pytest.approx(0.6) and estimate.seeds == 3
    assert estimate.error == pytest.approx(math.sqrt((0.01 + 0 + 0.01) / 2 / 3))
    assert average([]).seeds == 0 and average([0.4]).error == 0.0
    # Student's t at 99.5 %: 63.657, 5.841 and 2.861 with 1, 3 and 19 degrees of freedom
    for seeds, t in ((2, 63.657), (4, 5.841), (20, 2.861)):
        one, near, far = Estimate(0.6, 0.001, seeds), (t - 0.001) / 1000, (t + 0.001) / 1000
        assert one.above(0.6 - far) and not one.above(0.6 - near)
        assert one.below(0.6 + far) and not one.below(0.6 + near)
    assert not Estimate(0.9, 0.0, 1).above(0.5)  # of one seed nothing is known


def test_findings_add_up_to_one_of_five_words():
    yes, no, open_ = (Finding("x", answer, answer, "") for answer in ("yes", "no", "undecided"))
    words = {
        (): UNTOLD,
        (yes,): HOLDS,
        (no,): NOT,
        (yes, no): WHEN,
        (open_,): OPEN,
        (yes, open_): WHEN,
        (no, open_): NOT,
    }
    assert {told: weigh(told).word for told in words} == words
    outcome = weigh([yes, no, open_, no])
    assert (outcome.under, outcome.not_under, outcome.undecided) == (("yes",), ("no",), ("undecided",))


def test_what_seeds_cannot_tell_is_neither_yes_nor_no():
    above, between, below = Estimate(0.7, 0.01, 9), Estimate(0.61, 0.01, 9), Estimate(0.5, 0.01, 9)
    assert [e.against(0.6) for e in (above, between, below)] == ["yes", "undecided", "no"]
    assert Estimate(0.9, 0.0, 1).against(0.6) == "undecided"  # of one seed nothing is known
    assert above.less(below).mean == pytest.approx(0.2) and above.less(below).error == pytest.approx(
        0.01 * math.sqrt(2)
    )
    assert [every("yes", "yes"), every("yes", "undecided"), every("no", "undecided")] == ["yes", "undecided", "no"]


def test_the_growth_of_a_normalisation_artefact_is_read_against_cropping_first():
    cells = normalisation.cells(True)

    def at(last, clean=0.5):
        few = {"full": 1.0, "crop first": 0.5, "preprocess first": 0.5}
        many = {"full": 1.0, "crop first": clean, "preprocess first": last}
        return filled(cells, lambda p: few if p["d"] == 100 else many)

    for results, expected in ((at(0.97), "yes"), (at(0.5), "no"), (at(0.8, clean=0.79), "no")):
        told = normalisation.findings(results)
        assert {f.statement for f in told} == {"small_differences"}  # the band differs: there is chemistry
        assert len(told) == 4 and {f.answer for f in told} == {expected}
        assert all("band really is 5, 20 % higher" in f.when for f in told)
    full = filled(cells, lambda p: {"full": 1.0, "crop first": 0.5, "preprocess first": 0.99})
    assert {f.answer for f in normalisation.findings(full)} == {"undecided"}  # no room to grow


def test_complexity_is_worse_only_where_the_ladder_climbs():
    rungs = {name: i for i, name in enumerate(complexity.RUNGS)}
    cells = complexity.cells(True)

    def climbing(p):
        rung = rungs.get(p["model"], 0)
        return {"accuracy": 0.5 + (0.05 * rung if p["difference"] == "gain" else 0.4 - 0.04 * rung)}

    told = held(complexity.findings(filled(cells, climbing)), "complexity")
    by_trend = "judged by the trend along the ladder"
    assert told[f"gain 2 %: {by_trend}"] == "yes" and told[f"noise level 50 %: {by_trend}"] == "no"


def test_finer_sampling_of_the_same_light_is_judged_by_its_growth():
    for grows in (True, False):
        results = filled(
            sampling.cells(True),
            lambda p, grows=grows: {"known rule": 0.6 + 0.3 * (grows and p["d"] == 4096), "ridge": 0.6, "law": 0.6},
        )
        assert set(held(sampling.findings(results), "small_differences").values()) == {"yes" if grows else "no"}
        assert set(held(sampling.findings(results), "reduce_dimension").values()) == {"no" if grows else "yes"}


def test_distrust_is_judged_by_what_was_planted_and_not_by_the_audit():
    """Accuracy follows the strength alone, or artefacts reach 0.97 at strengths where chemistry is at 0.7."""

    def numbers(p, artefacts_first, supported):
        high = p["strength"] > (4.0 if artefacts_first and p["source"] in suspicion.ARTEFACTS else 10.0)
        told = dict.fromkeys(suspicion.VERDICTS, 0.0) | {"supported": float(supported)}
        return {"accuracy": 0.97 if high else 0.7} | told

    for supported in (True, False):
        for artefacts_first, expected in ((True, "yes"), (False, "no")):
            results = filled(suspicion.cells(False), lambda p, a=artefacts_first, s=supported: numbers(p, a, s))
            told = suspicion.findings(results)
            assert held(told, "distrust")["artefacts are as strong as chemistry"] == expected
            n = 420 if supported else 0
            assert f"it supports {n} of 420 sets with an artefact" in told[0].evidence


def test_the_document_says_what_the_findings_say():
    results = filled(normalisation.cells(True), lambda p: {"full": 1.0, "crop first": 0.5, "preprocess first": 0.5})
    titles = {"yes": "Holds when", "no": "Does not hold when", "undecided": "Undecided, because"}
    for answer, word in (("yes", HOLDS), ("no", NOT), ("undecided", OPEN)):
        told = Finding("no_chemistry", answer, "noise differs", "norm alone 0.99.")
        text = render_document([Section(EXPERIMENTS["normalisation"], results, [told])], quick=True)
        row = next(line for line in text.splitlines() if "#statement-no_chemistry)" in line)
        counts = ", ".join(str(int(answer == a)) for a in titles)
        assert row.endswith(f"| abstract | **{word}** | [normalisation](#normalisation) {counts} |")
        assert [a for a, title in titles.items() if f"\n{title}" in text] == [answer]
        assert "- **noise differs**. Norm alone 0.99. ([Normalisation artefacts](#normalisation), 12 seeds)" in text
    assert all(statement.text in text for statement in STATEMENTS) and "quick run" in text
    assert f"**{UNTOLD}**" in text


def test_a_run_leaves_document_averages_and_a_table_of_cells(tmp_path):
    plan = Plan(tmp_path, quick=True, names=("normalisation",), workers=1)
    cells = EXPERIMENTS["normalisation"].cells(True)
    for cell in cells:
        CellStore(plan.cells).write(cell, {"full": 1.0, "crop first": 0.5, "preprocess first": 0.5}, seconds=0.1)
    one = conduct(plan, "normalisation")
    assert one.figure is not None and 0 < one.figure.stat().st_size < 150_000
    assert one.measured == 0 and one.to_dict()["seconds"] == pytest.approx(0.1 * len(cells), abs=0.06)
    text = write_document(plan, [one]).read_text()
    assert (tmp_path / "images" / "experiments" / "normalisation.png").is_file()
    assert "(images/experiments/normalisation.png)" in text
    assert averages(plan, "normalisation")["full d=100 height=0.05 step=snv"] == 1.0
    assert len(cells_as_csv(plan, "normalisation").splitlines()) == 1 + len(cells)
    judged = {told["code"]: told for told in judge_statements([one])}
    assert judged["small_differences"]["verdict"] == NOT and judged["beyond"]["verdict"] == UNTOLD


def test_a_plan_refuses_what_it_cannot_run(tmp_path):
    with pytest.raises(OffbandError, match=r"experiments: expected some of channels, .*, found 'nonsense'"):
        Plan(tmp_path, quick=True, names=("channels", "nonsense")).checked()
    (tmp_path / "file").write_text("")
    with pytest.raises(OffbandError, match=r"expected a folder, found a file\. Name another folder"):
        Plan(tmp_path / "file", quick=True).checked()


@pytest.mark.parametrize("foreign", [True, False])
def test_transplanted_noise_is_another_spectrums_and_the_smooth_part_its_own(foreign):
    rng = np.random.default_rng(0)
    label = np.repeat(["a", "b"], [20, 20])
    x = rng.normal(size=(40, 60)).cumsum(axis=1)
    smooth, noise = x.round(1), x - x.round(1)
    data = Parted(smooth, noise, label, np.ones(60, dtype=np.bool_))
    host = "a" if foreign else "b"
    made, half = transplanted(data, host, "ab".replace(host, ""), np.random.default_rng(1), foreign=foreign)
    hosts, donors = [], []
    for row in made:
        # the pair of host and donor that explains the row exactly
        off = np.abs(row - smooth[:, None] - np.stack([noise, -noise])[:, None]).max(axis=3)
        _, host, donor = np.unravel_index(off.argmin(), off.shape)
        assert off.min() < 1e-9 and host != donor
        hosts.append(host)
        donors.append(donor)
    assert len(set(hosts)) == len(hosts) and len(set(donors)) == len(donors) and half.sum() * 2 == half.size
    assert len(set(label[hosts])) == 1
    same = label[donors] == label[hosts[0]]
    assert same[half == 0].all() and (~same[half == 1]).all() if foreign else same.all()


def test_sets_that_are_not_at_hand_are_named():
    names = ("brewed coffee", "fruit purees")
    assert is_present("brewed coffee")
    assert (absent(names) == "") is is_present("fruit purees")
