"""Capacity: whether a linear classifier can fit any labels at all, and how far the probe fits random ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.geometry import Floats, Geometry
from spectral_core.diagnostics.reference import EXCHANGEABLE, noise_band, permutation_band
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, Sample
from spectral_core.diagnostics.white_noise import DRAWS
from spectral_core.inference import balanced_mean, class_means, credit
from spectral_core.probe.centroids import centroid_margins, indicators, products
from spectral_core.probe.fitting import primal_probe
from spectral_core.probe.held_out import label_blocks
from spectral_core.probe.ridge import complement_matrix
from spectral_core.probe.threads import threads_for
from spectral_core.splits import Codes, Design

SEPARABLE, TRAINING = "cover_capacity", "training_accuracy"
_MOST_CHANNELS = 4096  # d × d matrices for the rank of more spectra than the geometry holds


def separable_share(n: int, d: int) -> float:
    """Compute the share of the 2ⁿ labelings of n points in general position in d dimensions that a plane separates.

    P = Σ_{k ≤ d} C(n − 1, k) / 2^(n − 1), for planes with an intercept (Cover, IEEE Transactions on Electronic
    Computers EC-14:326, 1965): 1 for n ≤ d + 1, and ½ at n = 2(d + 1).

    Example:
        >>> separable_share(4, 2)  # of 16 labelings of four points in the plane, 14: not the two crossed ones
        0.875
    """
    from scipy.stats import binom

    return 1.0 if n <= d + 1 else float(binom.cdf(d, n - 1, 0.5))


def cover_capacity(matrix: npt.NDArray[np.floating], geometry: Geometry, design: Design) -> Diagnostic | NotGiven:
    """Give the share of all labelings of these spectra that a linear classifier fits without error.

    The dimension is the numerical rank. Where n ≤ rank + 1 the share is 1 whatever the spectra: training
    accuracy carries no evidence.

    Args:
        matrix: n × d spectra.
        geometry: Of the same spectra, or of a subsample of many.
        design: Classes and units of all n.

    Returns:
        The share, a count without an interval, beside that of white noise, whose rank is full in every draw.
        `parts`: `rank`.
    """
    n, d = design.n, geometry.sample.d
    whole = geometry.rows.size == n
    if not whole and matrix.shape[1] > _MOST_CHANNELS:
        because = f"the rank of {n:,} spectra in {matrix.shape[1]:,} channels would take too large a matrix"
        return NotGiven(SEPARABLE, because, geometry.sample)
    rank = geometry.rank if whole else primal_probe(matrix).rank
    estimate = separable_share(n, rank)
    band = noise_band(estimate, np.full(DRAWS, separable_share(n, min(n - 1, d))))
    general = rank == min(n - 1, d)
    position = Assumption("spectra are in general position", "checked" if n <= rank + 1 else
                          "assumed" if general else "violated", f"rank {rank} of at most {min(n - 1, d)}")  # fmt: skip
    exact = Assumption("rank and number of spectra are counts", "checked", "they need no interval")
    can = ("any labels whatever can be fitted without error, so that training accuracy carries no evidence"
           if n <= rank + 1 else f"a linear classifier fits {estimate:.2g} of all labelings without error")  # fmt: skip
    reading = f"{n:,} spectra span {rank:,} dimensions: {can}."
    nan = float("nan")
    return Diagnostic(SEPARABLE, estimate, nan, nan, band, Sample(n, d, design.n_units, geometry.sample.seed),
                      (position, exact), reading, {"rank": float(rank)})  # fmt: skip


def training_accuracy(geometry: Geometry, labelings: Codes) -> Diagnostic | NotGiven:
    """Measure the probe's balanced accuracy on the spectra it was trained on, for observed and random labels.

    Args:
        geometry: The spectra.
        labelings: n × (1 + P) class codes of the geometry's spectra, the observed ones first.

    Returns:
        The accuracy for the observed labels beside that for permuted ones; `parts`: `random_labels`, its mean
        over the permutations. Held-out accuracy is another matter: see the audit.
    """
    design, sample = geometry.design, geometry.sample
    if geometry.rank == 0:
        return NotGiven(TRAINING, "all spectra are equal", sample)
    credits_ = credit(_training_margins(geometry, labelings), len(design.classes))
    accuracy = class_means(design, labelings, credits_)
    interval = balanced_mean(design, credits_[:, 0], alpha=0.05)
    band, random = permutation_band(accuracy), float(accuracy[1:].mean())
    no_evidence = bool(accuracy[0] <= band.high)
    reading = (
        f"On its own training spectra the probe reaches {accuracy[0]:.1%} with the observed labels and {random:.1%} "
        f"with shuffled ones: {_meaning(no_evidence)}."
    )
    assumptions = (*geometry.assumptions, Assumption(EXCHANGEABLE, "assumed"))
    return Diagnostic(TRAINING, float(accuracy[0]), interval.low, interval.high, band, sample, assumptions, reading,
                      {"random_labels": random})  # fmt: skip


def _meaning(no_evidence: bool) -> str:
    if no_evidence:
        return "training accuracy carries no evidence"
    return "the labels fit better than shuffled ones do, and only held-out accuracy says by how much"


def _training_margins(geometry: Geometry, labelings: Codes) -> Floats:
    """Margins of the spectra under the model trained on all of them, n × (1 + P)."""
    n, n_classes = geometry.sample.n, len(geometry.design.classes)
    margins = np.empty(labelings.shape)
    with threads_for(geometry.gram.size):
        complement = complement_matrix(geometry.gram, geometry.penalty)
        for block in label_blocks(n, labelings.shape[1], 1 if n_classes == 2 else n_classes):
            y = indicators(labelings[:, block], n_classes)
            scores = y - (complement @ y.reshape(n, -1)).reshape(y.shape)
            margins[:, block] = centroid_margins(scores, products(y, scores), y.sum(axis=0), n, labelings[:, block])
    return margins
