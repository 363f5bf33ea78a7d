"""Every vendor JCAMP-DX file that is read, against a decoder written here character by character from the standard.

McDonald and Wilks, "JCAMP-DX: a standard form for exchange of infrared spectra in computer readable form", Applied
Spectroscopy 42 (1988) 151, and Davies and Lampen, 47 (1993) 1093: the pseudo-digits of SQZ, DIF and DUP.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from spectral_core.readers import open_source, read_spectra

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "vendor" / "jcamp"
needs_vendor_files = pytest.mark.skipif(not FOLDER.is_dir(), reason="the vendor files are not here")

SQZ = {mark: value for value, mark in zip(range(-9, 10), "ihgfedcba@ABCDEFGHI", strict=True)}
DIF = {mark: value for value, mark in zip(range(-9, 10), "rqponmlkj%JKLMNOPQR", strict=True)}
DUP = {mark: value for value, mark in zip(range(1, 10), "STUVWXYZs", strict=True)}
WORD = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]\d+)?|[A-Za-z@%]\d*|\?")

AXES = {
    "cm-1": ["LABCALC.DX", "PE1800.DX", "SPECFILE.DX", "dupdec1.jdx", "dupdec2.jdx", "dupinc2.jdx", "fixdec1.jdx",
             "fixdec3.jdx", "fixinc1.jdx", "fixinc2.jdx", "fixinc3.jdx", "fixinc4.jdx", "jtpolys.jdx", "jtpolysd.jdx",
             "pacdec1.jdx", "xyinc1.jdx", "../fitr_nitrocellulose.jdx"],
    "nm": ["blckpac1.jdx", "dupinc1.jdx"],
    "HZ": ["TESTSPEC.DX", "o02.jdx", "o03.jdx", "o04.jdx", "o05.jdx"],
    "MILLISECONDS": ["IMSDEMO.DX", "IMS_TEST1.DX"],
    "SECONDS": ["ISAS_MS2.DX"], "VOLUME": ["fixinc5.jdx"],
}  # fmt: skip
READ = [(name, unit) for unit, names in AXES.items() for name in names]


def line_by_hand(line: str) -> tuple[float, list[float], bool]:
    """Position, ordinates, and whether the last of them was given as a difference."""
    words = WORD.findall(line)
    value, values, step, is_difference = 0.0, [], 0.0, False
    for word in words[1:]:
        mark, digits = word[0], word[1:]
        if mark in DUP:
            for _ in range(int(f"{DUP[mark]}{digits}") - 1):
                value += step
                values.append(value)
            continue
        if mark in DIF:
            step, is_difference = float(f"{DIF[mark]}{digits}"), True
        else:
            start = float(f"{SQZ[mark]}{digits}") if mark in SQZ else float(word)
            step, value, is_difference = 0.0, start, False
        value += step
        values.append(value)
    first = words[0]
    return float(f"{SQZ[first[0]]}{first[1:]}" if first[0] in SQZ else first), values, is_difference


def blocks_by_hand(text: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions and ordinates of every table of the file."""
    found, fields, table, kind = [], {}, [], ""

    def close() -> None:
        if kind:
            found.append(pairs_by_hand(table, fields) if "XY..XY" in kind else table_by_hand(table, fields))

    for line in (line.split("$$")[0].strip() for line in text.splitlines()):
        if line.startswith("##"):
            close()
            name, _, value = line[2:].partition("=")
            name, kind, table = re.sub(r"[\s_/-]", "", name).upper(), "", []
            fields[name] = value.strip()
            if name in ("XYDATA", "XYPOINTS"):
                kind = value.replace(" ", "").upper()
        elif kind and line:
            table.append(line)
    return found


def table_by_hand(lines: list[str], fields: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    values: list[float] = []
    was_difference = False
    for line in lines:
        _, more, is_difference = line_by_hand(line)
        values += more[1:] if was_difference else more  # the first repeats the last, as a check
        was_difference = is_difference
    axis = np.linspace(float(fields["FIRSTX"]), float(fields["LASTX"]), int(float(fields["NPOINTS"])))
    return axis, np.array(values) * float(fields["YFACTOR"])


def pairs_by_hand(lines: list[str], fields: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.array([float(word) for line in lines for word in re.split(r"[\s,;]+", line) if word])
    return numbers[0::2] * float(fields.get("XFACTOR", 1)), numbers[1::2] * float(fields.get("YFACTOR", 1))


def test_the_decoder_gives_the_table_of_the_standard() -> None:
    """Its example of one line in the four forms, and of DUP: 1 1 1 as 1 and three times."""
    numbers = [1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0]
    for line in ("0 1 2 3 3 2 1 0 -1 -2 -3", "0+1+2+3+3+2+1+0-1-2-3", "0ABCCBA@abc", "0AJJ%jjjjjj"):
        assert line_by_hand(line)[1] == numbers
    assert line_by_hand("0AJT%jX")[1] == numbers
    assert line_by_hand("5AU")[1] == [1.0, 1.0, 1.0]


@needs_vendor_files
@pytest.mark.parametrize(("name", "unit"), READ)
def test_a_vendor_file_agrees_with_a_decoder_written_here(name: str, unit: str) -> None:
    path = FOLDER / name
    dataset = read_spectra(open_source(path, name=path.name), axis_unit=unit, intensity_unit="")
    blocks = blocks_by_hand(path.read_text("latin-1"))
    assert dataset.sizes["sample"] == len(blocks)
    for row, (axis, values) in enumerate(blocks):
        order = np.argsort(axis, kind="stable")
        assert axis.size == values.size == dataset.sizes["channel"]
        np.testing.assert_allclose(dataset["axis"], axis[order], rtol=1e-9, atol=1e-9 * np.abs(axis).max())
        scale = np.abs(values).max()
        np.testing.assert_allclose(dataset["intensity"][row], values[order], rtol=1e-6, atol=1e-7 * scale)


@needs_vendor_files
def test_every_vendor_file_is_compared_here_or_refused() -> None:
    compared = {name for name, _ in READ}
    tables_of_peaks = ["ISAS_CDX.DX", "ISAS_MS1.DX", "blckpkt1.jdx", "coffhd.jdx", "mactab1.jdx", "mactab2.jdx",
                       "pktab1.jdx", "pktab2.jdx"]  # fmt: skip
    others = ["ISAS_MS3.DX", "compound.jdx", "o07.jdx", "o08.jdx", "o09.jdx", "o10.jdx", "xyinc2.jdx"]
    refused = {*tables_of_peaks, *others}
    assert {path.name for path in FOLDER.iterdir()} == refused | {name for name in compared if "/" not in name}
