"""Bands alone, everything without a band, and windows: Gram matrices add up over channels, K = Σ_b K_b.

Nothing is subtracted: K − K_b would lose the digits of a weak remainder beside a strong band, which is the
very case an off-band region is asked about. "All but one" of B groups comes from halving (what lies outside a
half is added once for all groups in it): about log₂B Gram matrices of the whole instead of B. A window grows
by its next group. While they are asked one after the other, about log₂B + 3 matrices of size n × n exist.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from spectral_core.errors import AuditError, offenders
from spectral_core.probe.fitting import Probe, primal_probe, probe_of_gram
from spectral_core.probe.ridge import scaled_gram
from spectral_core.probe.threads import threads_for

Floats = npt.NDArray[np.float64]
Key = TypeVar("Key")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Part:
    """Some channels of all spectra, as columns (few channels) or as a Gram matrix (many), not yet fitted.

    `floor` is the mean square of a spectrum that rounding alone can leave.
    """

    matrix: Floats
    is_gram: bool
    floor: float

    def fit(self) -> Probe:
        """Prepare the probe that sees these channels only: that of `fit_probe` on the cropped spectra."""
        if self.is_gram:
            return probe_of_gram(scaled_gram(self.matrix.copy(), no_variance=self.floor))
        varies = float((self.matrix**2).sum()) / self.matrix.shape[0] > self.floor
        return primal_probe(self.matrix if varies else np.zeros_like(self.matrix))


@dataclass(frozen=True)
class ChannelGroups:
    """Spectra cut into disjoint groups of channels (made by `group_channels`).

    `z` holds n × d intensities, centred by channel, on one scale; group i has columns `edges[i]` to
    `edges[i + 1]`, and channels of no group come last. `floor` holds, per group and for the rest, the mean
    square of a spectrum that rounding alone can leave.
    """

    z: Floats
    names: tuple[str, ...]
    edges: tuple[int, ...]
    floor: Floats

    def alone(self) -> Iterator[tuple[str, Part]]:
        """Take each group by itself (sufficiency)."""
        return ((name, self._part([(i, i + 1)], None)) for i, name in enumerate(self.names))

    def all_but_one(self) -> Iterator[tuple[str, Part]]:
        """Take all channels outside each group, those of no group included (necessity).

        Raises:
            AuditError: A group holds every channel.
        """
        last = len(self.floor)
        for i, gram in self._outside(0, len(self.names), self._gram(None, len(self.names), last)):
            yield self.names[i], self._part([(0, i), (i + 1, last)], gram)

    def windows(self, lengths: Collection[int]) -> Iterator[tuple[tuple[int, int], Part]]:
        """Take every run of adjacent groups that has one of some lengths.

        Yields:
            First group and one past the last, and their channels; by start, then by length.

        Raises:
            AuditError: A length is below one or above the number of groups.
        """
        wrong = [length for length in lengths if not 1 <= length <= len(self.names)]
        if wrong or not lengths:
            raise AuditError("window lengths", f"1 to {len(self.names)} groups", offenders(wrong) or "none",
                             "Ask for windows that fit.")  # fmt: skip
        for start in range(len(self.names)):
            gram = None
            for stop in range(start + 1, min(start + max(lengths), len(self.names)) + 1):
                if self._wants_gram([(start, stop)]):
                    gram = self._gram(gram, start if gram is None else stop - 1, stop)
                if stop - start in lengths:
                    yield (start, stop), self._part([(start, stop)], gram)

    def union(self, names: Collection[str]) -> Part:
        """Take several groups together.

        Raises:
            AuditError: No name, or one that is no group's.
        """
        unknown = [name for name in names if name not in self.names]
        if unknown or not names:
            raise AuditError("groups", f"some of {offenders(self.names)}", offenders(unknown) or "none",
                             "Name groups that were declared.")  # fmt: skip
        return self._part([(i, i + 1) for i, name in enumerate(self.names) if name in names], None)

    def _part(self, runs: list[tuple[int, int]], gram: Floats | None) -> Part:
        """Take the channels of runs of groups; `gram` is their Gram matrix if it is known already."""
        floor = float(sum(self.floor[a:b].sum() for a, b in runs))
        if sum(self.edges[b] - self.edges[a] for a, b in runs) == 0:
            raise AuditError("channels", "some outside the group", "none: the group holds every channel",
                             "Leave a part of the axis outside.")  # fmt: skip
        if not self._wants_gram(runs):
            return Part(np.hstack([self._columns(a, b) for a, b in runs]), False, floor)
        if gram is None:
            for a, b in runs:
                gram = self._gram(gram, a, b)
        return Part(np.asarray(gram), True, floor)

    def _wants_gram(self, runs: list[tuple[int, int]]) -> bool:
        return bool(2 * sum(self.edges[b] - self.edges[a] for a, b in runs) > self.z.shape[0])

    def _columns(self, first: int, last: int) -> Floats:
        return self.z[:, self.edges[first] : self.edges[last]]

    def _gram(self, known: Floats | None, first: int, last: int) -> Floats:
        """Add the Gram matrix of groups first to last − 1 to one that is known."""
        columns = self._columns(first, last)
        with threads_for(columns.size):
            gram = columns @ columns.T
        return np.asarray(gram if known is None else np.add(gram, known, out=gram))

    def _outside(self, first: int, last: int, gram: Floats) -> Iterator[tuple[int, Floats]]:
        """Each group from first to last − 1 with the Gram matrix of all others; `gram` is of those outside."""
        if last - first == 1:
            yield first, gram
            return
        middle = (first + last) // 2
        yield from self._outside(first, middle, self._gram(gram, middle, last))
        yield from self._outside(middle, last, self._gram(gram, first, middle))


def group_channels(matrix: npt.NDArray[np.floating], groups: Mapping[str, npt.NDArray[np.generic]]) -> ChannelGroups:
    """Cut n × d spectra into disjoint groups of channels.

    Args:
        matrix: n × d intensities.
        groups: Name to mask of d channels, or to channel indices.

    Raises:
        AuditError: There is no group, one is empty, or two share a channel.
    """
    places = {name: np.arange(matrix.shape[1])[channels] for name, channels in groups.items()}
    empty = [name for name, channels in places.items() if channels.size == 0]
    if empty or not places:
        raise AuditError("groups", "at least one, each with a channel", offenders(empty) or "none",
                         "Declare groups on the axis.")  # fmt: skip
    order = np.concatenate(list(places.values()))
    shared = np.flatnonzero(np.bincount(order, minlength=matrix.shape[1]) > 1)
    if shared.size:
        raise AuditError("groups", "no channel in two groups", f"channels {offenders(shared.tolist())}",
                         "Make the groups disjoint.")  # fmt: skip
    rest = np.setdiff1d(np.arange(matrix.shape[1]), order)
    every = [*places.values(), *([rest] if rest.size else [])]
    edges = tuple(int(e) for e in np.cumsum([0, *(channels.size for channels in every)]))
    z = np.asarray(matrix[:, np.concatenate(every)], dtype=np.float64)
    largest = [float(np.abs(z[:, a:b]).max()) for a, b in pairwise(edges)]
    scale = max(largest) or 1.0
    z /= scale
    z -= z.mean(axis=0)
    floor = np.diff(edges) * 1e-28 * (np.array(largest) / scale) ** 2
    return ChannelGroups(z, tuple(places), edges, floor)


def ask_each(
    parts: Iterable[tuple[Key, Part]], question: Callable[[Probe], Result], *, workers: int = 1
) -> Iterator[tuple[Key, Result]]:
    """Fit and ask part after part, `workers` at a time, in order.

    With several workers each has one BLAS thread, and about as many more n × n matrices exist; results do
    not depend on their number beyond rounding.
    """
    waiting: deque[tuple[Key, Future[Result]]] = deque()
    with threads_for(0) if workers > 1 else nullcontext(), ThreadPoolExecutor(workers) as pool:
        for key, part in parts:
            if workers == 1:
                yield key, question(part.fit())
                continue
            waiting.append((key, pool.submit(_fit_and_ask, part, question)))
            if len(waiting) == workers:
                done, result = waiting.popleft()
                yield done, result.result()
        for done, result in waiting:
            yield done, result.result()


def _fit_and_ask(part: Part, question: Callable[[Probe], Result]) -> Result:
    return question(part.fit())
