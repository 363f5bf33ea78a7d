"""The second pass: every spectrum under the models that have not seen it, reduced to class sums as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.probe.held_out import HeldOut, Judgement, class_sums, judgement_of, label_blocks
from spectral_core.splits import Codes
from spectral_core.streaming.fits import Model
from spectral_core.streaming.layout import Outline
from spectral_core.streaming.sums import Labels

Floats = npt.NDArray[np.float64]


@dataclass
class Scored:
    """What some spectra say under one set of labelings.

    `margins` those of the first labeling (NaN where no model judges); `sums` 3 × C × P as `class_sums` gives them.
    """

    margins: Floats
    sums: Floats

    @classmethod
    def empty(cls, n: int, labels: Labels) -> Scored:
        """Give the scores of n spectra that nobody has looked at."""
        return cls(np.full(n, np.nan), np.zeros((3, labels.n_classes, labels.codes.n_labelings)))

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> Scored:
        """Put ranges of spectra together."""
        return cls(np.concatenate([part.margins for part in parts]), np.sum([part.sums for part in parts], axis=0))

    def beside(self, other: Scored) -> Scored:
        """Put the scores of other spectra of the same ones beside these."""
        margins = np.where(np.isnan(self.margins), other.margins, self.margins)
        return Scored(margins, self.sums + other.sums)

    @property
    def judgement(self) -> Judgement:
        """Class-balanced figures."""
        return judgement_of(self.margins, self.sums)


def score_block(
    scored: Scored, start: int, z: Floats, cell: Codes, labels: Labels, models: Sequence[Model], layout: Outline
) -> None:
    """Score a block of spectra.

    Args:
        scored: What is added to.
        start: Place of the block's first spectrum among those of `scored`.
        z: r × m spectra, less the shift.
        cell: Cell of each of the r spectra.
        labels: Labelings of these r spectra.
        models: One a training set.
        layout: The cross-validation.
    """
    c, p = labels.n_indicators, labels.codes.n_labelings
    for i, (judged, model) in enumerate(zip(layout.judged, models, strict=True)):
        rows = np.flatnonzero(np.isin(cell, judged))
        if not rows.size:
            continue
        mine = z[rows]
        for block in label_blocks(rows.size, p, c):
            own = labels.codes.dense(block, rows).astype(np.intp)
            columns = slice(block.start * c, block.stop * c)
            scores = mine @ model.weights[:, columns]
            scores += model.intercept[columns]
            part = HeldOut(
                i, rows, block, own, scores.reshape(rows.size, -1, c), model.sums[block], model.counts[block],
                model.n_train, model.leverage,
            )  # fmt: skip
            margins = part.margins()
            if block.start == 0:
                scored.margins[start + rows] = margins[:, 0]
            scored.sums[:, :, block] += class_sums(own, margins, labels.n_classes)
