"""Occlusion: what the classifier loses when a window of the spectrum is filled, without a refit.

Two fills, because each misleads in its own way: the training mean makes spectra that no sample has, a straight line
between the window's neighbours removes a narrow band but leaves a broad one (and shifts every score alike).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spectral_core.inference import class_weights
from spectral_core.relevance.linear_model import FoldModel, LinearModel
from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
_WINDOWS = 48


def cut_windows(d: int, *, most: int = _WINDOWS) -> list[slice]:
    """Cut d channels into at most `most` windows of nearly equal width."""
    edges = np.linspace(0, d, min(most, d) + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


@dataclass(frozen=True)
class Occlusion:
    """Loss of the class-balanced mean held-out margin (−2 to 2) per window (rows) and labeling (columns)."""

    mean_fill: Floats
    interpolated: Floats


def occlude(
    model: LinearModel, folds: Sequence[FoldModel], axis: Floats, design: Design, codes: Codes, windows: list[slice]
) -> Occlusion:
    """Fill each window of the held-out spectra in turn and classify them again with the same fits.

    Args:
        model: The prepared probe.
        folds: Its fits without each fold, under every labeling.
        axis: d channel positions.
        design: Classes of the spectra.
        codes: n × P class codes.
        windows: Channels filled together.
    """
    share = class_weights(design, codes)
    lost = np.zeros((2, len(windows), codes.shape[1]))
    for fold in folds:
        own, weight = codes[fold.rows], share[fold.rows]
        whole = fold.margins(fold.scores, own)
        for w, window in enumerate(windows):
            for fill, change in enumerate(_changes(model, fold, axis, window)):
                left = fold.margins(fold.scores + change, own)
                lost[fill, w] += (weight * (whole - left)).sum(axis=0)
    return Occlusion(lost[0], lost[1])


def _changes(model: LinearModel, fold: FoldModel, axis: Floats, window: slice) -> tuple[Floats, Floats]:
    """What filling a window adds to the scores (t × P × m): with the training mean, with a straight line."""
    shape = (-1, *fold.weights.shape[1:])
    weights = fold.weights[window].reshape(window.stop - window.start, -1)
    held = model.z[fold.rows]
    # spectra are centred over all rows, so the held-out sum is minus the training sum
    training_mean = -held[:, window].sum(axis=0) / fold.n_train
    before, after = max(window.start - 1, 0), min(window.stop, axis.size - 1)
    left, right = (after, after) if window.start == 0 else (before, before if window.stop == axis.size else after)
    step = axis[right] - axis[left]
    along = (axis[window] - axis[left]) / step if step > 0 else np.zeros(window.stop - window.start)
    removed = held[:, window] @ weights
    ends = held[:, [left, right]] + model.mean[[left, right]]
    line = ends @ np.stack([(1 - along) @ weights, along @ weights]) - model.mean[window] @ weights
    return (training_mean @ weights - removed).reshape(shape), (line - removed).reshape(shape)
