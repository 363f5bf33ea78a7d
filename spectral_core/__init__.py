"""Everything of offband that is science or storage; knows neither Prefect nor MLflow."""

from spectral_core.audit import audit_classifier
from spectral_core.audit_report import AuditReport
from spectral_core.diagnosis import diagnose
from spectral_core.features import audit_features

__all__ = ["AuditReport", "audit_classifier", "audit_features", "diagnose"]
