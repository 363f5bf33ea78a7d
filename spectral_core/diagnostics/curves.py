"""The three curves of one set of spectra, which share the probe's answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spectral_core.diagnostics.channel_curves import ChannelCurves, channel_curves_of
from spectral_core.diagnostics.class_pair import pair_classes
from spectral_core.diagnostics.growth import Growth, growth_of
from spectral_core.diagnostics.held_out_curve import HeldOutCurves
from spectral_core.diagnostics.learnability import Learnability, learnability_of
from spectral_core.regions import Mask
from spectral_core.splits import Codes, Design


def examine_curves(
    matrix: npt.NDArray[np.floating],
    axis: npt.NDArray[np.float64],
    design: Design,
    labelings: Codes,
    *,
    off_band: Mask | None,
    in_band: Mask | None,
    seed: int,
) -> tuple[Growth, Learnability, ChannelCurves]:
    """Examine growth, learnability and accuracy against channels together: each set of channels is asked once.

    Arguments and errors are those of `pair_classes`; results are those of `examine_growth`,
    `examine_learnability` and `examine_channel_curves`.
    """
    pair = pair_classes(matrix, axis, design, labelings, off_band=off_band, in_band=in_band, seed=seed)
    held_out = HeldOutCurves(pair)
    return growth_of(held_out), learnability_of(pair), channel_curves_of(held_out)
