"""What every sentence needs: codes, numbers in words."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_core.controls.nuisance import spoken
from spectral_core.evidence import Answer
from spectral_core.inference import Estimate
from spectral_core.verdict import Case


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


def association(answer: Answer, *, within: bool = False) -> str:
    """Write a corrected p-value; where too few permutations were run to settle it, how many more it needs."""
    missing = answer.missing.get("within" if within else "anywhere")
    if missing is None:
        return probability(answer.p_within_adjusted if within else answer.p_adjusted)
    return not_settled(missing)


def not_settled(missing: int) -> str:
    """Say that a p-value could not have been small.

    Example:
        >>> not_settled(119)
        'association not settled, at least 119 more permutations are needed'
    """
    return f"association not settled, at least {missing} more permutation{'s' * (missing != 1)} are needed"


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
    return ", ".join(f"{spoken(name)}, AUC {auc:.2f}" for name, auc in best)
