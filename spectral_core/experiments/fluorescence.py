"""Fluorescence: excitation–emission matrices, simulated and real, unfolded into features with names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spectral_core.experiments import growth, juices
from spectral_core.experiments.artefacts import CHEMISTRY, NOTHING
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.maps import judge_maps, shares_of_maps
from spectral_core.experiments.results import Answer, Estimate, Results
from spectral_core.experiments.scoring import probe_accuracy
from spectral_core.experiments.sets import JUICES, absent, is_present
from spectral_core.simulate import EemRecipe, simulate_eem
from spectral_core.simulate.eem import SimulatedEem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIMULATED, REAL = "simulated", "apple juices"
MEASURED, NOISE, SCATTER = "origin, as measured", "read noise 10 %", "scattered light 10 %"
# arguments of the simulator, and the same on real matrices
PLANTED: dict[str, dict[str, float]] = {
    "gain 2 %": {"gain": 0.02}, "gain 10 %": {"gain": 0.1}, NOISE: {"noise_ratio": 0.1},
    SCATTER: {"scatter_effect": 0.1},
}  # fmt: skip
# what may give an artefact away, where it acts
SCALARS = ("all features", "off-band", "blank", "norm of all", "norm of the blank", "norm of the residual")
_BLOCK = (3, 5)  # excitations × emissions that are permuted together
_EMISSIONS, _EXCITATIONS = 34, 20  # steps of the coarsest grid


def cells(quick: bool) -> list[Cell]:
    """Simulated matrices × grids, and real ones, × differences × seeds."""
    seeds = range(2 if quick else 20)
    planted = [what for what in PLANTED if not quick or what != "gain 2 %"]
    grids = (1, 2) if quick else (1, 2, 4)
    planned = [(SIMULATED, what, grid) for grid in grids for what in (CHEMISTRY, NOTHING, *planted)]
    if is_present(JUICES):
        planned += [(REAL, what, 1) for what in (MEASURED, NOTHING, *planted) if what != SCATTER]
    return [
        Cell.of("fluorescence", edition=2, source=source, difference=what, grid=grid, seed=seed)
        for source, what, grid in planned
        for seed in seeds
    ]


def measure(cell: Cell) -> Numbers:
    """Cross-validate the probe and the norm on all features and on parts of them; on the coarsest grid draw maps."""
    what = cell.text("difference")
    if cell.text("source") == REAL:
        return juices.audit_juices(cell.seed) if what == MEASURED else juices.disturb_juices(
            PLANTED.get(what, {}), cell.seed)  # fmt: skip
    grid = cell.whole("grid")
    drawn = _drawn(what, grid, cell.seed)
    unit = drawn.unit.astype(str)
    parts = {"blank": drawn.blank, "band": drawn.fluorophore(1), "off-band": drawn.beyond(1)}
    numbers = {k: probe_accuracy(drawn.x[:, m], drawn.label, unit=unit, seed=cell.seed) for k, m in parts.items()}
    numbers |= juices.accuracies(drawn.x, drawn.label, unit, cell.seed)
    numbers["norm of the blank"] = juices.norm_accuracy(drawn.x[:, drawn.blank], drawn.label, unit, cell.seed)
    numbers["features"] = float(drawn.x.shape[1])
    return numbers | (_maps(drawn, _drawn(what, grid, cell.seed + 1000), cell.seed) if grid == 1 else {})


def _drawn(what: str, grid: int, seed: int) -> SimulatedEem:
    effect: dict[str, Any] = {"chemistry": 0.3} if what == CHEMISTRY else PLANTED.get(what, {})
    recipe = EemRecipe(excitations=_EXCITATIONS * grid + 1, emissions=_EMISSIONS * grid + 1, **effect)
    return simulate_eem(recipe, seed=seed)


def _maps(drawn: SimulatedEem, others: SimulatedEem, seed: int) -> dict[str, float]:
    """Draw the maps on these specimens and permute blocks of neighbouring cells on as many others."""
    at = np.arange(drawn.x.shape[1]).reshape(_EXCITATIONS + 1, _EMISSIONS + 1)
    tall, wide = _BLOCK
    blocks = [
        at[i : i + tall, j : j + wide].ravel() for i in range(0, at.shape[0], tall) for j in range(0, at.shape[1], wide)
    ]
    train, test = ((one.x, (one.label == "class 2").astype(np.intp)) for one in (drawn, others))
    return shares_of_maps(train, test, (drawn.fluorophore(1), drawn.beyond(1)), blocks, seed)


def _judged(part: Results, name: str, **wanted: Any) -> Estimate:
    """Estimate an accuracy; of apple juices its error is at least that of twelve apples."""
    found = part.estimate(name, **wanted)
    real = part.rows and part.rows[0].parameters["source"] == REAL
    return juices.of_apples(found) if real and found.seeds else found


def _telling(part: Results, what: str, grid: int) -> str:
    """Name what tells the classes apart best."""
    known = {name: part.estimate(name, difference=what, grid=grid) for name in SCALARS}
    return max((n for n in known if known[n].seeds), key=lambda n: known[n].mean)


def figure(results: Results) -> Figure:
    """Accuracies of all features, of parts and scalars: a panel a grid of simulated matrices, and the juices."""
    from spectral_core.experiments import drawing as draw

    shown = {name: draw.COLOURS[thing] for name, thing in (
        ("random folds", "random folds"), ("all features", "full"), ("off-band", "off-band"), ("blank", "blank"),
        ("norm of the blank", "norm of the blank"), ("norm of the residual", "residual"))}  # fmt: skip
    named = [(SIMULATED, int(g)) for g in results.where(source=SIMULATED).numbers("grid")]
    named += [(REAL, 1)] if REAL in results.distinct("source") else []
    made, panels = draw.new_figure(2, -(-len(named) // 2), width=4.4, height=2.8)
    for panel, (source, grid) in zip(panels, named, strict=False):
        part = results.where(source=source, grid=grid)
        what = [str(v) for v in part.distinct("difference")]
        height = np.arange(len(what))[::-1]
        for i, (number, colour) in enumerate(shown.items()):
            found = [_judged(part, number, difference=w) for w in what]
            look: dict[str, Any] = {"color": colour, "marker": draw.MARKERS[i], "markersize": 5, "label": number}
            panel.errorbar([e.mean for e in found], height + 0.3 - 0.12 * i, xerr=[2 * e.error for e in found],
                           linestyle="", **look)  # fmt: skip
        panel.axvline(0.5, color=draw.GREY, linewidth=0.8, linestyle=":")
        panel.set_yticks(height, what, fontsize=8)
        panel.set_ylim(-0.6, len(what) - 0.4)
        panel.set_xlim(0.3 if source == SIMULATED else 0.0, 1.03)
        panel.set_xlabel("balanced accuracy", fontsize=9)
        cells_ = f"{part.estimate('features').mean:,.0f} cells" if source == SIMULATED else f"{juices.APPLES} apples"
        panel.set_title(f"{source}{' matrices' * (source == SIMULATED)}, {cells_}", fontsize=9)
    for panel in panels[len(named) :]:
        panel.set_axis_off()
    draw.legend_below(made, panels[0], columns=6)
    return made


def table(results: Results) -> Table:
    """All accuracies, and the verdicts on the juices with their reasons."""
    names = ("random folds", *SCALARS[:1], "band", *SCALARS[1:])
    rows = []
    for source in (str(v) for v in results.distinct("source")):
        for grid in (int(g) for g in results.where(source=source).numbers("grid")):
            part = results.where(source=source, grid=grid)
            for what in (str(v) for v in part.distinct("difference")):
                found = [part.estimate(k, difference=what) for k in names]
                size = f"{source}, {part.estimate('features').mean:,.0f} cells" if source == SIMULATED else source
                rows.append([size, what, *(str(e) if e.seeds else "–" for e in found)])
    rows += [[REAL, f"{MEASURED}: {told}", *["–"] * len(names)] for told in _verdicts(results)]
    return Table(["matrices", "what differs", *names], rows)


def _verdicts(results: Results) -> list[str]:
    measured = results.where(source=REAL, difference=MEASURED)
    codes = sorted({k for r in measured.rows for k in r.numbers if k.startswith(("verdict ", "reason "))})[::-1]
    return [f"{c} in {100 * len(measured.values(c)) / len(measured.rows):.0f} % of seeds" for c in codes]


def findings(results: Results) -> list[Finding]:
    """Judge artefacts without a chemical difference, growth with cells, replicates, and where maps point."""
    told = []
    for source in (str(v) for v in results.distinct("source")):
        part = results.where(source=source)
        name = "simulated fluorescence" if source == SIMULATED else "fluorescence of apple juices"
        for what in (w for w in PLANTED if w in part.distinct("difference")):
            ends = sorted({int(part.numbers("grid")[i]) for i in (0, -1)})
            told += [_perfect(part, name, what, grid) for grid in ends]
            told += [_growing(part, what)] if source == SIMULATED else []
        leak, unit = (_judged(part, k, difference=NOTHING, grid=1) for k in ("random folds", "all features"))
        told.append(Finding("no_chemistry", leak.against(0.95), f"replicates of {name} straddle folds",
                            f"{name}, random labels: random folds {leak}, unit folds {unit}."))  # fmt: skip
    differences = {what: what if what != CHEMISTRY else "one fluorophore by 30 %" for what in (*PLANTED, CHEMISTRY)}
    coarse = results.where(source=SIMULATED, grid=1)
    differences = {what: words for what, words in differences.items() if what in coarse.distinct("difference")}
    return told + judge_maps(coarse, differences, "simulated fluorescence")


def _perfect(part: Results, name: str, what: str, grid: int) -> Finding:
    best = _telling(part, what, grid)
    found = _judged(part, best, difference=what, grid=grid)
    others = {} if best == SCALARS[0] else {SCALARS[0]: _judged(part, SCALARS[0], difference=what, grid=grid)}
    others[f"{best} with nothing planted"] = _judged(part, best, difference=NOTHING, grid=grid)
    size = f", {part.estimate('features', grid=grid).mean:,.0f} cells" if part.values("features") else ""
    evidence = f"{name}{size}, {what}: {best} {found}; " + ", ".join(f"{k} {e}" for k, e in others.items()) + "."
    answer: Answer = found.against(0.95)
    return Finding("no_chemistry", answer, f"{what} differs in {name}{size}", evidence)


def _growing(part: Results, what: str) -> Finding:
    grids = [int(g) for g in part.numbers("grid")]
    best = _telling(part, what, grids[-1])
    found = [part.estimate(best, difference=what, grid=g) for g in grids]
    ends = (part.where(difference=what, grid=g) for g in (grids[0], grids[-1]))
    rise = growth.rise_of(best, **dict(zip(("fewest", "most"), ends, strict=True)))
    many = [f"{part.estimate('features', grid=g).mean:,.0f}" for g in grids]
    evidence = f"{what}: {best} " + ", ".join(f"{e} with {n} cells" for e, n in zip(found, many, strict=True))
    when = f"{what} differs in simulated fluorescence and cells multiply, each with its own light"
    return Finding("small_differences", growth.grown(found[0], found[-1], rise), when, f"{evidence}; rise {rise}.")


FLUORESCENCE = Experiment(
    name="fluorescence",
    title="Fluorescence, simulated and real",
    what="Excitation–emission matrices unfolded into features named by their wavelengths; cells with emission more "
    "than 15 nm shorter than excitation are blank by physics. Simulated: 24 specimens a class, two matrices each, "
    "three fluorophores, shot and read noise; the band is within 1.5 widths of the second fluorophore, the one that "
    "chemistry changes, off-band more than four widths away, scattered light or not. Finer grids have two and four "
    "times as many wavelengths on each side, and every cell keeps its photons: a finer matrix is measured with more "
    f"light. Maps are drawn on the coarsest grid; permuted are blocks of {_BLOCK[0]} excitations × {_BLOCK[1]} "
    f"emissions of as many other specimens. Real: apple juices, {juices.APPLES} apples measured twice, as published: "
    "every cell that is blank by physics had been set to 0, so that the blank can neither convict nor acquit. "
    f"Audited as measured with two groups of features as bands, {' and '.join(juices.GROUPS)}, where Włodarska et "
    "al. (Food Chemistry 210:593, 2016) found the maxima of apple juices; this project declares them, not the "
    "authors of the set. For planted artefacts the labels are drawn anew for whole apples, so that no chemistry "
    "differs on average, and half of them get the artefact; read noise is what smoothing over five emission "
    "wavelengths leaves.",
    reading="Random folds against folds that keep specimens together, the blank alone, and one number a matrix: the "
    "norm of the blank, or of the residual of smoothing. Seeds of the juices share the same twelve apples and "
    "re-split them: bars there are at least what twelve independent answers would leave, and speak of no other "
    "apples; the table has the errors over seeds.",
    rule="Near-perfect if the best of the probe (all features, off-band, blank) and the norms (all, blank, residual "
    "of smoothing) is clearly above 0.95, specimens together; of replicates, the probe with random folds and random "
    "labels. The error of an accuracy a of the juices is at least √(a(1 − a)/12). It grows with cells if the same "
    f"number is {growth.RULE}. Maps are judged as under Importance maps: against nothing planted, and only off-band "
    "counts.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
    note=lambda: absent((JUICES,)),
)
