"""Each reason as sentences that a chemist can act on, with the numbers in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spectral_core.controls.batch import fewest_permutations
from spectral_core.controls.metadata import ORDER
from spectral_core.messages import Message, association, best_scalars, bounds, probability, reached
from spectral_core.places import Places
from spectral_core.splits import count_permutations
from spectral_core.verdict import FEWEST_UNITS, Case, Judgement, guards_carry, off_band_share


def explain_reasons(judgement: Judgement, case: Case, places: Places) -> tuple[Message, ...]:
    """Write the sentences of each reason behind a judgement."""
    return tuple(
        Message(code, _underpowered(case, judgement.units_needed))
        if code == "underpowered"
        else Message(code, _SENTENCES[code](case, places))
        for code in judgement.codes
    )


def _blank_sufficient(case: Case, places: Places) -> str:
    loss = case.evidence.differences["full − blank"]
    return (
        f"{places.name(places.blanks)}, declared blank, reach {reached(case, 'blank')} balanced accuracy "
        f"({probability(case.evidence.answers['blank'].p_adjusted)}); the full spectrum reaches "
        f"{reached(case, 'full')}, at most {max(loss.at_most, 0):.2f} better. If {places.nothing}, as declared, the "
        "classes differ in how they were measured. Look for what differed when the classes were measured."
    )


def _nuisance_sufficient(case: Case, places: Places) -> str:
    return (
        f"Nuisance scalars, single numbers taken on the blanks ({best_scalars(case)}), reach "
        f"{reached(case, 'nuisance')}; the full spectrum {reached(case, 'full')}. {places.scalars.capitalize()} of an "
        "empty region tell the classes apart: compare instrument settings, integration times and backgrounds of the "
        "classes."
    )


def _replicate_leakage(case: Case, places: Places) -> str:
    leakage = case.evidence.leakage
    random = f"{leakage.random_folds.value:.2f}" if leakage else "more"
    return (
        f"With replicates of a unit on both sides of the split the accuracy is {random}; with units kept together "
        f"it is {reached(case, 'full')}, not above chance ({case.chance:.2f}, {association(case.full)}). More than "
        "half of what random folds claim comes from recognising specimens; an accuracy above "
        f"{case.full.accuracy.at_most:.2f} is excluded. Split by specimen and measure more specimens."
    )


def _batch_confounded(case: Case, places: Places) -> str:
    batch, gain = case.evidence.batch, case.full.gain_within
    text = f"The accuracy is {reached(case, 'full')}"
    if gain is not None:
        text += f", but permuting labels inside batches leaves a gain of only {bounds(gain)} "
        text += f"({association(case.full, within=True)})"
    if batch is not None and batch.left_out is not None:
        text += f"; on batches left out of training it is {batch.left_out.accuracy.value:.2f}"
        text += f" (chance {case.chance:.2f})"
    return text + ". The model knows the batch. Measure all classes in every batch, in random order."


def _no_association(case: Case, places: Places) -> str:
    return (
        f"Balanced accuracy {reached(case, 'full')} is not distinguishable from shuffled labels "
        f"({association(case.full)}), and a gain of {2 * case.settings.delta:.2f} over chance "
        f"({case.chance:.2f}) is excluded (at most {case.full.accuracy.at_most:.2f})."
    )


def _off_band_sufficient(case: Case, places: Places) -> str:
    loss = case.evidence.differences["full − off_band"]
    return (
        f"Channels outside the declared bands, cropped before any preprocessing, reach {reached(case, 'off_band')}; "
        f"the full spectrum {reached(case, 'full')}, at most {max(loss.at_most, 0):.2f} better. The bands do not "
        "explain the accuracy: the wings of a band reach beyond its guard, chemistry was left undeclared, or it is no "
        "chemistry. Declare blanks to tell."
    )


def _bands_not_privileged(case: Case, places: Places) -> str:
    if guards_carry(case):
        lost = case.evidence.differences["full − guards_left_out"]
        return (
            "Without the guards, the channels beside a band within half its width, the accuracy drops by "
            f"{bounds(lost)}: something next to the bands carries it. Move or widen the bands, or name what is there."
        )
    return (
        f"Channels outside the declared bands reach {reached(case, 'off_band')}, {off_band_share(case):.0%} of the "
        f"gain over chance that the full spectrum has ({reached(case, 'full')}); the bands alone reach "
        f"{reached(case, 'bands')} (difference {bounds(case.evidence.differences['bands − off_band'])}). The bands are "
        "not privileged over what lies beside them. Reconsider the assignment."
    )


def _too_few_units(case: Case, places: Places) -> str:
    least = min(zip(case.design.units_per_class, case.design.classes, strict=True))
    return (
        f"Class {least[1]!r} has {least[0]} independent unit{'s' * (least[0] != 1)} and the labels admit "
        f"{count_permutations(case.design):.3g} distinct permutations; intervals and tests need at least "
        f"{FEWEST_UNITS} units a class and {fewest_permutations(case.settings.alpha):.0f} permutations. "
        "Measure more specimens; more spectra of the same ones do not help."
    )


def _class_aliased_with_batch(case: Case, places: Places) -> str:
    told = (case.evidence.metadata or {}).get(ORDER)
    if not case.batch_is_aliased and told is not None:
        return (
            "The classes were measured one after the other: the time of acquisition alone ranks them with AUC "
            f"{told.statistic:.2f}, and whatever drifted with it separates them as well. "
            "Measure the classes in random order."
        )
    batch = case.evidence.batch
    found = f"Cramér's V {batch.cramers_v:.2f}, {batch.admissible:.3g} permutations inside batches" if batch else ""
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
    asked = (case.evidence.answers[name] for name in ("full", "bands") if name in case.evidence.answers)
    lacking = max((missing for answer in asked for missing in answer.missing.values()), default=0)
    if lacking:
        need = f"Run at least {lacking} more permutation{'s' * (lacking != 1)}, before more units are measured"
    elif units:
        need = f"About {units} units would decide, if the estimates hold"
    else:
        need = "More units of the same kind need not help, because an estimate is not above zero"
    return f"{case.design.n_units} units leave open: {'; '.join(names)}. {need}."


def _undecided(case: Case) -> list[str]:
    alpha, answers = case.settings.alpha, case.evidence.answers
    texts = {"full": "the full spectrum", "bands": "the bands alone"}
    names = [
        f"whether {text} exceeds chance ({answers[n].accuracy.value:.2f}, {association(answers[n])})"
        for n, text in texts.items()
        if n in answers and answers[n].p_adjusted > alpha
    ]
    names += [
        f"whether {text} exceeds chance inside batches ({association(answers[n], within=True)})"
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
            names.append(f"{pair.replace('_', '-')} ({bounds(found)})")
    return names


_SENTENCES: Mapping[str, Callable[[Case, Places], str]] = {
    "blank_sufficient": _blank_sufficient,
    "nuisance_sufficient": _nuisance_sufficient,
    "replicate_leakage": _replicate_leakage,
    "batch_confounded": _batch_confounded,
    "no_association": _no_association,
    "off_band_sufficient": _off_band_sufficient,
    "bands_not_privileged": _bands_not_privileged,
    "too_few_units": _too_few_units,
    "class_aliased_with_batch": _class_aliased_with_batch,
    "unit_undeclared": _unit_undeclared,
    "bands_undeclared": _bands_undeclared,
}
