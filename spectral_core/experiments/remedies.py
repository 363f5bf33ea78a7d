"""What dimension reduction, band restriction and unit-aware folds repair, and what they hide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.artefacts import ARTEFACTS, CEILING, CHEMISTRY, described, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Answer, Estimate, Results, average
from spectral_core.experiments.scoring import balanced_accuracy, best_apart, by_seed, cross_validated
from spectral_core.simulate import BAND, Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
NONE, BINNED, RESTRICTED = "none", "binning", "bands only"
COMPONENTS = {
    f"{kind} ({k})": (kind, k) for kind, counts in (("PCA", (3, 10, 30)), ("PLS", (2, 5, 15))) for k in counts
}
REDUCTIONS = (*COMPONENTS, BINNED)
REMEDIES = (NONE, *REDUCTIONS, RESTRICTED)
STRONG, WEAK, NARROW, OTHER = "tall band", "weak band", "line narrower than a bin", "undeclared band"
REAL = (STRONG, WEAK, NARROW, OTHER)
RANDOM, TRUE = "replicates, random labels", "replicates, weak band"
UNITS, UNIT_FOLDS = (RANDOM, TRUE), ", unit folds"
MODELS = ("ridge", "SVM (RBF)", "random forest")
_SIZE = {what: "large" if what in ("noise level", "mean shift", "saturation") else "small" for what in ARTEFACTS}
_TRAIN, _TEST, _CHANNELS, _BIN = 80, 120, 600, 12  # 12 channels are 20 cm⁻¹, the width of a peak
_SEEN = 0.55


def cells(quick: bool) -> list[Cell]:
    """Differences × remedies × seeds."""
    artefacts = ("gain", "noise level") if quick else tuple(ARTEFACTS)
    return [
        Cell.of("remedies", difference=what, remedy=remedy, seed=seed, edition=2)
        for what in (*artefacts, *(REAL[1:] if quick else REAL), *UNITS)
        for remedy in REMEDIES
        for seed in range(2 if quick else 12)
    ]


def measure(cell: Cell) -> Numbers:
    """Score three models after a remedy; of replicates two, with random folds and with unit folds."""
    what, remedy = cell.text("difference"), cell.text("remedy")
    data = simulate(_recipe(what), seed=cell.seed)
    x = _reduced(data.x, data.axis, remedy)
    codes = (data.label == "class 2").astype(np.intp)
    numbers: dict[str, float] = {}
    for name in _models(what):
        model = _with(remedy, LADDER[name](cell.seed))
        if what in UNITS:
            numbers[name] = cross_validated(model, x, data.label, seed=cell.seed)
            numbers[name + UNIT_FOLDS] = cross_validated(model, x, data.label, unit=data.unit, seed=cell.seed)
            continue
        train = np.arange(codes.size) % (_TRAIN + _TEST) < _TRAIN
        numbers[name] = balanced_accuracy(codes[~train], model.fit(x[train], codes[train]).predict(x[~train]))
    return numbers


def _models(what: str) -> tuple[str, ...]:
    return MODELS[:2] if what in UNITS else MODELS


def _recipe(what: str) -> Recipe:
    settings: dict[str, Any] = {"units": (_TRAIN + _TEST,) * 2, "channels": _CHANNELS}
    if what in UNITS:
        return Recipe(units=(12, 12), replicates=6, channels=_CHANNELS, fingerprint=0.05,
                      band_effect=0.1 if what == TRUE else 0.0)  # fmt: skip
    if what == NARROW:  # 2 cm⁻¹ wide where a bin is 20, in the declared band
        return Recipe(**settings, lines=((1200.0, 2.0, 0.06),))
    if what == OTHER:
        return Recipe(**settings, other_effect=0.3)
    if what in (STRONG, WEAK):
        return recipe_of(CHEMISTRY, "large" if what == STRONG else "small", **settings)
    return recipe_of(what, _SIZE[what], **settings)


def _named(what: str) -> str:
    return described(what, _SIZE[what]) if what in _SIZE else what


def _reduced(x: Floats, axis: Floats, remedy: str) -> Floats:
    """Reductions that learn nothing; the others are refitted with the model."""
    if remedy == BINNED:
        return np.asarray(x.reshape(len(x), -1, _BIN).mean(axis=2))
    return x[:, (axis >= BAND[0]) & (axis <= BAND[1])] if remedy == RESTRICTED else x


def _with(remedy: str, model: Any) -> Any:
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline

    kind, count = COMPONENTS.get(remedy, ("", 0))
    if kind == "PCA":
        return make_pipeline(PCA(count, svd_solver="full"), model)
    return _OnScores(PLSRegression(count, scale=False), model) if kind == "PLS" else model


class _OnScores:
    """A classifier on PLS scores; scikit-learn's pipeline takes the pair that PLS gives for the scores alone."""

    def __init__(self, pls: Any, model: Any) -> None:
        self._pls, self._model = pls, model

    def fit(self, x: Floats, y: npt.NDArray[Any]) -> _OnScores:
        self._model.fit(self._pls.fit(x, y).transform(x), y)
        return self

    def predict(self, x: Floats) -> npt.NDArray[Any]:
        return np.asarray(self._model.predict(self._pls.transform(x)))


def best(results: Results, what: str, remedy: str, *, folds: str = "") -> dict[int, float]:
    """Accuracy at each seed of the best model after a remedy, chosen on the other half of the seeds."""
    part = results.where(difference=what, remedy=remedy)
    return best_apart({m: by_seed(part, m + folds) for m in _models(what)})


def left(results: Results, what: str, remedy: str) -> Estimate:
    """What is left of the lead over chance after a remedy, less half of the lead before it, paired by seed.

    Below 0, the lead is more than halved.
    """
    before, after = best(results, what, NONE), best(results, what, remedy)
    return average((after[s] - 0.5) - (before[s] - 0.5) / 2 for s in before)


def _seen(results: Results, what: str) -> bool:
    return average(best(results, what, NONE).values()).above(_SEEN)


def figure(results: Results) -> Figure:
    """Accuracy of the best model: a row a difference, a column a remedy."""
    from spectral_core.experiments import drawing as draw

    rows = [(str(w), "") for w in results.distinct("difference")] + [(w, UNIT_FOLDS) for w in UNITS]
    values = np.array([
        [average(best(results, w, r, folds=folds).values()).mean for r in REMEDIES] for w, folds in rows
    ])  # fmt: skip
    names = [_named(w) + (folds or ", random folds") if w in UNITS else _named(w) for w, folds in rows]
    made, (panel,) = draw.new_figure(1, 1, width=7.8, height=0.3 * len(rows) + 1.2)
    draw.draw_matrix(panel, values, rows=names, columns=REMEDIES, low=0.5, high=1.0)
    panel.set_title("balanced accuracy of the best model", fontsize=9)
    panel.set_xlabel("remedy", fontsize=9)
    panel.set_ylabel("what differs", fontsize=9)
    for edge in (sum(w in ARTEFACTS for w, _ in rows), sum(w not in UNITS for w, _ in rows)):
        panel.axhline(edge - 0.5, color="white", linewidth=4)
    return made


def table(results: Results) -> Table:
    """What each remedy repairs, spares and hides, by rule."""
    what = [str(v) for v in results.distinct("difference") if str(v) not in UNITS and _seen(results, str(v))]
    rows = []
    for remedy in REMEDIES:
        lists: dict[tuple[bool, Answer], list[str]] = {}
        for w in what:
            lists.setdefault((w in REAL, left(results, w, remedy).against(0.0)), []).append(_named(w))
        keys: tuple[tuple[bool, Answer], ...] = ((False, "no"), (False, "yes"), (True, "yes"), (True, "no"))
        cells = [", ".join(lists.get(key, [])) or "–" for key in keys]
        unsure = ", ".join(lists.get((False, "undecided"), []) + lists.get((True, "undecided"), [])) or "–"
        folds = [str(average(best(results, w, remedy, folds=f).values())) for w in UNITS for f in ("", UNIT_FOLDS)]
        if remedy != NONE:
            rows.append([remedy, *cells, unsure, *folds])
        else:
            rows.append([remedy, *["–"] * 5, *folds])
    header = ["remedy", "repairs (lead of the artefact more than halved)", "leaves (artefact)", "keeps (chemistry)",
              "hides (chemistry)", "cannot tell"]  # fmt: skip
    return Table([*header, *(f"{w}, {f}" for w in UNITS for f in ("random folds", "unit folds"))], rows)


def findings(results: Results) -> list[Finding]:
    """Judge the reductions: do they repair an artefact, and do they lose nothing real? Equal answers together."""
    told = []
    for what in (str(v) for v in results.distinct("difference")):
        if what == TRUE:
            continue  # with random folds its accuracy is that of the replicates, not of its band
        before, name = average(best(results, what, NONE).values()), _named(what)
        if what == RANDOM:
            name += ", random folds"
        if not before.above(_SEEN):
            told.append(Finding("reduce_dimension", "undecided", f"{name}: not seen without a remedy",
                                f"{before} without."))  # fmt: skip
            continue
        groups: dict[Answer, list[str]] = {}
        for remedy in REDUCTIONS:
            groups.setdefault(_answer(what, left(results, what, remedy)), []).append(remedy)
        aim = "to lose nothing real" if what in REAL else "to repair an artefact"
        for answer, remedies in groups.items():
            after = ", ".join(f"{r} {average(best(results, what, r).values())}" for r in remedies)
            folds = ""
            if what == RANDOM:
                folds = f"; with unit folds {average(best(results, what, NONE, folds=UNIT_FOLDS).values())} without"
            told.append(Finding("reduce_dimension", answer, f"{aim}: {name} ({', '.join(remedies)})",
                                f"{before} without, {after}{folds}."))  # fmt: skip
    return told


def _answer(what: str, rest: Estimate) -> Answer:
    """Chemistry should be kept, an artefact should go."""
    kept = rest.against(0.0)
    if what in REAL or kept == "undecided":
        return kept
    return "no" if kept == "yes" else "yes"


REMEDY = Experiment(
    name="remedies",
    title="Remedies: what they repair, and what they hide",
    what=f"Spectra of {_CHANNELS} channels, {2 * _TRAIN} for training, {2 * _TEST} for scoring; one artefact, or "
    "chemistry: a tall declared band, a weak one, a line narrower than a bin, a band that nobody declared. Before "
    "classification: 3, 10 or 30 principal components, 2, 5 or 15 PLS scores, bins of "
    f"{_BIN} channels (the width of a peak), or the declared band alone. Apart from these, 24 specimens with six "
    "replicates, with random folds and with unit folds: labels at random, and classes that differ by a weak band. "
    f"{CEILING}",
    reading="The best of ridge, SVM and random forest after the remedy (replicates: of the first two). An artefact, "
    "and replicates with random labels, should fall to 0.50, chemistry should stay. Replicates with a weak band: "
    "unit folds should keep what the band gives and no more.",
    rule=f"For each difference that is seen without a remedy (clearly above {_SEEN}), and each remedy: what is left "
    "of the lead over chance less half of the lead before, the best model before and after, chosen on the other half "
    "of the seeds and paired by seed. Clearly below 0: the lead is more than halved, an artefact is repaired, "
    "chemistry hidden. Clearly above 0: an artefact stays, chemistry is kept. Repairing and losing nothing real are "
    "two aims; a reduction that keeps chemistry repairs nothing by that.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
