"""Does more preprocessing make an artefact more pronounced? Zero to six steps in three orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.artefacts import CHEMISTRY, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Estimate, Results, average
from spectral_core.experiments.scoring import cross_validated, probe_accuracy
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
_SMOOTH, _SLOPE = "savgol(window=11, order=2)", "savgol(window=11, order=2, deriv=1)"
ORDERS = {
    "baseline first": ("als", _SMOOTH, "snv", _SLOPE, "area", "vector"),
    "normalise first": ("snv", "als", _SMOOTH, "area", _SLOPE, "vector"),
    "derivative first": (_SLOPE, "snv", _SMOOTH, "vector", "als", "area"),
}
CROP_FIRST, CROP_LAST, KERNEL = "crop first", "preprocess first", "SVM (RBF), crop first"
_DIFFERENCES = (CHEMISTRY, "noise level", "gain", "axis shift", "mean shift")


def cells(quick: bool) -> list[Cell]:
    """Differences × orders × depths × seeds."""
    differences = (CHEMISTRY, "noise level", "mean shift") if quick else _DIFFERENCES
    depths = (0, 2, 4, 6) if quick else range(7)
    return [
        Cell.of("depth", difference=what, order=order, depth=depth, seed=seed)
        for what in differences
        for order in ORDERS
        for depth in depths
        for seed in range(2 if quick else 12)
    ]


def measure(cell: Cell) -> Numbers:
    """Cross-validate off-band after the first steps of an order, cropped before them and cropped after them."""
    what, steps = cell.text("difference"), ORDERS[cell.text("order")][: cell.whole("depth")]
    size = "large" if what in (CHEMISTRY, "noise level") else "small"
    data = simulate(recipe_of(what, size, units=(60, 60)), seed=cell.seed)
    chain = parse_variant(" | ".join(steps) or "raw")
    off = off_band_mask(data.axis, {"band": BAND})
    first = chain.apply(data.x[:, off], data.axis[off])[0]
    last = chain.apply(data.x, data.axis)[0][:, off]
    whole = chain.apply(data.x, data.axis)[0]
    return {
        "full": probe_accuracy(whole, data.label, seed=cell.seed),
        CROP_FIRST: probe_accuracy(first, data.label, seed=cell.seed),
        CROP_LAST: probe_accuracy(last, data.label, seed=cell.seed),
        KERNEL: cross_validated(LADDER["SVM (RBF)"](0), _scaled(first), data.label, seed=cell.seed),
        "steps": float(len(chain.steps) if not chain.is_identity else 0),
    }


def _scaled(x: Floats) -> Floats:
    """Give all spectra together a spread of one: derivatives are small numbers."""
    return np.asarray((x - x.mean()) / x.std())


def slope(results: Results, number: str, **wanted: str) -> Estimate:
    """Average, over orders and seeds, the gain of accuracy a step (least squares over depths)."""
    slopes = []
    part = results.where(**wanted)
    for order in part.distinct("order"):
        for seed in part.seeds:
            rows = [r for r in part.where(order=order).rows if r.seed == seed]
            depths, scores = [float(r.parameters["depth"]) for r in rows], [r.numbers[number] for r in rows]
            slopes.append(float(np.polyfit(depths, scores, 1)[0]))
    return average(slopes)


def figure(results: Results) -> Figure:
    """Off-band accuracy against the number of steps: a row a difference, a column an order."""
    from spectral_core.experiments import drawing as draw

    what = [str(v) for v in results.distinct("difference")]
    made, panels = draw.new_figure(3, len(what), width=2.6, height=1.55, dpi=80)
    looks = {CROP_FIRST: ("o", CROP_FIRST), CROP_LAST: ("s", CROP_LAST), KERNEL: ("^", "SVM (RBF)")}
    for i, difference in enumerate(what):
        for j, order in enumerate(ORDERS):
            panel, part = panels[3 * i + j], results.where(difference=difference, order=order)
            depths = part.numbers("depth")
            for number, (marker, thing) in looks.items():
                found = [part.estimate(number, depth=int(d)) for d in depths]
                colour = draw.COLOURS[thing]
                draw.draw_estimates(panel, depths, found, label=f"off-band, {number}", colour=colour, marker=marker)
            panel.set_title(f"{difference}, {order}", fontsize=7.5)
            draw.accuracy_axis(panel, low=0.3, what="accuracy" if j == 0 else "")
            if i == len(what) - 1:
                panel.set_xlabel("preprocessing steps", fontsize=9)
    draw.legend_below(made, panels[0], columns=3)
    return made


def table(results: Results) -> Table:
    """Without steps, with all of them, and the gain a step."""
    rows = []
    for what in (str(v) for v in results.distinct("difference")):
        for number in (CROP_FIRST, CROP_LAST, KERNEL):
            ends = [str(results.estimate(number, difference=what, depth=d)) for d in (0, 6)]
            rows.append([what, number, *ends, str(slope(results, number, difference=what))])
    return Table(["what differs", "off-band", "no step", "six steps", "gain a step"], rows)


def findings(results: Results) -> list[Finding]:
    """Judge whether off-band accuracy grows with the number of steps."""
    told = []
    for what in (str(v) for v in results.distinct("difference")):
        numbers = {CHEMISTRY: (CROP_LAST, CROP_FIRST), "noise level": (CROP_FIRST, KERNEL)}.get(what, (CROP_FIRST,))
        for number in numbers:
            gain, part = slope(results, number, difference=what), results.where(difference=what)
            scores = {int(d): part.estimate(number, depth=int(d)) for d in part.numbers("depth")}
            most = max(scores, key=lambda d: scores[d].mean)
            when = f"the artefact is {what}" + (" and a kernel machine is asked" if number == KERNEL else "")
            if what == CHEMISTRY:
                when = f"only a band differs and the order is: {number}"
            evidence = (
                f"{what}, off-band, {number}: {scores[min(scores)]} without steps, {scores[max(scores)]} with six, "
                f"most with {most} ({scores[most]}); {gain} a step."
            )
            told.append(Finding("preprocessing", gain.above(0.005), when, evidence))
    return told


DEPTH = Experiment(
    name="depth",
    title="The ladder of preprocessing depth",
    what="120 spectra of 300 channels whose classes differ by one artefact, or by a real band alone; the first 0 to 6 "
    "steps of three orders: " + "; ".join(f"{k}: {' | '.join(v)}" for k, v in ORDERS.items()) + ". The audit's linear "
    "probe and a kernel machine, five folds.",
    reading="Off-band accuracy after each number of steps. Where the band alone differs, off-band holds nothing: what "
    "is found there was carried across by preprocessing.",
    rule="More preprocessing makes it more pronounced if the gain of off-band accuracy a step (least squares over "
    "depths), averaged over orders and seeds, is clearly above 0.005. One step can raise it and the next lower it "
    "again: the depth with the highest accuracy is given too.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
