"""Concentration of measure, growth of separability, dimension and capacity: why a classifier succeeds.

Every diagnostic stands beside what no difference gives: permuted labels where it depends on the classes, white
noise of the same size where it does not. None decides a verdict.
"""

from spectral_core.diagnostics.examination import DiagnosticsReport, examine_cloud, examine_diagnostics
from spectral_core.diagnostics.geometry import Geometry, Points, measure_geometry
from spectral_core.diagnostics.result import Assumption, Band, Diagnostic, NotGiven, Result, Sample

__all__ = [
    "Assumption",
    "Band",
    "Diagnostic",
    "DiagnosticsReport",
    "Geometry",
    "NotGiven",
    "Points",
    "Result",
    "Sample",
    "examine_cloud",
    "examine_diagnostics",
    "measure_geometry",
]
