"""Caveats: what stands beside any verdict and never decides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from spectral_core.caveats_of_measuring import MEASURING_SENTENCES, measuring_codes
from spectral_core.messages import Message, best_scalars, bounds, probability, reached
from spectral_core.places import Places
from spectral_core.relevance import explain_relevance_off_band, relevance_is_off_band
from spectral_core.verdict import Case


def explain_caveats(case: Case, places: Places, *, reasons: tuple[str, ...]) -> tuple[Message, ...]:
    """Write the sentences of each caveat of one variant."""
    return tuple(Message(code, _SENTENCES[code](case, places)) for code in caveat_codes(case, reasons=reasons))


def caveat_codes(case: Case, *, reasons: tuple[str, ...]) -> Iterator[str]:
    """Name the caveats of one variant, leaving out what a reason says already."""
    yield from _signals(case, reasons)
    yield from _differences(case)
    yield from measuring_codes(case, reasons=reasons)
    if case.evidence.batch is not None and case.evidence.batch.predicted_p <= case.settings.alpha:
        yield "batch_predictable"
    relevance = case.evidence.relevance
    if relevance is not None and relevance_is_off_band(
        relevance, above_chance=case.above_chance, alpha=case.settings.alpha
    ):
        yield "relevance_off_band"
    if case.design.n <= case.full.rank + 1:
        yield "capacity_saturated"
    if "blank" not in case.evidence.answers:
        yield "blank_undeclared"


def _signals(case: Case, reasons: tuple[str, ...]) -> Iterator[str]:
    told = {
        "off_band": ("off_band_sufficient", "bands_not_privileged"),
        "blank": ("blank_sufficient",),
        "nuisance": ("nuisance_sufficient",),
    }
    for name, codes in told.items():
        if case.associated(name) and not set(codes) & set(reasons):
            yield f"{name}_signal"


def _differences(case: Case) -> Iterator[str]:
    differences, delta = case.evidence.differences, case.settings.delta
    lacking = differences.get("full − bands")
    if case.above_chance and lacking is not None and lacking.value > delta and lacking.at_least > 0:
        yield "bands_insufficient"
    carried = differences.get("off_band_after − off_band")
    if carried is not None and carried.value > delta and carried.at_least > 0:
        yield "preprocessing_carried"
    leakage = case.evidence.leakage
    if leakage is not None and leakage.optimism.value > delta and leakage.optimism.at_least > 0:
        yield "accuracy_optimistic"


def _off_band_signal(case: Case, places: Places) -> str:
    return (
        f"Channels outside the declared bands carry class information ({reached(case, 'off_band')}, "
        f"{probability(case.evidence.answers['off_band'].p_adjusted)}): chemistry not declared, or no chemistry."
    )


def _blank_signal(case: Case, places: Places) -> str:
    return (
        f"The declared blanks ({places.name(places.blanks)}) carry class information ({reached(case, 'blank')}, "
        f"{probability(case.evidence.answers['blank'].p_adjusted)}) although {places.nothing}. "
        "Look for what differed between the measuring sessions."
    )


def _nuisance_signal(case: Case, places: Places) -> str:
    return (
        f"{places.scalars.capitalize()} taken on {case.evidence.nuisance_on} betray the class ({best_scalars(case)}; "
        f"together {reached(case, 'nuisance')}, {probability(case.evidence.answers['nuisance'].p_adjusted)}). "
        "A model that pools them would look accurate."
    )


def _bands_insufficient(case: Case, places: Places) -> str:
    lack = case.evidence.differences["full − bands"]
    return (
        f"The bands alone reach {reached(case, 'bands')}, the full spectrum {reached(case, 'full')} "
        f"({bounds(lack)}): part of the accuracy comes from elsewhere."
    )


def _preprocessing_carried(case: Case, places: Places) -> str:
    return (
        f"Off-band channels reach {reached(case, 'off_band')} when cropped before preprocessing and "
        f"{reached(case, 'off_band_after')} when cropped after it: {case.evidence.variant} carries information from "
        "the bands into regions that have none. Maps of relevance made after it mislead."
    )


def _batch_predictable(case: Case, places: Places) -> str:
    batch = case.evidence.batch
    found = f"{batch.predicted.value:.2f} balanced accuracy, {probability(batch.predicted_p)}" if batch else ""
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
        f"Random folds give {random}, folds that keep units together {reached(case, 'full')}: an accuracy "
        "from random folds is too good by that much."
    )


def _blank_undeclared(case: Case, places: Places) -> str:
    return (
        "No blank was declared, so an artefact that reaches empty regions cannot be convicted. Declare one if you can."
    )


def _relevance_off_band(case: Case, places: Places) -> str:
    relevance = case.evidence.relevance
    return explain_relevance_off_band(relevance, position=places.position) if relevance is not None else ""


_SENTENCES: Mapping[str, Callable[[Case, Places], str]] = {
    "off_band_signal": _off_band_signal,
    "blank_signal": _blank_signal,
    "nuisance_signal": _nuisance_signal,
    "bands_insufficient": _bands_insufficient,
    "preprocessing_carried": _preprocessing_carried,
    "relevance_off_band": _relevance_off_band,
    "batch_predictable": _batch_predictable,
    "capacity_saturated": _capacity_saturated,
    "accuracy_optimistic": _accuracy_optimistic,
    "blank_undeclared": _blank_undeclared,
    **MEASURING_SENTENCES,
}
