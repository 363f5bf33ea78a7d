"""One simulated study, audited; and many of them in two processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from spectral_core.audit import audit_variants
from spectral_core.audit_report import AuditReport
from spectral_core.estimators import Contender
from spectral_core.evidence import CLAIMS, Settings
from spectral_core.places import AxisPlaces
from spectral_core.preprocessing import parse_variant
from spectral_core.simulate import BAND, BLANK, Recipe, Simulated, simulate
from spectral_core.splits import make_design

WORKERS = 2
Interval = tuple[float, float]


@dataclass(frozen=True)
class Study:
    """A recipe and what the user declares about it."""

    name: str
    recipe: Recipe
    bands: Mapping[str, Interval] = field(default_factory=lambda: {"declared": BAND})
    blank: Mapping[str, Interval] = field(default_factory=lambda: {"silent": BLANK})
    variants: tuple[str, ...] = ("raw",)
    unit_declared: bool = True
    replicates_as_units: bool = False
    permutations: int = 199
    pools_noise: bool = False  # judge a model that classifies the noise level of a spectrum
    in_order: bool = False  # the time of each spectrum is known, and the classes follow one another
    maps: bool = False  # maps of relevance support a verdict and do not decide it: they take most of the time


@dataclass(frozen=True)
class Outcome:
    """What one audit said: verdict, codes, p-values and estimates by name, the smallest adjusted p-value.

    `above_chance` says whether the model classified at all.
    """

    verdict: str
    reasons: frozenset[str]
    caveats: frozenset[str]
    p: Mapping[str, float]
    smallest_adjusted: float
    estimates: Mapping[str, tuple[float, float, float]]
    above_chance: bool


@contextmanager
def two_processes() -> Iterator[ProcessPoolExecutor]:
    """Workers with one thread each, started afresh: no state of the parent reaches them."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        yield pool


def _one_thread() -> None:
    threadpool_limits(limits=1)


def repeat(pool: ProcessPoolExecutor, function: Callable[[int], Any], seeds: int) -> list[Any]:
    """Call a function with seeds 0, 1, …"""
    return list(pool.map(function, range(seeds), chunksize=max(1, seeds // 40)))


def audits(pool: ProcessPoolExecutor, study: Study, seeds: int) -> list[Outcome]:
    """Audit a study under many seeds, of spectra, folds and permutations alike."""
    return repeat(pool, partial(audited, study), seeds)


def audited(study: Study, seed: int) -> Outcome:
    """Draw, audit, and keep what is counted."""
    return outcome(report_on(study, simulate(study.recipe, seed=seed), seed))


def report_on(study: Study, data: Simulated, seed: int) -> AuditReport:
    """Audit spectra under what the study declares."""
    unit = np.arange(data.unit.size) if study.replicates_as_units else data.unit
    batch = data.batch if study.recipe.batches > 1 else None
    times = np.datetime64("2026-01-01T08:00") + np.arange(data.unit.size) * np.timedelta64(1, "m")
    design = make_design(data.label, unit=unit if study.unit_declared else None, batch=batch,
                         acquired_at=times.astype(str) if study.in_order else None)  # fmt: skip
    settings = Settings(study.permutations, 0.05, 0.05, 3 if study.pools_noise else 5, seed, maps=study.maps)
    places = AxisPlaces("cm-1", dict(study.bands), dict(study.blank))
    chains = [parse_variant(text) for text in study.variants]
    models = [Contender.of(noise_level_model(), seed=seed)] if study.pools_noise else []
    return audit_variants(data.x, data.axis, design, places, chains, settings, models=models)


def noise_level_model() -> Pipeline:
    """A classifier of one number: the logarithm of a spectrum's high-frequency noise."""
    return make_pipeline(FunctionTransformer(_log_noise), LogisticRegression())


def _log_noise(x: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.asarray(np.log(np.std(np.diff(x, n=2, axis=1), axis=1, keepdims=True) + 1e-12))


def outcome(report: AuditReport) -> Outcome:
    """Pick what calibration counts out of a report."""
    first: Mapping[str, Any] = report.content["variants"][0]
    p, estimates = {}, {}
    for name, probe in first["probes"].items():
        p[f"{name}, anywhere"] = probe["p"]
        estimates[name] = (probe["balanced_accuracy"], *probe["interval"])
        if "p_within_batch" in probe:
            p[f"{name}, within batches"] = probe["p_within_batch"]
    batch = next(check for check in report.checks if check.code == "batch").values
    for key, name in (("left_out_batches", "batches left out"), ("batch_from_spectrum", "batch from spectrum")):
        if key in batch:
            p[name] = batch[key]["p"]
    for name, found in first["differences"].items():
        estimates[name] = (found["estimate"], *found["interval"])
    return Outcome(
        report.verdict,
        frozenset(reason.code for reason in report.reasons),
        frozenset(caveat.code for caveat in report.caveats),
        p,
        min(_adjusted(report.content["variants"])),
        estimates,
        first["probes"]["full"]["settled"] and first["probes"]["full"]["p_adjusted"] <= 0.05,
    )


def _adjusted(variants: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    for variant in variants:
        for name, probe in variant["probes"].items():
            if name in CLAIMS:
                yield 1.0 if probe["p_adjusted"] is None else probe["p_adjusted"]  # not settled: no alarm
                yield probe.get("p_within_batch_adjusted") or 1.0
