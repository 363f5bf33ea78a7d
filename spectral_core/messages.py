"""What every sentence needs: names of regions, numbers in words."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_core.inference import Estimate
from spectral_core.regions import Intervals
from spectral_core.verdict import Case


@dataclass(frozen=True)
class Places:
    """Declared regions, for naming them in sentences."""

    axis_unit: str
    bands: Intervals
    blanks: Intervals

    def name(self, intervals: Intervals) -> str:
        """Write intervals as `2,450–2,600 and 3,800–3,985 cm⁻¹`."""
        unit = {"cm-1": "cm⁻¹", "um": "µm"}.get(self.axis_unit, self.axis_unit)
        texts = [f"{low:,.6g}–{high:,.6g}" for low, high in intervals.values()]
        return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts) + f" {unit}"


@dataclass(frozen=True)
class Message:
    """A stable code and its sentences."""

    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Give code and message as texts."""
        return {"code": self.code, "message": self.message}


def probability(p: float) -> str:
    """Write a p-value.

    Example:
        >>> probability(0.0005), probability(0.2341)
        ('p = 0.0005', 'p = 0.23')
    """
    return f"p = {p:.1g}" if p < 0.01 else f"p = {p:.2g}"


def reached(case: Case, name: str) -> str:
    """Write the balanced accuracy that a block reached."""
    return f"{case.evidence.answers[name].accuracy.value:.2f}"


def bounds(estimate: Estimate) -> str:
    """Write an estimate with its interval."""
    return f"{signed(estimate.value)}, 95 % interval {signed(estimate.low)} to {signed(estimate.high)}"


def signed(value: float) -> str:
    """Write a difference with its sign.

    Example:
        >>> signed(0.5), signed(-0.061)
        ('+0.50', '−0.06')
    """
    return f"{value:+.2f}".replace("-", "−")


def best_scalars(case: Case) -> str:
    """Name the two scalars that separate classes best."""
    best = sorted(case.evidence.scalar_aucs.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{name}, AUC {auc:.2f}" for name, auc in best)
