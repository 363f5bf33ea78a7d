"""Does more preprocessing make an artefact more pronounced? Zero to six steps in three orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.artefacts import ARTEFACTS, CEILING, CHEMISTRY, described, recipe_of, where_judged
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Answer, Estimate, Results, average
from spectral_core.experiments.scoring import best_apart, by_seed, cross_validated, probe_accuracy
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
FULL, CROP_FIRST, CROP_LAST = "full", "crop first", "preprocess first"
MODELS = ("linear probe", "SVM (RBF)")
SIZE = {  # sizes that leave room above what the untreated spectra give
    CHEMISTRY: "large", "noise level": "large", "mean shift": "small", "saturation": "small", "gain": "negligible",
    "axis shift": "negligible", "offset": "negligible",
}  # fmt: skip
_BEATS, _STEP = 0.02, 0.005


def cells(quick: bool) -> list[Cell]:
    """Differences × orders × depths × seeds."""
    differences = (CHEMISTRY, "noise level", "offset") if quick else (CHEMISTRY, *ARTEFACTS)
    depths = (0, 2, 4, 6) if quick else range(7)
    return [
        Cell.of("depth", difference=what, order=order, depth=depth, seed=seed, edition=2)
        for what in differences
        for order in ORDERS
        for depth in depths
        for seed in range(2 if quick else 16)
    ]


def measure(cell: Cell) -> Numbers:
    """Cross-validate a linear probe and a kernel machine after the first steps of an order.

    On the full spectrum, off-band cropped before the steps, and off-band cropped after them.
    """
    what, steps = cell.text("difference"), ORDERS[cell.text("order")][: cell.whole("depth")]
    data = simulate(recipe_of(what, SIZE[what], units=(60, 60)), seed=cell.seed)
    chain = parse_variant(" | ".join(steps) or "raw")
    off = off_band_mask(data.axis, {"band": BAND})
    whole = chain.apply(data.x, data.axis)[0]
    parts = {FULL: whole, CROP_FIRST: chain.apply(data.x[:, off], data.axis[off])[0], CROP_LAST: whole[:, off]}
    numbers = {"steps": float(len(chain.steps) if not chain.is_identity else 0)}
    for where, x in parts.items():
        numbers[where] = probe_accuracy(x, data.label, seed=cell.seed)
        kernel = LADDER["SVM (RBF)"](0)
        numbers[f"{where}, SVM (RBF)"] = cross_validated(kernel, _scaled(x), data.label, seed=cell.seed)
    return numbers


def _scaled(x: Floats) -> Floats:
    """Give all spectra together a spread of one: derivatives are small numbers."""
    return np.asarray((x - x.mean()) / x.std())


def _cases(results: Results) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name each difference with its size and where it is judged, to the numbers that judge it."""
    cases: dict[str, tuple[str, tuple[str, ...]]] = {}
    for what in (str(v) for v in results.distinct("difference")):
        if what == CHEMISTRY:
            cases |= {f"only the band differs, {w}": (what, _both(w)) for w in (CROP_LAST, CROP_FIRST)}
        elif where_judged(what) == FULL:
            cases[f"{described(what, SIZE[what])}, full spectrum"] = (what, _both(FULL))
        else:
            cases[f"{described(what, SIZE[what])}, off-band"] = (what, _both(CROP_FIRST) + _both(CROP_LAST))
    return cases


def _both(where: str) -> tuple[str, ...]:
    return (where, f"{where}, SVM (RBF)")


def slope(part: Results, numbers: tuple[str, ...]) -> Estimate:
    """Average over seeds the gain of accuracy a step (least squares over depths), for the best model at each depth."""
    depths = part.numbers("depth")
    best = {d: best_apart({n: by_seed(part, n, depth=int(d)) for n in numbers}) for d in depths}
    return average(float(np.polyfit(depths, [best[d][seed] for d in depths], 1)[0]) for seed in best[0.0])


def gain_of_best(part: Results, numbers: tuple[str, ...]) -> tuple[Estimate, Estimate, str]:
    """Give accuracy without steps, what the best depth and model add to it, and which depth has the highest mean."""
    depths = [int(d) for d in part.numbers("depth") if d]
    deep = {f"{d} {n}": by_seed(part, n, depth=d) for d in depths for n in numbers}
    raw = best_apart({n: by_seed(part, n, depth=0) for n in numbers})
    most = max(deep, key=lambda k: np.mean(list(deep[k].values()))).split()[0]
    found = best_apart(deep)
    return average(raw.values()), average(found[s] - raw[s] for s in raw), most


def figure(results: Results) -> Figure:
    """Accuracy against the number of steps: a panel a difference, a colour an order, dashes for the kernel machine."""
    from spectral_core.experiments import drawing as draw

    cases = _cases(results)
    made, panels = draw.new_figure(2, -(-len(cases) // 2), width=4.4, height=2.1)
    for panel in panels[len(cases) :]:
        panel.set_visible(False)
    for i, (panel, (name, (what, numbers))) in enumerate(zip(panels, cases.items(), strict=False)):
        for marker, order in zip(draw.MARKERS, ORDERS, strict=False):
            part = results.where(difference=what, order=order)
            depths = part.numbers("depth")
            for number, model, dashed in zip(numbers, MODELS, (False, True), strict=False):
                found = [part.estimate(number, depth=int(d)) for d in depths]
                draw.draw_estimates(panel, depths, found, label=f"{order}, {model}", colour=draw.COLOURS[order],
                                    marker=marker, dashed=dashed)  # fmt: skip
        panel.set_title(name.replace("off-band", "off-band, crop first"), fontsize=9)
        draw.accuracy_axis(panel, what="balanced accuracy" if i % 2 == 0 else "")
        panel.set_xticks(results.numbers("depth"))
        if i >= len(cases) - 2:
            panel.set_xlabel("preprocessing steps", fontsize=9)
    draw.legend_below(made, panels[0], columns=3)
    return made


def table(results: Results) -> Table:
    """Without steps, what the best depth adds, and the gain a step, of the best model."""
    rows = []
    for name, (what, numbers) in _cases(results).items():
        for order in ORDERS:
            part = results.where(difference=what, order=order)
            raw, more, most = gain_of_best(part, numbers)
            rows.append([name, order, str(raw), str(more), most, str(slope(part, numbers))])
    return Table(["what differs, where", "order", "no step", "the best depth adds", "most with", "gain a step"], rows)


def findings(results: Results) -> list[Finding]:
    """Judge, order by order, whether some depth beats none, and whether each step adds; equal answers together."""
    told = []
    for name, (what, numbers) in _cases(results).items():
        some: dict[Answer, list[tuple[str, str]]] = {}
        each: dict[Answer, list[tuple[str, str]]] = {}
        for order in ORDERS:
            part = results.where(difference=what, order=order)
            raw, more, most = gain_of_best(part, numbers)
            step = slope(part, numbers)
            some.setdefault(more.against(_BEATS), []).append(
                (order, f"{order}: {raw} without steps, {more} more with the best depth ({most})")
            )
            each.setdefault(step.against(_STEP), []).append((order, f"{order}: {step} a step"))  # fmt: skip
        for question, answers in (("some depth against none", some), ("each step", each)):
            for answer, orders in answers.items():
                when = f"{question}: {name} ({', '.join(order for order, _ in orders)})"
                told.append(Finding("preprocessing", answer, when, "; ".join(text for _, text in orders) + "."))
    return told


DEPTH = Experiment(
    name="depth",
    title="The ladder of preprocessing depth",
    what="120 spectra of 300 channels whose classes differ by one artefact, or by a real band alone; the first 0 to 6 "
    "steps of three orders: " + "; ".join(f"{k}: {' | '.join(v)}" for k, v in ORDERS.items()) + ". The audit's linear "
    "probe and a kernel machine, five folds, the same for every difference. The sizes leave room above the accuracy "
    f"without steps. {CEILING}",
    reading="Accuracy after each number of steps, off-band; saturation, which clips the declared peak, on the full "
    "spectrum, where neither model sees much of it (trees do, see the ladder of model complexity). Where the band "
    "alone differs, off-band holds nothing: what is found there was carried across by preprocessing. The baseline "
    "step (als) turns a noise level into a mean: it settles near the lower edge of the noise, so what is left above it "
    "grows with the noise, and a linear model sees it. Artefacts are drawn cropped first; table and rule also count "
    "cropping last.",
    rule="Two readings for every difference and order, with the best of the models (of cropping first and last, where "
    f"both are judged). Some depth: accuracy at the best depth, less that without steps, is clearly above {_BEATS}; "
    "depth and model are chosen on the other half of the seeds. Each step: the gain a step (least squares over "
    f"depths) is clearly above {_STEP}. Both are differences within a seed; the error is over seeds, one order at a "
    "time. One step can raise accuracy and the next lower it again: then only the first reading holds.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
