"""Everything of offband that is science or storage; knows neither Prefect nor MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spectral_core.audit import audit_classifier
    from spectral_core.audit_report import AuditReport
    from spectral_core.diagnosis import diagnose
    from spectral_core.features import audit_features

__all__ = ["AuditReport", "audit_classifier", "audit_features", "diagnose"]


def __getattr__(name: str) -> object:
    """Import what is asked for: reading and archiving files do without the statistics, which take seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from spectral_core.audit import audit_classifier
    from spectral_core.audit_report import AuditReport
    from spectral_core.diagnosis import diagnose
    from spectral_core.features import audit_features

    found = (AuditReport, audit_classifier, audit_features, diagnose)
    globals().update(zip(__all__, found, strict=True))
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
