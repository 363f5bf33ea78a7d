"""The data contract: spectra with one axis and their metadata, as one xarray.Dataset.

dims `sample`, `channel`; `intensity[sample, channel]` float32 with attribute `units` (its quantity, such as
absorbance or counts); coordinate `axis[channel]` float64, strictly increasing, with `units`; and the
coordinates on `sample` of `METADATA` plus any further columns of the sample sheet. Metadata are texts; `""`
means *not stated*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import SpectraError, offenders

METADATA = (
    "spectrum_id", "source", "source_sha256", "label", "unit", "batch", "instrument", "acquired_at", "replicate",
)  # fmt: skip

_AXIS_UNITS = {
    "cm-1": ("cm-1", "cm^-1", "cm⁻¹", "1/cm", "/cm", "wavenumber", "wavenumbers", "wavenumber (cm-1)"),
    "nm": ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    "um": ("um", "µm", "μm", "micrometer", "micrometers", "micrometre", "micrometres"),
    "eV": ("ev", "electronvolt"),
    "m/z": ("m/z", "mz"),
    "THz": ("thz",),
    "ppm": ("ppm",),
    "channel": ("channel", "pixel", "index"),
}
_BY_ALIAS = {alias: unit for unit, aliases in _AXIS_UNITS.items() for alias in aliases}


def canonical_axis_unit(text: str) -> str:
    """Give the one spelling used for an axis unit; an unknown unit is kept as it is written.

    Example:
        >>> canonical_axis_unit("1/CM"), canonical_axis_unit("cm⁻¹"), canonical_axis_unit("furlong")
        ('cm-1', 'cm-1', 'furlong')
    """
    return _BY_ALIAS.get(text.strip().lower(), text.strip())


def make_spectra(
    intensity: npt.ArrayLike,
    axis: npt.ArrayLike,
    *,
    axis_unit: str,
    intensity_unit: str,
    metadata: Mapping[str, Sequence[str]] | None = None,
    where: str = "spectra",
) -> xr.Dataset:
    """Build a valid Spectra dataset; a strictly decreasing axis is turned round with its intensities.

    Args:
        intensity: n × d, or d for one spectrum; stored as float32.
        axis: d channel positions in `axis_unit`, strictly monotonic.
        axis_unit: For instance "cm-1" or "nm"; spellings are unified.
        intensity_unit: The quantity measured: "absorbance", "reflectance", "counts", … or "" if unknown.
        metadata: Column name to n texts; the columns of `METADATA` that are missing are filled with "".
        where: Place named in errors, usually the file.

    Raises:
        SpectraError: The numbers break the contract; the message names row and channel.
    """
    values, positions = as_stored(intensity, axis, where=where)
    n = values.shape[0]
    columns = {name: [""] * n for name in METADATA} | {k: list(v) for k, v in (metadata or {}).items()}
    coords: dict[str, Any] = {"axis": ("channel", positions, {"units": canonical_axis_unit(axis_unit)})}
    for name, column in columns.items():
        if len(column) != n:
            raise SpectraError(f"{where}, column {name}", f"{n} values", f"{len(column)}", "Give one a spectrum.")
        coords[name] = text_variable([str(v) for v in column])
    dataset = xr.Dataset(
        {"intensity": (("sample", "channel"), values, {"units": intensity_unit})},
        coords=coords,
    )
    return validate_spectra(dataset, where=where)


def as_stored(
    intensity: npt.ArrayLike, axis: npt.ArrayLike, *, where: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Give n × d intensities as float32 and d positions, both turned round if the axis decreases.

    Raises:
        SpectraError: An intensity is too large for float32.
    """
    values = np.atleast_2d(np.asarray(intensity, dtype=np.float64))
    positions = np.asarray(axis, dtype=np.float64)
    if positions.ndim == 1 and positions.size > 1 and positions[0] > positions[-1]:
        positions, values = positions[::-1], values[:, ::-1]
    largest = np.finfo(np.float32).max
    if np.isfinite(values).all() and np.abs(values).max(initial=0) > largest:
        raise SpectraError(where, f"intensities below {largest:.1e} (float32)", f"{np.abs(values).max():.3g}",
                           "Rescale the spectra before storing them.")  # fmt: skip
    return values.astype(np.float32), positions


def text_variable(texts: Sequence[str]) -> xr.Variable:
    """Make a metadata column; without a round trip through pandas, which takes longer than parsing a small file."""
    return xr.Variable("sample", np.array(texts, dtype=object), fastpath=True)


def validate_spectra(dataset: xr.Dataset, *, where: str) -> xr.Dataset:
    """Return the dataset if it keeps the contract, else say which place breaks it.

    Raises:
        SpectraError: A variable is missing or has other dims; the axis is not strictly increasing or not
            finite; an intensity is NaN or infinite (row and channel are named).
    """
    # .variables, since making a DataArray of each takes as long as parsing a small file
    if "intensity" not in dataset or dataset.variables["intensity"].dims != ("sample", "channel"):
        raise SpectraError(where, "a variable intensity[sample, channel]", f"variables {list(dataset.data_vars)}",
                           "Write the dataset with spectral_core.spectra.make_spectra.")  # fmt: skip
    missing = [name for name in ("axis", *METADATA) if name not in dataset.coords]
    if missing:
        raise SpectraError(where, "the coordinates of the Spectra contract", f"no {offenders(missing)}",
                           "Write the dataset with spectral_core.spectra.make_spectra.")  # fmt: skip
    axis = np.asarray(dataset.variables["axis"].values)
    check_axis(axis, where=where)
    check_finite(np.asarray(dataset.variables["intensity"].values), axis, where=where)
    return dataset


def check_axis(axis: npt.NDArray[np.float64], *, where: str) -> None:
    """Refuse an axis that is empty, not finite, or not strictly increasing; name the first channel."""
    if axis.ndim != 1 or axis.size == 0:
        raise SpectraError(f"{where}, axis", "at least one channel", f"shape {axis.shape}", "Check the file.")
    if not np.isfinite(axis).all():
        at = int(np.flatnonzero(~np.isfinite(axis))[0])
        raise SpectraError(f"{where}, axis, channel {at + 1}", "a finite number", f"{axis[at]}",
                           "Repair or remove the channel.")  # fmt: skip
    steps = np.diff(axis)
    if (steps <= 0).any():
        at = int(np.flatnonzero(steps <= 0)[0])
        what = "duplicated" if steps[at] == 0 else "not monotonic"
        raise SpectraError(f"{where}, axis, channel {at + 2}", "strictly monotonic positions",
                           f"{axis[at + 1]:g} after {axis[at]:g} ({what})",
                           "Sort the channels and remove duplicates.")  # fmt: skip


def check_finite(intensity: npt.NDArray[np.floating[Any]], axis: npt.NDArray[np.float64], *, where: str) -> None:
    """Refuse NaN and infinite intensities; name the first spectrum and channel and the total."""
    bad = ~np.isfinite(intensity)
    if bad.any():
        row, channel = (int(i) for i in np.argwhere(bad)[0])
        raise SpectraError(f"{where}, spectrum {row + 1}, axis {axis[channel]:g}", "a finite intensity",
                           f"{intensity[row, channel]} ({int(bad.sum())} such values in all)",
                           "Repair the file or leave the spectrum out.")  # fmt: skip
