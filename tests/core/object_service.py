"""An S3-API server of a test's own: moto on a free port of the loopback interface, ended with the test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import pytest

SECRET = "s3cr3t-0f-the-t3st-9b1d"
TOKEN = "t0ken-0f-the-t3st-77aa"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIATESTOFOFFBAND",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "lab"


@contextmanager
def object_service(folder: Path) -> Iterator[str]:
    """Serve one empty bucket; give the address, which the environment names too, with the credentials."""
    for package in ("moto", "obstore"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; `make install` does it")
    from tests.conftest import free_port

    address = f"http://127.0.0.1:{free_port()}"
    with (folder / "moto.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.rpartition(":")[2]],
            stdout=log, stderr=log, env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "1000"},
        )  # fmt: skip
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
                patch.setenv(name, value)
            _make_bucket(address, server)
            yield address
    finally:
        server.kill()
        server.wait(timeout=30)


def _make_bucket(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"), timeout=10):
                return
        except (URLError, ConnectionError):
            time.sleep(0.05)
    raise RuntimeError("moto does not answer; see moto.log")


def objects() -> dict[str, bytes]:
    """Everything in the bucket."""
    from obstore.store import S3Store

    store = S3Store(BUCKET, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True})
    names = [found["path"] for listed in store.list() for found in listed]
    return {name: bytes(store.get(name).bytes()) for name in names}


def put(name: str, content: bytes) -> None:
    """Write an object behind offband's back."""
    from obstore.store import S3Store

    S3Store(BUCKET, endpoint=os.environ["AWS_ENDPOINT_URL"], client_options={"allow_http": True}).put(name, content)
