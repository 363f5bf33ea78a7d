"""Thermo OMNIC SPA and SPG, read by spectrochempy-omnic once the places that the file's table names are checked.

Layout: a table of 16-byte lines from byte 304, each a key, the position and the length of a part of the file
(key 2 a header, 3 the intensities, 27 the history, 107 a title), as that library documents it.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.spectra import make_spectra

MAGIC, SERIES = b"Spectral Data File", b"Spectral Exte File"

_TABLE, _LINE, _COUNT = 304, 16, 294
_HEADER, _SPECTRUM, _TITLE = 2, 3, 107
_TEXT = 208
"""Where in a header its text starts."""
_LONGEST_TEXT = 64 * 2**10

Line = tuple[int, int, int]


def read_omnic(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectrum of an SPA file, or those of an SPG group; `acquired_at` is in UTC.

    Args:
        data: The file's content.
        axis_unit: Unit that the study declares; another one in the file is refused.
        intensity_unit: Quantity that the study declares, "" if none; another one in the file is refused.
        where: Place named in errors; its suffix `.spg` tells a group of one from a spectrum.

    Raises:
        ReadError: The file is damaged, a series (SRS) or an interferogram, or a group on several axes.
        SpectraError: The numbers break the Spectra contract; OMNIC writes NaN where a part was blanked.
    """
    if data.startswith(SERIES):
        raise ReadError(where, "a spectrum (SPA) or a group (SPG)", "a series (SRS)", "Export it as single spectra.")
    with vendor.needed("spectrochempy-omnic", what="OMNIC files", where=where):
        from spectrochempy_omnic.reader.read_omnic import OMNICReader, OMNICReaderError
    logging.getLogger("spectrochempy-omnic").setLevel(logging.ERROR)
    lines = _table(data, where)
    group = PurePosixPath(where.lower()).suffix == ".spg" or sum(key == _HEADER for key, _, _ in lines) > 1
    _check(data, lines, group, where)
    with vendor.damage_refused("an OMNIC file", where=where, also=(OMNICReaderError,)):
        # the library looks for the zero byte that ends a text beyond the end of the file
        read = OMNICReader(data + bytes(2), suffix=".spg" if group else ".spa")
        moments, titles = read.y_labels
    if read.x_title == "data points":
        raise ReadError(where, "a spectrum", "an interferogram", "Export the spectrum.")
    agree_axis_field(str(read.x_units or ""), axis_unit, where=f"{where}, X units")
    measured = agreed_quantity(str(read.title), intensity_unit, where=f"{where}, Y units")
    n = len(read.data)
    metadata = {
        "spectrum": _names(titles) if n > 1 else [""],
        "sample_name": [str(title).strip() for title in titles],
        "acquired_at": [moment.replace(tzinfo=None).isoformat() for moment in moments],
        vendor.METADATA_COLUMN: vendor.as_column(_stated(read), n),
    }
    return make_spectra(
        np.asarray(read.data, dtype=np.float64), read.x, axis_unit=axis_unit, intensity_unit=measured,
        metadata=metadata, where=where,
    )  # fmt: skip


def _table(data: bytes, where: str) -> list[Line]:
    """Give key, position and length of the lines that the library will follow."""
    vendor.refuse_beyond(_TABLE + _LINE, len(data), "its table", where=where)
    most = struct.unpack_from("<H", data, _COUNT)[0]
    lines: list[Line] = []
    for at in range(_TABLE, len(data) - _LINE, _LINE):
        key = data[at]
        if key in (0, 1) and len(lines) >= most:
            break
        lines.append((key, *struct.unpack_from("<II", data, at + 2)))
        if len(lines) >= max(most, 256):
            break
    return lines


def _check(data: bytes, lines: Sequence[Line], group: bool, where: str) -> None:
    most = struct.unpack_from("<H", data, _COUNT)[0]
    if group:
        vendor.refuse_beyond(_TABLE + most * _LINE, len(data), "its table", where=where)
        lines = lines[:most]
    else:
        ends = [i for i, (key, _, _) in enumerate(lines) if key in (0, 1)]
        lines = lines[: ends[0]] if ends else lines
    headers = [at for key, at, _ in lines if key == _HEADER]
    spectra = [(at, size) for key, at, size in lines if key == _SPECTRUM]
    titles = [at for key, at, _ in lines if key == _TITLE]
    named = len(titles) >= len(headers) or not group
    if not headers or len(spectra) < len(headers) or not named or (not group and len(headers) > 1):
        found = f"{len(headers)} headers, {len(spectra)} spectra, {len(titles)} titles"
        raise ReadError(f"{where}, table", "a header, a spectrum and a title each", found, vendor.ANEW)
    for title in titles if group else []:
        vendor.refuse_beyond(title + 260, len(data), "a title", where=where)
    for header, (at, size) in zip(headers, spectra, strict=False):
        vendor.refuse_beyond(header + _TEXT, len(data), "a header", where=where)
        _check_text(data, header + _TEXT, where)
        points = struct.unpack_from("<I", data, header + 4)[0]
        vendor.refuse_beyond(at + size, len(data), "its intensities", where=where)
        if points < 2 or size != 4 * points:
            raise ReadError(where, f"4 bytes for each of {points} points", f"{size} bytes", vendor.ANEW)


def _check_text(data: bytes, start: int, where: str) -> None:
    """Refuse a text without the zero byte that the library looks for in every second byte."""
    part = data[start : start + 2 * _LONGEST_TEXT : 2]
    if 0 not in part and start + 2 * _LONGEST_TEXT < len(data):
        raise ReadError(where, f"a text of at most {_LONGEST_TEXT} characters", "one without end", vendor.ANEW)


def _names(titles: Sequence[str]) -> list[str]:
    names = [str(title).strip() for title in titles]
    return names if all(names) and len(set(names)) == len(names) else [str(i + 1) for i in range(len(names))]


def _stated(read: Any) -> dict[str, Any]:
    names = ("original_name", "description", "collection_length", "optical_velocity", "laser_frequency")
    history = [text for _, text in read._history]
    stated = {name: getattr(read, name) for name in names if getattr(read, name) is not None}
    return {**stated, "history": "\n".join(map(str, history))}
