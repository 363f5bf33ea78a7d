"""From evidence to one of five verdicts; the order of the rules is the order of the functions below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from spectral_core.controls.batch import BatchEvidence, fewest_permutations
from spectral_core.controls.instrument import InstrumentEvidence
from spectral_core.controls.leakage import LeakageEvidence
from spectral_core.controls.metadata import ONE_AFTER_THE_OTHER, ORDER, Told
from spectral_core.controls.nuisance import TellingScalar
from spectral_core.controls.same_class import SameClassEvidence
from spectral_core.evidence import Answer, Settings
from spectral_core.inference import Estimate
from spectral_core.relevance import RelevanceReport
from spectral_core.splits import Design, count_permutations

FEWEST_UNITS = 5
VERDICTS = ("artefact", "unexplained", "inconclusive", "supported", "no_signal")  # the worst first


@dataclass(frozen=True)
class VariantEvidence:
    """All evidence on one variant.

    `answers` by block name; `differences` by "a − b"; `scalar_aucs` of the nuisance scalars taken on
    `nuisance_on`, `telling` the best of them; `relevance` what the probe looks at (None where there are too many
    spectra for maps); `same_class` halves of one class told apart (None where no class can be halved); `metadata`
    the class told without spectra (None where nothing else is known); `instrument` what it did to the raw spectra,
    the same for every variant.
    """

    variant: str
    answers: Mapping[str, Answer]
    differences: Mapping[str, Estimate]
    leakage: LeakageEvidence | None
    batch: BatchEvidence | None
    scalar_aucs: Mapping[str, float]
    nuisance_on: str
    relevance: RelevanceReport | None
    same_class: SameClassEvidence | None
    metadata: Mapping[str, Told] | None
    instrument: InstrumentEvidence
    telling: TellingScalar | None


@dataclass(frozen=True)
class Case:
    """What the rules look at: one variant's evidence, the design, the settings."""

    evidence: VariantEvidence
    design: Design
    settings: Settings

    @property
    def full(self) -> Answer:
        """The answer on the whole spectrum."""
        return self.evidence.answers["full"]

    @property
    def chance(self) -> float:
        """Balanced accuracy of a classifier that knows nothing."""
        return 1.0 / len(self.design.classes)

    @property
    def above_chance(self) -> bool:
        """Whether the model classifies at all with units kept together: else nothing needs explaining."""
        return self.full.p_adjusted <= self.settings.alpha

    def associated(self, name: str) -> bool:
        """Whether a block is itself associated with the class."""
        answers = self.evidence.answers
        return name in answers and answers[name].p_adjusted <= self.settings.alpha

    def no_worse_than_full(self, name: str) -> bool:
        """Whether a block is non-inferior to the whole spectrum within delta."""
        return self.evidence.differences[f"full − {name}"].at_most <= self.settings.delta

    def as_good_as_full(self, name: str) -> bool:
        """Whether a block is non-inferior, or, in few units, loses nothing and surely holds half of the gain.

        Fewer than about 60 units cannot show non-inferiority within 0.05, however alike both are.
        """
        lost, gain = self.evidence.differences[f"full − {name}"], self.full.accuracy.value - self.chance
        sure = self.evidence.answers[name].accuracy.at_least - self.chance
        return self.no_worse_than_full(name) or (lost.value <= 0 and sure > gain / 2)

    @property
    def one_after_the_other(self) -> bool:
        """Whether the classes hardly overlap in time: what drifted with it looks like the class."""
        told = (self.evidence.metadata or {}).get(ORDER)
        return (
            told is not None and told.p_adjusted <= self.settings.alpha and told.statistic >= ONE_AFTER_THE_OTHER
        )  # fmt: skip

    @property
    def batch_is_crossed(self) -> bool:
        """Whether class and batch can be told apart."""
        return self.evidence.batch is not None and not self.evidence.batch.aliased

    @property
    def batch_is_aliased(self) -> bool:
        """Whether class and batch cannot be told apart."""
        return self.evidence.batch is not None and self.evidence.batch.aliased


@dataclass(frozen=True)
class Judgement:
    """Verdict and reason codes of one variant; `units_needed` (0 if unknown) where it is underpowered."""

    verdict: str
    codes: tuple[str, ...]
    units_needed: int = 0


def judge(case: Case) -> Judgement:
    """Apply the rules in order; the first that holds decides."""
    if too_few_units(case.design, case.settings):
        return Judgement("inconclusive", ("too_few_units",))
    if codes := tuple(artefact_codes(case)):
        return Judgement("artefact", codes)
    if case.batch_is_aliased:
        return Judgement("inconclusive", ("class_aliased_with_batch",))
    if _no_signal(case):
        return Judgement("no_signal", ("no_association",))
    if codes := tuple(unexplained_codes(case)):
        return Judgement("unexplained", codes)
    return _supported_or_inconclusive(case)


def too_few_units(design: Design, settings: Settings) -> bool:
    """Whether intervals and permutations mean nothing: under 5 units in a class, or 20/alpha relabelings."""
    few = count_permutations(design) < fewest_permutations(settings.alpha)
    return min(design.units_per_class) < FEWEST_UNITS or few


def artefact_codes(case: Case) -> Iterator[str]:
    """Name what cannot be chemistry and does as well as the model."""
    if _leaks(case):
        yield "replicate_leakage"
    if case.batch_is_crossed and case.above_chance and _batch_explains(case):
        yield "batch_confounded"
    if not case.above_chance or case.evidence.instrument.normalised:
        return  # nothing to explain, or a normalisation has written the bands into the blanks
    if case.associated("blank") and case.as_good_as_full("blank"):
        yield "blank_sufficient"
    on_blanks = case.evidence.nuisance_on == "the blanks"
    if on_blanks and case.associated("nuisance") and case.as_good_as_full("nuisance"):
        yield "nuisance_sufficient"


def _leaks(case: Case) -> bool:
    """Specimens are recognised, which makes more than half of what random folds claim; the rest is not above chance.

    "Not above chance" alone convicted real effects for being weak (docs/decisions/0005-rules-of-the-probe.md).
    """
    leakage, settings = case.evidence.leakage, case.settings
    if leakage is None or case.batch_is_aliased or case.above_chance:
        return False
    recognises = leakage.random_folds.at_least > case.chance + 2 * settings.delta
    return recognises and leakage.optimism.at_least > settings.delta and leakage.half_unearned.at_least > 0


def _batch_explains(case: Case) -> bool:
    """Association gone inside batches: either a gain is excluded there, or on batches left out of training.

    A p-value above alpha alone convicts nobody: a small study would lose every real effect so. Nor does a
    model that fails on batches left out but holds inside them: it does not transfer, yet knows the class.
    """
    batch, gain, settings = case.evidence.batch, case.full.gain_within, case.settings
    if batch is None or gain is None or batch.left_out is None:
        return False
    if case.full.p_within_adjusted <= settings.alpha:
        return False
    left_out = batch.left_out
    lost = left_out.p > settings.alpha and left_out.accuracy.at_most <= case.chance + 2 * settings.delta
    return lost or gain.at_most <= 2 * settings.delta


def _no_signal(case: Case) -> bool:
    excluded = case.full.accuracy.at_most < case.chance + 2 * case.settings.delta
    return not case.above_chance and excluded


def unexplained_codes(case: Case) -> Iterator[str]:
    """Name why the declared bands do not explain a real association."""
    if not case.above_chance or _lost_within_batches(case):
        return
    off_band = case.associated("off_band")
    if off_band and case.no_worse_than_full("off_band"):
        yield "off_band_sufficient"
    if (off_band and (_not_ahead(case) or off_band_share(case) > 0.5)) or guards_carry(case):
        yield "bands_not_privileged"


def _not_ahead(case: Case) -> bool:
    lead = case.evidence.differences["bands − off_band"]
    return lead.at_least <= 0 and lead.value < case.settings.delta


def off_band_share(case: Case) -> float:
    """Compute R = (A_off-band − A_chance)/(A_full − A_chance), the share of the gain that off-band reaches."""
    gain = case.full.accuracy.value - case.chance
    return (case.evidence.answers["off_band"].accuracy.value - case.chance) / gain if gain > 0 else 0.0


def guards_carry(case: Case) -> bool:
    """Whether the accuracy drops by more than delta without the guards, which are neither band nor off-band."""
    lost = case.evidence.differences.get("full − guards_left_out")
    return lost is not None and lost.value > case.settings.delta and lost.at_least > 0


def _lost_within_batches(case: Case) -> bool:
    return case.batch_is_crossed and case.full.p_within_adjusted > case.settings.alpha


def _supported_or_inconclusive(case: Case) -> Judgement:
    codes = []
    if not case.design.unit_declared:
        codes.append("unit_undeclared")
    if "bands" not in case.evidence.answers or "off_band" not in case.evidence.answers:
        codes.append("bands_undeclared")
    if case.one_after_the_other:
        codes.append("class_aliased_with_batch")
    open_questions = tuple(_open_questions(case))
    if open_questions:
        return Judgement("inconclusive", (*codes, "underpowered"), units_needed(case, open_questions))
    return Judgement("inconclusive", tuple(codes)) if codes else Judgement("supported", ())


def _open_questions(case: Case) -> Iterator[Estimate]:
    """Yield each requirement of `supported` that the data leave open, as an estimate that should exceed 0."""
    alpha, answers = case.settings.alpha, case.evidence.answers
    for name in ("full", "bands"):
        if name in answers and (
            answers[name].p_adjusted > alpha or (case.batch_is_crossed and answers[name].p_within_adjusted > alpha)
        ):
            yield answers[name].accuracy.shifted(-case.chance)
    left_out = case.evidence.batch.left_out if case.evidence.batch else None
    if left_out is not None and left_out.p > alpha:
        yield left_out.accuracy.shifted(-case.chance)
    for name in ("full − off_band", "full − nuisance", "full − blank", "bands − off_band"):
        if name == "full − nuisance" and case.evidence.nuisance_on != "the blanks":
            continue  # scalars taken off-band may hold chemistry: a caveat only
        found = case.evidence.differences.get(name)
        if found is not None and found.at_least <= 0:
            yield found


def units_needed(case: Case, open_questions: Sequence[Estimate]) -> int:
    """Estimate how many units would decide: a bound's distance shrinks with the root of their number.

    Returns:
        Units in all, or 0 where an estimate is not above zero: then more units of the same kind need not help.
    """
    n = case.design.n_units
    if any(question.value <= 0 for question in open_questions):
        return 0
    ratios = [((q.value - q.at_least) / q.value) ** 2 for q in open_questions]
    return max(n + 1, ceil(n * max(ratios)))


def overall(verdicts: Sequence[str]) -> str:
    """Combine the variants' verdicts: the worst one, except that a variant without signal decides only alone."""
    return min(verdicts, key=VERDICTS.index)
