"""Model files: read back only what offband itself writes, and no pickle."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from spectral_core.errors import ReadError
from spectral_core.models import classifiers
from spectral_core.preprocessing import fitted

# what a model file may hold besides what skops trusts by itself; trees are looked through after loading
TRUSTED_TYPES = (
    *(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in (
            classifiers.RidgeDiscriminant, classifiers.PlsDiscriminant, classifiers.PrincipalDiscriminant,
            classifiers.BalancedNeighbours, classifiers.BalancedForest,
            fitted.MSC, fitted.Pareto, fitted.PrincipalComponents,
        )
    ),
    "sklearn.tree._tree.Tree",
)  # fmt: skip


def load_pipeline(path: Path) -> Pipeline:
    """Read a fitted pipeline from a skops file; only known types are built.

    Raises:
        ReadError: The file is no skops file, holds another type than offband's models have, or a tree whose
            nodes point outside of it (scikit-learn follows them unchecked).
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    remedy = "Read only model files that offband has written."
    try:
        pipeline = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        found = str(error).splitlines()[0]
        raise ReadError(str(path), "types that offband's models consist of", found, remedy) from None
    except (OSError, BadZipFile, ValueError, KeyError, TypeError) as error:
        raise ReadError(str(path), "a skops file", str(error), remedy) from error
    if not isinstance(pipeline, Pipeline):
        raise ReadError(str(path), "a scikit-learn pipeline", type(pipeline).__name__, remedy)
    for _, stage in pipeline.steps:
        if isinstance(stage, classifiers.BalancedForest) and not _is_sound(stage.forest_):
            raise ReadError(str(path), "trees whose nodes lie inside them", "a node outside", remedy)
    return pipeline


def _is_sound(forest: RandomForestClassifier) -> bool:
    """Whether every inner node's children come after it in its own tree and its feature is a channel."""
    for estimator in forest.estimators_:
        tree = estimator.tree_
        nodes = np.arange(tree.node_count)
        inner = tree.children_left != -1
        for children in (tree.children_left, tree.children_right):
            if ((children[inner] <= nodes[inner]) | (children[inner] >= tree.node_count)).any():
                return False
        if ((tree.feature[inner] < 0) | (tree.feature[inner] >= forest.n_features_in_)).any():
            return False
    return True
