"""One probe for any shape: through n × n matrices for wide data, through d × d matrices for tall data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spectral_core.errors import AuditError
from spectral_core.probe.held_out import HeldOut, Judgement, collect_margins, summarise
from spectral_core.probe.penalty import choose_penalty
from spectral_core.probe.primal import Primal, centred_rows
from spectral_core.probe.ridge import Dual, centred_gram, complement_matrix
from spectral_core.probe.threads import threads_for
from spectral_core.splits import Codes

Floats = npt.NDArray[np.float64]


class Form(Protocol):
    """How a probe computes: the same scores, whatever the form."""

    def held_out(self, codes: Codes, folds: Sequence[Codes], n_classes: int) -> Iterator[HeldOut]:
        """Score every held-out spectrum under every labeling."""


@dataclass(frozen=True)
class Probe:
    """The label-free half of a ridge classifier, ready for any labeling and any folds.

    `penalty` is λ for spectra scaled to mean squared distance one from their mean; `rank` is the numerical
    rank; `size` the numbers in the largest matrix, which decides the number of BLAS threads.
    """

    form: Form
    n: int
    penalty: float
    rank: int
    size: int

    def margins(
        self, codes: Codes, folds: Sequence[Codes], n_classes: int, *, judged: Sequence[Codes] | None = None
    ) -> Floats:
        """Compute each spectrum's margin under the model that has not seen its fold, for every labeling.

        A margin is 1 at the centroid of the own class, 0 on the border, −1 at or beyond the rival's (see
        `centroid_margins`).

        Args:
            codes: n × P class codes of any integer type, one labeling a column.
            folds: Spectra held out together; they may leave spectra out, and may overlap if `judged` does not.
            n_classes: Number of classes.
            judged: Of each fold, the spectra whose margin counts (all of them by default); the others are
                only kept out of training.

        Returns:
            n × P margins; NaN for spectra that no fold judges.

        Raises:
            AuditError: The codes are not n × P, or a fold leaves nothing to train on.
        """
        check_labelings(codes, folds, self.n)
        with threads_for(self.size):
            return collect_margins(self.form.held_out(codes, folds, n_classes), codes.shape, judged)

    def judge(
        self, codes: Codes, folds: Sequence[Codes], n_classes: int, *, judged: Sequence[Codes] | None = None
    ) -> Judgement:
        """Compute class-balanced statistics of the margins, and the first labeling's margins, in flat memory.

        Arguments and errors are those of `margins`; of the n × P margins only one block exists at a time.
        """
        check_labelings(codes, folds, self.n)
        with threads_for(self.size):
            return summarise(self.form.held_out(codes, folds, n_classes), codes.shape, n_classes, judged)


def fit_probe(matrix: npt.NDArray[np.floating], *, unit: Codes | None = None) -> Probe:
    """Prepare the probe for n × d spectra; all-equal rows give the classifier that knows nothing.

    `unit` codes what is independent (each spectrum by default): training repeats the labels of a unit, not of
    a spectrum, and class borders allow for it. The penalty is `choose_penalty`'s. With at least two spectra a
    channel the primal form is taken, else the dual; margins agree to 1e-9.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> codes = np.arange(40) % 2
        >>> x = rng.normal(size=(40, 100)) + codes[:, None]
        >>> probe = fit_probe(x)
        >>> bool((probe.margins(codes[:, None], [np.arange(20), np.arange(20, 40)], 2) > 0).all())
        True
    """
    tall = matrix.shape[0] >= 2 * matrix.shape[1]
    return primal_probe(matrix, unit=unit) if tall else dual_probe(matrix, unit=unit)


def dual_probe(matrix: npt.NDArray[np.floating], *, unit: Codes | None = None) -> Probe:
    """Prepare the probe through n × n matrices, whatever the shape."""
    with threads_for(matrix.size):
        return probe_of_gram(centred_gram(matrix), unit=unit)


def primal_probe(matrix: npt.NDArray[np.floating], *, unit: Codes | None = None) -> Probe:
    """Prepare the probe through d × d matrices, whatever the shape; it keeps a reference to `matrix`."""
    with threads_for(matrix.size):
        rows, whole = centred_rows(matrix)
        penalty, rank = choose_penalty(whole.scatter, n=matrix.shape[0])
        return Probe(
            Primal(rows, whole, penalty, _units(unit, matrix.shape[0])), matrix.shape[0], penalty, rank, matrix.size
        )


def probe_of_gram(gram: Floats, *, unit: Codes | None = None) -> Probe:
    """Prepare the probe from a doubly centred Gram matrix of mean diagonal one (or zero), which is overwritten."""
    with threads_for(gram.size):
        penalty, rank = choose_penalty(gram)
        dual = Dual(complement_matrix(gram, penalty, overwrite=True), _units(unit, gram.shape[0]))
        return Probe(dual, gram.shape[0], penalty, rank, gram.size)


def _units(unit: Codes | None, n: int) -> Codes:
    return np.arange(n) if unit is None else unit


def check_labelings(codes: Codes, folds: Sequence[Codes], n: int) -> None:
    """Refuse labelings of other spectra and folds without training.

    Raises:
        AuditError: The codes are not n × P, or a fold holds out every spectrum.
    """
    if codes.ndim != 2 or codes.shape[0] != n:
        raise AuditError("class codes", f"{n} rows, one for each spectrum, and one column a labeling",
                         f"shape {codes.shape}", "Pass an n × P array.")  # fmt: skip
    for i, fold in enumerate(folds):
        if fold.size >= n:
            raise AuditError(f"fold {i}", f"fewer than {n} spectra, so that some are left to train on",
                             f"{fold.size}", "Use more units or fewer spectra a fold.")  # fmt: skip
