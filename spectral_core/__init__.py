"""Everything of offband that is science or storage; knows neither Prefect nor MLflow."""

from spectral_core.audit import audit_classifier
from spectral_core.audit_report import AuditReport

__all__ = ["AuditReport", "audit_classifier"]
