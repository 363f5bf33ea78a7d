"""Ingestion: every file of the inbox ends in the archive once, or in quarantine with its reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spectral_core.archive import (
    Archive,
    ArchiveAxis,
    Entry,
    Ledger,
    Stat,
    axis_of,
    check_claimable,
    create_archive,
    drop_copies,
    is_archive,
    keep_copy,
    most_frequent_axis,
    open_archive,
)
from spectral_core.errors import ArchiveError, OffbandError, ReadError, SheetError
from spectral_core.readers import Source, is_source, open_source, read_spectra
from spectral_core.samples import SampleTable, join_samples, load_samples
from spectral_core.spectra import make_spectra
from spectral_core.study import Study

BATCH_BYTES = 64 * 2**20
"""A batch is committed when its files and spectra take this much memory, however few the files."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class IngestReport:
    """What one ingestion did with the files of the inbox.

    `new`, `already_archived` and `duplicates` (the bytes of another file) count files; `quarantined` lists
    (file, reason); `waiting` names files that changed while they were read, for the next run; `relabelled`
    counts archived spectra whose metadata the sample sheet corrected; `spectra` counts those added, and
    `spectra_in_archive` all in `snapshot`.
    """

    new: int
    already_archived: int
    duplicates: int
    quarantined: tuple[tuple[str, str], ...]
    waiting: tuple[str, ...]
    relabelled: int
    spectra: int
    spectra_in_archive: int
    snapshot: str

    def __str__(self) -> str:
        further = {
            "duplicates": self.duplicates,
            "quarantined": len(self.quarantined),
            "still being written": len(self.waiting),
            "relabelled": self.relabelled,
        }
        parts = [f"{self.new} new", f"{self.already_archived} already archived"]
        return ", ".join(parts + [f"{count} {what}" for what, count in further.items() if count])

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """A file of the inbox: its name relative to the inbox, its path, and its stat when it was found."""

    name: str
    path: Path
    stat: Stat


@dataclass(frozen=True)
class Prepared:
    """A file that could be read: its bytes, its spectra, and the axis they are on."""

    found: Found
    source: Source
    spectra: xr.Dataset
    axis: ArchiveAxis
    
    def size(self):
        return self.source.size + self.spectra["intensity"].nbytes
