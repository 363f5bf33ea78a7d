"""What dimension reduction, band restriction and unit-aware folds repair, and what they hide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.artefacts import ARTEFACTS, CHEMISTRY, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Estimate, Results
from spectral_core.experiments.scoring import balanced_accuracy, cross_validated
from spectral_core.simulate import BAND, Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
NONE, PCA, PLS, BINNED, RESTRICTED = "none", "PCA (10)", "PLS (5)", "binning", "bands only"
REMEDIES = (NONE, PCA, PLS, BINNED, RESTRICTED)
REDUCTIONS = (PCA, PLS, BINNED)
NARROW, WEAK, REPLICATES = "narrow-line chemistry", "weak chemistry", "replicates with random labels"
MODELS = ("ridge", "SVM (RBF)")
_TRAIN, _TEST, _CHANNELS, _BIN = 80, 120, 600, 12  # 12 channels are 20 cm⁻¹, the width of a peak


def cells(quick: bool) -> list[Cell]:
    """Differences × remedies × seeds."""
    artefacts = ("gain", "noise level", "mean shift") if quick else tuple(ARTEFACTS)
    return [
        Cell.of("remedies", difference=what, remedy=remedy, seed=seed)
        for what in (*artefacts, CHEMISTRY, WEAK, NARROW, REPLICATES)
        for remedy in REMEDIES
        for seed in range(2 if quick else 20)
    ]


def measure(cell: Cell) -> Numbers:
    """Score ridge and a kernel machine after a remedy; of replicates, with random folds and with unit folds."""
    what, remedy = cell.text("difference"), cell.text("remedy")
    data = simulate(_recipe(what), seed=cell.seed)
    x = _reduced(data.x, data.axis, remedy)
    codes = (data.label == "class 2").astype(np.intp)
    numbers: dict[str, float] = {}
    for name in MODELS:
        model = _with(remedy, LADDER[name](cell.seed))
        if what == REPLICATES:
            numbers[name] = cross_validated(model, x, data.label, seed=cell.seed)
            numbers[f"{name}, unit folds"] = cross_validated(model, x, data.label, unit=data.unit, seed=cell.seed)
            continue
        train = np.arange(codes.size) % (_TRAIN + _TEST) < _TRAIN
        numbers[name] = balanced_accuracy(codes[~train], model.fit(x[train], codes[train]).predict(x[~train]))
    return numbers


def _recipe(what: str) -> Recipe:
    settings: dict[str, Any] = {"units": (_TRAIN + _TEST,) * 2, "channels": _CHANNELS}
    if what == REPLICATES:
        return Recipe(units=(12, 12), replicates=6, channels=_CHANNELS, fingerprint=0.05)
    if what == NARROW:  # 2 cm⁻¹ wide where a bin is 20, in the declared band
        return Recipe(**settings, lines=((1200.0, 2.0, 0.06),))
    if what in (CHEMISTRY, WEAK):
        return recipe_of(CHEMISTRY, "large" if what == CHEMISTRY else "small", **settings)
    return recipe_of(what, "large" if what in ("noise level", "mean shift", "saturation") else "small", **settings)


def _reduced(x: Floats, axis: Floats, remedy: str) -> Floats:
    """Reductions that learn nothing; the others are refitted with the model."""
    if remedy == BINNED:
        return np.asarray(x.reshape(len(x), -1, _BIN).mean(axis=2))
    return x[:, (axis >= BAND[0]) & (axis <= BAND[1])] if remedy == RESTRICTED else x


def _with(remedy: str, model: Any) -> Any:
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.decomposition import PCA as PrincipalComponents
    from sklearn.pipeline import make_pipeline

    if remedy == PCA:
        return make_pipeline(PrincipalComponents(10, svd_solver="full"), model)
    return _OnScores(PLSRegression(5, scale=False), model) if remedy == PLS else model


class _OnScores:
    """A classifier on PLS scores; scikit-learn's pipeline takes the pair that PLS gives for the scores alone."""

    def __init__(self, pls: Any, model: Any) -> None:
        self._pls, self._model = pls, model

    def fit(self, x: Floats, y: npt.NDArray[Any]) -> _OnScores:
        self._model.fit(self._pls.fit(x, y).transform(x), y)
        return self

    def predict(self, x: Floats) -> npt.NDArray[Any]:
        return np.asarray(self._model.predict(self._pls.transform(x)))


def _best(results: Results, what: str, remedy: str) -> Estimate:
    """The model that sees the difference best without a remedy, after a remedy."""
    model = max(MODELS, key=lambda m: results.estimate(m, difference=what, remedy=NONE).mean)
    return results.estimate(model, difference=what, remedy=remedy)


def figure(results: Results) -> Figure:
    """Accuracy of both models: a row a difference, a column a remedy."""
    from spectral_core.experiments import drawing as draw

    what = [str(v) for v in results.distinct("difference")]
    made, panels = draw.new_figure(2, width=4.4, height=0.34 * len(what) + 1.3)
    for panel, model in zip(panels, MODELS, strict=True):
        values = np.array([[results.estimate(model, difference=w, remedy=r).mean for r in REMEDIES] for w in what])
        rows, columns = list(what), list(REMEDIES)
        folds = [results.estimate(f"{model}, unit folds", difference=REPLICATES, remedy=r).mean for r in REMEDIES]
        rows[rows.index(REPLICATES)] = "replicates, random folds"
        draw.draw_matrix(panel, np.vstack([values, folds]), rows=[*rows, "replicates, unit folds"], columns=columns,
                         low=0.5, high=1.0)  # fmt: skip
        panel.set_title(f"balanced accuracy, {model}", fontsize=9)
        panel.set_xlabel("remedy", fontsize=9)
        if panel is panels[1]:
            panel.set_yticks([])
    return made


def table(results: Results) -> Table:
    """What each remedy repairs, spares and hides, by rule."""
    what = [str(v) for v in results.distinct("difference") if v != REPLICATES]
    rows = []
    for remedy in REMEDIES[1:]:
        lists: dict[str, list[str]] = {"repairs": [], "leaves": [], "hides": [], "keeps": []}
        for difference in what:
            before, after = (_best(results, difference, r) for r in (NONE, remedy))
            if before.above(0.55):
                gone = after.mean - 0.5 < (before.mean - 0.5) / 2
                real = difference in (CHEMISTRY, WEAK, NARROW)
                lists[("hides" if gone else "keeps") if real else ("repairs" if gone else "leaves")].append(difference)
        leak, mended = (results.estimate(k, difference=REPLICATES, remedy=remedy)
                        for k in ("ridge", "ridge, unit folds"))  # fmt: skip
        told = [", ".join(lists[k]) or "–" for k in ("repairs", "leaves", "keeps", "hides")]
        rows.append([remedy, *told, str(leak), str(mended)])
    header = ["remedy", "repairs (artefact gone)", "leaves (artefact stays)", "keeps (chemistry)", "hides (chemistry)"]
    return Table([*header, "replicates, random folds", "replicates, unit folds"], rows)


def findings(results: Results) -> list[Finding]:
    """Judge dimension reduction: does it take an artefact's accuracy away, and does it leave chemistry its own?"""
    told = []
    for what in (str(v) for v in results.distinct("difference")):
        before = _best(results, what, NONE)
        if what == REPLICATES or not before.above(0.55):
            continue
        after = {r: _best(results, what, r) for r in REDUCTIONS}
        gone = [r for r in REDUCTIONS if after[r].mean - 0.5 < (before.mean - 0.5) / 2]
        evidence = f"{what}: {before} without, " + ", ".join(f"{r} {after[r]}" for r in REDUCTIONS) + "."
        real = what in (CHEMISTRY, WEAK, NARROW)
        holds = not gone if real else bool(gone)
        when = f"the difference is {what}"
        if real and gone:
            when += f" (hidden by {', '.join(gone)})"
        if not real and gone:
            when += f" (repaired by {', '.join(gone)})"
        told.append(Finding("reduce_dimension", holds, when, evidence))
    before, *leaks = (results.estimate("ridge", difference=REPLICATES, remedy=r) for r in (NONE, *REDUCTIONS))
    gone = [r for r, e in zip(REDUCTIONS, leaks, strict=True) if e.mean - 0.5 < (before.mean - 0.5) / 2]
    units = results.estimate("ridge, unit folds", difference=REPLICATES, remedy=NONE)
    evidence = ", ".join(f"{r} {e}" for r, e in zip(REDUCTIONS, leaks, strict=True))
    told.append(Finding(
        "reduce_dimension", bool(gone), "replicates straddle folds",
        f"{REPLICATES}, random folds: ridge {before} without, {evidence}; with unit folds {units}.",
    ))  # fmt: skip
    return told


REMEDY = Experiment(
    name="remedies",
    title="Remedies: what they repair, and what they hide",
    what=f"Spectra of {_CHANNELS} channels, {2 * _TRAIN} for training, {2 * _TEST} for scoring; one artefact, or "
    "chemistry: a tall band, a weak one, a line narrower than a bin. Before classification: ten principal components, "
    f"five PLS scores, bins of {_BIN} channels (the width of a peak), or the declared band alone. Apart from these, 24 "
    "specimens with six replicates and random labels, with random folds and with unit folds.",
    reading="An artefact should fall to 0.50, chemistry should stay.",
    rule="A remedy takes a difference away if less than half of its lead over chance is left, for the model that saw "
    "it best. Reducing the dimension holds for an artefact, and for replicates in random folds, if some reduction "
    "takes it away; for chemistry if none does.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
