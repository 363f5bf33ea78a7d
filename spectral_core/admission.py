"""Admission to the archive: a file that could be read is put on the archive's axis and measured, or refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.archive import ArchiveAxis, axis_of
from spectral_core.archive.inbox import Found
from spectral_core.errors import OffbandError, ReadError
from spectral_core.quality import NEVER_NEGATIVE, Measured, measure_quality
from spectral_core.readers import Source, read_plain, read_spectra
from spectral_core.readers.stated import quantity
from spectral_core.samples import SampleTable, sample_columns
from spectral_core.spectra import METADATA, as_stored, canonical_axis_unit, make_spectra
from spectral_core.study import Quality, Study

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Prepared:
    """A file that could be read: its bytes, n × d intensities, their axis, and columns of n texts."""

    found: Found
    source: Source
    axis: ArchiveAxis
    intensity: npt.NDArray[np.float32]
    columns: Columns

    @property
    def bytes_held(self) -> int:
        """Memory it takes until the commit."""
        return self.source.size + self.intensity.nbytes


def prepare(found: Found, source: Source, *, study: Study, table: SampleTable) -> Prepared:
    """Read a source as the study says, and join what the samples say.

    Raises:
        OffbandError: The source cannot be read, or the samples do not describe it.
    """
    reading = study.reading
    plain = read_plain(source, axis_unit=reading.axis_unit, intensity_unit=reading.intensity_unit)
    if plain is not None:
        intensity, positions = as_stored(plain.intensity, plain.axis, where=source.name)
        axis = ArchiveAxis(positions, canonical_axis_unit(reading.axis_unit), plain.intensity_unit)
        own = {name: [""] for name in METADATA} | {
            "spectrum_id": [f"{source.sha256[:16]}:0"], "source": [source.name], "source_sha256": [source.sha256],
            "spectrum": list(plain.spectra),
        }  # fmt: skip
    else:
        spectra = read_spectra(source, axis_unit=reading.axis_unit, intensity_unit=reading.intensity_unit)
        intensity, axis = spectra.variables["intensity"].values, axis_of(spectra)
        own = {str(name): list(c.values) for name, c in spectra.coords.items() if c.dims == ("sample",)}
    return Prepared(found, source, axis, intensity, own | sample_columns(table, own))


def admit(
    files: Sequence[Prepared], axis: ArchiveAxis, quality: Quality
) -> tuple[list[Prepared], list[tuple[Prepared, str]]]:
    """Put files on the archive's axis, measure their quality, and part those that the study refuses.

    A file is refused whole if one of its spectra is. Quality is measured on the channels of the file, before
    any interpolation, which would smooth noise and spikes.

    Args:
        files: What was prepared.
        axis: The archive's axis.
        quality: The study's axis policy and limits.

    Returns:
        The files to store, on the axis and with their columns of quality; and the others with the reasons.
    """
    admitted, refused = [], []
    for file, (measured, rows, texts) in zip(files, _measured(files, quality), strict=True):
        try:
            fitted = _on_axis(file, axis, quality)
            for row in rows:
                measured.check(quality, row, where=_place(file, row - rows.start))
        except OffbandError as error:
            refused.append((file, str(error)))
            continue
        columns = {name: column[rows.start : rows.stop] for name, column in texts.items()}
        admitted.append(replace(fitted, columns={**fitted.columns, **columns}))
    return admitted, refused


def _measured(files: Sequence[Prepared], quality: Quality) -> list[tuple[Measured, range, Columns]]:
    """Measure files of as many channels and of a like quantity together: for each, where its rows are in what."""
    alike: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for number, file in enumerate(files):
        signed = quantity(file.axis.intensity_unit) not in NEVER_NEGATIVE
        alike[file.intensity.shape[1], signed].append(number)
    found: dict[int, tuple[Measured, range, Columns]] = {}
    for (_, signed), numbers in alike.items():
        x = np.concatenate([files[number].intensity for number in numbers])
        measured = measure_quality(x, signed=signed, ceiling=quality.ceiling)
        texts, start = measured.columns(), 0
        for number in numbers:
            rows = range(start, start + len(files[number].intensity))
            found[number], start = (measured, rows, texts), rows.stop
    return [found[number] for number in range(len(files))]


def as_spectra(files: Sequence[Prepared], axis: ArchiveAxis) -> xr.Dataset:
    """Put the spectra of several files into one dataset on the axis; a column that one lacks is "" there."""
    names = dict.fromkeys(name for file in files for name in file.columns)
    columns = {
        name: [text for file in files for text in file.columns.get(name, [""] * len(file.intensity))] for name in names
    }
    intensity = np.concatenate([file.intensity for file in files])
    return make_spectra(
        intensity, axis.positions, axis_unit=axis.unit, intensity_unit=axis.intensity_unit, metadata=columns
    )


def _on_axis(file: Prepared, axis: ArchiveAxis, quality: Quality) -> Prepared:
    """Give the file on the axis: as it is if it fits, else interpolated where the study allows and says how far.

    Between channels the interpolation is linear; beyond the file's first and last channel its value there is kept.
    """
    n = len(file.intensity)
    if axis.fits(file.axis):
        return replace(file, columns={**file.columns, "quality_interpolated": ["0"] * n})
    same_units = (axis.unit, axis.intensity_unit) == (file.axis.unit, file.axis.intensity_unit)
    if quality.axis_tolerance is None or not same_units:
        remedy = "Export it on that axis, or keep it in an archive of its own."
        raise ReadError(file.found.name, f"the archive's axis, {axis}", axis.difference(file.axis), remedy)
    farthest = _farthest(axis.positions, file.axis.positions)
    if farthest > quality.axis_tolerance:
        expected = f"a channel within {quality.axis_tolerance:g} {axis.unit} of each of the archive's, {axis}"
        found = f"{file.axis}, up to {farthest:.4g} {axis.unit} away"
        raise ReadError(file.found.name, expected, found, "Export it on that axis, or change quality.axis_tolerance.")
    moved = [np.interp(axis.positions, file.axis.positions, row) for row in file.intensity]
    flagged = {**file.columns, "quality_interpolated": [f"{farthest:.4g}"] * n}
    return replace(file, axis=axis, intensity=np.asarray(moved, dtype=np.float32), columns=flagged)


def _farthest(wanted: npt.NDArray[np.float64], present: npt.NDArray[np.float64]) -> float:
    """Largest distance from a wanted position to the nearest that is present."""
    after = np.clip(np.searchsorted(present, wanted), 1, len(present) - 1) if len(present) > 1 else np.zeros(1, int)
    return float(np.minimum(np.abs(present[after] - wanted), np.abs(present[after - 1] - wanted)).max())


def _place(file: Prepared, row: int) -> str:
    return file.found.name if len(file.intensity) == 1 else f"{file.found.name}, spectrum {row + 1}"
