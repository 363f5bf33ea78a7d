"""Labels, units, batches and further columns: from a sample sheet, a pattern on file names, or the files."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import xarray as xr

from spectral_core.errors import ReadError, SheetError, offenders
from spectral_core.readers.columns import column_name
from spectral_core.readers.text import decode_text
from spectral_core.spectra import text_variable

if TYPE_CHECKING:
    from pathlib import Path

    from spectral_core.study import Samples

SPECTRUM = "spectrum"
"""Column of a sheet that tells several spectra of one file apart."""

Metadata = Mapping[str, str]
Key = tuple[str, str]


@dataclass(frozen=True)
class SampleTable:
    """What is known of the samples.

    Args:
        samples: The study's part that says where labels come from.
        where: The sheet or the pattern, for messages.
        rows: (file, spectrum) to column name to text; the spectrum is "" where the sheet names the file
            alone. Empty for a pattern and for files that bring their own columns.
    """

    samples: Samples
    where: str
    rows: Mapping[Key, Metadata]

    @property
    def files(self) -> tuple[str, ...]:
        """Files that the sheet names, in its order."""
        return tuple(dict.fromkeys(file for file, _ in self.rows))

    @cached_property
    def digest(self) -> str:
        """Hash of all that the table says, by which an unchanged one is known again."""
        return hashlib.sha256(f"{self.samples!r} {list(self.rows.items())!r}".encode()).hexdigest()

    def check_files(self, present: Collection[str]) -> None:
        """Refuse a sheet that names files which are neither in the inbox nor archived.

        Args:
            present: Paths relative to the inbox of all files there, and of those archived from it.

        Raises:
            SheetError: Files are missing and the study does not set `samples.allow_missing`; up to three are
                named, with the closest name that is there.
        """
        there = {_normal(name) for name in present}
        missing = [file for file in self.files if file not in there]
        if not missing or self.samples.allow_missing:
            return
        close = difflib.get_close_matches(missing[0], sorted(there), n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise SheetError(
            f"{self.where}, column {self.samples.file}",
            "files of the inbox",
            f"{offenders(missing)} not there",
            f"{hint}Correct the names, add the files, or set samples.allow_missing = true.",
        )  # fmt: skip


def load_samples(samples: Samples) -> SampleTable:
    """Read the sample sheet that the study names, if it names one.

    The sheet is CSV parted by comma, semicolon or tab, its first row the column names. Paths in its file
    column are relative to the inbox. Without a sheet, the pattern or the files' own columns are the source.

    Raises:
        SheetError: The sheet is missing or no table; a column is missing, a file repeated (a column
            `spectrum` may tell spectra of one file apart), a label empty, a row too long or short, a path
            absolute or with "..", or a time of acquisition not ISO 8601.
    """
    if samples.sheet is None:
        where = f"pattern {samples.pattern!r}" if samples.pattern is not None else "the file's own columns"
        return SampleTable(samples, where, {})
    where = samples.sheet.name
    header, *body = _table(samples.sheet, where)
    columns = _columns(header, samples, where)
    rows: dict[Key, Metadata] = {}
    for line, cells in body:
        if len(cells) != len(header[1]):
            expected = f"{len(header[1])} cells as in the first row"
            raise SheetError(f"{where}, row {line}", expected, f"{len(cells)}",
                             "Add or remove delimiters; quote texts that hold one.")  # fmt: skip
        row = {name: cells[i] for name, i in columns.items()}
        key = (_file(row[samples.file], f"{where}, row {line}, column {samples.file}"), row.get(SPECTRUM, ""))
        if key in rows:
            named = key[0] if not key[1] else f"{key[0]}, spectrum {key[1]}"
            raise SheetError(f"{where}, row {line}", "every file once", f"{named!r} again",
                             f"Remove the row, or tell spectra apart in a column {SPECTRUM!r}.")  # fmt: skip
        rows[key] = _checked(row, samples, f"{where}, row {line}")
    return SampleTable(samples, where, rows)


def metadata_for(table: SampleTable, source_name: str, spectrum: str = "") -> Metadata:
    """Give the columns that the sheet or the pattern states for one spectrum, by their names there.

    Args:
        table: What `load_samples` gave.
        source_name: Path of the file relative to the inbox.
        spectrum: The spectrum's name within its file, "" for the only one.

    Raises:
        SheetError: The sheet has no row for it, or the pattern does not match the file's name.
    """
    name = _normal(source_name)
    if table.samples.pattern is not None:
        return _matched(table, name)
    row = table.rows.get((name, spectrum.strip())) or table.rows.get((name, ""))
    if row is not None:
        return row
    named = [other for file, other in table.rows if file == name]
    if len(named) == 1 and not spectrum:
        return table.rows[name, named[0]]
    if named:
        raise SheetError(f"{table.where}, file {name!r}", f"a row for spectrum {spectrum!r}",
                         f"rows for {offenders(named)}", "Add the row.")  # fmt: skip
    close = difflib.get_close_matches(name, table.files, n=1)
    raise SheetError(table.where, f"a row for {name!r}", f"the closest, {close[0]!r}" if close else "none",
                     "Add the row, or correct the name.")  # fmt: skip


def join_samples(table: SampleTable, dataset: xr.Dataset) -> xr.Dataset:
    """Fill label, unit, batch and further columns of every spectrum, by its `source` and `spectrum`.

    Columns that the study does not map keep what the file states. Names that the Spectra contract uses
    otherwise are kept under another (`sample` as `sample_name`).

    Args:
        table: What `load_samples` gave.
        dataset: Spectra of one or more files.

    Returns:
        A copy with the columns; all texts, "" where not stated.

    Raises:
        SheetError: As `sample_columns` does.
    """
    own = {str(name): list(c.values) for name, c in dataset.coords.items() if c.dims == ("sample",)}
    columns = sample_columns(table, own)
    return dataset.assign_coords({name: text_variable(texts) for name, texts in columns.items()})


def sample_columns(table: SampleTable, own: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Give the columns that `join_samples` fills.

    Args:
        table: What `load_samples` gave.
        own: Columns of n texts that the spectra have, `source` among them.

    Raises:
        SheetError: A spectrum has no row, a file name does not match the pattern, a file lacks a column of
            its own, a label is empty, or a time of acquisition is not ISO 8601.
    """
    sources = [str(source) for source in own["source"]]
    samples = table.samples
    if samples.sheet is None and samples.pattern is None:
        rows = _own_rows(own, samples, sources)
    else:
        spectra = [str(s) for s in own.get(SPECTRUM, [""] * len(sources))]
        found = {key: metadata_for(table, *key) for key in dict.fromkeys(zip(sources, spectra, strict=True))}
        rows = [found[key] for key in zip(sources, spectra, strict=True)]
    wanted = {role: [row[name] for row in rows] for role, name in samples.roles().items()}
    further = {column_name(name): [row[name] for row in rows] for name in samples.columns}
    # a role wins over a further column of the same name
    return {**further, **wanted}


def _own_rows(own: Mapping[str, Sequence[str]], samples: Samples, sources: Sequence[str]) -> list[Metadata]:
    wanted = {name: column_name(name) for name in samples.wanted()}
    missing = [name for name, stored in wanted.items() if stored not in own]
    if missing:
        expected = f"the columns {offenders(missing)} in the file"
        raise SheetError(sources[0] if sources else "spectra", expected, f"columns {list(own)}",
                         "Name a sample sheet or a pattern in the study.")  # fmt: skip
    columns = {name: [str(v).strip() for v in own[stored]] for name, stored in wanted.items()}
    rows = [{name: column[i] for name, column in columns.items()} for i in range(len(sources))]
    return [_checked(row, samples, f"{sources[i]}, spectrum {i + 1}") for i, row in enumerate(rows)]


def _matched(table: SampleTable, name: str) -> Metadata:
    pattern = re.compile(table.samples.pattern or "")
    match = pattern.fullmatch(name) or pattern.fullmatch(PurePosixPath(name).name)
    if match is None:
        raise SheetError(name, f"a file name that matches {pattern.pattern!r}", "no match",
                         "Rename the file, or correct samples.pattern.")  # fmt: skip
    row = {group: (text or "").strip() for group, text in match.groupdict().items()}
    return _checked(row, table.samples, name)


def _checked(row: Metadata, samples: Samples, where: str) -> Metadata:
    if not row[samples.label]:
        raise SheetError(
            f"{where}, column {samples.label}", "a label", "an empty text", "Fill it, or leave the row out."
        )
    moment = row[samples.acquired_at] if samples.acquired_at is not None else ""
    if moment:
        try:
            datetime.fromisoformat(moment)
        except ValueError:
            place, expected = (
                f"{where}, column {samples.acquired_at}",
                "a time as in ISO 8601, 2026-01-31T09:30",
            )
            raise SheetError(place, expected, repr(moment), "Rewrite the time.") from None
    return row


def _table(sheet: Path, where: str) -> list[tuple[int, list[str]]]:
    try:
        text = decode_text(sheet.read_bytes(), where=where)
    except FileNotFoundError:
        raise SheetError(str(sheet), "a sample sheet", "no such file", "Correct samples.sheet.") from None
    except OSError as error:
        raise SheetError(str(sheet), "a readable file", error.strerror or "an error", "Check it.") from None
    except ReadError as error:
        raise SheetError(where, "a sheet as CSV text", error.found, "Save the sheet as CSV.") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise SheetError(f"{where}, row {reader.line_num}", "cells with balanced quotes", str(error),
                         "Repair the row.") from None  # fmt: skip
    filled = [(line, cells) for line, cells in rows if any(cells)]
    if len(filled) < 2:
        raise SheetError(where, "column names and at least one row", f"{len(filled)} rows", "Fill the sheet.")
    return filled


def _columns(header: tuple[int, list[str]], samples: Samples, where: str) -> dict[str, int]:
    line, names = header
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if twice:
        raise SheetError(f"{where}, row {line}", "different column names", offenders(twice), "Rename the columns.")
    wanted = dict.fromkeys([samples.file, *samples.wanted()])
    missing = [name for name in wanted if name not in names]
    if missing:
        known = ", ".join(name for name in names if name)
        expected = f"the columns {', '.join(map(repr, wanted))}"
        raise SheetError(f"{where}, row {line}", expected, f"no {offenders(missing)}",
                         f"The sheet has {known}: correct [samples] in the study, or the sheet.")  # fmt: skip
    return {name: i for i, name in enumerate(names) if name}


def _file(text: str, place: str) -> str:
    path = PurePosixPath(text.replace("\\", "/"))
    windows = PureWindowsPath(text)
    if not text or path.is_absolute() or windows.drive or windows.root or ".." in path.parts:
        raise SheetError(place, "a path relative to the inbox", repr(text), "Name the file as it lies in the inbox.")
    return _normal(str(path))


def _normal(name: str) -> str:
    """One spelling for names that only differ in how accents are composed."""
    plain = name.isascii() and "//" not in name and "./" not in name and not name.endswith("/")
    return name if plain else unicodedata.normalize("NFC", str(PurePosixPath(name)))
