"""Arrays by name, as npz and MATLAB files hold them: which is the axis, which the spectra, which a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError, offenders
from spectral_core.readers import vendor
from spectral_core.readers.columns import column_name
from spectral_core.readers.stated import agree_axis_field, agreed_quantity, axis_units, quantity
from spectral_core.spectra import make_spectra

_AXES = ("axis", "wavenumber", "wavenumbers", "wavelength", "wavelengths", "raman_shift", "ramanshift", "lambda",
         "shift", "wn", "wl", "nm", "x_axis", "xaxis")  # fmt: skip
_SPECTRA = ("intensity", "intensities", "x", "spectra", "data", "y", "absorbance", "reflectance", "transmittance",
            "counts")  # fmt: skip
_UNITS = {"axis": ("axis_unit", "axis_units", "x_unit", "xunit"),
          "intensity": ("intensity_unit", "intensity_units", "y_unit", "yunit", "quantity")}  # fmt: skip
_REMEDY = "Save the spectra as `intensity` (n × d), positions as `axis` (d) and `axis_unit`; one array each."


def read_arrays(arrays: Mapping[str, Any], *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Make spectra of named arrays: `intensity` n × d (or `X`, `spectra`, …), `axis` d, and columns of n texts.

    Where n = d the rows are spectra only if the array is called `intensity` or `X`; else it is refused.

    Args:
        arrays: Name to numpy array.
        axis_unit: Unit that the study declares; a text `axis_unit` or a name such as `wavelength` may differ.
        intensity_unit: Quantity that the study declares, "" if none; a text `intensity_unit` or the array's name
            (`absorbance`) may differ.
        where: Place named in errors.

    Raises:
        ReadError: There is no axis or there are no spectra, several fit, or a unit differs.
        SpectraError: The numbers break the Spectra contract.
    """
    low = {name.lower(): name for name in arrays}
    numeric = {name: np.asarray(a) for name, a in arrays.items() if np.asarray(a).dtype.kind in "fiu"}
    axis_name = _one([low[n] for n in _AXES if n in low and low[n] in numeric], "axis", arrays, where)
    axis = numeric[axis_name].astype(np.float64).squeeze()
    if axis.ndim != 1 or axis.size < 2:
        raise ReadError(f"{where}, {axis_name}", "two or more positions", f"shape {numeric[axis_name].shape}", _REMEDY)
    fitting = [n for n, a in numeric.items() if n != axis_name and axis.size in a.shape and a.ndim <= 2]
    named = [name for name in fitting if name.lower() in _SPECTRA]
    name = _one(named or fitting, "spectra", arrays, where)
    vendor.refuse_beyond(8 * numeric[name].size, vendor.LARGEST, "the spectra", where=f"{where}, {name}")
    values = _as_rows(numeric[name].astype(np.float64), axis.size, name, where)
    agree_axis_field(_stated(arrays, low, "axis") or _heading(axis_name), axis_unit, where=f"{where}, {axis_name}")
    stated = _stated(arrays, low, "intensity") or quantity(name)
    texts = {n: _texts(a, len(values)) for n, a in arrays.items() if n not in (name, axis_name)}
    metadata = {column_name(n): column for n, column in texts.items() if column is not None}
    metadata.setdefault("spectrum", [str(i + 1) for i in range(len(values))] if len(values) > 1 else [""])
    return make_spectra(
        values, axis, axis_unit=axis_unit, metadata=metadata, where=where,
        intensity_unit=agreed_quantity(stated, intensity_unit, where=f"{where}, {name}"),
    )  # fmt: skip


def _one(names: list[str], what: str, arrays: Mapping[str, Any], where: str) -> str:
    if len(names) != 1:
        shapes = [f"{name} {np.shape(array)}" for name, array in arrays.items()]
        found = offenders(names or shapes, most=6) or "no array of numbers or texts"
        raise ReadError(where, f"one array of {what}", found, _REMEDY)
    return names[0]


def _as_rows(values: npt.NDArray[np.float64], d: int, name: str, where: str) -> npt.NDArray[np.float64]:
    values = np.atleast_2d(values)
    if values.shape == (d, d) and name.lower() not in ("intensity", "x"):
        raise ReadError(f"{where}, {name}", "spectra in rows or in columns", f"{d} × {d}, which may be either", _REMEDY)
    return values if values.shape[1] == d else values.T


def _stated(arrays: Mapping[str, Any], low: Mapping[str, str], what: str) -> str:
    found = [np.asarray(arrays[low[name]]) for name in _UNITS[what] if name in low]
    texts = [str(array.reshape(-1)[0]).strip() for array in found if array.dtype.kind in "US" and array.size == 1]
    return texts[0] if texts else ""


def _heading(name: str) -> str:
    """Give the name of an axis where it says something of the unit ("nm", "wavelength")."""
    return name if axis_units(name) and name.lower() != "axis" else ""


def _texts(array: Any, n: int) -> list[str] | None:
    """Give an array of n texts or numbers as a column; None for anything else."""
    values = np.asarray(array)
    flat = values.reshape(-1)
    if flat.size != n or values.ndim > 2 or values.dtype.kind not in "USfiub":
        return None
    if values.dtype.kind == "S":
        return [value.decode("utf-8", "replace").strip() for value in flat.tolist()]
    if values.dtype.kind == "f":
        return ["" if np.isnan(value) else f"{value:.15g}" for value in flat.tolist()]
    return [str(value).strip() for value in flat.tolist()]
