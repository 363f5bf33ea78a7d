"""The energy test: do the classes differ in distribution at all, in any direction and any moment.

For two classes the energy distance is 2E|X−Y| − E|X−X'| − E|Y−Y'| ≥ 0, and zero only for equal distributions
(Székely & Rizzo, Journal of Statistical Planning and Inference 143:1249, 2013); for several, weighted sums
over pairs of classes split the total dispersion into a part between and a part within classes (DISCO: Rizzo &
Székely, Annals of Applied Statistics 4:1034, 2010). Distances do not depend on the labels, so that all
permutations are columns of one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.errors import AuditError
from spectral_core.inference import permutation_p
from spectral_core.probe.centroids import indicators, products
from spectral_core.probe.held_out import label_blocks
from spectral_core.probe.ridge import centred_gram
from spectral_core.probe.threads import threads_for
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EnergyTest:
    """Distance between class distributions against relabelings.

    `share` is the part of the total dispersion that lies between classes, 0 to 1: with n spectra of C
    identical classes it is about (C − 1)/(n − 1), not 0; read it beside `expected`, its mean over the
    relabelings. `p` is the share of relabelings that reach it, never 0. It assumes that the relabelings are
    exchangeable with the observed labels (units and batches respected by whoever drew them).
    """

    share: float
    expected: float
    p: float
    n: int
    n_classes: int
    n_permutations: int

    def __str__(self) -> str:
        return (
            f"{self.share:.3f} of the dispersion lies between classes, {self.expected:.3f} expected, p = {self.p:.3g}"
        )


def energy_test(distances: Floats, codes: Codes, n_classes: int) -> EnergyTest:
    """Test whether the classes have one distribution.

    Args:
        distances: n × n (see `distance_matrix`).
        codes: n × (1 + P) class codes: as observed, then P relabelings.
        n_classes: Number of classes.

    Raises:
        AuditError: Distances and codes are not of the same spectra, or there is no relabeling.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(40, 5))
        >>> x[20:] += 2
        >>> observed = np.arange(40) // 20
        >>> codes = np.column_stack([observed, rng.permuted(np.tile(observed, (99, 1)), axis=1).T])
        >>> energy_test(distance_matrix(x), codes, 2).p
        0.01
    """
    n = distances.shape[0]
    if codes.ndim != 2 or codes.shape[0] != n or codes.shape[1] < 2:
        raise AuditError("class codes", f"{n} rows and at least two columns, the observed labels first",
                         f"shape {codes.shape}", "Pass an n × (1 + P) array.")  # fmt: skip
    shares = dispersion_between(distances, codes, n_classes)
    p = permutation_p(float(shares[0]), shares[1:])
    return EnergyTest(float(shares[0]), float(shares[1:].mean()), p, n, n_classes, codes.shape[1] - 1)


def dispersion_between(distances: Floats, codes: Codes, n_classes: int) -> Floats:
    """Compute, for each of P labelings (n × P), the share of the dispersion that lies between classes.

    With S_ab the distances summed over class a and class b, the total dispersion is ΣS/2n and that within
    classes Σ_a S_aa/2n_a (Rizzo & Székely, 2010, equations 2.5 to 2.9). For two classes the share is
    n₁n₂/2n times the energy distance over the total. Equal spectra have share 0.
    """
    n, p = codes.shape
    total = float(distances.sum()) / (2 * n)
    within = np.zeros(p)
    with threads_for(distances.size):
        for block in label_blocks(n, p, 1 if n_classes == 2 else n_classes):
            within[block] = _within(distances, indicators(codes[:, block], n_classes))
    return np.asarray((total - within) / total) if total > 0 else np.zeros(p)


def _within(distances: Floats, y: Floats) -> Floats:
    """Σ_a S_aa / 2n_a of each labeling, from t × P × m indicators."""
    n, m = y.shape[0], y.shape[2]
    reached = (distances @ y.reshape(n, -1)).reshape(y.shape)
    own, size = np.diagonal(products(y, reached), axis1=1, axis2=2), y.sum(axis=0)
    if m == 1:
        # the other class's indicator is one minus this one's
        other = distances.sum() - 2 * reached.sum(axis=0) + own
        own, size = np.concatenate([own, other], axis=1), np.concatenate([size, n - size], axis=1)
    return np.asarray((own / (2 * np.maximum(size, 1))).sum(axis=1))


def distance_matrix(matrix: npt.NDArray[np.floating]) -> Floats:
    """Compute Euclidean distances between n × d spectra, in units of their root mean square about the mean.

    They come from the Gram matrix: distances below about 1e-7 of that unit are rounding.
    """
    with threads_for(matrix.size):
        gram = centred_gram(matrix)
    squared = np.diagonal(gram)
    distances = squared[:, None] + squared - 2 * gram
    np.clip(distances, 0.0, None, out=distances)
    distances[np.diag_indices_from(distances)] = 0.0
    return np.asarray(np.sqrt(distances, out=distances))
