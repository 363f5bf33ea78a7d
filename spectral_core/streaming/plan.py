"""The blocks of one variant as functions of raw rows: what `controls.blocks` cuts, without cutting it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spectral_core.controls.blocks import RAW
from spectral_core.controls.nuisance import Scalars
from spectral_core.errors import SpectraError
from spectral_core.preprocessing import Chain
from spectral_core.regions import Intervals, Mask, Regions, off_band_mask
from spectral_core.streaming.rows import Rows
from spectral_core.streaming.sources import Asked, Source

Floats = npt.NDArray[np.float64]
Places = Mapping[str, Mask]


@dataclass(frozen=True)
class Plan:
    """Sources and blocks of one variant, in the order of `controls.blocks.make_blocks`.

    `axis` is that of the whole preprocessed spectrum.
    """

    sources: dict[str, Source]
    blocks: tuple[Asked, ...]
    axis: Floats


def scalar_places(regions: Regions, chain: Chain, *, bands: bool) -> Places:
    """Find the channels that nuisance scalars are taken on: the blanks, else off-band as far as the chain keeps it."""
    off_band = {"off-band": regions.off_band & _kept(regions, chain)} if bands else {}
    return {name: mask for name, mask in (regions.blanks or off_band).items() if mask.any()}


def _axis_after(regions: Regions, chain: Chain) -> Floats:
    return chain.apply(np.empty((0, regions.axis.size), dtype=np.float32), regions.axis)[1]


def _kept(regions: Regions, chain: Chain) -> Mask:
    axis = _axis_after(regions, chain)
    return np.asarray((regions.axis >= axis[0]) & (regions.axis <= axis[-1]))


def plan_blocks(
    rows: Rows, regions: Regions, bands: Intervals, chain: Chain, scalars: Scalars, places: Places,
    refused: Mapping[str, str],
) -> Plan:  # fmt: skip
    """Plan the blocks of one variant.

    Args:
        rows: The archive; its first block gives each source its shift.
        regions: Where bands, blanks and off-band lie.
        bands: Band name to (low, high).
        chain: The variant.
        scalars: Nuisance scalars of every spectrum, and
        places: where they were taken.
        refused: Source name to the reason for which a step refused a spectrum of it; these blocks are judged raw.
    """
    plan = _Planning(regions, chain, refused)
    axis = _axis_after(regions, chain)
    plan.ask("full", axis.size)
    if bands:
        kept = _kept(regions, chain)
        masks = {"bands": regions.in_band, "off_band": regions.off_band}
        for name, mask in {**masks, "guards_left_out": regions.in_band | regions.off_band}.items():
            plan.crop(name, mask & kept, beside=True)
        after = off_band_mask(axis, bands)
        if plan.has("off_band") and not chain.is_identity and after.any():
            plan.blocks.append(Asked("off_band_after", "full", int(after.sum()), np.flatnonzero(after)))
    plan.crop("blank", regions.blank, beside=False)
    if scalars.names:
        plan.sources["nuisance"] = Source("nuisance", RAW, regions.axis, given=scalars.values)
        plan.blocks.append(Asked("nuisance", "nuisance", sum(int(mask.sum()) for mask in places.values())))
    first = slice(0, min(rows.together, rows.shape[0]))
    x = rows[first]
    return Plan({name: source.shifted(x, first) for name, source in plan.sources.items()}, tuple(plan.blocks), axis)


class _Planning:
    def __init__(self, regions: Regions, chain: Chain, refused: Mapping[str, str]) -> None:
        self.regions, self.chain, self.refused = regions, chain, refused
        self.sources = {"full": Source("full", chain, regions.axis)}
        self.blocks: list[Asked] = []

    def has(self, name: str) -> bool:
        """Whether a block is planned."""
        return any(block.name == name for block in self.blocks)

    def ask(self, name: str, n_channels: int) -> None:
        """Plan a block that is a source of its own."""
        self.blocks.append(Asked(name, name, n_channels))

    def crop(self, name: str, mask: Mask, *, beside: bool) -> None:
        """Plan a region that is cropped before the chain, with the channels as measured beside it if asked for."""
        channels = np.flatnonzero(mask)
        if not channels.size:
            return
        if self.chain.is_identity:
            self.blocks.append(Asked(name, "full", channels.size, channels))
            return
        chain, note, made = self._result(name, mask)
        self.sources[name] = Source(name, chain, self.regions.axis, channels, beside)
        self.blocks.append(Asked(name, name, channels.size, split=made if beside else None, note=note))

    def _result(self, name: str, mask: Mask) -> tuple[Chain, str, int]:
        """The chain on a crop, or none and why, and how many channels come out."""
        none = np.empty((0, int(mask.sum())), dtype=np.float32)
        why = self.refused.get(name, "")
        if not why:
            try:
                return self.chain, "", self.chain.apply(none, self.regions.axis[mask])[0].shape[1]
            except SpectraError as error:
                why = str(error)
        return RAW, f"raw, because {why}", none.shape[1]
