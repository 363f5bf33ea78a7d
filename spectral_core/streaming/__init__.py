"""The audit of archives larger than memory, in a bounded number of passes over their rows."""

from spectral_core.streaming.audit import StreamedAudit, StreamLimits, audit_stream
from spectral_core.streaming.passes import Execution

__all__ = ["Execution", "StreamLimits", "StreamedAudit", "audit_stream"]
