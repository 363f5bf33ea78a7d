"""Instrument artefacts, down to sizes that pass a routine check, against the number of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spectral_core.controls.nuisance import nuisance_scalars
from spectral_core.experiments.artefacts import ARTEFACTS, SIZES, described, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.results import Results
from spectral_core.experiments.scoring import probe_accuracy
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, BLANK, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WHERE = ("full", "off-band", "blank", "scalars")


def cells(quick: bool) -> list[Cell]:
    """Artefacts × sizes × channels × seeds."""
    channels = (100, 1000) if quick else (100, 300, 1000, 3000)
    return [
        Cell.of("instruments", artefact=what, size=size, d=d, seed=seed)
        for what in ARTEFACTS
        for size in SIZES
        for d in channels
        for seed in range(3 if quick else 20)
    ]


def measure(cell: Cell) -> Numbers:
    """Cross-validate the probe on parts of the axis, and on scalars of the blank (level, noise, slope …)."""
    recipe = recipe_of(cell.text("artefact"), cell.text("size"), units=(100, 100), channels=cell.whole("d"))
    data = simulate(recipe, seed=cell.stream)
    blank = (data.axis >= BLANK[0]) & (data.axis <= BLANK[1])
    parts = {
        "full": data.x,
        "off-band": data.x[:, off_band_mask(data.axis, {"band": BAND})],
        "blank": data.x[:, blank],
        "scalars": nuisance_scalars(data.x, data.axis, {"blank": blank}).values,
    }
    return {name: probe_accuracy(x, data.label, seed=cell.seed) for name, x in parts.items()}


def figure(results: Results) -> Figure:
    """Accuracy against channels: a panel an artefact, a line a size."""
    from spectral_core.experiments import drawing as draw

    made, panels = draw.new_figure(3, 2, width=3.0, height=2.4)
    for panel, what in zip(panels, ARTEFACTS, strict=True):
        for i, size in enumerate(SIZES):
            part = results.where(artefact=what, size=size)
            d = part.numbers("d")
            look: dict[str, Any] = {"colour": draw.SHADES[i], "marker": draw.MARKERS[i]}
            for number, dashed in (("full", False), ("scalars", True)):
                found = [part.estimate(number, d=int(v)) for v in d]
                draw.draw_estimates(panel, d, found, label="" if dashed else size, dashed=dashed, **look)
        _, values, unit, factor = ARTEFACTS[what]
        panel.set_title(f"{what} {', '.join(f'{values[s] * factor:g}' for s in SIZES)} {unit}", fontsize=8)
        draw.accuracy_axis(panel, what="balanced accuracy" if panel in panels[::3] else "")
        draw.channels_axis(panel, results.numbers("d"))
    draw.legend_below(made, panels[0])
    return made


def table(results: Results) -> Table:
    """The most channels."""
    d = int(max(results.numbers("d")))
    rows = [
        [described(what, size), size, *(str(results.estimate(k, artefact=what, size=size, d=d)) for k in _WHERE)]
        for what in ARTEFACTS
        for size in SIZES
    ]
    return Table(["artefact", "size", "full", "off-band", "blank", "scalars of the blank"], rows)


def findings(results: Results) -> list[Finding]:
    """Judge, artefact by artefact, growth at the negligible size and near-perfect accuracy at the small one."""
    told = []
    few, most = (int(results.numbers("d")[i]) for i in (0, -1))
    for what in ARTEFACTS:
        part = results.where(artefact=what, size="negligible")
        ends = {k: (part.estimate(k, d=few), part.estimate(k, d=most)) for k in ("full", "scalars")}
        best = max(ends, key=lambda k: ends[k][1].mean)
        first, last = ends[best]
        grows = last.above(0.6) and last.mean - first.mean > 3 * np.hypot(first.error, last.error)
        evidence = f"{described(what, 'negligible')}, {best}: {first} with {few:,} channels, {last} with {most:,}."
        told.append(Finding("small_differences", bool(grows), f"the difference is {described(what, 'negligible')}",
                            evidence))  # fmt: skip
        whole = results.estimate("full", artefact=what, size="small", d=most)
        told.append(Finding(
            "no_chemistry", whole.above(0.95), f"the difference is {described(what, 'small')}",
            f"{described(what, 'small')}, d = {most:,}: full {whole}, blank "
            f"{results.estimate('blank', artefact=what, size='small', d=most)}.",
        ))  # fmt: skip
    return told


INSTRUMENTS = Experiment(
    name="instruments",
    title="Instrument artefacts as small as the field calls negligible",
    what="200 spectra without any chemical difference; the second class was measured with a little more gain, shift, "
    "noise, clipping, offset, or fixed pattern. Noise and specimens stay as they are while channels multiply. Sizes: "
    + "; ".join(f"{size}: {', '.join(described(what, size) for what in ARTEFACTS)}" for size in SIZES)
    + ". No standard is cited for what is negligible: the sizes are chosen here.",
    reading="Solid: the linear probe on the full spectrum; dashed: on a handful of scalars of the blank. Above each "
    "panel its three sizes.",
    rule="A negligible artefact becomes separable if the better of the two is clearly above 0.6 with the most channels "
    "and more than three standard errors above that with the fewest. Near-perfect: full spectrum, small size, most "
    "channels, clearly above 0.95.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
