"""Instrument artefacts, down to sizes that pass a routine check, against the number of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.controls.nuisance import nuisance_scalars
from spectral_core.controls.saturation import saturated_share
from spectral_core.experiments.artefacts import ARTEFACTS, CEILING, SIZES, described, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Estimate, Results, every
from spectral_core.experiments.scoring import cross_validated, probe_accuracy
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, BLANK, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
SCALARS, BOOSTED = "scalars", "scalars, boosted trees"
WHERE = ("full", "off-band", "blank", SCALARS, BOOSTED)
_SEEN, _GROWTH, _NEAR_PERFECT = 0.6, 0.02, 0.95


def cells(quick: bool) -> list[Cell]:
    """Artefacts × sizes × channels × seeds."""
    channels = (100, 1000) if quick else (100, 1000, 4000, 16000)
    return [
        Cell.of("instruments", artefact=what, size=size, d=d, seed=seed, edition=2)
        for what in ARTEFACTS
        for size in SIZES
        for d in channels
        for seed in range(2 if quick else 12)
    ]


def measure(cell: Cell) -> Numbers:
    """Cross-validate the probe on parts of the axis; on scalars, the probe and a model that can cut them."""
    recipe = recipe_of(cell.text("artefact"), cell.text("size"), units=(100, 100), channels=cell.whole("d"))
    data = simulate(recipe, seed=cell.stream)
    blank = (data.axis >= BLANK[0]) & (data.axis <= BLANK[1])
    parts = {
        "full": data.x,
        "off-band": data.x[:, off_band_mask(data.axis, {"band": BAND})],
        "blank": data.x[:, blank],
        SCALARS: _scalars(data.x, data.axis, blank),
    }
    numbers = {name: probe_accuracy(x, data.label, seed=cell.seed) for name, x in parts.items()}
    boosted = LADDER["gradient boosting"](cell.seed)
    return {**numbers, BOOSTED: cross_validated(boosted, parts[SCALARS], data.label, seed=cell.seed)}


def _scalars(x: Floats, axis: Floats, blank: npt.NDArray[np.bool_]) -> Floats:
    """Level, noise, slope … of the blank, and of the whole spectrum the share at a ceiling and the largest value."""
    scalars = nuisance_scalars(x, axis, {"blank": blank}).values
    return np.column_stack([scalars, saturated_share(x), x.max(axis=1)])


def figure(results: Results) -> Figure:
    """Accuracy against channels: a panel an artefact, a colour a size."""
    from spectral_core.experiments import drawing as draw

    made, panels = draw.new_figure(3, 2, width=3.0, height=2.6)
    for panel, what in zip(panels, ARTEFACTS, strict=True):
        for i, size in enumerate(SIZES):
            part = results.where(artefact=what, size=size)
            d = part.numbers("d")
            look: dict[str, Any] = {"colour": draw.SHADES[i], "marker": draw.MARKERS[i]}
            for number, dashed in (("full", False), (BOOSTED, True)):
                found = [part.estimate(number, d=int(v)) for v in d]
                kind = "boosted trees on scalars" if dashed else "linear probe, full spectrum"
                draw.draw_estimates(panel, d, found, label=f"{size}: {kind}", dashed=dashed, **look)
        _, values, unit, factor = ARTEFACTS[what]
        sizes = ", ".join(f"{values[s] * factor:g}" for s in SIZES)
        panel.set_title(f"{what}\n{sizes} {unit}", fontsize=9)
        draw.accuracy_axis(panel, what="balanced accuracy" if panel in panels[::3] else "")
        draw.channels_axis(panel, results.numbers("d"))
    draw.legend_below(made, panels[0], columns=3)
    return made


def table(results: Results) -> Table:
    """The most channels."""
    d = int(max(results.numbers("d")))
    rows = [
        [described(what, size), size, *(str(results.estimate(k, artefact=what, size=size, d=d)) for k in WHERE)]
        for what in ARTEFACTS
        for size in SIZES
    ]
    return Table(["artefact", "size", *WHERE], rows)


def _best(results: Results, what: str, size: str, d: int) -> tuple[str, Estimate]:
    """The part or scalars that see an artefact best with so many channels."""
    found = {k: results.estimate(k, artefact=what, size=size, d=d) for k in WHERE}
    best = max(found, key=lambda k: found[k].mean)
    return best, found[best]


def findings(results: Results) -> list[Finding]:
    """Judge, artefact by artefact, growth at the negligible size, and near-perfect accuracy at the two others."""
    told = []
    few, most = (int(results.numbers("d")[i]) for i in (0, -1))
    for what in ARTEFACTS:
        name = described(what, "negligible")
        best, last = _best(results, what, "negligible", most)
        first = results.estimate(best, artefact=what, size="negligible", d=few)
        grows = last.less(first).against(_GROWTH)
        when = f"the difference is {name}"
        if first.above(_SEEN) and grows != "yes":
            when += ", which shows with the fewest channels already"
        told.append(Finding("small_differences", every(last.against(_SEEN), grows), when,
                            f"{name}, {best}: {first} with {few:,} channels, {last} with {most:,}."))  # fmt: skip
        for size in ("small", "large"):
            name = described(what, size)
            best, high = _best(results, what, size, most)
            told.append(Finding("no_chemistry", high.against(_NEAR_PERFECT), f"the difference is {name}",
                                f"{name}, d = {most:,}: {best} {high}."))  # fmt: skip
    return told


INSTRUMENTS = Experiment(
    name="instruments",
    title="Instrument artefacts, from very small to large",
    what="200 spectra without any chemical difference; the second class was measured with a little more gain, shift, "
    "noise, clipping, offset, or a fixed pattern (mean shift: ± the same intensity in every channel; the floor, the "
    "intensity of an empty channel, is 1 and the noise 0.02). Specimens stay as they are while channels multiply, and "
    "so does the noise of one channel: the light of a spectrum then grows with its channels, as it does not in an "
    "instrument that cuts the same light finer (see finer sampling of the same light). Sizes: "
    + "; ".join(f"{size}: {', '.join(described(what, size) for what in ARTEFACTS)}" for size in SIZES)
    + f". No standard is cited for what is negligible: the sizes are chosen here. {CEILING}",
    reading="Solid: the linear probe on the full spectrum; dashed: boosted trees on a handful of scalars, those of the "
    "blank (level, noise, slope, curvature), the share of channels at a ceiling, and the largest value. Above each "
    "panel its three sizes; off-band and blank are in the table. Saturation does not fall to chance with its size: it "
    "is a matter of equal values, not of many channels.",
    rule=f"A negligible artefact becomes separable if the best of full spectrum, off-band, blank and scalars (linear "
    f"or boosted) is clearly above {_SEEN} with the most channels, and clearly {_GROWTH} above its accuracy with the "
    f"fewest; one that does not grow is none, however well it is seen. Near-perfect: the best of them, with the most "
    f"channels, is clearly above {_NEAR_PERFECT}, at the small and the large size.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
