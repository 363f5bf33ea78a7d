"""What two audits hold of the same units: rows of the `units` table of report.json, matched by unit name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class UnitTable:
    """The units of one audit: one row for each unit and class it holds.

    `name`, `class_name`, `batch` and `spectra` (how many) of m rows; `credit` maps variant → block → m mean credits.
    """

    name: tuple[str, ...]
    class_name: tuple[str, ...]
    batch: tuple[str, ...]
    spectra: Floats
    credit: Mapping[str, Mapping[str, Sequence[float]]]

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> UnitTable | None:
        """Read the table of a report; None where it holds none (older reports, unnamed units, very many)."""
        found = report.get("units")
        if not found:
            return None
        names, classes, batches = (tuple(map(str, found[key])) for key in ("name", "class", "batch"))
        return cls(names, classes, batches, np.asarray(found["spectra"], dtype=np.float64), found["credit"])

    @cached_property
    def units(self) -> frozenset[str]:
        """The names."""
        return frozenset(self.name)

    def inside(self, names: frozenset[str]) -> Mask:
        """Mark the rows of these units."""
        return np.array([name in names for name in self.name], dtype=np.bool_)

    def credits(self, variant: str, block: str) -> Floats | None:
        """Give the m credits of a figure, or None where it was not asked."""
        found = self.credit.get(variant, {}).get(block)
        return None if found is None else np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class Credits:
    """Some units' credits in one figure: m rows with `value`, number of `spectra`, `unit` and `class_code`.

    Units and classes are coded over both audits, so that the same code is the same unit.
    """

    value: Floats
    spectra: Floats
    unit: Codes
    class_code: Codes

    def take(self, rows: Mask) -> Credits:
        """Keep some rows."""
        return Credits(self.value[rows], self.spectra[rows], self.unit[rows], self.class_code[rows])

    @cached_property
    def accuracy(self) -> float:
        """Balanced accuracy: the mean over the classes present of the mean credit of their spectra."""
        classes = np.unique(self.class_code)
        of_class = [np.average(self.value[r], weights=self.spectra[r]) for c in classes for r in [self.class_code == c]]
        return float(np.mean(of_class))

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(np.unique(self.unit).size)

    @property
    def freedom(self) -> int:
        """Degrees of freedom between units: units of each class, less one a class; 1 at least."""
        return max(self.value.size - int(np.unique(self.class_code).size), 1)


@dataclass(frozen=True)
class Pairing:
    """Two unit tables with their units matched: codes over both, and which rows are of units that both hold."""

    a: UnitTable
    b: UnitTable

    @cached_property
    def common(self) -> frozenset[str]:
        """Units of both audits."""
        return self.a.units & self.b.units

    @cached_property
    def n_units(self) -> int:
        """Number of units of either."""
        return len(self.a.units | self.b.units)

    def credits(self, variant: str, block: str) -> tuple[Credits, Credits] | None:
        """Give both audits' credits of a figure, or None where one of them did not ask."""
        both = (self.a.credits(variant, block), self.b.credits(variant, block))
        if both[0] is None or both[1] is None:
            return None
        return self._coded(self.a, both[0]), self._coded(self.b, both[1])

    def _coded(self, table: UnitTable, values: Floats) -> Credits:
        units, classes = self._codes
        unit = np.array([units[name] for name in table.name], dtype=np.intp)
        class_code = np.array([classes[name] for name in table.class_name], dtype=np.intp)
        return Credits(values, table.spectra, unit, class_code)

    @cached_property
    def _codes(self) -> tuple[dict[str, int], dict[str, int]]:
        units = sorted(self.a.units | self.b.units)
        classes = sorted({*self.a.class_name, *self.b.class_name})
        return {name: i for i, name in enumerate(units)}, {name: i for i, name in enumerate(classes)}
