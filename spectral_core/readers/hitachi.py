"""Text that FL Solutions writes for Hitachi fluorescence spectrometers (F-7000 and kin), in English or Japanese."""

from __future__ import annotations

import re
from collections.abc import Mapping

import xarray as xr

from spectral_core.readers import fluorescence, vendor
from spectral_core.readers.delimited import read_delimited
from spectral_core.readers.japanese import decode_japanese
from spectral_core.readers.text import split_lines

_START = re.compile(rb"(?m)^(?:Model|\xd3\xc3\xde\xd9|\xef\xbe\x93\xef\xbe\x83\xef\xbe\x9e\xef\xbe\x99):\tF-\d{4}")
_DATA = ("data points", "ﾃﾞｰﾀﾘｽﾄ")
_MATRICES = ("3-D scan", "3次元")


def is_hitachi(data: bytes) -> bool:
    """Whether the head of a text names an F-series spectrometer."""
    return _START.search(data[:4096]) is not None


def read_hitachi(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read a 3-D scan (excitation across, emission down) or a wavelength scan.

    Raises:
        ReadError: The table is damaged, or its axes contradict physics.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_japanese(data, where=where))
    start = next((i for i, line in enumerate(lines) if line.strip().lower() in _DATA), 0)
    stated = dict(_field(line) for line in lines[:start] if ":\t" in line)
    model, serial = _first(stated, "Model", "ﾓﾃﾞﾙ"), _first(stated, "Serial Number", "ｼﾘｱﾙ No.")
    told = {
        "instrument": f"{model} {serial}".strip(),
        "acquired_at": vendor.moment(_first(stated, "Run Date", "分析日時")),
        "sample_name": _first(stated, "Sample", "ｻﾝﾌﾟﾙ"),
    }
    if _first(stated, "Measurement type", "測定ﾓｰﾄﾞ") not in _MATRICES:
        dataset = read_delimited("\n".join(lines[start + 1 :]).encode(), axis_unit=axis_unit,
                                 intensity_unit=intensity_unit, where=where)  # fmt: skip
        return vendor.with_columns(dataset, {**told, **_held(stated)}, stated)
    top = fluorescence.top_row(lines, start, delimiter="\t", where=where)
    rows = fluorescence.matrix_rows(lines, top, delimiter="\t", where=where)
    excitation, emission, intensity = fluorescence.matrix_of(rows, emission_down=True, where=where)
    fluorescence.check_stokes(excitation, emission, intensity, needed=False, where=where)
    return fluorescence.make_matrix(
        excitation, emission, intensity, axis_unit=axis_unit, intensity_unit=intensity_unit, told=told, stated=stated,
        where=where,
    )  # fmt: skip


def _field(line: str) -> tuple[str, str]:
    name, _, text = line.partition(":\t")
    return " ".join(name.split()), text.strip(" \t'")


def _first(stated: Mapping[str, str], *names: str) -> str:
    return next((stated[name] for name in names if stated.get(name)), "")


def _held(stated: Mapping[str, str]) -> dict[str, str]:
    """Give the wavelength that was held during a wavelength scan."""
    held = {fluorescence.EXCITATION: "EX WL", fluorescence.EMISSION: "EM WL"}
    return {column: stated[name].removesuffix("nm").strip() for column, name in held.items() if stated.get(name)}
