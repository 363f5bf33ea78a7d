"""Is a near-perfect accuracy suspect? Artefacts and chemistry of the same strength, told apart by accuracy or audit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from spectral_core.audit import audit_classifier
from spectral_core.experiments.cells import Cell, Numbers, Row
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.results import Estimate, Results
from spectral_core.simulate import BAND, BLANK, Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# argument of the simulator, a small value of it, and how its size is said
SOURCES = {
    "chemistry in the band": ("band_effect", 0.05, "%", 100.0),
    "chemistry elsewhere": ("other_effect", 0.05, "%", 100.0),
    "offset": ("offset", 0.01, "of the floor", 1.0),
    "gain": ("gain", 0.01, "%", 100.0),
    "axis shift": ("shift", 0.1, "cm⁻¹", 1.0),
}
VERDICTS = ("supported", "unexplained", "artefact", "inconclusive", "no_signal")
CHEMISTRY = ("chemistry in the band", "chemistry elsewhere")
ARTEFACTS = ("offset", "gain", "axis shift")
STRENGTHS = (2.0, 3.2, 5.0, 8.0, 13.0, 20.0, 32.0)  # length of the mean difference in standard deviations of the noise
_WEAKER = 4.0
_MODERATE, _HIGH = (0.6, 0.9), 0.95


def cells(quick: bool) -> list[Cell]:
    """Sources of accuracy × strengths × seeds."""
    return [
        Cell.of("suspicion", edition=2, source=source, strength=strength, seed=seed)
        for source in SOURCES
        for strength in (STRENGTHS[::3] if quick else STRENGTHS)
        for seed in range(3 if quick else 20)
    ]


@cache
def planted_size(source: str, strength: float) -> float:
    """Find the value of the simulator's argument that gives a mean difference of this length.

    The length is that of class 2 − class 1, without noise and without spread between specimens, in standard
    deviations of the noise of one channel; it grows in proportion to the argument.
    """
    argument, small, _, _ = SOURCES[source]
    planted: dict[str, Any] = {argument: small}
    still = Recipe(units=(1, 1), specimen=0.0, **planted)
    first, second = simulate(still, seed=0).expected
    return strength * small * still.noise / float(np.linalg.norm(second - first))


def in_words(source: str, strength: float) -> str:
    """Say what is planted, with its size."""
    _, _, unit, factor = SOURCES[source]
    return f"{source} {planted_size(source, strength) * factor:.2g} {unit}"


def measure(cell: Cell) -> Numbers:
    """Audit 120 specimens whose classes differ by one thing; give the accuracy and the verdict."""
    source = cell.text("source")
    planted: dict[str, Any] = {SOURCES[source][0]: planted_size(source, cell.number("strength"))}
    recipe = Recipe(units=(60, 60), **planted)
    data = simulate(recipe, seed=cell.stream)
    report = audit_classifier(
        data.x, data.label, axis=data.axis, axis_unit="cm-1", bands={"declared": BAND}, blank={"empty": BLANK},
        unit=data.unit, n_permutations=399, seed=cell.seed,
    )  # fmt: skip
    accuracy = report.to_dict()["variants"][0]["probes"]["full"]["balanced_accuracy"]
    return {"accuracy": accuracy} | {verdict: float(report.verdict == verdict) for verdict in VERDICTS}


def figure(results: Results) -> Figure:
    """Accuracy of each source and strength, coloured by the audit's verdict, and the share of each verdict."""
    from spectral_core.experiments import drawing as draw

    keys = [(s, v) for s in SOURCES for v in results.where(source=s).numbers("strength")]
    made, (left, right) = draw.new_figure(2, width=4.4, height=0.22 * len(keys) + 1.2)
    height = np.arange(len(keys))[::-1]
    start = np.zeros(len(keys))
    for i, verdict in enumerate(VERDICTS):
        colour = draw.COLOURS["artefact verdict" if verdict == "artefact" else verdict]
        for at, (source, strength) in zip(height, keys, strict=True):
            rows = results.where(source=source, strength=strength).rows
            found = [r.numbers["accuracy"] for r in rows if r.numbers[verdict]]
            left.plot(found, np.full(len(found), at + 0.12 * (2 - i)), "o", color=colour, markersize=3.5)
        share = np.array([results.estimate(verdict, source=s, strength=v).mean for s, v in keys])
        right.barh(height, share, left=start, color=colour, height=0.7, label=verdict)
        start += share
    left.set_yticks(height, [in_words(s, v) for s, v in keys], fontsize=8)
    left.set_xlim(0.3, 1.03)
    left.axvline(0.5, color=draw.GREY, linewidth=0.8, linestyle=":")
    left.set_xlabel("balanced accuracy, one point a seed", fontsize=9)
    right.set_yticks([])
    boundary = len(keys) - sum(s in CHEMISTRY for s, _ in keys) - 0.5
    for panel in (left, right):
        panel.set_ylim(-0.6, len(keys) - 0.4)
        panel.axhline(boundary, color=draw.BLACK, linewidth=0.8)
    right.set_xlabel("share of verdicts", fontsize=9)
    left.set_title("above the line chemistry is planted, below an artefact", fontsize=9)
    draw.legend_below(made, right, columns=5)
    return made


def table(results: Results) -> Table:
    """Accuracies, and how many sets got each verdict."""
    rows = []
    for source in (str(v) for v in results.distinct("source")):
        for strength in results.where(source=source).numbers("strength"):
            part = results.where(source=source, strength=strength)
            counts = [f"{sum(part.values(v)):.0f} of {len(part.rows)}" for v in VERDICTS]
            rows.append([in_words(source, strength), f"{strength:g}", str(part.estimate("accuracy")), *counts])
    return Table(["what differs", "strength", "accuracy", *VERDICTS], rows)


def likelier(results: Results, *, weaker: float = 1.0) -> tuple[Estimate, Estimate, Estimate]:
    """Estimate how likely an artefact is at a high accuracy and at a moderate one, and the difference.

    P(artefact | accuracy) = a/(a + c), a and c the shares of artefact and of chemistry sets whose accuracy lies
    there: even odds before. Errors are the jackknife's over seeds (Efron & Stein, Ann. Statist. 9:586, 1981).

    Args:
        results: Rows with their accuracies.
        weaker: How many times weaker artefacts are than chemistry: the strongest artefacts and the weakest
            chemistry are left out.
    """
    top, bottom = max(results.numbers("strength")) / weaker, min(results.numbers("strength")) * weaker
    rows = [
        r for r in results.rows
        if (float(r.parameters["strength"]) >= bottom * 0.999 if r.parameters["source"] in CHEMISTRY
            else float(r.parameters["strength"]) <= top * 1.001)
    ]  # fmt: skip
    seeds = results.seeds
    left = np.array([_odds([r for r in rows if r.seed != s]) for s in seeds])
    error = np.sqrt((len(seeds) - 1) / len(seeds) * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    high, moderate, change = (Estimate(float(m), float(e), len(seeds)) for m, e in zip(_odds(rows), error, strict=True))
    return high, moderate, change


def _odds(rows: Sequence[Row]) -> tuple[float, float, float]:
    shares = []
    for low, top in ((_HIGH, 1.0), _MODERATE):
        a, c = (
            np.mean([low <= r.numbers["accuracy"] <= top for r in rows if r.parameters["source"] in kind])
            for kind in (ARTEFACTS, CHEMISTRY)
        )
        shares.append(float(a / (a + c)) if a + c > 0 else float("nan"))
    return shares[0], shares[1], shares[0] - shares[1]


def findings(results: Results) -> list[Finding]:
    """Judge by the planted truth whether a high accuracy makes an artefact likelier than a moderate one does."""
    told = []
    for weaker, words in ((1.0, "as strong as chemistry"), (_WEAKER, f"{_WEAKER:g} times weaker than chemistry")):
        high, moderate, change = likelier(results, weaker=weaker)
        answer = change.against(0.1) if np.isfinite([change.mean, change.error]).all() else "undecided"
        evidence = (
            f"Artefacts {words}, even odds before: an artefact has probability {high} at {_HIGH} or more, {moderate} "
            f"at {_MODERATE[0]} to {_MODERATE[1]}, difference {change}. {_of_the_audit(results)}"
        )
        told.append(Finding("distrust", answer, f"artefacts are {words}", evidence))
    return told


def _of_the_audit(results: Results) -> str:
    """Say what the audit makes of the same sets, its errors first of all."""
    near = [_counted(results, "supported", one) for one in (ARTEFACTS, CHEMISTRY[:1], CHEMISTRY[1:])]
    wrong = {(s, v): sum(results.where(source=s, strength=v).values("supported"))
             for s in ARTEFACTS for v in results.where(source=s).numbers("strength")}  # fmt: skip
    those = ", ".join(f"{in_words(s, v)} {n:.0f} times" for (s, v), n in wrong.items() if n)
    return (
        f"Of all sets, whatever the odds, the audit supports at {_HIGH} or more {near[0]} with an artefact, {near[1]} "
        f"with declared and {near[2]} with undeclared chemistry. Its defects: it supports "
        f"{_counted(results, 'supported', ARTEFACTS, 0.0)} sets with an artefact, where none should "
        f"be{f' ({those})' if those else ''}, and convicts {_counted(results, 'artefact', CHEMISTRY, 0.0)} with "
        "chemistry."
    )


def _counted(results: Results, verdict: str, sources: Sequence[str], low: float = _HIGH) -> str:
    found = [r.numbers[verdict] for r in results.rows
             if r.parameters["source"] in sources and r.numbers["accuracy"] >= low]  # fmt: skip
    return f"{sum(found):.0f} of {len(found)}"


SUSPICION = Experiment(
    name="suspicion",
    title="Accuracies that are too good",
    what="120 specimens whose classes differ by a declared band, by a band nobody declared, or by an artefact. Each "
    f"is planted at the same {len(STRENGTHS)} strengths: the length of the difference of the mean spectra, "
    f"{', '.join(f'{s:g}' for s in STRENGTHS)} standard deviations of the noise of one channel. Each set is audited "
    "with 399 permutations.",
    reading="One point a set, its colour the audit's verdict; above the line chemistry is planted, below it an "
    "artefact. Where points of both lie at the same accuracy, accuracy does not tell them apart. `supported` below "
    "the line is a defect of the audit, which should never support an artefact: an axis shift so small that only "
    "the tallest line shows it, and that line is declared, looks like chemistry. The table counts these sets. An "
    "offset is an `artefact` only where the blank sees it as well as the whole spectrum does, which is rare here: on "
    "all channels it is seen better, and left `unexplained`.",
    rule="By the planted truth: distrust is right if an artefact is clearly more than 0.1 likelier at an accuracy of "
    f"{_HIGH} or more than at {_MODERATE[0]} to {_MODERATE[1]}, wrong if clearly not. Before, artefact and chemistry "
    "have even odds, and every strength counts once: once with the same strengths for both, and once with artefacts "
    f"{_WEAKER:g} times weaker (the strongest artefacts and the weakest chemistry left out), because nobody knows how "
    "strong they are: where the two differ, accuracy alone does not tell. Chemistry that nobody declared is real and "
    "counts as chemistry. What the audit says of the same sets is told beside it and does not decide.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
