"""A classifier whose type nobody has looked at, in a module that a model file can name."""

from __future__ import annotations

from sklearn.neighbors import NearestCentroid


class Strange(NearestCentroid):
    """Not of scikit-learn, not of offband."""
