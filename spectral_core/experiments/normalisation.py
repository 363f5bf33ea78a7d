"""Does normalisation write chemistry where there is none? One real band, normalised, looked at off-band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.results import Answer, Estimate, Results, average, every
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

    made, panels = draw.new_figure(3, -(-len(NORMALISATIONS) // 3), width=2.9, height=2.5)
    for panel in panels[len(NORMALISATIONS) :]:
        panel.set_axis_off()
    for panel, step in zip(panels, NORMALISATIONS, strict=False):
        for i, height in enumerate(results.numbers("height")):
            for number, dashed in ((LAST, False), (FIRST, True)):
                part = results.where(step=step, height=height)
                d = part.numbers("d")
                found = [part.estimate(number, d=int(v)) for v in d]
                label = "" if dashed else f"band {100 * height:g} % higher"
                look: dict[str, Any] = {"colour": draw.SHADES[i], "marker": draw.MARKERS[i], "dashed": dashed}
                draw.draw_estimates(panel, d, found, label=label, **look)
        panel.set_title(step, fontsize=9)
        draw.accuracy_axis(panel, low=0.3, what="off-band accuracy")
        draw.channels_axis(panel, results.numbers("d"))
    draw.legend_below(made, panels[0])
    return made


def table(results: Results) -> Table:
    """Every height of the band, fewest and most channels."""
    ends = [int(results.numbers("d")[i]) for i in (0, -1)]
    rows = [
        [step, f"{100 * h:g} %", f"{d:,}",
         *(str(results.estimate(k, step=step, height=h, d=d)) for k in ("full", LAST, FIRST))]
        for step in NORMALISATIONS
        for h in results.numbers("height")
        for d in ends
    ]  # fmt: skip
    return Table(
        ["normalisation", "band higher by", "channels d", "full", f"off-band, {LAST}", f"off-band, {FIRST}"], rows
    )


def written(results: Results, step: str, height: float, d: int) -> Estimate:
    """Estimate what normalising adds off-band: accuracy normalised first less cropped first, of the same spectra."""
    rows = results.where(step=step, height=height, d=d).rows
    return average(r.numbers[LAST] - r.numbers[FIRST] for r in rows)


def grows(results: Results, step: str, height: float) -> Answer:
    """Say whether what normalising adds off-band grows with channels to something worth having."""
    ends = [int(results.numbers("d")[i]) for i in (0, -1)]
    few, many = (written(results, step, height, d) for d in ends)
    if results.estimate(LAST, step=step, height=height, d=ends[0]).above(0.95):
        return "undecided"
    return every(many.against(0.1), many.less(few).against(0.02))


def findings(results: Results) -> list[Finding]:
    """Judge each normalisation at every height of the band; heights that do alike share a finding."""
    told = []
    ends = [int(results.numbers("d")[i]) for i in (0, -1)]
    for step in NORMALISATIONS[1:]:
        answers = {height: grows(results, step, height) for height in results.numbers("height")}
        for answer in ("yes", "no", "undecided"):
            alike = [height for height in answers if answers[height] == answer]
            if not alike:
                continue
            numbers = []
            for height in alike:
                few, many = (results.estimate(LAST, step=step, height=height, d=d) for d in ends)
                clean = results.estimate(FIRST, step=step, height=height, d=ends[1])
                room = "" if not few.above(0.95) else ", no room to grow"
                numbers.append(f"{100 * height:g} % higher: {few} to {many}, cropped first {clean}{room}")
            heights = ", ".join(f"{100 * height:g}" for height in alike)
            told.append(Finding(
                "small_differences", answer,
                f"a band really is {heights} % higher and {step} spreads it off-band, where nothing differs",
                f"Off-band accuracy after {step}, {ends[0]:,} to {ends[1]:,} channels. {'; '.join(numbers)}.",
            ))  # fmt: skip
    return told


NORMALISATION = Experiment(
    name="normalisation",
    title="Normalisation artefacts",
    what="120 spectra whose classes differ in the height of one band, 1,200 cm⁻¹, and in nothing else; normalised "
    "before off-band channels are cut out, and after. The noise of one channel stays the same while channels "
    "multiply: a spectrum of more channels is measured with more light.",
    reading="Off-band accuracy of the linear probe; solid: normalised first, dashed: cropped first. The classes "
    "differ chemically, but not where it is looked at: whatever a solid line has above its dashed one was written "
    "off-band by normalisation. Raw spectra are the same either way.",
    rule="Judged at every height of the band, as the difference of normalising first and cropping first on the same "
    "spectra. It grows with channels if that is clearly above 0.1 with the most and clearly more than 0.02 above "
    "that with the fewest; where the fewest give clearly more than 0.95 already there is no room to grow, which is "
    "undecided.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
