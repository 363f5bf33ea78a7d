"""Nearest and farthest neighbours among units, of the spectra and of white noise of the same size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.geometry import Floats, Points
from spectral_core.diagnostics.reference import unit_groups
from spectral_core.diagnostics.white_noise import FEW_DRAWS, squared_distance_draws
from spectral_core.splits import Codes

MOST_NEIGHBOURS = 10  # k of k-occurrence, as in Radovanović, Nanopoulos & Ivanović (2010)


@dataclass(frozen=True)
class Neighbours:
    """Of each of m points: distances to the nearest, the second and the farthest other unit; its k-occurrence.

    The k-occurrence of a point is how often it is among the k nearest of another.
    """

    nearest: Floats
    second: Floats
    farthest: Floats
    occurrence: Codes
    k: int


def find_neighbours(squared: npt.NDArray[np.floating], unit: Codes | None = None) -> Neighbours:
    """Find neighbours from m × m squared distances; points of the own unit do not count.

    Ties, as between equal spectra, go to the lower index.

    Args:
        squared: Squared distances; overwritten on the diagonal.
        unit: Unit of each point; each its own by default.
    """
    m = squared.shape[0]
    k = max(1, min(MOST_NEIGHBOURS, (m - 1) // 2))
    own = np.eye(m, dtype=np.bool_) if unit is None else unit[:, None] == unit
    near = np.where(own, np.inf, squared)
    chosen = np.argpartition(near, k - 1, axis=1)[:, :k]
    two = np.sqrt(np.partition(np.take_along_axis(near, chosen, axis=1), min(1, k - 1), axis=1)[:, :2])
    if k == 1:
        two = np.sqrt(np.sort(near, axis=1)[:, :2])
    farthest = np.sqrt(np.where(own, -np.inf, squared).max(axis=1, initial=0.0))
    return Neighbours(two[:, 0].astype(np.float64), two[:, -1].astype(np.float64), farthest.astype(np.float64),
                      np.bincount(chosen.ravel(), minlength=m), k)  # fmt: skip


@dataclass(frozen=True)
class Neighbourhood:
    """Neighbours of the points, without each group of units, and of each draw of white noise of the same size."""

    points: Points
    found: Neighbours
    without: tuple[Neighbours, ...]
    white: tuple[Neighbours, ...]


def compare_neighbours(points: Points) -> Neighbourhood:
    """Find the neighbours of the points, and those of white noise, for all diagnostics that ask."""
    mixed = points.codes.size > np.unique(points.unit).size
    found = find_neighbours(points.squared, points.unit if mixed else None)
    groups = unit_groups(points.unit, points.codes, seed=points.sample.seed)
    left = [np.flatnonzero(groups != g) for g in range(int(groups.max()) + 1)]
    without = tuple(find_neighbours(points.squared[np.ix_(rows, rows)], points.unit[rows] if mixed else None)
                    for rows in left if rows.size > 2)  # fmt: skip
    draws = squared_distance_draws(points.codes.size, points.sample.d, draws=FEW_DRAWS, seed=points.sample.seed)
    return Neighbourhood(points, found, without, tuple(find_neighbours(squared) for squared in draws))
