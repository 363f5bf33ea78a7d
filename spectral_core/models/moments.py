"""Sums over spectra from which every linear model follows: counts, Σx, Σxxᵀ and ΣxYᵀ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Sums over n spectra of m channels under Q indicators, one for each class of each labeling.

    Attributes:
        n: Number of spectra.
        total: Σx, m.
        scatter: Σxxᵀ, m × m.
        products: Σxyᵀ, m × Q.
        counts: Σy, Q.
    """

    n: int
    total: Floats
    scatter: Floats
    products: Floats
    counts: Floats

    @classmethod
    def of(cls, x: Floats, indicators: Floats) -> Moments:
        """Take the sums over n × m spectra with n × Q indicators.

        Example:
            >>> Moments.of(np.array([[1.0], [2.0]]), np.eye(2)).products.tolist()
            [[1.0, 2.0]]
        """
        return cls(len(x), x.sum(axis=0), x.T @ x, x.T @ indicators, indicators.sum(axis=0))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.total + other.total, self.scatter + other.scatter,
                       self.products + other.products, self.counts + other.counts)  # fmt: skip

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.n - other.n, self.total - other.total, self.scatter - other.scatter,
                       self.products - other.products, self.counts - other.counts)  # fmt: skip

    @property
    def mean(self) -> Floats:
        """Mean spectrum, m."""
        return np.asarray(self.total / max(self.n, 1))

    def about(self, point: Floats) -> Moments:
        """Give the sums of x − point."""
        cross = np.multiply.outer(point, self.total)
        scatter = self.scatter - cross - cross.T + self.n * np.multiply.outer(point, point)
        products = self.products - np.multiply.outer(point, self.counts)
        return Moments(self.n, self.total - self.n * point, scatter, products, self.counts)

    def centred(self) -> Moments:
        """Give the sums of x − x̄: `scatter` and `products` become those of centred spectra and indicators."""
        moved = self.about(self.mean)
        return Moments(self.n, np.zeros_like(self.total), moved.scatter, moved.products, self.counts)

    def turned(self, turn: Floats) -> Moments:
        """Give the sums of xT: `turn` holds m factors, or is m × r."""
        if turn.ndim == 1:
            scatter = self.scatter * np.multiply.outer(turn, turn)
            return Moments(self.n, self.total * turn, scatter, self.products * turn[:, None], self.counts)
        return Moments(
            self.n, self.total @ turn, turn.T @ self.scatter @ turn, turn.T @ self.products, self.counts
        )  # fmt: skip

    def labelled(self, columns: slice) -> Moments:
        """Keep some indicators."""
        return Moments(self.n, self.total, self.scatter, self.products[:, columns], self.counts[columns])


def after(first: Floats, then: Floats) -> Floats:
    """Join two turns, each m factors or a matrix, into one."""
    if then.ndim == 1:
        return np.asarray(first * then)
    return np.asarray(first[:, None] * then if first.ndim == 1 else first @ then)
