"""JCAMP-DX: spectra in XYDATA or XYPOINTS, alone or as blocks of a compound file.

The library `jcamp` decodes the ordinates of a line. Records, blocks and repetitions (DUP) are ours, because its
`read` prints failed checks and goes on, skips lines it does not understand, reads a repetition of more than nine
as digits, and looks for what a repetition repeats beyond the start of the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import jcamp
import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError, offenders
from spectral_core.readers.stated import agree_axis_field, agreed_quantity
from spectral_core.readers.text import decode_text, split_lines
from spectral_core.spectra import make_spectra

Floats = npt.NDArray[np.float64]
Lines = list[tuple[int, str]]

_TABLES = ("XYDATA", "XYPOINTS", "PEAKTABLE", "PEAKASSIGNMENTS", "ASSIGNMENTS", "NTUPLES", "DATATABLE", "RADATA")
_ORDINATES = re.compile(r"[0-9.,+\-eE@A-Ia-i%J-Rj-rS-Zs \t]*")
_TOKEN = re.compile(r"[@A-Ia-i%J-Rj-rS-Zs+\-]?[0-9.]+|[@A-Ia-i%J-Rj-rS-Zs]|[ ,\t]+|[+\-]")
_REPEATS = {letter: count for count, letter in enumerate("STUVWXYZs", start=1)}
_DIFFERENCES = frozenset("%JKLMNOPQRjklmnopqr")
_BROKEN = "The file is damaged or cut off; export it anew."


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
    """Read the spectra of a JCAMP-DX file; blocks that are no spectra (structures, peak tables) are passed over.

    Checked are NPOINTS, FIRSTX, LASTX, the abscissa of every line (X-check) and, for difference forms, its first
    ordinate (Y-check).

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
            raise ReadError(f"{where}, row {number}", "##TITLE= first", repr(line[:40]), _BROKEN)
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
        raise ReadError(f"{where}, row {line}, {label}", "a number", repr(text[:40]) if text else "nothing", _BROKEN)
    return value


def _points(block: Block, where: str) -> int:
    points = _number(block, "NPOINTS", where)
    if points < 1 or points != int(points):
        raise ReadError(f"{where}, row {block.line}, NPOINTS", "a whole number above 0", f"{points:g}", _BROKEN)
    return int(points)


def _evenly_spaced(block: Block, lines: Lines, where: str) -> tuple[Floats, Floats]:
    points = _points(block, where)
    first, last = _number(block, "FIRSTX", where), _number(block, "LASTX", where)
    scale = _number(block, "XFACTOR", where, 1.0)
    step = (last - first) / max(points - 1, 1)
    y: list[float] = []
    differing = False
    for number, line in lines:
        values, ends_in_difference = _decode(line, points, f"{where}, row {number}")
        if differing and (len(values) < 2 or values[1] != y[-1]):
            raise ReadError(f"{where}, row {number}", f"first ordinate {y[-1]:.0f} as the line before ends (Y-check)",
                            f"{values[1]:.0f}" if len(values) > 1 else "none", _BROKEN)  # fmt: skip
        at = len(y) - differing
        _check_abscissa(values[0] * scale, first + at * step, step, scale, line, f"{where}, row {number}")
        y.extend(values[1 + differing :])
        differing = ends_in_difference
        if len(y) > points:
            break
    if len(y) != points:
        found = f"{len(y)}" if len(y) < points else f"more, at row {number}"
        raise ReadError(f"{where}, row {block.line}, NPOINTS", f"{points} ordinates", found, _BROKEN)
    return np.linspace(first, last, points), np.asarray(y) * _number(block, "YFACTOR", where, 1.0)


def _decode(line: str, points: int, place: str) -> tuple[list[float], bool]:
    """Decode abscissa and ordinates of a line; say whether it ends in a difference."""
    odd = _ORDINATES.match(line)
    if odd is None or odd.end() != len(line):
        bad = line[odd.end() if odd else 0]
        what = "a missing ordinate, '?'" if bad == "?" else repr(bad)
        raise ReadError(place, "ordinates in AFFN, PAC, SQZ, DIF or DUP form", what, _BROKEN)
    written, ends_in_difference = _without_repeats(line, points, place)
    try:
        values = [float(value) for value in jcamp.parse(written)]
    except (ValueError, IndexError, TypeError, KeyError, OverflowError):
        values = []
    if not values or not np.isfinite(values).all():
        raise ReadError(place, "an abscissa and ordinates", repr(line[:40]), _BROKEN)
    return values, ends_in_difference


def _without_repeats(line: str, points: int, place: str) -> tuple[str, bool]:
    """Write every repetition out; say whether the last ordinate is a difference."""
    if not _DIFFERENCES.intersection(line) and not set(_REPEATS).intersection(line):
        return line, False
    out: list[str] = []
    last = ""
    for token in _TOKEN.findall(line):
        if token[0] in _REPEATS:
            count = int(f"{_REPEATS[token[0]]}{token[1:]}") if token[1:].isdigit() or token[1:] == "" else 0
            if not last or not 1 <= count <= points or len(out) < 2:
                raise ReadError(place, "a repetition of the ordinate before", repr(token[:20]), _BROKEN)
            # a number without a sign needs a delimiter before it
            out.append((last if last[0] not in "0123456789." else f" {last}") * (count - 1))
        else:
            out.append(token)
            last = token if token.strip(" ,\t") else last
    return "".join(out), last[:1] in _DIFFERENCES


def _check_abscissa(stated: float, expected: float, step: float, scale: float, line: str, place: str) -> None:
    decimals = len(match[1]) if (match := re.match(r"[+-]?[0-9]*\.([0-9]*)", line)) else 0
    if abs(stated - expected) > abs(step) + abs(scale) * 10.0**-decimals:
        raise ReadError(place, f"abscissa {expected:.6g} (X-check)", f"{stated:.6g}", _BROKEN)


def _pairs(block: Block, lines: Lines, where: str) -> tuple[Floats, Floats]:
    flat: list[float] = []
    for number, line in lines:
        try:
            values = [float(cell) for cell in re.split(r"[,;\s]+", line) if cell]
        except ValueError:
            values = []
        if not values or "_" in line or not np.isfinite(values).all():
            raise ReadError(f"{where}, row {number}", "pairs of finite numbers", repr(line[:40]), _BROKEN)
        flat.extend(values)
    points = _points(block, where)
    if len(flat) != 2 * points:
        raise ReadError(f"{where}, row {block.line}, NPOINTS", f"{points} pairs", f"{len(flat)} numbers", _BROKEN)
    x = np.asarray(flat[0::2]) * _number(block, "XFACTOR", where, 1.0)
    y = np.asarray(flat[1::2]) * _number(block, "YFACTOR", where, 1.0)
    spacing = abs(x[-1] - x[0]) / max(points - 1, 1)
    for label, found in (("FIRSTX", x[0]), ("LASTX", x[-1])):
        stated = _number(block, label, where, float(found))
        if abs(stated - found) > spacing:
            raise ReadError(f"{where}, row {block.line}, {label}", f"{stated:g}", f"{found:g}", _BROKEN)
    return x, y


def _require_same_axis(axis: Floats, other: Floats, unit: str, quantity: str, place: str) -> None:
    same = axis.size == other.size and np.allclose(axis, other, rtol=0, atol=1e-6 * np.ptp(axis))
    if not same:
        raise ReadError(place, f"the axis of the first block ({axis.size} points, {axis[0]:g} to {axis[-1]:g})",
                        f"{other.size} points, {other[0]:g} to {other[-1]:g}",
                        "Export the blocks as files of their own; an archive has one axis.")  # fmt: skip
    if unit != quantity:
        raise ReadError(f"{place}, YUNITS", f"{unit!r} as in the first block", repr(quantity),
                        "Export the blocks as files of their own.")  # fmt: skip


def _titles(blocks: Sequence[Block]) -> list[str]:
    titles = [block.text("TITLE") for block in blocks]
    return titles if len(set(titles)) == len(titles) else [str(i + 1) for i in range(len(titles))]


def _moment(longdate: str) -> str:
    """Give LONGDATE as ISO 8601, "" where it is stated otherwise."""
    try:
        return datetime.strptime(longdate[:19].replace("  ", " "), "%Y/%m/%d %H:%M:%S").isoformat()  # noqa: DTZ007
    except ValueError:
        return ""
