"""A model that is judged beside the probe: what is refitted, how often, and what training found already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spectral_core.estimators.as_fitted import came_fitted
from spectral_core.estimators.out_of_fold import OutOfFold
from spectral_core.estimators.refit import name_of, prepare
from spectral_core.models import Model, parse_model

BUDGET = 199  # labelings under which a model that the verdict speaks of is refitted at most, per claim


@dataclass(frozen=True)
class Contender:
    """A model and how it is judged.

    Attributes:
        name: Name for the report.
        estimator: Unfitted, its random states set.
        budget: Labelings under which it is refitted at most, per claim; more where the verdict speaks of it.
        decides_always: Whether the verdict speaks of it even where the probe is as accurate.
        rivals: Number of models that compete for speaking on a variant; their p-values are corrected for it.
        model: The study's model, if it is one: then spectra may be replaced by fewer coordinates.
        trained: Variant to what training found.
        came_fitted: Whether it came fitted; what it had learned is set aside.
    """

    name: str
    estimator: Any
    budget: int = BUDGET
    decides_always: bool = False
    rivals: int = 1
    model: Model | None = None
    trained: Mapping[str, OutOfFold] = field(default_factory=dict)
    came_fitted: bool = False

    @classmethod
    def of(cls, estimator: Any, *, seed: int) -> Contender:
        """Take a user's estimator: the verdict is about it."""
        prepared = prepare(estimator, seed=seed)
        return cls(name_of(estimator), prepared, decides_always=True, came_fitted=came_fitted(estimator))


def contenders_of(trained: Sequence[OutOfFold], *, budget: int, seed: int) -> list[Contender]:
    """Gather the trained models of a study: one contender a model, with what training found on each variant.

    Args:
        trained: Of each model and variant.
        budget: Labelings under which a model is refitted at most, per claim.
        seed: The audit's, which is the training's.
    """
    texts = list(dict.fromkeys(found.model for found in trained))
    models = [parse_model(text) for text in texts]
    return [
        Contender(
            text, model.build(seed), budget=budget, rivals=len(texts), model=model,
            trained={found.variant: found for found in trained if found.model == text},
        )
        for text, model in zip(texts, models, strict=True)
    ]  # fmt: skip
