"""Variants: equal to the chain on numpy, addressed by snapshot and chain, complete or not there at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_core import variant_store, variants
from spectral_core.archive import create_archive
from spectral_core.errors import ArchiveError, SpectraError
from spectral_core.preprocessing import parse_variant
from spectral_core.spectra import make_spectra, validate_spectra
from spectral_core.variants import VariantReference, materialise, open_variant, variant_path

AXIS = 400 + 2.0 * np.arange(24)
SNV = parse_variant("snv")


def dataset(n: int = 50, *, seed: int = 0) -> xr.Dataset:
    x = np.random.default_rng(seed).uniform(0.2, 0.9, (n, 24))
    names = [f"s{i}" for i in range(n)]
    metadata = {"spectrum_id": names, "label": ["α", "b"] * (n // 2) + ["b"] * (n % 2), "mg/L sugar": names}
    return make_spectra(x, AXIS, axis_unit="cm-1", intensity_unit="reflectance", metadata=metadata)


def expected(spectra: xr.Dataset, text: str) -> np.ndarray:
    return parse_variant(text).apply(spectra["intensity"].values, AXIS)[0]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven rows of 24 channels a block."""
    monkeypatch.setattr(variant_store, "BLOCK_BYTES", 4 * 24 * 7)


def names_in(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.rglob(pattern))


def test_a_variant_keeps_metadata_and_gives_axis_units_and_origin(tmp_path: Path) -> None:
    spectra = dataset().chunk({"sample": 20})
    chain = parse_variant("crop(410, 440) | absorbance | savgol(5)")
    reference = materialise(spectra, chain, directory=tmp_path, snapshot="A1")
    stored = open_variant(reference)
    validate_spectra(stored, where="stored")
    for name in ("label", "spectrum_id", "mg/L sugar", "batch"):
        assert stored[name].values.tolist() == spectra[name].values.tolist()
    np.testing.assert_array_equal(stored["axis"], AXIS[5:21])
    assert stored["axis"].attrs["units"] == "cm-1" and stored["intensity"].attrs["units"] == "absorbance"
    assert stored.attrs["chain"] == str(chain) and stored.attrs["snapshot"] == "A1"
    assert reference == VariantReference(reference.path, str(chain), "A1", 50, 16, False)
    assert stored["intensity"].dtype == np.float32 and stored["intensity"].data.numblocks[1] == 1


@pytest.mark.parametrize(
    "text", ["raw", "snv", "savgol(5, 2, 1) | vector", "als(lam=1e3) | snv", "resample(401, 440, 3)"]
)
def test_a_variant_equals_the_chain_on_numpy(text: str, tmp_path: Path, small_blocks: None) -> None:
    spectra = dataset()
    for name, given_as in (("lazy", spectra.chunk({"sample": 9})), ("in_memory", spectra)):
        reference = materialise(given_as, parse_variant(text), directory=tmp_path, snapshot=name)
        np.testing.assert_allclose(open_variant(reference.path)["intensity"].values, expected(spectra, text), atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(chunks=st.lists(st.integers(1, 30), min_size=1, max_size=8), rows=st.integers(1, 60))
def test_dask_equals_numpy_under_any_chunks_and_block_size(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[int], rows: int
) -> None:
    spectra = dataset(sum(chunks))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variant_store, "BLOCK_BYTES", 4 * 24 * rows)
        reference = materialise(
            spectra.chunk({"sample": tuple(chunks)}),
            SNV,
            directory=tmp_path_factory.mktemp("v"),
            snapshot="A",
        )
    np.testing.assert_allclose(open_variant(reference)["intensity"].values, expected(spectra, "snv"), atol=1e-6)


def test_a_stored_variant_is_reused_and_not_computed_again(tmp_path: Path) -> None:
    first = materialise(dataset(), SNV, directory=tmp_path, snapshot="A")
    told: list[int] = []
    again = materialise(dataset(), SNV, directory=tmp_path, snapshot="A", progress=lambda done, _: told.append(done))
    assert (first.reused, again.reused, told) == (False, True, []) and again.path == first.path
    same = parse_variant("savgol(11, 2, 0)"), parse_variant("savgol")
    assert len({variant_path(tmp_path, snapshot="A", chain=chain) for chain in same}) == 1


def test_snapshots_and_chains_do_not_collide(tmp_path: Path) -> None:
    for seed, snapshot in enumerate(("A", "B")):
        for text in ("snv", "vector"):
            materialise(dataset(seed=seed), parse_variant(text), directory=tmp_path, snapshot=snapshot)
    for seed, snapshot in enumerate(("A", "B")):
        for text in ("snv", "vector"):
            stored = open_variant(variant_path(tmp_path, snapshot=snapshot, chain=parse_variant(text)))
            np.testing.assert_allclose(stored["intensity"], expected(dataset(seed=seed), text), atol=1e-6)


def test_progress_counts_every_block_up_to_all(tmp_path: Path, small_blocks: None) -> None:
    told: list[tuple[int, int]] = []
    threads: set[int] = set()

    def progress(*now: int) -> None:
        told.append(now)  # type: ignore[arg-type]
        threads.add(threading.get_ident())

    materialise(dataset(50), SNV, directory=tmp_path, snapshot="A", progress=progress)
    assert told == [(done, 8) for done in range(1, 9)]  # 50 rows in blocks of 7
    assert threads == {threading.get_ident()}  # the caller's, whose task run in Prefect it is


def test_a_spectrum_that_a_step_refuses_is_named_and_leaves_nothing_behind(tmp_path: Path, small_blocks: None) -> None:
    spectra = dataset()
    spectra["intensity"][37, 4] = 0.0
    chain = parse_variant("absorbance")
    with pytest.raises(SpectraError, match=r"variant 'absorbance\(.*, spectrum 38, axis 408: expected a positive"):
        materialise(spectra, chain, directory=tmp_path, snapshot="A")
    assert names_in(tmp_path, "*.zarr") == [] and names_in(tmp_path, "*.part") == []


def test_a_chain_that_leaves_no_channel_fails_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(SpectraError, match=r"variant 'crop\(low=1, high=2\)', step crop"):
        materialise(dataset(), parse_variant("crop(1, 2)"), directory=tmp_path, snapshot="A")
    with pytest.raises(SpectraError, match="at least one spectrum"):
        materialise(dataset(2).isel(sample=slice(0, 0)), SNV, directory=tmp_path, snapshot="A")
    assert names_in(tmp_path, "*.part") == []


def test_a_result_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    spectra = dataset(4)
    spectra["intensity"][2, 3] = np.nan
    with pytest.raises(SpectraError, match="spectrum 3, axis 400: expected a finite result, found nan"):
        materialise(spectra, SNV, directory=tmp_path, snapshot="A")


def test_missing_rows_are_never_published(tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # a worker whose disk is not this one: it reports its rows, and they are not here
    monkeypatch.setattr(variant_store, "fill_block", _elsewhere)
    with pytest.raises(ArchiveError, match="50 spectra in 8 chunks, found 50 spectra reported, 7 chunks stored"):
        materialise(dataset(), SNV, directory=tmp_path, snapshot="A")
    assert names_in(tmp_path, "*.zarr") == []


def _elsewhere(x: np.ndarray, chain: object, axis: object, place: Path, start: int) -> int:
    if start != 21:
        zarr.open_array(place / "intensity", mode="r+")[start : start + len(x)] = x
    return len(x)


KILLED = """
import os, signal
from pathlib import Path
from spectral_core import variant_store, variants
from tests.core.test_variants import SNV, dataset
variant_store.BLOCK_BYTES = 4 * 24 * 7
def die(done, total):
    if done == {block}:
        os.kill(os.getpid(), signal.SIGKILL)
variants.materialise(dataset(), SNV, directory=Path({folder!r}), snapshot="A", workers=1, progress=die)
"""


def run(script: Path, text: str) -> subprocess.CompletedProcess[str]:
    script.write_text(text, encoding="utf-8")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, str(script)], env=here, capture_output=True, text=True, timeout=120, check=False
    )


def chunks_in(folder: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in folder.rglob("intensity/c/*/0")}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_killed_run_is_taken_up_at_its_whole_blocks_and_ends_bit_for_bit_as_an_unbroken_one(tmp_path: Path) -> None:
    killed = run(tmp_path / "script.py", KILLED.format(block=5, folder=str(tmp_path)))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = chunks_in(tmp_path)
    assert names_in(tmp_path, "*.zarr") == [] and 5 <= len(left) < 8
    other = tmp_path / "A" / ".0123456789abcdef.deadbeef.part"  # of another variant: not ours to remove
    other.mkdir()
    cut, rotten, *_ = sorted(left)
    left[cut].write_bytes(left[cut].read_bytes()[:-9])
    content = bytearray(left[rotten].read_bytes())
    content[len(content) // 2] ^= 1
    left[rotten].write_bytes(content)
    written = {name: path.stat().st_mtime_ns for name, path in left.items()}
    told: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variant_store, "BLOCK_BYTES", 4 * 24 * 7)
        resumed = materialise(
            dataset(), SNV, directory=tmp_path, snapshot="A", workers=1, progress=lambda *now: told.append(now)
        )
        unbroken = materialise(dataset(), SNV, directory=tmp_path / "unbroken", snapshot="A", workers=2)
    kept = len(left) - 2
    assert told == [(done, 8) for done in range(kept, 9)]
    now = {name: path.stat().st_mtime_ns for name, path in chunks_in(resumed.path).items()}
    assert {name for name in written if now[name] != written[name]} == {cut, rotten}
    assert contents(resumed.path) == contents(unbroken.path) and names_in(tmp_path, "*.part") == [other.name]


def test_what_a_broken_run_left_is_not_taken_up_for_other_spectra(tmp_path: Path, small_blocks: None) -> None:
    def stop(done: int, total: int) -> None:
        raise TimeoutError(done)

    with pytest.raises(TimeoutError):
        materialise(dataset(), SNV, directory=tmp_path, snapshot="A", progress=stop)
    assert chunks_in(tmp_path) and names_in(tmp_path, "*.zarr") == []
    told: list[tuple[int, int]] = []
    later = materialise(dataset(64), SNV, directory=tmp_path, snapshot="B", progress=lambda *now: told.append(now))
    assert told[0] == (1, 10) and names_in(tmp_path, "*.part") == []
    np.testing.assert_allclose(open_variant(later)["intensity"], expected(dataset(64), "snv"), atol=1e-6)


def test_an_archive_that_no_step_changes_is_not_copied(tmp_path: Path) -> None:
    columns = {name: dataset()[name].values for name in ("spectrum_id", "label")}
    archive = create_archive(tmp_path / "archive")
    archive.append(dataset().assign_coords(source_sha256=("sample", columns["spectrum_id"])))
    spectra = archive.open()
    where = {"directory": archive.path / "variants", "snapshot": archive.snapshot(), "archive": archive.path}
    raw = materialise(spectra, parse_variant("raw"), **where)
    assert raw == VariantReference(archive.path, "raw", archive.snapshot(), 50, 24, True)
    assert not (archive.path / "variants").exists()
    stored = open_variant(raw)
    assert stored["intensity"].values.tobytes() == dataset()["intensity"].values.tobytes()
    assert stored["label"].values.tolist() == columns["label"].tolist()
    assert (stored.attrs["chain"], stored.attrs["snapshot"]) == ("raw", archive.snapshot())
    few = materialise(spectra.isel(sample=slice(0, 9)), parse_variant("raw"), **where)  # not what the archive holds
    assert few.path != archive.path and open_variant(few).sizes["sample"] == 9
    snv = materialise(spectra, SNV, **where)
    np.testing.assert_allclose(open_variant(snv)["intensity"], expected(dataset(), "snv"), atol=1e-6)


def test_a_second_writer_waits_for_the_first_and_takes_what_it_wrote(tmp_path: Path) -> None:
    writing, go_on = threading.Event(), threading.Event()
    found: dict[str, VariantReference] = {}

    def hold(done: int, total: int) -> None:
        writing.set()
        go_on.wait(60)

    def write(name: str, **how: object) -> None:
        found[name] = materialise(dataset(), SNV, directory=tmp_path, snapshot="A", **how)  # type: ignore[arg-type]

    first = threading.Thread(target=write, args=("first",), kwargs={"progress": hold})
    second = threading.Thread(target=write, args=("second",))
    first.start()
    assert writing.wait(60)
    second.start()
    second.join(0.3)
    aside = names_in(tmp_path, "*.part")
    assert second.is_alive() and len(aside) == 1  # and the first one's work is not taken for a leftover
    go_on.set()
    first.join(60)
    second.join(60)
    assert (found["first"].reused, found["second"].reused) == (False, True)


def test_threads_become_processes_only_for_large_slow_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, n = parse_variant("als"), dataset().sizes["sample"] * 24
    assert variants._suited("threads", slow, dataset()) == "threads"
    monkeypatch.setattr(variants, "_WORTH_PROCESSES", n)
    assert variants._suited("threads", slow, dataset()) == "processes"
    assert variants._suited("threads", SNV, dataset()) == "threads"
    assert variants._suited("tcp://a:1", slow, dataset()) == "tcp://a:1"


@pytest.mark.parametrize("snapshot", ["", "..", "a/b", ".hidden"])
def test_a_snapshot_that_is_no_folder_name_is_refused(snapshot: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="a snapshot's name"):
        materialise(dataset(), SNV, directory=tmp_path / "v", snapshot=snapshot)
    assert not (tmp_path / "v").exists()


def test_what_is_no_variant_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"gone\.zarr: expected a materialised variant"):
        open_variant(tmp_path / "gone.zarr")
    (tmp_path / "text.zarr").write_text("x")
    with pytest.raises(ArchiveError, match="expected a materialised variant"):
        open_variant(tmp_path / "text.zarr")
    zarr.open_group(tmp_path / "foreign.zarr", mode="w", zarr_format=3)
    with pytest.raises(ArchiveError, match="a zarr group of another kind"):
        open_variant(tmp_path / "foreign.zarr")


def test_a_variant_of_other_spectra_under_the_same_address_is_not_reused(tmp_path: Path) -> None:
    materialise(dataset(50), SNV, directory=tmp_path, snapshot="A")
    with pytest.raises(ArchiveError, match="Remove the folder"):
        materialise(dataset(51), SNV, directory=tmp_path, snapshot="A")
