"""One row for each declared band, the off-band region and each blank: what it does for the classifier.

Everything here is asked of the spectrum as the classifier sees it, after preprocessing; the controls that judge
crop first. Sums over channels are sums of Gram matrices, so the spectra are touched once for each region.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from spectral_core.inference import Estimate, balanced_mean, class_weights, credit, permutation_p
from spectral_core.probe.ridge import choose_penalty, hat_matrix, held_out_margins, penalty_of_spectrum
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

    def held_out(self, hat: Floats) -> tuple[Floats, float]:
        """Give n held-out credits under the observed labels and the permutation p-value of the mean margin."""
        n_classes = len(self.design.classes)
        margins = held_out_margins(hat, self.codes, [fold.rows for fold in self.folds], n_classes)
        means = (class_weights(self.design, self.codes) * margins).sum(axis=0)
        return credit(margins[:, 0], n_classes), permutation_p(float(means[0]), means[1:])

    def estimate(self, values: Floats, *, low: float) -> Estimate:
        """Estimate a class-balanced mean with its interval over units."""
        return balanced_mean(self.design, values, alpha=self.alpha, low=low)


def judge_region(judge: Judge, region: Region, full: Floats, maps: Mapping[str, Floats]) -> BandRow:
    """Fill one row.

    Args:
        judge: What to judge with.
        region: The channels asked about.
        full: n held-out credits of the full spectrum.
        maps: Observed maps (d values each) whose mass is shared out.
    """
    model, part = judge.model, judge.model.z[:, region.channels]
    gram = part @ part.T / model.scale
    alone, p = judge.held_out(_hat_alone(part, gram))
    rest = _rest(model, region, gram)
    without = judge.held_out(rest)[0] if (~region.channels).any() else None
    parts = contributions(model, judge.folds, region.channels)
    conditional = conditional_parts(rest, judge.folds, parts)
    joint, added = (exchange_loss(judge.design, judge.folds, exchanged) for exchanged in (parts, conditional))
    return BandRow(
        region,
        judge.estimate(alone, low=0.0),
        p,
        judge.estimate(full - alone, low=-1.0),
        None if without is None else judge.estimate(without, low=0.0),
        None if without is None else judge.estimate(full - without, low=-1.0),
        judge.estimate(joint, low=-1.0),
        judge.estimate(added, low=-1.0),
        {name: _share(values, region.channels) for name, values in maps.items()},
    )


def _hat_alone(part: Floats, gram: Floats) -> Floats:
    """The hat matrix of a classifier on these channels only, with the audit's rule for the penalty."""
    n, m = part.shape
    scale = float(np.trace(gram)) / n
    if scale <= _NOTHING:
        return np.full((n, n), 1.0 / n)
    if 2 * m >= n:
        ridge, _ = choose_penalty(gram / scale)
        return hat_matrix(gram / scale, ridge)
    own = part / np.sqrt((part**2).sum() / n)  # few channels: the same matrix from m × m numbers
    scatter = own.T @ own
    ridge, _ = penalty_of_spectrum(scipy.linalg.eigvalsh(scatter), n=n)
    inner = scipy.linalg.solve(scatter + ridge * np.eye(m), own.T, assume_a="pos")
    return np.asarray(own @ inner + 1.0 / n)


def _rest(model: LinearModel, region: Region, gram: Floats) -> Floats:
    """The hat matrix of all other channels under the full spectrum's penalty: the same classifier without these."""
    n = gram.shape[0]
    rest = model.gram - gram
    if np.trace(rest) <= 1e-6 * n:  # the difference is mostly rounding
        other = model.z[:, ~region.channels]
        rest = other @ other.T / model.scale
    return hat_matrix(rest, model.ridge) if np.trace(rest) > _NOTHING * n else np.full((n, n), 1.0 / n)


def _share(values: Floats, channels: Mask) -> float:
    total = float(np.abs(values).sum())
    return float(np.abs(values[channels]).sum()) / total if total > 0 else float(channels.mean())
