"""The audit: from spectra and a claim about bands to one verdict with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.audit_report import AuditReport, Subject, VariantReport, report_on
from spectral_core.caveats import explain_caveats
from spectral_core.checks import list_checks
from spectral_core.controls.blocks import make_blocks
from spectral_core.errors import AuditError
from spectral_core.evidence import Settings
from spectral_core.examination import Progress, draw_labelings, examine_variants
from spectral_core.messages import Places
from spectral_core.preprocessing import Chain, parse_variant
from spectral_core.probe import threads_for
from spectral_core.reasons import explain_reasons
from spectral_core.regions import Intervals, Mask, locate_regions, off_band_mask
from spectral_core.spectra import canonical_axis_unit, check_axis, check_finite
from spectral_core.splits import Design, make_design
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
    preprocess: str = "raw",
    estimator: BaseEstimator | None = None,
    n_permutations: int = 1999,
    delta: float = 0.05,
    alpha: float = 0.05,
    n_folds: int = 5,
    seed: int,
) -> AuditReport:
    """Judge whether a classifier is accurate because of the declared bands.

    Without `estimator` the closed-form probe (ridge regression on class indicators) stands for the
    classifier. With one, the verdict is about it: it is refitted on the same folds and blocks, under permuted
    labels up to 199 times a claim (in parallel inside `joblib.parallel_config`, with the same result), and
    the probe's findings stand beside it in `report.content["estimator"]`.

    Args:
        X: n × d intensities: numpy array, xarray.DataArray or dask array.
        y: n class labels, two or more classes.
        axis: d channel positions, strictly increasing.
        axis_unit: Unit of `axis` and of every interval, such as "cm-1" or "nm".
        bands: Name to (low, high) of each interval where the separating chemistry absorbs or emits.
        blank: Name to (low, high) of each interval that carries no chemistry of these samples.
        unit: What is independent (specimen, patient, culture), one value a spectrum.
        batch: Session, day, plate or instrument, one value a spectrum.
        preprocess: Chain of per-spectrum steps, such as "snv | savgol(11, 2, 1)".
        estimator: Unfitted scikit-learn classifier or Pipeline; it is cloned, and every step refitted per fold.
            It must accept fewer channels than d, because it is refitted on bands and blanks alone.
        n_permutations: Label permutations behind each p-value.
        delta: Smallest gain in balanced accuracy worth having.
        alpha: Error level.
        n_folds: Folds of the cross-validation, drawn blind to the labels.
        seed: Seed of folds and permutations; the same seed gives the same report.

    Returns:
        The report: `.verdict`, `.reasons`, `.caveats`, `.checks`, `.to_dict()`, `.save_html(path)`.

    Raises:
        AuditError: Shapes that disagree, one class, an interval outside the axis, or an estimator that cannot
            be refitted or predicts what is no class.
        SpectraError: NaN or infinite intensities, or an axis that is not strictly increasing.
        StudyError: `preprocess` does not parse.
    """
    settings = _settings(n_permutations, delta, alpha, n_folds, seed)
    x, positions = _matrix(X, axis)
    design = make_design(y, unit=unit, batch=batch)
    if design.n != x.shape[0]:
        raise AuditError("y", f"{x.shape[0]} labels, one for each row of X", f"{design.n}", "Pass one for each row.")
    places = Places(canonical_axis_unit(axis_unit), dict(bands or {}), dict(blank or {}))
    models: list[Contender] = []
    if estimator is not None:
        from spectral_core.estimators import Contender  # scikit-learn takes a second to import

        models = [Contender.of(estimator, seed=settings.seed)]
    return audit_variants(x, positions, design, places, [parse_variant(preprocess)], settings, models=models)


def audit_study(
    study: Study,
    dataset: xr.Dataset,
    *,
    snapshot: str,
    trained: Sequence[OutOfFold] = (),
    progress: Progress | None = None,
) -> AuditReport:
    """Audit every variant of a study, and every model trained on it, on the spectra of an archive snapshot.

    Args:
        study: Bands, blanks, variants and settings.
        dataset: Spectra in the contract's schema, loaded or lazy.
        snapshot: The archive snapshot, for the record.
        trained: What training found of each model on each variant, with the study's seed and folds.
        progress: Called with (blocks done, blocks in all).

    Raises:
        AuditError: One class only, an interval outside the axis, an axis in another unit, or training on other folds.
    """
    found = str(dataset["axis"].attrs.get("units", ""))
    if found != study.reading.axis_unit:
        raise AuditError("archive, axis", f"unit {study.reading.axis_unit}", found or "no unit", "Correct the study.")
    settings = _settings(**study.audit.model_dump(exclude={"model_permutations", "permutations", "folds"}),
                         n_permutations=study.audit.permutations, n_folds=study.audit.folds)  # fmt: skip
    x, axis = _matrix(dataset["intensity"], dataset["axis"].values)
    columns = {name: dataset[name].values if getattr(study.samples, name) else None for name in ("unit", "batch")}
    design = make_design(dataset["label"].values, **columns)
    places = Places(study.reading.axis_unit, study.band_intervals(), study.blank_intervals())
    chains = [parse_variant(text) for text in study.variants]
    models: list[Contender] = []
    if trained:
        from spectral_core.estimators import contenders_of

        models = contenders_of(trained, budget=study.audit.model_permutations, seed=settings.seed)
    report = audit_variants(x, axis, design, places, chains, settings, models=models, progress=progress)
    return report.with_study(study, snapshot, intensity_unit=str(dataset["intensity"].attrs.get("units", "")))


def audit_variants(
    x: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    places: Places,
    chains: Sequence[Chain],
    settings: Settings,
    *,
    models: Sequence[Contender] = (),
    progress: Progress | None = None,
) -> AuditReport:
    """Audit several preprocessing variants of the same spectra together; their claims are corrected together.

    Each of `models` is judged beside the probe on every variant; it speaks for the variant where the audit
    is about it, or where it is more accurate than the probe by more than delta. Small problems are computed
    on one BLAS thread.
    """
    with threads_for(x.size):
        return _audit(x, axis, design, places, chains, settings, models, progress)


def _audit(
    x: npt.NDArray[np.floating],
    axis: Floats,
    design: Design,
    places: Places,
    chains: Sequence[Chain],
    settings: Settings,
    models: Sequence[Contender],
    progress: Progress | None,
) -> AuditReport:
    regions = locate_regions(axis, axis_unit=places.axis_unit, bands=places.bands, blanks=places.blanks)
    labelings = draw_labelings(design, settings)
    blocks = {str(chain): make_blocks(x, regions, places.bands, chain) for chain in chains}
    cases = examine_variants(blocks, design, labelings, places, settings, progress=progress)
    probes = [_report_on_variant(case, places) for case in cases]
    subject = Subject.of(x, axis, design, places, regions)
    if not models:
        return report_on(subject, settings, probes, overall([probe.verdict for probe in probes]))
    from spectral_core.estimators import examine_model
    from spectral_core.estimators.report import models_content, speaking_for

    audited = [
        (model, _report_on_variant(model.case, places, judged_by=model.contender.name))
        for case, chain in zip(cases, chains, strict=True)
        for channels in [_channels(chain, x[:1], axis, places)]
        for model in (examine_model(m, case, blocks[str(chain)], labelings, channels) for m in models)
    ]
    variants = [speaking_for(probe, audited) for probe in probes]
    report = report_on(subject, settings, variants, overall([variant.verdict for variant in variants]))
    return report.with_content(**models_content(probes, audited))


def _channels(chain: Chain, spectrum: npt.NDArray[np.floating], axis: Floats, places: Places) -> dict[str, Mask]:
    """Find the channels of each region among those that the chain leaves."""
    left = chain.apply(spectrum, axis)[1]
    masks = {name: (left >= low) & (left <= high) for name, (low, high) in {**places.bands, **places.blanks}.items()}
    if places.bands:
        masks["off-band"] = off_band_mask(left, places.bands)
    return {name: mask for name, mask in masks.items() if mask.any()}


def _report_on_variant(case: Case, places: Places, *, judged_by: str = "probe") -> VariantReport:
    judgement = judge(case)
    reasons = explain_reasons(judgement, case, places)
    caveats = explain_caveats(case, places, reasons=judgement.codes)
    return VariantReport(case, judgement.verdict, reasons, caveats, list_checks(case), judged_by)


def _matrix(x: Any, axis: npt.ArrayLike) -> tuple[npt.NDArray[np.floating], Floats]:
    positions = np.asarray(axis, dtype=np.float64)
    values = np.asarray(x)
    if values.ndim != 2 or positions.ndim != 1 or values.shape[1] != positions.size:
        raise AuditError("X", f"n × d intensities for {positions.size} channels of axis", f"shape {values.shape}",
                         "Pass one row a spectrum and one axis position a column.")  # fmt: skip
    if not (np.issubdtype(values.dtype, np.floating) or np.issubdtype(values.dtype, np.integer)):
        raise AuditError("X", "real numbers", f"dtype {values.dtype}", "Convert the intensities.")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    check_axis(positions, where="axis")
    check_finite(values, positions, where="X")
    return values, positions


def _settings(n_permutations: int, delta: float, alpha: float, n_folds: int, seed: int) -> Settings:
    for name, value, low, high in (
        ("n_permutations", n_permutations, 99, 1_000_000), ("delta", delta, 1e-6, 0.499),
        ("alpha", alpha, 1e-4, 0.499), ("n_folds", n_folds, 2, 1_000), ("seed", seed, 0, 2**63),
    ):  # fmt: skip
        if not low <= value <= high:
            raise AuditError(name, f"a number from {low:g} to {high:g}", f"{value:g}", "Correct the argument.")
    return Settings(int(n_permutations), float(delta), float(alpha), int(n_folds), int(seed))
