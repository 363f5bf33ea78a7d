"""What the sample sheet says of spectra that are archived already: corrections, and contradictions."""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt
import xarray as xr

from spectral_core.archive.store import Archive
from spectral_core.errors import SheetError
from spectral_core.readers.columns import column_name
from spectral_core.samples import SPECTRUM, SampleTable, join_samples, metadata_for


def correct_metadata(archive: Archive, table: SampleTable) -> int:
    """Relabel archived spectra whose row in the sample sheet has changed; say how many.

    Spectra of which the table says nothing, say because a new campaign has a sheet of its own, keep their
    metadata. Hold `archive.writing()`.

    Raises:
        SheetError: The table says something of them that it may not say of any spectrum.
    """
    if not archive.sources():
        return 0
    metadata = archive.metadata()
    described = _described(table, metadata)
    if not described.any():
        return 0
    joined = join_samples(table, metadata.isel(sample=described))
    columns = {}
    for name, texts in joined.coords.items():
        column = metadata[name].values if name in metadata.coords else np.full(len(described), "", dtype=object)
        columns[name] = ("sample", column.copy())
        columns[name][1][described] = texts.values
    return archive.relabel(xr.Dataset(coords=columns))


class StatedLabels:
    """The label that a sheet or pattern states for a spectrum, if it states one."""

    def __init__(self, table: SampleTable) -> None:
        self._table = table
        self._named = None if table.samples.pattern is not None else frozenset(table.files)

    def of(self, source: str, spectrum: str = "") -> str | None:
        """Give the label stated for a spectrum of a file, or None."""
        # asked of a file that no row names, metadata_for looks for the closest name, which takes long
        if self._named is not None and unicodedata.normalize("NFC", source) not in self._named:
            return None
        try:
            return metadata_for(self._table, source, spectrum)[self._table.samples.label]
        except SheetError:
            return None

    def contradiction(self, name: str, holder: str) -> str | None:
        """Say so if the bytes archived as `holder` have another label as `name`: one of the two is wrong."""
        here, there = self.of(name), self.of(holder)
        if here is None or there is None or here == there:
            return None
        expected = f"{there!r}, the label of {holder!r}, which has the same bytes"
        remedy = "Correct the wrong one of the two, or remove one of the files."
        return str(SheetError(f"{name}, column {self._table.samples.label}", expected, repr(here), remedy))


def _described(table: SampleTable, metadata: xr.Dataset) -> npt.NDArray[np.bool_]:
    samples, n = table.samples, metadata.sizes["sample"]
    if samples.sheet is None and samples.pattern is None:
        own = column_name(samples.label)
        return np.asarray(metadata[own].values != "") if own in metadata.coords else np.zeros(n, dtype=np.bool_)
    labels = StatedLabels(table)
    spectra = metadata[SPECTRUM].values if SPECTRUM in metadata.coords else [""] * n
    keys = zip(metadata["source"].values, spectra, strict=True)
    return np.array([labels.of(source, spectrum) is not None for source, spectrum in keys])
