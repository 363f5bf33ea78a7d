"""What one diagnostic says: an estimate and its interval, beside what no difference gives, under stated assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from spectral_core.errors import AuditError

Status = Literal["checked", "assumed", "violated"]


def figure(value: float) -> str:
    """Write a number with three significant digits for a reading.

    Example:
        >>> figure(2043.7), figure(0.09817), figure(1.0)
        ('2,040', '0.0982', '1')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"


@dataclass(frozen=True)
class Assumption:
    """Something a diagnostic needs to be true, and whether it was.

    `status`: "checked" on these spectra, "assumed" where nothing was tested, "violated" where a check failed;
    `note` holds the figure behind it.
    """

    statement: str
    status: Status
    note: str = ""


@dataclass(frozen=True)
class Sample:
    """What was measured: n spectra of n_units independent units, d channels that vary, and the seed of every draw."""

    n: int
    d: int
    n_units: int
    seed: int


@dataclass(frozen=True)
class Band:
    """Where the estimate would lie without a difference: the central 95 %, and p against it (never 0).

    `kind` names what made it: "permuted labels" for what depends on the classes, "white noise of this size"
    for what does not.
    """

    kind: Literal["permuted labels", "white noise of this size"]
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        return f"{self.kind} {figure(self.low)} to {figure(self.high)}"


@dataclass(frozen=True)
class Diagnostic:
    """One descriptive number about spectra; it explains a verdict and never decides it.

    `low` and `high` are the 95 % interval over units (NaN for an end that cannot be given, and an assumption says
    why; `to_dict` then gives None); `reading` is one sentence that says what the number means here; `parts`
    holds figures it was made of by name. A number that cannot be given at all is a `NotGiven`.

    Raises:
        AuditError: The estimate, the band or a part is not finite.
    """

    name: str
    estimate: float
    low: float
    high: float
    band: Band
    sample: Sample
    assumptions: tuple[Assumption, ...]
    reading: str
    parts: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        figures = {"the estimate": self.estimate, "the band": self.band.low + self.band.high, **self.parts}
        broken = [name for name, value in figures.items() if not math.isfinite(value)]
        if broken:
            raise AuditError(f"diagnostic {self.name}", "finite figures", f"{broken[0]} is not",
                             "Give the reason as a NotGiven.")  # fmt: skip

    def __str__(self) -> str:
        ends = (
            f"{figure(self.low)} to {figure(self.high)}"
            if not math.isnan(self.high)
            else f"at least {figure(self.low)}"
        )
        interval = "no interval" if math.isnan(self.low) else ends
        return f"{self.name} {figure(self.estimate)} ({interval}); {self.band}"

    def to_dict(self) -> dict[str, Any]:
        """Give the diagnostic as plain values."""
        return {
            "name": self.name, "estimate": self.estimate,
            "interval": [None if math.isnan(end) else end for end in (self.low, self.high)],
            "band": dict(vars(self.band)), **vars(self.sample), "parts": dict(self.parts),
            "assumptions": [dict(vars(a)) for a in self.assumptions], "reading": self.reading,
        }  # fmt: skip


@dataclass(frozen=True)
class NotGiven:
    """A diagnostic that these spectra do not allow, and why.

    Example:
        >>> print(NotGiven("two_nn", "5 distinct spectra are needed, and there are 3", Sample(3, 10, 3, 0)))
        two_nn cannot be given, because 5 distinct spectra are needed, and there are 3
    """

    name: str
    because: str
    sample: Sample
    assumptions: tuple[Assumption, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} cannot be given, because {self.because}"

    def to_dict(self) -> dict[str, Any]:
        """Give the refusal as plain values; `not_given` holds the reason."""
        return {
            "name": self.name, "not_given": self.because, **vars(self.sample),
            "assumptions": [dict(vars(a)) for a in self.assumptions], "reading": f"{self}.",
        }  # fmt: skip


class Result(Protocol):
    """What every diagnostic offers, whether one number, a curve or a refusal."""

    @property
    def name(self) -> str:
        """Name of the diagnostic, as in report.json and `diagnostics.*` metrics."""

    @property
    def sample(self) -> Sample:
        """What was measured."""

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """What must be true for the figures to mean what they say."""

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain values."""
