"""Chains of per-spectrum steps: `"als(lam=1e5, p=0.01) | snv | savgol(window=11, order=2, deriv=1)"`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.errors import SpectraError, StudyError
from spectral_core.grammar import parse_chain
from spectral_core.preprocessing.steps import STEPS, Operation
from spectral_core.regions import segments

Spectra = npt.NDArray[Any]
Axis = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chain:
    """Per-spectrum steps in order; `str` gives the canonical text, with every argument named.

    A spectrum's result depends on that spectrum alone, so blocks of rows may be computed anywhere in any
    order. Steps that mix neighbouring channels work on each run of channels without a gap by itself; runs too
    short for them are left out of the result and of its axis.
    """

    steps: tuple[Operation, ...]

    def __str__(self) -> str:
        return " | ".join(str(step) for step in self.steps)

    @property
    def is_identity(self) -> bool:
        """Whether spectra pass unchanged."""
        return all(step.name == "raw" for step in self.steps)

    @property
    def is_slow(self) -> bool:
        """Whether a step holds the interpreter's lock, so that threads do not run side by side."""
        return any(step.slow for step in self.steps)

    def apply(self, x: npt.ArrayLike, axis: npt.ArrayLike) -> tuple[Spectra, Axis]:
        """Apply every step to n × d spectra.

        Args:
            x: n × d intensities; float32 stays float32, everything else becomes float64. Never changed;
                where no step changes it, it is returned as it is.
            axis: d channel positions, strictly increasing, perhaps with gaps.

        Returns:
            n × m spectra, and their m positions.

        Raises:
            SpectraError: Shapes do not match, a step leaves no channel, or a value is outside its domain.
        """
        spectra, positions = np.asarray(x), np.asarray(axis, dtype=np.float64)
        if spectra.dtype not in (np.float32, np.float64):
            spectra = spectra.astype(np.float64)
        if spectra.ndim != 2 or positions.ndim != 1 or not spectra.shape[1] == positions.size > 0:
            found = f"shapes {spectra.shape} and {positions.shape}"
            raise SpectraError(f"chain '{self}'", "n × d spectra with d axis positions", found,
                               "Pass one position a channel.")  # fmt: skip
        for step in self.steps:
            before, (spectra, positions) = positions, _apply_step(step, spectra, positions)
            if positions.size == 0:
                raise _nothing_left(step, before)
        return spectra, positions

    def unit(self, unit: str) -> str:
        """Name the quantity that spectra measured in `unit` are turned into; "" where it has no name."""
        for step in self.steps:
            unit = unit if step.unit is None else step.unit
        return unit


def parse_variant(text: str) -> Chain:
    """Parse a preprocessing variant; every name and argument is checked before any work.

    Raises:
        StudyError: No text, an unknown step (the known ones are listed), a step that learns from several spectra,
            `raw` beside other steps, or arguments out of range.

    Example:
        >>> str(parse_variant("als | snv | savgol(11, 2, deriv=1)"))
        'als(lam=100000, p=0.01) | snv | savgol(window=11, order=2, deriv=1)'
    """
    where = "variant"
    if not isinstance(text, str):
        raise StudyError(where, "a text such as 'snv'", repr(text), "Write 'raw' for spectra as measured.")
    _refuse_fitted(text, where)
    elements = parse_chain(text, STEPS, where=where)
    try:
        steps = tuple(STEPS[element.name](**dict(element.arguments)) for element in elements)
    except StudyError as error:
        raise StudyError(f"{where} {text!r}, {error.where}", error.expected, error.found, error.remedy) from None
    if len(steps) > 1 and any(step.name == "raw" for step in steps):
        raise StudyError(f"{where} {text!r}", "raw alone", f"raw among {len(steps)} steps", "Remove raw.")
    return Chain(steps)


def _refuse_fitted(text: str, where: str) -> None:
    names = [part.partition("(")[0].strip() for part in text.split("|")]
    if all(name in STEPS for name in names):
        return
    from spectral_core.preprocessing.fitted import FITTED

    for name in names:
        if name in FITTED:
            raise StudyError(f"{where} {text!r}", "steps that treat each spectrum by itself",
                             f"{name!r}, which learns from several spectra",
                             f"Put it in the model, e.g. '{name} | ridge'.")  # fmt: skip


def _apply_step(step: Operation, x: Spectra, axis: Axis) -> tuple[Spectra, Axis]:
    if step.least_channels is None:
        return step(x, axis)
    runs = [run for run in segments(axis) if run.stop - run.start >= step.least_channels]
    parts = [step(x[:, run], axis[run]) for run in runs]
    if len(parts) <= 1:
        return parts[0] if parts else (x[:, :0], axis[:0])
    return np.concatenate([part for part, _ in parts], axis=1), np.concatenate([moved for _, moved in parts])


def _nothing_left(step: Operation, axis: Axis) -> SpectraError:
    runs = [run.stop - run.start for run in segments(axis)]
    found = f"{axis.size} channels from {axis[0]:g} to {axis[-1]:g}, the longest run {max(runs)} channels"
    expected = "channels within its range"
    if step.least_channels is not None and step.least_channels > 1:
        expected = f"a run of at least {step.least_channels} neighbouring channels"
    return SpectraError(f"step {step}", expected, found, "Change the step, or give it more of the axis.")
