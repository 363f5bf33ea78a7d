"""Is a near-perfect accuracy suspect? The same accuracy from an artefact and from chemistry, before the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spectral_core.audit import audit_classifier
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.results import Results, average
from spectral_core.simulate import BAND, BLANK, Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# argument of the simulator, and sizes that give accuracies from moderate to perfect
SOURCES = {
    "chemistry in the band": ("band_effect", (0.05, 0.1, 0.3)),
    "chemistry elsewhere": ("other_effect", (0.05, 0.1, 0.3)),
    "offset": ("offset", (0.004, 0.01, 0.6)),
    "gain": ("gain", (0.002, 0.005, 0.05)),
    "axis shift": ("shift", (0.1, 0.3, 2.0)),
}
VERDICTS = ("supported", "unexplained", "artefact", "inconclusive", "no_signal")
BAND_CHEMISTRY = "chemistry in the band"
_ARTEFACTS = ("offset", "gain", "axis shift")


def cells(quick: bool) -> list[Cell]:
    """Sources of accuracy × sizes × seeds."""
    return [
        Cell.of("suspicion", source=source, size=size, seed=seed)
        for source, (_, sizes) in SOURCES.items()
        for size in (sizes[-1:] if quick else sizes)
        for seed in range(3 if quick else 20)
    ]


def measure(cell: Cell) -> Numbers:
    """Audit 120 specimens whose classes differ by one thing; give the accuracy and the verdict."""
    planted: dict[str, Any] = {SOURCES[cell.text("source")][0]: cell.number("size")}
    recipe = Recipe(units=(60, 60), **planted)
    data = simulate(recipe, seed=cell.stream)
    report = audit_classifier(
        data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"declared": BAND}, blank={"empty": BLANK},
        unit=data.unit, n_permutations=399, seed=cell.seed,
    )  # fmt: skip
    accuracy = report.to_dict()["variants"][0]["probes"]["full"]["balanced_accuracy"]
    return {"accuracy": accuracy} | {verdict: float(report.verdict == verdict) for verdict in VERDICTS}


def figure(results: Results) -> Figure:
    """Accuracy of each source and size, and the share of each verdict."""
    from spectral_core.experiments import drawing as draw

    keys = [(str(s), float(v)) for s in results.distinct("source") for v in results.where(source=s).numbers("size")]
    made, (left, right) = draw.new_figure(2, width=4.4, height=0.3 * len(keys) + 1.6)
    height = np.arange(len(keys))[::-1]
    for at, (source, size) in zip(height, keys, strict=True):
        found = results.where(source=source, size=size).values("accuracy")
        colour = draw.COLOURS["artefact" if source in _ARTEFACTS else "chemistry"]
        left.plot(found, np.full(len(found), at), "o", color=colour, markersize=4, alpha=0.7)
    left.set_yticks(height, [f"{s} {v:g}" for s, v in keys], fontsize=8)
    left.set_xlim(0.4, 1.03)
    left.axvline(0.5, color=draw.GREY, linewidth=0.8, linestyle=":")
    left.set_xlabel("balanced accuracy, one point a seed", fontsize=9)
    start = np.zeros(len(keys))
    for verdict in VERDICTS:
        colour = draw.COLOURS["artefact verdict" if verdict == "artefact" else verdict]
        share = np.array([results.estimate(verdict, source=s, size=v).mean for s, v in keys])
        right.barh(height, share, left=start, color=colour, height=0.7, label=verdict)
        start += share
    right.set_yticks([])
    for panel in (left, right):
        panel.set_ylim(-0.6, len(keys) - 0.4)
    right.set_xlabel("share of verdicts", fontsize=9)
    draw.legend_below(made, right, columns=5)
    return made


def table(results: Results) -> Table:
    """Accuracies and verdicts."""
    rows = []
    for source in (str(v) for v in results.distinct("source")):
        for size in results.where(source=source).numbers("size"):
            part = results.where(source=source, size=size)
            shares = [f"{part.estimate(v).mean:.2f}" for v in VERDICTS]
            rows.append([source, f"{size:g}", str(part.estimate("accuracy")), *shares])
    return Table(["what differs", "size", "accuracy", *VERDICTS], rows)


def findings(results: Results) -> list[Finding]:
    """Judge whether near-perfect accuracy comes from artefacts, and whether it comes from chemistry as well."""
    told = []
    for source in (str(v) for v in results.distinct("source")):
        part = results.where(source=source, size=max(results.where(source=source).numbers("size")))
        high = [r for r in part.rows if r.numbers["accuracy"] >= 0.95]
        reaches = len(high) > len(part.rows) / 2
        verdicts = {v: average(r.numbers[v] for r in high).mean for v in VERDICTS} if high else {}
        shares = ", ".join(f"{v} {100 * share:.0f} %" for v, share in verdicts.items() if share > 0) or "none"
        evidence = f"{source}: {part.estimate('accuracy')}, 0.95 or more in {len(high)} of {len(part.rows)}; "
        evidence += f"of these {shares}."
        supported = verdicts.get("supported", 0.0)
        if source == BAND_CHEMISTRY:
            told.append(
                Finding("distrust", not (reaches and supported > 0.5), "the declared band really differs", evidence)
            )
        else:
            told.append(Finding("distrust", reaches and supported < 0.5, f"the accuracy comes from {source}", evidence))
    return told


SUSPICION = Experiment(
    name="suspicion",
    title="Accuracies that are too good",
    what="120 specimens whose classes differ by a declared band, by a band nobody declared, or by an artefact, at "
    "sizes that take the accuracy from moderate to perfect; each set is audited with 399 permutations.",
    reading="Left: the accuracy does not tell blue (chemistry) from orange (artefact). Right: what the audit says of "
    "the same sets. Read its blind spot too: an axis shift so small that only the tallest line shows it, and that line "
    "is declared, looks like chemistry and can be supported.",
    rule="Distrust is right where most sets of the largest size reach 0.95 and most of these are not supported; it is "
    "wrong where a declared band gives the same accuracy and most are supported.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
