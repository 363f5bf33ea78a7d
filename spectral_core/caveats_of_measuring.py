"""Caveats about how the spectra were taken: halves of one class, metadata, and what the instrument did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from spectral_core.controls.instrument import Distortion
from spectral_core.controls.metadata import NEIGHBOURS, ONE_AFTER_THE_OTHER, ORDER
from spectral_core.controls.same_class import Halves
from spectral_core.messages import probability, reached
from spectral_core.places import Places
from spectral_core.verdict import Case

_BASELINE = ("offset", "slope")


def measuring_codes(case: Case, *, reasons: tuple[str, ...]) -> Iterator[str]:
    """Name the caveats of one variant about measuring, leaving out what a reason says already."""
    if separable_halves(case) is not None:
        yield "same_class_separable"
    if any(_told(case, name) for name in (ORDER, NEIGHBOURS)):
        yield "order_signal"
    if _columns_that_tell(case, reasons):
        yield "metadata_signal"
    if case.design.batch_declared and "" in case.design.batches:
        yield "batch_unstated"
    if case.design.copies:
        yield "copied_spectra"
    if case.evidence.instrument.normalised:
        yield "normalised_beforehand"
    instrument, alpha = case.evidence.instrument, case.settings.alpha
    scalars = {"gain_signal": ("gain",), "shift_signal": ("axis shift",), "baseline_signal": _BASELINE}
    for code, names in {**scalars, "saturation_signal": ("saturation",)}.items():
        if any(instrument.differs(name, alpha) for name in names):
            yield code


def separable_halves(case: Case) -> Halves | None:
    """Find the class whose halves the probe tells apart as well as the classes, within delta.

    Accuracies of two halves and of C classes are compared as shares of the gain that chance leaves,
    (A − 1/C)/(1 − 1/C); with two classes that is: no worse by more than delta.
    """
    found = case.evidence.same_class
    if found is None:
        return None
    full = (case.full.accuracy.value - case.chance) / (1.0 - case.chance)
    as_well = [
        half for half in found.by_class
        if half.p_adjusted <= case.settings.alpha
        and 2.0 * half.accuracy.value - 1.0 >= full - 2.0 * case.settings.delta
    ]  # fmt: skip
    return max(as_well, key=lambda half: half.accuracy.value, default=None)


def _told(case: Case, name: str) -> bool:
    metadata = case.evidence.metadata or {}
    return name in metadata and metadata[name].p_adjusted <= case.settings.alpha


def _columns_that_tell(case: Case, reasons: tuple[str, ...]) -> list[str]:
    said = {"batch_confounded", "class_aliased_with_batch"} & set(reasons)
    return [name for name in ("batch", "instrument") if _told(case, name) and not (name == "batch" and said)]


def _same_class_separable(case: Case, places: Places) -> str:
    half = separable_halves(case)
    if half is None:
        return ""
    return (
        f"Two halves of one class, {half.class_name!r} ({half.halves[0]} and {half.halves[1]}, {half.n_units} units), "
        f"are told apart with {half.accuracy.value:.2f} ({probability(half.p_adjusted)}), the classes with "
        f"{reached(case, 'full')}. What parts the halves is not the class, and it may part the classes too: "
        f"{_remedy(case, half)}."
    )


def _remedy(case: Case, half: Halves) -> str:
    told = [name for name in ("batch", ORDER, NEIGHBOURS) if _told(case, name)]
    if told or not half.by_batch:
        return "measure all classes in one session, in random order"
    return "that the classes are dealt evenly to the batches is what protects the accuracy; keep it so"


def _order_signal(case: Case, places: Places) -> str:
    metadata = case.evidence.metadata or {}
    order, near = metadata[ORDER], metadata[NEIGHBOURS]
    if not _told(case, ORDER):
        found = (
            "Units of one class were measured together: the classes of the neighbours in time alone tell the class "
            f"with {near.statistic:.2f} balanced accuracy ({probability(near.p_adjusted)}). What changes from one such "
            "run to the next then looks like a difference of the classes: measure in random order."
        )
        return found
    else:
        how = "one after the other" if order.statistic >= ONE_AFTER_THE_OTHER else "at different times"
        found = (
            f"The classes were measured {how}: the order of acquisition alone tells them with AUC "
            f"{order.statistic:.2f} ({probability(order.p_adjusted)})."
        )
    return f"{found} Any drift of the instrument then looks like a difference of the classes: measure in random order."


def _metadata_signal(case: Case, places: Places) -> str:
    metadata = case.evidence.metadata or {}
    names = _columns_that_tell(case, ())
    told = " and ".join(
        f"the {name} alone tells the class with {metadata[name].statistic:.2f} balanced accuracy "
        f"({probability(metadata[name].p_adjusted)})" for name in names
    )  # fmt: skip
    return (
        f"Without any spectrum, {told}; the full spectrum reaches {reached(case, 'full')}. Deal the classes evenly to "
        f"each {' and '.join(names)}."
    )


def _batch_unstated(case: Case, places: Places) -> str:
    design = case.design
    rows = design.batch == design.batches.index("")
    units = int(np.unique(design.unit[rows]).size)
    return (
        f"{int(rows.sum())} of {design.n} spectra ({units} of {design.n_units} units) have no batch stated. They keep "
        "their label where labels are permuted within batches, so that they cannot hide a batch: look the names up."
    )


def _gain_signal(case: Case, places: Places) -> str:
    found = case.evidence.instrument.by_name["gain"]
    (low, high), (fainter, stronger) = sorted(found.means), _ascending(found)
    ratio = f"{high / low:.2f} times as strong as" if low > 0 else "stronger than"
    return (
        f"Off the bands the spectra of {stronger!r} are {ratio} those of {fainter!r} (gain {high:.2f} "
        f"against {low:.2f}, {_separates(found)}). If the whole sample does so, amount, focus, path length, power or "
        "integration time differ: make them equal, or normalise and judge again. One strong band that nobody declared, "
        "a matrix diluted by the analyte, and spectra normalised before the audit look the same."
    )


def _shift_signal(case: Case, places: Places) -> str:
    found = case.evidence.instrument.by_name["axis shift"]
    (low, high), (earlier, later) = sorted(found.means), _ascending(found)
    unit = {"cm-1": "cm⁻¹", "um": "µm"}.get(places.axis_unit, places.axis_unit)
    return (
        f"Off the bands {later!r} is shifted by {high - low:.2g} {unit} to larger positions against {earlier!r} "
        f"({_separates(found)}). Calibrate the axis on a reference before each session and judge again."
    )


def _baseline_signal(case: Case, places: Places) -> str:
    instrument, told = case.evidence.instrument, []
    for name, what in (("offset", "lies {:.3g} above"), ("slope", "rises by {:.3g} more over the axis than")):
        if instrument.differs(name, case.settings.alpha):
            found = instrument.by_name[name]
            low, high = _ascending(found)
            size = abs(found.means[1] - found.means[0])
            told.append(f"that of {high!r} {what.format(size)} that of {low!r} ({_separates(found)})")
    return (
        f"The baselines differ off the bands: {'; '.join(told)}. Look for background, scattering, fluorescence or "
        "alignment that differed between the classes."
    )


def _copied_spectra(case: Case, places: Places) -> str:
    copies, codes = case.design.copies, case.design.codes
    a, b = copies[0]
    apart = sum(codes[a] != codes[b] for a, b in copies)
    classes = f" {apart} of them stand under two classes." if apart else ""
    return (
        f"{len(copies)} spectra are exact copies of another under another unit name (rows {a + 1} and {b + 1}, for "
        f"one).{classes} Copies of one class are kept together as one unit. Correct the sample sheet or leave them out."
    )


def _normalised_beforehand(case: Case, places: Places) -> str:
    return (
        f"All spectra have the same {case.evidence.instrument.normalised}: they were normalised before the audit saw "
        "them, which writes what the bands hold into every other channel. Blanks therefore convict nobody here, and "
        "off-band signals mean little. Hand in spectra as measured and name the normalisation as a variant."
    )


def _saturation_signal(case: Case, places: Places) -> str:
    found = case.evidence.instrument.by_name["saturation"]
    (low, high), (less, more) = sorted(found.means), _ascending(found)
    return (
        f"{100 * high:.2g} % of the channels of {more!r} stand at a ceiling, {100 * low:.2g} % of those of {less!r} "
        f"({_separates(found)}). A flat top is the detector's, not the sample's: shorten the integration time."
    )


def _ascending(found: Distortion) -> tuple[str, str]:
    first, second = found.classes
    return (first, second) if found.means[0] <= found.means[1] else (second, first)


def _separates(found: Distortion) -> str:
    return f"AUC {found.auc_of_pair:.2f}, {probability(found.p_adjusted)}"


MEASURING_SENTENCES: Mapping[str, Callable[[Case, Places], str]] = {
    "same_class_separable": _same_class_separable,
    "order_signal": _order_signal,
    "metadata_signal": _metadata_signal,
    "batch_unstated": _batch_unstated,
    "gain_signal": _gain_signal,
    "shift_signal": _shift_signal,
    "baseline_signal": _baseline_signal,
    "saturation_signal": _saturation_signal,
    "copied_spectra": _copied_spectra,
    "normalised_beforehand": _normalised_beforehand,
}
