"""Kills, rivals and full disks: what the short tests beside it and the long ones in tests/calibration have in common.

`python -m tests.core.faults PART FOLDER` runs one part on a disk of its own, which `on_small_disk` mounts.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np

from spectral_core.archive import Ledger, is_archive, moving, open_archive, verify_archive
from spectral_core.errors import ArchiveError, OffbandError
from spectral_core.ingest import ingest_inbox
from spectral_core.study import Study, study_from

ROOT = Path(__file__).resolve().parents[2]
AXIS = np.arange(400.0, 464.0, 2.0)
BATCH = 4


def intensities(k: int, channels: int = AXIS.size) -> np.ndarray:
    return np.random.default_rng(k).normal(size=channels).round(6)


def write_files(inbox: Path, numbers: range, axis: np.ndarray = AXIS) -> None:
    inbox.mkdir(exist_ok=True)
    for k in numbers:
        rows = (f"{x:.4f}\t{y:.6f}\n" for x, y in zip(axis, intensities(k, axis.size), strict=True))
        (inbox / f"{'AB'[k % 2]}{k}.txt").write_text("".join(rows))


def study_in(folder: Path, **keys: Any) -> Study:
    content = {
        "name": "t", "inbox": "inbox", "archive": "archive", "results": "results",
        "samples": {"pattern": r"(?P<label>[AB])(?P<unit>\w+)\.txt", "unit": "unit"},
        "reading": {"axis_unit": "nm"}, "audit": {"seed": 1, "permutations": 99, "model_permutations": 0},
    }  # fmt: skip
    return study_from(content | keys, where=folder / "study.toml")


def check_snapshots(archive: Path, *, newest: int | None = None, axis: np.ndarray = AXIS) -> int:
    """Read everything in the newest snapshots, or in all; count the spectra of the latest."""
    if not is_archive(archive):
        return 0
    try:
        opened = open_archive(archive)
        snapshots = [s for s in opened.history() if s.spectra]
    except ArchiveError as error:
        assert "no such folder" in str(error)  # stopped before the store was made
        return 0
    for snapshot in snapshots[:newest]:
        spectra = opened.open(snapshot.id)
        names = list(spectra["source"].values)
        assert len(set(names)) == len(names) == snapshot.spectra, "a spectrum twice, or one lost"
        for name, label, values in zip(names, spectra["label"].values, spectra["intensity"].values, strict=True):
            assert values.tobytes() == intensities(int(name[1:-4]), axis.size).astype(np.float32).tobytes()
            assert label == name[0]
    return snapshots[0].spectra if snapshots else 0


def check_complete(study: Study, count: int) -> None:
    """Every file once in the archive, and once on the disk with its bytes: in the inbox or where it was moved."""
    assert check_snapshots(study.archive) == count
    found = verify_archive(study.archive)
    assert found.sound and not found.new, found.discrepancies[:3]
    with Ledger(study.archive / "ledger.sqlite") as ledger:
        assert ledger.counts() == {"archived": count}
    folders = [study.inbox, *study.destinations().values()]
    lie = Counter(path.name for folder in folders if folder.is_dir() for path in folder.iterdir())
    assert set(lie.values()) == {1} and len(lie) == count


def cycle(study: Study) -> None:
    """What is killed: ingest, verify, ingest."""
    moving.QUIET_S = 0.0  # nobody else writes these files
    ingest_inbox(study, batch_files=BATCH)
    verify_archive(study.archive)
    ingest_inbox(study, batch_files=BATCH)


def kill_at_random(study: Study, processes: ForkServerContext, *, kills: int, files: int, seed: int) -> int:
    """Kill that many cycles, each after some new files came, at a random moment; then end one; count the cycles."""
    rng, killed, cycles, span = random.Random(seed), 0, 0, None
    while killed < kills:
        write_files(study.inbox, range(cycles * files, (cycles + 1) * files))
        cycles += 1
        process = processes.Process(target=cycle, args=(study,))
        process.start()
        begun = time.monotonic()
        process.join(timeout=None if span is None else rng.uniform(0, span))
        if process.exitcode is None and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        elif process.exitcode == 0:
            span = time.monotonic() - begun  # on a busy machine it varies
        assert process.exitcode in (0, -signal.SIGKILL)
        killed += process.exitcode == -signal.SIGKILL
        check_snapshots(study.archive, newest=2)
    cycle(study)
    check_complete(study, cycles * files)
    return cycles


def race(study: Study, processes: ForkServerContext, files: int) -> None:
    """Two processes ingest one inbox at once."""
    write_files(study.inbox, range(files))
    both = [processes.Process(target=cycle, args=(study,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    check_complete(study, files)


@functools.cache
def how_to_mount() -> tuple[str, ...] | None:
    """Give the command that makes a namespace in which a small disk can be mounted; None where none may be."""
    if shutil.which("unshare") is None:
        return None
    for command in (("unshare", "-Urm"), ("unshare", "-m")):
        tried = subprocess.run([*command, "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"], capture_output=True)
        if tried.returncode == 0:
            return command
    return None


def on_small_disk(part: str, folder: Path, *, mebibytes: int = 24) -> dict[str, Any]:
    """Run one part in a process of its own, on a disk (tmpfs) that only it sees and that goes with it."""
    namespace = how_to_mount()
    assert namespace is not None
    script = f'mount -t tmpfs -o size={mebibytes}m none "$1" && exec "$0" -m tests.core.faults {part} "$1"'
    done = subprocess.run(
        [*namespace, "sh", "-c", script, sys.executable, str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@contextmanager
def only(free: int, disk: Path) -> Iterator[None]:
    """Fill the disk but for so many bytes; then space returns."""
    room = os.statvfs(disk)
    ballast = disk / "ballast"
    try:
        ballast.write_bytes(b"\0" * max(0, room.f_bavail * room.f_frsize - free))
        yield
    finally:
        ballast.unlink()


def refusal(action: Callable[[], object]) -> str:
    """Give the message of our own error; any other exception ends the process."""
    try:
        action()
    except OffbandError as error:
        return str(error)
    return ""


def give_up_root() -> None:
    """Let permissions count for this process even if it runs as root: drop the capabilities that pass them over."""
    libc, header = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    assert libc.capget(header, held) == 0
    for part in range(3):
        held[part] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, held) == 0


LARGE = np.linspace(400, 1800, 512)


def ingest_on_full_disk(disk: Path, rooms: tuple[int, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for free in rooms:
        folder = disk / f"free-{free}"
        folder.mkdir()
        study = study_in(folder)
        write_files(study.inbox, range(30), LARGE)
        with only(free, disk):
            message = refusal(lambda study=study: ingest_inbox(study, batch_files=10))
            held = check_snapshots(study.archive, axis=LARGE)
        ingest_inbox(study)
        assert check_snapshots(study.archive, axis=LARGE) == 30 and verify_archive(study.archive).sound
        told[str(free)] = [message, held]
        shutil.rmtree(folder)
    return told


def preprocess_on_full_disk(disk: Path, rooms: tuple[int, ...]) -> dict[str, Any]:
    from spectral_core.preprocessing import parse_variant
    from spectral_core.variants import materialise, open_variant

    study = study_in(disk)
    write_files(study.inbox, range(30), LARGE)
    snapshot = ingest_inbox(study).snapshot
    chain, told = parse_variant("snv"), {}
    make = functools.partial(materialise, open_archive(study.archive).open(), chain,
                             directory=study.archive / "variants", snapshot=snapshot)  # fmt: skip
    for free in rooms:
        with only(free, disk):
            told[str(free)] = [refusal(make), check_snapshots(study.archive, axis=LARGE)]
        assert not list((study.archive / "variants").rglob("*.zarr")), told
    made = make()
    assert not list((study.archive / "variants").rglob("*.part"))
    raw = open_archive(study.archive).open()["intensity"].values.astype(float)
    wanted = (raw - raw.mean(axis=1, keepdims=True)) / raw.std(axis=1, ddof=1, keepdims=True)
    stored = open_variant(made)["intensity"].values
    assert min(np.abs(stored - wanted).max(), np.abs(stored - wanted * (512 / 511) ** 0.5).max()) < 1e-5
    return told


def train_on_full_disk(disk: Path, rooms: tuple[int, ...]) -> dict[str, Any]:
    from spectral_core.preprocessing import parse_variant
    from spectral_core.variants import materialise
    from tasks.mlflow_store import connect
    from tasks.open_runs import close_lost_runs, note_open
    from tasks.tracking import end_pipeline_run, start_pipeline_run
    from tasks.training import train_on_variant

    bands = {"b": {"interval": [500, 800], "assignment": "a band"}}
    study = study_in(disk, models=["ridge", "lda(components=3)"], bands=bands)
    write_files(study.inbox, range(30), LARGE)
    snapshot = ingest_inbox(study).snapshot
    variant = materialise(open_archive(study.archive).open(), parse_variant("raw"),
                          directory=study.archive / "variants", snapshot=snapshot)  # fmt: skip

    def train(study: Study, flow_run_id: str) -> int:
        """What a pipeline run does about MLflow; what it cannot close when it fails, the next one closes."""
        close_lost_runs(study)
        opened = note_open(study, flow_run_id)
        try:
            run = start_pipeline_run(study, snapshot=snapshot, n_spectra=30, n_channels=512, flow_run_id=flow_run_id)
            trained = train_on_variant.fn(study, variant, run)
            end_pipeline_run(run, verdict="none", reasons=[], metrics={}, artifacts=[])
            opened.closed()
        except OffbandError as error:
            message = str(error)
            refusal(lambda: opened.fail(message))
            raise
        return len(trained)

    def statuses(study: Study) -> set[str]:
        client = connect(study.tracking_uri)
        return {run.info.status for e in client.search_experiments() for run in client.search_runs([e.experiment_id])}

    told: dict[str, Any] = {}
    for kind in ("new", "old"):  # a database that is yet to be made, and one that is there
        for free in rooms:
            here = study.model_copy(update={"results": disk / f"results-{free}"})
            with only(free, disk):
                told[f"{kind} {free}"] = [refusal(functools.partial(train, here, f"{kind} {free}")),
                                          check_snapshots(study.archive, axis=LARGE)]  # fmt: skip
            assert train(here, f"{kind} {free} again") == 2
            assert statuses(here) <= {"FINISHED", "FAILED"}, statuses(here)
    return told


def both_on_full_disk(disk: Path, rooms: tuple[int, ...]) -> dict[str, Any]:
    ingested = ingest_on_full_disk(disk, rooms)
    return ingested | {f"preprocess {k}": v for k, v in preprocess_on_full_disk(disk, (16_384,)).items()}


PARTS = {
    "short": (both_on_full_disk, (4096, 98_304)),
    "ingest-long": (ingest_on_full_disk, tuple(range(0, 400_000, 16_384))),
    "preprocess": (preprocess_on_full_disk, (0, 16_384, 60_000)),
    "train": (train_on_full_disk, (0, 8192, 40_960, 163_840)),
}

if __name__ == "__main__":
    run, rooms = PARTS[sys.argv[1]]
    print(json.dumps(run(Path(sys.argv[2]), rooms)))
