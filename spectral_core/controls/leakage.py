"""Does the accuracy rest on recognising specimens? Random folds against folds that keep units together."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_core.evidence import Answer, Settings
from spectral_core.inference import Estimate, balanced_mean, credit
from spectral_core.probe import Probe
from spectral_core.splits import Design, random_folds


@dataclass(frozen=True)
class LeakageEvidence:
    """Balanced accuracy with replicates of a unit in training and test, and its gain over units kept apart."""

    random_folds: Estimate
    optimism: Estimate


def examine_replicates(probe: Probe, full: Answer, design: Design, settings: Settings) -> LeakageEvidence | None:
    """Compare both kinds of folds on the same spectra; None where no unit has replicates."""
    if not design.has_replicates:
        return None
    n_classes = len(design.classes)
    folds = random_folds(design, k=settings.n_folds, seed=settings.seed)
    margins = probe.margins(design.codes[:, None], folds, n_classes)
    random = credit(margins[:, 0], n_classes)
    return LeakageEvidence(
        balanced_mean(design, random, alpha=settings.alpha),
        balanced_mean(design, random - full.credit, alpha=settings.alpha, low=-1.0),
    )
