"""Does a more complex model make an artefact worse? Nine models, from ridge to a neural network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from spectral_core.experiments.artefacts import ARTEFACTS, CHEMISTRY, NOTHING, SIZES, described, recipe_of, where_judged
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER, LINEAR, NONLINEAR, NORM, RUNGS, fit_quietly
from spectral_core.experiments.results import Answer, Estimate, Results, average
from spectral_core.experiments.scoring import balanced_accuracy, best_apart, by_seed
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHITE = "white noise"  # spectra that are noise and nothing else, its level 10 % higher in one class
_CHANNELS, _TRAIN, _TEST = 512, 80, 150  # spectra of each class
_SEEN, _TREND, _LEAD, _CEILING = 0.55, 0.2, 0.02, 0.95

_BY_TREND, _BY_BEST = "the trend along the ladder", "the best nonlinear model"


def cells(quick: bool) -> list[Cell]:
    """Differences and their sizes × models × seeds."""
    pairs = [(WHITE, "small"), *((w, s) for w in ARTEFACTS for s in SIZES), (CHEMISTRY, "large"), (NOTHING, "small")]
    if quick:
        pairs = [(WHITE, "small"), ("gain", "small"), ("noise level", "large"), (CHEMISTRY, "large")]
    return [
        Cell.of("complexity", difference=what, size=size, model=m, seed=s, edition=2)
        for what, size in pairs
        for m in LADDER
        for s in range(2 if quick else 12)
    ]


def measure(cell: Cell) -> Numbers:
    """Train a model where the one thing acts in which two classes differ; score it on others and on its own."""
    what, model = cell.text("difference"), LADDER[cell.text("model")](cell.seed)
    units: dict[str, Any] = {"units": (_TRAIN + _TEST,) * 2, "channels": _CHANNELS}
    if what == WHITE:
        recipe = Recipe(**units, noise_ratio=0.1, noise=1.0, specimen=0.0, peaks=(), floor=0.0)
    else:
        recipe = recipe_of(what, cell.text("size"), **units)
    data = simulate(recipe, seed=cell.seed)
    codes = (data.label == "class 2").astype(np.intp)
    train = np.arange(codes.size) % (_TRAIN + _TEST) < _TRAIN
    part = data.x if _where(what) == "full" else data.x[:, off_band_mask(data.axis, {"band": BAND})]
    fitted = fit_quietly(model, part[train], codes[train])
    return {
        "accuracy": balanced_accuracy(codes[~train], fitted.predict(part[~train])),
        "training accuracy": balanced_accuracy(codes[train], fitted.predict(part[train])),
    }


def _pairs(results: Results) -> list[tuple[str, str]]:
    return list(dict.fromkeys((str(r.parameters["difference"]), str(r.parameters["size"])) for r in results.rows))


def _where(what: str) -> str:
    return "full" if what == WHITE else where_judged(what)


def _named(what: str, size: str) -> str:
    """Say a difference, its size, and where it is judged."""
    if what == WHITE:
        return "noise level 10 % in white noise, full"
    return f"{what if what in (CHEMISTRY, NOTHING) else described(what, size)}, {_where(what)}"


def _scores(results: Results, what: str, size: str) -> dict[str, dict[int, float]]:
    part = results.where(difference=what, size=size)
    return {m: by_seed(part, "accuracy", model=m) for m in LADDER}


def trend(scores: dict[str, dict[int, float]]) -> Estimate:
    """Average over seeds the rank correlation of a model's accuracy with its rung; 0 where all models are equal."""
    trends = []
    for seed in scores[RUNGS[0]]:
        found = [scores[m][seed] for m in RUNGS]
        told = stats.spearmanr(range(len(RUNGS)), found).statistic if np.ptp(found) > 0 else 0.0
        trends.append(float(told))
    return average(trends)


def lead(scores: dict[str, dict[int, float]]) -> tuple[Estimate, Estimate, Estimate]:
    """Give the best linear model, the best nonlinear one, and the difference paired by seed."""
    linear, other = (best_apart({m: scores[m] for m in kind}) for kind in (LINEAR, NONLINEAR))
    return average(linear.values()), average(other.values()), average(other[s] - linear[s] for s in linear)


def figure(results: Results) -> Figure:
    """Accuracy of every model under every difference, on other spectra and on those it was trained on."""
    from spectral_core.experiments import drawing as draw

    pairs, models = _pairs(results), [*RUNGS, NORM]
    made, panels = draw.new_figure(2, width=4.5, height=0.27 * len(pairs) + 1.2)
    shown = {"accuracy": "other spectra", "training accuracy": "its training spectra"}
    for panel, (number, title) in zip(panels, shown.items(), strict=True):
        values = np.array([
            [results.estimate(number, difference=w, size=s, model=m).mean for m in models] for w, s in pairs
        ])  # fmt: skip
        draw.draw_matrix(panel, values, rows=[_named(*p) for p in pairs], columns=models, low=0.5, high=1.0)
        panel.axvline(len(RUNGS) - 0.5, color="white", linewidth=4)
        panel.set_title(f"balanced accuracy on {title}", fontsize=9)
        if panel is panels[1]:
            panel.set_yticks([])
    made.supxlabel("model, from simple to complex; apart from them the norm alone", fontsize=9)
    return made


def table(results: Results) -> Table:
    """Held-out accuracies, the best linear and nonlinear model, their difference, and the trend."""
    header = ["what differs, where", *RUNGS, NORM, "best linear", "best nonlinear", "nonlinear − linear", "trend"]
    rows = []
    for what, size in _pairs(results):
        scores = _scores(results, what, size)
        each = (f"{average(scores[m].values()).mean:.3f}" for m in (*RUNGS, NORM))
        rows.append([_named(what, size), *each, *(str(e) for e in lead(scores)), str(trend(scores))])
    return Table(header, rows)


def findings(results: Results) -> list[Finding]:
    """Judge, of every artefact and size that a model sees, the trend along the ladder and nonlinear against linear.

    Sizes of an artefact with the same answer come together.
    """
    told: dict[tuple[str, str, Answer], list[tuple[str, str]]] = {}
    unseen = []
    for what, size in _pairs(results):
        if what in (CHEMISTRY, NOTHING):
            continue
        scores, name = _scores(results, what, size), _named(what, size)
        linear, other, more = lead(scores)
        if not (linear.above(_SEEN) or other.above(_SEEN)):
            unseen.append(f"{name} {max(linear, other, key=lambda e: e.mean)}")
            continue
        climb = trend(scores)
        full = linear.above(_CEILING) and not more.above(_LEAD) and not more.below(0.0)
        answer: Answer = "undecided" if full else more.against(_LEAD)
        room = " (no room above the linear one)" if full else ""
        short = name.rpartition(",")[0]
        told.setdefault((_BY_TREND, what, climb.against(_TREND)), []).append(
            (short, f"{name}: rank correlation {climb}")
        )
        by_best = f"{name}: best linear {linear}, best nonlinear {other}, difference {more}{room}"
        told.setdefault((_BY_BEST, what, answer), []).append((short, by_best))
    found = [
        Finding("complexity", answer, f"{', '.join(n for n, _ in some)}: judged by {way}",
                "; ".join(text for _, text in some) + ".")
        for (way, _, answer), some in told.items()
    ]  # fmt: skip
    if unseen:
        found.append(Finding("complexity", "undecided", f"no model of the ladder is clearly above {_SEEN}",
                             f"Best accuracy: {'; '.join(unseen)}."))  # fmt: skip
    return found


COMPLEXITY = Experiment(
    name="complexity",
    title="The ladder of model complexity",
    what=f"Spectra of {_CHANNELS} channels whose classes differ by one artefact of three sizes, by a real band "
    f"(chemistry) or not at all, and white noise alone; {2 * _TRAIN} for training, {2 * _TEST} for scoring. All models "
    f"see the same spectra. Linear: {', '.join(LINEAR)}; the rungs above them are not. The norm alone is one number "
    "made by hand for noise that differs: it stands beside the ladder.",
    reading="Accuracy of each model where the artefact acts: off-band, or for saturation, which clips the declared "
    "peak, on the full spectrum. Where only the band differs, off-band holds nothing to find. Right: what a model "
    "learnt by heart; its lead over the left says nothing about an artefact.",
    rule=f"For every artefact and size that the best linear or nonlinear model sees (clearly above {_SEEN}), two "
    "readings. Trend: more complex is worse if the rank correlation of accuracy with the rung of the ladder, "
    f"averaged over seeds, is clearly above {_TREND}. Best of each kind: it is worse if the best nonlinear model, less "
    f"the best linear one of the same seed, is clearly above {_LEAD}; both are chosen on the other half of the seeds. "
    f"Where the linear one is clearly above {_CEILING} already and the other not clearly below it, the second cannot "
    "tell.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
