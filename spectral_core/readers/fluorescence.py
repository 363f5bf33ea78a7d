"""Excitation–emission matrices: one emission spectrum an excitation wavelength, which is a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.errors import ReadError, offenders
from spectral_core.readers import vendor
from spectral_core.readers.rows import split_cells
from spectral_core.readers.stated import agree_axis_field
from spectral_core.readers.text import Row, is_number, numbers
from spectral_core.spectra import make_spectra

EXCITATION, EMISSION = "excitation_nm", "emission_nm"
"""Columns: the wavelength held while the other was scanned."""

Floats = npt.NDArray[np.float64]

_BESIDE_SCATTER = 20.0
_DARKER = 0.5
_LEAST = 10


def matrix_rows(lines: Sequence[str], top: int, *, delimiter: str, where: str) -> list[Row]:
    """Split the rows of a matrix, from its row of wavelengths (index `top`) to the first empty line.

    Raises:
        ReadError: A row is longer or shorter than the first, or there are fewer than two rows of numbers.
    """
    rows: list[Row] = []
    for number, line in enumerate(lines[top:], start=top + 1):
        if not line.strip(f"{delimiter} \t"):
            break
        rows.append((number, split_cells(line, delimiter, f"{where}, row {number}")))
    width = len(rows[0][1]) if rows else 0
    while width > 2 and not any(len(cells) >= width and cells[width - 1] for _, cells in rows):
        width -= 1
    cut = [(number, cells[:width] if not any(cells[width:]) else cells) for number, cells in rows]
    for number, cells in cut:
        if len(cells) != width:
            raise ReadError(f"{where}, row {number}", f"{width} cells as in row {cut[0][0]}", f"{len(cells)}",
                            "The file is damaged or cut off; export it anew.")  # fmt: skip
    if len(cut) < 3 or width < 3:
        raise ReadError(where, "a matrix of wavelengths", f"{len(cut)} rows of {width} cells", vendor.ANEW)
    return cut


def matrix_of(rows: Sequence[Row], *, emission_down: bool, where: str) -> tuple[Floats, Floats, Floats]:
    """Give excitation wavelengths (n), emission wavelengths (d) and intensities (n × d) of a matrix.

    Raises:
        ReadError: A cell is no finite number; the cell is named.
    """
    top, body = rows[0], rows[1:]
    width = len(top[1])
    names = [f"{i + 1} ({cell})" if cell else str(i + 1) for i, cell in enumerate(top[1])]
    across = numbers([(top[0], ["0", *top[1][1:]])], range(1, width), names, where=where)[0]
    values = numbers(list(body), range(width), names, where=where)
    down, inner = values[:, 0], values[:, 1:]
    return (across, down, inner.T) if emission_down else (down, across, inner)


def check_stokes(excitation: Floats, emission: Floats, intensity: Floats, *, needed: bool, where: str) -> None:
    """Hold a matrix against physics: where emission is shorter than excitation there is no fluorescence.

    Compared are mean absolute intensities more than 20 nm to either side of the scattered line. A matrix that
    is brighter on the forbidden side has its axes the other way round.

    Args:
        excitation: n wavelengths in nm.
        emission: d wavelengths in nm.
        intensity: n × d.
        needed: Whether the file itself does not say which axis is which, so that this is the only evidence;
            the forbidden side must then exist and be less than half as bright.
        where: Place named in errors.

    Raises:
        ReadError: The forbidden side is the brighter one, or evidence is needed and there is none.
    """
    shift = emission[None, :] - excitation[:, None]
    allowed, forbidden = np.abs(intensity[shift > _BESIDE_SCATTER]), np.abs(intensity[shift < -_BESIDE_SCATTER])
    few = min(allowed.size, forbidden.size) < _LEAST
    if not needed and (few or not intensity.any()):
        return
    ratio = float("nan") if few else forbidden.mean() / allowed.mean() if allowed.any() else float("inf")
    if not ratio < (_DARKER if needed else 1.0):
        found = "no cells to tell them by" if few else f"{ratio:.2g} times the light below the excitation wavelength"
        raise ReadError(where, "excitation and emission told apart", found,
                        "Check which axis is the excitation; export one emission spectrum a file.")  # fmt: skip


def make_matrix(
    excitation: Floats, emission: Floats, intensity: Floats, *, axis_unit: str, intensity_unit: str,
    told: Mapping[str, str], stated: Mapping[str, object], where: str,
) -> xr.Dataset:  # fmt: skip
    """Build the spectra of a matrix, named by their excitation wavelengths.

    Args:
        excitation: n wavelengths in nm.
        emission: d wavelengths in nm.
        intensity: n × d.
        axis_unit: Unit that the study declares; other than nm is refused.
        intensity_unit: Quantity to record.
        told: Further columns, the same for all spectra (`instrument`, `acquired_at`).
        stated: Everything else that the file states.
        where: Place named in errors.

    Raises:
        ReadError: The study declares another unit, or an excitation occurs twice.
        SpectraError: The numbers break the Spectra contract.
    """
    agree_axis_field("nm", axis_unit, where=f"{where}, wavelengths")
    names = [f"{wavelength:.6g}" for wavelength in excitation]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ReadError(where, "every excitation once", f"{offenders(twice)} more than once", "Export the file anew.")
    n = len(names)
    metadata = {name: [text] * n for name, text in told.items()}
    metadata |= {"spectrum": names, EXCITATION: names, vendor.METADATA_COLUMN: vendor.as_column(stated, n)}
    return make_spectra(
        intensity, emission, axis_unit=axis_unit, intensity_unit=intensity_unit, metadata=metadata, where=where
    )


def top_row(lines: Sequence[str], start: int, *, delimiter: str, where: str) -> int:
    """Find the first line from `start` whose cells are wavelengths beside a corner.

    Raises:
        ReadError: There is none.
    """
    for at in range(start, len(lines)):
        cells = [cell.strip() for cell in lines[at].split(delimiter)][1:]
        filled = [cell for cell in cells if cell]
        if len(filled) > 1 and all(is_number(cell) for cell in filled):
            return at
    raise ReadError(where, "a row of wavelengths above a matrix", "none", vendor.ANEW)
