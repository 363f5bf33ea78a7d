"""The design drawn: units of each class, in each batch, one dot a unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from spectral_core.report.markup import Markup, join, table, tag
from spectral_core.report.typography import number, share

Part = Mapping[str, Any]
_UNITS_DECLARED = "Units were declared: spectra of one unit are never split between fitting and testing."
_UNITS_UNDECLARED = (
    "No unit was declared: every spectrum counts as independent. If some are replicates of one specimen, the "
    "accuracies are too high and the intervals too narrow."
)
_MOST_DOTS, _A_ROW, _PITCH = 60, 20, 8


def design_html(report: Part) -> Markup:
    """Draw classes and batches with their units, and list the settings."""
    design = report.get("design") or {}
    unit = _UNITS_DECLARED if design.get("unit_declared") else _UNITS_UNDECLARED
    told = tag("p", unit) if "unit_declared" in design else None
    return join(told, _classes(design), _batches(design) if design else None, _settings(report))


def _classes(design: Part) -> Markup | None:
    classes: Mapping[str, Part] = design.get("classes") or {}
    if not classes:
        return None
    each = _units_a_dot(size.get("units") for size in classes.values())
    rows = [
        [label, number(size.get("spectra")), _drawn(size.get("units"), each, i)]
        for i, (label, size) in enumerate(classes.items())
    ]
    return table(["Class", "Spectra", "Units"], rows, caption=_told("Classes", each), class_="data dotted")


def _batches(design: Part) -> Markup:
    batches: Mapping[str, Mapping[str, Any]] = design.get("batches") or {}
    if not batches:
        return tag("p", "No batch was declared, so neither session, day nor instrument could be tested.")
    labels = list(dict.fromkeys([*(design.get("classes") or {}), *(k for row in batches.values() for k in row)]))
    each = _units_a_dot(count for row in batches.values() for count in row.values())
    rows = [[name, *[_drawn(row.get(label), each, i) for i, label in enumerate(labels)]]
            for name, row in batches.items()]  # fmt: skip
    lone = [name for name, row in batches.items() if sum(1 for count in row.values() if count) == 1]
    note = (f"{len(lone)} of {len(batches)} batches hold a single class; within such a batch nothing can be "
            f"compared."
            if lone else "Every batch holds more than one class.")  # fmt: skip
    drawn = table(["Batch", *labels], rows, caption=_told("Units of each class in each batch", each),
                  class_="data dotted")  # fmt: skip
    return join(drawn, tag("p", note))


def _units_a_dot(counts: Iterable[object]) -> int:
    return ceil(max((count for count in counts if isinstance(count, int)), default=0) / _MOST_DOTS) or 1


def _told(caption: str, each: int) -> str:
    return f"{caption}; a dot is {'a unit' if each == 1 else f'up to {each:,} units'}"


def _drawn(count: object, each: int, i: int) -> Markup:
    """Write how many units there are, and draw them in the colour of the i-th class; none is a word, not a gap."""
    if not isinstance(count, int) or count <= 0:
        return tag("span", "none" if count == 0 or count is None else number(count), class_="quiet")
    dots = ceil(count / each)
    places = [(k % _A_ROW, k // _A_ROW) for k in range(dots)]
    circles = [tag("circle", cx=str(4 + _PITCH * x), cy=str(4 + _PITCH * y), r="3") for x, y in places]
    width, height = _PITCH * min(dots, _A_ROW), _PITCH * ceil(dots / _A_ROW)
    picture = tag("svg", *circles, width=str(width), height=str(height), viewBox=f"0 0 {width} {height}",
                  class_=f"dots k{i % 8}", aria_hidden="true")  # fmt: skip
    return join(number(count), " ", picture)


def _settings(report: Part) -> Markup | None:
    settings = report.get("settings") or {}
    names = {"delta": "δ, smallest gain worth having", "alpha": "α, error level",
             "n_permutations": "Permutations", "n_folds": "Folds", "seed": "Seed"}  # fmt: skip
    # `maps` is told by the section on relevance, or by its absence
    rows = [[name, number(settings[key]) if key != "seed" else str(settings[key])]
            for key, name in names.items() if key in settings]  # fmt: skip
    chance = (report.get("design") or {}).get("chance")
    rows += [["Chance", share(chance, digits=3)]] if chance is not None else []
    return table(["Setting", "Value"], rows, caption="Settings of the audit") if rows else None
