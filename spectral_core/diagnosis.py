"""Diagnostics from arrays, and beside the verdict of each variant of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spectral_core.audit_input import check_rows_agree, check_seed, design_of_rows, spectra_on_axis
from spectral_core.audit_report import AuditReport
from spectral_core.controls.blocks import Blocks
from spectral_core.copies import keep_copies_together
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.regions import Intervals, as_intervals, locate_regions
from spectral_core.spectra import canonical_axis_unit
from spectral_core.splits import Codes, Design, count_permutations, permuted_codes

if TYPE_CHECKING:
    from spectral_core.diagnostics import DiagnosticsReport

_PERMUTATIONS = 199  # behind each band: descriptive numbers need no more
_FEWEST_INSIDE = 400.0  # relabelings inside batches, as the audit asks at alpha = 0.05


def diagnose(
    X: npt.ArrayLike,
    y: Sequence[object] | npt.NDArray[np.generic],
    *,
    axis: npt.ArrayLike,
    axis_unit: str = "",
    bands: Intervals | None = None,
    blank: Intervals | None = None,
    unit: Sequence[object] | npt.NDArray[np.generic] | None = None,
    batch: Sequence[object] | npt.NDArray[np.generic] | None = None,
    preprocess: str = "raw",
    seed: int,
) -> DiagnosticsReport:
    """Tell why classes of spectra can be told apart: concentration, growth with channels, dimension, capacity.

    Args:
        X: n × d intensities: numpy array, xarray.DataArray or dask array.
        y: n class labels, two or more classes.
        axis: d channel positions, strictly increasing.
        axis_unit: Unit of `axis` and of every interval, for messages.
        bands: Name to (low, high) of each declared band.
        blank: Name to (low, high) of each declared blank.
        unit: What is independent, one value a spectrum.
        batch: Session, day, plate or instrument, one value a spectrum.
        preprocess: Chain of per-spectrum steps, such as "snv | savgol(11, 2, 1)".
        seed: Seed of permutations, subsamples and white noise.

    Returns:
        Numbers and curves, each beside what no difference gives; none decides a verdict.

    Raises:
        AuditError: Shapes that disagree, one class, an interval outside the axis, a blank that overlaps a band, or
            a seed that is no whole number.
        SpectraError: NaN or infinite intensities, or an axis that is not strictly increasing.
        StudyError: `preprocess` does not parse.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(24, 12))  # Cover: Σ_{k≤12} C(23, k)/2²³ = 0.661
        >>> found = diagnose(x, ["a", "b"] * 12, axis=np.arange(12.0), seed=0)
        >>> str(found["cover_capacity"].band)
        'white noise of this size 0.661 to 0.661'
    """
    from spectral_core.diagnostics import examine_diagnostics

    seed, chain = check_seed(seed), parse_variant(preprocess)
    check_rows_agree(X, y=y, unit=unit, batch=batch)
    x, positions = spectra_on_axis(X, axis)
    declared, empty = as_intervals(bands, "bands"), as_intervals(blank, "blank")
    locate_regions(positions, axis_unit=canonical_axis_unit(axis_unit), bands=declared, blanks=empty)
    design = keep_copies_together(design_of_rows(x.shape[0], y, unit=unit, batch=batch), x)
    matrix, left = chain.apply(x, positions)
    return examine_diagnostics(
        matrix, left, design, _labelings(design, seed), bands=declared, blanks=empty, seed=seed
    )  # fmt: skip


def with_diagnostics(
    report: AuditReport, blocks: Mapping[str, Blocks], design: Design, places: AxisPlaces, *, seed: int
) -> AuditReport:
    """Add the diagnostics of each variant's spectra to its part of the report's content.

    Args:
        report: The report on these variants, in this order.
        blocks: Variant to its blocks.
        design: Classes, units and batches.
        places: Bands and blanks.
        seed: Seed of permutations, subsamples and white noise.
    """
    from spectral_core.diagnostics import examine_diagnostics

    labelings = _labelings(design, seed)
    variants = []
    for variant, found in zip(report.content["variants"], blocks.values(), strict=True):
        told = examine_diagnostics(
            found.by_name["full"].matrix, found.axis, design, labelings, bands=places.bands, blanks=places.blanks,
            seed=seed,
        )  # fmt: skip
        variants.append({**variant, "diagnostics": told.to_dict()})
    return report.with_content(variants=variants)


def _labelings(design: Design, seed: int) -> Codes:
    """Labels move inside batches where those admit enough relabelings: else a batch would look like a class."""
    inside = design.batch_declared and count_permutations(design, within_batch=True) >= _FEWEST_INSIDE
    return np.column_stack([design.codes, permuted_codes(design, n=_PERMUTATIONS, seed=seed, within_batch=inside)])
