"""Caveats: what stands beside any verdict and never decides it."""

from __future__ import annotations

from collections.abc import Iterator

from spectral_core.verdict import Case


def caveat_codes(case: Case, *, reasons: tuple[str, ...]) -> Iterator[str]:
    """Name the caveats of one variant, leaving out what a reason says already."""
    yield from _signals(case, reasons)
    yield from _differences(case)
    if case.evidence.batch is not None and case.evidence.batch.predicted_p <= case.settings.alpha:
        yield "batch_predictable"
    if case.design.n <= case.full.rank + 1:
        yield "capacity_saturated"
    if "blank" not in case.evidence.answers:
        yield "blank_undeclared"


def _signals(case: Case, reasons: tuple[str, ...]) -> Iterator[str]:
    told = {
        "off_band": ("off_band_sufficient", "bands_not_privileged"),
        "blank": ("blank_sufficient",),
        "nuisance": ("nuisance_sufficient",),
    }
    for name, codes in told.items():
        if case.associated(name) and not set(codes) & set(reasons):
            yield f"{name}_signal"


def _differences(case: Case) -> Iterator[str]:
    differences, delta = case.evidence.differences, case.settings.delta
    lacking = differences.get("full − bands")
    if lacking is not None and lacking.value > delta and lacking.at_least > 0:
        yield "bands_insufficient"
    carried = differences.get("off_band_after − off_band")
    if carried is not None and carried.value > delta and carried.at_least > 0:
        yield "preprocessing_carried"
    leakage = case.evidence.leakage
    if leakage is not None and leakage.optimism.value > delta and leakage.optimism.at_least > 0:
        yield "accuracy_optimistic"
