"""The audit: from spectra and a claim about bands to one verdict with its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.acquisition import readable_times
from spectral_core.audit_input import (
    bytes_in_memory,
    check_rows_agree,
    contenders,
    design_of_rows,
    make_settings,
    rows_on_axis,
    spectra_on_axis,
)
from spectral_core.audit_report import AuditReport, Subject, VariantReport, report_on
from spectral_core.caveats import explain_caveats
from spectral_core.checks import list_checks
from spectral_core.controls.blocks import Blocks, make_blocks
from spectral_core.controls.instrument import Measured
from spectral_core.copies import keep_copies_together
from spectral_core.diagnosis import with_diagnostics
from spectral_core.errors import AuditError
from spectral_core.evidence import Settings
from spectral_core.examination import Progress, draw_labelings, examine_variants
from spectral_core.places import AxisPlaces, Places
from spectral_core.preprocessing import Chain, parse_variant
from spectral_core.probe import threads_for
from spectral_core.reasons import explain_reasons
from spectral_core.regions import Intervals, Mask, as_intervals, locate_regions
from spectral_core.spectra import canonical_axis_unit
from spectral_core.splits import Design, make_design
from spectral_core.streaming import Execution, audit_stream
from spectral_core.verdict import Case, judge, overall

if TYPE_CHECKING:
    import xarray as xr
    from sklearn.base import BaseEstimator

    from spectral_core.estimators import Contender, OutOfFold
    from spectral_core.study import Study

Floats = npt.NDArray[np.float64]


def audit_classifier(
    X: npt.ArrayLike,
    y: Sequence[object] | npt.NDArray[np.generic],
    *,
    axis: npt.ArrayLike,
    axis_unit: str,
    bands: Intervals | None = None,
    blank: Intervals | None = None,
    unit: Sequence[object] | npt.NDArray[np.generic] | None = None,
    batch: Sequence[object] | npt.NDArray[np.generic] | None = None,
    acquired_at: Sequence[object] | npt.NDArray[np.generic] | None = None,
    preprocess: str = "raw",
    estimator: BaseEstimator | None = None,
    n_permutations: int = 1999,
    delta: float = 0.05,
    alpha: float = 0.05,
    n_folds: int = 5,
    seed: int,
    in_memory_mb: float = 512.0,
) -> AuditReport:
    """Judge whether a classifier is accurate because of the declared bands.

    Without `estimator` the closed-form probe (ridge regression on class indicators) stands for the
    classifier. With one, the verdict is about it: it is refitted on the same folds and blocks, under permuted
    labels up to 199 times a claim (in parallel inside `joblib.parallel_config`, with the same result), and
    the probe's findings stand beside it in `report.content["estimator"]`. What a fitted one has learned is set
    aside, and the report says so.

    Args:
        X: n × d intensities as measured: numpy array, xarray.DataArray, dask array or pandas.DataFrame (columns that
            are numbers must agree with `axis`). Leave normalisation and baselines to `preprocess`: done before, they
            write the bands into blanks, and no control can take that back.
        y: n class labels, two or more classes.
        axis: d channel positions, strictly increasing.
        axis_unit: Unit of `axis` and of every interval, such as "cm-1" or "nm".
        bands: Name to (low, high) of each interval where the separating chemistry absorbs or emits.
        blank: Name to (low, high) of each interval that carries no chemistry of these samples.
        unit: What is independent (specimen, patient, culture), one value a spectrum.
        batch: Session, day, plate or instrument, one value a spectrum.
        acquired_at: When each spectrum was taken: times (ISO 8601 texts or datetimes) or running numbers.
        preprocess: Chain of per-spectrum steps, such as "snv | savgol(11, 2, 1)".
        estimator: scikit-learn classifier or Pipeline, fitted or not; it is cloned, and every step refitted per fold.
            It must accept fewer channels than d, because it is refitted on bands and blanks alone.
        n_permutations: Label permutations behind each p-value.
        delta: Smallest gain in balanced accuracy worth having.
        alpha: Error level.
        n_folds: Folds of the cross-validation, drawn blind to the labels.
        seed: Seed of folds and permutations; the same seed gives the same report.
        in_memory_mb: Spectra that take more as float64 are read a block of rows at a time, in a bounded number of
            passes; every number of the probe is the same to 1e-6. What needs all spectra at once is then asked of a
            subsample, which the report says. With an `estimator` all are held, because it is fitted to all.

    Returns:
        The report: `.verdict`, `.reasons`, `.caveats`, `.checks`, `.to_dict()`, `.save_html(path)`.

    Raises:
        AuditError: Shapes, columns or rows that disagree, one class, an interval outside the axis, or an estimator
            that cannot be refitted or predicts what is no class.
        SpectraError: NaN or infinite intensities, or an axis that is not strictly increasing.
        StudyError: `preprocess` does not parse.
    """
    settings = make_settings(n_permutations, delta, alpha, n_folds, seed)
    check_rows_agree(X, y=y, unit=unit, batch=batch, acquired_at=acquired_at)
    chains = [parse_variant(preprocess)]
    places = AxisPlaces(canonical_axis_unit(axis_unit), as_intervals(bands, "bands"), as_intervals(blank, "blank"))
    if estimator is None and bytes_in_memory(X) > in_memory_mb * 2**20:
        rows, positions = rows_on_axis(X, axis)
        design = design_of_rows(rows.shape[0], y, unit=unit, batch=batch, acquired_at=acquired_at)
        return _audit_stream(rows, positions, design, places, chains, settings, Execution())
    x, positions = spectra_on_axis(X, axis)
    design = design_of_rows(x.shape[0], y, unit=unit, batch=batch, acquired_at=acquired_at)
    design = keep_copies_together(design, x)
    models = contenders(estimator, settings)
    return audit_variants(x, positions, design, places, chains, settings, models=models)


def audit_study(
    study: Study,
    dataset: xr.Dataset,
    *,
    snapshot: str,
    trained: Sequence[OutOfFold] = (),
    estimator: BaseEstimator | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit every variant of a study, and every model trained on it, on the spectra of an archive snapshot.

    Args:
        study: Bands, blanks, variants and settings.
        dataset: Spectra in the contract's schema, loaded or lazy.
        snapshot: The archive snapshot, for the record.
        trained: What training found of each model on each variant, with the study's seed and folds.
        estimator: The classifier that the verdict is to be about; not together with `trained`.
        progress: Called with (blocks done, blocks in all).

    Raises:
        AuditError: One class only, an interval outside the axis, an axis in another unit, or training on other folds.
    """
    found = str(dataset["axis"].attrs.get("units", ""))
    if found != study.reading.axis_unit:
        raise AuditError("archive, axis", f"unit {study.reading.axis_unit}", found or "no unit", "Correct the study.")
    asked = study.audit
    settings = make_settings(asked.permutations, asked.delta, asked.alpha, asked.folds, asked.seed)
    columns = {name: dataset[name].values if getattr(study.samples, name) else None for name in ("unit", "batch")}
    design = make_design(dataset["label"].values, **columns, instrument=dataset["instrument"].values,
                         acquired_at=readable_times(dataset["acquired_at"].values))  # fmt: skip
    if not design.unit_declared:  # each spectrum is a unit, and has a name all the same
        design = replace(design, unit_names=tuple(map(str, dataset["spectrum_id"].values)))
    places = AxisPlaces(study.reading.axis_unit, study.band_intervals(), study.blank_intervals())
    chains = [parse_variant(text) for text in study.variants]
    if estimator is None and bytes_in_memory(dataset["intensity"]) > study.compute.in_memory_mb * 2**20:
        rows, axis = rows_on_axis(dataset["intensity"], dataset["axis"].values)
        where = Execution(study.compute.scheduler, study.compute.workers)
        report = _audit_stream(rows, axis, design, places, chains, settings, where, trained=trained,
                               diagnostics=asked.diagnostics, progress=progress)  # fmt: skip
    else:
        x, axis = spectra_on_axis(dataset["intensity"], dataset["axis"].values)
        models = contenders(estimator, settings) or _models_of(trained, asked.model_permutations, settings)
        report = audit_variants(x, axis, keep_copies_together(design, x), places, chains, settings, models=models,
                                diagnostics=asked.diagnostics, progress=progress)  # fmt: skip
    return report.with_study(study, snapshot, intensity_unit=str(dataset["intensity"].attrs.get("units", "")))


def _models_of(trained: Sequence[OutOfFold], budget: int, settings: Settings) -> list[Contender]:
    if not trained:
        return []
    from spectral_core.estimators import contenders_of

    return contenders_of(trained, budget=budget, seed=settings.seed)


def _audit_stream(
    rows: Any, axis: Floats, design: Design, places: AxisPlaces, chains: Sequence[Chain], settings: Settings,
    execution: Execution, *, trained: Sequence[OutOfFold] = (), diagnostics: bool = False,
    progress: Progress | None = None,
) -> AuditReport:  # fmt: skip
    """Audit spectra that are read a block of rows at a time; the report says what was asked of a subsample only."""
    found = audit_stream(rows, axis, design, places, chains, settings, execution=execution, progress=progress)
    variants = [_report_on_variant(case, places) for case in found.cases]
    report = report_on(found.subject, settings, variants, overall([variant.verdict for variant in variants]))
    if diagnostics:
        blocks = {str(chain): found.subsample.blocks(chain, axis) for chain in chains}
        report = with_diagnostics(report, blocks, found.subsample.design, places, seed=settings.seed)
    why = "Models are judged where all spectra are held; the probe speaks for every variant here."
    told = dict.fromkeys((one.model, one.note) for one in trained)
    models = [{"check": f"model {name}", "why": why + note} for name, note in told]
    not_asked = [*report.content["not_asked"], *found.not_asked_of_all(settings, diagnostics=diagnostics), *models]
    return report.with_content(not_asked=not_asked, streamed=found.told(settings))


def audit_variants(
    x: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    places: AxisPlaces,
    chains: Sequence[Chain],
    settings: Settings,
    *,
    models: Sequence[Contender] = (),
    diagnostics: bool = False,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit several preprocessing variants of the same spectra together; their claims are corrected together.

    The report holds a verdict for each variant, where no blank is declared intervals that look empty, and if asked
    for the diagnostics of each variant.
    """
    with threads_for(x.size):
        regions = locate_regions(axis, axis_unit=places.axis_unit, bands=places.bands, blanks=places.blanks)
        blocks = {str(chain): make_blocks(x, regions, places.bands, chain) for chain in chains}
        subject = Subject.of(x, axis, design, places, regions)
        report = judge_blocks(blocks, subject, design, places, settings, measured=Measured(x, regions), models=models,
                              progress=progress)  # fmt: skip
        return with_diagnostics(report, blocks, design, places, seed=settings.seed) if diagnostics else report


def judge_blocks(
    blocks: Mapping[str, Blocks],
    subject: Subject,
    design: Design,
    places: Places,
    settings: Settings,
    *,
    measured: Measured | None = None,
    models: Sequence[Contender] = (),
    progress: Progress | None = None,
) -> AuditReport:
    """Judge the blocks of each variant.

    Each of `models` is judged beside the probe on every variant; it speaks for the variant where the audit
    is about it, or where it is more accurate than the probe by more than delta.

    Args:
        blocks: Variant to what is asked of it.
        subject: What the report shows of the spectra.
        design: Classes, units and batches.
        places: Bands and blanks, for sentences.
        settings: The audit's numbers.
        measured: The raw spectra, where channels lie on an axis.
        models: Further models.
        progress: Called with (blocks done, blocks in all).
    """
    labelings = draw_labelings(design, settings)
    cases = examine_variants(blocks, design, labelings, places, settings, measured=measured, progress=progress)
    probes = [_report_on_variant(case, places) for case in cases]
    if not models:
        return report_on(subject, settings, probes, overall([probe.verdict for probe in probes]))
    from spectral_core.estimators import examine_model
    from spectral_core.estimators.report import models_content, speaking_for

    audited = [
        (model, _report_on_variant(model.case, places, judged_by=model.contender.name))
        for case, found in zip(cases, blocks.values(), strict=True)
        for channels in [_channels(places, found.axis)]
        for model in (examine_model(m, case, found, labelings, channels) for m in models)
    ]
    variants = [speaking_for(probe, audited) for probe in probes]
    report = report_on(subject, settings, variants, overall([variant.verdict for variant in variants]))
    return report.with_content(**models_content(probes, audited))


def _channels(places: Places, axis: Floats) -> dict[str, Mask]:
    """Find the channels of each region among those that the chain left, off-band last."""
    regions = sorted(places.regions(axis), key=lambda region: region.kind == "off_band")
    return {region.name: region.channels for region in regions if region.kind != "bands"}


def _report_on_variant(case: Case, places: Places, *, judged_by: str = "probe") -> VariantReport:
    judgement = judge(case)
    reasons = explain_reasons(judgement, case, places)
    caveats = explain_caveats(case, places, reasons=judgement.codes)
    return VariantReport(case, judgement.verdict, reasons, caveats, list_checks(case), judged_by)
