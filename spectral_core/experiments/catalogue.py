"""All experiments by name, in the order of the document."""

from __future__ import annotations

from collections.abc import Mapping

from spectral_core.experiments.cells import Cell, Numbers
from spectral_core.experiments.channels import CHANNELS
from spectral_core.experiments.complexity import COMPLEXITY
from spectral_core.experiments.depth import DEPTH
from spectral_core.experiments.experiment import Experiment
from spectral_core.experiments.fluorescence import FLUORESCENCE
from spectral_core.experiments.instruments import INSTRUMENTS
from spectral_core.experiments.maps import IMPORTANCE
from spectral_core.experiments.normalisation import NORMALISATION
from spectral_core.experiments.pixels import PIXELS
from spectral_core.experiments.real_noise import REAL
from spectral_core.experiments.remedies import REMEDY
from spectral_core.experiments.sampling import SAMPLING
from spectral_core.experiments.suspicion import SUSPICION

EXPERIMENTS: Mapping[str, Experiment] = {
    e.name: e
    for e in (
        CHANNELS, SAMPLING, COMPLEXITY, DEPTH, NORMALISATION, INSTRUMENTS, IMPORTANCE, REMEDY, SUSPICION, REAL,
        FLUORESCENCE, PIXELS,
    )
}  # fmt: skip


def measure_cell(cell: Cell) -> Numbers:
    """Measure a cell of any experiment."""
    return EXPERIMENTS[cell.experiment].measure(cell)
