"""All diagnostics of one set of spectra, each beside what no difference gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.capacity import cover_capacity, training_accuracy
from spectral_core.diagnostics.class_overlap import class_overlap
from spectral_core.diagnostics.contrast import relative_contrast
from spectral_core.diagnostics.curves import examine_curves
from spectral_core.diagnostics.effective_rank import effective_rank
from spectral_core.diagnostics.geometry import Floats, Geometry, Points, measure_geometry
from spectral_core.diagnostics.hubness import hubness
from spectral_core.diagnostics.neighbours import compare_neighbours
from spectral_core.diagnostics.norm_separability import norm_separability
from spectral_core.diagnostics.observable_diameter import observable_diameter
from spectral_core.diagnostics.participation import participation_ratio, participation_ratio_norms
from spectral_core.diagnostics.reference import state_exchange
from spectral_core.diagnostics.result import Assumption, Diagnostic, NotGiven, Result, Sample
from spectral_core.diagnostics.thin_shell import thin_shell
from spectral_core.diagnostics.two_nn import two_nn
from spectral_core.diagnostics.variance_ratio import variance_ratio
from spectral_core.errors import AuditError
from spectral_core.probe.threads import threads_for
from spectral_core.regions import Intervals, Mask, off_band_mask
from spectral_core.splits import Codes, Design

if TYPE_CHECKING:
    import pandas as pd

MOST_LABELINGS = 199
_COLUMNS = ("name", "estimate", "low", "high", "band", "band_low", "band_high", "p", "n", "n_units", "d", "reading")
Scalar = Diagnostic | NotGiven


@dataclass(frozen=True)
class DiagnosticsReport:
    """Why a classifier of these spectra succeeds, in numbers that explain a verdict and never decide it.

    `scalars` are single numbers or the reason why one cannot be given; `curves` are growth, learnability and
    accuracy against channels (see `examine_curves`); `sample` is all that was put in.
    """

    scalars: tuple[Scalar, ...]
    curves: tuple[Result, ...]
    sample: Sample
    n_permutations: int

    def __getitem__(self, name: str) -> Scalar | Result:
        """Find a result by its name.

        Raises:
            KeyError: No result has this name.
        """
        found = {result.name: result for result in (*self.scalars, *self.curves)}
        return found[name]

    def __str__(self) -> str:
        given = sum(isinstance(scalar, Diagnostic) for scalar in self.scalars)
        return f"{given} of {len(self.scalars)} diagnostics and {len(self.curves)} curves of {self.sample.n:,} spectra"

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values, results by name."""
        return {
            **vars(self.sample), "n_permutations": self.n_permutations,
            "scalars": {scalar.name: scalar.to_dict() for scalar in self.scalars},
            "curves": {curve.name: curve.to_dict() for curve in self.curves},
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Tabulate the scalars, one row each; what cannot be given has its reason as reading and no numbers."""
        import pandas as pd

        return pd.DataFrame([_row(scalar) for scalar in self.scalars], columns=list(_COLUMNS))

    def metrics(self) -> dict[str, float]:
        """Give the estimates by name, `diagnostics.` before each."""
        return {f"diagnostics.{s.name}": s.estimate for s in self.scalars if isinstance(s, Diagnostic)}


def examine_diagnostics(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    labelings: Codes,
    *,
    bands: Intervals,
    blanks: Intervals,
    seed: int,
) -> DiagnosticsReport:
    """Compute every diagnostic of n × d spectra.

    Pairwise distances and Gram matrices are taken of at most 2,000 spectra, of as many units as possible (each
    result says of how many); norms, variances and capacity of all.

    Args:
        matrix: n × d spectra, raw or after a chain.
        axis: d channel positions.
        design: Classes and units.
        labelings: n × (1 + P) class codes, the observed ones first; at most 199 permutations are used.
        bands: Name to (low, high) of each declared band.
        blanks: Name to (low, high) of each declared blank.
        seed: Seed of subsamples, groups and white noise.

    Raises:
        AuditError: Spectra, axis, design and labelings do not fit each other, or there is no permutation.

    Example:
        >>> from spectral_core.splits import make_design, permuted_codes
        >>> x = np.random.default_rng(0).normal(size=(40, 60))
        >>> design = make_design(["a", "b"] * 20)
        >>> labelings = np.column_stack([design.codes, permuted_codes(design, n=39, seed=0)])
        >>> report = examine_diagnostics(x, np.arange(60.0), design, labelings, bands={}, blanks={}, seed=0)
        >>> report["cover_capacity"].reading
        '40 spectra span 39 dimensions: any labels whatever can be fitted without error, so that training accuracy \
carries no evidence.'
    """
    codes = _check(matrix, axis, design, labelings)
    scalars = examine_scalars(matrix, axis, design, codes, bands=bands, blanks=blanks, seed=seed)
    regions = _regions(axis, bands, {})
    curves = examine_curves(matrix, axis, design, codes, off_band=regions.get("off_band"),
                            in_band=regions.get("in_band"), seed=seed)  # fmt: skip
    sample = Sample(design.n, matrix.shape[1], design.n_units, seed)
    return DiagnosticsReport(scalars, curves, sample, codes.shape[1] - 1)


def examine_scalars(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    labelings: Codes,
    *,
    bands: Intervals,
    blanks: Intervals,
    seed: int,
) -> tuple[Scalar, ...]:
    """Compute the diagnostics that are single numbers; arguments and errors are those of `examine_diagnostics`."""
    codes = _check(matrix, axis, design, labelings)
    geometry = measure_geometry(matrix, design, seed=seed)
    exchange = state_exchange(design, codes)
    of_labels = (
        *_examine_classes(matrix, axis, design, codes, regions=_regions(axis, bands, blanks), seed=seed),
        *_examine_labels(matrix, geometry, design, codes),
    )
    return *examine_cloud(geometry.points), *(_say_how_permuted(scalar, exchange) for scalar in of_labels)


def _say_how_permuted(scalar: Scalar, exchange: Assumption) -> Scalar:
    """Put the permutation scheme, which all labelings together show, where labels are taken for exchangeable."""
    stated = tuple(exchange if a.statement == exchange.statement else a for a in scalar.assumptions)
    return replace(scalar, assumptions=stated)


def examine_cloud(points: Points) -> tuple[Scalar, ...]:
    """Compute what does not depend on which spectrum belongs to which class, beside white noise."""
    with threads_for(points.gram.size):
        by_eigenvalues = participation_ratio(points)
        neighbourhood = compare_neighbours(points)
        return (
            by_eigenvalues,
            participation_ratio_norms(points, by_eigenvalues=by_eigenvalues),
            thin_shell(points),
            effective_rank(points),
            two_nn(neighbourhood),
            relative_contrast(neighbourhood),
            hubness(neighbourhood),
            observable_diameter(points),
        )


def _examine_classes(
    matrix: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    labelings: Codes,
    *,
    regions: Mapping[str, Mask],
    seed: int,
) -> tuple[Scalar, ...]:
    """Compare sizes and variances of the classes, beside permuted labels."""
    return (
        *norm_separability(matrix, axis, design, labelings, seed=seed),
        *variance_ratio(matrix, design, labelings, regions=regions, seed=seed),
    )


def _examine_labels(
    matrix: npt.NDArray[np.floating], geometry: Geometry, design: Design, labelings: Codes
) -> tuple[Scalar, ...]:
    """Ask how the classes lie among each other, and what any labels can be fitted to."""
    kept = labelings[geometry.rows]
    return class_overlap(geometry, kept), cover_capacity(matrix, geometry, design), training_accuracy(geometry, kept)


def _regions(axis: Floats, bands: Intervals, blanks: Intervals) -> dict[str, Mask]:
    """In band, off band (half a band's width kept clear), blank; all channels where no band was declared."""

    def union(intervals: Intervals) -> Mask:
        inside = [(axis >= low) & (axis <= high) for low, high in intervals.values()]
        return np.asarray(np.logical_or.reduce([np.zeros(axis.size, dtype=np.bool_), *inside]))

    declared = {"in_band": union(bands), "off_band": off_band_mask(axis, bands)} if bands else {}
    found = (declared or {"all_channels": np.ones(axis.size, dtype=np.bool_)}) | {"blank": union(blanks)}
    return {name: mask for name, mask in found.items() if mask.any()}


def _check(matrix: npt.NDArray[np.floating], axis: Floats, design: Design, labelings: Codes) -> Codes:
    """Refuse what does not fit together; give the labelings that are used."""
    if matrix.ndim != 2 or axis.shape != (matrix.shape[1],):
        raise AuditError("axis", f"one position for each channel of spectra of shape {matrix.shape}",
                         f"shape {axis.shape}", "Pass the axis of these spectra.")  # fmt: skip
    if labelings.ndim != 2 or labelings.shape[0] != design.n or labelings.shape[1] < 2:
        raise AuditError("labelings", f"{design.n} rows, the observed labels and at least one permutation",
                         f"shape {labelings.shape}", "Pass an n × (1 + P) array.")  # fmt: skip
    if (labelings[:, 0] != design.codes).any():
        raise AuditError("labelings", "the observed labels in the first column", "other labels",
                         "Put design.codes before the permutations.")  # fmt: skip
    return np.asarray(labelings[:, : MOST_LABELINGS + 1])


def _row(scalar: Scalar) -> dict[str, Any]:
    plain = {"name": scalar.name, **vars(scalar.sample)}
    if isinstance(scalar, NotGiven):
        return plain | {"reading": f"{scalar}."}
    band = scalar.band
    return plain | {"estimate": scalar.estimate, "low": scalar.low, "high": scalar.high, "band": band.kind,
                    "band_low": band.low, "band_high": band.high, "p": band.p, "reading": scalar.reading}  # fmt: skip
