"""Galactic SPC (new format, little-endian), one or many spectra on one axis, read by spc-io once sizes are checked.

Header and subheader: Galactic's "Universal Data Format Specification" (SPC.H), 512 and 32 bytes.
"""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.stated import agree_axis_field, agreed_quantity, quantity
from spectral_core.spectra import make_spectra

HEADER, SUBHEADER, LOG_HEADER = 512, 32, 64

_FLOAT = -128
_NEW, _BIG_ENDIAN, _OLD = 0x4B, 0x4C, 0x4D
_AXES = {
    "XARB": "", "XWAVEN": "cm-1", "XUMETR": "um", "XNMETR": "nm", "XMUNITS": "m/z", "XPPM": "ppm", "XRAMANS": "cm-1",
    "XEV": "eV", "XDIODE": "channel", "XCHANL": "channel", "XPOINT": "channel",
}  # fmt: skip
_QUANTITIES = {
    "YARB": "arbitrary", "YABSRB": "absorbance", "YKMONK": "kubelka-munk", "YCOUNT": "counts", "YLOGDR": "log(1/R)",
    "YPERCNT": "percent", "YINTENS": "intensity", "YRELINT": "relative intensity", "YTRANS": "transmittance",
    "YREFLEC": "reflectance", "YEMISN": "emission",
}  # fmt: skip


def is_spc(data: bytes) -> bool:
    """Whether the content starts as an SPC file does: flags, a version, and in the new format zeros at its end.

    The old format (0x4D) has no mark but its version, the kinds of its axes and a date; text that happens to have
    an "M" there has not the bytes of a number of points.
    """
    if len(data) < 256:
        return False
    if data[1] in (_NEW, _BIG_ENDIAN):
        return len(data) >= HEADER + SUBHEADER and not any(data[465:HEADER]) and data[2] <= 14
    kinds, date = data[16:18], data[20:24]  # of axes; month, day, hour, minute
    dated = all(part <= most for part, most in zip(date, (12, 31, 23, 59), strict=True))
    return data[1] == _OLD and not data[0] & 0x80 and b"\x00" in data[2:32] and max(kinds) <= 30 and dated


def read_spc(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectra of an SPC file.

    Args:
        data: The file's content.
        axis_unit: Unit that the study declares; another one in the file is refused, "arbitrary" agrees with all.
        intensity_unit: Quantity that the study declares, "" if none; another one in the file is refused.
        where: Place named in errors.

    Returns:
        Spectra with source and date of the header; `z` and `w` are the positions of several spectra.

    Raises:
        ReadError: The file is damaged, in the old or the big-endian format, an interferogram, or has an axis for every
            spectrum.
        SpectraError: The numbers break the Spectra contract.
    """
    with vendor.needed("spc-io", what="Galactic SPC files", where=where):
        from spc_io.low_level.spc_raw import SpcRaw
    logging.getLogger("spc_io").setLevel(logging.ERROR)
    _check(data, where)
    with vendor.damage_refused("an SPC file", where=where):
        raw = SpcRaw.from_bytes_io(io.BytesIO(data))
        header = raw.main_header
        values = np.stack([_ordinates(sub, header) for sub in raw.subs])
        axis = _axis(raw)
        log = {"log": bytes(raw.log_book.txt)}
    if str(header.fytype) == "YIGRAM":
        raise ReadError(where, "a spectrum", "an interferogram", "Export the spectrum.")
    x_unit = _AXES.get(str(header.fxtype), str(header.fxtype))
    stated = _QUANTITIES.get(str(header.fytype), str(header.fytype))
    labels = bytes(header.fcatxt).decode("latin-1").split("\x00") if header.ftflgs.TALABS else [""]
    agree_axis_field(x_unit or labels[0], axis_unit, where=f"{where}, X units")
    if stated == "percent" and quantity(intensity_unit) in ("", "transmittance", "reflectance"):
        stated = ""  # of what, the file does not say
    measured = agreed_quantity(stated, intensity_unit, where=f"{where}, Y units")
    return make_spectra(
        values, axis, axis_unit=axis_unit, intensity_unit=measured, metadata=_metadata(header, raw.subs, stated, log),
        where=where,
    )  # fmt: skip


def _check(data: bytes, where: str) -> None:
    """Hold what the header declares against the bytes there are."""
    flags, version, exponent, points, subfiles = data[0], data[1], data[3], *struct.unpack_from("<I16xI", data, 4)
    if version != _NEW:
        found = {_OLD: "the old format (0x4D)", _BIG_ENDIAN: "the big-endian format (0x4C)"}.get(version, hex(version))
        raise ReadError(where, "SPC in the new little-endian format (0x4B)", found, "Export it as JCAMP-DX or text.")
    if flags & 0x40:
        raise ReadError(where, "one axis for all spectra", "an axis for every spectrum (TXYXYS)",
                        "Export every spectrum to a file of its own.")  # fmt: skip
    width = 4 if exponent == 0x80 or not flags & 0x01 else 2
    if not (points > 1 and subfiles > 0):
        raise ReadError(where, "spectra of two or more points", f"{subfiles} of {points} points", vendor.ANEW)
    axis = 4 * points if flags & 0x80 else 0
    end = HEADER + axis + subfiles * (SUBHEADER + width * points)
    vendor.refuse_beyond(end, len(data), "its spectra", where=where)
    vendor.refuse_beyond(8 * points * subfiles, vendor.LARGEST, "its spectra", where=where)
    log = struct.unpack_from("<I", data, 248)[0]
    if log:
        vendor.refuse_beyond(log + LOG_HEADER, len(data), "its log", where=where)
    if not log and len(data) != end:
        raise ReadError(where, f"{end} bytes, as it declares", f"{len(data)}", vendor.ANEW)
    if log and log != end:
        raise ReadError(f"{where}, log", f"it right after the spectra, at byte {end}", f"byte {log}", vendor.ANEW)


def _ordinates(sub: Any, header: Any) -> npt.NDArray[np.float64]:
    """Scale the integers of one spectrum; a file of one has its exponent in the header."""
    raw = np.ctypeslib.as_array(sub._yarray)
    if raw.dtype.kind == "f":
        return raw.astype(np.float64)
    exponent = int(sub.header.subexp if header.ftflgs.TMULTI else header.fexp)
    return np.ldexp(raw.astype(np.float64), exponent - 8 * raw.dtype.itemsize)


def _axis(raw: Any) -> npt.NDArray[np.float64]:
    header = raw.main_header
    if raw.xarray is not None:
        return np.asarray(raw.xarray, dtype=np.float64)
    return np.linspace(header.ffirst, header.flast, header.fnpts)


def _metadata(header: Any, subs: Sequence[Any], quantity: str, log: dict[str, bytes]) -> dict[str, list[str]]:
    n = len(subs)
    date = header.fdate
    try:
        moment = datetime(date.year, date.month, date.day, date.hour, date.min).isoformat()
    except ValueError:
        moment = ""
    stated = {
        "comment": bytes(header.fcmnt), "method": bytes(header.fmethod), "resolution": bytes(header.fres),
        "technique": str(header.fexper), "x_units": str(header.fxtype), "y_units": quantity,
        "concentration_factor": header.ffactor or "", **log,
    }  # fmt: skip
    metadata = {
        "spectrum": [str(i + 1) for i in range(n)] if n > 1 else [""],
        "instrument": [bytes(header.fsource).decode("latin-1").partition("\x00")[0].strip()] * n,
        "acquired_at": [moment] * n,
        vendor.METADATA_COLUMN: vendor.as_column(stated, n),
    }
    if n > 1:
        metadata["z"] = [f"{sub.header.subfirst:.9g}" for sub in subs]
    if header.fwplanes:
        metadata["w"] = [f"{sub.header.subwlevel:.9g}" for sub in subs]
    return metadata
