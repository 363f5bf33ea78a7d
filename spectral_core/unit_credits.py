"""Which specimens were classified correctly: the table in report.json that makes two audits comparable in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.evidence import CLAIMS
from spectral_core.splits import Design

if TYPE_CHECKING:
    from spectral_core.audit_report import VariantReport

MOST_ROWS = 20_000
"""Units (times classes) beyond which report.json keeps no table; two such audits are compared by their intervals."""


def credits_by_unit(variants: Sequence[VariantReport]) -> dict[str, Any]:
    """Average the held-out credits of each unit, for every variant and every block that the verdict rests on.

    A credit is 1 for a spectrum whose class was found while its unit was held out, 0 for another, 1/C on the border.
    They are those of whom the verdict speaks of, the probe or a model.

    Args:
        variants: What was found on each variant, all on the same design.

    Returns:
        `name`, `class`, `batch`, `spectra`: one entry for each unit and class it holds; `credit`: variant → block →
        mean credits in the same order. Empty where units have no names, or are more than `MOST_ROWS`.
    """
    design = variants[0].case.design
    first = np.unique(design.entity, return_index=True)[1]
    if not design.unit_names or first.size > MOST_ROWS:
        return {}
    spectra = np.bincount(design.entity)
    return {
        "name": [design.unit_names[u] for u in design.unit[first]],
        "class": [design.classes[c] for c in design.codes[first]],
        "batch": _batches(design, first.size),
        "spectra": spectra.tolist(),
        "credit": {v.case.evidence.variant: _credit(v, design, spectra) for v in variants},
    }


def _credit(variant: VariantReport, design: Design, spectra: npt.NDArray[np.intp]) -> Mapping[str, list[float]]:
    answers = variant.case.evidence.answers
    return {
        name: [_short(v) for v in np.bincount(design.entity, answers[name].credit) / spectra]
        for name in CLAIMS
        if name in answers
    }


def _batches(design: Design, n: int) -> list[str]:
    """Name the batches of each entity, several joined by commas."""
    names: list[set[str]] = [set() for _ in range(n)]
    for entity, batch in zip(design.entity.tolist(), design.batch.tolist(), strict=True):
        names[entity].add(design.batches[batch])
    return [", ".join(sorted(found)) for found in names]


def _short(value: float) -> float:
    rounded = round(float(value), 6)
    return int(rounded) if rounded.is_integer() else rounded
