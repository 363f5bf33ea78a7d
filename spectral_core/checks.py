"""One row for each control: what was asked, whether it could be, and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from spectral_core.inference import Estimate
from spectral_core.messages import association, not_settled, probability, signed
from spectral_core.verdict import Case


@dataclass(frozen=True)
class Check:
    """One control on one variant.

    `finding` is a sentence; where the control was not asked it says why. `values` holds the numbers behind
    it by name.
    """

    code: str
    variant: str
    question: str
    asked: bool
    finding: str
    values: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give the check as plain values."""
        return {
            "code": self.code, "variant": self.variant, "question": self.question, "asked": self.asked,
            "finding": self.finding, **self.values,
        }  # fmt: skip


def list_checks(case: Case) -> tuple[Check, ...]:
    """List every control of one variant in the order in which a report shows them."""
    return tuple(_controls(case))


def _controls(case: Case) -> Iterator[Check]:
    yield _block(case, "association", "full", "Are the labels associated with the spectra at all?")
    yield _leakage(case)
    yield _batch(case)
    yield _block(case, "band_sufficiency", "bands", "Do the declared bands alone suffice?")
    yield _block(case, "off_band", "off_band", "Do channels outside the bands do as well?")
    yield _carried(case)
    yield _block(case, "blank", "blank", "Do the declared blanks do as well?")
    where = case.evidence.nuisance_on
    yield _block(case, "nuisance", "nuisance", f"Do chemistry-free scalars of {where} do as well?")
    yield _same_class(case)
    yield _instrument(case)
    yield _metadata(case)
    yield _band_agreement(case)
    yield _capacity(case)


_ABSENT = {
    "bands": "no band was declared, or none holds a channel that the variant keeps",
    "off_band": "no band was declared, or the bands with their guards cover every channel",
    "blank": "no blank was declared",
    "nuisance": "neither blanks nor off-band channels offer a scalar that varies",
}


def _block(case: Case, code: str, name: str, question: str) -> Check:
    variant, answer = case.evidence.variant, case.evidence.answers.get(name)
    if answer is None:
        return Check(code, variant, question, False, f"Not asked: {_ABSENT[name]}.")
    loss = case.evidence.differences.get(f"full − {name}")
    values: dict[str, Any] = {
        "balanced_accuracy": answer.accuracy.value, "interval": [answer.accuracy.low, answer.accuracy.high],
        **answer.levels(), "n_channels": answer.n_channels,
    }  # fmt: skip
    text = f"{answer.accuracy.value:.2f} ({_interval(answer.accuracy)}), {association(answer)}"
    if loss is not None:
        values["full_minus_this"] = loss.to_dict()
        text += f"; the full spectrum has {signed(loss.value)} ({_interval(loss)})"
    if name == "nuisance":
        values["auc"] = dict(case.evidence.scalar_aucs)
    if answer.note:
        text += f". Judged {answer.note}"
    return Check(code, variant, question, True, text.rstrip(".") + ".", values)


def _interval(estimate: Estimate) -> str:
    return f"95 % interval {estimate.low:.2f} to {estimate.high:.2f}".replace("-", "−")


def _leakage(case: Case) -> Check:
    question = "Does the accuracy rest on recognising specimens?"
    leakage, variant = case.evidence.leakage, case.evidence.variant
    if leakage is None:
        why = "no unit has replicates" if case.design.unit_declared else "no unit was declared"
        return Check("replicate_leakage", variant, question, False, f"Not asked: {why}.")
    gain = leakage.optimism
    text = (
        f"random folds {leakage.random_folds.value:.2f}, units kept together {case.full.accuracy.value:.2f}: "
        f"{signed(gain.value)} ({_interval(gain)})."
    )
    values = {"random_folds": leakage.random_folds.to_dict(), "optimism": gain.to_dict()}
    return Check("replicate_leakage", variant, question, True, text, values)


def _batch(case: Case) -> Check:
    question = "Is it the batch?"
    batch, variant, gain = case.evidence.batch, case.evidence.variant, case.full.gain_within
    if batch is None:
        return Check("batch", variant, question, False, "Not asked: no batch was declared, or only one.")
    values: dict[str, Any] = {
        "cramers_v": batch.cramers_v, "permutations_within_batch": min(batch.admissible, 1e300),
        "batch_from_spectrum": {**batch.predicted.to_dict(), "p": batch.predicted_p},
    }  # fmt: skip
    if batch.left_out is None or gain is None:
        text = f"class and batch cannot be told apart: Cramér's V {batch.cramers_v:.2f}."
        return Check("batch", variant, question, False, f"Not asked: {text}", values)
    left_out = batch.left_out
    told = not_settled(left_out.missing) if left_out.missing else probability(left_out.p)
    values |= {
        "p_within_batch": case.full.levels("within")["p_adjusted"], "gain_within_batch": gain.to_dict(),
        "left_out_batches": {**left_out.accuracy.to_dict(), "batches": left_out.n_batches,
                             "p": None if left_out.missing else left_out.p},
    }  # fmt: skip
    text = (
        f"inside batches a gain of {signed(gain.value)} ({_interval(gain)}), "
        f"{association(case.full, within=True)}; "
        f"batches left out {left_out.accuracy.value:.2f} ({told}); Cramér's V {batch.cramers_v:.2f}."
    )
    return Check("batch", variant, question, True, text, values)


def _carried(case: Case) -> Check:
    question = "Did preprocessing carry information out of the bands?"
    found = case.evidence.differences.get("off_band_after − off_band")
    if found is None:
        why = "the variant changes nothing, or there is no off-band"
        return Check("preprocessing_carried", case.evidence.variant, question, False, f"Not asked: {why}.")
    after = case.evidence.answers["off_band_after"].accuracy.value
    text = f"off-band cropped after preprocessing {after:.2f}: {signed(found.value)} ({_interval(found)})."
    return Check(
        "preprocessing_carried", case.evidence.variant, question, True, text,
        {"after_minus_before": found.to_dict()},
    )  # fmt: skip


def _same_class(case: Case) -> Check:
    question = "Do two halves of one class differ as much as the classes?"
    found, variant = case.evidence.same_class, case.evidence.variant
    if found is None:
        why = "no class has two batches, or an earlier and a later half, with enough units each"
        return Check("same_class", variant, question, False, f"Not asked: {why}.")
    worst = found.worst
    text = (
        f"worst of {len(found.by_class)}: {worst.class_name!r} ({worst.halves[0]} and {worst.halves[1]}) "
        f"{worst.accuracy.value:.2f} ({_interval(worst.accuracy)}), {probability(worst.p_adjusted)}; "
        f"the classes {case.full.accuracy.value:.2f}."
    )
    values = {
        half.class_name: {"halves": list(half.halves), **half.accuracy.to_dict(), "p": half.p,
                          "p_adjusted": half.p_adjusted, "n": half.n, "units": half.n_units}
        for half in found.by_class
    }  # fmt: skip
    return Check("same_class", variant, question, True, text, {"halves_of_class": values})


def _instrument(case: Case) -> Check:
    question = "Do gain, axis shift, baseline or saturation of the raw spectra differ between the classes?"
    found, variant = case.evidence.instrument, case.evidence.variant
    why = found.why_not or "none of them varies"
    if not found.by_name:
        return Check("instrument", variant, question, False, f"Not asked: {why}.")
    told = [
        f"{name} AUC {scalar.auc:.2f} ({probability(scalar.p_adjusted)}"
        + ("" if scalar.explains else ", moved by something else") + ")"
        for name, scalar in found.by_name.items()
    ]  # fmt: skip
    text = "; ".join(told) + (f". The others were not asked: {why}" if found.why_not else "")
    values = {
        name.replace(" ", "_"): {"auc": scalar.auc, "p_adjusted": scalar.p_adjusted,
                                 "means": dict(zip(scalar.classes, scalar.means, strict=True))}
        | ({"explains": scalar.explains} if scalar.p_adjusted <= case.settings.alpha else {})
        for name, scalar in found.by_name.items()
    }  # fmt: skip
    return Check("instrument", variant, question, True, f"{text}.", values)


def _metadata(case: Case) -> Check:
    question = "Can the class be told without any spectrum?"
    found, variant = case.evidence.metadata, case.evidence.variant
    if found is None:
        why = "neither batch nor instrument nor time of acquisition is known, or none varies"
        return Check("metadata", variant, question, False, f"Not asked: {why}.")
    text = "; ".join(
        f"from {name} {'AUC' if piece.is_auc else 'balanced accuracy'} {piece.statistic:.2f}, "
        f"chance {piece.chance:.2f} ({probability(piece.p_adjusted)})"
        for name, piece in found.items()
    )  # fmt: skip
    values = {name.replace(" ", "_"): dict(vars(piece)) for name, piece in found.items()}
    return Check("metadata", variant, question, True, f"{text}.", values)


def _band_agreement(case: Case) -> Check:
    question = "Does the classifier look at the declared bands?"
    relevance, variant = case.evidence.relevance, case.evidence.variant
    if relevance is None or not relevance.agreement:
        why = "too many spectra for maps" if relevance is None else "no band was declared, or the bands cover all"
        return Check("band_agreement", variant, question, False, f"Not asked: {why}.")
    return Check("band_agreement", variant, question, True, str(relevance), dict(vars(relevance.agreement["pattern"])))


def _capacity(case: Case) -> Check:
    n, rank = case.design.n, case.full.rank
    can = "can" if n <= rank + 1 else "cannot"
    text = f"{n} spectra span {rank} dimensions: any labelling {can} be fitted exactly."
    return Check(
        "capacity", case.evidence.variant, "Does training accuracy carry evidence?", True, text,
        {"n": n, "rank": rank},
    )  # fmt: skip
