"""JCAMP-DX: spectra in XYDATA or XYPOINTS, alone or as blocks of a compound file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError, offenders
from spectral_core.readers.asdf import BROKEN, decode_line
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.readers.text import decode_text, split_lines
from spectral_core.spectra import make_spectra

Floats = npt.NDArray[np.float64]
Lines = list[tuple[int, str]]

_TABLES = (
    "XYDATA",
    "XYPOINTS",
    "PEAKTABLE",
    "PEAKASSIGNMENTS",
    "ASSIGNMENTS",
    "NTUPLES",
    "DATATABLE",
    "RADATA",
)


@dataclass
class Block:
    """One block: `records` map normalised labels to text and line, `tables` are its tables of data."""

    line: int
    records: dict[str, tuple[str, int]] = field(default_factory=dict)
    tables: list[tuple[str, str, Lines]] = field(default_factory=list)

    def text(self, *labels: str) -> str:
        """Give the first of the labels that is stated, or ""."""
        return next((self.records[label][0] for label in labels if self.records.get(label, ("",))[0]), "")


def read_jcamp(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read the spectra of a JCAMP-DX file.

    Blocks that are no spectra (structures, peak tables) are passed over. Checked are NPOINTS, FIRSTX, LASTX,
    the abscissa of every line (X-check) and, for difference forms, its first ordinate (Y-check).

    Args:
        data: The file's content.
        axis_unit: Unit that the study declares; another XUNITS is refused.
        intensity_unit: Quantity that the study declares, "" if none; another YUNITS is refused.
        where: Place named in errors.

    Returns:
        Spectra with TITLE as `spectrum`, SPECTROMETER/DATA SYSTEM as `instrument`, LONGDATE as `acquired_at`.

    Raises:
        ReadError: The file holds no spectrum, disagrees with itself or with the study, or holds spectra on
            different axes.
        SpectraError: The axis is not strictly monotonic or an intensity is not finite.
    """
    blocks = _blocks(split_lines(decode_text(data, where=where)), where)
    spectra = [(block, table) for block in blocks for table in block.tables if table[0] in ("XYDATA", "XYPOINTS")]
    if not spectra:
        kinds = sorted({kind for block in blocks for kind, _, _ in block.tables}) or ["no data"]
        raise ReadError(where, "spectra as XYDATA or XYPOINTS", offenders(kinds),
                        "Export the spectrum itself; peak tables and NTUPLES are not read.")  # fmt: skip
    read = [_spectrum(block, *table, axis_unit, intensity_unit, where) for block, table in spectra]
    axis, _, unit = read[0]
    for (other, _, quantity), (block, _) in zip(read, spectra, strict=True):
        _require_same_axis(axis, other, unit, quantity, f"{where}, row {block.line}")
    owners = [block for block, _ in spectra]
    metadata = {
        "spectrum": _titles(owners),
        "instrument": [block.text("SPECTROMETERDATASYSTEM") for block in owners],
        "acquired_at": [_moment(block.text("LONGDATE")) for block in owners],
    }
    intensity = np.stack([y for _, y, _ in read])
    return make_spectra(
        intensity, axis, axis_unit=axis_unit, intensity_unit=unit, metadata=metadata, where=where
    )  # fmt: skip


def _blocks(lines: Sequence[str], where: str) -> list[Block]:
    """Part a file into blocks at TITLE and END."""
    blocks: list[Block] = []
    open_blocks: list[Block] = []
    into: Lines | None = None
    for number, raw in enumerate(lines, start=1):
        line = raw.split("$$", 1)[0].strip()
        if not line:
            continue
        if not line.startswith("##"):
            if into is not None:
                into.append((number, line))
            continue
        label, _, value = line[2:].partition("=")
        label, value, into = re.sub(r"[ \-/_]", "", label).upper(), value.strip(), None
        if label == "TITLE":
            open_blocks.append(Block(number))
            blocks.append(open_blocks[-1])
        if not open_blocks:
            raise ReadError(f"{where}, row {number}", "##TITLE= first", repr(line[:40]), BROKEN)
        if label == "END":
            open_blocks.pop()
        elif label in _TABLES:
            into = []
            open_blocks[-1].tables.append((label, value, into))
        else:
            open_blocks[-1].records.setdefault(label, (value, number))
    return blocks


def _spectrum(
    block: Block, kind: str, form: str, lines: Lines, axis_unit: str, intensity_unit: str, where: str
) -> tuple[Floats, Floats, str]:
    place = f"{where}, row {block.line}"
    if "NTUPLES" in {table[0] for table in block.tables}:
        raise ReadError(place, "one spectrum a block", "NTUPLES", "Export the spectrum as XYDATA.")
    agree_axis_field(block.text("XUNITS"), axis_unit, where=f"{place}, XUNITS")
    quantity = agreed_quantity(block.text("YUNITS"), intensity_unit, where=f"{place}, YUNITS")
    shape = re.sub(r"\s", "", form).upper()
    if shape == "(X++(Y..Y))":
        x, y = _evenly_spaced(block, lines, where)
    elif shape == "(XY..XY)":
        x, y = _pairs(block, lines, where)
    else:
        raise ReadError(f"{place}, {kind}", "(X++(Y..Y)) or (XY..XY)", repr(form[:40]), "Export as XYDATA.")
    return x, y, quantity


def _number(block: Block, label: str, where: str, default: float | None = None) -> float:
    text, line = block.records.get(label, ("", block.line))
    if not text and default is not None:
        return default
    try:
        value = float(text.replace(",", ".", 1) if text.count(",") == 1 else text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value) or "_" in text:
        raise ReadError(f"{where}, row {line}, {label}", "a number", repr(text[:40]) if text else "nothing", BROKEN)
    return value


def _points(block: Block, where: str) -> int:
    points = _number(block, "NPOINTS", where)
    if points < 1 or points != int(points):
        raise ReadError(f"{where}, row {block.line}, NPOINTS", "a whole number above 0", f"{points:g}", BROKEN)
    return int(points)


def _evenly_spaced(block: Block, lines: Lines, where: str) -> tuple[Floats, Floats]:
    points = _points(block, where)
    first, last = _number(block, "FIRSTX", where), _number(block, "LASTX", where)
    scale = _number(block, "XFACTOR", where, 1.0)
    step = (last - first) / max(points - 1, 1)
    y: list[float] = []
    differing = False
    for number, line in lines:
        values, ends_in_difference = decode_line(line, points, f"{where}, row {number}")
        # some programs write the closing check as 0
        closing = len(y) == points and values[1:] == [0.0]
        if differing and not closing and (len(values) < 2 or values[1] != y[-1]):
            expected = f"first ordinate {y[-1]:.0f} as the line before ends (Y-check)"
            found = f"{values[1]:.0f}" if len(values) > 1 else "none"
            raise ReadError(f"{where}, row {number}", expected, found, BROKEN)
        at = len(y) - differing
        _check_abscissa(values[0] * scale, first + at * step, step, scale, line, f"{where}, row {number}")
        y.extend(values[1 + differing :])
        differing = ends_in_difference
        if len(y) > points:
            break
    if len(y) != points:
        found = f"{len(y)}" if len(y) < points else f"more, at row {number}"
        raise ReadError(f"{where}, row {block.line}, NPOINTS", f"{points} ordinates", found, BROKEN)
    return np.linspace(first, last, points), np.asarray(y) * _number(block, "YFACTOR", where, 1.0)


def _check_abscissa(stated: float, expected: float, step: float, scale: float, line: str, place: str) -> None:
    decimals = len(match[1]) if (match := re.match(r"[+-]?[0-9]*\.([0-9]*)", line)) else 0
    if abs(stated - expected) > abs(step) + abs(scale) * 10.0**-decimals:
        raise ReadError(place, f"abscissa {expected:.6g} (X-check)", f"{stated:.6g}", BROKEN)


def _pairs(block: Block, lines: Lines, where: str) -> tuple[Floats, Floats]:
    flat: list[float] = []
    for number, line in lines:
        try:
            values = [float(cell) for cell in re.split(r"[,;\s]+", line) if cell]
        except ValueError:
            values = []
        if not values or "_" in line or not np.isfinite(values).all():
            raise ReadError(f"{where}, row {number}", "pairs of finite numbers", repr(line[:40]), BROKEN)
        flat.extend(values)
    points = _points(block, where)
    if len(flat) != 2 * points:
        raise ReadError(f"{where}, row {block.line}, NPOINTS", f"{points} pairs", f"{len(flat)} numbers", BROKEN)
    x = np.asarray(flat[0::2]) * _number(block, "XFACTOR", where, 1.0)
    y = np.asarray(flat[1::2]) * _number(block, "YFACTOR", where, 1.0)
    for label, found, next_to in (("FIRSTX", x[0], x[1:2]), ("LASTX", x[-1], x[-2:-1])):
        stated = _number(block, label, where, float(found))
        if abs(stated - found) > np.abs(next_to - found).sum() / 2:
            raise ReadError(f"{where}, row {block.line}, {label}", f"{stated:g}", f"{found:g}", BROKEN)
    return x, y


def _require_same_axis(axis: Floats, other: Floats, unit: str, quantity: str, place: str) -> None:
    same = axis.size == other.size and np.allclose(axis, other, rtol=0, atol=1e-6 * np.ptp(axis))
    if not same:
        expected = f"the axis of the first block ({axis.size} points, {axis[0]:g} to {axis[-1]:g})"
        found = f"{other.size} points, {other[0]:g} to {other[-1]:g}"
        remedy = "Export the blocks as files of their own; an archive has one axis."
        raise ReadError(place, expected, found, remedy)
    if unit != quantity:
        raise ReadError(f"{place}, YUNITS", f"{unit!r} as in the first block", repr(quantity),
                        "Export the blocks as files of their own.")  # fmt: skip


def _titles(blocks: Sequence[Block]) -> list[str]:
    titles = [block.text("TITLE") for block in blocks]
    return titles if len(set(titles)) == len(titles) else [str(i + 1) for i in range(len(titles))]


def _moment(longdate: str) -> str:
    """Give LONGDATE as ISO 8601, "" where it is stated otherwise."""
    try:
        return datetime.strptime(longdate[:19].replace("  ", " "), "%Y/%m/%d %H:%M:%S").isoformat()
    except ValueError:
        return ""
