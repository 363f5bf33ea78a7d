"""Does the accuracy rest on recognising specimens? Random folds against folds that keep units together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.evidence import Answer, Settings
from spectral_core.inference import Estimate, balanced_mean, credit
from spectral_core.probe import Probe
from spectral_core.splits import Design, random_folds

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LeakageEvidence:
    """Balanced accuracy with replicates of a unit in training and test, against units kept together.

    `optimism` is what random folds have more; `half_unearned` is half of their gain over chance less the gain
    that is left: above 0 where recognising specimens makes more than half of what random folds claim.
    """

    random_folds: Estimate
    optimism: Estimate
    half_unearned: Estimate


def examine_replicates(probe: Probe, full: Answer, design: Design, settings: Settings) -> LeakageEvidence | None:
    """Compare both kinds of folds on the same spectra; None where no unit has replicates."""
    if not design.has_replicates:
        return None
    n_classes = len(design.classes)
    folds = random_folds(design, k=settings.n_folds, seed=settings.seed)
    margins = probe.margins(design.codes[:, None], folds, n_classes)
    return compare_folds(design, credit(margins[:, 0], n_classes), full.credit, alpha=settings.alpha)


def compare_folds(design: Design, random: Floats, together: Floats, *, alpha: float) -> LeakageEvidence:
    """Compare n held-out credits from random folds with those from folds that keep units together."""
    chance = 1.0 / len(design.classes)
    return LeakageEvidence(
        balanced_mean(design, random, alpha=alpha),
        balanced_mean(design, random - together, alpha=alpha, low=-1.0),
        balanced_mean(design, random / 2 - together, alpha=alpha, low=-1.0).shifted(chance / 2),
    )
