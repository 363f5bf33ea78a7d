"""Many small datasets into one, for one commit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from spectral_core.archive.axis import ArchiveAxis
from spectral_core.spectra import make_spectra


def stack(parts: Sequence[xr.Dataset], axis: ArchiveAxis) -> xr.Dataset:
    """Put the spectra of several files into one dataset on `axis`; a column that one lacks is "" there."""
    names = dict.fromkeys(str(n) for part in parts for n, v in part.variables.items() if v.dims == ("sample",))
    columns = {
        name: [
            text
            for part in parts
            for text in (part.variables[name].values if name in part.variables else [""] * part.sizes["sample"])
        ]
        for name in names
    }
    intensity = np.concatenate([part.variables["intensity"].values for part in parts])
    return make_spectra(
        intensity, axis.positions, axis_unit=axis.unit, intensity_unit=axis.intensity_unit, metadata=columns
    )
