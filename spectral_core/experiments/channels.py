"""Separability against the number of channels: differences in noise strength and diffuse shifts of the mean."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
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
from spectral_core.experiments.growth import grown
from spectral_core.experiments.ladder import LADDER, spectrum_norms
from spectral_core.experiments.results import Answer, Estimate, Results, by_answer, every, said
from spectral_core.experiments.scoring import balanced_accuracy
from spectral_core.simulate import Recipe, simulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
NOISE, SHIFT = "noise", "mean shift"
_LEARNED = {NOISE: ("norm alone", "naive Bayes", "SVM (RBF)", "ridge"), SHIFT: ("mean difference", "ridge")}
_TEST = 500  # spectra of each class that nothing was learned from
_MOST, _CURVE = 400, 1024  # spectra learned from with the most channels; channels of the curve against spectra
_SLOW = 4096  # the most channels for support vectors


def described(kind: str, size: float) -> str:
    """Say a size in words.

    Example:
        >>> described(NOISE, 0.1), described(SHIFT, 0.02)
        ('noise 10 % stronger', 'mean shifted by ±0.02 σ')
    """
    return f"noise {100 * size:g} % stronger" if kind == NOISE else f"mean shifted by ±{size:g} σ"


def cells(quick: bool) -> list[Cell]:
    """Sizes × channels × spectra × seeds; with 1,024 channels the shift is learned from more numbers of spectra."""
    sizes = (0.05, 0.1) if quick else (0.02, 0.05, 0.1)
    channels = (16, 128, _CURVE, 4096) if quick else (16, 64, 256, _CURVE, 4096, 16384)
    grid = [(kind, d, n) for kind in (NOISE, SHIFT) for d in channels for n in _numbers_of_spectra(kind, d, quick)]
    return [
        Cell.of("channels", kind=kind, size=size, d=d, n=n, seed=seed)
        for kind, d, n in grid
        for size in sizes
        for seed in range(2 if quick else 8)
    ]


def _numbers_of_spectra(kind: str, d: int, quick: bool) -> tuple[int, ...]:
    if d > _SLOW:
        return (_MOST,)
    if quick:
        return (50, _MOST) if kind == SHIFT else (_MOST,)
    if kind == NOISE:
        return (50, _MOST)
    return (50, 100, 200, _MOST, 800, 1600) if d == _CURVE else (50, _MOST, 1600)


def measure(cell: Cell) -> Numbers:
    """Draw white spectra of two classes; score rules that know the truth and rules learned from n spectra."""
    kind, size, d, n = cell.text("kind"), cell.number("size"), cell.whole("d"), cell.whole("n")
    effect: dict[str, Any] = {"noise_ratio": size} if kind == NOISE else {"diffuse": size}
    recipe = Recipe(units=(n // 2 + _TEST,) * 2, channels=d, noise=1.0, specimen=0.0, peaks=(), floor=0.0, **effect)
    data = simulate(recipe, seed=cell.stream)
    codes = (data.label == "class 2").astype(np.intp)
    train = np.arange(codes.size) % (n // 2 + _TEST) >= _TEST
    models = {"norm alone", "ridge"} | ({"naive Bayes"} if kind == NOISE else set())
    models |= {"SVM (RBF)"} if kind == NOISE and n == _MOST and d <= _SLOW else set()
    numbers = {
        name: balanced_accuracy(codes[~train], LADDER[name](0).fit(data.x[train], codes[train]).predict(data.x[~train]))
        for name in sorted(models)
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


def learnable(size: float, n: float, d: Floats) -> Floats:
    """Give the law of learnability of a shift by ±size standard deviations in each of d channels, from n spectra."""
    return np.array([float(learnable_accuracy(n, distance=size * np.sqrt(v), channels=v)) for v in np.atleast_1d(d)])


def _curve(results: Results, number: str, **wanted: str | float | int) -> tuple[list[float], list[Estimate]]:
    """Follow a number over the channels with which it was measured."""
    found = [(d, results.estimate(number, d=int(d), **wanted)) for d in results.where(**wanted).numbers("d")]
    return [d for d, e in found if e.seeds], [e for _, e in found if e.seeds]


def figure(results: Results) -> Figure:
    """Above noise, below shifts: rules that know the truth, rules learned from 400 spectra, and what decides them."""
    from spectral_core.experiments import drawing as draw

    made, panels = draw.new_figure(3, 2, width=3.0, height=2.7)
    sizes, ticks = results.numbers("size"), results.numbers("d")
    grid = np.geomspace(ticks[0], ticks[-1], 200)
    for row, kind in enumerate((NOISE, SHIFT)):
        for i, size in enumerate(sizes):
            look: dict[str, Any] = {"colour": draw.SHADES[i], "marker": draw.MARKERS[i]}
            label = f"noise {100 * size:g} % stronger, or shift ±{size:g} σ"
            draw.draw_law(panels[3 * row], grid, _law(kind, size, grid))
            draw.draw_estimates(
                panels[3 * row], *_curve(results, "known rule", kind=kind, size=size), label=label, **look
            )
        panels[3 * row].set_title(f"{kind}: rule that knows the difference", fontsize=9)
    for panel, size in ((panels[1], sizes[0]), (panels[2], sizes[-1])):
        for marker, name in zip(draw.MARKERS, _LEARNED[NOISE], strict=False):
            told = _curve(results, name, kind=NOISE, size=size, n=_MOST)
            draw.draw_estimates(panel, *told, label=name, colour=draw.COLOURS[name], marker=marker)
        panel.set_title(f"{described(NOISE, size)}, n = {_MOST}", fontsize=9)
    _draw_shift(panels[4], panels[5], results)
    for panel in panels:
        draw.accuracy_axis(panel)
        if panel is not panels[5]:
            draw.channels_axis(panel, ticks)
            panel.tick_params(axis="x", labelrotation=40)
    sizes_and_models = [panel.get_legend_handles_labels() for panel in (panels[0], panels[2])]
    handles, labels = (list(chain(*kind)) for kind in zip(*sizes_and_models, strict=True))
    made.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return made


def _draw_shift(against_d: Axes, against_n: Axes, results: Results) -> None:
    """Draw what is learned of a shift: against channels from 400 spectra, and against spectra with 1,024 channels."""
    from spectral_core.experiments import drawing as draw

    for i, size in enumerate(results.numbers("size")):
        look: dict[str, Any] = {"colour": draw.SHADES[i], "marker": draw.MARKERS[i]}
        wanted = results.where(kind=SHIFT, size=size)
        d, found = _curve(wanted, "mean difference", n=_MOST)
        grid = np.geomspace(d[0], d[-1], 200)
        draw.draw_law(against_d, grid, learnable(size, _MOST, grid))
        draw.draw_estimates(against_d, d, found, label="", **look)
        draw.draw_estimates(against_d, *_curve(wanted, "ridge", n=_MOST), label="", dashed=True, **look)
        n = wanted.where(d=_CURVE).numbers("n")
        grid = np.geomspace(n[0], n[-1], 100)
        draw.draw_law(against_n, grid, np.array([learnable(size, v, np.array([_CURVE]))[0] for v in grid]))
        for name, dashed in (("mean difference", False), ("ridge", True)):
            told = [wanted.estimate(name, d=_CURVE, n=int(v)) for v in n]
            draw.draw_estimates(against_n, n, told, label="", dashed=dashed, **look)
    against_d.set_title(f"n = {_MOST}: mean difference –, ridge - -", fontsize=9)
    against_n.set_title(f"d = {_CURVE:,}: mean difference –, ridge - -", fontsize=9)
    draw.channels_axis(against_n, n, what="spectra learned from, n")


def table(results: Results) -> Table:
    """All numbers of spectra with the most channels that they were measured with, and the curve against spectra."""
    names = ("known rule", "norm alone", "naive Bayes", "SVM (RBF)", "ridge", "mean difference")
    rows = []
    for kind in (NOISE, SHIFT):
        for size in results.numbers("size"):
            for n in (int(v) for v in results.where(kind=kind, size=size).numbers("n")):
                part = results.where(kind=kind, size=size, n=n)
                d = int(max(part.numbers("d")))
                told = [_with_most(part, name, d) for name in names]
                rows.append([described(kind, size), f"{n:,}", f"{d:,}", *told])
    return Table(["difference", "spectra n", "channels d", *names], rows)


def _with_most(rows: Results, name: str, most: int) -> str:
    """Write an accuracy with the most channels that it was measured with, naming them where they are fewer."""
    d, found = _curve(rows, name)
    return "–" if not d else f"{found[-1]} (d = {d[-1]:,.0f})" if d[-1] < most else str(found[-1])


def findings(results: Results) -> list[Finding]:
    """Judge growth with channels, agreement with the laws, and what can be learned."""
    told = [*_laws(results), _learnability(results)]
    for kind, names in _LEARNED.items():
        for name in names:
            judged = [_learned(results.where(kind=kind, size=size, n=n), name, described(kind, size), n)
                      for size in results.numbers("size") for n in _tried(results, kind)]  # fmt: skip
            for answer, what in by_answer((answer, what) for answer, what, _ in judged).items():
                evidence = "; ".join(numbers for a, _, numbers in judged if a == answer)
                told.append(Finding("small_differences", answer, f"{name} learns it ({what})", f"{evidence}."))
    d = int(max(results.where(kind=NOISE).numbers("d")))
    best = {s: results.estimate("norm alone", kind=NOISE, size=s, n=_MOST, d=d) for s in results.numbers("size")}
    for answer, what in by_answer((e.against(0.95), described(NOISE, s)) for s, e in best.items()).items():
        evidence = "; ".join(f"{described(NOISE, s)}: {e}" for s, e in best.items() if e.against(0.95) == answer)
        told.append(Finding("no_chemistry", answer, f"a model pools the norm of many channels ({what})",
                            f"Norm alone, n = {_MOST}, d = {d:,}: {evidence}."))  # fmt: skip
    return told


def _tried(results: Results, kind: str) -> list[int]:
    """List the numbers of spectra that growth is judged with: noise with one, a shift with all that have a curve."""
    found = [int(n) for n in results.where(kind=kind).numbers("n")]
    return [n for n in found if n == _MOST or (kind == SHIFT and len(results.where(kind=kind, n=n).distinct("d")) > 1)]


def _learned(rows: Results, name: str, what: str, n: int) -> tuple[Answer, str, str]:
    d, found = _curve(rows, name)
    answer = grown(found[0], found[-1], found[-1].less(found[0]))
    evidence = f"{what}, n = {n:,}: {found[0]} at d = {d[0]:,.0f}, {found[-1]} at d = {d[-1]:,.0f}"
    return answer, f"{what}, from {n:,} spectra, up to {d[-1]:,.0f} channels", evidence


def _laws(results: Results) -> Iterator[Finding]:
    for kind, when in (
        (NOISE, "noise is stronger and by how much is known"),
        (SHIFT, "the mean is shifted in every channel and the direction is known"),
    ):
        gaps, answers, last = [], [], []
        for size in results.numbers("size"):
            d, found = _curve(results, "known rule", kind=kind, size=size)
            gaps += [_errors_off(e, float(_law(kind, size, np.array(at)))) for at, e in zip(d, found, strict=True)]
            answers.append(grown(found[0], found[-1], found[-1].less(found[0])))
            last.append(f"{described(kind, size)}: {found[0]} at d = {d[0]:,.0f}, {found[-1]} at d = {d[-1]:,.0f}")
        evidence = f"{'; '.join(last)}; at most {max(gaps):.1f} binomial standard errors from the law."
        yield Finding("small_differences", every(*answers, said(max(gaps) < 4)), when, evidence)
    part = results.where(kind=NOISE)
    worst = max(
        abs(part.estimate("norm AUC", size=s, d=int(d)).mean - float(dilation_norm_auc(d, excess=s)))
        for s in part.numbers("size") for d in part.numbers("d")
    )  # fmt: skip
    yield Finding("small_differences", said(worst < 0.02), "noise is stronger and spectra are ranked by their norm",
                  f"AUC of the norm alone: at most {worst:.3f} from F-cdf_d,d((1+ε)²).")  # fmt: skip


def _errors_off(found: Estimate, law: float) -> float:
    """Count binomial errors of all test spectra together: the error of few seeds is itself uncertain."""
    return abs(found.mean - law) / float(np.sqrt(0.25 / (2 * _TEST * found.seeds)))


def _learnability(results: Results) -> Finding:
    """Judge whether what is learned of a shift grows with channels and spectra as the law of learnability says."""
    part, told, gaps, answers = results.where(kind=SHIFT), [], [], []
    for size in part.numbers("size"):
        curve = part.where(size=size, d=_CURVE)
        n = [int(v) for v in curve.numbers("n")]
        few, many = (curve.estimate("mean difference", n=v) for v in (n[0], n[-1]))
        answers.append(many.less(few).against(0.0))
        told.append(f"{described(SHIFT, size)}: {few} from {n[0]} spectra, {many} from {n[-1]:,}")
        for m in {*_tried(results, SHIFT), *n}:
            d, found = _curve(part, "mean difference", size=size, n=m)
            law = learnable(size, m, np.array(d))
            gaps += [_errors_off(e, float(expected)) for e, expected in zip(found, law, strict=True)]
    evidence = f"Mean difference, d = {_CURVE:,}: {'; '.join(told)}; at most {max(gaps):.1f} binomial standard errors "
    when = "there are enough spectra to learn the direction of a shift"
    return Finding("small_differences", every(*answers, said(max(gaps) < 4)), when,
                   f"{evidence}from the law of learnability, for all channels and spectra.")  # fmt: skip


CHANNELS = Experiment(
    name="channels",
    title="Separability against the number of channels",
    what="Spectra of white noise in two classes that differ in nothing but the strength of the noise (its standard "
    "deviation is larger by ε: 10 % stronger is 21 % in variance) or by a shift of ±κ standard deviations σ in every "
    f"channel, signs drawn once. Learned from n spectra, scored on {2 * _TEST:,} others. SVM (RBF) up to "
    f"{_SLOW:,} channels.",
    reading="Grey bands are the exact laws; for what is learned of a shift, the law of learnability with known "
    "covariance, which is that of the mean difference (full lines); ridge is dashed. Bars are two standard errors over "
    "seeds.",
    rule="A difference becomes separable with channels if the accuracy is clearly above 0.6 with the most and "
    "clearly more than 0.02 above that with the fewest; every size is judged. A rule that knows the truth, and the "
    "learned mean difference, must also lie within four binomial standard errors of their law everywhere. Near-perfect "
    "means clearly above 0.95.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
