"""What the page says whatever the numbers are; the sentences themselves are in words.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final


@dataclass(frozen=True)
class VerdictWords:
    """One verdict: its name, the shape beside it, what it means, what it does not mean, and what to do."""

    title: str
    shape: str
    means: str
    does_not_mean: str
    next_step: str


_TEXT: Final[dict[str, Any]] = tomllib.loads(
    files("spectral_core.report").joinpath("words.toml").read_text(encoding="utf-8")
)
CLAIM: Final[str] = _TEXT["claim"]
VERDICTS: Final[dict[str, VerdictWords]] = {k: VerdictWords(**v) for k, v in _TEXT["verdicts"].items()}
GLOSSARY: Final[list[tuple[str, str]]] = [(entry["head"], entry["text"]) for entry in _TEXT["glossary"]]
CAUTIONS: Final[list[tuple[str, str]]] = [(entry["head"], entry["text"]) for entry in _TEXT["cautions"]]
ALWAYS_UNKNOWN: Final[list[str]] = _TEXT["always_unknown"]
NOT_DECLARED: Final[dict[str, str]] = _TEXT["not_declared"]
LITERATURE: Final[list[str]] = _TEXT["literature"]
MAPS: Final[dict[str, dict[str, str]]] = _TEXT["maps"]


def verdict_name(verdict: object) -> str:
    """Write a verdict with the shape that stands for it.

    Example:
        >>> verdict_name("no_signal"), verdict_name(None)
        ('○ No signal', '–')
    """
    words = VERDICTS.get(str(verdict))
    return f"{words.shape} {words.title}" if words else str(verdict or "–")


PROBES: Final[dict[str, str]] = {
    "full": "Full spectrum",
    "bands": "Declared bands only",
    "off_band": "Off-band only",
    "blank": "Blanks only",
    "nuisance": "Nuisance scalars",
}
FURTHER_PROBES: Final[dict[str, str]] = {
    "random_folds": "Full, random folds",
    "off_band_after": "Off-band, preprocessed before cropping",
    "guards_left_out": "Bands and off-band, guards left out",
}
# which row of figure 1 a reason points at
CONVICTS: Final[dict[str, tuple[str, ...]]] = {
    "blank_sufficient": ("blank",),
    "nuisance_sufficient": ("nuisance",),
    "off_band_sufficient": ("off_band",),
    "bands_not_privileged": ("bands", "off_band"),
    "replicate_leakage": ("random_folds",),
    "no_association": ("full",),
}
