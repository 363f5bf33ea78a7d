"""ENVI cubes and spectral libraries: a text header beside a file of raw numbers, decoded here.

Header: "ENVI Header Files" of NV5 Geospatial. The library spectral is the second reader in the tests; it reads
paths only, and a source must be what was hashed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.readers.text import decode_text, split_lines
from spectral_core.spectra import make_spectra

SUFFIXES = ("", ".img", ".dat", ".sli", ".raw", ".bin", ".bil", ".bip", ".bsq", ".hyspex", ".cube")
"""What the name of the numbers ends with, where that of the header ends with `.hdr`."""

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*ENVI\s*[\r\n]")
_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_ORDERS = {"bsq": (1, 2, 0), "bil": (0, 2, 1), "bip": (0, 1, 2)}
_UNITS = {"nanometers": "nm", "micrometers": "um", "wavenumber": "cm-1", "index": "channel", "unknown": ""}
_LONGEST_HEADER = 64 * 2**20


class AwaitedError(ReadError):
    """A part of the source is missing that may still come: another file, or the rest of this one."""


def is_envi(data: bytes) -> bool:
    """Whether the content is an ENVI header."""
    return _START.match(data[:64]) is not None


def numbers_of(header: Path) -> Path | None:
    """Find the file of numbers beside a header; None if there is none."""
    stem = header.with_suffix("")
    names = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    names += [stem.with_name(stem.name + suffix.upper()) for suffix in SUFFIXES[1:]]
    return next((path for path in names if path.is_file()), None)


def header_names(numbers: Path) -> tuple[str, str]:
    """Name the headers that a file of numbers may have.

    Example:
        >>> header_names(Path("a/cube.img"))
        ('cube.hdr', 'cube.img.hdr')
    """
    return f"{numbers.stem}.hdr", f"{numbers.name}.hdr"


def header_of(path: Path) -> Path | None:
    """Find the ENVI header beside a file of numbers; None if the file is none."""
    if path.suffix.lower() not in SUFFIXES:
        return None
    for header in map(path.with_name, header_names(path)):
        if header.is_file() and _starts_envi(header) and numbers_of(header) == path:
            return header
    return None


def _starts_envi(header: Path) -> bool:
    with header.open("rb") as file:
        return is_envi(file.read(64))


def refuse_lone_header(where: str) -> NoReturn:
    """Refuse a header whose numbers are not there."""
    raise AwaitedError(
        where, "the numbers of an ENVI cube beside its header", "none", "Copy them into the same folder."
    )


def refuse_lone_numbers(data: bytes, where: str) -> None:
    """Refuse content that may be the numbers of a cube by its name, and is no text.

    Raises:
        AwaitedError: As said; the header is missing.
    """
    if PurePosixPath(where.lower()).suffix in SUFFIXES:
        try:
            decode_text(data, where=where)
        except ReadError as error:
            raise AwaitedError(
                where, "text, a known binary format, or numbers with an ENVI header beside them", error.found,
                "If they are numbers of a cube, copy its header (.hdr) into the same folder; else remove the file.",
            ) from None  # fmt: skip


def read_envi(entries: Mapping[str, bytes], *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read an ENVI cube: one spectrum a pixel, with columns `x` (sample) and `y` (line), counted from 0.

    Pixels that hold the header's `data ignore value` in every band are left out. Numbers are divided by the
    header's `reflectance scale factor`, as it says. A spectral library gives its spectra by their names.

    Args:
        entries: Contents of header and numbers, by name.
        axis_unit: Unit that the study declares; other `wavelength units` are refused.
        intensity_unit: Quantity that the study declares, "" if none. The header states none, but a scale factor
            states reflectance.
        where: Place named in errors.

    Raises:
        ReadError: The header is damaged or lacks a field, its sizes are not those of the numbers, or there are
            no wavelengths.
        AwaitedError: Header or numbers are cut off, as while they are being written.
        SpectraError: The numbers break the Spectra contract.
    """
    header, numbers = _parts(entries, where)
    fields = _fields(header, where)
    cube = _cube(fields, numbers, where)
    library = fields.get("file type", "").lower() == "envi spectral library"
    positions = _list(fields, "wavelength")
    bands = cube.shape[1] if library else cube.shape[2]
    if len(positions) != bands:
        raise ReadError(f"{where}, wavelength", f"{bands} positions", f"{len(positions)}", "Repair the header.")
    try:
        axis = np.array([float(text) for text in positions])
    except ValueError:
        raise ReadError(f"{where}, wavelength", "numbers", repr(positions[0]), "Repair the header.") from None
    scale = _number(fields, "reflectance scale factor", where, 1.0)
    agree_axis_field(_units(fields), axis_unit, where=f"{where}, wavelength units")
    stated = "reflectance" if "reflectance scale factor" in fields else ""
    values, metadata = _spectra(cube.astype(np.float64), fields, library, where)
    metadata |= {
        "instrument": [fields.get("sensor type", "")] * len(values),
        "acquired_at": [vendor.moment(fields.get("acquisition time", "").strip("Z"))] * len(values),
        vendor.METADATA_COLUMN: vendor.as_column(fields, len(values)),
    }
    order = np.argsort(axis)  # bands of two detectors may overlap
    return make_spectra(
        (values / scale)[:, order], axis[order], axis_unit=axis_unit,
        intensity_unit=agreed_quantity(stated, intensity_unit, where=where), metadata=metadata, where=where,
    )  # fmt: skip


def _parts(entries: Mapping[str, bytes], where: str) -> tuple[bytes, bytes]:
    headers = [name for name, data in entries.items() if is_envi(data)]
    others = [name for name in entries if name not in headers]
    if len(headers) != 1 or len(others) != 1 or len(entries[headers[0]]) > _LONGEST_HEADER:
        raise ReadError(where, "an ENVI header and the file of its numbers", f"{sorted(entries)[:4]}",
                        "Put both into one folder, named alike (cube.hdr, cube.img).")  # fmt: skip
    return entries[headers[0]], entries[others[0]]


def _fields(header: bytes, where: str) -> dict[str, str]:
    """Part the header into fields; texts in braces may run over lines."""
    fields: dict[str, str] = {}
    name = ""
    lines = split_lines(decode_text(header, where=where))
    for number, line in enumerate(lines[1:], start=2):
        if name:
            fields[name] += f" {line.strip()}"
        elif "=" in line and not line.lstrip().startswith(";"):
            name, _, text = line.partition("=")
            name = name.strip().lower()
            fields[name] = text.strip()
        else:
            continue
        if not fields[name].startswith("{") or fields[name].endswith("}"):
            name = ""
        if len(fields) > 10_000:
            raise ReadError(f"{where}, row {number}", "at most 10,000 fields", "more", vendor.ANEW)
    if name:
        raise AwaitedError(f"{where}, {name}", "a closing brace", "none", "The header is cut off; export it anew.")
    return fields


def _number(fields: Mapping[str, str], name: str, where: str, default: float | None = None) -> float:
    try:
        value = float(fields[name]) if default is None or name in fields else default
    except (KeyError, ValueError):
        value = float("nan")
    if not np.isfinite(value) or (name == "reflectance scale factor" and value <= 0):
        raise ReadError(f"{where}, {name}", "a number", repr(fields.get(name, "nothing")), "Repair the header.")
    return value


def _list(fields: Mapping[str, str], name: str) -> list[str]:
    inner = fields.get(name, "").strip("{} ")
    return [text.strip() for text in inner.split(",")] if inner else []


def _units(fields: Mapping[str, str]) -> str:
    text = fields.get("wavelength units", "")
    return _UNITS.get(text.lower(), text)


def _cube(fields: Mapping[str, str], numbers: bytes, where: str) -> npt.NDArray[np.generic]:
    """Give the numbers as lines × samples × bands, after their bytes were counted."""
    named = ("lines", "samples", "bands", "data type", "byte order")
    lines, samples, bands, kind, order = (int(_number(fields, name, where)) for name in named)
    offset = int(_number(fields, "header offset", where, 0))
    interleave = fields.get("interleave", "").lower()
    if kind not in _TYPES or order not in (0, 1) or interleave not in _ORDERS:
        found = f"type {kind}, order {order}, {interleave!r}"
        raise ReadError(where, "real numbers as bsq, bil or bip", found, "Export the cube anew.")
    if min(lines, samples, bands) < 1 or offset < 0:
        found = f"{lines} × {samples} × {bands} after {offset} bytes"
        raise ReadError(where, "lines, samples and bands above 0", found, "Repair the header.")
    form = np.dtype("<>"[order] + _TYPES[kind])
    count = lines * samples * bands
    vendor.refuse_beyond(8 * count, vendor.LARGEST, "the cube", where=where)
    if offset + count * form.itemsize != len(numbers):
        found = f"{len(numbers)}"
        expected = f"{offset + count * form.itemsize} bytes of numbers, as the header says"
        fault = AwaitedError if offset + count * form.itemsize > len(numbers) else ReadError
        raise fault(where, expected, found, "The cube is cut off or still being written; copy it anew.")
    flat = np.frombuffer(numbers, form, count, offset)
    shape = {"bsq": (bands, lines, samples), "bil": (lines, bands, samples), "bip": (lines, samples, bands)}
    cube = flat.reshape(shape[interleave]).transpose(_ORDERS[interleave])
    return cube[:, :, 0] if fields.get("file type", "").lower() == "envi spectral library" and bands == 1 else cube


def _spectra(
    cube: npt.NDArray[np.float64], fields: Mapping[str, str], library: bool, where: str
) -> tuple[npt.NDArray[np.float64], dict[str, list[str]]]:
    if library:
        names = _list(fields, "spectra names") or [str(i + 1) for i in range(len(cube))]
        if len(names) != len(cube):
            raise ReadError(f"{where}, spectra names", f"{len(cube)} names", f"{len(names)}", "Repair the header.")
        unique = len(set(names)) == len(names)
        return cube, {"spectrum": names if unique else [str(i + 1) for i in range(len(names))]}
    samples = cube.shape[1]
    flat = cube.reshape(-1, cube.shape[2])
    kept = np.arange(len(flat))
    if "data ignore value" in fields:
        kept = np.flatnonzero((flat != _number(fields, "data ignore value", where)).any(axis=1))
    if kept.size == 0:
        raise ReadError(where, "pixels with data", "none", "Keep the cube out of this study.")
    y, x = np.divmod(kept, samples)
    metadata = {"x": x.astype(str).tolist(), "y": y.astype(str).tolist()}
    return flat[kept], {**metadata, "spectrum": [f"{row},{column}" for row, column in zip(y, x, strict=True)]}
