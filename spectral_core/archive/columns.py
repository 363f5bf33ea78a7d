"""The zarr group of an archive: `intensity`, `axis`, and one array of texts for every metadata column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

from spectral_core.archive.axis import ArchiveAxis
from spectral_core.archive.digests import UNRECORDED, row_digests
from spectral_core.errors import ArchiveError, SpectraError, offenders
from spectral_core.spectra import validate_spectra

CHUNK_BYTES = 4 * 2**20
TEXT_ROWS = 4096
DIGEST_ROWS = 65_536
READ_ROWS = 32 * TEXT_ROWS
NUMERIC = ("intensity", "axis")
DIGEST = "_digest"  # no column's array begins so (see array_name)
IDENTITY = ("spectrum_id", "source", "source_sha256")
"""Columns that say which spectrum a row is; they never change."""

Texts = npt.NDArray[np.object_]


def array_name(column: str) -> str:
    """Give the array that holds a column: any text is a column's name, not any text an array's.

    Example:
        >>> array_name("label"), array_name("mg/L ethanol")
        ('label', 'mg%2FL%20ethanol')
    """
    quoted = quote(column, safe="").replace(".", "%2E")
    return quoted if not quoted.startswith("_") else "%5F" + quoted[1:]


def text_columns(group: zarr.Group) -> tuple[str, ...]:
    """Name the metadata columns of the group, in no particular order."""
    return tuple(unquote(name) for name in group.array_keys() if name not in (*NUMERIC, DIGEST))


def text_array(group: zarr.Group, column: str) -> zarr.Array[Any]:
    """Give the array that holds one metadata column."""
    return array_in(group, array_name(column))


def array_in(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Give an array of the group by name."""
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(name)
    return array


def read_texts(group: zarr.Group, column: str, start: int = 0) -> Texts:
    """Read one metadata column from row `start` on, as Python texts; where few differ, equal ones are one object."""
    array = text_array(group, column)
    texts: Texts = np.empty(array.shape[0] - start, dtype=object)
    known: dict[str, str] = {}
    for at in range(start, array.shape[0], READ_ROWS):
        read = np.asarray(array[at : at + READ_ROWS]).tolist()
        if len(known) <= (at - start) // 2:
            read = [known.setdefault(text, text) for text in read]
        texts[at - start : at - start + len(read)] = read
    return texts


def text_variable(texts: Texts) -> xr.Variable:
    """Put texts on `sample` as they are: xarray would copy each one by way of pandas, gigabytes of them in all."""
    return xr.Variable(("sample",), texts, fastpath=True)


def lay_out(group: zarr.Group, axis: ArchiveAxis) -> None:
    """Create `intensity` without rows, and `axis`; no chunk ever divides the channels."""
    d = len(axis.positions)
    rows = max(1, CHUNK_BYTES // (4 * d))
    group.create_array(
        "intensity",
        shape=(0, d),
        chunks=(rows, d),
        dtype="float32",
        fill_value=np.float32("nan"),
        compressors=(BloscCodec(cname="lz4", shuffle="shuffle", typesize=4),),
        dimension_names=("sample", "channel"),
        attributes={"units": axis.intensity_unit},
    )
    positions = group.create_array(
        "axis",
        shape=(d,),
        chunks=(d,),
        dtype="float64",
        dimension_names=("channel",),
        attributes={"units": axis.unit},
    )
    positions[:] = axis.positions


def append_rows(group: zarr.Group, intensity: npt.NDArray[np.float32], columns: Mapping[str, Texts]) -> None:
    """Append n spectra and their metadata; a column that either side lacks is "" there."""
    ensure_columns(group, columns)
    stored = array_in(group, "intensity")
    before, d = stored.shape
    after = before + len(intensity)
    stored.resize((after, d))
    stored[before:] = intensity
    append_digests(group, row_digests(intensity, np.asarray(array_in(group, "axis")[:])), before)
    for column in text_columns(group):
        array = text_array(group, column)
        array.resize((after,))
        if column in columns:
            array[before:] = columns[column]


def append_digests(group: zarr.Group, digests: npt.NDArray[np.uint64], before: int) -> None:
    """Append the digests of new spectra; an archive from before digests were kept gets the array now."""
    if DIGEST not in group:
        group.create_array(
            DIGEST,
            shape=(0,),
            chunks=(DIGEST_ROWS,),
            dtype="uint64",
            fill_value=UNRECORDED,
            dimension_names=("sample",),
        )
    array = array_in(group, DIGEST)
    array.resize((before + len(digests),))
    array[before:] = digests


def read_digests(group: zarr.Group) -> npt.NDArray[np.uint64]:
    """Read the digests of all spectra, as they were when they were archived."""
    n = int(array_in(group, "intensity").shape[0])
    if DIGEST not in group:
        return np.full(n, UNRECORDED)
    return np.asarray(array_in(group, DIGEST)[:], dtype=np.uint64)


def ensure_columns(group: zarr.Group, columns: Mapping[str, Texts]) -> None:
    """Add the columns that the group lacks; rows that are there already read as ""."""
    rows = array_in(group, "intensity").shape[0]
    present = set(text_columns(group))
    missing = [column for column in columns if column not in present]
    if not missing:
        return
    for column in missing:
        group.create_array(
            array_name(column),
            shape=(rows,),
            chunks=(TEXT_ROWS,),
            dtype=str,
            fill_value="",
            dimension_names=("sample",),
            attributes={"long_name": column},
        )
    names = sorted(array_name(column) for column in present.union(missing))
    # the attribute by which xarray knows coordinates; names in it are separated by spaces
    array_in(group, "intensity").attrs["coordinates"] = " ".join(["axis", *names])


def write_columns(group: zarr.Group, columns: Mapping[str, Texts]) -> None:
    """Overwrite whole metadata columns, adding those that the group lacks."""
    ensure_columns(group, columns)
    for column, texts in columns.items():
        text_array(group, column)[:] = texts


def differing(archived: Mapping[str, Texts], wanted: Mapping[str, Texts]) -> dict[str, npt.NDArray[np.bool_]]:
    """Say in which rows a wanted column differs from the archived one, for the columns that differ at all.

    A column that is not archived yet counts as "" there.

    Example:
        >>> texts = np.array(["a", "b"], dtype=object)
        >>> differing({"label": texts}, {"label": texts[::-1], "unit": np.array(["", "u"], dtype=object)})
        {'label': array([ True,  True]), 'unit': array([False,  True])}
    """
    differs = {name: archived.get(name, np.full_like(texts, "")) != texts for name, texts in wanted.items()}
    return {name: where for name, where in differs.items() if where.any()}


def rows_to_store(columns: Mapping[str, Texts], archived: Mapping[str, str]) -> npt.NDArray[np.bool_]:
    """Choose the rows to store, so that no bytes are stored twice.

    Args:
        columns: Metadata of the rows on offer.
        archived: Has a key for the sha256 of every file in the archive.

    Returns:
        One flag a row: false for bytes in the archive, for a second source of the same bytes, and for
        a second row of the same spectrum_id from the same bytes.
    """
    first: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    store = []
    for name, source, sha in zip(*(columns[column] for column in IDENTITY), strict=True):
        repeated = name != "" and (sha, name) in seen
        store.append(sha not in archived and first.setdefault(sha, source) == source and not repeated)
        seen.add((sha, name))
    return np.array(store, dtype=np.bool_)


def check_storable(dataset: xr.Dataset, *, where: str) -> dict[str, Texts]:
    """Take the metadata columns of a dataset that the archive can store.

    Raises:
        SpectraError: It breaks the Spectra contract.
        ArchiveError: A spectrum has no source_sha256, by which it would be known again.
    """
    columns = metadata_of(validate_spectra(dataset, where=where), where=where)
    remedy = "Build the dataset with spectral_core.spectra.make_spectra."
    if dataset["intensity"].dtype != np.float32:
        raise SpectraError(f"{where}, intensity", "float32", str(dataset["intensity"].dtype), remedy)
    if (columns["source_sha256"] == "").any():
        remedy = "Set it to the sha256 of the bytes that the spectrum was read from."
        raise ArchiveError(where, "a source_sha256 for every spectrum", "an empty one", remedy)
    return columns


def check_same_rows(archived: Mapping[str, Texts], wanted: Mapping[str, Texts], *, where: str) -> None:
    """Refuse metadata of other spectra than those archived, or in another order.

    Raises:
        ArchiveError: A column that says which spectrum a row is differs; it is named.
    """
    for name in IDENTITY:
        if name not in wanted or not np.array_equal(wanted[name], archived[name]):
            expected, remedy = (
                "the archive's own rows to relabel",
                "Change what Archive.metadata() gave, keep its rows.",
            )
            raise ArchiveError(where, expected, f"other values of {name}", remedy)


def metadata_of(dataset: xr.Dataset, *, where: str) -> dict[str, Texts]:
    """Take the metadata columns of a Spectra dataset, as Python texts.

    Raises:
        SpectraError: A variable is neither metadata nor intensity nor axis, is not text, or has a name
            that the schema uses otherwise.
    """
    columns: dict[str, Texts] = {}
    for name, variable in dataset.variables.items():
        if name in NUMERIC:
            continue
        if variable.dims != ("sample",) or name in ("sample", "channel", ""):
            raise SpectraError(
                where,
                "metadata as texts on sample",
                f"{name!r} with dims {variable.dims}",
                "Remove or rename the variable.",
            )
        texts: Texts = np.asarray(variable.values).astype(object)
        odd = [text for text in texts if not isinstance(text, str)]
        if odd:
            raise SpectraError(f"{where}, column {name}", "texts", offenders(odd), "Write the values as texts.")
        columns[str(name)] = texts
    return columns
