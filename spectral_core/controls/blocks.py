"""What the probe is asked to classify: the whole spectrum, the bands, what lies off them, the blanks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from spectral_core.controls.nuisance import Scalars, nuisance_scalars
from spectral_core.errors import SpectraError
from spectral_core.preprocessing import Chain, parse_variant
from spectral_core.regions import Intervals, Mask, Regions, off_band_mask

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.floating]
RAW = parse_variant("raw")


@dataclass(frozen=True)
class Block:
    """An n × m matrix to classify, its number of channels, and what deviates from the chain ("" if nothing).

    `source` is the matrix, or makes it whenever it is asked for: what is cut from the spectra is not kept twice.
    """

    source: Matrix | Callable[[], Matrix]
    n_channels: int
    note: str = ""

    @property
    def matrix(self) -> Matrix:
        """n × m values."""
        return self.source() if callable(self.source) else self.source


@dataclass(frozen=True)
class Blocks:
    """The blocks of one variant by name, and the nuisance scalars behind the block `nuisance`.

    Names: full, bands, off_band, guards_left_out (bands and off-band without the guards between),
    off_band_after (preprocessed before cropping), blank, nuisance. What was not declared or holds no channel is
    absent. `axis` is that of `full`; `nuisance_on` says where the scalars were taken.
    """

    by_name: dict[str, Block]
    axis: Floats
    scalars: Scalars
    nuisance_on: str


def make_blocks(
    x: npt.NDArray[np.floating],
    regions: Regions,
    bands: Intervals,
    chain: Chain,
    *,
    preprocessed: tuple[npt.NDArray[np.floating], Floats] | None = None,
) -> Blocks:
    """Cut the spectra into blocks; every region is cropped before the chain sees it.

    Args:
        x: n × d raw intensities on `regions.axis`.
        regions: Where bands, blanks and off-band lie.
        bands: Band name to (low, high), for the off-band part of the preprocessed axis.
        chain: The variant.
        preprocessed: The chain's result on the whole spectrum, if it was stored already.
    """
    full, axis = chain.apply(x, regions.axis) if preprocessed is None else preprocessed
    kept = (regions.axis >= axis[0]) & (regions.axis <= axis[-1])  # a chain that crops has left the rest
    blocks = {"full": Block(full, full.shape[1])}
    if bands:
        asked = {"bands": regions.in_band, "off_band": regions.off_band}
        for name, mask in {**asked, "guards_left_out": regions.in_band | regions.off_band}.items():
            cropped = _cropped(x, regions, name, mask & kept, chain)
            blocks |= cropped if chain.is_identity else _with_raw(cropped, x, mask & kept)
        after = off_band_mask(axis, bands)
        if "off_band" in blocks and not chain.is_identity and after.any():
            blocks["off_band_after"] = Block(partial(_columns, full, after), int(after.sum()))
    blocks |= _cropped(x, regions, "blank", regions.blank, chain)
    on_blanks = bool(regions.blanks)
    places = regions.blanks if on_blanks else {"off-band": regions.off_band & kept} if bands else {}
    scalars = nuisance_scalars(x, regions.axis, {k: m for k, m in places.items() if m.any()})
    if scalars.names:
        blocks["nuisance"] = Block(scalars.values, sum(int(m.sum()) for m in places.values()))
    return Blocks(blocks, axis, scalars, "the blanks" if on_blanks else "off-band")


def _cropped(x: npt.NDArray[np.floating], regions: Regions, name: str, mask: Mask, chain: Chain) -> dict[str, Block]:
    if not mask.any():
        return {}
    try:
        changed = None if chain.is_identity else chain.apply(x[:, mask], regions.axis[mask])[0]
        return {name: Block(partial(_columns, x, mask) if changed is None else changed, int(mask.sum()))}
    except SpectraError as error:
        return {name: Block(partial(_columns, x, mask), int(mask.sum()), note=f"raw, because {error}")}


def _columns(matrix: Matrix, mask: Mask) -> Matrix:
    return matrix[:, mask]


def _with_raw(found: dict[str, Block], x: npt.NDArray[np.floating], mask: Mask) -> dict[str, Block]:
    """Show a region as measured beside the region as preprocessed, both with the same weight.

    A normalisation that sees only a cropped band divides its height away; as measured the band still has
    it. Neither knows anything of the channels outside. The preprocessed part keeps its scale: an estimator
    without a scale of its own is then as strongly penalised on a region as on the whole spectrum.
    """
    return {name: replace(block, source=partial(_beside, block, x, mask)) for name, block in found.items()}


def _beside(block: Block, x: Matrix, mask: Mask) -> Floats:
    preprocessed, measured = block.matrix, np.asarray(x[:, mask], dtype=np.float64)
    return np.hstack([preprocessed, measured * _ratio(_spread(preprocessed), measured)])


def _ratio(spread: float, measured: Floats) -> float:
    own = _spread(measured)
    return spread / own if spread > 0 and own > 0 else 1.0


def _spread(matrix: npt.NDArray[np.floating]) -> float:
    values = np.asarray(matrix, dtype=np.float64)
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    scaled = values / largest
    return largest * float(np.sqrt(((scaled - scaled.mean(axis=0)) ** 2).sum()))
