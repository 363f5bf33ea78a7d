"""Which experiments to run, how thoroughly, and where their results lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spectral_core.errors import OffbandError, offenders

EXPERIMENT_NAMES = (
    "channels", "sampling", "complexity", "depth", "normalisation", "instruments", "maps", "remedies", "suspicion",
    "real", "fluorescence", "pixels",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A run of experiments.

    Args:
        folder: Results of cells, figures and the document go here.
        quick: Fewer sizes, channels and seeds: minutes instead of tens of minutes.
        names: Experiments to run, in order.
        workers: Processes, by default one a processor.
    """

    folder: Path
    quick: bool
    names: tuple[str, ...] = EXPERIMENT_NAMES
    workers: int | None = None

    @property
    def name(self) -> str:
        """What the run is called."""
        return "experiments"

    @property
    def cells(self) -> Path:
        """Folder of the results of cells."""
        return self.folder / "cells"

    @property
    def images(self) -> Path:
        """Folder of the figures."""
        return self.folder / "images" / "experiments"

    @property
    def document(self) -> Path:
        """The document that is generated."""
        return self.folder / "experiments.md"

    @property
    def tracking_uri(self) -> str:
        """The MLflow tracking URI, absolute."""
        return f"sqlite:///{self.folder.resolve() / 'mlflow.db'}"

    def checked(self) -> Plan:
        """Give the plan, or refuse what cannot be run.

        Raises:
            OffbandError: An unknown experiment, or a folder that is a file.
        """
        unknown = [name for name in self.names if name not in EXPERIMENT_NAMES]
        if unknown or not self.names:
            raise OffbandError("experiments", f"some of {', '.join(EXPERIMENT_NAMES)}", offenders(unknown) or "none",
                               "Correct the name.")  # fmt: skip
        if self.folder.exists() and not self.folder.is_dir():
            raise OffbandError(f"--out {self.folder}", "a folder", "a file", "Name another folder.")
        return self
