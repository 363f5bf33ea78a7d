"""What the page says whatever the numbers are: verdicts, words, cautions, sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLAIM: Final = "This classifier is accurate because of the declared bands."


@dataclass(frozen=True)
class VerdictWords:
    """One verdict: its name, the shape beside it, what it means, what it does not mean, and what to do."""

    title: str
    shape: str
    means: str
    does_not_mean: str
    next_step: str


VERDICTS: Final[dict[str, VerdictWords]] = {
    "artefact": VerdictWords(
        "Artefact",
        "▲",
        "Information that cannot be the chemistry of these samples predicts the class as well as the model does.",
        "The classes may still differ chemically; this accuracy is no evidence for it.",
        "Do not report the accuracy as chemistry. Find what differed between the classes when they were measured, "
        "remove it or measure again in random order, then audit again.",
    ),
    "no_signal": VerdictWords(
        "No signal",
        "○",
        "The spectra are not distinguishable from spectra with shuffled labels, and an accuracy worth having "
        "above chance is excluded.",
        "It does not show that the classes are the same; another range, instrument or preparation may separate them.",
        "Change the measurement or the question; further tuning on these spectra will find chance.",
    ),
    "unexplained": VerdictWords(
        "Unexplained",
        "◆",
        "The association between spectra and classes is real and no artefact was shown, but the declared bands "
        "do not explain it.",
        "It does not tell undeclared chemistry from an undetected artefact: both look like this.",
        "Look where the off-band information lies. Declare the chemistry that explains it, with its assignment, "
        "before new spectra are measured; or find the difference that is not chemical.",
    ),
    "supported": VerdictWords(
        "Supported",
        "●",
        "The claim was not refuted by any of these controls.",
        "It is no proof of the mechanism, and says nothing about other instruments, sites or seasons.",
        "Confirm it on samples measured on other days and another instrument before relying on it.",
    ),
    "inconclusive": VerdictWords(
        "Inconclusive",
        "□",
        "The design or the data cannot tell.",
        "It speaks neither for nor against the model.",
        "Supply what the reasons name (units, batches, bands, more independent samples) and audit again.",
    ),
}

PROBES: Final[dict[str, str]] = {
    "full": "Full spectrum",
    "bands": "Declared bands only",
    "off_band": "Off-band only",
    "blank": "Blanks only",
    "nuisance": "Nuisance scalars",
}
FURTHER_PROBES: Final[dict[str, str]] = {
    "random_folds": "Full, random folds",
    "off_band_after": "Off-band, preprocessed before cropping",
}
CONVICTS: Final[dict[str, tuple[str, ...]]] = {
    "blank_sufficient": ("blank",),
    "nuisance_sufficient": ("nuisance",),
    "off_band_sufficient": ("off_band",),
    "bands_not_privileged": ("bands", "off_band"),
    "replicate_leakage": ("random_folds",),
    "no_association": ("full",),
}

GLOSSARY: Final[tuple[tuple[str, str], ...]] = (
    ("Balanced accuracy", "The mean over classes of the share recognised, on spectra held out of the fit. Guessing "
     "gives one over the number of classes, whatever their sizes."),
    ("Unit", "What is independent: a specimen, a patient, a culture. Replicates of a unit stay together in a fold."),
    ("Batch", "Session, day, plate or instrument: whatever can shift spectra without chemistry."),
    ("Declared bands", "Intervals where the chemistry said to separate the classes absorbs or emits, as the study "
     "states them with their assignment."),
    ("Off-band", "All channels outside the bands and outside a guard of half a band’s width on either side. "
     "Chemistry that nobody declared may lie here."),
    ("Blank", "An interval declared to carry no chemistry of these samples at all. Classes that can be told apart "
     "here differ by something else."),
    ("Nuisance scalars", "A few numbers per spectrum, taken on the blanks, that know no band: total intensity, norm, "
     "noise, offset, slope, curvature, spikes."),
    ("Probe", "The linear classifier (ridge on class indicators) with which every control is refitted."),
    ("δ (delta)", "The smallest gain in balanced accuracy worth having. A control within δ of the full spectrum does "
     "as well as it."),
    ("Adjusted p", "How often shuffled labels do as well, corrected for the number of questions asked together. "
     "Never zero: the observed labelling counts as one of the permutations."),
)  # fmt: skip

CAUTIONS: Final[tuple[tuple[str, str], ...]] = (
    ("A permutation test is significant for an artefact too.", "Artefacts are real associations. The test answers "
     "“no association”, not “no chemistry”; only the off-band, blank, nuisance, batch and same-class controls speak "
     "about chemistry."),
    ("More channels do not make classes singular.", "With finitely many channels two noisy classes always overlap in "
     "principle. Data can show how fast separability grows with the number of channels, never that it is perfect."),
    ("Finer sampling is not more information.", "If the same number of photons is spread over more channels, nothing "
     "is gained. Compare leaving channels out (which discards photons) with binning them (which keeps them)."),
    ("Three things are easily confused.", "Whether the populations can be separated, whether that can be learnt from "
     "this many spectra, and whether these spectra happen to be separable. Training accuracy shows only the last."),
)  # fmt: skip

ALWAYS_UNKNOWN: Final[tuple[str, ...]] = (
    "Whether the declared bands and blanks are right: they are taken as the study states them.",
    "Whether the labels are right.",
    "Whether these samples resemble those that the model will meet.",
)

LITERATURE: Final[tuple[str, ...]] = (
    "Michelucci & Venturini (2026). The infinite-dimensional nature of spectroscopy and why models succeed, fail, "
    "and mislead. Analyst. doi:10.1039/D6AN00346J",
    "Ojala & Garriga (2010). Permutation tests for studying classifier performance. J. Mach. Learn. Res. 11:1833.",
    "Phipson & Smyth (2010). Permutation p-values should never be zero. Stat. Appl. Genet. Mol. Biol. 9:39.",
    "Westfall & Young (1993). Resampling-based multiple testing. Wiley.",
    "Winkler et al. (2014). Permutation inference for the general linear model. NeuroImage 92:381.",
    "Westad & Marini (2015). Validation of chemometric models – a tutorial. Anal. Chim. Acta 893:14. "
    "doi:10.1016/j.aca.2015.06.056",
    "Guo, Popp & Bocklitz (2021). Chemometric analysis in Raman spectroscopy from experimental design to machine "
    "learning–based modeling. Nat. Protoc. 16:5426. doi:10.1038/s41596-021-00620-3",
    "Kapoor & Narayanan (2023). Leakage and the reproducibility crisis in machine-learning-based science. Patterns "
    "4:100804.",
    "Sorace & Zhan (2003). A data review and re-assessment of ovarian cancer serum proteomic profiling. BMC "
    "Bioinformatics 4:24. doi:10.1186/1471-2105-4-24",
    "Treder (2019). Cross-validation in high-dimensional spaces: a lifeline for least-squares models and multi-class "
    "LDA. arXiv:1803.10016 (the held-out predictions of the probe in closed form).",
)
