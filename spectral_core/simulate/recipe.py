"""What to plant, and what comes of it with its truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from spectral_core.errors import SpectraError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Peaks = tuple[tuple[float, float, float], ...]
BAND = (1180.0, 1220.0)  # where `band_effect` acts
OTHER_BAND = (1530.0, 1570.0)  # where `other_effect` acts
BLANK = (1800.0, 1980.0)  # no peak reaches it
PEAKS: Peaks = ((1200.0, 12.0, 1.0), (1320.0, 20.0, 0.7), (1550.0, 15.0, 0.8), (1660.0, 10.0, 0.5))


@dataclass(frozen=True)
class Simulated:
    """n × d spectra, their axis in cm⁻¹, classes, specimens and batches, and the truth behind them.

    A batch name may be empty (`batch_lost`). `expected` are the n × d intensities before photons, detector,
    spikes and saturation; `recipe` is all that was planted, and `truth` names every number of it that was not 0.
    """

    x: Floats
    axis: Floats
    label: npt.NDArray[np.str_]
    unit: npt.NDArray[np.intp]
    batch: npt.NDArray[np.str_]
    expected: Floats
    truth: dict[str, float] = field(default_factory=dict)
    recipe: Recipe | None = None

    def take(self, rows: Codes) -> Simulated:
        """Keep some spectra, in the order given."""
        return replace(
            self, x=self.x[rows], label=self.label[rows], unit=self.unit[rows], batch=self.batch[rows],
            expected=self.expected[rows],
        )  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """What to plant; every effect is 0 unless set, and acts on class c in proportion to its position.

    Args:
        units: Specimens in each class.
        replicates: Spectra of each specimen; several numbers are dealt to the specimens of a class in turn,
            and numbers in brackets belong to one class each.
        channels: Number of channels between 1,000 and 2,000 cm⁻¹.
        noise: Standard deviation of the detector noise of one channel.
        specimen: Relative spread of peak heights and background between specimens.
        fingerprint: Standard deviation of a pattern of its own in every channel of a specimen.
        band_effect: Relative height of the 1,200 cm⁻¹ peak (declared chemistry).
        other_effect: Relative height of the 1,550 cm⁻¹ peak (undeclared chemistry).
        offset: Baseline offset, in intensity units.
        slope: Baseline slope over the whole axis, in intensity units.
        gain: Relative gain.
        shift: Axis shift in cm⁻¹.
        noise_ratio: Relative noise standard deviation: dilation of the noise and nothing else.
        saturation: Relative depth of clipping, which every class suffers as soon as this is not 0: the detector of
            the first class ends at the median of the spectra's highest intensities, that of the last class so much
            lower.
        batches: Number of batches; each adds its own offset of `batch_offset` standard deviation.
        batch_mix: Share of a class measured in its own half of the batches (0.5 balanced, 1 aliased).
        batch_offset: Spread of the batches' baseline offsets.
        batch_band: Spread of the batches' relative heights of the 1,200 cm⁻¹ peak.
        batch_lost: Share of spectra whose batch nobody wrote down (its name is empty).
        sites: Number of sites that hold the batches in equal shares, in order; each adds its own offset of
            `batch_offset` standard deviation to all its batches.
        crossed: Whether the replicates of a specimen are dealt to the batches in turn.
        mixed: Whether specimen i of every class is the same specimen (each then holds spectra of all classes).
        peaks: Position, width (standard deviation) and height of each peak; the first and the third carry
            `band_effect` and `other_effect`.
        floor: Level of an empty channel.
        lines: Position, width and height of further lines that only grow with the class.
        drift: Baseline drift over the run, in intensity units; the classes are measured one after the other.
        gain_spread: Relative spread of a random gain of each spectrum, the same in every class.
        background: Spread of the smooth background between specimens, added to what `specimen` gives.
        tails: Degrees of freedom of Student's t for the noise (0 for normal noise).
        fluorescence: Mean height of a broad fluorescence background, in intensity units; every specimen has
            its own height, centre and width.
        fluorescence_effect: Relative height of that background (an artefact of sample preparation).
        diffuse: A shift by plus or minus this intensity in every channel, signs drawn once.
        photons: Photon budget of a spectrum of floor and peaks alone; 0 for none (no shot noise). Brighter
            spectra count more.
        budget: What `photons` fixes: "spectrum", the counts of all channels together, however many there are;
            "channel", the mean counts of one channel.
        read_noise: Standard deviation of reading one channel, in counts; needs `photons`.
        spikes: Expected number of cosmic-ray spikes of one spectrum.
        spike_ratio: Relative number of spikes.
        spike_height: Mean height of a spike (exponentially distributed), in intensity units.

    Raises:
        SpectraError: Fewer than two channels, no specimen of a class, a spread or number below 0, an unknown budget,
            or an effect on a peak that is not there.
    """

    units: tuple[int, ...] = (40, 40)
    replicates: int | tuple[int | tuple[int, ...], ...] = 1
    channels: int = 300
    noise: float = 0.02
    specimen: float = 0.05
    fingerprint: float = 0.0
    band_effect: float = 0.0
    other_effect: float = 0.0
    offset: float = 0.0
    slope: float = 0.0
    gain: float = 0.0
    shift: float = 0.0
    noise_ratio: float = 0.0
    saturation: float = 0.0
    batches: int = 1
    batch_mix: float = 0.5
    batch_offset: float = 0.0
    batch_band: float = 0.0
    batch_lost: float = 0.0
    sites: int = 1
    crossed: bool = False
    mixed: bool = False
    peaks: Peaks = PEAKS
    floor: float = 1.0
    lines: Peaks = ()
    drift: float = 0.0
    gain_spread: float = 0.0
    background: float = 0.0
    tails: float = 0.0
    fluorescence: float = 0.0
    fluorescence_effect: float = 0.0
    diffuse: float = 0.0
    photons: float = 0.0
    budget: Literal["spectrum", "channel"] = "spectrum"
    read_noise: float = 0.0
    spikes: float = 0.0
    spike_ratio: float = 0.0
    spike_height: float = 1.0

    def __post_init__(self) -> None:
        for name in ("noise", "specimen", "batch_offset", "photons", "read_noise", "spikes", "spike_height", "tails"):
            self._check(name, "0 or more", getattr(self, name) >= 0)
        self._check("channels", "two or more", self.channels >= 2)
        self._check("batches", "one or more", self.batches >= 1)
        self._check("units", "one specimen or more in every class", bool(self.units) and min(self.units) >= 1)
        self._check("budget", "'spectrum' or 'channel'", self.budget in ("spectrum", "channel"))
        self._check("band_effect", "a first peak to act on", not self.band_effect or len(self.peaks) >= 1)
        self._check("other_effect", "a third peak to act on", not self.other_effect or len(self.peaks) >= 3)

    def _check(self, name: str, expected: str, fits: bool) -> None:
        if not fits:
            raise SpectraError(f"recipe, {name}", expected, repr(getattr(self, name)), "Correct the recipe.")
