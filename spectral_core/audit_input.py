"""What the audit takes in: checked spectra, designs, settings and estimators."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spectral_core.errors import AuditError
from spectral_core.evidence import Settings
from spectral_core.spectra import check_axis, check_finite
from spectral_core.splits import Design, make_design

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from spectral_core.estimators import Contender

Floats = npt.NDArray[np.float64]
_LARGEST = 1e100  # sums of fourth powers stay far inside float64


def spectra_on_axis(x: Any, axis: npt.ArrayLike) -> tuple[npt.NDArray[np.floating], Floats]:
    """Take n × d intensities and the d positions of their channels.

    Raises:
        AuditError: X has another shape, holds no real numbers, or numbers beyond what can be squared.
        SpectraError: NaN or infinite intensities, or an axis that is not strictly increasing.
    """
    positions = _positions(axis)
    values = real_matrix(x, positions.size, "channels of axis")
    check_axis(positions, where="axis")
    _check_columns(x, positions)
    check_finite(values, positions, where="X")
    largest = float(max(values.max(initial=0.0), -values.min(initial=0.0)))
    if largest and not 1.0 / _LARGEST <= largest <= _LARGEST:
        raise AuditError("X", f"intensities up to {1 / _LARGEST:g} at least and {_LARGEST:g} at most",
                         f"up to {largest:.3g}", "Give them in another unit: squares would overflow.")  # fmt: skip
    return values, positions


def _positions(axis: npt.ArrayLike) -> Floats:
    try:
        positions = np.asarray(axis, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AuditError("axis", "numbers, one position a channel", f"{error}", "Convert the positions.") from None
    if positions.ndim != 1:
        raise AuditError("axis", "one position a channel", f"shape {positions.shape}", "Pass a flat sequence.")
    return positions


def check_rows_agree(x: Any, **given: Any) -> None:
    """Refuse a pandas.Series whose index names the rows of a DataFrame in another order.

    An index that names other rows altogether is not looked at, as scikit-learn does.

    Raises:
        AuditError: The same rows in another order: read one after another, spectra would get others' values.
    """
    rows = getattr(x, "index", None)
    if rows is None or callable(rows):
        return
    for name, column in given.items():
        named = getattr(column, "index", None)
        if named is None or callable(named) or len(named) != len(rows) or named.equals(rows):
            continue
        if not set(named).symmetric_difference(rows):
            raise AuditError(name, "rows in the order of X", "the same index in another order",
                             f"Pass {name}.loc[X.index].")  # fmt: skip


def _check_columns(x: Any, positions: Floats) -> None:
    """Refuse a DataFrame whose columns are positions of other channels; names and plain numbering say nothing.

    Raises:
        AuditError: A column's position is nearer to another channel of the axis than to its own.
    """
    columns = getattr(x, "columns", None)
    if columns is None or positions.size < 2:
        return
    try:
        named = np.asarray(columns, dtype=np.float64)
    except (TypeError, ValueError):
        return
    spacing = np.diff(positions)
    reach = np.minimum(np.r_[spacing[0], spacing], np.r_[spacing, spacing[-1]]) / 2
    off = np.flatnonzero(~(np.abs(named - positions) <= reach))
    if off.size and not np.array_equal(named, np.arange(named.size)):
        first = int(off[0])
        raise AuditError(f"X, column {first + 1}", f"the position {positions[first]:g} of axis", f"{named[first]:g}",
                         "Pass axis=X.columns.astype(float), or columns in the order of axis.")  # fmt: skip


def rows_on_axis(x: Any, axis: npt.ArrayLike) -> tuple[Any, Floats]:
    """Take n × d intensities that are not read yet, and the d positions of their channels.

    Returns:
        What slices by rows: a Dask or numpy array. Whether its numbers are finite is seen when they are read.

    Raises:
        AuditError: X has another shape or holds no real numbers.
        SpectraError: An axis that is not strictly increasing.
    """
    data = getattr(x, "data", x)
    lazy = data if hasattr(data, "dask") else np.asarray(x)
    positions = _positions(axis)
    _check_matrix(lazy, positions.size, "channels of axis")
    _check_columns(x, positions)
    check_axis(positions, where="axis")
    return lazy, positions


def bytes_in_memory(x: Any) -> int:
    """Bytes that spectra take as float64."""
    return 8 * int(np.prod(np.shape(x), dtype=np.int64))


def _check_matrix(values: Any, columns: int, what: str) -> None:
    if values.ndim != 2 or values.shape[1] != columns:
        raise AuditError("X", f"n × d numbers for {columns} {what}", f"shape {values.shape}",
                         "Pass one row a spectrum and one column for each.")  # fmt: skip
    if not (np.issubdtype(values.dtype, np.floating) or np.issubdtype(values.dtype, np.integer)):
        raise AuditError("X", "real numbers", f"dtype {values.dtype}", "Convert the intensities.")


def real_matrix(x: Any, columns: int, what: str) -> npt.NDArray[np.floating]:
    """Take n × d real numbers, as float32 or float64.

    Raises:
        AuditError: X has another shape or holds no real numbers.
    """
    values = np.asarray(x, order="C")  # one layout: sums in another order would differ in their last digits
    _check_matrix(values, columns, what)
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)


def design_of_rows(
    n: int,
    y: Sequence[object] | npt.NDArray[np.generic],
    *,
    unit: Sequence[object] | npt.NDArray[np.generic] | None,
    batch: Sequence[object] | npt.NDArray[np.generic] | None,
    acquired_at: Sequence[object] | npt.NDArray[np.generic] | None = None,
) -> Design:
    """Code labels, units, batches and times of the n rows of X.

    Raises:
        AuditError: Numbers of values differ, or there is one class only.
    """
    design = make_design(y, unit=unit, batch=batch, acquired_at=acquired_at)
    if design.n != n:
        raise AuditError("y", f"{n} labels, one for each row of X", f"{design.n}", "Pass one for each row.")
    return design


def contenders(estimator: BaseEstimator | None, settings: Settings) -> list[Contender]:
    """Prepare the estimator that the audit is about, if there is one."""
    if estimator is None:
        return []
    from spectral_core.estimators import Contender  # scikit-learn takes a second to import

    return [Contender.of(estimator, seed=settings.seed)]


def make_settings(n_permutations: int, delta: float, alpha: float, n_folds: int, seed: int) -> Settings:
    """Check the audit's numbers.

    Raises:
        AuditError: A number is out of range.
    """
    for name, value, low, high in (("delta", delta, 1e-6, 0.499), ("alpha", alpha, 1e-4, 0.499)):
        if not isinstance(value, Real) or not low <= value <= high:
            raise AuditError(name, f"a number from {low:g} to {high:g}", f"{value!r}", "Correct the argument.")
    check_whole("n_permutations", n_permutations, 99, 1_000_000)
    check_whole("n_folds", n_folds, 2, 1_000)
    return Settings(int(n_permutations), float(delta), float(alpha), int(n_folds), check_seed(seed))


def check_seed(seed: object) -> int:
    """Take the seed of every draw.

    Raises:
        AuditError: It is no whole number from 0 to 2⁶³.
    """
    return check_whole("seed", seed, 0, 2**63)


def check_whole(name: str, value: object, low: int, high: int) -> int:
    """Take a whole number within limits.

    Raises:
        AuditError: It is none, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise AuditError(name, f"a whole number from {low:g} to {high:g}", f"{value!r}", "Correct the argument.")
    return int(value)
