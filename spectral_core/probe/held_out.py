"""What models say of spectra they have not seen, streamed so that memory does not grow with the labelings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.probe.centroids import centroid_margins
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]
_WIDEST = 512  # labelings handled together: wide enough for fast products,
_NUMBERS = 4_000_000  # and narrow enough that n × block × indicators stay in tens of megabytes


@dataclass(frozen=True)
class HeldOut:
    """Some held-out spectra of one fold under a block of labelings.

    `own` are their class codes; shapes and `leverage` are those of `centroid_margins`.
    """

    fold: int
    rows: Codes
    columns: slice
    own: Codes
    scores: Floats
    sums: Floats
    counts: Floats
    n_train: int
    leverage: float = 0.0

    def margins(self) -> Floats:
        """Compute rows × labelings margins."""
        return centroid_margins(
            self.scores, self.sums, self.counts, self.n_train, self.own, leverage=self.leverage
        )  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """Held-out classification of every labeling, in class-balanced figures.

    `margins` are those of the first labeling (n; NaN where no fold judges); `statistic` is, for each of P
    labelings, the mean over classes of the class means of the margin, and `accuracy` that of the credit (1
    right, 0 wrong, 1/C on the border): balanced accuracy. A labeling's classes without a judged spectrum do
    not count.
    """

    margins: Floats
    statistic: Floats
    accuracy: Floats


def label_blocks(n: int, p: int, n_indicators: int) -> Iterator[slice]:
    """Cut P labelings into blocks."""
    width = max(1, min(_WIDEST // n_indicators, _NUMBERS // max(1, n * n_indicators)))
    return (slice(start, min(start + width, p)) for start in range(0, p, width))


def collect_margins(stream: Iterable[HeldOut], shape: tuple[int, ...], judged: Sequence[Codes] | None) -> Floats:
    """Put margins in their places: n × P, NaN for spectra that no fold judges."""
    margins = np.full(shape, np.nan)
    for part, rows, _, values in _judged(stream, judged):
        margins[rows, part.columns] = values
    return margins


def summarise(
    stream: Iterable[HeldOut],
    shape: tuple[int, ...],
    n_classes: int,
    judged: Sequence[Codes] | None,
) -> Judgement:
    """Reduce margins to class-balanced figures as they come: nothing of size n × P is kept."""
    first = np.full(shape[0], np.nan)
    sums = np.zeros((3, n_classes, shape[1]))
    for part, rows, own, values in _judged(stream, judged):
        if part.columns.start == 0:
            first[rows] = values[:, 0]
        sums[:, :, part.columns] += class_sums(own, values, n_classes)
    return judgement_of(first, sums)


def judgement_of(margins: Floats, sums: Floats) -> Judgement:
    """Average over classes what `class_sums` has summed, 3 × C × P; `margins` are the first labeling's."""
    count, margin, credit = sums
    share = (count > 0) / np.maximum(count, 1.0) / np.maximum((count > 0).sum(axis=0), 1)
    return Judgement(margins, (margin * share).sum(axis=0), (credit * share).sum(axis=0))


def class_sums(own: Codes, values: Floats, n_classes: int) -> Floats:
    """Count spectra and sum their margins and credits, for each class and labeling: 3 × C × P.

    Class 0 is what the others leave of the whole.
    """
    ahead = values > 0
    right = ahead.astype(np.float64)
    if np.count_nonzero(values >= 0) > np.count_nonzero(ahead):
        right[values == 0] = 1.0 / n_classes
    sums = np.empty((3, n_classes, values.shape[1]))
    every = np.ones(own.shape[0])
    sums[:, 0] = np.stack([np.full(values.shape[1], every.size), every @ values, every @ right])
    for c in range(1, n_classes):
        mine = (own == c).astype(np.float64)
        sums[0, c] = every @ mine
        sums[1, c], sums[2, c] = (np.einsum("ip,ip->p", mine, each) for each in (values, right))
        sums[:, 0] -= sums[:, c]
    return sums


def _judged(
    stream: Iterable[HeldOut], judged: Sequence[Codes] | None
) -> Iterator[tuple[HeldOut, Codes, Codes, Floats]]:
    """Each part with its rows, their codes and margins, those rows left out that their fold does not judge."""
    for part in stream:
        rows, own, values = part.rows, part.own, part.margins()
        if judged is not None:
            kept = np.isin(rows, judged[part.fold])
            rows, own, values = rows[kept], own[kept], values[kept]
        yield part, rows, own, values
