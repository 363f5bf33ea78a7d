"""Ask the probe about every block of every variant, under shared permutations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spectral_core.controls.blocks import Block
from spectral_core.inference import (
    Estimate,
    balanced_mean,
    credit,
    holm_between_groups,
    permutation_p,
    step_down_max_t,
)  # fmt: skip
from spectral_core.probe import Probe
from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
CLAIMS = ("full", "bands", "off_band", "blank", "nuisance")  # corrected together; the rest is descriptive
PAIRS = (
    ("full", "bands"), ("full", "off_band"), ("full", "blank"), ("full", "nuisance"),
    ("full", "guards_left_out"),
    ("bands", "off_band"), ("off_band_after", "off_band"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The audit's numbers: see audit_classifier."""

    n_permutations: int
    delta: float
    alpha: float
    n_folds: int
    seed: int


@dataclass(frozen=True)
class Labelings:
    """The observed class codes followed by P permuted ones (n × (1 + P)), per permutation group."""

    anywhere: Codes
    within_batch: Codes | None


@dataclass(frozen=True)
class Answer:
    """What the probe, or another model, found on one block, with units kept together.

    `p` and `p_adjusted` belong to permutations of units anywhere, `p_within` and `p_within_adjusted` to
    permutations inside batches (NaN where batches do not admit any). `gain_within` is the accuracy beyond
    what permuting inside batches leaves. `credit` holds n held-out credits for paired differences.
    """

    n_channels: int
    rank: int
    accuracy: Estimate
    recall: Mapping[str, float]
    credit: Floats
    p: float
    p_adjusted: float
    p_within: float
    p_within_adjusted: float
    gain_within: Estimate | None
    note: str


def ask(
    probe: Probe, block: Block, design: Design, labelings: Labelings, folds: Sequence[Codes], *, alpha: float
) -> tuple[Answer, Floats, Floats | None]:
    """Classify one block under all labelings.

    Returns:
        The answer with unadjusted p-values, and its statistics (observed first) under permutations
        anywhere and within batches.
    """
    n_classes = len(design.classes)
    found = probe.judge(labelings.anywhere, folds, n_classes)
    held_out = credit(found.margins, n_classes)
    recall = {c: float(held_out[design.codes == i].mean()) for i, c in enumerate(design.classes)}
    within, gain, p_within = None, None, float("nan")
    accuracy = balanced_mean(design, held_out, alpha=alpha)
    if labelings.within_batch is not None:
        inside = probe.judge(labelings.within_batch, folds, n_classes)
        within = inside.statistic
        p_within = permutation_p(float(within[0]), within[1:])
        gain = accuracy.shifted(-float(inside.accuracy[1:].mean()))
    p = permutation_p(float(found.statistic[0]), found.statistic[1:])
    answer = Answer(
        block.n_channels, probe.rank, accuracy, recall, held_out, p, p, p_within, p_within, gain, block.note
    )  # fmt: skip
    return answer, found.statistic, within


def adjust(
    answers: Mapping[tuple[str, str], Answer],
    anywhere: Mapping[tuple[str, str], Floats],
    within: Mapping[tuple[str, str], Floats],
) -> dict[tuple[str, str], Answer]:
    """Correct the claims of all variants together: step-down maxT in each group, Holm between the groups."""
    claims = [key for key in answers if key[1] in CLAIMS]
    families = [np.stack([group[key] for key in claims]) for group in (anywhere, within) if group]
    adjusted = holm_between_groups([step_down_max_t(f[:, 0], f[:, 1:]) for f in families])
    result = dict(answers)
    for i, key in enumerate(claims):
        changed = replace(result[key], p_adjusted=float(adjusted[0][i]))
        if within:
            changed = replace(changed, p_within_adjusted=float(adjusted[1][i]))
        result[key] = changed
    return result


def difference(design: Design, a: Floats, b: Floats, *, alpha: float) -> Estimate:
    """Estimate the paired difference of two balanced accuracies from their held-out credits."""
    return balanced_mean(design, a - b, alpha=alpha, low=-1.0)


def differences(design: Design, answers: Mapping[str, Answer], *, alpha: float) -> dict[str, Estimate]:
    """Estimate the paired differences that the rules look at, by "a − b", as far as both blocks were asked."""
    return {
        f"{a} − {b}": difference(design, answers[a].credit, answers[b].credit, alpha=alpha)
        for a, b in PAIRS
        if a in answers and b in answers
    }
