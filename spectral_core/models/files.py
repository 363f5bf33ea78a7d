"""Model files: read back only what offband itself writes, and no pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.tree._tree import Tree

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
    remedy = "Read only model files that offband has written."
    pipeline = _load(path, where=str(path), expected="types that offband's models consist of", remedy=remedy)
    if not isinstance(pipeline, Pipeline):
        raise ReadError(str(path), "a scikit-learn pipeline", type(pipeline).__name__, remedy)
    return pipeline


def load_classifier(path: Path, *, where: str) -> Any:
    """Read somebody's fitted scikit-learn estimator from a skops file; only types known to be harmless are built.

    Args:
        path: The file.
        where: What to call it in messages.

    Raises:
        ReadError: The file is no skops file, holds a type that neither scikit-learn nor offband is known to need, or
            a tree whose nodes point outside of it.
    """
    remedy = (
        "Reading a type that is not known to be harmless may run code: pass --trust-pickle only if you trust everybody "
        "who could write the file."
    )
    return _load(path, where=where, expected="types of scikit-learn and offband that are known to be harmless",
                 remedy=remedy)  # fmt: skip


def _load(path: Path, *, where: str, expected: str, remedy: str) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        loaded = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ReadError(where, expected, str(error).splitlines()[0], remedy) from None
    except (OSError, BadZipFile, ValueError, KeyError, TypeError) as error:
        raise ReadError(where, "a skops file", str(error), remedy) from error
    if not all(_is_sound(tree, channels) for tree, channels in _trees(loaded, set(), np.inf)):
        raise ReadError(where, "trees whose nodes lie inside them", "a node outside", remedy)
    return loaded


def _trees(part: Any, seen: set[int], most: float) -> Iterator[tuple[Tree, float]]:
    """Find every tree inside an estimator, and how many channels it may ask for.

    Args:
        part: The estimator, or what it holds.
        seen: Identities of what was looked through.
        most: Channels of the ensemble that hands its spectra to this part unchecked.
    """
    if id(part) in seen or isinstance(part, str | bytes | int | float | None):
        return
    seen.add(id(part))
    if isinstance(part, Tree):
        yield part, most
    elif isinstance(part, Mapping | list | tuple | set | np.ndarray):
        numbers = isinstance(part, np.ndarray) and not part.dtype.hasobject
        for one in () if numbers else part.values() if isinstance(part, Mapping) else part:
            yield from _trees(one, seen, most)
    else:
        held = getattr(part, "__dict__", {})
        own = held.get("n_features_in_", most)
        channels = {"tree_": min(own, most), "estimators_": own}
        for name, one in held.items():
            yield from _trees(one, seen, channels.get(name, np.inf))


def _is_sound(tree: Tree, channels: float) -> bool:
    """Whether every inner node's children come after it in its own tree and its feature is a channel."""
    nodes = np.arange(tree.node_count)
    inner = tree.children_left != -1
    for children in (tree.children_left, tree.children_right):
        if ((children[inner] <= nodes[inner]) | (children[inner] >= tree.node_count)).any():
            return False
    return not ((tree.feature[inner] < 0) | (tree.feature[inner] >= channels)).any()
