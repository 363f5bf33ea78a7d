"""Renishaw WDF: single spectra, series and maps, read by Renishaw's own library once the blocks are checked."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.spectra import make_spectra

MAGIC = b"WDF1"

_HEADER, _BLOCK, _ORIGIN = 512, 16, 24
_MOST_BLOCKS = 10_000
_LONGEST_PROPERTIES = 256 * 2**10
"""Properties may be compressed a thousandfold; longer ones are passed over."""

_AXES = {"RamanShift": "cm-1", "Wavenumber": "cm-1", "Nanometre": "nm", "ElectronVolt": "eV", "Micron": "um",
         "Pixels": "channel", "Arbitrary": ""}  # fmt: skip
_QUANTITIES = {"Arbitrary": "", "Counts": "counts", "Electrons": "electrons", "Intensity": "", "RelativeIntensity": ""}
_PLACES = {"Spatial_X": "x", "Spatial_Y": "y", "Spatial_Z": "z", "Temperature": "temperature", "Pressure": "pressure",
           "ElapsedTime": "elapsed_time", "FocusTrack": "focus_track", "ExposureTime": "exposure_time"}  # fmt: skip

Blocks = Mapping[bytes, tuple[int, int]]
"""Name of each kind of block to offset and bytes of the first of it."""


def read_wdf(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectra of a WDF file; of a map or series one spectrum a point, with columns `x`, `y`, `z`, ….

    Columns of positions are in the unit that the file states (mostly µm); `acquired_at` is in UTC. Spectra
    that were not collected when a measurement was stopped are left out.

    Args:
        data: The file's content.
        axis_unit: Unit that the study declares; another one in the file is refused, "arbitrary" agrees with all.
        intensity_unit: Quantity that the study declares, "" if none; another one in the file is refused.
        where: Place named in errors.

    Raises:
        ReadError: The file is damaged, states no quantity as that of its intensities, or has an axis for every
            spectrum.
        SpectraError: The numbers break the Spectra contract.
    """
    with vendor.needed("renishaw-wdf", what="Renishaw WDF files", where=where):
        import wdf

        library: Any = wdf
    blocks = _blocks(data, where)
    with vendor.damage_refused("a WDF file", where=where):
        file = library.Wdf()
        file.open_fd(io.BytesIO(data))
        header = file.hdr
        _check(header, blocks, data, where)
        axis = file.xlist()
        unit, kind = _AXES.get(axis.units.name, axis.units.name), header.units.name
        metadata = _metadata(library.Pset, file, blocks, data)
    agree_axis_field(unit, axis_unit, where=f"{where}, X list")
    if kind in _AXES and kind not in _QUANTITIES:
        raise ReadError(f"{where}, units of the intensities", "a quantity such as counts", f"{kind}, an axis",
                        "The file is mislabelled; export it anew from WiRE.")  # fmt: skip
    measured = agreed_quantity(_QUANTITIES.get(kind, kind), intensity_unit, where=f"{where}, units of the intensities")
    return make_spectra(
        _intensities(data, blocks, header), np.asarray(axis, dtype=np.float64), axis_unit=axis_unit,
        intensity_unit=measured, metadata=metadata, where=where,
    )  # fmt: skip


def _blocks(data: bytes, where: str) -> Blocks:
    """List the blocks of the file; a block without length would keep the library for ever."""
    blocks: dict[bytes, tuple[int, int]] = {}
    at = number = 0
    vendor.refuse_beyond(_HEADER, len(data), "a header", where=where)
    while at + _BLOCK <= len(data) and number < _MOST_BLOCKS:
        name, size = data[at : at + 4], struct.unpack_from("<Q", data, at + 8)[0]
        least = _HEADER if at == 0 else _BLOCK
        if size < least or at + size > len(data):
            raise ReadError(
                f"{where}, block {number + 1}", f"{least} to {len(data) - at} bytes", f"{size}", vendor.ANEW
            )
        blocks.setdefault(name, (at, size))
        at, number = at + size, number + 1
    missing = [name.decode() for name in (b"DATA", b"XLST") if name not in blocks]
    if missing:
        raise ReadError(where, "blocks DATA and XLST", f"no {missing[0]}", vendor.ANEW)
    return blocks


def _check(header: Any, blocks: Blocks, data: bytes, where: str) -> None:
    """Hold the numbers of the header against the lengths of the blocks."""
    n, points = header.ncollected, header.npoints
    if not (0 < n <= header.nspectra and points > 1 and header.xlistcount == points):
        found = f"{n} of {header.nspectra} spectra of {points} points on {header.xlistcount} positions"
        raise ReadError(where, "spectra of two or more points, each with its position", found, vendor.ANEW)
    if header.flags_ & 0x9:
        raise ReadError(where, "one axis for all spectra", "an axis for every spectrum",
                        "Export every spectrum to a file of its own.")  # fmt: skip
    vendor.refuse_beyond(4 * n * points, blocks[b"DATA"][1] - _BLOCK, "its spectra", where=where)
    vendor.refuse_beyond(8 * n * points, vendor.LARGEST, "its spectra", where=where)
    vendor.refuse_beyond(4 * points, blocks[b"XLST"][1] - _BLOCK - 8, "its axis", where=where)
    if b"ORGN" in blocks:
        at, size = blocks[b"ORGN"]
        vendor.refuse_beyond(_BLOCK + 4, size, "the number of origins", where=where)
        count = struct.unpack_from("<I", data, at + _BLOCK)[0]
        vendor.refuse_beyond(_BLOCK + 4 + count * (_ORIGIN + 8 * header.nspectra), size, "its origins", where=where)


def _intensities(data: bytes, blocks: Blocks, header: Any) -> npt.NDArray[np.float64]:
    # the library would give one Python number an intensity
    values = np.frombuffer(data, "<f4", header.ncollected * header.npoints, blocks[b"DATA"][0] + _BLOCK)
    return values.reshape(header.ncollected, header.npoints).astype(np.float64)


def _metadata(property_set: Any, file: Any, blocks: Blocks, data: bytes) -> dict[str, list[str]]:
    header = file.hdr
    n = header.ncollected
    stated: dict[str, Any] = {
        "title": header.title, "user": header.user, "application": f"{header.appname} {header.appversion}",
        "accumulations": header.naccum, "laser_wavenumber": header.laser_wavenumber,
        "type": header.type_, "scan_type": header.scantype_,
    }  # fmt: skip
    metadata = {
        "spectrum": [str(i + 1) for i in range(n)] if n > 1 else [""],
        "acquired_at": [_moment(header.time_start) if header.time_start_ else ""] * n,
    }
    if b"TEXT" in blocks and blocks[b"TEXT"][1] < _LONGEST_PROPERTIES:
        stated["comment"] = file.comment()
    if b"ORGN" in blocks:
        for kind, origin in file.origins.items():
            if kind.name in _PLACES:
                metadata[_PLACES[kind.name]] = [f"{value:.9g}" for value in origin[:n]]
                stated[f"unit of {_PLACES[kind.name]}"] = origin.dataunit.name
            elif kind.name == "Time" and origin.dataunit.name == "FileTime":
                metadata["acquired_at"] = [_moment(value) for value in origin[:n]]
    instrument = _properties(property_set, file, blocks, data, b"WXIS")
    stated.update(_properties(property_set, file, blocks, data, b"WXDA"))
    stated.update({f"instrument {name}": value for name, value in instrument.items()})
    serial = instrument.get("Serial Numbers Instrument", "")
    metadata["instrument"] = [f"Renishaw {serial}" if serial else ""] * n
    metadata[vendor.METADATA_COLUMN] = vendor.as_column(stated, n)
    return metadata


def _properties(property_set: Any, file: Any, blocks: Blocks, data: bytes, name: bytes) -> dict[str, Any]:
    """Read the property set of a block, sets within it by their names joined."""
    from wdf.pset import PsetParseError

    at, size = blocks.get(name, (0, 0))
    if not _BLOCK + 8 < size < _LONGEST_PROPERTIES:
        return {}
    try:
        with vendor.damage_refused("properties", where="", also=(zlib.error, PsetParseError)):
            return _flat(property_set.fromstream(io.BytesIO(data[at + _BLOCK : at + size])), "")
    except ReadError:
        # what is damaged there is no part of the spectra
        return {}


def _flat(properties: Any, prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, item in properties or ():
        value = item.value
        if hasattr(value, "items") and hasattr(value, "names"):
            flat.update(_flat(value, f"{prefix}{name} "))
        elif not isinstance(value, bytes | tuple):
            flat[f"{prefix}{name}"] = value
    return flat


def _moment(moment: datetime) -> str:
    return moment.replace(tzinfo=None, microsecond=0).isoformat()
