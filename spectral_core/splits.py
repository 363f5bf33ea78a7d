"""Who is independent of whom: folds that keep units together, and the permutations a design admits.

Folds are drawn without looking at the labels. With folds stratified on the observed labels a global
permutation test is anti-conservative; with blind folds it is exact, because folds and spectra together are
then independent of the labels under the null hypothesis (Ojala & Garriga, JMLR 11:1833, 2010; Winkler et al.,
NeuroImage 92:381, 2014, for exchangeability blocks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import lgamma, log
from typing import Any

import numpy as np
import numpy.typing as npt

from spectral_core.acquisition import acquisition_order, is_missing, stated_values
from spectral_core.errors import AuditError

Codes = npt.NDArray[np.signedinteger[Any]]
_FOLDS, _RANDOM_FOLDS, _PERMUTATIONS = 1, 2, 3  # independent random streams of one seed


@dataclass(frozen=True)
class Design:
    """Classes, units and batches of n spectra as integer codes.

    `unit` codes what is independent (every spectrum its own unit where none was declared); `batch` codes
    sessions or instruments (one batch where none was declared). `order` grows with the time of acquisition (NaN
    where not stated, None where never) and `instrument` codes the instrument (−1 where not stated). `copies` are
    pairs of rows with the same spectrum that were declared as two units (see copies.py). `unit_names` are what the
    units were called (empty where nobody named them).
    """

    codes: Codes
    classes: tuple[str, ...]
    unit: Codes
    batch: Codes
    batches: tuple[str, ...]
    unit_declared: bool
    order: npt.NDArray[np.float64] | None = None
    instrument: Codes | None = None
    copies: tuple[tuple[int, int], ...] = ()
    unit_names: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of spectra."""
        return int(self.codes.size)

    def subset(self, rows: Codes) -> Design:
        """Restrict the design to some spectra; class codes keep their meaning."""
        unit = np.unique(self.unit[rows], return_inverse=True)[1]
        order = None if self.order is None else self.order[rows]
        instrument = None if self.instrument is None else self.instrument[rows]
        names = tuple(self.unit_names[u] for u in np.unique(self.unit[rows])) if self.unit_names else ()
        return replace(
            self, codes=self.codes[rows], unit=unit, batch=self.batch[rows], order=order, instrument=instrument,
            unit_names=names,
        )  # fmt: skip

    @cached_property
    def n_units(self) -> int:
        """Number of independent units."""
        return int(self.unit.max()) + 1

    @property
    def has_replicates(self) -> bool:
        """Whether some unit was measured more than once."""
        return self.n_units < self.n

    @property
    def batch_declared(self) -> bool:
        """Whether there are at least two batches."""
        return len(self.batches) > 1

    @cached_property
    def units_per_class(self) -> tuple[int, ...]:
        """Number of units that have at least one spectrum of each class."""
        return tuple(int(np.unique(self.unit[self.codes == c]).size) for c in range(len(self.classes)))

    @cached_property
    def entity(self) -> Codes:
        """What exchanges its label as a whole: a unit, or its spectra of one class if it holds several."""
        return np.asarray(np.unique(np.stack([self.unit, self.codes]), axis=1, return_inverse=True)[1].ravel())

    @cached_property
    def units_mix_classes(self) -> bool:
        """Whether some unit holds spectra of several classes (then labels are exchanged inside it)."""
        return int(self.entity.max()) + 1 > self.n_units

    @cached_property
    def unit_batches(self) -> Codes:
        """For each unit, a code of the set of batches it was measured in."""
        seen = np.zeros((self.n_units, len(self.batches)), dtype=np.bool_)
        seen[self.unit, self.batch] = True
        return np.unique(seen, axis=0, return_inverse=True)[1].ravel()


def make_design(
    labels: Sequence[object] | npt.NDArray[np.generic],
    *,
    unit: Sequence[object] | npt.NDArray[np.generic] | None = None,
    batch: Sequence[object] | npt.NDArray[np.generic] | None = None,
    acquired_at: Sequence[object] | npt.NDArray[np.generic] | None = None,
    instrument: Sequence[object] | npt.NDArray[np.generic] | None = None,
) -> Design:
    """Code labels, units, batches, times of acquisition and instruments.

    Args:
        labels: Class of each of n spectra; texts or numbers.
        unit: Independent unit of each spectrum; None or all empty means undeclared.
        batch: Session, day, plate or instrument of each spectrum; None or all empty means undeclared.
        acquired_at: When each spectrum was taken, as `acquisition_order` reads it.
        instrument: Instrument of each spectrum; None or all empty means unknown.

    Raises:
        AuditError: Lengths differ, a label or a unit is missing, a time cannot be read, or there is only one class.

    Example:
        >>> design = make_design(["a", "a", "b"], unit=[7, 7, 8])
        >>> design.classes, design.units_per_class, design.has_replicates
        (('a', 'b'), (1, 1), True)
    """
    names = _texts(labels, "labels")
    n = names.size
    if n == 0 or (names == "").any():
        raise AuditError("labels", "a class for every spectrum", f"{int((names == '').sum())} of {n} empty",
                         "Give each spectrum a label or leave it out.")  # fmt: skip
    classes, codes = np.unique(names, return_inverse=True)
    if classes.size < 2:
        raise AuditError("labels", "two or more classes", f"one class, {classes[0]!r}",
                         "Add spectra of another class: accuracy has no meaning with one.")  # fmt: skip
    units = _column(unit, n, "unit")
    if units is not None and (units == "").any():
        empty = f"{int((units == '').sum())} of {n} empty"
        raise AuditError("unit", "a unit for every spectrum, or for none", empty,
                         "Name the specimen each spectrum was taken from.")  # fmt: skip
    batches = _column(batch, n, "batch")
    instruments = _column(instrument, n, "instrument")
    named, unit_codes = np.unique(np.arange(n) if units is None else units, return_inverse=True)
    batch_names, batch_codes = np.unique(np.full(n, "") if batches is None else batches, return_inverse=True)
    return Design(codes, tuple(str(c) for c in classes), unit_codes, batch_codes,
                  tuple(str(b) for b in batch_names), units is not None, acquisition_order(acquired_at, n=n),
                  None if instruments is None else _codes_of_stated(instruments),
                  unit_names=() if units is None else tuple(str(name) for name in named))  # fmt: skip


def _codes_of_stated(names: npt.NDArray[np.str_]) -> Codes:
    """Code names; −1 where none is stated."""
    codes = np.unique(names, return_inverse=True)[1]
    return np.asarray(np.where(names == "", -1, codes))


def _texts(values: Sequence[object] | npt.NDArray[np.generic], name: str) -> npt.NDArray[np.str_]:
    array = stated_values(values)
    if array.ndim != 1:
        raise AuditError(name, "one value for each spectrum", f"shape {array.shape}", "Pass a flat sequence.")
    missing = np.array([is_missing(v) for v in array.tolist()], dtype=np.bool_)
    return np.where(missing, "", np.array([str(v) for v in array.tolist()], dtype=np.str_))


def _column(
    values: Sequence[object] | npt.NDArray[np.generic] | None, n: int, name: str
) -> npt.NDArray[np.str_] | None:
    if values is None:
        return None
    column = _texts(values, name)
    if column.size != n:
        raise AuditError(name, f"{n} values, one for each spectrum", f"{column.size}", "Pass one for each spectrum.")
    return None if (column == "").all() else column


def unit_folds(design: Design, *, k: int, seed: int) -> list[Codes]:
    """Draw k test folds that keep units together and spread each batch evenly, blind to the labels.

    Returns:
        Indices of the held-out spectra, one array a fold; with fewer units than k, one fold a unit.
    """
    rng = np.random.default_rng([seed, _FOLDS])
    shuffled = rng.permutation(design.n_units)
    dealt = shuffled[np.argsort(design.unit_batches[shuffled], kind="stable")]
    folds = min(k, design.n_units)
    fold_of_unit = np.empty(design.n_units, dtype=np.intp)
    fold_of_unit[dealt] = np.arange(design.n_units) % folds
    return [np.flatnonzero(fold_of_unit[design.unit] == f) for f in range(folds)]


def random_folds(design: Design, *, k: int, seed: int) -> list[Codes]:
    """Draw k folds of spectra as if each were independent: the usual mistake, for contrast.

    Without replicates there is nothing to contrast, and these are `unit_folds`.
    """
    if not design.has_replicates:
        return unit_folds(design, k=k, seed=seed)
    order = np.random.default_rng([seed, _RANDOM_FOLDS]).permutation(design.n)
    return [np.sort(order[f :: min(k, design.n)]) for f in range(min(k, design.n))]


def batch_folds(design: Design) -> list[Codes]:
    """Hold out one batch at a time."""
    return [np.flatnonzero(design.batch == b) for b in range(len(design.batches))]


def permuted_codes(design: Design, *, n: int, seed: int, within_batch: bool = False) -> Codes:
    """Draw n admissible relabelings.

    Labels are exchanged between whole units; where units hold several classes, between the classes of one
    unit; with `within_batch`, only between units that were measured in the same batches (a unit whose batch was
    not stated keeps its label).

    Returns:
        (spectra × n) class codes.
    """
    rng = permutation_stream(seed, within_batch=within_batch)
    labels, block = exchange_blocks(design, within_batch=within_batch)
    # as many labelings as spectra or more: two bytes a label, not eight
    labels = labels.astype(np.int16 if len(design.classes) < 2**15 else np.intp)
    drawn = np.empty((labels.size, n), dtype=labels.dtype)
    for b in range(int(block.max()) + 1):
        members = np.flatnonzero(block == b)
        drawn[members] = rng.permuted(np.tile(labels[members], (n, 1)), axis=1).T
    return drawn[design.entity]


def count_permutations(design: Design, *, within_batch: bool = False) -> float:
    """Count the distinct admissible relabelings (may be inf).

    Example:
        >>> round(count_permutations(make_design(["a", "a", "b", "b"])))
        6
    """
    labels, block = exchange_blocks(design, within_batch=within_batch)
    logarithm = 0.0
    for b in range(int(block.max()) + 1):
        counts = np.bincount(labels[block == b])
        logarithm += lgamma(counts.sum() + 1) - sum(lgamma(c + 1) for c in counts)
    return float(np.exp(logarithm)) if logarithm < log(1e300) else float("inf")


def permutation_stream(seed: int, *, within_batch: bool) -> np.random.Generator:
    """Give the random stream of a permutation group."""
    return np.random.default_rng([seed, _PERMUTATIONS, int(within_batch)])


def exchange_blocks(design: Design, *, within_batch: bool) -> tuple[Codes, Codes]:
    """Give label and block of each entity; labels move only inside a block."""
    first = np.unique(design.entity, return_index=True)[1]
    unit, labels = design.unit[first], design.codes[first]
    key = np.stack([
        unit if design.units_mix_classes else np.zeros_like(unit),
        _entity_batches(design) if within_batch else np.zeros_like(unit),
    ])  # fmt: skip
    return labels, np.unique(key, axis=1, return_inverse=True)[1].ravel()


def _entity_batches(design: Design) -> Codes:
    """Code of the set of batches of each entity; one whose batch was not stated is alone in its block."""
    seen = np.zeros((int(design.entity.max()) + 1, len(design.batches)), dtype=np.bool_)
    seen[design.entity, design.batch] = True
    block = np.unique(seen, axis=0, return_inverse=True)[1].ravel()
    if "" in design.batches and design.batch_declared:
        unstated = np.flatnonzero(seen[:, design.batches.index("")])
        block[unstated] = block.max() + 1 + np.arange(unstated.size)
    return block
