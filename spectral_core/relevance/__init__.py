"""What the classifier looks at: bands alone and left out, maps per channel with their nulls, agreement with bands."""

from spectral_core.relevance.band_table import Region, list_regions
from spectral_core.relevance.caveat import explain_relevance_off_band, relevance_is_off_band
from spectral_core.relevance.examination import RelevanceReport, examine_regions, examine_relevance

__all__ = [
    "Region", "RelevanceReport", "examine_regions", "examine_relevance", "explain_relevance_off_band",
    "list_regions", "relevance_is_off_band",
]  # fmt: skip
