"""Operations that the products and factors of the closed forms need: what no code of this method can undercut."""

from __future__ import annotations

import numpy as np


def probe_floor(n, d, p, folds=5):
    """Floating-point operations of a probe of n × d spectra and its judgement of p labelings.

    Dual: Gram matrix (a symmetric product: half of 2n²d), tridiagonal form 4/3 n³, inverse n³, labels 2n²p, and a
    fold's inverse times its residuals and its leverage. Primal, with at least two spectra a channel: the scatter of
    all and of each fold, its tridiagonal form, an inverse and solutions a fold, XᵀY of all and of each fold, and
    scores.
    """
    if n >= 2 * d:
        return 4 * n * d**2 + 4 / 3 * d**3 + folds * (d**3 + 2 * d**2 * p) + 6 * n * d * p
    return n**2 * d + 7 / 3 * n**3 + 2 * n**2 * p * (1 + 1 / folds) + n**3 / folds


def audit_floor(n, d, masks, p=2000, drawn=200, components=10, folds=5):
    """Floating-point operations of an audit's probes and of its maps and rows of band relevance.

    Args:
        n: Spectra.
        d: Channels.
        masks: `blocks`: channels of each block that is asked; `regions`: channels of each row of the table.
        p: Labelings of a block.
        drawn: Labelings of maps and rows.
        components: PLS components of VIP.
        folds: Folds.
    """
    blocks = sum(probe_floor(n, size, p, folds) for size in masks["blocks"])
    model = n**2 * d + 7 / 3 * n**3
    maps = 2 * n**2 * drawn + 4 * n * d * drawn + components * (2 * n**2 + 2 * n * d) * drawn
    fits = (2 * n**2 + 2 * folds * n * d) * drawn + 2 * n * d * drawn  # weights of every fold, and windows occluded
    rows = sum(
        probe_floor(n, size, drawn, folds) + n**2 * min(size, d - size) + n**3 + n**3 / folds
        for size in masks["regions"]
    )  # fmt: skip
    return blocks + model + maps + fits + rows


def masks_of(axis, bands, blanks, regions):
    """Channels of the blocks and of the rows of an audit of these intervals (`regions` from `locate_regions`)."""
    sizes = [axis.size, regions.in_band.sum(), regions.off_band.sum(), (regions.in_band | regions.off_band).sum()]
    inside = [int(((axis >= low) & (axis <= high)).sum()) for low, high in [*bands.values(), *blanks.values()]]
    return {
        "blocks": [int(size) for size in [*sizes, *([regions.blank.sum()] if blanks else [])]],
        "regions": [size for size in [*inside, int(np.sum(regions.in_band)), int(np.sum(regions.off_band))] if size],
    }
