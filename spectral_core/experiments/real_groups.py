"""What was measured of real sets, put in groups: by set, scale and pair of classes, with the best model of each."""

from __future__ import annotations

from collections.abc import Iterator

from spectral_core.experiments.results import Estimate, Results
from spectral_core.experiments.sets import PAIRS

MEASURED, FOREIGN, OWN = "as measured", "noise of the other class", "noise of the same class"
MODELS = ("probe", "SVM (RBF)", "SVM (RBF) of the residual", "naive Bayes of the residual", "noise level")
MOST_SHARED = 2.0  # the most that a leading component may exceed that of shifted spectra in noise
SHOWN = 3  # pairs of a set that are shown one by one; more are taken together


def groups_of(results: Results) -> Iterator[tuple[str, str, str, Results]]:
    """Go through sets and scales, and through the pairs of classes that are shown one by one."""
    for name in (str(v) for v in results.distinct("set")):
        halves = results.where(set=name)
        for scale in (str(v) for v in halves.distinct("scale")):
            rows = halves.where(scale=scale)
            pairs = [str(v) for v in rows.distinct("pair")]
            if len(PAIRS[name]) > SHOWN:
                yield name, scale, "two classes", rows
            else:
                yield from ((name, scale, pair, rows.where(pair=pair)) for pair in pairs)


def best_model(rows: Results, way: str) -> tuple[str, Estimate]:
    """Find the best model with all quiet channels."""
    told = {m: rows.estimate(m, way=way, share=1.0) for m in MODELS}
    best = max(told, key=lambda m: told[m].mean)
    return best, told[best]


def apart(rows: Results) -> str:
    """Say how much stronger the noise of one class is than that of the other."""
    return f"{100 * (rows.estimate('noise ratio', way=FOREIGN).mean - 1):.1f} %"


def spectra_of(rows: Results) -> float:
    """Count the spectra of all pairs together; where there are many pairs, every class is in two."""
    pairs = len(rows.distinct("pair"))
    return rows.estimate("spectra", way=FOREIGN).mean * (pairs / 2 if pairs > 1 else 1)


def is_noise(rows: Results) -> bool:
    """Whether the residual is noise: its spectra share hardly more than spectra shifted along the axis do."""
    return rows.estimate("shared", way=FOREIGN).mean < MOST_SHARED
