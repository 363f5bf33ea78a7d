"""Exact copies of a spectrum under several unit names: they are one measurement, whatever the sample sheet says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse

from spectral_core.splits import Design

_FEWEST_VALUES = 16  # fewer different intensities may well be met twice


def keep_copies_together(design: Design, x: npt.NDArray[np.floating]) -> Design:
    """Make one unit of the units whose spectra of one class are exact copies of each other; note the copies.

    With a copy on either side of a split a model is asked what it was taught: copies alone, without any effect,
    made 16 of 20 audits call the association real. Spectra of fewer than 16 different intensities are left as they
    are, because they may agree by chance.

    Args:
        design: Classes and units of n spectra.
        x: n × d intensities as measured.

    Returns:
        The design, with `copies` as pairs of rows that hold the same spectrum under two unit names; pairs of two
        classes are noted too, and left apart.

    Example:
        >>> from spectral_core.splits import make_design
        >>> x = np.random.default_rng(0).normal(size=(4, 50))
        >>> x[3] = x[1]
        >>> kept = keep_copies_together(make_design(["a", "b", "a", "b"], unit=[1, 2, 3, 4]), x)
        >>> kept.copies, kept.n_units
        (((1, 3),), 3)
    """
    digests = b"".join(digest_of(row) for row in np.ascontiguousarray(x))
    return keep_alike_together(design, np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2), lambda row: x[row])


def digest_of(row: npt.NDArray[np.floating]) -> bytes:
    """Hash one contiguous spectrum: equal spectra have equal digests of 16 bytes."""
    return hashlib.blake2b(row.data, digest_size=16).digest()


def keep_alike_together(
    design: Design, digests: npt.NDArray[np.uint64], spectrum: Callable[[int], npt.NDArray[np.floating]]
) -> Design:
    """Do what `keep_copies_together` does, from n × 2 digests and a function that reads one spectrum."""
    pairs = tuple((a, b) for a, b in _copies(digests, spectrum) if design.unit[a] != design.unit[b])
    alike = [(int(design.unit[a]), int(design.unit[b])) for a, b in pairs if design.codes[a] == design.codes[b]]
    if not pairs:
        return design
    if not alike:
        return replace(design, copies=pairs)
    first, second = np.array(alike).T
    links = scipy.sparse.coo_array((np.ones(first.size), (first, second)), shape=(design.n_units, design.n_units))
    joined = scipy.sparse.csgraph.connected_components(links, directed=False)[1]
    first = np.unique(joined, return_index=True)[1]  # units that are one go by the first of their names
    names = tuple(design.unit_names[u] for u in first) if design.unit_names else ()
    unit = np.unique(joined[design.unit], return_inverse=True)[1]
    return replace(design, unit=unit, copies=pairs, unit_names=names)


def _copies(
    digests: npt.NDArray[np.uint64], spectrum: Callable[[int], npt.NDArray[np.floating]]
) -> Iterator[tuple[int, int]]:
    """Pairs of rows with the same spectrum, each with the next one that has it, by the first of them."""
    order = np.lexsort((np.arange(len(digests)), digests[:, 1], digests[:, 0]))
    same = (digests[order[1:]] == digests[order[:-1]]).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    groups = [order[first : last + 1].tolist() for first, last in zip(edges[::2], edges[1::2], strict=True)]
    for rows in sorted(groups):
        if np.unique(spectrum(rows[0])).size >= _FEWEST_VALUES:
            yield from pairwise(rows)
