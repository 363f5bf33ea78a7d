"""Which blocks a model's labels are associated with: refits where they can decide, the probe where it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spectral_core.estimators.contender import Contender
from spectral_core.estimators.out_of_fold import OutOfFold
from spectral_core.estimators.refit import HeldOut, Refits
from spectral_core.estimators.sequential import SequentialTest, sequential_test
from spectral_core.evidence import Answer, Labelings, fewest_for
from spectral_core.inference import Floats, holm_between_groups
from spectral_core.splits import Codes
from spectral_core.verdict import Case, off_band_share

CONTROLS = ("off_band", "blank", "nuisance")  # each may convict, so they are corrected together
CORRECTION = (
    "The whole spectrum is tested first, by refits under permuted labels; bands and batches, which a support needs "
    "all together, are not corrected; off-band, blank and nuisance, each of which can convict, are corrected by Holm. "
    "A block's p-value is twice the smaller of the probe's and the model's, the latter where the probe left it open "
    "and it could decide; the probe's alone where so few refits could not settle it. Where neither found the block "
    "associated, no refits were spent on it and the model's accuracy there lies above chance, its association is "
    "not settled and no p-value is given."
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
        """Give the model's answers with their p-values, and what is missing to those that are not settled."""
        answers, alpha = dict(self.case.evidence.answers), self.case.settings.alpha
        answers["full"] = self._full(answers["full"])
        above = answers["full"].p_adjusted <= alpha
        if "bands" in answers:
            answers["bands"] = self._bands(answers["bands"], asked=above)
        controls = [name for name in CONTROLS if name in answers]
        p = {name: self._either(name, len(controls), asked=above and self._decides(name)) for name in controls}
        adjusted = holm_between_groups([np.array([p[name]]) for name in controls])
        for name, corrected in zip(controls, adjusted, strict=True):
            level = float(corrected[0])
            missing = self._missing(answers[name], level, claim=name, claims=len(controls))
            answers[name] = replace(answers[name], p=p[name], p_adjusted=level, missing=_named("anywhere", missing))
        return answers

    def _full(self, answer: Answer) -> Answer:
        rivals, alpha = self.contender.rivals, self.case.settings.alpha
        drawn, p = self._whole_spectrum()
        p_adjusted, claims = min(1.0, p * rivals), rivals
        # few permutations cannot speak for several models: then the probe's exact test of the same spectra,
        # together with an accuracy whose lower bound exceeds chance
        if self._trained is not None and answer.accuracy.at_least > self.case.chance:
            p_adjusted, claims = min(1.0, 2 * min(self.probe.full.p_adjusted, p_adjusted)), 2 * rivals
        lacking = fewest_for(alpha, claims) - drawn
        # a share of labelings above alpha that did as well is an answer, however few there were
        open_ = p_adjusted > alpha and p * (drawn + 1) - 1 <= alpha * drawn and not self._stopped("full")
        missing = _named("anywhere", lacking if open_ else 0)
        within = self.labelings.within_batch
        if within is None:
            return replace(answer, p=p, p_adjusted=p_adjusted, missing=missing)
        inside = self._test("full within batches", within)
        p_within = max(p_adjusted, inside.p)
        chance = self.case.chance if np.isnan(inside.null_accuracy) else inside.null_accuracy
        lacking = max(missing.get("anywhere", 0), fewest_for(alpha, 1) - inside.drawn if not inside.stopped else 0)
        return replace(answer, p=p, p_adjusted=p_adjusted, p_within=inside.p, p_within_adjusted=p_within,
                       gain_within=answer.accuracy.shifted(-chance),
                       missing=missing | _named("within", lacking if p_within > alpha else 0))  # fmt: skip

    @property
    def _trained(self) -> OutOfFold | None:
        return self.contender.trained.get(self.case.evidence.variant)

    def _whole_spectrum(self) -> tuple[int, float]:
        """Number of labelings and p-value of the whole spectrum: training's, or refits where those can decide more.

        Which of them counts never depends on training's p-value, so neither is chosen for being small.
        """
        trained = self._trained
        enough = fewest_for(self.case.settings.alpha, 2 * self.contender.rivals)
        if trained is not None and (trained.permutations >= enough or self.budget < enough):
            return trained.permutations, trained.p_association if trained.permutations else 1.0
        test = self._test("full", self.labelings.anywhere)
        return test.drawn, test.p

    def _bands(self, answer: Answer, *, asked: bool) -> Answer:
        p = self._either("bands", 1, asked=asked)
        missing = _named("anywhere", self._missing(answer, p, claim="bands", claims=1))
        within = self.labelings.within_batch
        if within is None:
            return replace(answer, p=p, p_adjusted=p, missing=missing)
        inside = self._either("bands", 1, asked=asked, within=within)
        missing |= _named("within", self._missing(answer, inside, claim="bands within batches", claims=1))
        return replace(answer, p=p, p_adjusted=p, p_within=inside, p_within_adjusted=inside, missing=missing)

    def _either(self, name: str, claims: int, *, asked: bool, within: Codes | None = None) -> float:
        """Twice the smaller p of probe and model; the probe's alone where refits could not settle it."""
        answer, alpha = self.probe.evidence.answers[name], self.case.settings.alpha
        p = answer.p if within is None else answer.p_within
        if name not in self.matrices or self.budget < fewest_for(alpha, 2 * claims):
            return p
        if asked and 2 * claims * p > alpha:
            claim, labelings = (name, self.labelings.anywhere) if within is None else (f"{name} within batches", within)
            p = min(p, self._test(claim, labelings).p)
        return min(1.0, 2 * p)

    def _missing(self, answer: Answer, p: float, *, claim: str, claims: int) -> int:
        """Permutations missing to a block's p-value: all, if only the probe was asked and the model does better."""
        above = answer.accuracy.at_least > self.case.chance
        if p <= self.case.settings.alpha or claim in self.tests or "nuisance" in claim or not above:
            return 0
        return fewest_for(self.case.settings.alpha, 2 * claims)

    def _decides(self, name: str) -> bool:
        """Whether the paired differences would let a block convict, were it associated."""
        if self.case.no_worse_than_full(name):
            return True
        lead = self.case.evidence.differences.get("bands − off_band") if name == "off_band" else None
        behind = lead is not None and lead.at_least <= 0 and lead.value < self.case.settings.delta
        return behind or (name == "off_band" and off_band_share(self.case) > 0.5)

    def _stopped(self, claim: str) -> bool:
        return claim in self.tests and self.tests[claim].stopped

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


def _named(group: str, missing: int) -> dict[str, int]:
    return {group: missing} if missing > 0 else {}
