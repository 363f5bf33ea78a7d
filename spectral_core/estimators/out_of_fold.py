"""What training hands to the audit: out-of-fold predictions of one model on one variant, on file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectral_core.errors import AuditError, room_for
from spectral_core.models.subsample import Subsample
from spectral_core.splits import Codes, Design, unit_folds

if TYPE_CHECKING:
    from spectral_core.training import TrainedModel


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions and the permutation test of one model on one variant.

    Attributes:
        model: Text of the model.
        variant: Text of the variant.
        fold: Number of the fold that held each of n spectra out, units kept together.
        predictions: n predicted class codes by name: `unit_folds` and `random_folds` on all channels; by
            unit folds on `bands`, `off_band`, `off_band_after`, `blank` as far as training classified them
            (the audit refits what is missing).
        permutations: Labelings behind `p_association`.
        p_association: p-value of the balanced accuracy under unit folds.
        metrics: The numbers that training logged.
        subsample: What stood for all spectra in training, where they were too many for the model.
    """

    model: str
    variant: str
    fold: Codes
    predictions: Mapping[str, Codes]
    permutations: int
    p_association: float
    metrics: Mapping[str, float]
    subsample: Subsample | None = None

    @property
    def note(self) -> str:
        """Say in a sentence what training learned from, where it was not all spectra."""
        return "" if self.subsample is None else f" It was {self.subsample}."

    @classmethod
    def of(cls, trained: TrainedModel) -> OutOfFold:
        """Take what the audit needs from a trained model."""
        return cls(trained.model.text, trained.variant, trained.folds["unit_folds"], trained.predictions,
                   trained.permutations, trained.p_association, trained.to_metrics(), trained.subsample)  # fmt: skip

    def save(self, path: Path) -> Path:
        """Write an .npz file of integers and one text: no pickles; aside, then renamed, so that it is never half there.

        Raises:
            ArchiveError: The disk is full, or the folder cannot be written.
        """
        told: dict[str, Any] = {"model": self.model, "variant": self.variant, "permutations": self.permutations,
                "p_association": self.p_association, "metrics": dict(self.metrics)}  # fmt: skip
        if self.subsample is not None:
            told["subsample"] = self.subsample.to_dict()
        arrays: dict[str, Any] = {f"predicted {name}": np.asarray(codes) for name, codes in self.predictions.items()}
        arrays |= {"told": np.array(json.dumps(told)), "fold": self.fold}
        aside = path.with_name(f".{path.name}.part")
        with room_for("out-of-fold predictions", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with aside.open("wb") as file:
                    np.savez_compressed(file, allow_pickle=False, **arrays)
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path: Path) -> OutOfFold:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            told = json.loads(str(stored["told"]))
            predictions = {
                name.removeprefix("predicted "): stored[name] for name in stored.files if name.startswith("predicted ")
            }
            return cls(told["model"], told["variant"], stored["fold"], predictions, told["permutations"],
                       told["p_association"], told["metrics"], _drawn(told.get("subsample")))  # fmt: skip

    def check(self, design: Design, *, n_folds: int, seed: int) -> None:
        """Refuse predictions made on other spectra, folds or seeds than the audit's.

        Raises:
            AuditError: The folds of the training are not those of the audit.
        """
        where = f"training of {self.model!r} on variant {self.variant!r}"
        expected = np.empty(design.n, dtype=np.intp)
        for number, fold in enumerate(unit_folds(design, k=n_folds, seed=seed)):
            expected[fold] = number
        sizes = {codes.size for codes in self.predictions.values()} | {self.fold.size}
        if sizes != {design.n}:
            raise AuditError(where, f"predictions of {design.n} spectra", f"{min(sizes)}", "Train again.")
        if not np.array_equal(expected, self.fold):
            moved = int((expected != self.fold).sum())
            raise AuditError(where, "the folds of the audit", f"{moved} of {design.n} spectra in other folds",
                             "Train with the audit's seed, folds, units and snapshot.")  # fmt: skip


def _drawn(told: Mapping[str, Any] | None) -> Subsample | None:
    return None if told is None else Subsample(**told)
