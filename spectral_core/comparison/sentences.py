"""What a comparison says in words: one sentence first, then what has to be known to read the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spectral_core.comparison.comparison import Comparison
from spectral_core.comparison.data import Moved
from spectral_core.comparison.figures import Figure
from spectral_core.comparison.noise import Contrast
from spectral_core.comparison.regions import RegionChange
from spectral_core.report.typography import counted, p_value, prose, share
from spectral_core.report.words import VERDICTS

BLOCKS = {"full": "full spectrum", "bands": "declared bands", "off_band": "off-band", "blank": "blanks",
          "nuisance": "nuisance scalars"}  # fmt: skip
_PARTS = {
    "common": "The units of both audits are classified differently",
    "added": "The added units differ from the others of B",
    "removed": "The removed units differed from the others of A",
}
_GROWN = 1.25  # times as many units: learning may show


def summary(found: Comparison) -> str:
    """Say whether the verdict changed and whether any figure did, in two sentences."""
    a, b = (str(side.report["verdict"]) for side in (found.a, found.b))
    moved = [*found.moved, *found.moved_regions]
    told = f"The verdict is still {verdict(a)}." if a == b else f"The verdict went from {verdict(a)} to {verdict(b)}."
    if not found.n_tests:
        return f"{told} No figure could be compared."
    if not moved:
        more = ("so it turned on a difference that chance alone may make." if a != b
                else "so the two audits agree as far as they can tell.")  # fmt: skip
        return f"{told} No figure differs by more than noise, {more}"
    return f"{told} {_moved(found)}"


def _moved(found: Comparison) -> str:
    """Name what is more than noise: over all units, else among the units that tell it."""
    wholes = dict.fromkeys(BLOCKS[f.block] for f in found.moved if found.beyond(f.contrasts["all"]))
    named = [*wholes, *dict.fromkeys(region.region for region in found.moved_regions)]
    told = [f"More than noise: {listed(named)}."] if named else []
    for part, who in _PARTS.items():
        apart = dict.fromkeys(BLOCKS[f.block] for f in found.moved if found.beyond(f.contrasts.get(part)))
        told += [f"{who} in {listed(apart)}."] if apart else []
    return " ".join([*([] if named else ["Over all units no figure differs by more than noise."]), *told])


def verdict(code: str | None) -> str:
    """Write a verdict as the report does.

    Example:
        >>> verdict("no_signal"), verdict(None)
        ('no signal', 'not audited')
    """
    return "not audited" if code is None else VERDICTS[code].title.lower() if code in VERDICTS else code


def notes(found: Comparison) -> list[str]:
    """List what limits the comparison, each as one sentence."""
    told = [*_notes_on_data(found), *_notes_on_method(found)]
    if found.n_tests:
        told.append(
            f"A difference is called more than noise if p ≤ {found.alpha:g} after Holm's correction for the "
            f"{found.n_tests} differences tested here. Standard errors are taken {found.factor:.2g} times, because the "
            "training sets differ too."
        )
    return told


def _notes_on_data(found: Comparison) -> Iterable[str]:
    data = found.data
    if data.why:
        yield f"Not every sample can be named: {data.why}."
    if set(found.a.report["design"]["classes"]) != set(found.b.report["design"]["classes"]):
        yield "The classes differ, so chance differs and no accuracy can be compared with its counterpart."
    if any(not figure.paired and figure.contrasts for figure in found.figures):
        yield ("At least one report names no units (it is older, or its units have no names), so the audits are "
               "compared as independent: intervals are too wide where they share specimens.")  # fmt: skip
    if data.units_a and data.units_b / data.units_a >= _GROWN:
        yield (f"B has {data.units_b / data.units_a:.1f} times the units of A: a classifier that learns from more "
               "specimens does better, whatever they are. Look at the added units beside the others.")  # fmt: skip
    if data.units_common and data.units_common < max(data.units_a, data.units_b):
        yield "Folds are drawn anew when units come or go, so common units were not held out with the same ones."


def _notes_on_method(found: Comparison) -> Iterable[str]:
    if found.settings_hidden:
        yield "The studies differ in a key that report.json does not hold (samples or quality)."
    if any(change.key.startswith(("bands", "blanks")) for change in found.settings):
        yield "Bands or blanks were declared differently: figures of the same name speak of other channels."
    judges = {figure.judges for figure in found.figures if figure.contrasts and figure.judges[0] != figure.judges[1]}
    for before, after in sorted(judges):
        yield f"The verdict speaks of {before} in A and of {after} in B: the difference is also one of classifiers."
    versions = [side.report["schema_version"] for side in (found.a, found.b)]
    if versions[0] != versions[1]:
        yield f"The reports have the schema versions {versions[0]} and {versions[1]}; what only one holds is left out."


def data_lines(found: Comparison) -> list[str]:
    """Say what came and went, by class and batch."""
    data = found.data
    lines = [f"{counted(data.spectra_a, 'spectrum')} of {counted(data.units_a, 'unit')} in A, "
             f"{counted(data.spectra_b, 'spectrum')} of {counted(data.units_b, 'unit')} in B"]  # fmt: skip
    if data.units_common is not None:
        lines[0] += f"; {counted(data.units_common, 'unit')} in both"
    lines[0] += "."
    if data.same and data.added is not None:
        lines.append("No sample was added, removed or relabelled." if data.known_by == "spectrum_id"
                     else "No unit was added or removed.")  # fmt: skip
    lines += [moved_line(name, part) for name, part in (("Added", data.added), ("Removed", data.removed))
              if part is not None and part.spectra]  # fmt: skip
    if data.relabelled:
        changed = listed(f"{role} of {counted(n, 'spectrum')}" for role, n in data.relabelled.items())
        lines.append(f"Corrected in between: {changed}.")
    return lines


def moved_line(name: str, part: Moved) -> str:
    """Write what came or went in a sentence.

    Example:
        >>> moved_line("Added", Moved(3, ("u1",), {"a": 3}, {"not stated": 3}))
        'Added: 3 spectra; 1 new unit; by class: a 3.'
    """
    units = f"{counted(len(part.units), 'new unit' if name == 'Added' else 'unit')}" if part.units else "no new unit"
    units = units if part.units or name == "Added" else "no unit as a whole"
    told = [f"{name}: {counted(part.spectra, 'spectrum')}", units, "by class: " + _tally(part.by_class)]
    if set(part.by_batch) != {"not stated"}:
        told.append("by batch: " + _tally(part.by_batch))
    return "; ".join(told) + "."


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def change_text(value: Any) -> str:
    """Write a value of a study or a version.

    Example:
        >>> change_text([1200.0, 1300.0]), change_text(None), change_text(True), change_text(["raw", "snv"])
        ('1200, 1300', 'absent', 'true', 'raw; snv')
    """
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ("; " if any(isinstance(v, str) for v in value) else ", ").join(map(change_text, value)) or "none"
    if isinstance(value, float | int):
        return f"{value:g}"
    return str(value) if value != {} else "none"


def finding(found: Comparison, figure: Figure) -> str:
    """Say of one figure in a sentence what is more than noise.

    The added or removed units are spoken of where they differ from the others, then the whole.
    """
    told = []
    for name, contrast in figure.contrasts.items():
        if found.beyond(contrast):
            told.append(_FINDINGS[name].format(**_numbers(contrast)))
    return prose(f"{BLOCKS[figure.block].capitalize()} on {figure.variant}: " + "; ".join(told) + ".")


_FINDINGS = {
    "all": "{a} → {b}, a difference of {d} (adjusted p {p})",
    "common": "the {n_b} units of both audits go from {a} to {b}, {d} (adjusted p {p})",
    "added": "the {n_b} added units reach {b}, the {n_a} others of B {a} (adjusted p {p}): they differ",
    "removed": "the {n_b} removed units reached {b}, the {n_a} others of A {a} (adjusted p {p}): they differed",
}  # fmt: skip


def region_finding(region: RegionChange) -> str:
    """Say of one region whose accuracy alone changed by more than noise, what it gained or lost."""
    contrast = region.contrast
    if contrast is None:
        return ""
    what = "gained" if contrast.value > 0 else "lost"
    told = "{a} → {b} alone, {d} (adjusted p {p})".format(**_numbers(contrast))
    return prose(f"{region.kind.capitalize()} {region.region} {what} relevance on {region.variant}: {told}.")


def _numbers(contrast: Contrast) -> dict[str, str | int]:
    return {
        "a": share(contrast.a), "b": share(contrast.b), "d": difference(contrast),
        "p": p_value(contrast.p_adjusted), "n_a": contrast.n_a, "n_b": contrast.n_b,
    }  # fmt: skip


def difference(contrast: Contrast) -> str:
    """Write a difference with its interval, in two decimals.

    Example:
        >>> difference(Contrast(0.5, 0.75, 0.1, 0.4, 0.01, 20, 30))
        '+0.25 [+0.10, +0.40]'
    """
    value, low, high = (f"{v:+.2f}".replace("-", "−") for v in (contrast.value, contrast.low, contrast.high))
    return f"{value} [{low}, {high}]"


def listed(names: Iterable[str]) -> str:
    """Join names.

    Example:
        >>> listed(["a", "b", "c"]), listed([])
        ('a, b and c', '')
    """
    every = list(names)
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
