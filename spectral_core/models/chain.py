"""From the text of a model to an unfitted scikit-learn pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from spectral_core.errors import StudyError
from spectral_core.grammar import Step, parse_chain
from spectral_core.models.classifiers import (
    BalancedForest,
    BalancedNeighbours,
    PlsDiscriminant,
    PrincipalDiscriminant,
    RidgeDiscriminant,
)
from spectral_core.preprocessing.arguments import number, whole_number
from spectral_core.preprocessing.fitted import FITTED

Stages = list[tuple[str, Any]]
# what gives the same predictions when all spectra are moved and turned together
_RIGID = frozenset({"mean_centre", "pca", "ridge", "pls-da", "lda", "svm-rbf", "k-nn"})


@dataclass(frozen=True)
class Model:
    """One model of a study: fitted steps and, last, the classifier.

    Attributes:
        steps: The elements in order, arguments by name as far as they were given.
    """

    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The chain in canonical spelling; `parse_model(model.text) == model`."""
        return " | ".join(str(step) for step in self.steps)

    @property
    def name(self) -> str:
        """The classifier's name alone, such as "pls-da"."""
        return self.steps[-1].name

    @property
    def settings(self) -> str:
        """The chain with every default written out, for the record of a run."""
        return " | ".join(str(_spelled_out(step)) for step in self.steps)

    @property
    def sees_only_distances(self) -> bool:
        """Whether moving and turning all spectra together changes no prediction.

        Then n spectra of d > n channels may be replaced by n coordinates each, with the same result.
        """
        return all(step.name in _RIGID for step in self.steps)

    def build(self, seed: int) -> Pipeline:
        """Build the unfitted pipeline; only the random forest makes use of the seed.

        Example:
            >>> [name for name, _ in parse_model("scale | lda(components=5)").build(seed=1).steps]
            ['scale', 'lda']
        """
        *fitted, last = self.steps
        stages: Stages = [(_numbered(fitted, i), FITTED[s.name](**dict(s.arguments))) for i, s in enumerate(fitted)]
        return Pipeline(stages + CLASSIFIERS[last.name](**dict(last.arguments), _seed=seed))


def parse_model(text: str) -> Model:
    """Parse and check a model's text.

    Args:
        text: For instance "ridge", "msc | scale | pca(components=10) | lda".

    Raises:
        StudyError: An unknown name (the known ones are listed), an argument that the element does not take
            or whose value it cannot use, no classifier at the end, or more than one.

    Example:
        >>> parse_model("scale|pls-da( 5 )").text
        'scale | pls-da(components=5)'
        >>> parse_model("pls-da").settings
        'pls-da(components=10)'
    """
    steps = parse_chain(text, {**FITTED, **CLASSIFIERS}, where="model")
    last = steps[-1].name
    if last not in CLASSIFIERS:
        raise StudyError(f"model {text!r}", "a classifier as last element: " + ", ".join(sorted(CLASSIFIERS)),
                         repr(last), "Add a classifier.")  # fmt: skip
    early = [step.name for step in steps[:-1] if step.name in CLASSIFIERS]
    if early:
        raise StudyError(f"model {text!r}", "one classifier, the last element", f"also {early[0]!r}",
                         "List the second classifier as a model of its own.")  # fmt: skip
    model = Model(steps)
    try:
        model.build(seed=0)
    except StudyError as error:
        raise StudyError(f"model {text!r}, {error.where}", error.expected, error.found, error.remedy) from None
    return model


def _ridge(penalty: float = 1.0, *, _seed: int = 0) -> Stages:
    number(penalty, step="ridge", name="penalty", above=0)
    return [("ridge", RidgeDiscriminant(penalty=penalty))]


def _pls_da(components: int = 10, *, _seed: int = 0) -> Stages:
    whole_number(components, step="pls-da", name="components", least=1)
    return [("pls-da", PlsDiscriminant(components=components))]


def _lda(components: int = 10, *, _seed: int = 0) -> Stages:
    whole_number(components, step="lda", name="components", least=1)
    return [("lda", PrincipalDiscriminant(components=components))]


def _svm_rbf(cost: float = 10.0, *, _seed: int = 0) -> Stages:
    number(cost, step="svm-rbf", name="cost", above=0)
    # on centred columns gamma="scale" is 1 / total variance; uncentred it would measure the mean spectrum
    return [
        ("centre", StandardScaler(with_std=False)),
        ("svm-rbf", SVC(C=cost, gamma="scale", class_weight="balanced")),
    ]


def _random_forest(trees: int = 100, *, _seed: int = 0) -> Stages:
    whole_number(trees, step="random-forest", name="trees", least=1)
    return [("random-forest", BalancedForest(trees=trees, random_state=_seed))]


def _k_nn(neighbours: int = 5, *, _seed: int = 0) -> Stages:
    whole_number(neighbours, step="k-nn", name="neighbours", least=1)
    return [("k-nn", BalancedNeighbours(neighbours=neighbours))]


CLASSIFIERS: Mapping[str, Callable[..., Stages]] = {
    "ridge": _ridge,
    "pls-da": _pls_da,
    "lda": _lda,
    "svm-rbf": _svm_rbf,
    "random-forest": _random_forest,
    "k-nn": _k_nn,
}


def _spelled_out(step: Step) -> Step:
    parameters = inspect.signature({**FITTED, **CLASSIFIERS}[step.name]).parameters.values()
    defaults = {p.name: p.default for p in parameters if not p.name.startswith("_")}
    return Step(step.name, tuple((defaults | dict(step.arguments)).items()))


def _numbered(steps: list[Step], index: int) -> str:
    name = steps[index].name
    before = sum(step.name == name for step in steps[:index])
    return f"{name}_{before + 1}" if before else name
