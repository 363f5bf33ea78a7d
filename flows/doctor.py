"""What is installed, what a run would use, and what is wrong with it, each with its remedy."""

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
from spectral_core.storage import Place
from tasks.environment import TELEMETRY_OFF

PACKAGES = (
    "offband", "prefect", "fastapi", "starlette", "mlflow", "dask", "distributed", "xarray", "zarr",
    "sqlalchemy", "icechunk", "numpy", "scipy", "scikit-learn", "skops", "chemotools", "pybaselines", "jcamp",
)  # fmt: skip
LITTLE_DISK = 2 * 2**30
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `remedy` is "" where all is well."""

    topic: str
    status: Literal["ok", "warning", "wrong"]
    found: str
    remedy: str = ""


def _ok(topic: str, found: str) -> Finding:
    return Finding(topic, "ok", found)


def _wrong(topic: str, found: str, remedy: str) -> Finding:
    return Finding(topic, "wrong", found, remedy)


def examine(study_file: Path | None) -> Iterator[Finding]:
    """Look at the installation and, if one is given, at a study; one finding after the other."""
    yield from packages()
    yield telemetry()
    yield from prefect_server()
    if study_file is None:
        yield disk(Path.cwd())
    else:
        yield from study(study_file)


def packages() -> Iterator[Finding]:
    """Give the versions of Python and of what decides a run, and combinations known to fail."""
    yield _ok("python", platform.python_version())
    versions: dict[str, str] = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield _wrong(name, "not installed", "Install offband again, with its dependencies.")
        else:
            yield _ok(name, versions[name])
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
        found = f"prefect {prefect} with fastapi {fastapi}: the server refuses deployments, or does not start"
        yield _wrong("prefect with fastapi", found, 'pip install "fastapi>=0.139,<0.151"')
    sqlalchemy = versions.get("sqlalchemy", "0")
    if Version(prefect).release[:2] == (3, 8) and Version(sqlalchemy) >= Version("2.1"):
        found = f"prefect {prefect} with sqlalchemy {sqlalchemy}: schedules never become runs"
        yield _wrong("prefect with sqlalchemy", found, 'pip install "sqlalchemy>=2.0,<2.1"')


def telemetry() -> Finding:
    """Say whether every known telemetry switch is off in this process."""
    on = [name for name, value in TELEMETRY_OFF.items() if os.environ.get(name) != value]
    if on:
        return _wrong("telemetry", f"{', '.join(on)} changed after start-up", "Do not set them.")
    return _ok("telemetry", "off (Prefect and MLflow)")


def prefect_server() -> Iterator[Finding]:
    """Say which Prefect server a run would use and whether it answers, or where its own keeps the runs."""
    import httpx
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME

    url = PREFECT_API_URL.value()
    if url is None:
        yield _ok("prefect server", "a temporary one on 127.0.0.1 with each run (about 10 s)")
        yield writable("prefect home", Path(PREFECT_HOME.value()))
        return
    try:
        answer = httpx.get(f"{url}/health", timeout=5).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield _wrong("prefect server", f"{url}: {error}", "Start it, or unset PREFECT_API_URL.")
        return
    if answer == 200:
        yield _ok("prefect server", url)
    else:
        yield _wrong("prefect server", f"{url} answers {answer}", "Correct PREFECT_API_URL; it ends in /api.")


def study(study_file: Path) -> Iterator[Finding]:
    """Look at everything a study names: inbox, sheet, archive, results, tracking, Dask, disk."""
    from spectral_core.study import load_study

    try:
        plan = load_study(study_file)
    except OffbandError as error:
        yield _wrong("study", f"{error.where}: expected {error.expected}, found {error.found}", error.remedy)
        return
    yield _ok("study", f"{plan.name}, digest {plan.digest()}")
    yield inbox(plan.inbox)
    if plan.samples.sheet is not None:
        yield sheet(plan.samples.sheet)
    yield archive(plan.archive)
    yield writable("results", plan.results)
    yield tracking(plan.tracking_uri)
    yield dask(plan.compute.scheduler)
    yield disk(plan.intake_folder)


def inbox(folder: Path) -> Finding:
    """Say whether the inbox is a folder that can be read, and how much lies in it."""
    if not folder.is_dir():
        return _wrong("inbox", f"{folder}: no such folder", "Make it, or correct the key inbox.")
    if not os.access(folder, os.R_OK | os.X_OK):
        return _wrong("inbox", f"{folder}: not readable", "Give yourself the right to read it.")
    return _ok("inbox", f"{folder}, {sum(1 for _ in folder.iterdir())} entries")


def sheet(path: Path) -> Finding:
    """Say whether the sample sheet is there; ingestion checks what it says."""
    if path.is_file():
        return _ok("sample sheet", str(path))
    return _wrong("sample sheet", f"{path}: no such file", "Write it, or correct the key samples.sheet.")


def archive(path: Place) -> Finding:
    """Say whether the archive can be read, or made at the first run; on object storage, whether that answers."""
    from spectral_core.archive import check_claimable, is_archive, open_archive

    try:
        if not is_archive(path):
            check_claimable(path)
            shown = f"{path}, made at the first run"
            return writable("archive", path, shown=shown) if isinstance(path, Path) else _ok("archive", shown)
        opened = open_archive(path)
        return _ok("archive", f"{path}, {len(opened)} spectra, snapshot {opened.snapshot()}")
    except OffbandError as error:
        return _wrong("archive", f"{error.where}: expected {error.expected}, found {error.found}", error.remedy)


def tracking(uri: str) -> Finding:
    """Say whether MLflow's store can be reached or written; a password in the address is not shown."""
    if uri.startswith("sqlite:///"):
        return writable("mlflow", Path(uri.removeprefix("sqlite:///")).parent, shown=uri)
    if "://" not in uri:
        return Finding("mlflow", "warning", f"{uri}: not checked", "Use sqlite:///… or http://… instead.")
    return reachable("mlflow", uri)


def dask(scheduler: str) -> Finding:
    """Say where Dask will compute, and whether a scheduler named by address listens."""
    if scheduler in ("threads", "processes"):
        return _ok("dask", f"{scheduler} on this machine, {os.cpu_count()} cores")
    return reachable("dask", scheduler)


def reachable(topic: str, address: str) -> Finding:
    """Say whether somebody listens at an address such as tcp://host:port."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme.partition("+")[0])
    except ValueError as error:
        return _wrong(topic, f"{address}: {error}", "Correct the address.")
    shown = address.replace(f":{parts.password}@", ":…@") if parts.password else address
    if port is None or not parts.hostname:
        return _wrong(topic, f"{shown}: no host and port", "Correct the address.")
    try:
        with socket.create_connection((parts.hostname, port), timeout=3):
            return _ok(topic, f"{shown} listens")
    except OSError as error:
        return _wrong(topic, f"{shown}: {error}", "Start it, or correct the address.")


def writable(topic: str, folder: Path, *, shown: str | None = None) -> Finding:
    """Say whether a folder, or the nearest one above it that exists, can be written."""
    above = _existing(folder)
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return _ok(topic, shown or str(folder))
    return _wrong(topic, f"{shown or folder}: {above} cannot be written", "Choose another place.")


def disk(path: Path) -> Finding:
    """Say how much room is left where data are written."""
    place = _existing(path)
    free = shutil.disk_usage(place).free
    shown = f"{free / 2**30:.1f} GiB free at {place}"
    if free < LITTLE_DISK:
        return Finding("disk", "warning", shown, "Make room before a large ingestion.")
    return _ok("disk", shown)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.absolute().parents) if place.exists())
