"""Which model is trained in which way, what is done about spectra that a step refuses, and how refusals are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from spectral_core.errors import AuditError
from spectral_core.memory import IN_MEMORY
from spectral_core.models import Model
from spectral_core.splits import Design
from spectral_core.streamed_training.blocks import Block, Stock
from spectral_core.streamed_training.closed_form import follows_from_sums, train_from_sums
from spectral_core.streamed_training.subsample import MOST, train_on_subsample
from spectral_core.streamed_training.sums import BrokenIntensityError
from spectral_core.streaming.passes import Execution
from spectral_core.streaming.sources import CropError
from spectral_core.training import TrainedModel, check_design, refusals_named


def train_streamed(
    stock: Stock, blocks: Sequence[Block], design: Design, models: Sequence[Model], *, variant: str, folds: int,
    permutations: int, seed: int, execution: Execution, most: int | None = None,
) -> Iterator[TrainedModel]:  # fmt: skip
    """Train models on spectra that are not held in memory, and give them in order.

    Models of closed form are trained together on all spectra, in a few passes; each of the others on a subsample.

    Args:
        stock: The rows.
        blocks: What is classified, the whole spectrum first.
        design: Classes and units of the n spectra.
        models: The models.
        variant: Text of the variant, for the record.
        folds: Number of folds.
        permutations: Number of label permutations.
        seed: Of folds, permutations, the subsample and the models.
        execution: Where tasks run.
        most: Spectra of a subsample, at most; by default 5,000, or as many as may be held in memory.

    Raises:
        AuditError: One class or one unit only, intensities that are not finite or not n rows, or a model that cannot
            be fitted.
    """
    if not models:
        return
    where = f"model {models[0].text!r} on variant {variant!r}"
    check_design(design, where)
    if stock.n != design.n or stock.measured.shape[0] != design.n:
        found = f"{stock.measured.shape[0]} as measured, {stock.n} after the chain"
        raise AuditError(f"{where}, intensities", f"{design.n} spectra", found, "Pass one row for each label.")
    most = most or min(MOST, IN_MEMORY // (8 * stock.variant.shape[1]))
    training = _Training(stock, list(blocks), design, {
        "variant": variant, "folds": folds, "permutations": permutations, "seed": seed, "execution": execution,
    }, most)  # fmt: skip
    with _named(where):
        from_sums = training.from_sums(models, folds)
    for model in models:
        if model.text in from_sums:
            yield from_sums[model.text]
        else:
            with _named(f"model {model.text!r} on variant {variant!r}"):
                yield training.on_subsample(model)


class _Training:
    """Blocks as far as the chain takes them; one that it refuses is classified as measured from then on."""

    def __init__(self, stock: Stock, blocks: list[Block], design: Design, conduct: dict[str, Any], most: int) -> None:
        self.stock, self.design, self.conduct, self.most = stock, design, conduct, most
        self.blocks = [self._shifted(block) for block in blocks]

    def from_sums(self, models: Sequence[Model], folds: int) -> dict[str, TrainedModel]:
        """Train what follows from sums; give it by text."""
        while True:
            asked = [model for model in models if follows_from_sums(model, self.blocks, folds=folds)]
            if not asked:
                return {}
            try:
                found = train_from_sums(self.stock, self.blocks, self.design, asked, most=self.most, **self.conduct)
            except CropError as refused:
                self._take_as_measured(refused)
            else:
                return {trained.model.text: trained for trained in found}

    def on_subsample(self, model: Model) -> TrainedModel:
        """Train a model on a subsample."""
        while True:
            try:
                return train_on_subsample(self.stock, self.blocks, self.design, model, most=self.most, **self.conduct)
            except CropError as refused:
                self._take_as_measured(refused)

    def _take_as_measured(self, refused: CropError) -> None:
        self.blocks = [
            block.as_measured().shifted(self.stock) if block.name == refused.source else block for block in self.blocks
        ]

    def _shifted(self, block: Block) -> Block:
        try:
            return block.shifted(self.stock)
        except CropError:
            return block.as_measured().shifted(self.stock)


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Say which model and variant a refusal is about."""
    try:
        with refusals_named(where):
            yield
    except BrokenIntensityError as error:
        place = where if error.block == "full" else f"{where}, {error.block}"
        raise AuditError(f"{place}, spectrum {error.row + 1}, channel {error.column + 1}", "a finite intensity",
                         str(error.value), "Leave the spectrum out or change the variant.") from None  # fmt: skip
