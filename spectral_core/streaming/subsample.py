"""A few spectra that stand for all, where a control needs every pair of spectra or all of them at once."""

from __future__ import annotations

import numpy as np

from spectral_core.splits import Codes, Design

MOST = 2000
_STREAM = 12  # random stream of the draw
_UNITS = 50  # of a class, at least, where there are as many


def draw_subsample(design: Design, *, most: int, seed: int) -> Codes:
    """Draw about `most` spectra, classes alike in number and whole units where these are small; all of fewer.

    Units of a class are taken in random order until the class has its share. A unit of more spectra than a fiftieth of
    that share gives only as many, drawn at random, so that few large units do not fill it.

    Args:
        design: Classes and units of n spectra.
        most: Spectra wanted.
        seed: Seed of the draw.

    Returns:
        Rows, ascending.

    Example:
        >>> from spectral_core.splits import make_design
        >>> design = make_design(["a", "b"] * 500, unit=np.arange(1000) // 8 * 2 + np.arange(1000) % 2)
        >>> rows = draw_subsample(design, most=400, seed=0)
        >>> rows.size, np.bincount(design.codes[rows]).tolist(), np.unique(design.unit[rows]).size
        (400, [200, 200], 100)
    """
    if design.n <= most:
        return np.arange(design.n)
    rng = np.random.default_rng([seed, _STREAM])
    share = max(1, most // len(design.classes))
    drawn = []
    for c in range(len(design.classes)):
        rows = rng.permutation(np.flatnonzero(design.codes == c))
        units, member = np.unique(design.unit[rows], return_inverse=True)
        turn = rng.permutation(units.size)[member]
        rows = rows[np.argsort(turn, kind="stable")]
        starts = np.flatnonzero(np.diff(np.sort(turn), prepend=-1))
        place = np.arange(rows.size) - np.repeat(starts, np.diff(np.append(starts, rows.size)))
        drawn.append(rows[place < max(1, share // min(_UNITS, units.size))][:share])
    return np.sort(np.concatenate(drawn))
