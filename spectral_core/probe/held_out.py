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

    Shapes and `leverage` are those of `centroid_margins`.
    """

    fold: int
    rows: Codes
    columns: slice
    scores: Floats
    sums: Floats
    counts: Floats
    n_train: int
    leverage: float = 0.0

    def margins(self, codes: Codes) -> Floats:
        """Compute rows × labelings margins, given all n × P codes."""
        own = codes[self.rows, self.columns]
        return centroid_margins(
            self.scores, self.sums, self.counts, self.n_train, own, leverage=self.leverage
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


def collect_margins(
    stream: Iterable[HeldOut], codes: Codes, folds: Sequence[Codes], judged: Sequence[Codes] | None
) -> Floats:
    """Put margins in their places: n × P, NaN for spectra that no fold judges."""
    margins = np.full(codes.shape, np.nan)
    for part, values, rows in _judged(stream, codes, folds, judged):
        margins[rows, part.columns] = values
    return margins


def summarise(
    stream: Iterable[HeldOut],
    codes: Codes,
    folds: Sequence[Codes],
    n_classes: int,
    judged: Sequence[Codes] | None,
) -> Judgement:
    """Reduce margins to class-balanced figures as they come: nothing of size n × P is kept."""
    p = codes.shape[1]
    first = np.full(codes.shape[0], np.nan)
    count, margin, credit = (np.zeros((n_classes, p)) for _ in range(3))
    for part, values, rows in _judged(stream, codes, folds, judged):
        own = codes[rows, part.columns]
        if part.columns.start == 0:
            first[rows] = values[:, 0]
        right = (values > 0) + (values == 0) / n_classes
        for c in range(n_classes):
            mine = (own == c).astype(np.float64)
            count[c, part.columns] += mine.sum(axis=0)
            margin[c, part.columns] += np.einsum("ip,ip->p", mine, values)
            credit[c, part.columns] += np.einsum("ip,ip->p", mine, right)
    present = np.maximum((count > 0).sum(axis=0), 1)
    size = np.maximum(count, 1.0)
    return Judgement(first, (margin / size).sum(axis=0) / present, (credit / size).sum(axis=0) / present)


def _judged(
    stream: Iterable[HeldOut], codes: Codes, folds: Sequence[Codes], judged: Sequence[Codes] | None
) -> Iterator[tuple[HeldOut, Floats, Codes]]:
    """Each part with its margins and rows, those rows left out that their fold does not judge."""
    for part in stream:
        values, rows = part.margins(codes), part.rows
        if judged is not None:
            kept = np.isin(rows, judged[part.fold])
            values, rows = values[kept], rows[kept]
        yield part, values, rows
