"""What is classified, as functions of raw rows: the chain on the whole spectrum or on a crop of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from spectral_core.errors import SpectraError
from spectral_core.preprocessing import Chain
from spectral_core.splits import Codes
from spectral_core.streaming.rows import Spectra

Floats = npt.NDArray[np.float64]
_no_shift = partial(np.zeros, 1)


@dataclass(frozen=True)
class Source:
    """A matrix made of raw rows, or given as it is.

    The chain sees the `channels` only; with `beside`, the same channels as measured stand to the right of its result.
    `shift` (m) is taken off, so that sums over many rows stay exact. Of a matrix that is `given` the rows from `offset`
    on are at hand.
    """

    name: str
    chain: Chain
    axis: Floats
    channels: Codes | None = None
    beside: bool = False
    given: Floats | None = None
    offset: int = 0
    shift: Floats = field(default_factory=_no_shift)

    @property
    def n_columns(self) -> int:
        """Columns of the matrix; known once there is a shift."""
        return int(self.shift.size)

    def between(self, start: int, stop: int) -> Source:
        """Keep the rows from start to stop of what is given."""
        if self.given is None:
            return self
        return replace(self, given=self.given[start - self.offset : stop - self.offset], offset=start)

    def shifted(self, x: Spectra, rows: slice) -> Source:
        """Take the mean of some rows as shift."""
        return replace(self, shift=replace(self, shift=_no_shift()).matrix(x, rows).mean(axis=0))

    def cut(self, x: Spectra, rows: slice) -> tuple[Spectra, Spectra | None]:
        """Give the chain's result on some raw rows, and what stands beside it.

        Raises:
            CropError: A step refuses a spectrum.
        """
        crop = x if self.channels is None else x[:, self.channels]
        axis = self.axis if self.channels is None else self.axis[self.channels]
        try:
            return self.chain.apply(crop, axis)[0], crop if self.beside else None
        except SpectraError as error:
            raise CropError(self.name, *of_archive(error, rows.start).args) from None

    def matrix(self, x: Spectra, rows: slice) -> Floats:
        """Compute rows × m numbers less the shift."""
        if self.given is not None:
            return self.given[rows.start - self.offset : rows.stop - self.offset] - self.shift
        made, beside = self.cut(x, rows)
        m = made.shape[1]
        z = np.empty((made.shape[0], m + (0 if beside is None else beside.shape[1])))
        z[:, :m] = made
        if beside is not None:
            z[:, m:] = beside
        z -= self.shift
        return z


@dataclass(frozen=True)
class Asked:
    """A block that is put before the probe: columns of a source.

    The columns from `split` on stand beside the chain's result and are given its spread. `n_channels` and `note`
    are what the report says of the block.
    """

    name: str
    source: str
    n_channels: int
    columns: Codes | None = None
    split: int | None = None
    note: str = ""


class CropError(SpectraError):
    """A step refuses a spectrum of one source."""

    def __init__(self, source: str, where: str, expected: str, found: str, remedy: str) -> None:
        super().__init__(where, expected, found, remedy)
        self.source = source
        self.args = (source, where, expected, found, remedy)  # what pickle hands over

    @property
    def plain(self) -> SpectraError:
        """The error as the step raised it."""
        return SpectraError(self.where, self.expected, self.found, self.remedy)


def of_archive(error: SpectraError, start: int) -> SpectraError:
    """Count the spectrum that an error names from the archive's first row."""
    where = re.sub(r"\bspectrum (\d+)", lambda m: f"spectrum {start + int(m[1])}", error.where)
    return SpectraError(where, error.expected, error.found, error.remedy)
