"""Which blocks a model's labels are associated with: refits where they can decide, the probe where it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spectral_core.estimators.contender import Contender
from spectral_core.estimators.refit import HeldOut, Refits
from spectral_core.estimators.sequential import SequentialTest, sequential_test
from spectral_core.evidence import Answer, Labelings
from spectral_core.inference import Floats, holm_between_groups
from spectral_core.splits import Codes
from spectral_core.verdict import Case

CONTROLS = ("off_band", "blank", "nuisance")  # each may convict, so they are corrected together
CORRECTION = (
    "The whole spectrum is tested first, by refits under permuted labels; bands and batches, which a support needs "
    "all together, are not corrected; off-band, blank and nuisance, each of which can convict, are corrected by Holm. "
    "A block's p-value is twice the smaller of the probe's and the model's, the latter where the probe left it open "
    "and it could decide; the probe's alone where so few refits could not settle it."
)


@dataclass
class Association:
    """Tests of one model on one variant; `case` holds its classifications, `probe` the probe's p-values.

    `tests` gathers the sequential tests by claim.
    """

    contender: Contender
    refits: Refits
    matrices: Mapping[str, Floats]
    held: Mapping[str, HeldOut]
    case: Case
    probe: Case
    labelings: Labelings
    folds: Sequence[Codes]
    budget: int
    tests: dict[str, SequentialTest] = field(default_factory=dict)

    def answers(self) -> dict[str, Answer]:
        """Give the model's answers with their p-values."""
        answers = dict(self.case.evidence.answers)
        answers["full"] = self._full(answers["full"])
        above = answers["full"].p_adjusted <= self.case.settings.alpha
        if "bands" in answers:
            answers["bands"] = self._bands(answers["bands"], asked=above)
        controls = [name for name in CONTROLS if name in answers]
        p = {name: self._either(name, len(controls), asked=above and self._decides(name)) for name in controls}
        adjusted = holm_between_groups([np.array([p[name]]) for name in controls])
        for name, corrected in zip(controls, adjusted, strict=True):
            answers[name] = replace(answers[name], p=p[name], p_adjusted=float(corrected[0]))
        return answers

    def _full(self, answer: Answer) -> Answer:
        trained = self.contender.trained.get(self.case.evidence.variant)
        if trained is None:
            p = self._test("full", self.labelings.anywhere).p
            p_adjusted = min(1.0, p * self.contender.rivals)
        else:
            p = trained.p_association if trained.permutations else 1.0
            p_adjusted = min(1.0, p * self.contender.rivals)
            # few permutations cannot speak for several models: then the probe's exact test of the same spectra,
            # together with an accuracy whose lower bound exceeds chance
            if answer.accuracy.at_least > self.case.chance:
                p_adjusted = min(1.0, 2 * min(self.probe.full.p_adjusted, p_adjusted))
        within = self.labelings.within_batch
        if within is None:
            return replace(answer, p=p, p_adjusted=p_adjusted)
        inside = self._test("full within batches", within)
        p_within = max(p_adjusted, inside.p)
        chance = self.case.chance if np.isnan(inside.null_accuracy) else inside.null_accuracy
        return replace(answer, p=p, p_adjusted=p_adjusted, p_within=inside.p, p_within_adjusted=p_within,
                       gain_within=answer.accuracy.shifted(-chance))  # fmt: skip

    def _bands(self, answer: Answer, *, asked: bool) -> Answer:
        p = self._either("bands", 1, asked=asked)
        within = self.labelings.within_batch
        if within is None:
            return replace(answer, p=p, p_adjusted=p)
        inside = self._either("bands", 1, asked=asked, within=within)
        return replace(answer, p=p, p_adjusted=p, p_within=inside, p_within_adjusted=inside)

    def _either(self, name: str, claims: int, *, asked: bool, within: Codes | None = None) -> float:
        """Twice the smaller p of probe and model; the probe's alone where refits could not settle it."""
        answer, alpha = self.probe.evidence.answers[name], self.case.settings.alpha
        p = answer.p if within is None else answer.p_within
        if name not in self.matrices or 2 * claims / (self.budget + 1) > alpha:
            return p
        if asked and 2 * claims * p > alpha:
            claim, labelings = (name, self.labelings.anywhere) if within is None else (f"{name} within batches", within)
            p = min(p, self._test(claim, labelings).p)
        return min(1.0, 2 * p)

    def _decides(self, name: str) -> bool:
        """Whether the paired differences would let a block convict, were it associated."""
        if self.case.no_worse_than_full(name):
            return True
        lead = self.case.evidence.differences.get("bands − off_band") if name == "off_band" else None
        return lead is not None and lead.at_least <= 0 and lead.value < self.case.settings.delta

    def _test(self, claim: str, labelings: Codes) -> SequentialTest:
        block = claim.split(" ")[0]
        x, refits, folds, design = self.matrices[block], self.refits, self.folds, self.case.design

        plain, broken = self.held[block].accuracy(design, design.codes)
        ties = bool(np.isfinite(broken))  # predictions from file come without margins

        def draw(number: int) -> tuple[float, float]:
            codes = labelings[:, number + 1]
            where = f"block {block!r} under permuted labels"
            accuracy, value = refits.held_out(x, codes, folds, where=where).accuracy(design, codes)
            return value if ties else accuracy, accuracy

        self.tests[claim] = sequential_test(broken if ties else plain, draw, most=self.budget)
        return self.tests[claim]
