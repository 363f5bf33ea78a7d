"""One row for each declared band, the off-band region and each blank: what it does for the classifier.

Everything here is asked of the spectrum as the classifier sees it, after preprocessing; the controls that judge
crop first. Sums over channels are sums of Gram matrices, so the spectra are touched once for each region.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spectral_core.inference import Estimate, balanced_mean, credit, permutation_p
from spectral_core.probe.fitting import fit_probe
from spectral_core.probe.ridge import hat_matrix, held_out_margins
from spectral_core.regions import Intervals, Mask, off_band_mask
from spectral_core.relevance.exchange import conditional_parts, contributions, exchange_loss
from spectral_core.relevance.linear_model import FoldModel, LinearModel
from spectral_core.splits import Codes, Design

Floats = npt.NDArray[np.float64]
_NOTHING = 1e-12  # of the spectra's variance: less is rounding


@dataclass(frozen=True)
class Region:
    """A named set of channels; `kind` is band, bands (all of them), off_band or blank."""

    name: str
    kind: str
    channels: Mask


@dataclass(frozen=True)
class BandRow:
    """What one region does for the classifier; accuracies are balanced and held out, units kept together.

    `alone` and its permutation p-value `alone_p`: a classifier refitted on the region only (sufficiency).
    `without`: refitted on everything else, `necessity` the paired difference full − without; both None where
    nothing else is left. `joint_loss` and `conditional_loss`: accuracy that the full classifier, not refitted,
    loses when the region, or what the rest does not predict of it, is exchanged between spectra. `shares` of
    each map's mass inside the region; compare with `n_channels` over all channels.
    """

    region: Region
    alone: Estimate
    alone_p: float
    sufficiency: Estimate
    without: Estimate | None
    necessity: Estimate | None
    joint_loss: Estimate
    conditional_loss: Estimate
    shares: Mapping[str, float]

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.region.channels.sum())


def list_regions(axis: Floats, bands: Intervals, blanks: Intervals) -> list[Region]:
    """Find the regions that hold a channel of the (preprocessed) axis."""
    found = [Region(name, "band", (axis >= low) & (axis <= high)) for name, (low, high) in bands.items()]
    if bands:
        everything = np.logical_or.reduce([region.channels for region in found])
        together = [Region("all declared bands", "bands", everything)] if len(bands) > 1 else []
        found += [*together, Region("off-band", "off_band", off_band_mask(axis, bands))]
    found += [Region(name, "blank", (axis >= low) & (axis <= high)) for name, (low, high) in blanks.items()]
    return [region for region in found if region.channels.any()]


@dataclass(frozen=True)
class Judge:
    """What every row is judged with: the model, its fold fits, the design and the labelings (n × (1 + P))."""

    model: LinearModel
    folds: Sequence[FoldModel]
    design: Design
    codes: Codes
    alpha: float

    @cached_property
    def rows(self) -> list[Codes]:
        """Spectra held out together."""
        return [fold.rows for fold in self.folds]

    @cached_property
    def full(self) -> Floats:
        """Held-out credits of the full spectrum under the observed labels (n)."""
        margins = np.empty((self.design.n, 1))
        for fold in self.folds:
            margins[fold.rows] = fold.exchanged_margins(fold.scores[:, :1], self.design.codes[fold.rows])
        return self._credit(margins)

    def refitted(self, hat: Floats) -> Floats:
        """Held-out credits of another hat matrix under the observed labels (n)."""
        n_classes = len(self.design.classes)
        return self._credit(
            held_out_margins(hat, self.codes[:, :1], self.rows, n_classes, unit=self.design.unit)
        )  # fmt: skip

    def alone(self, channels: Mask) -> tuple[Floats, float]:
        """Held-out credits (n) of the probe on these channels only, and its permutation p-value."""
        probe = fit_probe(self.model.z[:, channels], unit=self.design.unit)
        found = probe.judge(self.codes, self.rows, len(self.design.classes))
        p = permutation_p(float(found.statistic[0]), found.statistic[1:])
        return self._credit(found.margins[:, None]), p

    def _credit(self, margins: Floats) -> Floats:
        return credit(margins, len(self.design.classes))[:, 0]

    def estimate(self, values: Floats, *, low: float) -> Estimate:
        """Estimate a class-balanced mean with its interval over units."""
        return balanced_mean(self.design, values, alpha=self.alpha, low=low)


def judge_region(judge: Judge, region: Region, maps: Mapping[str, Floats]) -> BandRow:
    """Fill one row.

    Args:
        judge: What to judge with.
        region: The channels asked about.
        maps: Observed maps (d values each) whose mass is shared out.
    """
    alone, p = judge.alone(region.channels)
    rest = _hat_of_rest(judge.model, region)
    without = judge.refitted(rest) if (~region.channels).any() else None
    parts = contributions(judge.model, judge.folds, region.channels)
    conditional = conditional_parts(rest, judge.folds, parts)
    joint, added = (exchange_loss(judge.design, judge.folds, exchanged) for exchanged in (parts, conditional))
    return BandRow(
        region,
        judge.estimate(alone, low=0.0),
        p,
        judge.estimate(judge.full - alone, low=-1.0),
        None if without is None else judge.estimate(without, low=0.0),
        None if without is None else judge.estimate(judge.full - without, low=-1.0),
        judge.estimate(joint, low=-1.0),
        judge.estimate(added, low=-1.0),
        {name: _share(values, region.channels) for name, values in maps.items()},
    )


def _hat_of_rest(model: LinearModel, region: Region) -> Floats:
    """The hat matrix of all other channels under the full spectrum's penalty: the same classifier without these.

    A penalty of its own would mix what the channels give with what another shrinkage gives.
    """
    n, few = model.z.shape[0], 2 * int(region.channels.sum()) < model.z.shape[1]
    part = model.z[:, region.channels if few else ~region.channels]
    gram = part @ part.T
    gram /= model.scale
    rest = np.subtract(model.gram, gram, out=gram) if few else gram
    if few and np.trace(rest) <= 1e-6 * n:  # the difference is mostly rounding
        other = model.z[:, ~region.channels]
        rest = other @ other.T / model.scale
    return hat_matrix(rest, model.ridge) if np.trace(rest) > _NOTHING * n else np.full((n, n), 1.0 / n)


def _share(values: Floats, channels: Mask) -> float:
    total = float(np.abs(values).sum())
    return float(np.abs(values[channels]).sum()) / total if total > 0 else float(channels.mean())
