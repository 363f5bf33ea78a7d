"""A light pass over the raw rows: what is asked of every single spectrum, and sums that are cheap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from dask.delayed import delayed

from spectral_core.controls.normalised import Sameness
from spectral_core.controls.nuisance import Runs, raw_scalars
from spectral_core.copies import digest_of
from spectral_core.errors import SpectraError
from spectral_core.splits import Codes
from spectral_core.streaming.passes import Execution
from spectral_core.streaming.rows import Rows, Spectra

Floats = npt.NDArray[np.float64]
Digests = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Survey:
    """What a pass over raw spectra tells.

    `digests` (n × 2) are equal where spectra are; `mean` and `sd` hold C × d numbers, one row a class; `scalars` the
    raw nuisance scalars for each set of runs; `normalised` names what every spectrum has alike ("" if nothing).
    """

    digests: Digests
    mean: Floats
    sd: Floats
    scalars: list[dict[str, Floats]]
    normalised: str


class _Range:
    """What one range of rows tells; ranges are put together in order."""

    def __init__(self, n_classes: int, shift: Floats, axis: Floats) -> None:
        self.broken: tuple[int, float, float, int] | None = None  # spectrum, axis, value, how many in all
        self.digests: list[Digests] = []
        self.sums = np.zeros((2, n_classes, shift.size))
        self.scalars: list[list[dict[str, Floats]]] = []
        self.same = Sameness(axis)
        self.shift = shift

    def add(self, x: Spectra, codes: Codes, rows: slice, axis: Floats, runs: Sequence[Runs]) -> None:
        """Add a block of rows."""
        if not np.isfinite(x).all():
            self._find_broken(x, rows, axis)
            return
        hashes = b"".join(digest_of(row) for row in np.ascontiguousarray(x))
        self.digests.append(np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2))
        self.scalars.append([raw_scalars(x, axis, of_places) for of_places in runs])
        self.same.add(x)
        around = x - self.shift
        for c in np.unique(codes).tolist():
            of_class = around[codes == c]
            self.sums[0, c] += of_class.sum(axis=0)
            self.sums[1, c] += np.einsum("ij,ij->j", of_class, of_class)

    def _find_broken(self, x: Spectra, rows: slice, axis: Floats) -> None:
        bad = ~np.isfinite(x)
        row, channel = (int(i) for i in np.argwhere(bad)[0])
        first = (rows.start + row, float(axis[channel]), float(x[row, channel]), 0)
        found = self.broken or first
        self.broken = (*found[:3], found[3] + int(bad.sum()))


class _Task:
    def __init__(self, rows: Rows, codes: Codes, n_classes: int, axis: Floats, runs: Sequence[Runs]) -> None:
        self.rows, self.codes, self.n_classes, self.axis, self.runs = rows, codes, n_classes, axis, runs


def _survey_range(task: _Task, shift: Floats) -> _Range:
    found = _Range(task.n_classes, shift, task.axis)
    for rows, x in task.rows.blocks():
        own = slice(rows.start - task.rows.offset, rows.stop - task.rows.offset)
        found.add(x, task.codes[own], rows, task.axis, task.runs)
    return found


def survey_rows(
    rows: Rows, axis: Floats, codes: Codes, n_classes: int, runs: Sequence[Runs], *, execution: Execution, where: str
) -> Survey:
    """Read all spectra once.

    Args:
        rows: n × d raw intensities.
        axis: d channel positions.
        codes: Class of each of n spectra.
        n_classes: Number of classes.
        runs: Sets of runs of channels that nuisance scalars are taken on.
        execution: Where tasks run.
        where: What errors call the spectra.

    Raises:
        SpectraError: NaN or infinite intensities: the first and their number.
    """
    first = rows[slice(0, min(rows.together, rows.shape[0]))].astype(np.float64)
    shift = np.where(np.isfinite(first).all(axis=0), first.mean(axis=0), 0.0)
    tasks = [
        delayed(_survey_range, pure=False)(_Task(rows.between(a, b), codes[a:b], n_classes, axis, runs), shift)
        for a, b in execution.ranges(rows)
    ]
    found: list[_Range] = execution.compute(tasks)
    _refuse_broken(found, where)
    sums = np.sum([part.sums for part in found], axis=0)
    sizes = np.bincount(codes, minlength=n_classes)[:, None]
    mean = sums[0] / sizes
    scalars: list[list[Mapping[str, Floats]]] = [
        [block[i] for part in found for block in part.scalars] for i in range(len(runs))
    ]
    return Survey(
        np.concatenate([block for part in found for block in part.digests]),
        mean + shift,
        np.sqrt(np.maximum(sums[1] / sizes - mean**2, 0.0)),
        [{name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]} for blocks in scalars],
        Sameness.of([part.same for part in found]).name,
    )


def _refuse_broken(found: Sequence[_Range], where: str) -> None:
    broken: list[Any] = [part.broken for part in found if part.broken is not None]
    if broken:
        row, position, value, _ = broken[0]
        raise SpectraError(f"{where}, spectrum {row + 1}, axis {position:g}", "a finite intensity",
                           f"{value} ({sum(part[3] for part in broken)} such values in all)",
                           "Repair the file or leave the spectrum out.")  # fmt: skip
