"""Studies whose right verdict is argued: the points of the specification, with weak twins beside clear effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spectral_core.simulate import Recipe
from tests.calibration.trial import Outcome, Study

SEEDS = 100
SURE = (60, 60)
BANDS_DO_NOT_EXPLAIN = ("unexplained",)
NOT_SUPPORTED = ("artefact", "unexplained", "inconclusive", "no_signal")


@dataclass(frozen=True)
class Scenario:
    """A study and the verdicts that are right, each as `verdict` or `verdict/reason`, with the argument for them.

    `caveat` is one that must stand beside the verdict.
    """

    point: str
    study: Study
    right: tuple[str, ...]
    why: str
    caveat: str = ""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    def holds(self, outcome: Outcome) -> bool:
        """Whether an audit said what is right."""
        told = {outcome.verdict, *(f"{outcome.verdict}/{code}" for code in outcome.reasons)}
        return not told.isdisjoint(self.right) and (not self.caveat or self.caveat in outcome.caveats)

    def wrongly_supported(self, outcome: Outcome) -> bool:
        """Whether an audit called supported what is not."""
        return outcome.verdict == "supported" and "supported" not in self.right


def scenario(
    point: str, name: str, recipe: Recipe, right: tuple[str, ...], why: str, *, caveat: str = "", **declared: Any
) -> Scenario:
    """Write a scenario in one line."""
    return Scenario(point, Study(name, recipe, **declared), right, why, caveat)


_FLAT = ((1200.0, 8.0, 1.0), (1660.0, 8.0, 1.0))  # two narrow peaks: SNV writes the one into the other

SCENARIOS = (
    scenario("2", "dilation", Recipe(units=SURE, noise_ratio=0.5), ("no_signal", "inconclusive"),
             "only the noise variance differs: a linear probe sees nothing, the scalars of the blank do",
             caveat="nuisance_signal"),
    scenario("2", "dilation, weak", Recipe(units=(12, 12), noise_ratio=0.05), ("no_signal", "inconclusive"),
             "5 % more noise in 12 specimens a class is beyond everybody"),
    scenario("2", "dilation, a model of the noise", Recipe(units=(40, 40), noise_ratio=3.0, channels=200),
             ("artefact/nuisance_sufficient",), "the model pools the noise, and so do the scalars of the blank",
             pools_noise=True, permutations=99),
    scenario("3", "SNV-carried", Recipe(units=SURE, band_effect=1.0, peaks=_FLAT, specimen=0.02), ("supported",),
             "the band explains all; SNV after it writes it elsewhere, SNV after cropping does not",
             caveat="preprocessing_carried", variants=("snv",), bands={"declared": (1160.0, 1240.0)}),
    scenario("4", "replicates, random labels", Recipe(units=(150, 150), replicates=3, fingerprint=0.1, channels=100),
             ("artefact/replicate_leakage", "no_signal"),
             "random folds recognise specimens, unit folds show that there is nothing else",
             caveat="accuracy_optimistic"),
    scenario("4", "replicates, random labels, few", Recipe(units=(12, 12), replicates=6, fingerprint=0.05),
             ("artefact/replicate_leakage", "no_signal", "inconclusive"),
             "24 specimens cannot always exclude half of that gain; that random folds are too good is told anyway",
             caveat="accuracy_optimistic"),
    scenario("4", "replicates, weak band", Recipe(units=(20, 20), replicates=3, fingerprint=0.06, band_effect=0.1),
             ("inconclusive", "supported", "artefact/replicate_leakage"),
             "accuracy 0.68, of which random folds make 0.99: mostly leakage, and a real effect"),
    scenario("4", "replicates, band in few", Recipe(units=(12, 12), replicates=6, fingerprint=0.05, band_effect=0.15),
             ("inconclusive", "supported"), "accuracy 0.79 of 0.99: a real effect is not convicted for being weak"),
    scenario("4", "replicates, weak band, few",
             Recipe(units=(12, 12), replicates=3, fingerprint=0.06, band_effect=0.1),
             ("inconclusive", "supported", "artefact/replicate_leakage"),
             "accuracy 0.67, rarely above chance in so few specimens; random folds make 0.98 of it"),
    scenario("7", "offset, 20 a class", Recipe(units=(20, 20), offset=0.6), ("artefact",),
             "too few for a bound within delta, and the blank loses nothing"),
    scenario("5", "one after the other, band that drifts",
             Recipe(units=SURE, band_effect=0.25), ("inconclusive/class_aliased_with_batch",),
             "the order of acquisition is known, and the classes do not overlap in time", in_order=True),
    scenario("4", "replicates, band", Recipe(units=(40, 40), replicates=3, fingerprint=0.05, band_effect=0.3),
             ("supported",), "replicates do not hide a real band"),
    scenario("5", "batch 80/20", Recipe(units=(120, 120), batches=2, batch_mix=0.8, batch_offset=10.0),
             ("artefact/batch_confounded",), "the session makes the accuracy; no blank is needed to tell", blank={}),
    scenario("5", "batch, small", Recipe(units=(8, 8), batches=2, batch_mix=0.6, batch_offset=0.3),
             ("inconclusive", "no_signal"), "eight specimens a class can convict nobody"),
    scenario("5", "batch aliased", Recipe(units=SURE, batches=2, batch_mix=1.0, band_effect=0.3),
             ("inconclusive/class_aliased_with_batch",), "each class in its own session: nobody can tell", blank={}),
    scenario("5", "batches balanced, band", Recipe(units=SURE, batches=4, batch_offset=0.3, band_effect=0.3),
             ("supported",), "sessions differ, but alike for both classes"),
    scenario("5", "batches nested in classes", Recipe(units=SURE, batches=6, batch_mix=1.0, batch_offset=0.3,
             band_effect=0.3), ("inconclusive/class_aliased_with_batch",),
             "three sessions a class, none shared: still nobody can tell", blank={}),
    scenario("5", "batches nested in classes, offset", Recipe(units=SURE, batches=6, batch_mix=1.0, offset=0.6),
             ("artefact/blank_sufficient", "artefact/nuisance_sufficient"), "a blank convicts even so"),
    scenario("5", "six unequal batches, band",
             Recipe(units=SURE, batches=6, batch_mix=0.65, batch_offset=0.3, batch_lost=0.1, band_effect=0.3),
             ("supported",), "unequal counts of both classes in each session, a tenth of the names lost"),
    scenario("5", "six unequal batches, nothing",
             Recipe(units=SURE, batches=6, batch_mix=0.65, batch_offset=0.3, batch_lost=0.1),
             ("no_signal", "inconclusive", "artefact"), "what there is comes from the sessions", blank={}),
    scenario("5", "batches nested in sites, band",
             Recipe(units=SURE, batches=6, sites=2, batch_offset=0.3, band_effect=0.3), ("supported",),
             "two sites of three sessions each; both classes in every session"),
    scenario("5", "batches nested in sites, 80/20",
             Recipe(units=(120, 120), batches=4, sites=2, batch_mix=0.8, batch_offset=10.0),
             ("artefact/batch_confounded", "no_signal", "inconclusive"),
             "four fifths of a class at its own site, two sessions at each", blank={}),
    scenario("5", "crossed replicates, nothing",
             Recipe(units=(40, 40), replicates=6, batches=6, crossed=True, batch_offset=0.3, fingerprint=0.05),
             ("artefact/replicate_leakage", "no_signal", "inconclusive"), "every specimen in every session"),
    scenario("5", "crossed replicates, names lost, band",
             Recipe(units=(40, 40), replicates=(6, 4), batches=6, crossed=True, batch_offset=0.3, batch_lost=0.02,
                    band_effect=0.3), ("supported",),
             "four or six sessions a specimen, one name in fifty lost"),
    scenario("6", "band", Recipe(units=SURE, band_effect=0.25), ("supported",), "real, declared, enough specimens"),
    scenario("6", "band, small n", Recipe(units=(8, 8), band_effect=0.15), ("inconclusive", "supported"),
             "real, in eight specimens a class: no wrong answer"),
    scenario("6", "other band", Recipe(units=SURE, other_effect=0.3), BANDS_DO_NOT_EXPLAIN,
             "real chemistry that nobody declared"),
    scenario("6", "other band, small n", Recipe(units=(8, 8), other_effect=0.15), ("inconclusive", "unexplained"),
             "undeclared, in eight specimens a class: no wrong answer"),
    scenario("6", "both bands", Recipe(units=SURE, band_effect=0.25, other_effect=0.25), BANDS_DO_NOT_EXPLAIN,
             "the undeclared one does as well alone"),
    scenario("7", "offset", Recipe(units=SURE, offset=0.6), ("artefact",), "the blank sees it",
             caveat="baseline_signal"),
    scenario("7", "gain", Recipe(units=SURE, gain=0.3), ("artefact", "unexplained"),
             "the level of the blank grows with the gain", caveat="gain_signal"),
    scenario("7", "slope", Recipe(units=SURE, slope=0.3), ("artefact", "unexplained"), "the blank sees it",
             caveat="baseline_signal"),
    scenario("7", "axis shift", Recipe(units=SURE, shift=4.0), BANDS_DO_NOT_EXPLAIN,
             "an empty region does not move; every flank outside the band does", caveat="shift_signal"),
    scenario("7", "saturation", Recipe(units=SURE, saturation=0.2), BANDS_DO_NOT_EXPLAIN,
             "other peaks are clipped as well", caveat="saturation_signal"),
    scenario("7", "offset, small n", Recipe(units=(8, 8), offset=0.02), ("inconclusive", "unexplained", "artefact"),
             "a trace of an offset in eight specimens a class: no wrong answer"),
    scenario("8", "three classes, band", Recipe(units=(40, 40, 40), band_effect=0.5), ("supported",),
             "real, declared, graded over three classes"),
    scenario("8", "five classes, band", Recipe(units=(30,) * 5, band_effect=1.5, specimen=0.04), ("supported",),
             "real, declared, graded over five classes"),
    scenario("8", "five classes, nothing", Recipe(units=(60,) * 5), ("no_signal", "inconclusive"), "nothing there"),
    scenario("8", "imbalance 90/10, band", Recipe(units=(180, 20), band_effect=0.4), ("supported",),
             "balanced accuracy does not mind the imbalance"),
    scenario("8", "missing batches", Recipe(units=SURE, batches=4, batch_offset=0.3, batch_lost=0.1, band_effect=0.3),
             ("supported",), "a tenth of the session names is lost; the band is real"),
    scenario("8", "one specimen a class", Recipe(units=(1, 40), replicates=20, band_effect=0.3),
             ("inconclusive/too_few_units",), "twenty spectra of one specimen are one specimen"),
)  # fmt: skip
