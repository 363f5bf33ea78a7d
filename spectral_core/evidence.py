"""Ask the probe about every block of every variant, under shared permutations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, isnan, nan

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
from spectral_core.probe import Judgement, Probe
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
    """The audit's numbers: see audit_classifier.

    `maps` asks for maps of relevance and the table per band; they support a verdict, do not decide it, and take
    most of the time.
    """

    n_permutations: int
    delta: float
    alpha: float
    n_folds: int
    seed: int
    maps: bool = True


@dataclass(frozen=True)
class Labelings:
    """The observed class codes followed by P permuted ones (n × (1 + P)), per permutation group."""

    anywhere: Codes
    within_batch: Codes | None


@dataclass(frozen=True)
class Answer:
    """What the probe, or another model, found on one block, with units kept together.

    `p` and `p_adjusted` belong to permutations of units anywhere, `p_within` and `p_within_adjusted` to
    permutations inside batches (NaN where batches do not admit any; adjusted NaN also where a block is
    descriptive, see CLAIMS). `gain_within` is the accuracy beyond what permuting inside batches leaves. `credit`
    holds n held-out credits for paired differences. `missing` says of "anywhere" and "within" how many more
    permutations that p-value needs before it could be at most alpha; a p-value that is settled is not named.
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
    missing: Mapping[str, int] = field(default_factory=dict)

    def levels(self, group: str = "anywhere") -> dict[str, float | bool | int | None]:
        """Give p and adjusted p of a permutation group as report.json holds them.

        None stands for what is not corrected, and for both where they are not settled: too few permutations were
        run for them to be small, so their size says nothing.
        """
        p, adjusted = (self.p, self.p_adjusted) if group == "anywhere" else (self.p_within, self.p_within_adjusted)
        if group in self.missing:
            return {"p": None, "p_adjusted": None, "settled": False, "more_permutations": self.missing[group]}
        return {"p": p, "p_adjusted": None if isnan(adjusted) else adjusted, "settled": True}


def fewest_for(alpha: float, claims: float) -> int:
    """Compute how many permutations a p-value needs to be at most alpha after a correction by `claims`.

    The smallest p-value of P permutations is 1/(P + 1), so P ≥ claims/alpha − 1.

    Example:
        >>> fewest_for(0.05, 1), fewest_for(0.05, 6)
        (19, 119)
    """
    return max(ceil(claims / alpha - 1e-9) - 1, 0)


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
    inside = None if labelings.within_batch is None else probe.judge(labelings.within_batch, folds, n_classes)
    answer = answer_of(
        found, inside, design, n_channels=block.n_channels, rank=probe.rank, note=block.note, alpha=alpha
    )
    return answer, found.statistic, None if inside is None else inside.statistic


def answer_of(
    found: Judgement, inside: Judgement | None, design: Design, *, n_channels: int, rank: int, note: str, alpha: float
) -> Answer:
    """Make an answer, with unadjusted p-values, of judgements under permutations anywhere and within batches."""
    held_out = credit(found.margins, len(design.classes))
    recall = {c: float(held_out[design.codes == i].mean()) for i, c in enumerate(design.classes)}
    gain, p_within = None, float("nan")
    accuracy = balanced_mean(design, held_out, alpha=alpha)
    if inside is not None:
        p_within = permutation_p(float(inside.statistic[0]), inside.statistic[1:])
        gain = accuracy.shifted(-float(inside.accuracy[1:].mean()))
    p = permutation_p(float(found.statistic[0]), found.statistic[1:])
    return Answer(n_channels, rank, accuracy, recall, held_out, p, p, p_within, p_within, gain, note)


def adjust(
    answers: Mapping[tuple[str, str], Answer],
    anywhere: Mapping[tuple[str, str], Floats],
    within: Mapping[tuple[str, str], Floats],
    *,
    alpha: float,
) -> dict[tuple[str, str], Answer]:
    """Correct the claims of all variants together: step-down maxT in each group, Holm between the groups.

    The other blocks are descriptive and are not corrected: their adjusted p-values are NaN.
    """
    claims = [key for key in answers if key[1] in CLAIMS]
    groups = {name: group for name, group in (("anywhere", anywhere), ("within", within)) if group}
    families = [np.stack([group[key] for key in claims]) for group in groups.values()]
    adjusted = holm_between_groups([step_down_max_t(f[:, 0], f[:, 1:]) for f in families])
    drawn = families[0].shape[1] - 1
    lacking = fewest_for(alpha, len(groups)) - drawn
    result = {key: replace(answer, p_adjusted=nan, p_within_adjusted=nan) for key, answer in answers.items()}
    for i, key in enumerate(claims):
        found = {name: float(p[i]) for name, p in zip(groups, adjusted, strict=True)}
        raw = {"anywhere": answers[key].p, "within": answers[key].p_within}
        result[key] = replace(
            answers[key], p_adjusted=found["anywhere"], p_within_adjusted=found.get("within", nan),
            # a share of labelings above alpha that did as well is an answer, however few there were
            missing={name: lacking for name, p in found.items()
                     if raw[name] * (drawn + 1) - 1 <= alpha * drawn and alpha < p and lacking > 0},
        )  # fmt: skip
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
