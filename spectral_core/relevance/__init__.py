"""What the classifier looks at: bands alone and left out, maps per channel with their nulls, agreement with bands."""

from spectral_core.relevance.caveat import explain_relevance_off_band, relevance_is_off_band
from spectral_core.relevance.examination import RelevanceReport, examine_relevance

__all__ = ["RelevanceReport", "examine_relevance", "explain_relevance_off_band", "relevance_is_off_band"]
