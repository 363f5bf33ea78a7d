"""Where variants lie: aside while they are filled, published whole, and what becomes of what killed runs leave."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spectral_core.archive.objects import read_object, write_object
from spectral_core.storage import ObjectPlace, Place
from spectral_core.variant_store import Layout


def place_aside(path: Place, layout: Layout) -> Place:
    """Name the unfinished variant; what decides its bytes is in the name, so it is only ever taken up by its like."""
    stem = path.name.removesuffix(".zarr")
    if isinstance(path, ObjectPlace):
        return ObjectPlace(path.bucket, path.key.removesuffix(".zarr")) / layout.digest
    return path.with_name(f".{stem}.{layout.digest}.part")


def published(path: Place) -> Place | None:
    """Give where a whole variant lies, if there is one: what the object at its path names, or the folder there."""
    if isinstance(path, Path):
        return path if path.exists() else None
    content = read_object(path)
    return None if content is None else ObjectPlace(path.bucket, str(json.loads(content)["key"]))


def publish(aside: Place, path: Place) -> None:
    """Let readers see a variant, whole: by one rename, or on object storage by one object that names it."""
    if isinstance(path, ObjectPlace) and isinstance(aside, ObjectPlace):
        write_object(path, json.dumps({"key": aside.key}).encode())
    elif isinstance(path, Path) and isinstance(aside, Path):
        aside.rename(path)


@contextmanager
def sole_writer(path: Place) -> Iterator[None]:
    """Hold the variant's lock, which dies with its process.

    It holds on this machine. Machines that fill one variant at once on object storage write the same bytes.
    """
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(_lock(path)):
        yield


def _lock(path: Place) -> Path:
    if isinstance(path, Path):
        return path.with_name(f".{path.stem}.lock")
    return Path(tempfile.gettempdir()) / f"offband-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.lock"


def clear_leftovers(path: Place, *, but: Place) -> None:
    """Remove what killed runs left of this chain and no run will take up: another layout, or another snapshot."""
    if not isinstance(path, Path):
        return
    for leftover in path.parent.parent.glob(f"*/.{path.stem}.*.part"):
        if leftover == but:
            continue
        if leftover.parent == path.parent:
            remove(leftover)
            continue
        try:
            with FileLock(_lock(leftover.with_name(path.name)), timeout=0):
                remove(leftover)
        except Timeout:  # somebody fills it
            continue


def remove(aside: Path) -> None:
    """Remove a folder, again while threads that had begun a block still write into it."""
    for _ in range(20):
        if not aside.exists():
            return
        shutil.rmtree(aside, ignore_errors=True)
        time.sleep(0.05)
