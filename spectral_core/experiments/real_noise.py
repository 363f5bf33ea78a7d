"""Real spectra: what regions without chemistry tell, and the real noise of one half transplanted on the other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spectral_core.experiments import transplant
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.growth import grown
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.real_groups import (
    FOREIGN,
    MEASURED,
    MOST_SHARED,
    OWN,
    SHOWN,
    apart,
    best_model,
    groups_of,
    is_noise,
    spectra_of,
)  # fmt: skip
from spectral_core.experiments.results import Answer, Estimate, Results, by_answer, every
from spectral_core.experiments.scoring import cross_validated, probe_accuracy
from spectral_core.experiments.sets import PAIRS, RAMAN, SPECTRA, RealSet, absent, is_present, load_set
from spectral_core.regions import locate_regions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
UNITS, ONE_SCALE = "in its own units", "on one scale"
_REGIONS = ("full", "bands", "off-band", "blank", "residual")
_SHARES = (1 / 16, 1 / 4, 1.0)  # of the quiet channels


def cells(quick: bool) -> list[Cell]:
    """Sets that are at hand as measured; and their pairs of classes × scales × shares of the channels × seeds."""
    found = []
    for name in (name for name in SPECTRA if is_present(name)):
        found += [Cell.of("real", set=name, way=MEASURED, seed=seed, edition=2) for seed in range(3 if quick else 10)]
        pairs = PAIRS[name][: SHOWN if quick else None]
        ways = [(FOREIGN, share) for share in (_SHARES[::2] if quick else _SHARES)] + [(OWN, 1.0)]
        found += [
            Cell.of("real", set=name, scale=scale, pair=", ".join(pair), way=way, share=share, seed=seed)
            for scale in ((ONE_SCALE,) if name == RAMAN else (UNITS, ONE_SCALE))
            for pair in pairs
            for way, share in ways
            for seed in range(2 if quick else max(3, 24 // len(pairs)))
        ]
    return found


def measure(cell: Cell) -> Numbers:
    """Classify a set as measured, region by region; or halves of one class that differ in their noise alone."""
    name = cell.text("set")
    if cell.text("way") == MEASURED:
        return _regions(load_set(name), cell.seed)
    axis, whole = _parted(name, cell.text("scale"))
    first, second = cell.text("pair").split(", ")
    host, guest = (first, second) if cell.seed % 2 else (second, first)
    rng = np.random.default_rng([cell.seed, 9])
    data = transplant.of_pair(whole, (host, guest), rng)
    x, half = transplant.transplanted(data, host, guest, rng, foreign=cell.text("way") == FOREIGN)
    quiet = np.flatnonzero(data.quiet)
    count = max(8, round(cell.number("share") * quiet.size))
    start = rng.integers(quiet.size - count + 1)
    kept = quiet[start : start + count]
    strengths = data.strength(host), data.strength(guest)
    return dict(_told(x, (x - transplant.smoothed(x))[:, kept], axis, kept, half.astype(str), cell.seed)) | {
        "noise ratio": max(strengths) / min(strengths),
        "channels": count,
        "spectra": float(np.isin(whole.label, (host, guest)).sum()),
        "shared": max(transplant.shared(data.noise[data.label == c][:, data.quiet], rng) for c in (host, guest)),
    }


@lru_cache(maxsize=2)
def _parted(name: str, scale: str) -> tuple[Floats, transplant.Parted]:
    data = load_set(name)
    return data.axis, transplant.part(transplant.on_one_scale(data.x) if scale == ONE_SCALE else data.x, data.label)


def _regions(data: RealSet, seed: int) -> Numbers:
    regions = locate_regions(data.axis, axis_unit="cm-1", bands=data.bands, blanks=data.blanks)
    parts = {"full": data.x, "residual": data.x - transplant.smoothed(data.x)}
    if data.bands:
        parts |= {"bands": data.x[:, regions.in_band], "off-band": data.x[:, regions.off_band]}
    if data.blanks:
        parts["blank"] = data.x[:, regions.blank]
    told = {name: probe_accuracy(x, data.label, unit=data.unit, seed=seed) for name, x in parts.items()}
    return told | {"spectra": len(data.x), "classes": np.unique(data.label).size, "channels": data.axis.size}


def _told(
    x: Floats, residual: Floats, axis: Floats, kept: npt.NDArray[np.intp], label: npt.NDArray[np.str_], seed: int
) -> Mapping[str, float]:
    """Score all models on the kept channels of spectra, or on what smoothing leaves of them."""
    svm, bayes = LADDER["SVM (RBF)"], LADDER["naive Bayes"]
    return {
        "probe": probe_accuracy(x[:, kept], label, seed=seed),
        "SVM (RBF)": cross_validated(svm(0), x[:, kept], label, seed=seed),
        "SVM (RBF) of the residual": cross_validated(svm(0), residual, label, seed=seed),
        "naive Bayes of the residual": cross_validated(bayes(0), residual, label, seed=seed),
        "noise level": probe_accuracy(transplant.noise_levels(residual, x[:, kept], axis[kept]), label, seed=seed),
    }


def figure(results: Results) -> Figure:
    """Left: regions of the sets as measured. Right: halves of one class with the noise of two."""
    from spectral_core.experiments import drawing as draw

    groups = list(groups_of(results))
    made, (left, right) = draw.new_figure(2, width=4.5, height=0.24 * len(groups) + 1.4)
    _draw_regions(left, results)
    _draw_halves(right, groups)
    for panel, columns in ((left, 3), (right, 1)):
        panel.set_xlabel("balanced accuracy", fontsize=9)
        panel.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns)
    return made


def _draw_regions(panel: Axes, results: Results) -> None:
    from spectral_core.experiments import drawing as draw

    names = [str(v) for v in results.distinct("set")]
    height = np.arange(len(names))[::-1]
    for i, number in enumerate(_REGIONS):
        found = [results.estimate(number, set=name, way=MEASURED) for name in names]
        panel.errorbar([e.mean for e in found], height + 0.24 - 0.12 * i, xerr=[2 * e.error for e in found],
                       color=draw.COLOURS[number], marker=draw.MARKERS[i], linestyle="", markersize=5,
                       label=number)  # fmt: skip
    chance = [1 / results.estimate("classes", set=name, way=MEASURED).mean for name in names]
    panel.vlines(chance, height - 0.35, height + 0.35, color=draw.COLOURS["chance"], label="chance")
    panel.set_yticks(height, [name.replace(" reference", "\nreference") for name in names], fontsize=8)
    panel.set_title("classes as measured", fontsize=9)


def _draw_halves(panel: Axes, groups: list[tuple[str, str, str, Results]]) -> None:
    from spectral_core.experiments import drawing as draw

    other, own = draw.COLOURS["other noise"], draw.COLOURS["own noise"]
    height = np.arange(len(groups))[::-1]
    for at, (*_, rows) in zip(height, groups, strict=True):
        best, fill = best_model(rows, FOREIGN)[0], other if is_noise(rows) else "white"
        shares = rows.where(way=FOREIGN).numbers("share")
        for size, share in zip(np.linspace(3, 7, len(shares)), shares, strict=True):
            e = rows.estimate(best, way=FOREIGN, share=share)
            panel.errorbar(e.mean, at + 0.15, xerr=2 * e.error, color=other, marker="o", markerfacecolor=fill,
                           markersize=size, linewidth=1)  # fmt: skip
        e = best_model(rows, OWN)[1]
        panel.errorbar(e.mean, at - 0.2, xerr=2 * e.error, color=own, marker="s", markersize=4, linewidth=1)
    labels = [f"{_short(name, pair)}, {scale.replace('in its own', 'own')}" for name, scale, pair, _ in groups]
    panel.set_yticks(height, labels, fontsize=8)
    panel.plot([], [], "o", color=other, label="noise of the other class (larger: more channels)")
    panel.plot([], [], "o", color=other, markerfacecolor="white", label="the same, but the residual is not noise")
    panel.plot([], [], "s", color=own, label="noise of the same class")
    panel.axvline(0.5, color=draw.COLOURS["chance"], linewidth=0.8, linestyle=":")
    panel.set_title("halves of one class, best of five models", fontsize=9)


def _short(name: str, pair: str) -> str:
    pair = pair.replace("FMNT-M_", "").replace("ICV_", "")
    return pair if len(PAIRS[name]) == SHOWN else name


def table(results: Results) -> Table:
    """All regions as measured, then the best model of every transplant with all quiet channels."""
    rows = []
    for name in (str(v) for v in results.distinct("set")):
        part_of = results.where(set=name, way=MEASURED)
        n, classes, channels = (round(part_of.estimate(k).mean) for k in ("spectra", "classes", "channels"))
        told = [(k, part_of.estimate(k)) for k in _REGIONS]
        rows += [
            [name, f"classes, {k}", f"{n} in {classes}", f"{1 / classes:.2f}", f"{channels:,}" if k == "full" else "",
             "probe", str(e), ""]
            for k, e in told if e.seeds
        ]  # fmt: skip
    for name, scale, pair, part_of in groups_of(results):
        (model, foreign), (_, own) = best_model(part_of, FOREIGN), best_model(part_of, OWN)
        d = part_of.estimate("channels", way=FOREIGN, share=1.0).mean
        what = f"halves, {'noise' if is_noise(part_of) else 'residual (no noise)'} of {pair} {scale}: "
        what += f"{apart(part_of)} apart, shared {part_of.estimate('shared', way=FOREIGN).mean:.1f}"
        rows.append([name, what, f"{spectra_of(part_of):.0f}", "0.50", f"{d:,.0f}", model, str(foreign), str(own)])
    header = ["set", "what is told apart", "spectra", "chance", "channels", "model", "accuracy", "with own noise"]
    return Table(header, rows)


def findings(results: Results) -> list[Finding]:
    """Judge whether real noise alone separates spectra of one class, and whether blanks separate the classes."""
    told: list[Finding] = []
    near: dict[tuple[str, str, str], Estimate] = {}
    noise = [group for group in groups_of(results) if is_noise(group[-1])]
    for name, scale in dict.fromkeys((name, scale) for name, scale, _, _ in noise):
        parts = [(pair, rows) for n, s, pair, rows in noise if (n, s) == (name, scale)]
        judged = [(_separates(rows), f"{pair} ({apart(rows)})") for pair, rows in parts]
        for answer, pairs in by_answer(judged).items():
            when = f"the real noise of two groups differs ({name}, {scale}: {pairs}) and is all that differs"
            evidence = " ".join(_evidence(pair, rows) for pair, rows in parts if f"{pair} (" in pairs)
            told.append(Finding("small_differences", answer, when, evidence))
        near |= {(name, scale, pair): best_model(rows, FOREIGN)[1].of_spectra(spectra_of(rows)) for pair, rows in parts}
    for name in dict.fromkeys(key[0] for key in near):
        best, estimate = max(((k, e) for k, e in near.items() if k[0] == name), key=lambda item: item[1].mean)
        told.append(
            Finding(
                "no_chemistry",
                estimate.against(0.95),
                f"noise alone differs ({name}, real noise)",
                f"Best of {name}, all quiet channels: {estimate}, noise of {best[2]} {best[1]}.",
            )
        )
    for name in (str(v) for v in results.distinct("set")):
        blank = results.where(set=name, way=MEASURED).estimate("blank")
        if blank.seeds:
            n = results.estimate("spectra", set=name, way=MEASURED).mean
            bound = f": all of them right excludes no more than accuracies below {0.005 ** (1 / n):.2f}"
            told.append(Finding("no_chemistry", blank.of_spectra(n).against(0.95), f"blanks alone are used ({name})",
                                f"{name}, blanks alone: {blank}, {n:.0f} spectra"
                                f"{bound if blank.mean > 0.9999 else ''}."))  # fmt: skip
    return told


def _separates(rows: Results) -> Answer:
    """Whether accuracy with the noise of the other class grows, and is above 0.6 and above that with own noise."""
    (model, last), (_, own) = best_model(rows, FOREIGN), best_model(rows, OWN)
    first = rows.estimate(model, way=FOREIGN, share=min(rows.numbers("share")))
    grows = grown(first, last.of_spectra(spectra_of(rows)), last.less(first))
    return every(grows, last.less(own).against(0.0))


def _evidence(pair: str, rows: Results) -> str:
    (model, last), (with_own, own) = best_model(rows, FOREIGN), best_model(rows, OWN)
    part_of = rows.where(way=FOREIGN)
    fewest, most = (part_of.where(share=s) for s in (min(part_of.numbers("share")), 1.0))
    few, all_of_them = (p.estimate("channels").mean for p in (fewest, most))
    return (
        f"{pair}, {spectra_of(rows):.0f} spectra: {model} {fewest.estimate(model)} with {few:,.0f} channels, {last} "
        f"with {all_of_them:,.0f}; best with noise of the same class {own} ({with_own})."
    )


REAL = Experiment(
    name="real",
    title="Real spectra and transplanted noise",
    what="Real sets as measured, cross-validated in five folds whole and region by region, and as the residual of "
    "smoothing over 15 channels, which is noise and sharp lines. Then halves of one class, split at random, so that no "
    "chemistry differs: every spectrum keeps its smooth part and gets another spectrum's noise, with random sign; the "
    "second half gets noise of the other class, or for comparison of its own. Noise is the residual of smoothing in "
    "quiet channels, where nine in ten spectra of every class stay below 2.5 of their own noise floors, less what the "
    "spectra of a class share: mean and three principal components, taken from equally many spectra of both classes. A "
    "run of a sixteenth, a quarter or all of the quiet channels is classified. Spectra are in their own units, or each "
    "was brought to one scale (5 % quantile of its smooth part to 0, 95 % quantile to 1), which makes noise stronger "
    "where the signal is weak. Raman: the classes are instruments with intensities of their own, so one scale only. "
    "Milk: 50 repeats of one sample a class, each class with the next, all pairs together. The brewed coffee ships no "
    "axis: its bands and blanks rest on an axis inferred from five known features, within a few cm⁻¹.",
    reading="Left: grey strokes are chance. Right: with noise of its own class everything should be at 0.5; what is "
    "above it with the noise of the other class is told by noise alone, small marks with the fewest channels, large "
    "ones with all, by the model best with all (growth is not steady); open marks: not noise. In the table, apart is "
    "how much stronger one noise is than the other, shared the leading component of the noise over that of the same "
    "spectra shifted along the axis. Errors are over seeds, which split the same spectra again: they are not errors of "
    "sampling spectra.",
    rule="Real noise separates if the best of five models is clearly above 0.6 with all quiet channels, clearly more "
    "than 0.02 above that with the fewest, and clearly above the best with noise of the same class; near-perfect if "
    "clearly above 0.95. Levels (0.6, 0.95) must also lie outside the exact 99 % interval of as many spectra as there "
    f'are. Where "shared" is {MOST_SHARED:g} or more, the residual is not noise (unresolved '
    "lines that vary, or interpolation): it is shown and not judged.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
    note=lambda: absent(SPECTRA),
)
