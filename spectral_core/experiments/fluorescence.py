"""Fluorescence: excitation–emission matrices, simulated and real, unfolded into features with names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.results import Results
from spectral_core.experiments.scoring import probe_accuracy
from spectral_core.experiments.sets import JUICES, RealEem, absent, is_present, load_juices
from spectral_core.features import audit_features
from spectral_core.relevance.linear_model import prepare_model
from spectral_core.relevance.maps import weight_and_pattern
from spectral_core.simulate import EemRecipe, simulate_eem
from spectral_core.simulate.eem import feature_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]
SIMULATED, REAL = "simulated", "apple juices"
MEASURED, NOTHING, CHEMISTRY, SCATTER = "origin, as measured", "nothing", "chemistry", "scattered light 10 %"
# arguments of the simulator, and the same on real matrices
_PLANTED = {
    "gain 2 %": {"gain": 0.02}, "gain 10 %": {"gain": 0.1}, "read noise 10 %": {"noise_ratio": 0.1},
    SCATTER: {"scatter_effect": 0.1},
}  # fmt: skip
_BLANK_MARGIN = 15.0  # nm


def cells(quick: bool) -> list[Cell]:
    """Simulated and real matrices × differences × seeds."""
    seeds = range(2 if quick else 20)
    planned = [(SIMULATED, what) for what in (CHEMISTRY, NOTHING, *_PLANTED)]
    if is_present(JUICES):
        planned += [(REAL, what) for what in (MEASURED, NOTHING, *_PLANTED) if what != SCATTER]
    return [Cell.of("fluorescence", source=source, difference=what, seed=s) for source, what in planned for s in seeds]


def measure(cell: Cell) -> Numbers:
    """Cross-validate the probe on all features, on emission proper and on the blank; locate the Haufe pattern."""
    what = cell.text("difference")
    if cell.text("source") == REAL:
        return _measure_juices(what, cell.seed)
    effect: dict[str, Any] = {"chemistry": 0.3} if what == CHEMISTRY else _PLANTED.get(what, {})
    drawn = simulate_eem(EemRecipe(**effect), seed=cell.seed)
    blank, band, off = drawn.blank, drawn.fluorophore(1), ~drawn.fluorophore(1, widths=4.0)
    unit = drawn.unit.astype(str)
    parts = {"blank": drawn.x[:, blank], "band": drawn.x[:, band], "off-band": drawn.x[:, off]}
    numbers = {name: probe_accuracy(x, drawn.label, unit=unit, seed=cell.seed) for name, x in parts.items()}
    numbers |= _folds(drawn.x, drawn.label, unit, cell.seed)
    numbers["relevance in the blank"] = _relevance(drawn.x, drawn.label, blank)
    return numbers | {"features in the blank": float(blank.mean())}


def _folds(x: Floats, label: Texts, unit: Texts, seed: int) -> Numbers:
    return {
        "random folds": probe_accuracy(x, label, unit=unit, seed=seed, together=False),
        "all features": probe_accuracy(x, label, unit=unit, seed=seed),
    }


def _measure_juices(what: str, seed: int) -> Numbers:
    """Real matrices as measured, audited; or labels drawn anew for whole apples, and an artefact on half of them."""
    data = load_juices()
    blank = data.emission < data.excitation - _BLANK_MARGIN
    if what == MEASURED:
        names = feature_names(data.excitation, data.emission)
        report = audit_features(
            data.x, data.label, features=names, unit=data.unit, seed=seed, n_permutations=399,
            blank={"emission at shorter wavelength than excitation": [names[i] for i in np.flatnonzero(blank)]},
        )  # fmt: skip
        told = {f"verdict {report.verdict}": 1.0, "non-zero in the blank": float((data.x[:, blank] != 0).mean())}
        return told | dict(_folds(data.x, data.label, data.unit, seed))
    rng = np.random.default_rng([seed, 31])
    apples = np.unique(data.unit)
    second = np.isin(data.unit, rng.permutation(apples)[: apples.size // 2])
    planted = _PLANTED.get(what, {})
    smooth = smoothed_emission(data)
    noise = (data.x - smooth) * (1 + planted.get("noise_ratio", 0.0) * second[:, None])
    x = (smooth + noise) * (1 + planted.get("gain", 0.0) * second[:, None])
    return _folds(x, np.where(second, "second half", "first half"), data.unit, seed)


def smoothed_emission(data: RealEem) -> Floats:
    """Smooth every emission spectrum over five wavelengths by parabolas; what is left is called noise here."""
    from scipy.signal import savgol_filter

    spectra = data.x.reshape(len(data.x), np.unique(data.emission).size, -1)
    return np.asarray(savgol_filter(spectra, 5, 2, axis=1)).reshape(len(data.x), -1)


def _relevance(x: Floats, label: Texts, region: Mask) -> float:
    """Share of the Haufe pattern inside a region, every feature on its own scale."""
    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    codes = np.unique(label, return_inverse=True)[1]
    size = np.abs(weight_and_pattern(prepare_model(scaled), codes[:, None], 2)["pattern"][:, 0])
    return float(size[region].sum() / size.sum())


def figure(results: Results) -> Figure:
    """Accuracies of all features, of the blank, and with random folds, simulated left and real right."""
    from spectral_core.experiments import drawing as draw

    sources = [str(v) for v in results.distinct("source")]
    most = max(len(results.where(source=s).distinct("difference")) for s in sources)
    made, panels = draw.new_figure(len(sources), width=4.6, height=0.4 * most + 1.7)
    for panel, source in zip(panels, sources, strict=True):
        part = results.where(source=source)
        what = [str(v) for v in part.distinct("difference")]
        height = np.arange(len(what))[::-1]
        for i, (number, thing) in enumerate((("random folds", "random folds"), ("all features", "full"),
                                             ("blank", "blank"))):  # fmt: skip
            found = [part.estimate(number, difference=w) for w in what]
            look: dict[str, Any] = {"color": draw.COLOURS[thing], "marker": draw.MARKERS[i], "markersize": 5}
            means, bars = [e.mean for e in found], [2 * e.error for e in found]
            panel.errorbar(means, height + 0.15 - 0.15 * i, xerr=bars, linestyle="", label=number, **look)
        panel.axvline(0.5, color=draw.GREY, linewidth=0.8, linestyle=":")
        panel.set_yticks(height, what, fontsize=8)
        panel.set_xlim(0.0, 1.03)
        panel.set_xlabel("balanced accuracy", fontsize=9)
        title = "simulated matrices, 48 specimens" if source == SIMULATED else "apple juices, 12 apples"
        panel.set_title(title, fontsize=9)
    draw.legend_below(made, panels[0])
    return made


def table(results: Results) -> Table:
    """All numbers."""
    names = ("random folds", "all features", "band", "off-band", "blank", "relevance in the blank")
    rows = []
    for source in (str(v) for v in results.distinct("source")):
        part = results.where(source=source)
        for what in (str(v) for v in part.distinct("difference")):
            found = [part.estimate(k, difference=what) for k in names]
            rows.append([source, what, *(str(e) if e.seeds else "–" for e in found)])
    measured = results.where(source=REAL, difference=MEASURED)
    verdicts = sorted({k for r in measured.rows for k in r.numbers if k.startswith("verdict ")})
    for verdict in verdicts:
        share = len(measured.values(verdict)) / len(measured.rows)
        rows.append([REAL, f"{MEASURED}: {verdict} in {100 * share:.0f} % of seeds", *["–"] * len(names)])
    return Table(["matrices", "what differs", *names], rows)


def findings(results: Results) -> list[Finding]:
    """Judge artefacts planted on matrices without a chemical difference, replicates, and where maps point."""
    told = []
    for source in (str(v) for v in results.distinct("source")):
        part = results.where(source=source)
        name = "simulated fluorescence" if source == SIMULATED else "fluorescence of apple juices"
        for what in (w for w in _PLANTED if w in part.distinct("difference")):
            whole, null = (part.estimate("all features", difference=w) for w in (what, NOTHING))
            blank = part.estimate("blank", difference=what)
            evidence = f"{name}, {what}: all features {whole}, without it {null}"
            evidence += f", blank {blank}." if blank.seeds else "."
            told.append(Finding("no_chemistry", whole.above(0.95), f"{what} differs in {name}", evidence))
        leak, unit = (part.estimate(k, difference=NOTHING) for k in ("random folds", "all features"))
        told.append(Finding("no_chemistry", leak.above(0.95), f"replicates of {name} straddle folds",
                            f"{name}, random labels: random folds {leak}, unit folds {unit}."))  # fmt: skip
    share, even = (results.estimate(k, source=SIMULATED, difference="gain 10 %")
                   for k in ("relevance in the blank", "features in the blank"))  # fmt: skip
    evidence = f"Haufe pattern: {share} of it in the blank, which holds {even.mean:.3f} of the features."
    when = "simulated fluorescence differs by gain 10 % (blank cells)"
    told.append(Finding("maps_astray", share.above(even.mean), when, evidence))
    return told


FLUORESCENCE = Experiment(
    name="fluorescence",
    title="Fluorescence, simulated and real",
    what="Excitation–emission matrices unfolded into features named by their wavelengths; cells with emission more "
    "than 15 nm shorter than excitation are blank by physics. Simulated: 24 specimens a class, two matrices each, "
    "three fluorophores, shot and read noise. Real: apple juices, 12 apples measured twice, as published: every cell "
    "that is blank by physics had been set to 0, so that the blank can neither convict nor acquit. For planted "
    "artefacts the labels are drawn anew for whole apples, so that no chemistry differs on average, and half of them "
    "get the artefact; read noise is what smoothing over five emission wavelengths leaves.",
    reading="Random folds against folds that keep specimens together, and, of simulated matrices, the blank alone.",
    rule="Near-perfect if the accuracy of all features, specimens together, is clearly above 0.95; of replicates, the "
    "accuracy with random folds and random labels. A map points at the blank if it gives it more than its share of "
    "features.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
    note=lambda: absent((JUICES,)),
)
