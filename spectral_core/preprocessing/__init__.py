"""Preprocessing, on both sides of the wall.

Per-spectrum steps (`per_spectrum`, `neighbours`, `baselines`) change each spectrum by itself, make chains and
may be materialised as variants. Fitted steps (`fitted`) learn from several spectra and live in a model's
pipeline, where every fold refits them.
"""

from spectral_core.preprocessing.chain import Chain, parse_variant

__all__ = ["Chain", "parse_variant"]
