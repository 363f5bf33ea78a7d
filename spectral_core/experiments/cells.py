"""Cells: the smallest pieces of an experiment, each stored by its content so that none is computed twice."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Parameter = str | int | float | bool
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Cell:
    """One measurement: an experiment's name and edition, its parameters, and a seed.

    Raise an experiment's `edition` when the same parameters and seed give other numbers: results of earlier
    editions are then computed again.
    """

    experiment: str
    parameters: tuple[tuple[str, Parameter], ...]
    seed: int
    edition: int = 1

    @classmethod
    def of(cls, experiment: str, *, seed: int, edition: int = 1, **parameters: Parameter) -> Cell:
        """Make a cell; the order of parameters does not matter.

        Example:
            >>> Cell.of("channels", seed=1, d=64, size=0.1) == Cell.of("channels", seed=1, size=0.1, d=64)
            True
        """
        return cls(experiment, tuple(sorted(parameters.items())), seed, edition)

    @property
    def digest(self) -> str:
        """Name of the cell's result: a hash of everything that decides it."""
        content = json.dumps([self.experiment, self.edition, self.parameters, self.seed])
        return hashlib.sha256(content.encode()).hexdigest()[:20]

    @property
    def stream(self) -> int:
        """A seed of this cell's own, for cells that must not share draws with others of the same seed."""
        return int(self.digest[:8], 16)

    def text(self, name: str) -> str:
        """Give a parameter as text."""
        return str(dict(self.parameters)[name])

    def number(self, name: str) -> float:
        """Give a parameter as a number."""
        return float(dict(self.parameters)[name])

    def whole(self, name: str) -> int:
        """Give a parameter as a whole number."""
        return int(dict(self.parameters)[name])


@dataclass(frozen=True)
class Row:
    """A finished cell: its parameters, seed and numbers, and the processor seconds it took."""

    parameters: Mapping[str, Parameter]
    seed: int
    numbers: Numbers
    seconds: float


@dataclass(frozen=True)
class CellStore:
    """Results in files, `folder/<experiment>/<digest>.json`.

    A file is written aside and renamed into place: it is there complete, or not at all.
    """

    folder: Path

    def path(self, cell: Cell) -> Path:
        """Give the one place of a cell's result."""
        return self.folder / cell.experiment / f"{cell.digest}.json"

    def write(self, cell: Cell, numbers: Numbers, *, seconds: float) -> Path:
        """Store a cell's numbers; what is not finite is stored as null."""
        path = self.path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = {name: float(v) if math.isfinite(v) else None for name, v in numbers.items()}
        content = {"parameters": dict(cell.parameters), "seed": cell.seed, "edition": cell.edition,
                   "numbers": stored, "seconds": round(seconds, 3)}  # fmt: skip
        aside = path.with_name(f".{path.stem}.{os.getpid()}.part")
        aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        aside.replace(path)
        return path

    def missing(self, cells: list[Cell]) -> list[Cell]:
        """List the cells without a result."""
        return [cell for cell in cells if not self.path(cell).is_file()]

    def rows(self, cells: list[Cell]) -> Iterator[Row]:
        """Read the results of finished cells, in the order of the cells; a null is read as NaN."""
        for cell in cells:
            if self.path(cell).is_file():
                stored = json.loads(self.path(cell).read_text(encoding="utf-8"))
                numbers = {k: math.nan if v is None else float(v) for k, v in stored["numbers"].items()}
                yield Row(dict(cell.parameters), cell.seed, numbers, float(stored["seconds"]))
