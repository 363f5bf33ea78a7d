"""Separability against the number of channels: differences in noise variance and diffuse shifts of the mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.laws import (
    dilation_accuracy,
    dilation_norm_auc,
    learnable_accuracy,
    mean_shift_accuracy,
)
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER, spectrum_norms
from spectral_core.experiments.results import Estimate, Results
from spectral_core.experiments.scoring import balanced_accuracy
from spectral_core.simulate import Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
NOISE, SHIFT = "noise variance", "mean shift"
_TEST = 500  # spectra of each class that nothing was learned from


def cells(quick: bool) -> list[Cell]:
    """Sizes × channels × spectra × seeds."""
    sizes = (0.05, 0.1) if quick else (0.02, 0.05, 0.1)
    channels = (16, 128, 1024, 4096) if quick else (16, 64, 256, 1024, 4096, 16384)
    spectra = (100, 400) if quick else (50, 400, 1600)
    return [
        Cell.of("channels", kind=kind, size=size, d=d, n=n, seed=seed)
        for kind in (NOISE, SHIFT)
        for size in sizes
        for d in channels
        for n in spectra
        if n * d <= 8_000_000
        for seed in range(3 if quick else 10)
    ]


def measure(cell: Cell) -> Numbers:
    """Draw white spectra of two classes; score rules that know the truth and rules learned from n spectra."""
    kind, size, d, n = cell.text("kind"), cell.number("size"), cell.whole("d"), cell.whole("n")
    effect: dict[str, Any] = {"noise_ratio": size} if kind == NOISE else {"diffuse": size}
    recipe = Recipe(units=(n // 2 + _TEST,) * 2, channels=d, noise=1.0, specimen=0.0, peaks=(), floor=0.0, **effect)
    data = simulate(recipe, seed=cell.stream)
    codes = (data.label == "class 2").astype(np.intp)
    train = np.arange(codes.size) % (n // 2 + _TEST) >= _TEST
    numbers = {
        name: balanced_accuracy(codes[~train], model.fit(data.x[train], codes[train]).predict(data.x[~train]))
        for name, model in {"norm alone": LADDER["norm alone"](0), "ridge": LADDER["ridge"](0)}.items()
    }
    x, truth = data.x[~train], codes[~train]
    signs = np.sign(data.expected[-1]) if kind == SHIFT else np.zeros(d)
    numbers["known rule"] = balanced_accuracy(truth, _known_rule(x, size, signs).astype(np.intp))
    if kind == NOISE:
        norm = spectrum_norms(x)[:, 0]
        numbers["norm AUC"] = _auc(norm[truth == 0], norm[truth == 1])
    else:
        means = [data.x[train & (codes == c)].mean(axis=0) for c in (0, 1)]
        nearer = (x - (means[0] + means[1]) / 2) @ (means[1] - means[0]) > 0
        numbers["mean difference"] = balanced_accuracy(truth, nearer.astype(np.intp))
    return numbers


def _known_rule(x: Floats, size: float, signs: Floats) -> npt.NDArray[np.bool_]:
    """The likelihood ratio of the true distributions: of the norm, or of the projection on the true shift."""
    if signs.any():
        return np.asarray(x @ signs > size * signs.size / 2)
    s = (1 + size) ** 2
    return np.asarray((x**2).sum(axis=1) > x.shape[1] * np.log(s) / (1 - 1 / s))


def _law(kind: str, size: float, d: Floats) -> Floats:
    return dilation_accuracy(d, excess=size) if kind == NOISE else mean_shift_accuracy(d, shift=size)


def _auc(first: Floats, second: Floats) -> float:
    less = np.searchsorted(np.sort(first), second).sum()
    return float(less / (first.size * second.size))


def _most_spectra(results: Results) -> int:
    """The largest n that was measured with the most channels."""
    return int(max(results.where(d=int(max(results.numbers("d")))).numbers("n")))


def _curve(results: Results, number: str, **wanted: str | float | int) -> tuple[list[float], list[Estimate]]:
    d = results.where(**wanted).numbers("d")
    return d, [results.estimate(number, d=int(value), **wanted) for value in d]


def figure(results: Results) -> Figure:
    """Accuracy against channels: rules that know the truth, and rules learned from the most spectra."""
    from spectral_core.experiments import drawing as draw

    made, panels = draw.new_figure(2, 2, dpi=95)
    most = _most_spectra(results)
    for column, (kind, learned) in enumerate(((NOISE, "norm alone"), (SHIFT, "mean difference"))):
        known, taught = panels[column], panels[2 + column]
        grid = np.geomspace(results.numbers("d")[0], results.numbers("d")[-1], 200)
        for i, size in enumerate(results.numbers("size")):
            look: dict[str, Any] = {"colour": draw.SHADES[i], "marker": draw.MARKERS[i]}
            draw.draw_law(known, grid, _law(kind, size, grid))
            d, found = _curve(results, "known rule", kind=kind, size=size)
            draw.draw_estimates(known, d, found, label=f"difference {size:g}", **look)
            d, found = _curve(results, learned, kind=kind, size=size, n=most)
            draw.draw_estimates(taught, d, found, label="", **look)
            d, found = _curve(results, "ridge", kind=kind, size=size, n=most)
            draw.draw_estimates(taught, d, found, label="", dashed=True, **look)
            if kind == SHIFT:
                learnt = [float(learnable_accuracy(most, distance=size * np.sqrt(v), channels=v)) for v in grid]
                draw.draw_law(taught, grid, np.array(learnt))
        known.set_title(f"{kind}: the rule that knows the truth", fontsize=9)
        taught.set_title(f"{kind}, n = {most}: {learned} –, ridge - -", fontsize=9)
        for panel in (known, taught):
            draw.accuracy_axis(panel)
            draw.channels_axis(panel, results.numbers("d")[:: 1 if len(results.numbers("d")) < 6 else 2])
    draw.legend_below(made, panels[0])
    return made


def table(results: Results) -> Table:
    """The largest number of channels, every size and number of spectra."""
    rows = []
    for kind in (NOISE, SHIFT):
        for size in results.numbers("size"):
            for n in (int(v) for v in results.numbers("n")):
                part = results.where(kind=kind, size=size, n=n)
                d = int(max(part.numbers("d")))
                told = [str(part.estimate(k, d=d)) for k in ("known rule", "norm alone", "ridge")]
                third = part.estimate("mean difference", d=d)
                rows.append([kind, f"{size:g}", f"{n:,}", f"{d:,}", *told, str(third) if third.seeds else "–"])
    header = ["difference", "size", "spectra n", "channels d", "known rule", "norm alone", "ridge", "mean difference"]
    return Table(header, rows)


def findings(results: Results) -> list[Finding]:
    """Judge growth with channels, agreement with the laws, and what can be learned."""
    most = _most_spectra(results)
    told = [*_laws(results), *_learned(results, most)]
    size, d = max(results.numbers("size")), int(max(results.where(n=most).numbers("d")))
    best = results.estimate("norm alone", kind=NOISE, size=size, n=most, d=d)
    told.append(Finding("no_chemistry", best.above(0.95), f"noise differs by {100 * size:g} %, and a model pools it",
                        f"{NOISE}, size {size:g}, n = {most:,}, d = {d:,}: norm alone {best}."))  # fmt: skip
    return told


def _laws(results: Results) -> Iterator[Finding]:
    for kind, when in (
        (NOISE, "noise variance differs and its size is known"),
        (SHIFT, "the mean is shifted in every channel and the direction is known"),
    ):
        off, grown, last = 0.0, True, ""
        for size in results.numbers("size"):
            d, found = _curve(results, "known rule", kind=kind, size=size)
            # the binomial error of all test spectra together: that of few seeds is itself uncertain
            gaps = [
                abs(e.mean - float(_law(kind, size, np.array(at)))) / np.sqrt(0.25 / (2 * _TEST * e.seeds))
                for at, e in zip(d, found, strict=True)
            ]  # fmt: skip
            off = max(off, *gaps)
            grown &= found[-1].mean - found[0].mean > 3 * np.hypot(found[-1].error, found[0].error)
            last += f" {size:g}: {found[0].mean:.3f} at d = {d[0]:,.0f}, {found[-1].mean:.3f} at d = {d[-1]:,.0f};"
        evidence = f"{kind}, size{last} largest distance from the law {off:.1f} binomial standard errors."
        yield Finding("small_differences", bool(grown and off < 4), when, evidence)
    part = results.where(kind=NOISE)
    worst = max(
        abs(part.estimate("norm AUC", size=s, d=int(d)).mean - float(dilation_norm_auc(d, excess=s)))
        for s in part.numbers("size") for d in part.numbers("d")
    )  # fmt: skip
    yield Finding("small_differences", worst < 0.02, "noise variance differs and spectra are ranked by their norm",
                  f"AUC of the norm alone: at most {worst:.3f} from F-cdf_d,d((1+ε)²).")  # fmt: skip


def _learned(results: Results, most: int) -> Iterator[Finding]:
    for kind, number, when in (
        (NOISE, "norm alone", "noise variance differs and a model pools the norm"),
        (NOISE, "ridge", "noise variance differs and a linear model is asked"),
        (SHIFT, "ridge", "the mean is shifted in every channel and a linear model is asked"),
    ):
        size = max(results.numbers("size"))
        d, found = _curve(results, number, kind=kind, size=size, n=most)
        grown = found[-1].above(0.6) and found[-1].mean - found[0].mean > 3 * np.hypot(found[-1].error, found[0].error)
        evidence = (
            f"{kind}, size {size:g}, n = {most:,}: {number} {found[0]} at d = {d[0]:,.0f}, {found[-1]} at d = "
            f"{d[-1]:,.0f}."
        )
        yield Finding("small_differences", bool(grown), when, evidence)


CHANNELS = Experiment(
    name="channels",
    title="Separability against the number of channels",
    what="Spectra of white noise in two classes that differ in nothing but the noise variance (relative standard "
    "deviation ε) or by a shift of ±κ standard deviations in every channel, signs drawn once. Learned from n spectra, "
    "scored on 1,000 others.",
    reading="Grey bands are the exact laws; for the learned shift, the law of learnability with known covariance. Bars "
    "are two standard errors over seeds.",
    rule="A difference becomes separable if accuracy grows from the fewest to the most channels by more than three "
    "standard errors and, for a rule that knows the truth, lies within four binomial standard errors of the law "
    "everywhere; for a learned rule, if it ends clearly above 0.6. Near-perfect means clearly above 0.95.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
