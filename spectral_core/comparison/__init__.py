"""Two audits compared, and the audits of a study over time; neither decides anything."""

from spectral_core.comparison.comparison import Comparison, compare_audits
from spectral_core.comparison.side import Side, check_report, read_report

__all__ = ["Comparison", "Side", "check_report", "compare_audits", "read_report"]
