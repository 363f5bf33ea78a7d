"""Vendor files written byte by byte from the public descriptions of their formats, for tests that need no real ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FILETIME_EPOCH = datetime(1601, 1, 1)
OMNIC_EPOCH = datetime(1899, 12, 31)


def opus_parameters(values: Mapping[str, int | float | str]) -> bytes:
    """A parameter block: three letters, type, length in 16-bit words, value; `END` closes it."""
    block = b""
    for name, value in values.items():
        if isinstance(value, int):
            kind, raw = 0, struct.pack("<i", value)
        elif isinstance(value, float):
            kind, raw = 1, struct.pack("<d", value)
        else:
            raw = value.encode("latin-1") + b"\x00"
            kind, raw = 2, raw + bytes(-len(raw) % 2)
        block += name.encode() + b"\x00" + struct.pack("<2h", kind, len(raw) // 2) + raw
    block += b"END\x00" + bytes(4)
    return block + bytes(-len(block) % 4)


def opus_type(*parts: int) -> int:
    """The type of a block: six numbers in 2, 2, 6, 7, 2 and 3 bits, the first lowest."""
    code, shift = 0, 0
    for part, width in zip(parts, (2, 2, 6, 7, 2, 3), strict=True):
        code |= part << shift
        shift += width
    return code


def opus_status(y: Floats, first: float, last: float, **others: int | float | str) -> bytes:
    """The parameters of a spectrum: number of points, ends of the axis, scale, extremes, date, unit."""
    told: dict[str, int | float | str] = {
        "DPF": 1, "NPT": len(y), "FXV": first, "LXV": last, "CSF": 1.0, "MXY": float(y.max()), "MNY": float(y.min()),
        "DAT": "31/01/2026", "TIM": "09:30:15.250 (GMT+1)", "DXU": "WN",
    }  # fmt: skip
    return opus_parameters({**told, **others})


def opus_file(blocks: Sequence[tuple[tuple[int, ...], bytes]]) -> bytes:
    """Header, directory of 40 entries at byte 24, then the blocks."""
    start, most = 24, 40
    at = start + 12 * most
    entries = [struct.pack("<3i", opus_type(0, 0, 0, 13, 0, 0), 3 * most, start)]
    for kind, block in blocks:
        entries.append(struct.pack("<3i", opus_type(*kind), len(block) // 4, at))
        at += len(block)
    directory = b"".join(entries).ljust(12 * most, b"\x00")
    header = b"\x0a\x0a\xfe\xfe" + struct.pack("<d3i", 920622.0, start, most, len(entries))
    return header + directory + b"".join(block for _, block in blocks)


def spc_file(
    spectra: Floats, *, first: float, last: float, axis: Floats | None = None, exponent: int = -128, words: int = 4,
    x_type: int = 13, y_type: int = 4, log: bytes = b"", version: int = 0x4B, flags: int = 0, z: Sequence[float] = (),
) -> bytes:  # fmt: skip
    """SPC.H: a header of 512 bytes, the axis if it is uneven, then 32 bytes and the ordinates for each spectrum."""
    n, d = spectra.shape
    flags |= (0x01 if words == 2 else 0) | (0x04 if n > 1 else 0) | (0x80 if axis is not None else 0)
    date = 30 | 9 << 6 | 31 << 11 | 1 << 16 | 2026 << 20
    header = struct.pack("<4BI2dI4BI9s9s", flags, version, 11, exponent & 0xFF, d, first, last, n, x_type, y_type, 0, 0,
                         date, b"4 cm-1", b"Prism 3")  # fmt: skip
    header = header.ljust(88, b"\x00") + b"a leaf".ljust(130, b"\x00")
    size = 512 + (4 * d if axis is not None else 0) + n * (32 + words * d)
    header = header.ljust(248, b"\x00") + struct.pack("<I", size if log else 0)
    parts = [header.ljust(512, b"\x00"), b"" if axis is None else axis.astype("<f4").tobytes()]
    for i, y in enumerate(spectra):
        place = z[i] if len(z) else float(i)
        parts.append(struct.pack("<BbH3f2If4x", 0, exponent, i, place, place + 1, 0, 0, 1, 0))
        form = "<f4" if exponent == -128 else f"<i{words}"
        parts.append((y if exponent == -128 else np.round(y * 2.0 ** (8 * words - exponent))).astype(form).tobytes())
    if log:
        parts.append(struct.pack("<5I44x", 64 + len(log), 4096, 64, 0, 0) + log)
    return b"".join(parts)


def wdf_block(name: bytes, body: bytes, uid: int = 0) -> bytes:
    return name + struct.pack("<IQ", uid, 16 + len(body)) + body


def wdf_text(key: int, text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<BBHI", ord("u"), 0, key, len(raw)) + raw


def wdf_file(
    spectra: Floats, axis: Floats, *, collected: int | None = None, x: Sequence[float] = (), y: Sequence[float] = (),
    moments: Sequence[datetime] = (), units: int = 6, axis_units: int = 1, flags: int = 0,
) -> bytes:  # fmt: skip
    """WDF: a header of 512 bytes, DATA (float32), YLST, XLST, and ORGN with a value a spectrum for each origin."""
    n, d = spectra.shape
    started = filetime(moments[0]) if moments else 0
    header = struct.pack("<4sIQQ16s12x", b"WDF1", 1, 512, flags, bytes(range(16)))
    header += struct.pack("<IIIQQI", 0, 0, d, n, n if collected is None else collected, 4)
    header += struct.pack("<III24s4H", 1, d, 0, b"WiRE", 5, 1, 0, 7)
    header += struct.pack("<IIQQIf", 6, 3 if len(x) else 1, started, started, units, 12738.85)
    header = header.ljust(208, b"\x00") + b"operator".ljust(32, b"\x00") + b"a map".ljust(160, b"\x00")
    parts = [header.ljust(512, b"\x00"), wdf_block(b"DATA", spectra.astype("<f4").tobytes()),
             wdf_block(b"YLST", struct.pack("<2If", 4, 16, 0)),
             wdf_block(b"XLST", struct.pack("<2I", 19, axis_units) + axis.astype("<f4").tobytes())]  # fmt: skip
    origins = [struct.pack("<2I16s", kind | 0x80000000, 5, label) + np.asarray(values, "<f8").tobytes()
               for kind, label, values in ((3, b"X", x), (4, b"Y", y)) if len(values)]  # fmt: skip
    if moments:
        raw = np.array([filetime(moment) for moment in moments], "<u8").tobytes()
        origins.append(struct.pack("<2I16s", 11, 24, b"Time") + raw)
    if origins:
        parts.append(wdf_block(b"ORGN", struct.pack("<I", len(origins)) + b"".join(origins)))
    return b"".join(parts)


def filetime(moment: datetime) -> int:
    return round((moment - FILETIME_EPOCH).total_seconds() * 10**7)


def omnic_header(points: int, first: float, last: float, *, x_key: int = 1, y_key: int = 17) -> bytes:
    """Points at 4, keys of the units at 8 and 12, ends of the axis at 16 and 20, scans at 36, a text at 208."""
    header = bytearray(216)
    struct.pack_into("<I", header, 4, points)
    header[8], header[12] = x_key, y_key
    struct.pack_into("<2f", header, 16, first, last)
    struct.pack_into("<I", header, 36, 32)
    return bytes(header)


def omnic_file(
    spectra: Floats, first: float, last: float, titles: Sequence[str], moments: Sequence[datetime], *,
    group: bool, x_key: int = 1, y_key: int = 17,
) -> bytes:  # fmt: skip
    """A table from byte 304, 16 bytes a line: key, position, length; key 2 headers, 3 intensities, 107 titles."""
    n, d = spectra.shape
    keys = [(2, 216), (3, 4 * d), *([(107, 260)] if group else [])]
    at = 304 + 16 * (len(keys) * n + 2)
    lines, parts = [], []
    for i in range(n):
        moment = struct.pack("<I", int((moments[i] - OMNIC_EPOCH).total_seconds()))
        bodies = {2: omnic_header(d, first, last, x_key=x_key, y_key=y_key), 3: spectra[i].astype("<f4").tobytes(),
                  107: titles[i].encode().ljust(256, b"\x00") + moment}  # fmt: skip
        for key, size in keys:
            lines.append(struct.pack("<BBII6x", key, 0, at, size))
            parts.append(bodies[key])
            at += size
    head = b"Spectral Data File".ljust(30, b"\x00") + (b"a group" if group else titles[0].encode()).ljust(256, b"\x00")
    head = head.ljust(294, b"\x00") + struct.pack("<H", len(lines))
    head += struct.pack("<I", int((moments[0] - OMNIC_EPOCH).total_seconds()))
    return head.ljust(304, b"\x00") + b"".join(lines) + bytes(32) + b"".join(parts)


def asd_file(
    sample: Floats, reference: Floats, *, kind: int = 1, form: int = 2, first: float = 350.0, step: float = 1.0,
    flag: bytes = b"\xff\xff", version: bytes = b"as8",
) -> bytes:  # fmt: skip
    """ASD file format version 8: 484 bytes of header, the sample, a reference header and the reference."""
    header = bytearray(484)
    header[:3] = version
    header[3:9] = b"a leaf"
    struct.pack_into("<9h", header, 160, 15, 30, 9, 31, 0, 126, 6, 30, 0)
    header[178], header[179], header[181], header[186], header[199] = 0x60, 0x80, 1, kind, form
    struct.pack_into("<l", header, 187, 1_769_848_000)
    struct.pack_into("<2f", header, 191, first, step)
    struct.pack_into("<h", header, 204, len(sample))
    struct.pack_into("<L", header, 390, 17)
    struct.pack_into("<H", header, 400, 18_123)
    header[431] = 4
    struct.pack_into("<2H", header, 436, 2048, 2048)
    struct.pack_into("<2f", header, 444, 2000.0, 3000.0)
    dtype = {0: "<f4", 1: "<i4", 2: "<f8"}[form]
    text = b"spectralon"
    between = flag + struct.pack("<2dh", 45_000.0, 45_000.0, len(text)) + text
    return bytes(header) + sample.astype(dtype).tobytes() + between + reference.astype(dtype).tobytes()


def envi_pair(
    cube: Floats, axis: Sequence[float], *, interleave: str = "bil", kind: int = 4, order: int = 0, offset: int = 0,
    **fields: str,
) -> tuple[bytes, bytes]:  # fmt: skip
    """An ENVI header, and the numbers of a cube (lines × samples × bands) in one of the three orders."""
    told = {
        "description": "{\n  a leaf, measured twice }", "samples": cube.shape[1], "lines": cube.shape[0],
        "bands": cube.shape[2], "header offset": offset, "file type": "ENVI Standard", "data type": kind,
        "interleave": interleave, "byte order": order, "wavelength units": "Nanometers",
        "wavelength": "{\n " + ",\n ".join(f"{value:.9g}" for value in axis) + "}",
        **{name.replace("_", " "): text for name, text in fields.items()},
    }  # fmt: skip
    header = "ENVI\n" + "".join(f"{name} = {text}\n" for name, text in told.items())
    turned = cube.transpose({"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}[interleave])
    form = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}[kind]
    return header.encode(), bytes(offset) + turned.astype("<>"[order] + form).tobytes()
