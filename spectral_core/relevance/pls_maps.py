"""What PLS-DA looks at: VIP and selectivity ratio, for all labelings at once.

In the dual a PLS component needs no deflated spectra: with y the centred indicator, r what the components so far
leave of it and unit scores t, the next score is K r made orthogonal to those before, and its weights are Zᵀr.
Each class indicator is a PLS1 model of its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spectral_core.probe.centroids import indicators
from spectral_core.relevance.linear_model import LinearModel
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_MOST_COMPONENTS = 10
_EXHAUSTED = 1e-10  # a score this much shorter than the first is rounding


def count_components(n: int, d: int) -> int:
    """Choose the number of PLS components, blind to the labels: a tenth of the spectra, 2 to 10, at most d."""
    return max(1, min(_MOST_COMPONENTS, max(2, n // 10), d, n - 2))


def vip_and_selectivity(model: LinearModel, codes: Codes, n_classes: int, *, components: int) -> dict[str, Floats]:
    """Compute VIP and selectivity ratio of every channel under every labeling.

    VIP_j² = d Σ_a SS_a w_ja² / Σ_a SS_a with unit weights w_a and SS_a the sum of squares of y explained by
    component a (Wold, Johansson & Cocchi, 1993): Σ_j VIP_j² = d whatever the data, so VIP > 1 happens on
    noise; only the null tells. The selectivity ratio is explained over residual variance of a channel after
    target projection (Rajalahti et al., Chemom. Intell. Lab. Syst. 95:35, 2009). The target score is
    proportional to the fitted ŷ, so it equals ρ²/(1 − ρ²) with ρ = corr(x_j, ŷ).

    Args:
        model: The prepared probe; its centred spectra and Gram matrix are used.
        codes: n × P class codes.
        n_classes: Number of classes.
        components: PLS components.

    Returns:
        d × P maps `vip` and `selectivity_ratio`. Of several classes, VIP is the root mean square over the
        indicators (Σ VIP² = d still), the selectivity ratio the root of the sum of squares.
    """
    y = indicators(codes, n_classes)
    target = y.reshape(y.shape[0], -1)
    target = target - target.mean(axis=0)
    vip_squared, left = _components(model, target, components)
    ratio = _selectivity(model.z, target - left)
    by_class = (-1, *y.shape[1:])
    return {
        "vip": np.sqrt(vip_squared.reshape(by_class).mean(axis=2)),
        "selectivity_ratio": np.sqrt((ratio.reshape(by_class) ** 2).sum(axis=2)),
    }


def _components(model: LinearModel, target: Floats, components: int) -> tuple[Floats, Floats]:
    """VIP² of d channels and what the fit leaves of the n targets, for Q targets."""
    d = model.z.shape[1]
    importance, total = np.zeros((d, target.shape[1])), np.zeros(target.shape[1])
    left = target.copy()
    scores: list[Floats] = []
    first = np.zeros(target.shape[1])
    for _ in range(components):
        score = model.gram @ left
        for _ in range(2):  # once more against rounding
            for earlier in scores:
                score -= earlier * (earlier * score).sum(axis=0)
        length = np.sqrt((score**2).sum(axis=0))
        first = first if scores else length
        alive = length > _EXHAUSTED * first
        score *= np.where(alive, 1.0 / np.where(alive, length, 1.0), 0.0)
        loading = (score * target).sum(axis=0)
        weights = (model.z.T @ left) ** 2
        norm = weights.sum(axis=0)
        importance += weights * (loading**2 / np.where(norm > 0, norm, 1.0))
        total += loading**2
        left -= score * loading
        scores.append(score)
    return importance * (d / np.where(total > 0, total, 1.0)), left


def _selectivity(z: Floats, fitted: Floats) -> Floats:
    fitted = fitted - fitted.mean(axis=0)
    spread = (z**2).sum(axis=0)[:, None] * (fitted**2).sum(axis=0)
    squared = (z.T @ fitted) ** 2 / np.where(spread > 0, spread, 1.0)
    squared = np.minimum(squared, 1 - 1e-12)  # a channel that is the score itself
    return np.asarray(squared / (1 - squared))
