"""Damaged files: one small written file a reader, and the ways in which storage and programs spoil one."""

from __future__ import annotations

import hashlib
import io
import random
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import scipy.io

from spectral_core.errors import OffbandError
from spectral_core.readers import Source, open_source, read_spectra
from spectral_core.readers.dispatch import is_read_apart
from tests.core.test_readers_arrays import mat73, npz
from tests.core.test_readers_fluorescence import CARY, LOGS, SCANS, WRITTEN
from tests.core.test_readers_front_door import ASP
from tests.core.test_readers_instrument_text import LABSPEC, MAP, OCEAN, SPECTRUM
from tests.core.test_readers_netcdf import netcdf_bytes, spectra, write_zarr, zipped
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


def _zarr(form: int) -> tuple[dict[str, bytes], bytes]:
    """The files of a zarr group by name, and a zip of them."""
    with tempfile.TemporaryDirectory() as folder:
        group = write_zarr(spectra(n=2, d=5), Path(folder) / "set.zarr", zarr_format=form)
        return dict(open_source(group, name="set.zarr").entries), zipped(group)


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
    "netcdf": netcdf_bytes(spectra(n=2, d=5)),
    "zarr 2": _zarr(2)[0],
    "zarr 3": _zarr(3)[0],
    "zarr zip": _zarr(3)[1],
    "columns": b"Wavelength (nm);leaf 1;leaf 2\r\n" + b"".join(b"%d;0,%d;1,%d\r\n" % (400 + k, k, k) for k in range(8)),
    "rows": b"label\t400\t401\t402.5\nleaf\t0.5\t0.25\t1e-3\nbark\t-0.5\t1.25\t2\n",
    "asp": ASP,
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
    """What became of damaged files: how many were read or refused, the slowest in seconds of the processor.

    `ended` of the refused hung, crashed or took all memory in the process that reads apart, which was replaced;
    `slowest_apart` is by the clock, which says nothing where others keep the processor busy.
    """

    read: int = 0
    refused: int = 0
    ended: int = 0
    slowest: float = 0.0
    slowest_apart: float = 0.0


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


def spoil_part(parts: Mapping[str, bytes], chance: random.Random) -> dict[str, bytes]:
    """Damage a file of several: mostly one part; now and then one is missing, or stands in another's place."""
    spoilt, part = dict(parts), chance.choice(sorted(parts))
    match chance.randrange(8):
        case 0:
            del spoilt[part]
        case 1:
            spoilt[part] = parts[chance.choice(sorted(parts))]
        case _:
            spoilt[part] = spoil(parts[part], chance)
    return spoilt


def source_of(name: str, content: bytes | Mapping[str, bytes]) -> Source:
    """A source as the front door would open it."""
    whole = content if isinstance(content, bytes) else b"".join(content.values())
    digest = hashlib.sha256(whole).hexdigest()
    suffix = ".spg" if name == "spg" else ".x"
    if isinstance(content, bytes):
        return Source(f"a{suffix}", digest, len(whole), content)
    return Source(f"a{suffix}", digest, len(whole), b"", content)


def read_spoilt(name: str, count: int, *, seed: int) -> Tally:
    """Read damaged copies of a written file; see `read_copies`."""
    return read_copies(FILES[name], count, seed=seed, unit=UNITS.get(name, "nm"), quantity=QUANTITIES.get(name, ""),
                       name=name)  # fmt: skip


def read_copies(
    content: bytes | Mapping[str, bytes], count: int, *, seed: int, unit: str, quantity: str, name: str = ""
) -> Tally:
    """Read damaged copies of a file; anything but spectra or our own error comes out as it is.

    Raises:
        AssertionError: Spectra that are not finite came out, or a reader apart met a fault that is not ours.
    """
    chance, tally = random.Random(f"{seed} {len(content)}"), Tally()
    for _ in range(count):
        spoilt = spoil(content, chance) if isinstance(content, bytes) else spoil_part(content, chance)
        source = source_of(name, spoilt)
        started, started_clock = time.process_time(), time.monotonic()
        try:
            dataset = read_spectra(source, axis_unit=unit, intensity_unit=quantity)
            assert np.isfinite(dataset["intensity"].values).all()
            tally.read += 1
        except OffbandError as error:
            assert "unforeseen" not in str(error)
            tally.refused += 1
            tally.ended += error.expected == "a file that can be read"
        tally.slowest = max(tally.slowest, time.process_time() - started)
        if is_read_apart(source.data, source.entries):
            tally.slowest_apart = max(tally.slowest_apart, time.monotonic() - started_clock)
    return tally
