"""Numbers taken out of files by their bytes alone, after the public descriptions: no reader, no library of a format."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from tests.core.written_files import OMNIC_EPOCH

Floats = npt.NDArray[np.float64]

_HEADER, _SPECTRUM, _TITLE = 2, 3, 107
_DATASPACE, _DATATYPE, _LAYOUT, _CONTINUATION = 0x01, 0x03, 0x08, 0x10
_ENVI_FORMS = {1: "B", 2: "h", 3: "i", 4: "f", 5: "d", 12: "H", 13: "I"}


@dataclass(frozen=True)
class OmnicSpectrum:
    """One spectrum of an OMNIC file in the order of the file, mostly from high to low wavenumbers."""

    axis: Floats
    intensity: Floats
    title: str
    moment: datetime


def omnic_by_hand(data: bytes) -> list[OmnicSpectrum]:
    """Take spectra by the table at 304: 16 bytes a line, key, position at 2 and length at 6; the count is at 294.

    A header (key 2) has the points at 4 and the ends of the axis at 16; of a single spectrum title and time stand
    at 30 and 296, of a group in parts of their own (key 107), the time after 256 bytes.
    """
    (count,) = struct.unpack_from("<H", data, 294)
    lines = [(data[at], *struct.unpack_from("<2I", data, at + 2)) for at in range(304, 304 + 16 * count, 16)]
    headers, spectra, titles = ([line for line in lines if line[0] == key] for key in (_HEADER, _SPECTRUM, _TITLE))
    names = [at for _, at, _ in titles] or [30]
    found = []
    for (_, header, _), (_, start, length), name in zip(headers, spectra, names, strict=True):
        points, first, last = struct.unpack_from("<I8x2f", data, header + 4)
        values = struct.unpack_from(f"<{length // 4}f", data, start)
        axis = [first + (last - first) * i / (points - 1) for i in range(points)]
        title = data[name : name + 256].split(b"\x00")[0].decode("latin-1")
        (seconds,) = struct.unpack_from("<I", data, name + 256 if titles else 296)
        moment = OMNIC_EPOCH + timedelta(seconds=seconds)
        found.append(OmnicSpectrum(np.array(axis), np.array(values), title, moment))
    return found


def asd_by_hand(data: bytes) -> tuple[Floats, Floats, Floats]:
    """Take wavelengths, sample and reference of an ASD file; without a reference that is empty.

    First wavelength and step at 191, channels at 204, the form of the numbers at 199; the sample starts at 484. Behind
    it stand a flag of 2 bytes, two times of 8, the length of a description, the description, and the reference.
    """
    first, step = struct.unpack_from("<2f", data, 191)
    (channels,) = struct.unpack_from("<h", data, 204)
    letter = {0: "f", 1: "i", 2: "d"}[data[199]]
    form = f"<{channels}{letter}"
    sample = struct.unpack_from(form, data, 484)
    after = 484 + struct.calcsize(form)
    reference: tuple[float, ...] = ()
    if data[:3] != b"ASD" and any(data[after : after + 2]):
        (length,) = struct.unpack_from("<h", data, after + 18)
        reference = struct.unpack_from(form, data, after + 20 + length)
    axis = [first + step * i for i in range(channels)]
    return np.array(axis), np.array(sample, dtype=float), np.array(reference, dtype=float)


def envi_by_hand(header: str, numbers: bytes, line: int, sample: int) -> tuple[Floats, Floats]:
    """Take the wavelengths of a cube, and the spectrum of one pixel number by number from its place in the file."""
    fields = {name.lower(): text for name, text in re.findall(r"(?m)^([\w ]+?) *= *([^{\s]+) *\r?$", header)}
    (inside,) = re.findall(r"(?im)^wavelength *= *\{([^}]*)\}", header)
    lines, samples, bands = (int(fields[name]) for name in ("lines", "samples", "bands"))
    letter = "<>"[int(fields["byte order"])] + _ENVI_FORMS[int(fields["data type"])]
    place = {
        "bsq": lambda band: (band * lines + line) * samples + sample,
        "bil": lambda band: (line * bands + band) * samples + sample,
        "bip": lambda band: (line * samples + sample) * bands + band,
    }[fields["interleave"].lower()]
    start, width = int(fields.get("header offset", 0)), struct.calcsize(letter)
    values = [struct.unpack_from(letter, numbers, start + width * place(band))[0] for band in range(bands)]
    return np.array([float(text) for text in inside.split(",")]), np.array(values, dtype=float)


def mat73_by_hand(data: bytes) -> dict[str, Floats]:
    """Take the matrices of float64 out of a MATLAB 7.3 file by the HDF5 description, version 0 of the superblock.

    A superblock behind 512 bytes, the root group's tree of names, and the messages of each object: dataspace,
    datatype and layout. Numbers that lie in chunks are passed over. MATLAB stores columns first.
    """
    start = data.index(b"\x89HDF\r\n\x1a\n")
    file = data[start:]  # all addresses count from here
    _, root = struct.unpack_from("<2Q", file, 56)
    tree, heap = next(struct.unpack_from("<2Q", body) for kind, body in _messages(file, root) if kind == 0x11)
    (names,) = struct.unpack_from("<Q", file, heap + 24)
    found = {}
    for name, header in _symbols(file, tree):
        told = dict(_messages(file, header))
        numbers = _stored(file, told.get(_LAYOUT, b""))
        if numbers is not None and told[_DATATYPE][0] & 0x0F == 1 and told[_DATATYPE][4] == 8:
            rank = told[_DATASPACE][1]
            at = {1: 8, 2: 4}[told[_DATASPACE][0]]
            shape = struct.unpack_from(f"<{rank}Q", told[_DATASPACE], at)
            text = file[names + name : file.index(b"\x00", names + name)].decode()
            found[text] = np.array(struct.unpack(f"<{len(numbers) // 8}d", numbers)).reshape(shape).T
    return found


def _symbols(file: bytes, tree: int) -> Iterator[tuple[int, int]]:
    """Walk a tree of names: level 0 points to nodes of symbols, each with its name's place and its header's."""
    level, used = struct.unpack_from("<5xBH", file, tree)
    for i in range(used):
        (child,) = struct.unpack_from("<Q", file, tree + 32 + 16 * i)
        if level:
            yield from _symbols(file, child)
            continue
        (count,) = struct.unpack_from("<6xH", file, child)
        for entry in range(child + 8, child + 8 + 40 * count, 40):
            yield struct.unpack_from("<2Q", file, entry)


def _messages(file: bytes, header: int) -> Iterator[tuple[int, bytes]]:
    """Give the messages of an object, where they go on elsewhere too."""
    (size,) = struct.unpack_from("<I", file, header + 8)
    blocks = [(header + 16, size)]
    while blocks:
        at, left = blocks.pop(0)
        end = at + left
        while at + 8 <= end:
            kind, length = struct.unpack_from("<2H", file, at)
            body = file[at + 8 : at + 8 + length]
            at += 8 + length
            if kind == _CONTINUATION:
                blocks.append(struct.unpack_from("<2Q", body))
            else:
                yield kind, body


def _stored(file: bytes, layout: bytes) -> bytes | None:
    """Give the numbers of a layout of version 3: in the message itself, or in one piece elsewhere."""
    if layout[:2] == b"\x03\x00":
        (size,) = struct.unpack_from("<H", layout, 2)
        return layout[4 : 4 + size]
    if layout[:2] == b"\x03\x01":
        address, size = struct.unpack_from("<2Q", layout, 2)
        return file[address : address + size]
    return None
