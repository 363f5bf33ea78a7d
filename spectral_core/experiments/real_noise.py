"""Real spectra: what regions without chemistry tell, and the real noise of one half transplanted on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spectral_core.controls.nuisance import nuisance_scalars
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Estimate, Results
from spectral_core.experiments.scoring import cross_validated, probe_accuracy
from spectral_core.experiments.sets import COFFEE, INSTANT, MILK, PUREES, RAMAN, RealSet, absent, is_present, load_set
from spectral_core.regions import locate_regions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
SETS = (COFFEE, PUREES, INSTANT, MILK, RAMAN)
MEASURED, FOREIGN, OWN = "as measured", "noise of the other class", "noise of the same class"
_MODELS = ("probe", "SVM (RBF)", "noise scalars")
_FEWEST, _MOST = 10, 150  # spectra of a class that take part


def cells(quick: bool) -> list[Cell]:
    """Sets that are at hand × what is done to them × seeds."""
    return [
        Cell.of("real", set=name, way=way, seed=seed)
        for name in SETS
        if is_present(name)
        for way in (MEASURED, FOREIGN, OWN)
        for seed in range(3 if quick else 20)
    ]


def measure(cell: Cell) -> Numbers:
    """Classify a set as measured, region by region; or halves of one class that differ in their noise alone."""
    data, way = load_set(cell.text("set")), cell.text("way")
    if way == MEASURED:
        return _regions(data, cell.seed)
    rng = np.random.default_rng([cell.seed, 9])
    x, half = transplanted(data, rng, foreign=way == FOREIGN)
    label = half.astype(str)
    scalars = nuisance_scalars(x, data.axis, {"axis": np.ones(data.axis.size, dtype=np.bool_)}).values
    return {
        "probe": probe_accuracy(x, label, seed=cell.seed),
        "SVM (RBF)": cross_validated(LADDER["SVM (RBF)"](0), x, label, seed=cell.seed),
        "noise scalars": probe_accuracy(scalars, label, seed=cell.seed),
    }


def _regions(data: RealSet, seed: int) -> Numbers:
    regions = locate_regions(data.axis, axis_unit="cm-1", bands=data.bands, blanks=data.blanks)
    parts = {"full": data.x, "residual": data.x - smoothed(data.x)}
    if data.bands:
        parts |= {"bands": data.x[:, regions.in_band], "off-band": data.x[:, regions.off_band]}
    if data.blanks:
        parts["blank"] = data.x[:, regions.blank]
    return {name: probe_accuracy(x, data.label, unit=data.unit, seed=seed) for name, x in parts.items()}


def smoothed(x: Floats) -> Floats:
    """Smooth spectra over 15 channels by cubic polynomials; what is left is noise and what is sharper than that."""
    from scipy.signal import savgol_filter

    return np.asarray(savgol_filter(x, 15, 3, axis=1))


def transplanted(data: RealSet, rng: np.random.Generator, *, foreign: bool) -> tuple[Floats, Codes]:
    """Draw two classes, split the first at random in two halves, and give every spectrum another spectrum's noise.

    The first half gets noise of its own class; the second gets noise of the other class (`foreign`), or of its
    own. Every donor gives once, and its noise changes sign at random, so that a sharp line of the donor leaves
    no mean difference.

    Returns:
        The spectra, and 0 or 1 for the half each belongs to.
    """
    names, counts = np.unique(data.label, return_counts=True)
    host, guest = rng.choice(names[counts >= _FEWEST], size=2, replace=False)
    hosts, guests = (rng.permutation(np.flatnonzero(data.label == name))[:_MOST] for name in (host, guest))
    each = min(hosts.size // 2, guests.size)
    smooth = smoothed(data.x)
    noise = data.x - smooth
    hosts = hosts[: 2 * each]
    donors = np.roll(hosts, 1) if not foreign else np.concatenate([np.roll(hosts[:each], 1), guests[:each]])
    signs = rng.choice([-1.0, 1.0], size=2 * each)
    half = np.repeat(np.array([0, 1]), each)
    return smooth[hosts] + signs[:, None] * noise[donors], half


def _best(results: Results, name: str, way: str) -> tuple[str, Estimate]:
    part = {m: results.estimate(m, set=name, way=way) for m in _MODELS}
    best = max(part, key=lambda m: part[m].mean)
    return best, part[best]


def figure(results: Results) -> Figure:
    """Left: regions of the sets as measured. Right: halves of one class with the noise of two."""
    from spectral_core.experiments import drawing as draw

    names = [str(v) for v in results.distinct("set")]
    made, (left, right) = draw.new_figure(2, width=4.6, height=0.42 * len(names) + 1.8)
    height = np.arange(len(names))[::-1]
    for i, number in enumerate(("full", "bands", "off-band", "blank", "residual")):
        found = [results.estimate(number, set=name, way=MEASURED).mean for name in names]
        at = height + 0.24 - 0.12 * i
        left.plot(found, at, draw.MARKERS[i], color=draw.COLOURS[number], markersize=5, label=number)
    for way, colour, marker in ((FOREIGN, draw.COLOURS["other noise"], "o"), (OWN, draw.COLOURS["own noise"], "s")):
        best = [_best(results, name, way)[1] for name in names]
        right.errorbar([e.mean for e in best], height, xerr=[2 * e.error for e in best], color=colour, marker=marker,
                       linestyle="", markersize=5, capsize=2, label=way)  # fmt: skip
    right.axvline(0.5, color=draw.GREY, linewidth=0.8, linestyle=":")
    for panel, title in ((left, "classes as measured"), (right, "halves of one class, best of three models")):
        panel.set_yticks(height, names if panel is left else [], fontsize=8)
        panel.set_ylim(-0.6, len(names) - 0.4)
        panel.set_xlim(0.1 if panel is left else 0.3, 1.03)
        panel.set_xlabel("balanced accuracy", fontsize=9)
        panel.set_title(title, fontsize=9)
        panel.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    return made


def table(results: Results) -> Table:
    """All regions, and all models of the transplants."""
    rows = []
    for name in (str(v) for v in results.distinct("set")):
        shown = [
            results.estimate(k, set=name, way=MEASURED) for k in ("full", "bands", "off-band", "blank", "residual")
        ]
        halves = [results.estimate(m, set=name, way=way) for way in (FOREIGN, OWN) for m in _MODELS]
        rows.append([name, *(str(e) if e.seeds else "–" for e in (*shown, *halves))])
    transplants = [f"{m}, {way}" for way in ("other noise", "own noise") for m in _MODELS]
    return Table(["set", "full", "bands", "off-band", "blank", "residual", *transplants], rows)


def findings(results: Results) -> list[Finding]:
    """Judge whether real noise alone separates spectra of one class, and whether blanks separate the classes."""
    told = []
    for name in (str(v) for v in results.distinct("set")):
        (model, foreign), (_, own) = (_best(results, name, way) for way in (FOREIGN, OWN))
        same = results.estimate(model, set=name, way=OWN)
        evidence = f"{name}, halves of one class: {model} {foreign} with noise of the other class, {same} with its own."
        separates = foreign.above(0.6) and foreign.mean - own.mean > 3 * np.hypot(foreign.error, own.error)
        when = f"the noise of two groups of {name} differs"
        told.append(Finding("small_differences", bool(separates), f"{when} (real noise, transplanted)", evidence))
        told.append(
            Finding("no_chemistry", bool(separates and foreign.above(0.95)), f"{when} (transplanted)", evidence)
        )
        blank = results.estimate("blank", set=name, way=MEASURED)
        if blank.seeds:
            told.append(Finding("no_chemistry", blank.above(0.95), f"{name} is told apart by blanks",
                                f"{name}, blanks alone: {blank}."))  # fmt: skip
    return told


REAL = Experiment(
    name="real",
    title="Real spectra and transplanted noise",
    what="Real sets as measured, cross-validated whole and region by region, and as the residual of smoothing over 15 "
    "channels. Then halves of one class, split at random, so that no chemistry differs: every spectrum keeps its "
    "smooth part and gets another spectrum's residual, with random sign; the second half gets residuals of the other "
    "class, or for comparison of its own. The two classes are drawn by the seed. Raman: the classes are instruments. "
    "Milk: 50 repeats of one sample a class.",
    reading="Right panel: with noise of its own class everything should be at 0.5; what is above it with the noise of "
    "the other class is told by noise alone.",
    rule="Noise separates if the best of three models is clearly above 0.6 and more than three standard errors above "
    "the best with noise of the same class; near-perfect if clearly above 0.95. Seeds split the same spectra again and "
    "are not independent spectra.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
    note=lambda: absent(SETS),
)
