"""Every block of every variant before the probe: the evidence that the verdict rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from spectral_core.controls.batch import examine_batches, fewest_permutations
from spectral_core.controls.blocks import Blocks
from spectral_core.controls.instrument import InstrumentEvidence, Measured, examine_instrument
from spectral_core.controls.leakage import examine_replicates
from spectral_core.controls.metadata import Told, examine_metadata
from spectral_core.controls.nuisance import scalar_aucs, telling_scalar
from spectral_core.controls.same_class import examine_same_class
from spectral_core.evidence import Answer, Labelings, Settings, adjust, ask, differences
from spectral_core.places import Places
from spectral_core.probe import Probe, fit_probe
from spectral_core.relevance import RelevanceReport, examine_regions
from spectral_core.splits import Codes, Design, count_permutations, permuted_codes, unit_folds
from spectral_core.verdict import Case, VariantEvidence

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]
Key = tuple[str, str]  # variant and block
_MOST_FOR_MAPS = 4000  # spectra: maps of relevance hold n × n matrices


def draw_labelings(design: Design, settings: Settings) -> Labelings:
    """Draw the labelings that all claims share: anywhere, and within batches where those admit enough."""

    def drawn(within_batch: bool) -> Codes:
        permuted = permuted_codes(design, n=settings.n_permutations, seed=settings.seed, within_batch=within_batch)
        return np.column_stack([design.codes.astype(permuted.dtype), permuted])

    enough = count_permutations(design, within_batch=True) >= fewest_permutations(settings.alpha)
    return Labelings(drawn(False), drawn(True) if design.batch_declared and enough else None)


def examine_variants(
    blocks: Mapping[str, Blocks],
    design: Design,
    labelings: Labelings,
    places: Places,
    settings: Settings,
    *,
    measured: Measured | None = None,
    progress: Progress | None = None,
) -> list[Case]:
    """Ask the probe about every block of every variant, correct the claims together, run the other controls.

    `measured` holds the raw spectra, if their channels lie on an axis: what the instrument did is read off them.
    """
    folds = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    answers: dict[Key, Answer] = {}
    anywhere: dict[Key, Floats] = {}
    within: dict[Key, Floats] = {}
    probes: dict[str, Probe] = {}
    jobs = [(variant, name) for variant, found in blocks.items() for name in found.by_name]
    for done, (variant, name) in enumerate(jobs, start=1):
        block = blocks[variant].by_name[name]
        probe = fit_probe(block.matrix, unit=design.unit)
        answer, statistics, inside = ask(probe, block, design, labelings, folds, alpha=settings.alpha)
        answers[variant, name], anywhere[variant, name] = answer, statistics
        if inside is not None:
            within[variant, name] = inside
        if name == "full":
            probes[variant] = probe
        if progress is not None:
            progress(done, len(jobs))
    adjusted = adjust(answers, anywhere, within, alpha=settings.alpha)
    metadata = examine_metadata(design, labelings.anywhere, settings)
    instrument = examine_instrument(measured, design, labelings.anywhere, settings)
    evidence = (
        _evidence(v, probes[v], adjusted, found, design, labelings, places, settings, metadata, instrument)
        for v, found in blocks.items()
    )
    return [Case(of_variant, design, settings) for of_variant in evidence]


def _evidence(
    variant: str,
    probe: Probe,
    adjusted: Mapping[Key, Answer],
    blocks: Blocks,
    design: Design,
    labelings: Labelings,
    places: Places,
    settings: Settings,
    metadata: Mapping[str, Told] | None,
    instrument: InstrumentEvidence,
) -> VariantEvidence:
    answers = {name: answer for (v, name), answer in adjusted.items() if v == variant}
    aucs = scalar_aucs(blocks.scalars, design.codes, len(design.classes))
    return VariantEvidence(
        variant,
        answers,
        differences(design, answers, alpha=settings.alpha),
        examine_replicates(probe, answers["full"], design, settings),
        examine_batches(probe, design, labelings, settings),
        aucs,
        blocks.nuisance_on,
        _relevance(blocks, design, labelings, places, settings),
        examine_same_class(blocks.by_name["full"].matrix, design, settings),
        metadata,
        instrument,
        telling_scalar(blocks.scalars, aucs, design.codes, len(design.classes)),
    )


def _relevance(
    blocks: Blocks, design: Design, labelings: Labelings, places: Places, settings: Settings
) -> RelevanceReport | None:
    """Maps and band table; None where not asked for, or for more spectra than their n × n matrices are kept for."""
    if not settings.maps or design.n > _MOST_FOR_MAPS:
        return None
    folds = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    return examine_regions(
        blocks.by_name["full"].matrix, blocks.axis, design, folds, labelings.anywhere,
        places.regions(blocks.axis), alpha=settings.alpha, on_axis=places.on_axis,
    )  # fmt: skip
