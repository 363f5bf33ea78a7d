"""Finer sampling is not more information: one photon budget cut into more channels, decimated, or binned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import special

from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Results
from spectral_core.experiments.scoring import balanced_accuracy, held_out_accuracy
from spectral_core.simulate import Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
FIXED, GROWING = "fixed for a spectrum", "fixed for a channel"
DECIMATION, BINNING = "decimation", "binning"
_TRAIN, _TEST = 100, 400  # spectra of each class
_FINEST = 4096
_PHOTONS = 1e6  # of a spectrum with the finest sampling
_GAIN = _LOSS = 0.02  # the smallest change of accuracy worth the name
_LINE = ((1500.0, 80.0, 0.0075),)  # broad: every sampling resolves it


def cells(quick: bool) -> list[Cell]:
    """Samplings of two photon budgets, and two ways to reduce the finest sampling, × seeds."""
    channels = (64, 512, _FINEST) if quick else (32, 128, 512, 2048, _FINEST)
    ways = (FIXED, GROWING, DECIMATION, BINNING)
    return [Cell.of("sampling", way=w, d=d, seed=s) for w in ways for d in channels for s in range(2 if quick else 12)]


def measure(cell: Cell) -> Numbers:
    """Score the best linear rule and a learned one on spectra with shot noise that differ by a faint broad line."""
    way, d = cell.text("way"), cell.whole("d")
    budget: dict[str, Any] = {"photons": _PHOTONS, "budget": "spectrum"}
    if way == GROWING:
        budget = {"photons": _PHOTONS / _FINEST, "budget": "channel"}
    recipe = Recipe(
        units=(_TRAIN + _TEST,) * 2, channels=_FINEST if way in (DECIMATION, BINNING) else d, noise=0.0, specimen=0.0,
        lines=_LINE, **budget,
    )  # fmt: skip
    data = simulate(recipe, seed=cell.stream)
    codes = (data.label == "class 2").astype(np.intp)
    x, expected = reduced(data.x, d, way), reduced(data.expected[[0, -1]], d, way)
    train = np.arange(codes.size) % (_TRAIN + _TEST) < _TRAIN
    difference, middle = expected[1] - expected[0], expected.mean(axis=0)
    weights = difference / middle  # shot noise: the variance is proportional to the mean
    told = ((x[~train] - middle) @ weights > 0).astype(np.intp)
    spread = np.sqrt(x[train & (codes == 0)].var(axis=0) @ weights**2)
    return {
        "known rule": balanced_accuracy(codes[~train], told),
        "ridge": held_out_accuracy(LADDER["ridge"](0), x, codes, train=train, test=~train),
        "law": float(special.ndtr(difference @ weights / spread / 2)),
    }


def reduced(x: Floats, d: int, way: str) -> Floats:
    """Reduce n × D spectra to d channels: keep every (D/d)-th, or average runs of D/d.

    Example:
        >>> reduced(np.arange(8.0)[None, :], 2, BINNING), reduced(np.arange(8.0)[None, :], 2, DECIMATION)
        (array([[1.5, 5.5]]), array([[0., 4.]]))
    """
    if way == BINNING:
        return np.asarray(x.reshape(len(x), d, -1).mean(axis=2))
    return x[:, :: x.shape[1] // d] if way == DECIMATION else x


def figure(results: Results) -> Figure:
    """Accuracy of the best rule against channels, for two budgets and two reductions."""
    from spectral_core.experiments import drawing as draw

    made, panels = draw.new_figure(2, height=3.2)
    for panel, ways, title in (
        (panels[0], (FIXED, GROWING), "sampled with d channels"),
        (panels[1], (BINNING, DECIMATION), f"{_FINEST:,} channels reduced to d"),
    ):
        for way, marker in zip(ways, "os", strict=True):
            colour = draw.COLOURS[way]
            part = results.where(way=way)
            d = part.numbers("d")
            label = f"photons {way}" if panel is panels[0] else way
            known, ridge = ([part.estimate(k, d=int(v)) for v in d] for k in ("known rule", "ridge"))
            draw.draw_estimates(panel, d, known, label=label, colour=colour, marker=marker)
            draw.draw_estimates(panel, d, ridge, label="", colour=colour, marker=marker, dashed=True)
            draw.draw_law(panel, np.array(d), np.array([part.estimate("law", d=int(v)).mean for v in d]))
        panel.set_title(f"{title}: known rule –, ridge - -", fontsize=9)
        draw.accuracy_axis(panel)
        draw.channels_axis(panel, results.numbers("d"))
        panel.legend(fontsize=8, frameon=False, loc="lower right" if panel is panels[1] else "upper left")
    return made


def table(results: Results) -> Table:
    """All samplings."""
    rows = [
        [way, f"{d:,}", *(str(results.estimate(k, way=way, d=d)) for k in ("known rule", "law", "ridge"))]
        for way in (FIXED, GROWING, BINNING, DECIMATION)
        for d in (int(v) for v in results.where(way=way).numbers("d"))
    ]
    return Table(["photons, or reduction", "channels d", "known rule", "law", "ridge"], rows)


def findings(results: Results) -> list[Finding]:
    """Judge growth with finer sampling under each budget, and what reducing the finest sampling costs."""
    told = []
    for way, when in (
        (FIXED, "channels multiply by finer sampling of the same light"),
        (GROWING, "every further channel brings its own photons"),
    ):
        part = results.where(way=way)
        d = part.numbers("d")
        first, last = (part.estimate("known rule", d=int(d[i])) for i in (0, -1))
        grows = last.less(first).against(_GAIN)
        evidence = f"Best rule {first} with {d[0]:,.0f} channels, {last} with {d[-1]:,.0f}."
        told.append(Finding("small_differences", grows, when, evidence))
    finest = results.estimate("known rule", way=BINNING, d=_FINEST)
    for way, when in (
        (BINNING, "nothing real is lost by binning channels, where the difference is broad"),
        (DECIMATION, "nothing real is lost by throwing channels away"),
    ):
        fewest = int(results.where(way=way).numbers("d")[0])
        left = results.estimate("known rule", way=way, d=fewest)
        kept = left.less(finest).against(-_LOSS)
        evidence = f"{way} from {_FINEST:,} to {fewest} channels: known rule {finest} becomes {left}, ridge "
        ridge = [results.estimate("ridge", way=way, d=d) for d in (_FINEST, fewest)]
        evidence += f"{ridge[0]} becomes {ridge[1]}."
        told.append(Finding("reduce_dimension", kept, when, evidence))
    return told


SAMPLING = Experiment(
    name="sampling",
    title="Finer sampling, decimation and binning",
    what="Spectra with shot noise alone; the classes differ by one faint line, 80 cm⁻¹ wide. The same light is cut "
    "into more channels, or every channel has its own photons; and the finest sampling is decimated or binned. "
    f"{2 * _TRAIN} spectra for training, {2 * _TEST} for scoring.",
    reading="Known rule: that of a reader who knows the difference. Grey bands: Φ(Δ/2) with Δ from the expected "
    "difference and the variance measured in the training spectra.",
    rule=f"Accuracy grows with channels if the rule that knows the difference clearly gains more than {_GAIN:g} from "
    "the coarsest to the finest sampling; a reduction loses nothing real if that rule clearly loses less than "
    f"{_LOSS:g}.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
