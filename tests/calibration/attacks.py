"""Studies made to mislead the audit: those it withstands, and those it does not yet."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_core.simulate import Peaks, Recipe
from tests.calibration.nulls import SEVEN
from tests.calibration.scenarios import BANDS_DO_NOT_EXPLAIN, NOT_SUPPORTED, SURE, Scenario, scenario

_ONE: Peaks = ((1200.0, 12.0, 1.0), (1320.0, 20.0, 0.0), (1550.0, 15.0, 0.8))  # one peak off-band, on a dark floor
_ALONE: Peaks = ((1200.0, 12.0, 1.0), (1320.0, 20.0, 0.02), (1550.0, 15.0, 0.02))  # next to nothing off-band
_SNV_D1 = ("snv | savgol(window=11, order=2, deriv=1)",)


@dataclass(frozen=True)
class OpenAttack:
    """A scenario that the audit gets wrong, with the diagnosis and the smallest change that would mend it."""

    scenario: Scenario
    diagnosis: str
    remedy: str


HELD = (
    scenario("attack", "undeclared peak, SNV", Recipe(units=SURE, other_effect=0.4, gain_spread=0.3),
             BANDS_DO_NOT_EXPLAIN, "random gain ±30 %, normalised away", variants=("snv",)),
    scenario("attack", "undeclared peak alone off-band, SNV",
             Recipe(units=SURE, other_effect=0.4, gain_spread=0.3, floor=0.0, peaks=_ONE), NOT_SUPPORTED,
             "SNV of the cropped region erases the only peak there", variants=("snv",)),
    scenario("attack", "undeclared peak alone off-band, area",
             Recipe(units=SURE, band_effect=0.08, other_effect=0.4, gain_spread=0.3, floor=0.0, peaks=_ONE),
             NOT_SUPPORTED, "the same with area normalisation and a weak real band", variants=("area",)),
    scenario("attack", "random gain, undeclared peak", Recipe(units=SURE, other_effect=0.4, gain_spread=0.3),
             BANDS_DO_NOT_EXPLAIN, "random gain ±30 %, not normalised"),
    scenario("attack", "weak band, strong undeclared", Recipe(units=SURE, band_effect=0.1, other_effect=0.4),
             BANDS_DO_NOT_EXPLAIN, "the bands alone are significant, yet not what makes the accuracy"),
    scenario("attack", "line inside the guard", Recipe(units=SURE, lines=((1230.0, 3.0, 0.1),)), NOT_SUPPORTED,
             "neither the band nor off-band holds it"),
    scenario("attack", "strong background", Recipe(units=SURE, band_effect=0.2, other_effect=0.25, background=1.0),
             BANDS_DO_NOT_EXPLAIN, "a penalty that drowned the undeclared peak would privilege the narrow band"),
    scenario("attack", "needle among 2,000 channels",
             Recipe(units=SURE, channels=2000, band_effect=0.15, lines=((1450.0, 1.0, 0.15),)), BANDS_DO_NOT_EXPLAIN,
             "two undeclared channels diluted by 1,900 empty ones"),
    scenario("attack", "drift", Recipe(units=SURE, drift=1.0), ("artefact", "unexplained"),
             "classes measured one after the other on a drifting baseline"),
    scenario("attack", "crossed units, band", Recipe(units=(40, 40), replicates=4, batches=4, crossed=True,
             batch_offset=0.5, band_effect=0.25), ("supported",), "every specimen in every session"),
    scenario("attack", "very unequal units, band", Recipe(units=SURE, replicates=((1,), (1, 1, 1, 12)),
             band_effect=0.3), ("supported",), "a quarter of one class was measured twelve times"),
    scenario("attack", "very unequal units, nothing", Recipe(units=(20, 20), replicates=((1,), (1, 1, 1, 12)),
             fingerprint=0.05), ("no_signal", "inconclusive", "artefact/replicate_leakage"), "sizes are no chemistry"),
    scenario("attack", "heavy tails, band", Recipe(units=SURE, tails=2.0, band_effect=0.25), ("supported",),
             "noise of infinite variance"),
    scenario("attack", "heavy tails, offset", Recipe(units=SURE, tails=2.0, offset=0.3), ("artefact",),
             "noise of infinite variance"),
    scenario("attack", "d < n, band", Recipe(units=(150, 150), channels=40, band_effect=0.25), ("supported",),
             "forty channels"),
    scenario("attack", "d < n, other band", Recipe(units=(150, 150), channels=40, other_effect=0.25),
             BANDS_DO_NOT_EXPLAIN, "forty channels"),
    scenario("attack", "blank of three channels", Recipe(units=SURE, offset=0.3), ("artefact",),
             "too short for noise, slope and curvature", blank={"silent": (1800.0, 1807.0)}),
    scenario("attack", "no blank", Recipe(units=SURE, offset=0.3), BANDS_DO_NOT_EXPLAIN,
             "an artefact nobody can convict", blank={}, caveat="nuisance_signal"),
    scenario("attack", "replicates sold as specimens", Recipe(units=(12, 12), replicates=6, fingerprint=0.05),
             NOT_SUPPORTED, "the fingerprint of a specimen is off-band as well", replicates_as_units=True),
    scenario("attack", "seven variants, nothing", Recipe(units=(30, 30)), ("no_signal", "inconclusive"),
             "seven chances to find something", variants=SEVEN),
    scenario("attack", "off-band peak erased by cropping",
             Recipe(units=SURE, band_effect=0.1, other_effect=0.4, floor=0.0, peaks=_ONE), BANDS_DO_NOT_EXPLAIN,
             "undeclared chemistry is four times the declared", variants=_SNV_D1),
    scenario("attack", "gain in the bands as measured",
             Recipe(units=SURE, gain=0.3, other_effect=0.4, floor=0.0, peaks=_ONE), NOT_SUPPORTED,
             "the bands differ by the gain only, which the variant removes", variants=("snv",)),
    scenario("attack", "weak band, strong line in the guard",
             Recipe(units=SURE, band_effect=0.08, lines=((1230.0, 3.0, 0.2),)), NOT_SUPPORTED,
             "a quarter of the accuracy comes from the guard"),
    scenario("attack", "small axis shift", Recipe(units=SURE, shift=0.5), NOT_SUPPORTED,
             "half a wavenumber of shift, no chemistry"),
    scenario("attack", "batch names half lost",
             Recipe(units=(80, 80), batches=4, batch_mix=0.9, batch_band=0.3, batch_lost=0.5), NOT_SUPPORTED,
             "sessions differ under the band, nine tenths of a class in its own"),
    scenario("attack", "two batches far apart, real band",
             Recipe(units=SURE, batches=2, batch_offset=3.0, band_effect=0.25), ("supported", "inconclusive"),
             "the band is real inside both sessions; the threshold does not transfer"),
)  # fmt: skip

OPEN = (
    OpenAttack(
        scenario("open", "saturation of the declared peak", Recipe(units=SURE, saturation=0.05), NOT_SUPPORTED,
                 "clipping is no chemistry"),
        "Only the tallest peak, the declared one, is clipped; the blank is not. The caveat `saturation_signal` names "
        "it in every seed, and a caveat decides nothing: a band that is really higher runs into the same ceiling.",
        "Nothing that these spectra hold, only measuring again below the detector's limit."),
    OpenAttack(
        scenario("open", "axis shift, nothing off-band", Recipe(units=SURE, shift=2.0, floor=0.0, peaks=_ALONE),
                 NOT_SUPPORTED, "a shift, no chemistry"),
        "Only the declared peak has flanks; no control outside it can see a shift, and chemistry shifts bands as well.",
        "None from these spectra; a reference line would tell."),
    OpenAttack(
        scenario("open", "gain, nothing off-band", Recipe(units=SURE, gain=0.3, floor=0.0, peaks=_ALONE),
                 NOT_SUPPORTED, "a gain, no chemistry"),
        "With one peak on a dark floor a gain and a concentration give the same spectra.",
        "None from these spectra; an internal standard would tell."),
)  # fmt: skip
