"""The spectra that stand for all where a model needs its spectra in memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Subsample:
    """What was drawn, and what for.

    Attributes:
        spectra: Number of spectra drawn, classes alike in number.
        of: Number of spectra there are.
        units: Number of units that they are from.
        seed: Seed of the draw.
        used_for: "training" where the model learned from them alone; "permutations" where it learned from all
            spectra and only its permutation test is theirs.
    """

    spectra: int
    of: int
    units: int
    seed: int
    used_for: Literal["training", "permutations"] = "training"

    def __str__(self) -> str:
        drawn = f"{self.spectra:,} of {self.of:,} spectra ({self.units:,} units, classes alike, seed {self.seed})"
        if self.used_for == "permutations":
            return f"trained on all {self.of:,} spectra; its permutation test on {drawn}"
        return f"trained on {drawn}, as it needs them in memory; its accuracies are over all, its permutation test not"

    def to_dict(self) -> dict[str, Any]:
        """Give the fields by name."""
        return asdict(self)
