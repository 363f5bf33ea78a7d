"""Damaged files: one small written file a reader, and the ways in which storage and programs spoil one."""

from __future__ import annotations

import hashlib
import io
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import scipy.io

from spectral_core.errors import OffbandError
from spectral_core.readers import Source, read_spectra
from tests.core.test_readers_arrays import mat73, npz
from tests.core.test_readers_fluorescence import CARY, LOGS, SCANS, WRITTEN
from tests.core.test_readers_instrument_text import LABSPEC, MAP, OCEAN, SPECTRUM
from tests.core.written_files import (
    asd_file,
    envi_pair,
    omnic_file,
    opus_file,
    opus_parameters,
    opus_status,
    spc_file,
    wdf_block,
    wdf_file,
    wdf_text,
)

Y = np.array([[0.5, 0.25, 1.0, 0.125, 0.75], [1.5, 1.25, 2.0, 1.125, 1.75]])
AXIS = np.array([1004.0, 1003.0, 1002.0, 1001.0, 1000.0])
MOMENT = datetime(2026, 1, 31, 9, 30)
AVANTES = (
    "leaf 7\nIntegration time [ms]:  15,000\nData measured with spectrometer [name]: 17\n"
    "Wave   ;Sample   ;Reflectance\n[nm]   ;[counts] ;[%]\n\n1014,48;14048,2;67,6\n"
    "1019,01;14747,0;67,1\n1023,54;1,5;66\n"
)
BWTEK = (
    "File Version;BWSpec4.11_1\nDate;2021-10-27 15:50:22\nmodel;BTC\nPixel;Raman Shift;Dark;Raw data #1;\n"
    "0;   ;1104,5;987,25;\n1;100,5;1104,5;987,25;\n2;101,25;1104,5;987,5;\n"
)
JCAMP = (
    "##TITLE= leaf\n##JCAMP-DX= 4.24\n##XUNITS= NANOMETERS\n##YUNITS= ABSORBANCE\n##FIRSTX= 400\n##LASTX= 404\n"
    "##NPOINTS= 5\n##XFACTOR= 1\n##YFACTOR= 0.125\n##XYDATA= (X++(Y..Y))\n400A1J2T\n402C5%J1\n##END=\n"
)


def _opus() -> bytes:
    stored = Y[0].astype("<f4")
    return opus_file([
        ((0, 0, 2, 0, 0, 0), opus_parameters({"INS": "ALPHA II", "SRN": 17})),
        ((3, 3, 0, 4, 0, 0), stored.tobytes()), ((3, 3, 1, 4, 0, 0), opus_status(stored, 1004.0, 1000.0)),
        ((3, 1, 0, 1, 0, 0), stored.tobytes()), ((3, 1, 1, 1, 0, 0), opus_status(stored, 1004.0, 1000.0)),
    ])  # fmt: skip


def _wdf() -> bytes:
    item = wdf_text(0x8000, "532 nm") + b"k\x00\x00\x80" + (5).to_bytes(4, "little") + b"Laser"
    properties = b"PSET" + len(item).to_bytes(4, "little") + item
    written = wdf_file(Y, AXIS, x=(1.0, 2.0), y=(3.0, 3.0), moments=[MOMENT, MOMENT])
    return written + wdf_block(b"WXIS", properties) + wdf_block(b"TEXT", b"a comment")


def _matlab(*, compressed: bool) -> bytes:
    buffer = io.BytesIO()
    labels = np.array(["leaf", "bark"], dtype=object)
    scipy.io.savemat(buffer, {"X": Y, "axis": AXIS, "axis_unit": "nm", "label": labels}, do_compression=compressed)
    return buffer.getvalue()


FILES: dict[str, bytes | dict[str, bytes]] = {
    "opus": _opus(),
    "spc": spc_file(Y, axis=AXIS[::-1], first=1000, last=1004, x_type=3, log=b"LASER=785\r\n\x00"),
    "spc integers": spc_file(Y / 4, first=1000, last=1004, exponent=1, words=2, x_type=3),
    "wdf": _wdf(),
    "spa": omnic_file(Y[:1], 1004.0, 1000.0, ["leaf"], [MOMENT], group=False),
    "spg": omnic_file(Y, 1004.0, 1000.0, ["leaf", "bark"], [MOMENT, MOMENT], group=True),
    "asd": asd_file(Y[0], Y[1], first=1000.0),
    "envi": dict(zip(("cube.hdr", "cube.img"), envi_pair(Y[:, None], AXIS.tolist()), strict=True)),
    "npz": npz({"X": Y, "axis": AXIS, "axis_unit": "nm", "label": np.array(["leaf", "bark"])}),
    "matlab": _matlab(compressed=False),
    "matlab compressed": _matlab(compressed=True),
    "matlab 7.3": mat73({"X": Y, "axis": AXIS, "axis_unit": "nm"}),
    "jcamp": JCAMP.encode(),
    "avantes": AVANTES.encode(),
    "bwtek": BWTEK.encode(),
    "ocean": OCEAN.encode(),
    "labspec": (LABSPEC + SPECTRUM).encode(),
    "labspec map": (LABSPEC + MAP).encode(),
    "cary": (CARY + SCANS + LOGS).encode(),
    **{f"{maker} matrix": text.encode() for maker, text in WRITTEN.items()},
}
"""Small valid files by name; a file of several parts as names and contents."""

UNITS = {"wdf": "cm-1", "bwtek": "cm-1", "labspec": "cm-1", "labspec map": "cm-1", "opus": "cm-1", "spa": "cm-1",
         "spg": "cm-1"}  # fmt: skip
QUANTITIES = {"avantes": "reflectance", "bwtek": "Raw data #1"}

_NUMBERS = tuple(
    bytes.fromhex(word) for word in ("ffffffff", "00000000", "ffffff7f", "00000080", "01000000", "00000001")
)


@dataclass
class Tally:
    """What became of damaged files: how many were read or refused, the slowest in seconds."""

    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    files: list[bytes] = field(default_factory=list)


def spoil(data: bytes, chance: random.Random) -> bytes:
    """Damage a file in one to eight places: a bit, a byte, a number, a cut, a gap, an insertion, a copied piece."""
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        if not spoilt:
            break
        # heads are short, and all that a reader believes stands there
        at = chance.randrange(min(len(spoilt), chance.choice((64, 600, len(spoilt), len(spoilt)))))
        length = chance.randrange(1, 64)
        match chance.randrange(7):
            case 0:
                spoilt[at] ^= 1 << chance.randrange(8)
            case 1:
                spoilt[at] = chance.randrange(256)
            case 2:
                spoilt[at : at + 4] = chance.choice(_NUMBERS)
            case 3:
                del spoilt[at:]
            case 4:
                del spoilt[at : at + length]
            case 5:
                spoilt[at:at] = chance.randbytes(length)
            case _:
                start = chance.randrange(len(spoilt))
                spoilt[at : at + length] = spoilt[start : start + length]
    return bytes(spoilt)


def source_of(name: str, content: bytes | Mapping[str, bytes]) -> Source:
    """A source as the front door would open it."""
    whole = content if isinstance(content, bytes) else b"".join(content.values())
    digest = hashlib.sha256(whole).hexdigest()
    suffix = ".spg" if name == "spg" else ".x"
    if isinstance(content, bytes):
        return Source(f"a{suffix}", digest, len(whole), content)
    return Source(f"a{suffix}", digest, len(whole), b"", content)


def read_spoilt(name: str, count: int, *, seed: int, original: bytes | Mapping[str, bytes] | None = None) -> Tally:
    """Read damaged copies of a file; anything but spectra or our own error comes out as it is.

    Raises:
        AssertionError: Spectra that are not finite came out.
    """
    content = FILES[name] if original is None else original
    chance, tally = random.Random(f"{seed} {name}"), Tally()
    unit, quantity = UNITS.get(name, "nm"), QUANTITIES.get(name, "")
    for _ in range(count):
        if isinstance(content, bytes):
            source = source_of(name, spoil(content, chance))
        else:
            part = chance.choice(sorted(content))
            source = source_of(name, {**content, part: spoil(content[part], chance)})
        started = time.process_time()
        try:
            dataset = read_spectra(source, axis_unit=unit, intensity_unit=quantity)
            assert np.isfinite(dataset["intensity"].values).all()
            tally.read += 1
        except OffbandError:
            tally.refused += 1
        tally.slowest = max(tally.slowest, time.process_time() - started)
    return tally
