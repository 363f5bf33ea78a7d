"""What is installed, what will be used, and what is wrong with it, each with its remedy."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.version import Version

from spectral_core.errors import OffbandError
from tasks.environment import TELEMETRY_OFF

PACKAGES = (
    "offband", "prefect", "fastapi", "starlette", "mlflow", "dask", "distributed", "xarray", "zarr", "icechunk",
    "numpy", "scipy", "scikit-learn", "skops", "chemotools", "pybaselines", "jcamp",
)  # fmt: skip
LITTLE_DISK = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `remedy` is "" where all is well."""

    topic: str
    status: Literal["ok", "warning", "wrong"]
    found: str
    remedy: str = ""


def examine(study_file: Path | None) -> Iterator[Finding]:
    """Look at the installation and, if one is given, at a study; one finding after the other."""
    yield from packages()
    yield telemetry()
    yield from prefect_api()
    if study_file is None:
        yield disk(Path.cwd())
    else:
        yield from study(study_file)


def packages() -> Iterator[Finding]:
    """Give the versions of Python and of what decides a run, and combinations known to fail."""
    yield Finding("python", "ok", platform.python_version())
    versions: dict[str, str] = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(name, "wrong", "not installed", "Install offband again: pip install -e .")
        else:
            yield Finding(name, "ok", versions[name])
    yield from known_failures(versions)


def known_failures(versions: dict[str, str]) -> Iterator[Finding]:
    """Name combinations of versions that were seen to fail.

    Example:
        >>> [f.topic for f in known_failures({"prefect": "3.8.8", "fastapi": "0.151.0"})]
        ['prefect with fastapi']
        >>> list(known_failures({"prefect": "3.8.8", "fastapi": "0.150.0"}))
        []
    """
    prefect, fastapi = versions.get("prefect", "0"), versions.get("fastapi", "0")
    if Version(prefect).release[:2] == (3, 8) and Version(fastapi) >= Version("0.151"):
        yield Finding(
            "prefect with fastapi", "wrong", f"prefect {prefect} with fastapi {fastapi}: the server refuses "
            "deployments, or does not start", 'pip install "fastapi>=0.139,<0.151"',
        )  # fmt: skip


def telemetry() -> Finding:
    """Say whether every known telemetry switch is off in this process."""
    on = [name for name, value in TELEMETRY_OFF.items() if os.environ.get(name) != value]
    if on:
        return Finding("telemetry", "wrong", f"{', '.join(on)} changed after start-up", "Do not set them.")
    return Finding("telemetry", "ok", "off (Prefect and MLflow)")


def prefect_api() -> Iterator[Finding]:
    """Say which Prefect server will be used and whether it answers, and where its runs are kept."""
    import httpx
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME

    url, home = PREFECT_API_URL.value(), Path(PREFECT_HOME.value())
    if url is None:
        yield Finding(
            "prefect server", "ok", "a temporary one on 127.0.0.1, started with each run (about 10 s)"
        )
        yield writable("prefect home", home)
        return
    try:
        answer = httpx.get(f"{url}/health", timeout=5).status_code
    except httpx.HTTPError as error:
        yield Finding("prefect server", "wrong", f"{url}: {error}", "Start it, or unset PREFECT_API_URL.")
    else:
        fine = answer == 200
        yield Finding("prefect server", "ok" if fine else "wrong", f"{url} answers {answer}",
                      "" if fine else "Check PREFECT_API_URL; it ends in /api.")  # fmt: skip


def study(study_file: Path) -> Iterator[Finding]:
    """Look at everything a study names: inbox, sheet, archive, tracking, Dask, disk."""
    from spectral_core.study import load_study

    try:
        plan = load_study(study_file)
    except OffbandError as error:
        yield Finding(
            "study",
            "wrong",
            f"{error.where}: found {error.found}",
            f"Expected {error.expected}. {error.remedy}",
        )
        return
    yield Finding("study", "ok", f"{plan.name}, digest {plan.digest()}")
    yield inbox(plan.inbox)
    if plan.samples.sheet is not None:
        there = plan.samples.sheet.is_file()
        yield Finding("sample sheet", "ok" if there else "wrong", f"{plan.samples.sheet}" + ("" if there else ": missing"),
                      "" if there else "Write it, or correct samples.sheet.")  # fmt: skip
    yield archive(plan.archive)
    yield writable("results", plan.results)
    yield tracking(plan.tracking_uri)
    yield dask(plan.compute.scheduler)
    yield disk(plan.archive)


def inbox(folder: Path) -> Finding:
    """Say whether the inbox is a folder that can be read, and how many files wait in it."""
    if not folder.is_dir():
        return Finding("inbox", "wrong", f"{folder}: no such folder", "Make it, or correct the key inbox.")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding("inbox", "wrong", f"{folder}: not readable", "Give yourself the right to read it.")
    return Finding("inbox", "ok", f"{folder}, {sum(1 for _ in folder.iterdir())} entries")


def archive(path: Path) -> Finding:
    """Say whether the archive can be read, or will be made."""
    from spectral_core.archive import open_archive

    if not path.exists():
        return Finding("archive", "ok", f"{path}: will be made at the first run")
    try:
        opened = open_archive(path)
        return Finding("archive", "ok", f"{path}, {len(opened)} spectra, snapshot {opened.snapshot()}")
    except OffbandError as error:
        return Finding("archive", "wrong", f"{error.where}: {error.found}", error.remedy)


def tracking(uri: str) -> Finding:
    """Say whether MLflow's store can be reached or written."""
    parts = urlsplit(uri)
    if parts.scheme == "sqlite":
        return writable("mlflow", Path(uri.removeprefix("sqlite:///")).parent, shown=uri)
    if parts.hostname is None:
        return Finding(
            "mlflow", "warning", f"{uri}: not checked", "Use sqlite:///… or http://… to have it checked."
        )
    default = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}.get(
        parts.scheme.partition("+")[0]
    )
    return reachable("mlflow", uri, parts.hostname, parts.port or default)


def dask(scheduler: str) -> Finding:
    """Say where Dask will compute, and whether a scheduler named by address listens."""
    if scheduler in ("threads", "processes"):
        return Finding("dask", "ok", f"{scheduler} on this machine, {os.cpu_count()} cores")
    parts = urlsplit(scheduler)
    return reachable("dask", scheduler, parts.hostname or "", parts.port)


def reachable(topic: str, shown: str, host: str, port: int | None) -> Finding:
    """Say whether somebody listens at a host and port."""
    try:
        with socket.create_connection((host, port or 0), timeout=3):
            return Finding(topic, "ok", f"{shown} listens")
    except OSError as error:
        return Finding(topic, "wrong", f"{shown}: {error}", "Start it, or correct the address.")


def writable(topic: str, folder: Path, *, shown: str | None = None) -> Finding:
    """Say whether a folder, or the nearest one above it that exists, can be written."""
    above = _existing(folder)
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return Finding(topic, "ok", shown or str(folder))
    return Finding(
        topic,
        "wrong",
        f"{shown or folder}: {above} is not writable",
        "Choose another place, or get the right to write.",
    )


def disk(path: Path) -> Finding:
    """Say how much room is left where data are written."""
    free = shutil.disk_usage(_existing(path)).free
    shown = f"{free / 2**30:.1f} GiB free at {_existing(path)}"
    if free < LITTLE_DISK:
        return Finding("disk", "warning", shown, "Make room before a large ingestion.")
    return Finding("disk", "ok", shown)


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.absolute().parents) if p.exists())
