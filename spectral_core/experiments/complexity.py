"""Does a more complex model make an artefact worse? Ten models, from one number to a neural network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from spectral_core.experiments.artefacts import ARTEFACTS, CHEMISTRY, NOTHING, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER, fit_quietly
from spectral_core.experiments.results import Results, average
from spectral_core.experiments.scoring import balanced_accuracy
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHITE = "noise level, white noise"  # spectra that are noise and nothing else
_CHANNELS, _TRAIN, _TEST = 512, 80, 150  # spectra of each class
_RUNGS = {name: rung for rung, name in enumerate(LADDER, start=1)}


def cells(quick: bool) -> list[Cell]:
    """Differences × models × seeds."""
    differences = (WHITE, "gain", "mean shift", CHEMISTRY) if quick else (WHITE, *ARTEFACTS, CHEMISTRY, NOTHING)
    seeds = range(2 if quick else 12)
    return [
        Cell.of("complexity", difference=what, model=m, seed=s) for what in differences for m in LADDER for s in seeds
    ]


def measure(cell: Cell) -> Numbers:
    """Train a model off-band on spectra of two classes that differ in one thing; score it on others."""
    what, model = cell.text("difference"), LADDER[cell.text("model")](cell.seed)
    units: dict[str, Any] = {"units": (_TRAIN + _TEST,) * 2, "channels": _CHANNELS}
    if what == WHITE:
        recipe = Recipe(**units, noise_ratio=0.1, noise=1.0, specimen=0.0, peaks=(), floor=0.0)
    else:
        recipe = recipe_of(what, "large" if what == CHEMISTRY else "small", **units)
    data = simulate(recipe, seed=cell.seed)
    codes = (data.label == "class 2").astype(np.intp)
    train = np.arange(codes.size) % (_TRAIN + _TEST) < _TRAIN
    scores = {}
    off = np.ones(_CHANNELS, dtype=np.bool_) if what == WHITE else off_band_mask(data.axis, {"band": BAND})
    for where, mask in (("full", np.ones(_CHANNELS, dtype=np.bool_)), ("off-band", off)):
        if where == "full" or not mask.all():
            fitted = fit_quietly(model, data.x[train][:, mask], codes[train])
            scores[where] = balanced_accuracy(codes[~train], fitted.predict(data.x[~train][:, mask]))
            scores[f"{where}, training"] = balanced_accuracy(codes[train], fitted.predict(data.x[train][:, mask]))
    return {"off-band": scores["full"], **scores}


def _trend(results: Results, what: str) -> list[float]:
    """Rank correlation of off-band accuracy with the rung of the ladder, one a seed."""
    trends = []
    for seed in results.seeds:
        rows = [r for r in results.where(difference=what).rows if r.seed == seed]
        rungs, scores = [_RUNGS[str(r.parameters["model"])] for r in rows], [r.numbers["off-band"] for r in rows]
        trends.append(float(stats.spearmanr(rungs, scores).statistic) if np.ptp(scores) > 0 else 0.0)
    return trends


def figure(results: Results) -> Figure:
    """Off-band accuracy of every model under every difference."""
    from spectral_core.experiments import drawing as draw

    what, models = [str(v) for v in results.distinct("difference")], list(LADDER)
    made, (panel,) = draw.new_figure(1, 1, width=7.6, height=0.34 * len(what) + 1.6)
    values = np.array([[results.estimate("off-band", difference=w, model=m).mean for m in models] for w in what])
    draw.draw_matrix(panel, values, rows=what, columns=models, low=0.5, high=1.0)
    panel.set_xlabel("model, from simple to complex", fontsize=9)
    panel.set_ylabel("what differs", fontsize=9)
    panel.set_title("balanced accuracy off-band (white noise: everywhere)", fontsize=9)
    return made


def table(results: Results) -> Table:
    """The same with errors, and the trend along the ladder."""
    what = [str(v) for v in results.distinct("difference")]
    header = ["what differs", *LADDER, "trend"]
    rows = [
        [
            w, *(str(results.estimate("off-band", difference=w, model=m)) for m in LADDER),
            str(average(_trend(results, w))),
        ]
        for w in what
    ]  # fmt: skip
    return Table(header, rows)


def findings(results: Results) -> list[Finding]:
    """Judge the trend along the ladder, and which models reach near-perfect accuracy without chemistry."""
    told = []
    for what in (str(v) for v in results.distinct("difference")):
        if what in (CHEMISTRY, NOTHING):
            continue
        scores = {m: results.estimate("off-band", difference=what, model=m) for m in LADDER}
        best = max(scores, key=lambda m: scores[m].mean)
        if not scores[best].above(0.55):
            continue  # no model sees this artefact at this size: there is nothing to make worse
        trend = average(_trend(results, what))
        evidence = f"{what}: rank correlation of accuracy with the rung {trend}; best {best} {scores[best]}, "
        told.append(Finding("complexity", trend.above(0.2), f"the artefact is {what}",
                            evidence + f"most complex (perceptron) {scores['perceptron']}."))  # fmt: skip
    return told


COMPLEXITY = Experiment(
    name="complexity",
    title="The ladder of model complexity",
    what=f"Spectra of {_CHANNELS} channels whose classes differ by one artefact of small size, by a real band "
    f"(chemistry) or not at all; {2 * _TRAIN} for training, {2 * _TEST} for scoring. All models see the same spectra.",
    reading="Off-band accuracy of each model. Where only the band differs, off-band holds nothing to find.",
    rule="For every artefact that some model sees (clearly above 0.55): more complex is worse if the rank correlation "
    "of accuracy with the rung of the ladder, averaged over seeds, is clearly above 0.2.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
