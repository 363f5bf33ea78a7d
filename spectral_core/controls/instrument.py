"""Does the instrument tell the classes apart? Gain, axis shift, baseline and saturation of each raw spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import scipy.sparse

from spectral_core.controls.distortion import Distortions, derivative, estimate_distortions, position
from spectral_core.controls.normalised import normalised_by
from spectral_core.controls.ranks import comparable, macro_auc, pair_aucs
from spectral_core.controls.saturation import saturated_share
from spectral_core.evidence import Settings
from spectral_core.inference import step_down_max_t
from spectral_core.regions import Regions
from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
_VARIES = 1e-9  # of the largest absolute value
_MOST = 999  # permutations: for caveats only


@dataclass(frozen=True)
class Distortion:
    """How one scalar of the instrument differs between classes.

    `auc` is averaged over the pairs of classes, each in its better direction (0.5 tells nothing);
    `p_adjusted` belongs to permutations of units anywhere, corrected over the scalars (step-down maxT).
    `classes` is the pair that differs most, `auc_of_pair` its AUC and `means` the scalar's mean in either.
    `explains`: whether the scalar accounts for most of what differs between these two classes off-band, or
    all of it up to sampling error; where it does not, something else moves it.
    """

    auc: float
    p_adjusted: float
    classes: tuple[str, str]
    auc_of_pair: float
    means: tuple[float, float]
    explains: bool


@dataclass(frozen=True)
class InstrumentEvidence:
    """Scalars by name: gain, axis shift, offset, slope, saturation; and why any but the last is missing.

    Gain is relative to the mean spectrum; the shift in axis units; offset in intensity units, slope in
    intensity units over the whole axis; saturation the share of channels at a ceiling. `normalised` names what
    all spectra have alike because they were normalised beforehand ("" if they were not).
    """

    by_name: dict[str, Distortion]
    why_not: str
    normalised: str = ""

    def differs(self, name: str, alpha: float) -> bool:
        """Whether the classes differ in a scalar, and it is the scalar that makes them differ off-band."""
        found = self.by_name.get(name)
        return found is not None and found.p_adjusted <= alpha and found.explains


@dataclass(frozen=True)
class Measured:
    """n × d raw intensities on `regions.axis`, and where the bands lie."""

    x: npt.NDArray[np.floating]
    regions: Regions


def examine_instrument(
    measured: Measured | None, design: Design, labelings: Codes, settings: Settings
) -> InstrumentEvidence:
    """Estimate what the instrument did to each raw spectrum, and whether that differs between the classes.

    Args:
        measured: The raw spectra; saturation is looked for on all channels, the rest off the bands and their
            guards. None where the channels lie on no axis.
        design: Classes and units of the n spectra.
        labelings: n × (1 + P) class codes, the observed ones first; at most 999 of the others are used.
        settings: Error level.
    """
    if measured is None:
        return InstrumentEvidence({}, "the channels lie on no axis")
    x, regions = measured.x, measured.regions
    estimated = estimate_distortions(x, regions.axis, regions.off_band, design.unit, banded=bool(regions.bands))
    scalars = {**estimated.by_name, "saturation": saturated_share(x)}
    varying = {name: v for name, v in scalars.items() if np.ptp(v) > _VARIES * np.abs(v).max()}
    n_classes, drawn = len(design.classes), labelings[:, : 1 + _MOST]
    aucs = {name: pair_aucs(values, drawn, n_classes) for name, values in varying.items()}
    if not aucs:
        return InstrumentEvidence({}, estimated.why_not, normalised_by(x, regions.axis))
    macro = np.stack([macro_auc(of_pairs) for of_pairs in aucs.values()])
    statistics = comparable(macro)
    adjusted = step_down_max_t(statistics[:, 0], statistics[:, 1:])
    pairs = list(combinations(range(n_classes), 2))
    found: dict[str, Distortion] = {}
    for (name, of_pairs), statistic, p in zip(aucs.items(), macro[:, 0], adjusted, strict=True):
        of_class = [float(varying[name][design.codes == c].mean()) for c in range(n_classes)]
        # several pairs may be told apart entirely: of these the pair with the farthest means
        best = max(range(len(pairs)), key=lambda i: (round(abs(of_pairs[i, 0] - 0.5), 9),
                                                     abs(of_class[pairs[i][0]] - of_class[pairs[i][1]])))  # fmt: skip
        a, b = pairs[best]
        means = (of_class[a], of_class[b])
        told = name == "saturation" or p > settings.alpha or _explains(name, (a, b), x, regions.axis, design, estimated)
        auc = float(of_pairs[best, 0])
        found[name] = Distortion(
            float(statistic), float(p), (design.classes[a], design.classes[b]), max(auc, 1 - auc), means, bool(told)
        )  # fmt: skip
    return InstrumentEvidence(found, estimated.why_not, normalised_by(x, regions.axis))


def _explains(
    name: str, pair: tuple[int, int], x: npt.NDArray[np.floating], axis: Floats, design: Design, estimated: Distortions
) -> bool:
    """Whether a scalar leaves little of the difference of two class means off-band.

    Off-band may hold chemistry that nobody declared, and a peak that grows looks a little like a gain. What the
    scalar leaves, R, is compared with the whole difference T and with V, what drawing other units adds to
    either: R ≤ 2V, or R − V ≤ (T − V)/3. A parabola is taken out first where gain and shift are asked.
    """
    channels = np.concatenate(estimated.runs)
    rows = np.flatnonzero(np.isin(design.codes, pair))
    z = x[np.ix_(rows, channels)].astype(np.float64)
    later = design.codes[rows] == pair[1]
    step = {key: values[rows][later].mean() - values[rows][~later].mean() for key, values in estimated.by_name.items()}
    t, mean = position(axis[channels], axis), z.mean(axis=0)
    part = {
        "gain": step.get("gain", 0.0) * mean,
        "axis shift": -step.get("axis shift", 0.0) * derivative(mean[None], axis, estimated.runs)[0],
    }.get(name, step["offset"] + step["slope"] * t / 2.0)
    degree = 2 if name in ("gain", "axis shift") else -1
    parabola = np.linalg.qr(np.polynomial.legendre.legvander(t, 2)[:, : degree + 1])[0]
    difference = z[later].mean(axis=0) - z[~later].mean(axis=0)
    drawn = sum(_drawn(z[mine], design.unit[rows][mine], parabola) for mine in (later, ~later))
    whole, left = (float(v @ v - ((v @ parabola) ** 2).sum()) for v in (difference, difference - part))
    return left <= 2.0 * drawn or left - drawn <= (whole - drawn) / 3.0


def _drawn(z: Floats, unit: Codes, parabola: Floats) -> float:
    """Expected squared error of the mean of n spectra over drawing units, without what lies along `parabola`."""
    member = np.unique(unit, return_inverse=True)[1]
    of_unit = scipy.sparse.csr_array((np.ones(member.size), (member, np.arange(member.size))))
    sums = of_unit @ z
    sums -= np.outer(np.bincount(member), z.mean(axis=0))
    m = max(int(member.max()) + 1, 2)
    energy = float(np.einsum("ij,ij->", sums, sums) - ((sums @ parabola) ** 2).sum())
    return energy / member.size**2 * m / (m - 1)
