"""Maps of relevance over the channels, and how large they become when labels are shuffled.

Weights say how the classifier combines channels; a large weight may only cancel noise that other channels share.
The pattern a ∝ Cov(X, ŷ) says which channels move with the classifier's score (Haufe et al., NeuroImage 87:96, 2014,
equation 6, here one indicator at a time). In correlated spectra the two differ: read both.

Both are defined up to a factor, and the factor matters where labelings are compared: fitted to shuffled labels the
score varies little, so Cov(X, ŷ)/Var(ŷ) is then larger than for a real difference, and weights are longer. So the
pattern is given per standard deviation of the score, Cov(X, ŷ)/sd(ŷ), and weights at unit length.

ŷ are the fitted scores, not held-out ones: only then is a = Σw/sd(ŷ) with Σ the covariance of the spectra, the
pattern of one classifier, where held-out scores mix those of the folds. That fitted scores follow noise is answered
by the null: permuted labels are fitted in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.inference import permutation_p
from spectral_core.probe.centroids import indicators
from spectral_core.relevance.linear_model import LinearModel
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RelevanceMap:
    """A map and its null.

    `values` at `position`; `pointwise` is the level that shuffled labels stay under at one position with
    probability 1 − alpha, `simultaneous` the level that they stay under at all positions together. `p` is the
    p-value of the map as a whole, from its largest excess. A `signed` map is compared by its absolute value.
    """

    name: str
    position: Floats
    values: Floats
    pointwise: Floats
    simultaneous: Floats
    p: float
    signed: bool


def weight_and_pattern(model: LinearModel, codes: Codes, n_classes: int) -> dict[str, Floats]:
    """Compute weights and Haufe patterns of the whole fit under every labeling.

    Args:
        model: The prepared probe.
        codes: n × P class codes.
        n_classes: Number of classes.

    Returns:
        d × P maps `weights` (of unit length, without unit) and `pattern` (intensity per standard deviation of
        the score). Of two classes the sign is kept: positive speaks for the second. Of several classes, the
        root of the sum of squares over one indicator a class.
    """
    y = indicators(codes, n_classes)
    flat = y.reshape(y.shape[0], -1)
    fitted = model.hat @ flat
    weights = model.weights(flat - fitted)
    weights *= _inverse(np.sqrt((weights**2).sum(axis=0)))
    fitted -= fitted.mean(axis=0)
    spread = np.sqrt((fitted**2).mean(axis=0))
    pattern = model.z.T @ fitted * (_inverse(spread) * model.largest / y.shape[0])
    return {"weights": _over_classes(weights, y.shape), "pattern": _over_classes(pattern, y.shape)}


def _inverse(lengths: Floats) -> Floats:
    known = lengths > 1e-12 * lengths.max(initial=0.0)
    return np.asarray(known / np.where(known, lengths, 1.0))


def _over_classes(values: Floats, shape: tuple[int, ...]) -> Floats:
    parts = values.reshape(-1, *shape[1:])
    return np.asarray(parts[:, :, 0] if shape[2] == 1 else np.sqrt((parts**2).sum(axis=2)))


def against_null(name: str, position: Floats, values: Floats, *, signed: bool, alpha: float) -> RelevanceMap:
    """Compare the observed labeling's map with those of permuted labels.

    Channels differ in how far their null reaches, so each is standardised by its mean and standard deviation
    over all labelings before the largest is taken: the simultaneous level has the same error rate everywhere
    (Westfall & Young, 1993; for images Nichols & Holmes, Hum. Brain Mapp. 15:1, 2002). The observed labeling
    counts as one of the permutations, so both levels are exact.

    Args:
        name: What the map shows.
        position: m positions on the axis.
        values: m × (1 + P) maps, the observed labeling first.
        signed: Whether the sign carries no size; absolute values are then compared.
        alpha: Error level.
    """
    size = np.abs(values) if signed else values
    centre, spread = size.mean(axis=1, keepdims=True), size.std(axis=1, keepdims=True)
    excess = (size - centre) / np.where(spread > 0, spread, 1.0)
    largest = excess.max(axis=0)
    level = float(np.quantile(largest, 1 - alpha, method="higher"))
    pointwise = np.quantile(size, 1 - alpha, axis=1, method="higher")
    simultaneous = np.maximum((centre + level * spread)[:, 0], pointwise)
    p = permutation_p(float(largest[0]), largest[1:])
    return RelevanceMap(name, position, values[:, 0], pointwise, simultaneous, p, signed)
