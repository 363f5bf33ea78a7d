"""Where do importance maps point? The share of relevance off-band under each artefact and under real chemistry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.artefacts import ARTEFACTS, CHEMISTRY, NOTHING, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Results
from spectral_core.experiments.scoring import balanced_accuracy
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
MAPS = ("permutation of ridge", "permutation of forest", "impurity of forest", "Haufe pattern", "VIP", "VIP above 1")
_TRAIN, _TEST, _CHANNELS, _WINDOW = 80, 100, 300, 10
_DIFFERENCES = (*ARTEFACTS, CHEMISTRY, NOTHING)


def cells(quick: bool) -> list[Cell]:
    """Differences × seeds."""
    differences = ("gain", "axis shift", "mean shift", CHEMISTRY, NOTHING) if quick else _DIFFERENCES
    return [Cell.of("maps", difference=what, seed=seed) for what in differences for seed in range(2 if quick else 20)]


def measure(cell: Cell) -> Numbers:
    """Draw every map on training spectra, and give the share of its mass off-band."""
    what = cell.text("difference")
    size = "large" if what in (CHEMISTRY, "mean shift", "noise level", "saturation") else "small"
    data = simulate(recipe_of(what, size, units=(_TRAIN + _TEST,) * 2, channels=_CHANNELS), seed=cell.seed)
    codes = (data.label == "class 2").astype(np.intp)
    train = np.arange(codes.size) % (_TRAIN + _TEST) < _TRAIN
    off = off_band_mask(data.axis, {"band": BAND})
    numbers: dict[str, float] = {"channels off-band": float(off.mean())}
    maps = _linear_maps(data.x[train], codes[train])
    for name, label in (("ridge", "ridge"), ("random forest", "forest")):
        model = LADDER[name](cell.seed).fit(data.x[train], codes[train])
        numbers[f"accuracy, {label}"] = balanced_accuracy(codes[~train], model.predict(data.x[~train]))
        maps[f"permutation of {label}"] = _permutation(model, data.x[~train], codes[~train], cell.seed)
        if label == "forest":
            maps["impurity of forest"] = model.steps[-1][1].forest_.feature_importances_
    return numbers | {name: _share(values, off) for name, values in maps.items()}


def _linear_maps(x: Floats, codes: Codes) -> dict[str, Floats]:
    from spectral_core.relevance.linear_model import prepare_model
    from spectral_core.relevance.maps import weight_and_pattern
    from spectral_core.relevance.pls_maps import count_components, vip_and_selectivity

    model = prepare_model(x)
    pattern = weight_and_pattern(model, codes[:, None], 2)["pattern"][:, 0]
    components = count_components(*x.shape)
    vip = vip_and_selectivity(model, codes[:, None], 2, components=components)["vip"][:, 0]
    return {"Haufe pattern": np.abs(pattern), "VIP": vip, "VIP above 1": (vip > 1).astype(np.float64)}


def _permutation(model: Any, x: Floats, codes: Codes, seed: int) -> Floats:
    """Loss of accuracy when a window of channels is exchanged between spectra, spread evenly over the window."""
    rng, whole = np.random.default_rng(seed), balanced_accuracy(codes, model.predict(x))
    loss = np.zeros(x.shape[1])
    for start in range(0, x.shape[1], _WINDOW):
        window = slice(start, start + _WINDOW)
        for _ in range(2):
            exchanged = x.copy()
            exchanged[:, window] = x[rng.permutation(len(x)), window]
            loss[window] += whole - balanced_accuracy(codes, model.predict(exchanged))
    return np.maximum(loss, 0.0)


def _share(values: Floats, off: npt.NDArray[np.bool_]) -> float:
    """Share of a map's mass off-band; NaN where the map is zero everywhere."""
    total = float(values.sum())
    return float(values[off].sum()) / total if total > 0 else float("nan")


def figure(results: Results) -> Figure:
    """The share of relevance off-band: a row a difference, a column a map."""
    from spectral_core.experiments import drawing as draw

    what = [str(v) for v in results.distinct("difference")]
    made, (panel,) = draw.new_figure(1, 1, width=6.6, height=0.36 * len(what) + 1.5)
    shown = ("channels off-band", *MAPS)
    values = np.array([[results.estimate(name, difference=w).mean for name in shown] for w in what])
    draw.draw_matrix(panel, values, rows=what, columns=shown, low=0.0, high=1.0)
    panel.set_ylabel("what differs", fontsize=9)
    panel.set_title("share of relevance off-band (first column: share of channels)", fontsize=9)
    return made


def table(results: Results) -> Table:
    """Accuracies and shares."""
    names = ("accuracy, ridge", "accuracy, forest", *MAPS)
    rows = [
        [w, *(str(results.estimate(name, difference=w)) for name in names)]
        for w in (str(v) for v in results.distinct("difference"))
    ]
    return Table(["what differs", *names], rows)


def findings(results: Results) -> list[Finding]:
    """Judge each difference that ridge or the forest sees: where does most relevance lie?"""
    told = []
    for what in (str(v) for v in results.distinct("difference")):
        accuracy = max((results.estimate(f"accuracy, {m}", difference=what) for m in ("ridge", "forest")),
                       key=lambda e: e.mean)  # fmt: skip
        if what == NOTHING or not accuracy.above(0.6):
            continue
        shares = {name: results.estimate(name, difference=what) for name in MAPS}
        astray = [name for name in MAPS if shares[name].above(0.5)]
        sure = [name for name in MAPS if shares[name].seeds]
        evidence = f"{what} (accuracy {accuracy}): " + ", ".join(f"{name} {shares[name]}" for name in sure)
        if what != CHEMISTRY:
            holds = len(astray) > len(sure) / 2
            told.append(Finding("maps_astray", holds, f"the classes differ by {what}", f"{evidence} off-band."))
            continue
        for name in sure:
            told.append(Finding("maps_astray", name in astray, f"only the band differs and the map is {name}",
                                f"{what} (accuracy {accuracy}): {name} {shares[name]} off-band."))  # fmt: skip
    return told


IMPORTANCE = Experiment(
    name="maps",
    title="Importance maps",
    what=f"{2 * _TRAIN} training spectra of {_CHANNELS} channels, {2 * _TEST} others; classes differ by one artefact "
    f"or by a real band. Maps: loss of accuracy when windows of {_WINDOW} channels are permuted (ridge, random "
    "forest), impurity of the forest, the Haufe pattern of ridge, VIP of PLS-DA, and the channels with VIP above 1.",
    reading="A map that points off-band under an artefact is right about its model, which uses the artefact; it is the "
    "reader who is led astray. Share of each map's mass outside the band and its guards; the first column is the share "
    "of channels there, which an even map gives.",
    rule="A map points at irrelevant regions if clearly more than half of its mass is off-band. Of an artefact that "
    "some model sees (accuracy clearly above 0.6) more than half of the maps must do so; where only the band differs, "
    "each map is judged by itself.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
