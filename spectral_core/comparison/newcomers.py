"""Are units that only one audit holds classified differently from its others: a permutation test within the audit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spectral_core.comparison.units import Codes, Credits, Floats, Mask

PERMUTATIONS = 9999
_AT_ONCE = 500
_STREAM = 60_001
_TIE = 1e-9


def shared_classes(rows: Credits, tags: Mask) -> list[int]:
    """Find the classes of which there are both tagged rows and others."""
    return [int(c) for c in np.unique(rows.class_code) if len(set(tags[rows.class_code == c].tolist())) == 2]


def newcomers(figures: Sequence[Credits], tags: Mask, *, seed: int) -> list[float]:
    """Test whether the tagged units of one audit reach another accuracy than its other units.

    If all units come from one population, which of them came later says nothing about their credits, whatever the
    model and however it was trained: the test is exact at any size. Units exchange the tag among those that hold the
    same classes.

    Args:
        figures: Credits of one audit in each figure, all of the same m rows.
        tags: Which rows are of the units asked about; `shared_classes` must not be empty.
        seed: Of the permutations, which all figures share.

    Returns:
        Two-sided p-values (1 + #{as far from 0}) / (1 + 9,999), one a figure.
    """
    rng = np.random.default_rng([seed, _STREAM])
    rows = figures[0]
    units, row_unit = np.unique(rows.unit, return_inverse=True)
    tagged = np.zeros(units.size, dtype=np.bool_)
    tagged[row_unit[tags]] = True
    strata = _strata(row_unit, rows.class_code, units.size)
    sizes, sums = _by_unit(figures, row_unit, units.size, shared_classes(rows, tags))
    observed = _differences(tagged[None, :], sizes, sums)[0]
    beyond = np.zeros(len(figures))
    for start in range(0, PERMUTATIONS, _AT_ONCE):
        drawn = np.repeat(tagged[None, :], min(_AT_ONCE, PERMUTATIONS - start), axis=0)
        for stratum in strata:
            drawn[:, stratum] = rng.permuted(drawn[:, stratum], axis=1)
        beyond += (np.abs(_differences(drawn, sizes, sums)) >= np.abs(observed) - _TIE).sum(axis=0)
    return [float(p) for p in (1 + beyond) / (1 + PERMUTATIONS)]


def _strata(row_unit: Codes, class_code: Codes, n: int) -> list[Codes]:
    """Group units by the set of classes that they hold."""
    holds = np.zeros((n, int(class_code.max()) + 1), dtype=np.bool_)
    holds[row_unit, class_code] = True
    kind = np.unique(holds, axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(kind == k) for k in range(int(kind.max()) + 1)]


def _by_unit(figures: Sequence[Credits], row_unit: Codes, n: int, classes: list[int]) -> tuple[Floats, Floats]:
    """Numbers of spectra (classes × units), and sums of credits (classes × units × figures)."""
    sizes, sums = np.zeros((len(classes), n)), np.zeros((len(classes), n, len(figures)))
    for j, c in enumerate(classes):
        rows = figures[0].class_code == c
        np.add.at(sizes[j], row_unit[rows], figures[0].spectra[rows])
        for k, figure in enumerate(figures):
            np.add.at(sums[j, :, k], row_unit[rows], (figure.value * figure.spectra)[rows])
    return sizes, sums


def _differences(tagged: npt.NDArray[np.bool_], sizes: Floats, sums: Floats) -> Floats:
    """Balanced accuracy of the tagged units less that of the others: labelings × figures.

    A class of which a labeling tags all units or none is left out; only units of several classes make that happen.
    """
    tag = tagged.astype(np.float64)
    total, counted = np.zeros((tag.shape[0], sums.shape[2])), np.zeros((tag.shape[0], 1))
    for size, of_class in zip(sizes, sums, strict=True):
        inside, outside = tag @ size, (1 - tag) @ size
        known = ((inside > 0) & (outside > 0))[:, None]
        apart = (tag @ of_class) / np.maximum(inside, _TIE)[:, None]
        apart -= ((1 - tag) @ of_class) / np.maximum(outside, _TIE)[:, None]
        total, counted = total + np.where(known, apart, 0.0), counted + known
    return np.asarray(total / np.maximum(counted, 1))
