"""From the rows of an archive to the cases that the rules judge, in passes whose number does not grow with the archive.

| what | how | passes |
|---|---|---|
| finite numbers, copies, class means, scalars of blanks, what is normalised | every spectrum | 1 |
| every block, random folds, batches left out, batches as classes, halves of a class | every spectrum | 2 a stage |
| class from metadata alone | every spectrum's metadata | 0 |
| what the instrument did, intervals that look empty, maps of relevance, diagnostics | a subsample | 0 |

A variant takes one stage, or a few where the sums of all its questions outgrow `StreamLimits.memory`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spectral_core.audit_report import Subject, describe_design
from spectral_core.controls.batch import fewest_permutations
from spectral_core.controls.blocks import Block, Blocks
from spectral_core.controls.instrument import InstrumentEvidence, Measured, examine_instrument
from spectral_core.controls.metadata import Told, examine_metadata
from spectral_core.controls.nuisance import Runs, Scalars, cut_runs, scalar_aucs, standardise_scalars, telling_scalar
from spectral_core.copies import keep_alike_together
from spectral_core.evidence import Answer, Settings, adjust, differences
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import Chain
from spectral_core.probe import threads_for
from spectral_core.regions import Regions, locate_regions
from spectral_core.relevance import RelevanceReport, examine_regions
from spectral_core.splits import Codes, Design, count_permutations, permuted_codes, unit_folds
from spectral_core.streaming.examination import Streamed, Streaming, lay_out_all, pack
from spectral_core.streaming.passes import MEMORY, Execution
from spectral_core.streaming.plan import scalar_places
from spectral_core.streaming.rows import Rows, Spectra
from spectral_core.streaming.subsample import MOST, draw_subsample
from spectral_core.streaming.survey import Survey, survey_rows
from spectral_core.verdict import Case, VariantEvidence

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class StreamLimits:
    """What the audit may hold: bytes of sums in each worker, and spectra of the subsample."""

    memory: int = MEMORY
    subsample: int = MOST


LIMITS = StreamLimits()


@dataclass(frozen=True)
class Subsample:
    """Some spectra as measured, and their design."""

    x: Spectra
    design: Design
    rows: Codes
    whole: bool

    def blocks(self, chain: Chain, axis: Floats) -> Blocks:
        """Apply a chain: the whole spectrum only."""
        matrix, left = chain.apply(self.x, axis)
        return Blocks({"full": Block(matrix, matrix.shape[1])}, left, Scalars(np.zeros((self.design.n, 0)), ()), "")


@dataclass(frozen=True)
class StreamedAudit:
    """Cases of all variants, what the report shows of the spectra, and what it has to say of the way."""

    cases: list[Case]
    subject: Subject
    design: Design
    subsample: Subsample
    passes: int
    sampled: float

    def told(self, settings: Settings) -> dict[str, object]:
        """Give the way as plain values."""
        return {
            "passes": self.passes, "subsample": self.subsample.design.n, "seed": settings.seed,
            "units_behind_leverage": self.sampled,
        }  # fmt: skip

    def not_asked_of_all(self, settings: Settings, *, diagnostics: bool) -> list[dict[str, str]]:
        """Say what was asked of the subsample only, or estimated."""
        rows = []
        n, few = f"{self.design.n:,}", f"{self.subsample.design.n:,}"
        how = f"{few} of {n} spectra were drawn (seed {settings.seed}; classes alike in number, units kept)"
        if not self.subsample.whole:
            asked = ["instrument"]
            asked += ["band_agreement and maps of relevance"] if settings.maps else []
            asked += ["diagnostics"] if diagnostics else []
            rows.append({"check": ", ".join(asked), "why": f"Asked of a subsample: {how}."})
        if not self.subsample.whole and "proposed_blanks" in self.subject.regions:
            rows.append({"check": "blank proposals", "why": f"Looked for in a subsample: {how}."})
        if self.sampled < 1:
            why = (
                "Spectra of one unit lie far apart in the archive: the mean leverage of a training unit, which places "
                f"the borders between classes, was estimated from {self.sampled:.0%} of these (seed {settings.seed})."
            )
            rows.append({"check": "leverage of every unit", "why": why})
        return rows


def audit_stream(
    data: object, axis: Floats, design: Design, places: AxisPlaces, chains: Sequence[Chain], settings: Settings, *,
    execution: Execution, limits: StreamLimits | None = None, where: str = "X", progress: Progress | None = None,
) -> StreamedAudit:  # fmt: skip
    """Gather the evidence on every variant without holding the spectra.

    Args:
        data: n × d raw intensities that slice by rows: a Dask array over zarr, or numpy.
        axis: d channel positions.
        design: Classes, units and batches; copies are looked for here.
        places: Bands and blanks.
        chains: The variants.
        settings: The audit's numbers.
        execution: Where the passes run.
        limits: What may be held.
        where: What errors call the spectra.
        progress: Called with hundredths of a variant done, and hundred times the variants.

    Raises:
        AuditError: An interval outside the axis.
        SpectraError: NaN or infinite intensities, or a step that refuses a spectrum.
    """
    allowed = limits or LIMITS
    rows = Rows(data)
    regions = locate_regions(axis, axis_unit=places.axis_unit, bands=places.bands, blanks=places.blanks)
    runs = _runs_of(regions, chains, places)
    survey = survey_rows(rows, axis, design.codes, len(design.classes), list(runs.values()), execution=execution,
                         where=where)  # fmt: skip
    design = keep_alike_together(design, survey.digests, lambda row: rows[slice(row, row + 1)][0])
    sample = _subsample(rows, design, settings, allowed.subsample)
    scalars = dict(zip(runs, (standardise_scalars(raw) for raw in survey.scalars), strict=True))
    survey = replace(survey, digests=survey.digests[:0], scalars=[])  # they take room, and are done with
    found, told = _examine(rows, regions, design, places, chains, settings, execution, allowed, scalars, progress)
    instrument = _instrument(sample, regions, survey, settings)
    cases = _cases(found, told, design, places, settings, sample, scalars, regions, instrument)
    subject = _subject(sample, axis, design, places, regions, survey)
    return StreamedAudit(cases, subject, design, sample, 1 + sum(one.passes for one in found.values()),
                         min(one.sampled for one in found.values()))  # fmt: skip


Key = tuple[tuple[str, bytes], ...]


def _key(regions: Regions, chain: Chain, places: AxisPlaces) -> Key:
    found = scalar_places(regions, chain, bands=bool(places.bands))
    return tuple((name, mask.tobytes()) for name, mask in found.items())


def _runs_of(regions: Regions, chains: Sequence[Chain], places: AxisPlaces) -> dict[Key, Runs]:
    """Runs of channels for nuisance scalars, once for all variants that take them in the same places."""
    return {
        _key(regions, chain, places): cut_runs(
            regions.axis, scalar_places(regions, chain, bands=bool(places.bands))
        )
        for chain in chains
    }  # fmt: skip


def _examine(
    rows: Rows, regions: Regions, design: Design, places: AxisPlaces, chains: Sequence[Chain], settings: Settings,
    execution: Execution, limits: StreamLimits, scalars: Mapping[Key, Scalars], progress: Progress | None,
) -> tuple[dict[Chain, Streamed], Mapping[str, Told] | None]:  # fmt: skip
    """Ask every block of every variant, and tell classes from metadata."""
    enough = count_permutations(design, within_batch=True) >= fewest_permutations(settings.alpha)
    packed = pack(design, settings, within_batch=design.batch_declared and enough)
    folds = lay_out_all(design, packed, settings, n_channels=regions.axis.size, memory=limits.memory)
    asking = Streaming(rows, regions, places.bands, design, packed, folds, settings, execution, limits.memory)
    found = {}
    for i, chain in enumerate(chains):
        told = None if progress is None else _of_variant(progress, i, len(chains))
        where = scalar_places(regions, chain, bands=bool(places.bands))
        found[chain] = asking.examine(chain, scalars[_key(regions, chain, places)], where, told)
    return found, examine_metadata(design, packed.anywhere, settings)


def _of_variant(progress: Progress, i: int, variants: int) -> Progress:
    return lambda done, of: progress(i * of + done, variants * of)


def _subsample(rows: Rows, design: Design, settings: Settings, most: int) -> Subsample:
    drawn = draw_subsample(design, most=most, seed=settings.seed)
    whole = drawn.size == design.n
    return Subsample(rows.taken(drawn), design if whole else design.subset(drawn), drawn, whole)


def _instrument(sample: Subsample, regions: Regions, survey: Survey, settings: Settings) -> InstrumentEvidence:
    with threads_for(sample.x.size):
        found = examine_instrument(
            Measured(sample.x, regions), sample.design, _drawn(sample.design, settings), settings
        )
    return replace(found, normalised=survey.normalised)


def _drawn(design: Design, settings: Settings) -> Codes:
    permuted = permuted_codes(design, n=settings.n_permutations, seed=settings.seed)
    return np.column_stack([design.codes.astype(permuted.dtype), permuted])


def _relevance(
    sample: Subsample, chain: Chain, axis: Floats, places: AxisPlaces, settings: Settings
) -> RelevanceReport | None:
    if not settings.maps:
        return None
    blocks, design = sample.blocks(chain, axis), sample.design
    folds = unit_folds(design, k=settings.n_folds, seed=settings.seed)
    return examine_regions(
        blocks.by_name["full"].matrix, blocks.axis, design, folds, _drawn(design, settings),
        places.regions(blocks.axis), alpha=settings.alpha, on_axis=places.on_axis,
    )  # fmt: skip


def _cases(
    found: Mapping[Chain, Streamed], told: Mapping[str, Told] | None, design: Design, places: AxisPlaces,
    settings: Settings, sample: Subsample, scalars: Mapping[Key, Scalars], regions: Regions,
    instrument: InstrumentEvidence,
) -> list[Case]:  # fmt: skip
    """Correct the claims of all variants together, and gather the evidence on each."""
    answers = {(str(chain), name): answer for chain, one in found.items() for name, answer in one.answers.items()}
    anywhere = {(str(chain), name): values for chain, one in found.items() for name, values in one.anywhere.items()}
    within = {(str(chain), name): values for chain, one in found.items() for name, values in one.within.items()}
    adjusted = adjust(answers, anywhere, within, alpha=settings.alpha)
    cases = []
    for chain, one in found.items():
        own: dict[str, Answer] = {name: answer for (v, name), answer in adjusted.items() if v == str(chain)}
        taken = scalars[_key(regions, chain, places)]
        aucs = scalar_aucs(taken, design.codes, len(design.classes))
        evidence = VariantEvidence(
            str(chain), own, differences(design, own, alpha=settings.alpha), one.leakage, one.batch,
            aucs, "the blanks" if regions.blanks else "off-band",
            _relevance(sample, chain, regions.axis, places, settings), one.same_class, told, instrument,
            telling_scalar(taken, aucs, design.codes, len(design.classes)),
        )  # fmt: skip
        cases.append(Case(evidence, design, settings))
    return cases


def _subject(
    sample: Subsample, axis: Floats, design: Design, places: AxisPlaces, regions: Regions, survey: Survey
) -> Subject:
    """What the report shows: design and class means of all spectra, proposals of blanks from the subsample."""

    def per_class(values: Floats) -> dict[str, list[float]]:
        return {name: [float(f"{v:.6g}") for v in values[c]] for c, name in enumerate(design.classes)}

    subject = Subject.of(sample.x, axis, sample.design, places, regions)
    spectra = {**subject.spectra, "mean": per_class(survey.mean), "sd": per_class(survey.sd)}
    return replace(subject, design=describe_design(design, axis.size), spectra=spectra)
