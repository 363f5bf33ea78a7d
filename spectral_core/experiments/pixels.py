"""Beyond spectroscopy: handwritten digits and tumour cells, features without an axis, grouped by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Estimate, Results
from spectral_core.experiments.scoring import balanced_accuracy
from spectral_core.features import audit_features

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
DIGITS, TUMOURS = "digits, one numeral", "tumours, benign only"
PLANTED = {"nothing": 0.0, "camera noise 10 %": 0.1, "brightness 1 %": 0.01}
AUDITED = "digits, three or eight"
DARK = {"nothing": 0.0, "dark level 0.5": 0.5}  # grey levels, of 16
VERDICTS = ("supported", "unexplained", "artefact", "inconclusive", "no_signal")
MODELS = ("norm alone", "ridge", "SVM (RBF)")
_EDGE, _NOISE = 8, 1.0  # pixels of a digit on a side; noise in grey levels of 0 to 16


def cells(quick: bool) -> list[Cell]:
    """Image sizes × planted differences × seeds, and one set with few features."""
    edges = (8, 32, 64) if quick else (8, 16, 32, 64, 128)
    seeds = range(2 if quick else 10)
    planned = [(DIGITS, edge) for edge in edges] + [(TUMOURS, 0)]
    halves = [Cell.of("pixels", set=s, edge=e, planted=p, seed=i) for s, e in planned for p in PLANTED for i in seeds]
    return halves + [Cell.of("pixels", set=AUDITED, edge=16, planted=p, seed=i) for p in DARK for i in seeds]


def measure(cell: Cell) -> Numbers:
    """Classify two random halves of one class, which differ by the camera alone; all features, and the background."""
    if cell.text("set") == AUDITED:
        return _audited(DARK[cell.text("planted")], cell.seed)
    rng = np.random.default_rng([cell.seed, 5])
    x, background = _digits(cell.whole("edge")) if cell.text("set") == DIGITS else _tumours()
    x = x[rng.permutation(len(x))]
    second = np.arange(len(x)) % 2
    planted = cell.text("planted")
    noise = PLANTED[planted] if "noise" in planted else 0.0
    bright = PLANTED[planted] if "bright" in planted else 0.0
    x = x * (1 + bright * second[:, None])
    x = x + rng.normal(size=x.shape) * (_NOISE * (1 + noise * second))[:, None]
    train = np.arange(len(x)) < 0.6 * len(x)
    numbers: dict[str, float] = {"features": float(x.shape[1])}
    for where, mask in (("all", np.ones(x.shape[1], dtype=np.bool_)), ("background", background)):
        for name in MODELS if mask.any() else ():
            model: Any = LADDER[name](0).fit(x[train][:, mask], second[train])
            numbers[f"{name}, {where}"] = balanced_accuracy(second[~train], model.predict(x[~train][:, mask]))
    return numbers


def _audited(dark: float, seed: int) -> Numbers:
    """Audit threes against eights: the pixels of the digit are the band, the background is the blank."""
    rng = np.random.default_rng([seed, 6])
    threes, background = _digits(16, 3)
    eights, _ = _digits(16, 8)
    x = np.vstack([threes, eights + dark])
    x = x + rng.normal(size=x.shape) * _NOISE
    names = [f"row {i // 16} column {i % 16}" for i in range(x.shape[1])]
    groups = [
        [name for name, outside in zip(names, background, strict=True) if outside == one] for one in (False, True)
    ]
    report = audit_features(
        x, np.repeat(["three", "eight"], [len(threes), len(eights)]), features=names, bands={"digit": groups[0]},
        blank={"background": groups[1]}, unit=np.arange(len(x)), n_permutations=199, seed=seed,
    )  # fmt: skip
    probes = report.to_dict()["variants"][0]["probes"]
    shares = {f"verdict {verdict}": float(report.verdict == verdict) for verdict in VERDICTS}
    return {f"probe, {k}": probes[k]["balanced_accuracy"] for k in ("full", "bands", "blank")} | shares


def _digits(edge: int, numeral: int = 3) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """One numeral of scikit-learn's digits in the middle of an image; background: outside the 8 × 8 pixels."""
    from sklearn.datasets import load_digits

    images, names = load_digits(return_X_y=True)
    threes = np.asarray(images[names == numeral]).reshape(-1, _EDGE, _EDGE)
    at = (edge - _EDGE) // 2
    padded = np.zeros((len(threes), edge, edge))
    padded[:, at : at + _EDGE, at : at + _EDGE] = threes
    background = np.ones((edge, edge), dtype=np.bool_)
    background[at : at + _EDGE, at : at + _EDGE] = False
    return padded.reshape(len(threes), -1), background.ravel()


def _tumours() -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Thirty standardised features of benign tumours; there is no background."""
    from sklearn.datasets import load_breast_cancer

    x, benign = load_breast_cancer(return_X_y=True)
    x = np.asarray(x)[benign == 1]
    return (x - x.mean(axis=0)) / x.std(axis=0), np.zeros(x.shape[1], dtype=np.bool_)


def _best(results: Results, where: str, **wanted: str | int) -> tuple[str, Estimate]:
    part = {m: results.estimate(f"{m}, {where}", **wanted) for m in MODELS}
    known = {m: e for m, e in part.items() if e.seeds}
    best = max(known, key=lambda m: known[m].mean)
    return best, known[best]


def figure(results: Results) -> Figure:
    """Accuracy against the number of pixels: a panel a planted difference."""
    from spectral_core.experiments import drawing as draw

    made, panels = draw.new_figure(len(PLANTED), width=3.2, height=2.9)
    for panel, planted in zip(panels, PLANTED, strict=True):
        part = results.where(set=DIGITS, planted=planted)
        edges = [int(v) for v in part.numbers("edge")]
        for i, model in enumerate(MODELS):
            for where, dashed in (("all", False), ("background", True)):
                shown = [e for e in edges if part.estimate(f"{model}, {where}", edge=e).seeds]
                found = [part.estimate(f"{model}, {where}", edge=e) for e in shown]
                draw.draw_estimates(panel, [float(e * e) for e in shown], found, colour=draw.COLOURS[model],
                                    marker=draw.MARKERS[i], dashed=dashed,
                                    label=f"{model}, {where}{' pixels' if where == 'all' else ''}")  # fmt: skip
        panel.set_title(planted, fontsize=9)
        draw.accuracy_axis(panel, low=0.3)
        draw.channels_axis(panel, [float(e * e) for e in edges], what="pixels")
    draw.legend_below(made, panels[0], columns=3)
    return made


def table(results: Results) -> Table:
    """The largest image, the digits alone, and the set with few features."""
    rows = []
    edges = [int(v) for v in results.where(set=DIGITS).numbers("edge")]
    for name, edge in ((DIGITS, edges[0]), (DIGITS, edges[-1]), (TUMOURS, 0)):
        for planted in PLANTED:
            part = results.where(set=name, edge=edge, planted=planted)
            found = [part.estimate(f"{m}, {w}") for w in ("all", "background") for m in MODELS]
            features = f"{part.estimate('features').mean:,.0f}"
            rows.append([name, features, planted, *(str(e) if e.seeds else "–" for e in found)])
    header = [f"{m}, {w}" for w in ("all", "background") for m in MODELS]
    return Table(["set", "features", "planted", *header], rows)


def findings(results: Results) -> list[Finding]:
    """Judge whether features without an axis behave alike: growth with their number, and the background alone."""
    told = []
    edges = [int(v) for v in results.where(set=DIGITS).numbers("edge")]
    for planted in list(PLANTED)[1:]:
        model, last = _best(results, "all", set=DIGITS, edge=edges[-1], planted=planted)
        first = results.estimate(f"{model}, all", set=DIGITS, edge=edges[0], planted=planted)
        null = _best(results, "all", set=DIGITS, edge=edges[-1], planted="nothing")[1]
        grows = last.above(0.6) and last.mean - max(first.mean, null.mean) > 3 * np.hypot(last.error, null.error)
        background = _best(results, "background", set=DIGITS, edge=edges[-1], planted=planted)
        told.append(Finding(
            "beyond", bool(grows), f"{planted} differs and pixels are many",
            f"{DIGITS}, {planted}: {model} {first} with {edges[0] ** 2} pixels, {last} with {edges[-1] ** 2:,}; "
            f"background alone {background[1]} ({background[0]}); nothing planted {null}.",
        ))  # fmt: skip
        model, few = _best(results, "all", set=TUMOURS, planted=planted)
        told.append(Finding("beyond", few.above(0.6), f"{planted} differs and features are 30",
                            f"{TUMOURS}, {planted}: {model} {few}."))  # fmt: skip
    shares = {p: {v: results.estimate(f"verdict {v}", set=AUDITED, planted=p).mean for v in VERDICTS} for p in DARK}
    clean, dark = (max(shares[p], key=lambda v: shares[p][v]) for p in DARK)
    blanks = [str(results.estimate("probe, blank", set=AUDITED, planted=p)) for p in DARK]
    told.append(Finding(
        "beyond", clean != "artefact" and dark == "artefact", "the same audit is asked about pixels",
        f"{AUDITED}: mostly {clean} as they are (background {blanks[0]}), mostly {dark} with a dark level of 0.5 grey "
        f"levels in one class (background {blanks[1]}).",
    ))  # fmt: skip
    return told


PIXELS = Experiment(
    name="pixels",
    title="Beyond spectroscopy",
    what="Features without an axis, grouped by name. The threes among scikit-learn's handwritten digits, halved at "
    "random, as if taken with two cameras whose noise or brightness differs a little; the image is made larger by "
    "empty background, which is off-band. And 30 features of benign tumours, halved and disturbed alike. 60 % for "
    "training. Then threes against eights, audited with the digit's pixels as band and the background as blank, as "
    "they are and with a dark level of 0.5 grey levels (of 16) in one class.",
    reading="Solid: all pixels; dashed: the background alone, where no digit is.",
    rule="It applies if the best model with the most pixels is clearly above 0.6 and more than three standard errors "
    "above both the fewest pixels and nothing planted; with few features, if clearly above 0.6. The audit works on "
    "pixels if most verdicts are `artefact` with the dark level and not without it.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
