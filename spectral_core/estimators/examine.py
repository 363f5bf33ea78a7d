"""A model's answers to the questions the probe was asked, as evidence for the same rules.

Held-out classifications are always the model's own, on every block of channels; only the scalars of the
blanks, which are no spectrum, keep the small classifier that is the probe. Association costs refits, so they
are spent where they can decide (docs/decisions/0002-any-model.md):

| claim | p-value | corrected |
|---|---|---|
| full | training's or own refits; the probe's | times the number of rival models; nothing else is asked before it |
| full inside batches, bands, batches left out | refits; bands 2·min(probe, refits) | no: `supported` needs them all |
| off_band, blank | 2·min(probe, refits) | Holm over the three: each may convict |
| nuisance | the probe's | with these |

A model that the verdict speaks of is refitted as often as its claims need, whatever training's budget; the others,
whose verdict stands beside it, as often as training was told. Where that could not settle a block, the probe's
p-value stands alone, and where the probe did not find it either the association is not settled. Else a block is
refitted only if the probe leaves it open and the paired differences would let it decide. That choice
looks at the data but spends no error: a claim that is not refitted is not made, and one that is made passed a
test that was valid whether or not it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spectral_core.controls.batch import BatchEvidence
from spectral_core.controls.blocks import Blocks
from spectral_core.controls.leakage import LeakageEvidence, compare_folds
from spectral_core.estimators.association import CONTROLS, Association
from spectral_core.estimators.band_permutation import RegionLoss, permute_regions
from spectral_core.estimators.contender import BUDGET, Contender
from spectral_core.estimators.left_out import refit_left_out
from spectral_core.estimators.refit import HeldOut, Refits
from spectral_core.estimators.sequential import SequentialTest
from spectral_core.evidence import Answer, Labelings, difference, differences, fewest_for
from spectral_core.inference import Estimate, Floats, balanced_mean
from spectral_core.messages import signed
from spectral_core.regions import Mask
from spectral_core.splits import Codes, random_folds, unit_folds
from spectral_core.verdict import Case, too_few_units

REFITTED = "It came fitted: what it had learned was set aside, and every step was refitted in every fold."
_BY_PROBE = "by the probe, because scalars are no spectrum"


@dataclass(frozen=True)
class AuditedModel:
    """A model's case on one variant.

    `lead` is its balanced accuracy less the probe's, paired; `decides` whether the verdict speaks of the
    model; `tests` the sequential tests that were run, by claim; `metrics` under the names of training.
    """

    contender: Contender
    case: Case
    lead: Estimate
    decides: bool
    tests: Mapping[str, SequentialTest]
    region_losses: tuple[RegionLoss, ...]
    metrics: Mapping[str, float]

    @property
    def why(self) -> str:
        """Why the verdict speaks of the model or of the probe, in words."""
        name, lead = self.contender.name, f"{signed(self.lead.value)} balanced accuracy against the probe"
        if self.contender.decides_always:
            told = f"The audit was asked about {name} ({lead}); the probe's findings stand beside it."
            return f"{told} {REFITTED}" if self.contender.came_fitted else told
        if self.decides:
            return f"{name} is more accurate than the probe by more than delta ({lead})."
        return f"{name} is not more accurate than the probe by more than delta ({lead}), so the probe speaks for it."

    @property
    def judged_by(self) -> str:
        """Say whose permutations tested the whole spectrum: "refits" of the model, or "predictions".

        With "predictions" the model was refitted under too few labelings for several models to be told from
        chance; its held-out predictions are its own and the permutations are the probe's.
        """
        trained = self.contender.trained.get(self.case.evidence.variant)
        drawn = self.tests["full"].drawn if "full" in self.tests else trained.permutations if trained else 0
        return "refits" if drawn >= fewest_for(self.case.settings.alpha, self.contender.rivals) else "predictions"


def examine_model(
    contender: Contender, probe: Case, blocks: Blocks, labelings: Labelings, regions: Mapping[str, Mask]
) -> AuditedModel:
    """Judge a model on one variant beside the probe's case.

    Args:
        contender: The model.
        probe: The probe's case: blocks, adjusted p-values and batches on the same folds and labelings.
        blocks: What was classified.
        labelings: Observed and permuted labels, the probe's.
        regions: Region name to mask of the preprocessed channels, for exchanging regions.

    Raises:
        AuditError: The estimator refuses a fold, or training used other folds.
    """
    design, settings = probe.design, probe.settings
    folds = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    refits = Refits(contender.estimator, contender.name, design.classes)
    matrices = {name: _matrix(b.matrix, contender) for name, b in blocks.by_name.items() if name != "nuisance"}
    fitted, held, mixed = _held_out(contender, refits, matrices, probe, folds)
    answers = _answers(probe, held)
    lead = difference(design, answers["full"].credit, probe.full.credit, alpha=settings.alpha)
    decides = contender.decides_always or (lead.value > settings.delta and lead.at_least > 0)
    found = differences(design, answers, alpha=settings.alpha)
    evidence = replace(
        probe.evidence, answers=answers, differences=found, leakage=_leakage(probe, answers["full"], mixed)
    )
    case = replace(probe, evidence=evidence)
    budget = _budget(contender, probe, labelings, decides=decides)
    tested = Association(contender, refits, matrices, held, case, probe, labelings, folds, budget)
    answers = tested.answers()
    batch = _batch(tested, evidence.batch)
    case = replace(probe, evidence=replace(evidence, answers=answers, batch=batch))
    losses: tuple[RegionLoss, ...] = ()
    if contender.decides_always:
        losses = permute_regions(refits, fitted, matrices["full"], design, folds, regions, seed=settings.seed)
    metrics = _metrics(case) | dict(_trained_metrics(contender, probe.evidence.variant))
    return AuditedModel(contender, case, lead, decides, tested.tests, losses, metrics)


def _budget(contender: Contender, probe: Case, labelings: Labelings, *, decides: bool) -> int:
    """Labelings under which the model is refitted at most, per claim: what its claims need, if it decides.

    The choice looks at held-out accuracies only, never at a p-value.
    """
    if too_few_units(probe.design, probe.settings):
        return 0
    wanted = contender.budget
    if decides and wanted:  # a study that asks for no refits at all gets none
        claims = 2 * max(len(CONTROLS), contender.rivals)
        wanted = max(wanted, BUDGET, fewest_for(probe.settings.alpha, claims))
    return min(wanted, int(labelings.anywhere.shape[1]) - 1)


def _matrix(matrix: Any, contender: Contender) -> Floats:
    from spectral_core.training import compact_coordinates

    x = np.asarray(matrix, dtype=np.float64)
    return x if contender.model is None else compact_coordinates(x, contender.model)


def _held_out(
    contender: Contender, refits: Refits, matrices: Mapping[str, Floats], probe: Case, folds: Sequence[Codes]
) -> tuple[list[Any], dict[str, HeldOut], HeldOut | None]:
    """Fitted models of the full block, held-out classifications by block, and under random folds."""
    design, settings = probe.design, probe.settings
    given = _given(contender, probe)
    fitted: list[Any] = []
    held = {name: given[name] for name in matrices if name in given}
    if "full" not in held:
        fitted = refits.fit(matrices["full"], design.codes, folds, where="the whole spectrum")
        held["full"] = refits.classify(fitted, matrices["full"], design.codes, folds, where="the whole spectrum")
    for name in matrices:
        if name not in held:
            held[name] = refits.held_out(matrices[name], design.codes, folds, where=f"block {name!r}")
    mixed = given.get("random_folds")
    if mixed is None and design.has_replicates:
        random = random_folds(design, k=settings.n_folds, seed=settings.seed)
        mixed = refits.held_out(matrices["full"], design.codes, random, where="random folds")
    return fitted, {name: held[name] for name in matrices}, mixed


def _given(contender: Contender, probe: Case) -> dict[str, HeldOut]:
    """What training classified already, on the audit's folds."""
    trained = contender.trained.get(probe.evidence.variant)
    if trained is None:
        return {}
    trained.check(probe.design, n_folds=probe.settings.n_folds, seed=probe.settings.seed)
    names = {name: "full" if name == "unit_folds" else name for name in trained.predictions}
    unknown = np.full(probe.design.n, np.nan)
    return {names[name]: HeldOut(codes, unknown) for name, codes in trained.predictions.items()}


def _answers(probe: Case, held: Mapping[str, HeldOut]) -> dict[str, Answer]:
    """The probe's answers with the model's classifications in place of the probe's."""
    design, answers = probe.design, {}
    for name, answer in probe.evidence.answers.items():
        if name not in held:
            answers[name] = replace(answer, note=_BY_PROBE)
            continue
        credit = held[name].credit(design.codes)
        accuracy = balanced_mean(design, credit, alpha=probe.settings.alpha)
        recall = {c: float(credit[design.codes == i].mean()) for i, c in enumerate(design.classes)}
        answers[name] = replace(answer, accuracy=accuracy, recall=recall, credit=credit, gain_within=None)
    return answers


def _leakage(probe: Case, full: Answer, mixed: HeldOut | None) -> LeakageEvidence | None:
    if mixed is None or probe.evidence.leakage is None:
        return None
    design = probe.design
    return compare_folds(design, mixed.credit(design.codes), full.credit, alpha=probe.settings.alpha)


def _batch(tested: Association, batch: BatchEvidence | None) -> BatchEvidence | None:
    within = tested.labelings.within_batch
    if batch is None or batch.left_out is None or within is None:
        return batch
    x, probe = tested.matrices["full"], tested.probe
    left_out, test = refit_left_out(tested.refits, x, probe, batch.left_out, within, tested.budget)
    tested.tests["batches left out"] = test
    return replace(batch, left_out=left_out)


def _metrics(case: Case) -> dict[str, float]:
    names = {"full": "unit_folds"}
    answers, leakage = case.evidence.answers, case.evidence.leakage
    metrics = {f"balanced_accuracy_{names.get(n, n)}": a.accuracy.value for n, a in answers.items()}
    random = leakage.random_folds if leakage else answers["full"].accuracy
    recalls = {f"recall_{name}": share for name, share in answers["full"].recall.items()}
    return {**metrics, "balanced_accuracy_random_folds": random.value, "p_association": answers["full"].p, **recalls}


def _trained_metrics(contender: Contender, variant: str) -> Mapping[str, float]:
    trained = contender.trained.get(variant)
    return {} if trained is None else trained.metrics
