"""Compute preprocessing variants."""

from __future__ import annotations

from spectral_core.archive import open_archive
from spectral_core.preprocessing import parse_variant
from spectral_core.study import Study
from spectral_core.variants import VariantReference, materialise
from tasks.policy import io_task
from tasks.progress import Progress, tell_dashboard


@io_task(name="materialise variant", run_name="{chain}")
def materialise_variant(study: Study, snapshot: str, chain: str) -> VariantReference:
    """Store the spectra of a snapshot after one chain; Dask works inside this one task."""
    tell_dashboard(study.compute.scheduler)
    return materialise(
        open_archive(study.archive).open(snapshot),
        parse_variant(chain),
        directory=study.archive / "variants",
        snapshot=snapshot,
        archive=study.archive,
        scheduler=study.compute.scheduler,
        workers=study.compute.workers,
        progress=Progress(f"preprocessing: {chain}"),
    )
