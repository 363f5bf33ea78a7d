"""Bruker OPUS: the spectra of its blocks, decoded by brukeropus after every length in the file was checked."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError
from spectral_core.readers import vendor
from spectral_core.readers.stated import agree_axis_field, agreed_quantity, quantity
from spectral_core.spectra import make_spectra

MAGIC = b"\x0a\x0a\xfe\xfe"

_AXES = {"WN": "cm-1", "MI": "um", "PNT": "channel"}
_KINDS = {
    1: "single channel", 4: "absorbance", 5: "transmittance", 6: "kubelka-munk", 10: "Raman intensity", 11: "emission",
    12: "reflectance", 14: "power", 15: "log(1/R)", 16: "ATR", 17: "photoacoustic", 18: "unknown", 19: "unknown",
}  # fmt: skip
_ORDERS = {1: "first derivative", 2: "second derivative", 3: "higher derivative"}
_RATIOED = 3


@dataclass(frozen=True)
class Block:
    """A spectrum in the file: its quantity, and brukeropus's `Data`."""

    kind: str
    ratioed: bool
    data: Any


def read_opus(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectrum of an OPUS file that the study asks for.

    A file holds the ratioed result (absorbance, transmittance, …) beside the single channels and
    interferograms it was made of. The study's quantity chooses; without one the result is taken if there is
    only one quantity. Of several blocks of one quantity, as atmospheric compensation leaves them, the last
    written is taken, as OPUS shows it; column `block` says so.

    Args:
        data: The file's content.
        axis_unit: Unit that the study declares; another DXU is refused.
        intensity_unit: Quantity that the study declares, "" if none; "single channel" reads the sample's.
        where: Place named in errors.

    Raises:
        ReadError: The file is damaged, holds no spectrum of that quantity, or several fit.
        SpectraError: The numbers break the Spectra contract.
    """
    with vendor.needed("brukeropus", what="Bruker OPUS files", where=where):
        from brukeropus.file.block import FileBlock
    directory = _directory(data, where)
    with vendor.damage_refused("an OPUS file", where=where):
        blocks = [FileBlock(data, kind, size, start) for kind, size, start in directory]
        for block in blocks:
            block.parse()
        found = _spectra(blocks)
        stated: dict[str, Any] = {}
        for block in blocks:
            if isinstance(block.data, dict) and block.is_sm_param():
                stated.update(block.data)
    return _chosen(found, stated, axis_unit, intensity_unit, where)


def _directory(data: bytes, where: str) -> list[tuple[tuple[int, ...], int, int]]:
    """List the blocks that are read, as type, bytes and offset; every length in them is checked."""
    from brukeropus.file.parse import get_block_type

    vendor.refuse_beyond(24, len(data), "a header", where=where)
    start, most, count = struct.unpack_from("<3i", data, 12)
    place = f"{where}, directory"
    if not (start >= 24 and 1 <= count <= most):
        raise ReadError(place, "blocks after the header", f"{count} of {most} blocks at byte {start}", vendor.ANEW)
    vendor.refuse_beyond(start + 12 * count, len(data), "the directory", where=place)
    kept: list[tuple[tuple[int, ...], int, int]] = []
    for number in range(count):
        code, words, at = struct.unpack_from("<3i", data, start + 12 * number)
        kind = get_block_type(code)
        if code < 0 or at <= 0 or kind[5] in (1, 2, 3, 4, 5):
            continue
        if words < 0:
            raise ReadError(f"{place}, block {number + 1}", "a length", f"{words} words", vendor.ANEW)
        vendor.refuse_beyond(at + 4 * words, len(data), "the block", where=f"{place}, block {number + 1}")
        if kind[2] > 0:
            _check_parameters(data[at : at + 4 * words], f"{where}, block {number + 1}")
        if kind[2] > 0 or kind[3] % 32 in _KINDS:
            kept.append((kind, 4 * words, at))
    return kept


def _check_parameters(block: bytes, place: str) -> None:
    """Walk a parameter block as brukeropus does, whose loop a negative length would keep for ever."""
    at = 0
    while at < len(block) and block[at : at + 3] != b"END":
        vendor.refuse_beyond(at + 8, len(block), "a parameter", where=place)
        code, words = struct.unpack_from("<2h", block, at + 4)
        needed = {0: 4, 1: 8}.get(code, 0)
        if words < 0 or 2 * words < needed:
            raise ReadError(place, "the length of a parameter", f"{words} words", vendor.ANEW)
        vendor.refuse_beyond(at + 8 + 2 * words, len(block), "a parameter", where=place)
        at += 8 + 2 * words


def _spectra(blocks: Sequence[Any]) -> list[Block]:
    """Pair blocks of data with their parameters, the last written first."""
    from brukeropus.file.block import pair_data_and_status_blocks
    from brukeropus.file.data import Data

    found = []
    for block, status in pair_data_and_status_blocks(list(blocks)):
        kind, ratioed = _KINDS.get(block.type[3] % 32), block.type[1] == _RATIOED
        fit = block.is_data() and block.type[0] != 2 and (ratioed or block.type[1] == 1)
        if kind is None or not fit or block.type[3] // 32 or status.data.get("dpf", 1) != 1:
            continue
        if not {"npt", "fxv", "lxv", "csf", "dxu"} <= set(status.data) or not 1 < status.data["npt"] <= len(block.data):
            continue
        derivative = _ORDERS.get(block.type[4])
        found.append(Block(f"{kind}, {derivative}" if derivative else kind, ratioed, Data(block, status, "", 0)))
    return found


def _chosen(
    found: Sequence[Block], stated: Mapping[str, Any], axis_unit: str, intensity_unit: str, where: str
) -> xr.Dataset:
    wanted = quantity(intensity_unit) or intensity_unit.strip()
    results = [block for block in found if block.ratioed] or list(found)
    fitting = [block for block in found if block.kind == wanted] or [
        block for block in results if not wanted or block.kind in ("unknown", "Raman intensity")
    ]
    kinds = sorted({block.kind for block in fitting})
    if len(kinds) != 1:
        held = ", ".join(sorted({block.kind for block in found})) or "none"
        remedy = "Set reading.intensity_unit to the quantity to read, or keep the file out of this study."
        raise ReadError(where, f"one spectrum of {wanted or 'a single quantity'!r}", held, remedy)
    chosen = fitting[0].data
    parameters = dict(chosen.params.items())
    unit = _AXES.get(str(parameters["dxu"]).strip(), str(parameters["dxu"]))
    agree_axis_field(unit, axis_unit, where=f"{where}, DXU")
    measured = agreed_quantity("" if kinds[0] == "unknown" else kinds[0], intensity_unit, where=where)
    several = f"{kinds[0]}, last written of {len(fitting)}" if len(fitting) > 1 else kinds[0]
    y: npt.NDArray[np.float64] = np.asarray(chosen.y, dtype=np.float64)
    metadata = {
        "spectrum": [""],
        "instrument": [str(stated.get("ins", "")).strip()],
        "acquired_at": [_moment(str(parameters.get("dat", "")), str(parameters.get("tim", "")))],
        "sample_name": [str(stated.get("snm", "")).strip()],
        "block": [several],
        vendor.METADATA_COLUMN: vendor.as_column({**stated, **parameters}),
    }
    return make_spectra(y, chosen.x, axis_unit=axis_unit, intensity_unit=measured, metadata=metadata, where=where)


def _moment(day: str, clock: str) -> str:
    """Give DAT (day/month/year, or year/month/day) and TIM as ISO 8601 in local time."""
    text = f"{day.strip()} {clock.strip()[:8]}"
    for form in ("%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return ""
