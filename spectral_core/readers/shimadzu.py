"""Text that LabSolutions RF writes for the Shimadzu RF-6000: matrices with emission across and excitation down."""

from __future__ import annotations

import re

import xarray as xr

from spectral_core.readers import fluorescence, vendor
from spectral_core.readers.japanese import decode_japanese
from spectral_core.readers.rows import split_cells
from spectral_core.readers.text import split_lines

_START = re.compile(
    rb'"?RawData"?[ \t]*\r?\n"?(?:\x97\xe3\x8bN\x94g\x92\xb7/|\xe5\x8a\xb1\xe8\xb5\xb7|Ex[a-z. ]*/)', re.I
)
_DATA = '"RawData"'
_NAMES = {"instrument": ("型名(S/N)", "機種名", "Model (S/N)", "Model"), "sample_name": ("サンプル名", "Sample Name"),
          "acquired_at": ("作成日時", "Date/Time")}  # fmt: skip


def is_shimadzu(data: bytes) -> bool:
    """Whether a text holds a table of excitation against emission under "RawData"."""
    head = data[:65536]
    return b"RawData" in head and _START.search(head) is not None


def read_shimadzu(data: bytes, *, axis_unit: str, intensity_unit: str, where: str) -> xr.Dataset:
    """Read a 3-D spectrum, whose corner names the axes ("励起波長/蛍光波長", excitation/emission).

    Raises:
        ReadError: The table is damaged or contradicts physics.
        SpectraError: The numbers break the Spectra contract.
    """
    lines = split_lines(decode_japanese(data, where=where))
    start = next((i for i, line in enumerate(lines) if line.strip().strip('"') == _DATA.strip('"')), 0)
    cells = [split_cells(line, ",", f"{where}, row {i + 1}") for i, line in enumerate(lines[:start]) if line.strip()]
    stated: dict[str, str] = {}
    for name, *texts in cells:
        text = ", ".join(filter(None, texts))
        key = name.rstrip(":")
        if text:
            # "データ間隔" (interval) stands under excitation and under emission
            stated[key if key not in stated else f"{key} 2"] = text
    told = {column: next((stated[n] for n in names if n in stated), "") for column, names in _NAMES.items()}
    told["acquired_at"] = vendor.moment(told["acquired_at"])
    top = fluorescence.top_row(lines, start + 1, delimiter=",", where=where)
    rows = fluorescence.matrix_rows(lines, top, delimiter=",", where=where)
    excitation, emission, intensity = fluorescence.matrix_of(rows, emission_down=False, where=where)
    fluorescence.check_stokes(excitation, emission, intensity, needed=False, where=where)
    return fluorescence.make_matrix(
        excitation, emission, intensity, axis_unit=axis_unit, intensity_unit=intensity_unit, told=told, stated=stated,
        where=where,
    )  # fmt: skip
