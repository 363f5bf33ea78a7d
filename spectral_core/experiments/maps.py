"""Where do importance maps point? Relevance in the band, against chance, under each artefact and real chemistry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.artefacts import ARTEFACTS, CHEMISTRY, NOTHING, described, recipe_of
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Answer, Estimate, Results
from spectral_core.experiments.scoring import balanced_accuracy
from spectral_core.regions import off_band_mask
from spectral_core.simulate import BAND, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
MODELS: Mapping[str, str] = {"ridge": "ridge", "forest": "random forest", "PLS-DA": "PLS-DA"}
# each map and the model that it explains
MAPS: Mapping[str, str] = {
    "permutation of ridge": "ridge", "permutation of forest": "forest", "impurity of forest": "forest",
    "Haufe pattern": "ridge", "VIP²": "PLS-DA",
}  # fmt: skip
CHANCE = "even map"
OFF, FLAT, IN, BLIND = "off-band", "flat", "in the band", "–"
_TRAIN, _TEST, _CHANNELS, _WINDOW = 80, 100, 300, 10
_DIFFERENCES = (*ARTEFACTS, CHEMISTRY, NOTHING)
_LARGE = (CHEMISTRY, "mean shift", "noise level", "saturation")


def cells(quick: bool) -> list[Cell]:
    """Differences × seeds."""
    what = ("gain", "axis shift", "mean shift", CHEMISTRY, NOTHING) if quick else _DIFFERENCES
    return [Cell.of("maps", edition=2, difference=w, seed=s) for w in what for s in range(2 if quick else 20)]


def _size(what: str) -> str:
    return "large" if what in _LARGE else "small"


def measure(cell: Cell) -> Numbers:
    """Draw every map on training spectra, and give the share of its mass in the band."""
    what = cell.text("difference")
    recipe = recipe_of(what, _size(what), units=(_TRAIN + _TEST,) * 2, channels=_CHANNELS)
    data = simulate(recipe, seed=cell.seed)
    codes = (data.label == "class 2").astype(np.intp)
    train = np.arange(codes.size) % (_TRAIN + _TEST) < _TRAIN
    windows = [np.arange(start, start + _WINDOW) for start in range(0, _CHANNELS, _WINDOW)]
    parts = (data.axis >= BAND[0]) & (data.axis <= BAND[1]), off_band_mask(data.axis, {"band": BAND})
    return shares_of_maps((data.x[train], codes[train]), (data.x[~train], codes[~train]), parts, windows, cell.seed)


def shares_of_maps(
    train: tuple[Floats, Codes],
    test: tuple[Floats, Codes],
    parts: tuple[Mask, Mask],
    windows: Sequence[Codes],
    seed: int,
) -> dict[str, float]:
    """Fit the models of all maps and give their accuracies and each map's share of mass in the band.

    Args:
        train: n × d values and n class codes that models are fitted to.
        test: Others, on which accuracy and the loss by permutation are taken.
        parts: d features in the band, and d features off-band; guards are in neither and do not count.
        windows: Features that are permuted together; each feature in one of them.
        seed: Seed of forest and permutations.

    Returns:
        `accuracy, <model>`, the share of every map, NaN where a map is zero everywhere, and that of an even map.
    """
    band, off = parts
    numbers: dict[str, float] = {CHANCE: float(band.sum() / (band | off).sum())}
    maps = _linear_maps(*train)
    for label, name in MODELS.items():
        model = LADDER[name](seed).fit(*train)
        numbers[f"accuracy, {label}"] = balanced_accuracy(test[1], model.predict(test[0]))
        if label != "PLS-DA":
            maps[f"permutation of {label}"] = _permutation(model, *test, windows, seed)
        if label == "forest":
            maps["impurity of forest"] = model.steps[-1][1].forest_.feature_importances_
    return numbers | {name: share_inside(values[band | off], band[band | off]) for name, values in maps.items()}


def _linear_maps(x: Floats, codes: Codes) -> dict[str, Floats]:
    """Size of the Haufe pattern, and VIP²: the squares are what sums to the number of features."""
    from spectral_core.relevance.linear_model import prepare_model
    from spectral_core.relevance.maps import weight_and_pattern
    from spectral_core.relevance.pls_maps import count_components, vip_and_selectivity

    model = prepare_model(x)
    pattern = weight_and_pattern(model, codes[:, None], 2)["pattern"][:, 0]
    vip = vip_and_selectivity(model, codes[:, None], 2, components=count_components(*x.shape))["vip"][:, 0]
    return {"Haufe pattern": np.abs(pattern), "VIP²": vip**2}


def _permutation(model: Any, x: Floats, codes: Codes, windows: Sequence[Codes], seed: int) -> Floats:
    """Loss of accuracy when a window is exchanged between spectra, spread evenly over the window."""
    rng, whole = np.random.default_rng(seed), balanced_accuracy(codes, model.predict(x))
    loss = np.zeros(x.shape[1])
    for window in windows:
        for _ in range(2):
            exchanged = x.copy()
            exchanged[:, window] = x[rng.permutation(len(x))][:, window]
            loss[window] += (whole - balanced_accuracy(codes, model.predict(exchanged))) / window.size
    return np.maximum(loss, 0.0)


def share_inside(values: Floats, inside: Mask) -> float:
    """Give the share of a map's mass inside a mask; NaN where the map is zero everywhere.

    Example:
        >>> share_inside(np.array([1.0, 3.0]), np.array([True, False]))
        0.25
    """
    total = float(values.sum())
    return float(values[inside].sum()) / total if total > 0 else float("nan")


def agreement(results: Results, name: str, what: str) -> Estimate:
    """Correct a map's share in the band for chance: (share − π)/(1 − π), π the share of channels there."""
    share, even = (results.estimate(k, difference=what) for k in (name, CHANCE))
    room = 1 - even.mean
    return Estimate((share.mean - even.mean) / room, share.error / room, share.seeds)


def pointing(results: Results, name: str, what: str) -> tuple[str, Answer]:
    """Say where a map points, and whether that is off-band.

    Relevance in the band is compared with that of an even map and with what the same map gives it when nothing is
    planted. Clearly less than both: the map points off-band. Clearly more than both: it points in the band. Else it
    is flat and points nowhere; that this is not off-band is clear if the band has clearly more than half of what an
    even map gives it. A map of a model that is not clearly above chance has nothing to explain.
    """
    share, null = (results.estimate(name, difference=w) for w in (what, NOTHING))
    seen = results.estimate(f"accuracy, {MAPS[name]}", difference=what).above(0.5)
    if not (seen and share.seeds and null.seeds):
        return BLIND, "undecided"
    even = results.estimate(CHANCE, difference=what).mean
    change = share.less(null)
    if change.below(0.0) and share.below(even):
        return OFF, "yes"
    if change.above(0.0) and share.above(even):
        return IN, "no"
    return FLAT, "no" if share.above(even / 2) else "undecided"


def judge_maps(results: Results, differences: Mapping[str, str], where: str) -> list[Finding]:
    """Judge each map under each difference; maps that do alike share a finding.

    Args:
        results: Rows with the shares of maps, `nothing` among the differences.
        differences: Difference as it is stored, to its name with its size.
        where: What was measured, as it reads after "in".
    """
    told = []
    for what, words in differences.items():
        found = {name: pointing(results, name, what) for name in MAPS}
        only = "only the band differs" if what == CHEMISTRY else f"the classes differ by {words}"
        seen = [name for name in MAPS if found[name][0] != BLIND]
        for answer in ("yes", "no", "undecided"):
            alike = [name for name in seen if found[name][1] == answer]
            numbers = [f"{name} {found[name][0]}, {agreement(results, name, what)}, nothing planted "
                       f"{agreement(results, name, NOTHING)}" for name in alike]  # fmt: skip
            if alike:
                when = f"{only} in {where} and the map is {', '.join(alike)}"
                told.append(Finding("maps_astray", answer, when, f"{words}: {'; '.join(numbers)}."))
        if not seen:
            evidence = (
                f"{words}: none of {', '.join(MODELS)} is clearly above chance, so that no map explains anything."
            )
            told.append(Finding("maps_astray", "undecided", f"{only} in {where}", evidence))
    return told


def figure(results: Results) -> Figure:
    """Chance-corrected relevance in the band and where that points: a row a difference, a column a map."""
    from spectral_core.experiments import drawing as draw

    what = [str(v) for v in results.distinct("difference")]
    made, (panel,) = draw.new_figure(1, 1, width=6.8, height=0.46 * len(what) + 1.5)
    values = np.array([[agreement(results, name, w).mean for name in MAPS] for w in what])
    draw.draw_matrix(panel, values, rows=[_words(w) for w in what], columns=list(MAPS), low=-0.2, high=1.0)
    panel.set_ylabel("what differs", fontsize=9)
    for (i, j), value in np.ndenumerate(values):
        word = pointing(results, list(MAPS)[j], what[i])[0] if what[i] != NOTHING else ""
        panel.text(j, i + 0.3, word, ha="center", va="center", fontsize=8, color="white" if value < 0.4 else "black")
    panel.set_title("relevance in the band, chance-corrected: 0 even, 1 all of it", fontsize=9)
    return made


def _words(what: str) -> str:
    return described(what, _size(what)) if what in ARTEFACTS else what


def table(results: Results) -> Table:
    """Accuracies, and each map's relevance in the band with where it points."""
    rows = []
    for w in (str(v) for v in results.distinct("difference")):
        pointed = [f"{agreement(results, name, w)}, {pointing(results, name, w)[0]}" for name in MAPS]
        if w == NOTHING:
            pointed = [str(agreement(results, name, w)) for name in MAPS]
        rows.append([_words(w), *(str(results.estimate(f"accuracy, {m}", difference=w)) for m in MODELS), *pointed])
    return Table(["what differs", *(f"accuracy, {m}" for m in MODELS), *MAPS], rows)


def findings(results: Results) -> list[Finding]:
    """Judge each difference of the simulated spectra."""
    named = {str(w): _words(str(w)) for w in results.distinct("difference") if w != NOTHING}
    return judge_maps(results, named, "simulated spectra")


IMPORTANCE = Experiment(
    name="maps",
    title="Importance maps",
    what=f"{2 * _TRAIN} training spectra of {_CHANNELS} channels, {2 * _TEST} others; classes differ by one artefact "
    f"or by a real band. Maps: loss of accuracy when windows of {_WINDOW} channels are permuted (ridge, random "
    "forest), impurity of the forest, the Haufe pattern of ridge, and VIP² of PLS-DA, whose sum is the number of "
    "channels.",
    reading="Share of each map's mass in the band, corrected for chance: (share − π)/(1 − π), π the share of channels "
    "there; the guards beside the band count for neither side. 0 is an even map; nothing at all in the band is the "
    "lowest possible value, −π/(1 − π), about −0.04. The last row, nothing planted, is what a map looks like that has "
    "nothing to show. A map that points off-band under an artefact is right about its model, which uses the artefact; "
    "it is the reader who is led astray. One that points in the band under an artefact misleads in another way: it "
    "shows declared chemistry where the instrument differs; the tallest peak, which is in the band, feels an axis "
    "shift or clipping most. A dash: its model is not clearly above chance.",
    rule="Each map is compared with an even one and with the same map where nothing is planted. It points off-band "
    "if the band has clearly less relevance than in both, in the band if clearly more than in both, and is flat, "
    "pointing nowhere, if neither. Only off-band counts as pointing at irrelevant regions: a flat map has most of "
    "its mass off-band because most channels are there, and shows no region. Flat counts against the statement only "
    "if the band clearly has more than half of what an even map gives it, else it is undecided. Each map is judged "
    "by itself, and only if its model is clearly above chance.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
