"""Does normalisation write chemistry where there is none? One real band, normalised, looked at off-band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.results import Results
from spectral_core.experiments.scoring import probe_accuracy
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NORMALISATIONS = ("raw", "snv", "area", "vector", "maximum")
LAST, FIRST = "preprocess first", "crop first"


def cells(quick: bool) -> list[Cell]:
    """Normalisations × heights of the band × channels × seeds."""
    heights = (0.05, 0.2) if quick else (0.02, 0.05, 0.1, 0.2)
    channels = (100, 1000) if quick else (100, 300, 1000, 3000)
    return [
        Cell.of("normalisation", step=step, height=height, d=d, seed=seed)
        for step in NORMALISATIONS
        for height in heights
        for d in channels
        for seed in range(3 if quick else 20)
    ]


def measure(cell: Cell) -> Numbers:
    """Cross-validate the probe off-band, normalised before cropping and after it; specimens differ by 1 %."""
    recipe = Recipe(units=(60, 60), channels=cell.whole("d"), specimen=0.01, band_effect=cell.number("height"))
    data, chain = simulate(recipe, seed=cell.seed), parse_variant(cell.text("step"))
    off = off_band_mask(data.axis, {"band": BAND})
    return {
        "full": probe_accuracy(chain.apply(data.x, data.axis)[0], data.label, seed=cell.seed),
        LAST: probe_accuracy(chain.apply(data.x, data.axis)[0][:, off], data.label, seed=cell.seed),
        FIRST: probe_accuracy(chain.apply(data.x[:, off], data.axis[off])[0], data.label, seed=cell.seed),
    }


def figure(results: Results) -> Figure:
    """Off-band accuracy against channels, a panel a normalisation, a line a height of the band."""
    from spectral_core.experiments import drawing as draw

    made, panels = draw.new_figure(len(NORMALISATIONS), width=2.5, height=2.6)
    for panel, step in zip(panels, NORMALISATIONS, strict=True):
        for i, height in enumerate(results.numbers("height")):
            for number, dashed in ((LAST, False), (FIRST, True)):
                part = results.where(step=step, height=height)
                d = part.numbers("d")
                found = [part.estimate(number, d=int(v)) for v in d]
                label = "" if dashed else f"band {100 * height:g} % higher"
                look: dict[str, Any] = {"colour": draw.SHADES[i], "marker": draw.MARKERS[i], "dashed": dashed}
                draw.draw_estimates(panel, d, found, label=label, **look)
        panel.set_title(step, fontsize=9)
        draw.accuracy_axis(panel, low=0.3, what="off-band accuracy" if step == "raw" else "")
        draw.channels_axis(panel, results.numbers("d"))
    draw.legend_below(made, panels[0])
    return made


def table(results: Results) -> Table:
    """The highest band, fewest and most channels."""
    height = max(results.numbers("height"))
    ends = [int(results.numbers("d")[i]) for i in (0, -1)]
    rows = [
        [step, f"{d:,}", *(str(results.estimate(k, step=step, height=height, d=d)) for k in ("full", LAST, FIRST))]
        for step in NORMALISATIONS
        for d in ends
    ]
    return Table(["normalisation", "channels d", "full", f"off-band, {LAST}", f"off-band, {FIRST}"], rows)


def findings(results: Results) -> list[Finding]:
    """Judge each normalisation: does off-band accuracy rise above chance, grow with channels, and come near 1?"""
    told = []
    ends = [int(results.numbers("d")[i]) for i in (0, -1)]
    low, high = (results.numbers("height")[i] for i in (0, -1))
    for step in NORMALISATIONS[1:]:
        few, many = (results.estimate(LAST, step=step, height=low, d=d) for d in ends)
        clean = results.estimate(FIRST, step=step, height=low, d=ends[1])
        grows = many.above(0.6) and many.mean - few.mean > 3 * np.hypot(many.error, few.error)
        told.append(Finding(
            "small_differences", bool(grows), f"a band {100 * low:g} % higher is spread over the axis by {step}",
            f"A band {100 * low:g} % higher, then {step}: off-band {few} with {ends[0]:,} channels, {many} with "
            f"{ends[1]:,}; cropped before it {clean}.",
        ))  # fmt: skip
        many, clean = (results.estimate(k, step=step, height=high, d=ends[1]) for k in (LAST, FIRST))
        told.append(Finding(
            "no_chemistry", many.above(0.95), f"off-band, after {step} of a band {100 * high:g} % higher",
            f"A band {100 * high:g} % higher, then {step}, d = {ends[1]:,}: off-band {many}; cropped first {clean}.",
        ))  # fmt: skip
    return told


NORMALISATION = Experiment(
    name="normalisation",
    title="Normalisation artefacts",
    what="120 spectra whose classes differ in the height of one band, 1,200 cm⁻¹, and in nothing else; normalised "
    "before off-band channels are cut out, and after.",
    reading="Off-band accuracy of the linear probe; solid: normalised first, dashed: cropped first. Off-band holds no "
    "difference, so whatever is above chance on a solid line was written there by normalisation.",
    rule="The lowest band becomes separable off-band if accuracy there, after normalising, is clearly above 0.6 with "
    "the most channels and more than three standard errors above that with the fewest; near-perfect, for the highest "
    "band, if clearly above 0.95.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
