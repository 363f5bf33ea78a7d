"""Beyond spectroscopy: handwritten digits and tumour cells, features without an axis, grouped by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.experiments import growth
from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.experiment import Experiment, Finding, Table
from spectral_core.experiments.ladder import LADDER
from spectral_core.experiments.results import Estimate, Results, said
from spectral_core.experiments.scoring import balanced_accuracy
from spectral_core.features import audit_features

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
PADDED, ENLARGED, TUMOURS = "digits, padded", "digits, enlarged", "tumours, benign only"
NOISE, BRIGHTNESS = "camera noise 10 %", "brightness 5 %"
PLANTED = {"nothing": 0.0, NOISE: 0.1, BRIGHTNESS: 0.05}
# what is planted on which pictures: empty background carries noise, and brightness only a digit
_PICTURES = {PADDED: ("nothing", NOISE), ENLARGED: ("nothing", BRIGHTNESS)}
AUDITED = "digits, three or eight"
DARK = {"nothing": 0.0, "dark level 0.5": 0.5}  # grey levels, of 16
VERDICTS = ("supported", "unexplained", "artefact", "inconclusive", "no_signal")
MODELS = ("norm alone", "ridge", "SVM (RBF)")
_EDGE, _NOISE = 8, 1.0  # pixels of a digit on a side; noise in grey levels of 0 to 16


def cells(quick: bool) -> list[Cell]:
    """Image sizes × planted differences × seeds, and one set with few features."""
    edges = (8, 32) if quick else (8, 16, 32, 64, 128)
    seeds = range(2 if quick else 20)
    planned = [(name, edge, what) for name, planted in _PICTURES.items() for edge in edges for what in planted]
    planned += [(TUMOURS, 0, what) for what in PLANTED] + [(AUDITED, 16, what) for what in DARK]
    return [
        Cell.of("pixels", edition=2, set=name, edge=edge, planted=what, seed=seed)
        for name, edge, what in planned
        for seed in seeds
    ]


def measure(cell: Cell) -> Numbers:
    """Classify two random halves of one class, which differ by the camera alone; all features, and the background."""
    if cell.text("set") == AUDITED:
        return _audited(DARK[cell.text("planted")], cell.seed)
    rng = np.random.default_rng([cell.seed, 5])
    x, background = _features(cell.text("set"), cell.whole("edge"))
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


def _features(name: str, edge: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Give the rows of a set without noise, and which of their features are background."""
    if name == TUMOURS:
        return _tumours()
    if name == PADDED:
        return _digits(edge)
    digits, background = _digits(_EDGE)
    larger = np.ones((1, edge // _EDGE, edge // _EDGE))
    enlarged: Floats = np.kron(digits.reshape(-1, _EDGE, _EDGE), larger).astype(np.float64)
    return enlarged.reshape(len(digits), -1), np.repeat(background, larger.size)


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
    """Accuracy against the number of pixels: a panel a kind of pictures and a planted difference."""
    from spectral_core.experiments import drawing as draw

    shown = [(name, planted) for name, all_planted in _PICTURES.items() for planted in all_planted]
    made, panels = draw.new_figure(2, 2, width=4.3, height=2.5)
    for panel, (name, planted) in zip(panels, shown, strict=True):
        part = results.where(set=name, planted=planted)
        edges = [int(v) for v in part.numbers("edge")]
        for i, model in enumerate(MODELS):
            for where, dashed in (("all", False), ("background", True)):
                known = [e for e in edges if part.estimate(f"{model}, {where}", edge=e).seeds]
                found = [part.estimate(f"{model}, {where}", edge=e) for e in known]
                draw.draw_estimates(panel, [float(e * e) for e in known], found, colour=draw.COLOURS[model],
                                    marker=draw.MARKERS[i], dashed=dashed,
                                    label=f"{model}, {where}{' pixels' if where == 'all' else ''}")  # fmt: skip
        panel.set_title(f"{name}: {planted}", fontsize=9)
        draw.accuracy_axis(panel, low=0.3)
        draw.channels_axis(panel, [float(e * e) for e in edges], what="pixels")
    draw.legend_below(made, panels[1], columns=3)
    return made


def table(results: Results) -> Table:
    """The largest and the smallest pictures, and the set with few features."""
    rows = []
    for name, all_planted in (*_PICTURES.items(), (TUMOURS, tuple(PLANTED))):
        edges = [int(v) for v in results.where(set=name).numbers("edge")]
        for edge in sorted({edges[0], edges[-1]}):
            for planted in all_planted:
                part = results.where(set=name, edge=edge, planted=planted)
                found = [part.estimate(f"{m}, {w}") for w in ("all", "background") for m in MODELS]
                features = f"{part.estimate('features').mean:,.0f}"
                rows.append([name, features, planted, *(str(e) if e.seeds else "–" for e in found)])
    header = [f"{m}, {w}" for w in ("all", "background") for m in MODELS]
    return Table(["set", "features", "planted", *header], rows)


def findings(results: Results) -> list[Finding]:
    """Judge whether features without an axis behave alike: growth with their number, and the audit."""
    return [_growing(results, name, planted[-1]) for name, planted in _PICTURES.items()] + [_audit(results)]


def _growing(results: Results, name: str, planted: str) -> Finding:
    edges = [int(v) for v in results.where(set=name).numbers("edge")]
    model, last = _best(results, "all", set=name, edge=edges[-1], planted=planted)
    first = results.estimate(f"{model}, all", set=name, edge=edges[0], planted=planted)
    null = results.estimate(f"{model}, all", set=name, edge=edges[-1], planted="nothing")
    small, large = (results.where(set=name, edge=e, planted=planted) for e in (edges[0], edges[-1]))
    rise = growth.rise_of(f"{model}, all", fewest=small, most=large)
    other, few = _best(results, "all", set=TUMOURS, planted=planted)
    evidence = (
        f"{name}, {planted}: {model} {first} with {edges[0] ** 2} pixels, {last} with {edges[-1] ** 2:,}, nothing "
        f"planted {null}, rise {rise}; "
    )
    if large.values(f"{model}, background"):
        scalar, background = _best(results, "background", set=name, edge=edges[-1], planted=planted)
        evidence += f"background alone {background} ({scalar}); "
    evidence += f"with the 30 features of {TUMOURS}, too few for theory to expect much, {other} {few}."
    when = f"features without an axis are many and {planted} differs ({name})"
    return Finding("beyond", growth.grown(first, last, rise), when, evidence)


def _audit(results: Results) -> Finding:
    shares = {p: {v: results.estimate(f"verdict {v}", set=AUDITED, planted=p).mean for v in VERDICTS} for p in DARK}
    clean, dark = (max(shares[p], key=lambda v: shares[p][v]) for p in DARK)
    blanks = [str(results.estimate("probe, blank", set=AUDITED, planted=p)) for p in DARK]
    return Finding(
        "beyond", said(clean != "artefact" and dark == "artefact"), "the same audit is asked about pixels",
        f"{AUDITED}: mostly {clean} as they are (background {blanks[0]}), mostly {dark} with a dark level of 0.5 grey "
        f"levels in one class (background {blanks[1]}).",
    )  # fmt: skip


PIXELS = Experiment(
    name="pixels",
    title="Beyond spectroscopy",
    what="Features without an axis, grouped by name. The threes among scikit-learn's handwritten digits, halved at "
    "random, as if taken with two cameras whose noise or brightness differs a little. Noise is asked of pictures "
    "padded with empty background, which is off-band and carries noise as well; brightness, which empty background "
    "cannot carry, of pictures whose every pixel is repeated, each with noise of its own: more light. Few features "
    "for comparison: the 30 of benign tumours, halved and disturbed alike. 60 % for training. Then threes against "
    "eights, audited with the digit's pixels as band and the background as blank, as they are and with a dark level "
    "of 0.5 grey levels (of 16) in one class.",
    reading="Solid: all pixels; dashed: the background alone, where no digit is. Seeds draw the noise anew and "
    "re-split the same pictures: their errors say nothing of other pictures. Brightness is a matter of how much it "
    "varies from picture to picture; where it varies more than the cameras differ, more pixels do not help.",
    rule=f"It applies if the accuracy of the model that is best with the most pixels is {growth.RULE}. Few features "
    "are no evidence either way. The audit works on pixels if most verdicts are `artefact` with the dark level and "
    "not without it.",
    cells=cells,
    measure=measure,
    figure=figure,
    table=table,
    findings=findings,
)
