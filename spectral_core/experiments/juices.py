"""Apple juices: real excitation–emission matrices as measured, and with an artefact planted on half the apples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.audit_report import AuditReport
from spectral_core.experiments.cells import Numbers
from spectral_core.experiments.ladder import LADDER, spectrum_norms
from spectral_core.experiments.results import Estimate
from spectral_core.experiments.scoring import cross_validated, probe_accuracy
from spectral_core.experiments.sets import RealEem, load_juices
from spectral_core.features import audit_features
from spectral_core.simulate.eem import feature_names

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
APPLES = 12
BLANK_MARGIN = 15.0  # nm
# excitation and emission, nm: around the maxima 270/315 and 310 and 370/455 of Włodarska et al. (2016)
GROUPS = {
    "UV group around 270/315 nm": ((255.0, 285.0), (300.0, 340.0)),
    "visible group around 310 and 370/455 nm": ((300.0, 380.0), (430.0, 480.0)),
}


def audit_juices(seed: int) -> Numbers:
    """Audit the origin of the juices as measured, the two groups of fluorophores as bands.

    The maxima are those that Włodarska, Pawlak-Lemańska, Khmelinskii & Sikorska (Food Chemistry 210:593, 2016) found
    in apple juices; this project declares them, not the authors of the set.
    """
    data = load_juices()
    report, blank = _report(data, seed)
    probes = report.to_dict()["variants"][0]["probes"]
    numbers = {f"verdict {report.verdict}": 1.0, "non-zero in the blank": float((data.x[:, blank] != 0).mean())}
    numbers |= {f"reason {reason.code}": 1.0 for reason in report.reasons}
    numbers |= {told: probes[k]["balanced_accuracy"] for told, k in (("band", "bands"), ("off-band", "off_band"))}
    return numbers | accuracies(data.x, data.label, data.unit, seed)


def _report(data: RealEem, seed: int) -> tuple[AuditReport, Mask]:
    blank = data.emission < data.excitation - BLANK_MARGIN
    names = feature_names(data.excitation, data.emission)
    bands = {name: [names[i] for i in np.flatnonzero(mask)] for name, mask in fluorescent_groups(data).items()}
    report = audit_features(
        data.x, data.label, features=names, unit=data.unit, bands=bands, seed=seed, n_permutations=399,
        blank={"emission at shorter wavelength than excitation": [names[i] for i in np.flatnonzero(blank)]},
    )  # fmt: skip
    return report, blank


def fluorescent_groups(data: RealEem) -> dict[str, Mask]:
    """Find the features of each declared group of fluorophores, scattered light left out."""
    unscattered = data.emission > data.excitation + BLANK_MARGIN
    return {
        name: unscattered
        & (data.excitation >= ex[0]) & (data.excitation <= ex[1])
        & (data.emission >= em[0]) & (data.emission <= em[1])
        for name, (ex, em) in GROUPS.items()
    }  # fmt: skip


def disturb_juices(planted: dict[str, float], seed: int) -> Numbers:
    """Draw labels anew for whole apples and plant an artefact on half of them; noise is what smoothing leaves."""
    data = load_juices()
    rng = np.random.default_rng([seed, 31])
    apples = np.unique(data.unit)
    second = np.isin(data.unit, rng.permutation(apples)[: apples.size // 2])
    smooth = smoothed_emission(data)
    noise = (data.x - smooth) * (1 + planted.get("noise_ratio", 0.0) * second[:, None])
    x = (smooth + noise) * (1 + planted.get("gain", 0.0) * second[:, None])
    label = np.where(second, "second half", "first half")
    left = x - smoothed_emission(RealEem(x, data.excitation, data.emission, data.label, data.unit))
    numbers = accuracies(x, label, data.unit, seed)
    return numbers | {"norm of the residual": norm_accuracy(left, label, data.unit, seed)}


def accuracies(x: Floats, label: npt.NDArray[Any], unit: npt.NDArray[Any], seed: int) -> dict[str, float]:
    """Cross-validate the probe with specimens kept together and straddling folds, and the norm alone."""
    return {
        "random folds": probe_accuracy(x, label, unit=unit, seed=seed, together=False),
        "all features": probe_accuracy(x, label, unit=unit, seed=seed),
        "norm of all": norm_accuracy(x, label, unit, seed),
    }


def norm_accuracy(x: Floats, label: npt.NDArray[Any], unit: npt.NDArray[Any], seed: int) -> float:
    """Cross-validate the norm of each matrix, specimens together; where all norms are equal, 0.5: nothing to see."""
    if np.ptp(spectrum_norms(x)) == 0.0:
        return 0.5
    return cross_validated(LADDER["norm alone"](seed), x, label, unit=unit, seed=seed)


def smoothed_emission(data: RealEem) -> Floats:
    """Smooth every emission spectrum over five wavelengths by parabolas; what is left is called noise here."""
    from scipy.signal import savgol_filter

    spectra = data.x.reshape(len(data.x), np.unique(data.emission).size, -1)
    return np.asarray(savgol_filter(spectra, 5, 2, axis=1)).reshape(len(data.x), -1)


def of_apples(estimate: Estimate) -> Estimate:
    """Widen the error of an accuracy to what twelve independent apples would leave: √(a(1 − a)/12).

    Seeds draw labels and folds anew for the same apples; their spread says nothing of other apples.

    Example:
        >>> print(of_apples(Estimate(0.75, 0.01, 20)))
        0.750 ± 0.125
    """
    known = min(max(estimate.mean, 0.0), 1.0)
    return Estimate(estimate.mean, max(estimate.error, (known * (1 - known) / APPLES) ** 0.5), estimate.seeds)
