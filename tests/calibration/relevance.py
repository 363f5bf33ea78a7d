"""Where relevance lies when it is known: how often `relevance_off_band` is said, rightly and wrongly."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_core.simulate import Recipe
from tests.calibration.trial import Study

_UNITS = (40, 40)


@dataclass(frozen=True)
class Place:
    """A study, where its classes differ, and what is promised of the caveat.

    `promised` is "rare" (at most .05 of the audits of a model above chance), "usual" (at least .95 of them), or
    "" where nothing is.
    """

    study: Study
    where: str
    promised: str
    seeds: int


def _place(name: str, recipe: Recipe, where: str, promised: str, *, seeds: int, variant: str = "raw") -> Place:
    return Place(Study(name, recipe, variants=(variant,), maps=True), where, promised, seeds)


PLACES = (
    _place("relevance, band", Recipe(units=_UNITS, band_effect=0.25), "in the band", "rare", seeds=300),
    _place("relevance, band, SNV", Recipe(units=_UNITS, band_effect=0.25), "in the band", "rare", seeds=300,
           variant="snv"),
    _place("relevance, band with replicates", Recipe(units=(20, 20), replicates=3, fingerprint=0.03, band_effect=0.25),
           "in the band", "rare", seeds=300),
    _place("relevance, weak band", Recipe(units=_UNITS, band_effect=0.12), "in the band", "", seeds=300),
    _place("relevance, both bands", Recipe(units=_UNITS, band_effect=0.25, other_effect=0.25),
           "half in the band", "", seeds=100),
    _place("relevance, other band", Recipe(units=_UNITS, other_effect=0.3), "elsewhere", "usual", seeds=300),
    _place("relevance, weak other band", Recipe(units=_UNITS, other_effect=0.12), "elsewhere", "usual", seeds=300),
    _place("relevance, offset", Recipe(units=_UNITS, offset=0.3), "everywhere alike", "usual", seeds=100),
)  # fmt: skip
