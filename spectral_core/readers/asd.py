"""ASD (FieldSpec, LabSpec, HandHeld) binary files, decoded here after "ASD File Format version 8, revision B".

The library pyASDReader is the second reader in the tests. It is not used here: importing it writes a log file
into the current folder, it reads paths only, and it logs damage instead of raising it.
"""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.stated import agree_axis_field, agreed_quantity, quantity
from spectral_core.spectra import make_spectra

VERSIONS = (b"ASD", b"as2", b"as3", b"as4", b"as5", b"as6", b"as7", b"as8")
HEADER = 484

_KINDS = {0: "counts", 1: "reflectance", 2: "radiance", 3: "unknown", 4: "irradiance", 5: "quality index",
          6: "transmittance", 7: "unknown", 8: "absolute reflectance"}  # fmt: skip
_FORMATS = {0: "<f4", 1: "<i4", 2: "<f8"}
_INSTRUMENTS = {1: "PSII", 2: "LSVNIR", 3: "FSVNIR", 4: "FieldSpec FR", 5: "FSNIR", 6: "CHEM", 7: "LabSpec Pro",
                10: "HandHeld"}  # fmt: skip
_DIVIDED = ("reflectance", "transmittance")

Floats = npt.NDArray[np.float64]


def is_asd(data: bytes) -> bool:
    """Whether the content is an ASD file: its version, and a data type and format that exist."""
    return len(data) > HEADER and data[:3] in VERSIONS and data[186] in _KINDS and data[199] in _FORMATS


def read_asd(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectrum of an ASD file.

    A reflectance or transmittance file holds the counts of sample and reference, and their ratio is given. A
    study that declares "counts" gets the sample's counts of any file.

    Args:
        data: The file's content.
        axis_unit: Unit that the study declares; the axis is in nm.
        intensity_unit: Quantity that the study declares, "" if none; another one in the file is refused.
        where: Place named in errors.

    Raises:
        ReadError: The file is damaged, is of another quantity, or needs calibration files (radiance,
            irradiance, absolute reflectance), which are not applied.
        SpectraError: The numbers break the contract, as where the reference is 0.
    """
    vendor.refuse_beyond(HEADER, len(data), "a header", where=where)
    kind = _KINDS.get(data[186], "unknown")
    first, step, form = *struct.unpack_from("<2f", data, 191), _FORMATS.get(data[199], "")
    channels = struct.unpack_from("<h", data, 204)[0]
    if not form or channels < 2 or not step > 0:
        found = f"{channels} channels, step {step:g}, format {data[199]}"
        raise ReadError(where, "channels of ascending wavelength in a known format", found, vendor.ANEW)
    measured, end = _array(data, HEADER, channels, form, where)
    wanted = quantity(intensity_unit) or intensity_unit.strip()
    if wanted == "counts":
        kind = wanted
    if kind in _DIVIDED:
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = measured / _reference(data, end, channels, form, where)
    elif kind != "counts":
        raise ReadError(where, "counts, reflectance or transmittance", kind,
                        "Set reading.intensity_unit to counts, or export it as text.")  # fmt: skip
    agree_axis_field("nm", axis_unit, where=f"{where}, wavelengths")
    instrument = f"{_INSTRUMENTS.get(data[431], '')} {struct.unpack_from('<H', data, 400)[0]}".strip()
    metadata = {
        "spectrum": [""], "instrument": [instrument], "acquired_at": [_moment(data)],
        vendor.METADATA_COLUMN: vendor.as_column(_stated(data)),
    }  # fmt: skip
    return make_spectra(
        measured, first + step * np.arange(channels), axis_unit=axis_unit,
        intensity_unit=agreed_quantity(kind, intensity_unit, where=where), metadata=metadata, where=where,
    )  # fmt: skip


def _array(data: bytes, at: int, channels: int, form: str, where: str) -> tuple[Floats, int]:
    end = at + channels * np.dtype(form).itemsize
    vendor.refuse_beyond(end, len(data), "its channels", where=where)
    return np.frombuffer(data, form, channels, at).astype(np.float64), end


def _reference(data: bytes, at: int, channels: int, form: str, where: str) -> Floats:
    """Read the reference behind a flag, two times and a description that starts with its length."""
    vendor.refuse_beyond(at + 20, len(data), "a reference", where=where)
    if data[:3] == b"ASD" or not any(data[at : at + 2]):
        raise ReadError(where, "a reference in a file of reflectance", "none", "Set reading.intensity_unit to counts.")
    length = struct.unpack_from("<h", data, at + 18)[0]
    if length < 0:
        raise ReadError(where, "the length of a description", f"{length}", vendor.ANEW)
    return _array(data, at + 20 + length, channels, form, where)[0]


def _moment(data: bytes) -> str:
    """Give `struct tm` (second, minute, hour, day, month from 0, year from 1900) as ISO 8601 in local time."""
    second, minute, hour, day, month, year = struct.unpack_from("<6h", data, 160)
    try:
        return datetime(1900 + year, month + 1, day, hour, minute, second).isoformat()
    except ValueError:
        return ""


def _stated(data: bytes) -> dict[str, Any]:
    return {
        "version": data[:3], "comment": data[3:160], "data_type": _KINDS.get(data[186], ""),
        "integration_time_ms": struct.unpack_from("<L", data, 390)[0], "dark_corrected": bool(data[181]),
        "fore_optic": struct.unpack_from("<h", data, 394)[0],
        "dark_scans": struct.unpack_from("<H", data, 425)[0],
        "reference_scans": struct.unpack_from("<H", data, 427)[0],
        "sample_scans": struct.unpack_from("<H", data, 429)[0],
        "swir1_gain": struct.unpack_from("<H", data, 436)[0], "swir2_gain": struct.unpack_from("<H", data, 438)[0],
        "splice1_nm": struct.unpack_from("<f", data, 444)[0], "splice2_nm": struct.unpack_from("<f", data, 448)[0],
    }  # fmt: skip
