"""How far each unit lies from the mean of its class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.geometry import Floats, Points
from spectral_core.splits import Codes

_FEWEST = 3  # of one class, for a spread with an expectation


@dataclass(frozen=True)
class Radii:
    """Squared distances of units from their class mean, as if that mean were known; class and unit of each.

    A class of m points estimates its own mean, which shortens squared distances by 1 − 1/m; they are divided
    by it.
    """

    values: Floats
    codes: Codes
    unit: Codes

    def without(self, left_out: npt.NDArray[np.bool_]) -> Radii:
        """Leave some units out, and classes that then have too few."""
        kept = ~left_out
        kept &= (np.bincount(self.codes[kept], minlength=int(self.codes.max()) + 1) >= _FEWEST)[self.codes]
        return Radii(self.values[kept], self.codes[kept], self.unit[kept])

    def replaced(self, values: Floats) -> Radii:
        """Put other squared distances in the same places."""
        return replace(self, values=values)

    def spread(self) -> float:
        """Compute CV² of the squared distances: variance over squared mean, in each class, averaged over units.

        The squared distances r_i of m Gaussian points from their own mean share cov(r_i, r_j) = var/(m − 1)²;
        the sample variance is divided by 1 − 1/(m − 1)², its expectation. NaN without any class.
        """
        total, weight = 0.0, 0
        for c in np.unique(self.codes):
            own = self.values[self.codes == c]
            mean = float(own.mean())
            variance = float(own.var(ddof=1)) / (1 - 1 / (own.size - 1) ** 2)
            total += (own.size - 1) * variance / mean**2 if mean > 0 else 0.0
            weight += own.size - 1
        return total / weight if weight else float("nan")

    def thickness(self) -> tuple[float, float]:
        """Compute the pooled standard deviation of the distances, and their root mean square."""
        roots = np.sqrt(self.values)
        squares = sum(float(((roots[self.codes == c] - roots[self.codes == c].mean()) ** 2).sum())
                      for c in np.unique(self.codes))  # fmt: skip
        nu = self.values.size - np.unique(self.codes).size
        return float(np.sqrt(squares / nu)), float(np.sqrt(self.values.mean()))


def squared_radii_of(points: Points) -> Radii:
    """Take the squared distances from the diagonal of the residual Gram matrix; classes of 3 or more units."""
    counts = np.bincount(points.codes)[points.codes]
    kept = counts >= _FEWEST
    values = np.clip(np.diagonal(points.residual[0])[kept], 0.0, None) / (1 - 1 / counts[kept])
    return Radii(values, points.codes[kept], points.unit[kept])
