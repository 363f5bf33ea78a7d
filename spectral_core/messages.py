"""Each code as sentences that a chemist can act on, with the numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spectral_core.controls.batch import fewest_permutations
from spectral_core.inference import Estimate
from spectral_core.regions import Intervals
from spectral_core.splits import count_permutations
from spectral_core.verdict import FEWEST_UNITS, Case


@dataclass(frozen=True)
class Places:
    """Declared regions, for naming them in sentences."""

    axis_unit: str
    bands: Intervals
    blanks: Intervals

    def name(self, intervals: Intervals) -> str:
        """Write intervals as `2,450–2,600 and 3,800–3,985 cm⁻¹`."""
        unit = {"cm-1": "cm⁻¹", "um": "µm"}.get(self.axis_unit, self.axis_unit)
        texts = [f"{low:,.6g}–{high:,.6g}" for low, high in intervals.values()]
        return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts) + f" {unit}"


@dataclass(frozen=True)
class Message:
    """A stable code and its sentences."""

    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Give code and message as texts."""
        return {"code": self.code, "message": self.message}


def explain(code: str, case: Case, places: Places, *, units_needed: int = 0) -> Message:
    """Write the sentences of one reason or caveat."""
    if code == "underpowered":
        return Message(code, _underpowered(case, units_needed))
    return Message(code, _SENTENCES[code](case, places))


def probability(p: float) -> str:
    """Write a p-value.

    Example:
        >>> probability(0.0005), probability(0.2341)
        ('p = 0.0005', 'p = 0.23')
    """
    return f"p = {p:.1g}" if p < 0.01 else f"p = {p:.2g}"


def _reached(case: Case, name: str) -> str:
    return f"{case.evidence.answers[name].accuracy.value:.2f}"


def _bounds(estimate: Estimate) -> str:
    return f"{estimate.value:+.2f}, 95 % interval {estimate.low:+.2f} to {estimate.high:+.2f}"


def _blank_sufficient(case: Case, places: Places) -> str:
    loss = case.evidence.differences["full − blank"]
    what = "declared blanks" if len(places.blanks) > 1 else "declared blank"
    return (
        f"{places.name(places.blanks)}, {what}, reach {_reached(case, 'blank')} balanced accuracy "
        f"({probability(case.evidence.answers['blank'].p_adjusted)}); the full spectrum {_reached(case, 'full')} "
        f"(at most {max(loss.at_most, 0):.2f} more). Nothing absorbs there, so the classes differ in how they were "
        "measured. Look for what differed between the measuring sessions."
    )


def _nuisance_sufficient(case: Case, places: Places) -> str:
    return (
        f"Chemistry-free scalars of the blanks ({_best_scalars(case)}) reach {_reached(case, 'nuisance')}; "
        f"the full spectrum {_reached(case, 'full')}. Level, noise or slope of an empty region tell the classes apart: "
        "compare instrument settings, integration times and backgrounds of the classes."
    )


def _best_scalars(case: Case) -> str:
    best = sorted(case.evidence.scalar_aucs.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{name}, AUC {auc:.2f}" for name, auc in best)


def _replicate_leakage(case: Case, places: Places) -> str:
    leakage = case.evidence.leakage
    random = f"{leakage.random_folds.value:.2f}" if leakage else "more"
    return (
        f"With replicates of a unit on both sides of the split the accuracy is {random}; with units kept together "
        f"it is {_reached(case, 'full')}, not above chance ({case.chance:.2f}, {probability(case.full.p_adjusted)}). "
        "The model recognises specimens, not classes. Split by specimen and measure more specimens."
    )


def _batch_confounded(case: Case, places: Places) -> str:
    batch, gain = case.evidence.batch, case.full.gain_within
    text = f"The accuracy is {_reached(case, 'full')}"
    if gain is not None:
        text += f", but permuting labels inside batches leaves a gain of only {_bounds(gain)} "
        text += f"({probability(case.full.p_within_adjusted)})"
    if batch is not None and batch.left_out is not None:
        text += f"; on batches left out of training it is {batch.left_out.accuracy.value:.2f}"
        text += f" (chance {case.chance:.2f})"
    return text + ". The model knows the batch. Measure all classes in every batch, in random order."


def _no_association(case: Case, places: Places) -> str:
    return (
        f"Balanced accuracy {_reached(case, 'full')} is not distinguishable from shuffled labels "
        f"({probability(case.full.p_adjusted)}), and a gain of {2 * case.settings.delta:.2f} over chance "
        f"({case.chance:.2f}) is excluded (at most {case.full.accuracy.at_most:.2f})."
    )


def _off_band_sufficient(case: Case, places: Places) -> str:
    loss = case.evidence.differences["full − off_band"]
    return (
        f"Channels outside the declared bands, cropped before any preprocessing, reach {_reached(case, 'off_band')}; "
        f"the full spectrum {_reached(case, 'full')} (at most {max(loss.at_most, 0):.2f} more). The bands do not "
        "explain the accuracy: either chemistry was left undeclared, or it is no chemistry. Declare blanks to tell."
    )


def _bands_not_privileged(case: Case, places: Places) -> str:
    return (
        f"The declared bands alone reach {_reached(case, 'bands')}, channels outside them {_reached(case, 'off_band')} "
        f"(difference {_bounds(case.evidence.differences['bands − off_band'])}): the bands are not better than "
        "what lies beside them. Reconsider the assignment."
    )


def _too_few_units(case: Case, places: Places) -> str:
    least = min(zip(case.design.units_per_class, case.design.classes, strict=True))
    return (
        f"Class {least[1]!r} has {least[0]} independent unit{'s' * (least[0] != 1)} and the labels admit "
        f"{count_permutations(case.design):.3g} distinct permutations; intervals and tests need at least {FEWEST_UNITS} "
        f"units a class and {fewest_permutations(case.settings.alpha):.0f} permutations. Measure more specimens; "
        "more spectra of the same ones do not help."
    )


def _class_aliased_with_batch(case: Case, places: Places) -> str:
    batch = case.evidence.batch
    found = (
        f"Cramér's V {batch.cramers_v:.2f}, {batch.admissible:.3g} permutations inside batches"
        if batch
        else ""
    )
    return (
        f"Class and batch cannot be told apart ({found}): whatever separates the batches separates the classes. "
        "Measure every class in every batch."
    )


def _unit_undeclared(case: Case, places: Places) -> str:
    return (
        "No unit was declared, so it is unknown which spectra are independent: replicates of one specimen may stand "
        "on both sides of every split. Name the specimen of each spectrum (samples.unit, or unit=)."
    )


def _bands_undeclared(case: Case, places: Places) -> str:
    if places.bands:
        return (
            "The declared bands with their guards leave no channel outside them, so off-band cannot be asked. "
            "Declare only where the chemistry that separates the classes absorbs or emits."
        )
    return "No bands were declared, so there is no claim about chemistry to test. Declare them with their assignment."


def _underpowered(case: Case, units: int) -> str:
    names = _undecided(case)
    need = (
        f"About {units} units would decide, if the estimates hold"
        if units
        else "More units of the same kind need not help, because an estimate is not above zero"
    )
    return f"{case.design.n_units} units leave open: {'; '.join(names)}. {need}."


def _undecided(case: Case) -> list[str]:
    alpha, answers = case.settings.alpha, case.evidence.answers
    texts = {"full": "the full spectrum", "bands": "the bands alone"}
    names = [
        f"whether {text} exceeds chance ({answers[n].accuracy.value:.2f}, {probability(answers[n].p_adjusted)})"
        for n, text in texts.items()
        if n in answers and answers[n].p_adjusted > alpha
    ]
    names += [
        f"whether {text} exceeds chance inside batches ({probability(answers[n].p_within_adjusted)})"
        for n, text in texts.items()
        if n in answers and answers[n].p_within_adjusted > alpha
    ]
    left_out = case.evidence.batch.left_out if case.evidence.batch else None
    if left_out is not None and left_out.p > alpha:
        names.append(f"whether batches left out are classified ({left_out.accuracy.value:.2f})")
    pairs = ("full − off_band", "full − nuisance", "full − blank", "bands − off_band")
    for pair in pairs:
        found = case.evidence.differences.get(pair)
        if (
            found is not None
            and found.at_least <= 0
            and not (pair == "full − nuisance" and case.evidence.nuisance_on != "the blanks")
        ):
            names.append(f"{pair.replace('_', '-')} ({_bounds(found)})")
    return names


def _off_band_signal(case: Case, places: Places) -> str:
    return (
        f"Channels outside the declared bands carry class information ({_reached(case, 'off_band')}, "
        f"{probability(case.evidence.answers['off_band'].p_adjusted)}): chemistry not declared, or no chemistry."
    )


def _blank_signal(case: Case, places: Places) -> str:
    return (
        f"The declared blanks ({places.name(places.blanks)}) carry class information ({_reached(case, 'blank')}, "
        f"{probability(case.evidence.answers['blank'].p_adjusted)}) although nothing absorbs there. "
        "Look for what differed between the measuring sessions."
    )


def _nuisance_signal(case: Case, places: Places) -> str:
    return (
        f"Level, noise or shape taken on {case.evidence.nuisance_on} betray the class ({_best_scalars(case)}; together "
        f"{_reached(case, 'nuisance')}, {probability(case.evidence.answers['nuisance'].p_adjusted)}). "
        "A model that pools them would look accurate."
    )


def _bands_insufficient(case: Case, places: Places) -> str:
    lack = case.evidence.differences["full − bands"]
    return (
        f"The bands alone reach {_reached(case, 'bands')}, the full spectrum {_reached(case, 'full')} "
        f"({_bounds(lack)}): part of the accuracy comes from elsewhere."
    )


def _preprocessing_carried(case: Case, places: Places) -> str:
    return (
        f"Off-band channels reach {_reached(case, 'off_band')} when cropped before preprocessing and "
        f"{_reached(case, 'off_band_after')} when cropped after it: {case.evidence.variant} carries information from "
        "the bands into regions that have none. Maps of relevance made after it mislead."
    )


def _batch_predictable(case: Case, places: Places) -> str:
    batch = case.evidence.batch
    found = (
        f"{batch.predicted.value:.2f} balanced accuracy, {probability(batch.predicted_p)}" if batch else ""
    )
    return f"The batch can be read from the spectrum ({found}): instrument or session leave a mark."


def _capacity_saturated(case: Case, places: Places) -> str:
    return (
        f"{case.design.n} spectra span {case.full.rank} dimensions, so any labelling of them can be fitted exactly "
        "(Cover, 1965): training accuracy carries no evidence."
    )


def _accuracy_optimistic(case: Case, places: Places) -> str:
    leakage = case.evidence.leakage
    random = f"{leakage.random_folds.value:.2f}" if leakage else ""
    return (
        f"Random folds give {random}, folds that keep units together {_reached(case, 'full')}: an accuracy "
        "from random folds is too good by that much."
    )


def _blank_undeclared(case: Case, places: Places) -> str:
    return "No blank was declared, so an artefact that reaches empty regions cannot be convicted. Declare one if you can."


_SENTENCES: Mapping[str, Callable[[Case, Places], str]] = {
    "replicate_leakage": _replicate_leakage,
    "batch_confounded": _batch_confounded,
    "blank_sufficient": _blank_sufficient,
    "nuisance_sufficient": _nuisance_sufficient,
    "no_association": _no_association,
    "off_band_sufficient": _off_band_sufficient,
    "bands_not_privileged": _bands_not_privileged,
    "unit_undeclared": _unit_undeclared,
    "too_few_units": _too_few_units,
    "class_aliased_with_batch": _class_aliased_with_batch,
    "bands_undeclared": _bands_undeclared,
    "off_band_signal": _off_band_signal,
    "blank_signal": _blank_signal,
    "nuisance_signal": _nuisance_signal,
    "bands_insufficient": _bands_insufficient,
    "preprocessing_carried": _preprocessing_carried,
    "batch_predictable": _batch_predictable,
    "capacity_saturated": _capacity_saturated,
    "accuracy_optimistic": _accuracy_optimistic,
    "blank_undeclared": _blank_undeclared,
}
