"""Reading and writing at `s3://bucket/prefix`, with what the environment says.

The environment gives AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN, or the role of the machine),
AWS_REGION and, for another service than Amazon's, AWS_ENDPOINT_URL. Nothing of it is ever stored, sent to a worker or
repeated in an error: a place is its bucket and its key, and whoever opens it reads the environment anew.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import icechunk
import zarr
from zarr.abc.store import Store

from spectral_core.archive.last_call import await_threads
from spectral_core.errors import ArchiveError
from spectral_core.storage import ObjectPlace, Place

if TYPE_CHECKING:
    from obstore.store import S3Store

atexit.register(await_threads)  # of icechunk, which every store here needs

_CODE = re.compile(r"<Code>(\w+)</Code>\s*<Message>([^<]*)</Message>")
SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
"""Variables whose values no message may hold: a service's refusal can repeat the request's headers."""


def icechunk_storage(place: Place) -> icechunk.Storage:
    """Give the storage of an icechunk repository at a place."""
    if isinstance(place, Path):
        return icechunk.local_filesystem_storage(str(place))
    endpoint = _endpoint()
    return icechunk.s3_storage(
        bucket=place.bucket,
        prefix=place.key,
        region=_region(),
        endpoint_url=endpoint,
        allow_http=_plain(endpoint),
        from_env=True,
        force_path_style=endpoint is not None,
    )


def zarr_store(place: Place) -> Store:
    """Give the zarr store at a place."""
    if isinstance(place, Path):
        return zarr.storage.LocalStore(place)
    return zarr.storage.ObjectStore(_bucket(place))


def read_object(place: ObjectPlace) -> bytes | None:
    """Read one object; None if there is none.

    Raises:
        ArchiveError: The service refuses or does not answer.
    """
    with answering(place):
        try:
            return bytes(_beside(place).get(place.name).bytes())
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise
            return None


def write_object(place: ObjectPlace, content: bytes, *, only_new: bool = False) -> bool:
    """Write one object at once; with `only_new`, say whether it was not there yet.

    Raises:
        ArchiveError: The service refuses or does not answer.
    """
    from obstore.exceptions import AlreadyExistsError

    with answering(place):
        try:
            _beside(place).put(place.name, content, mode="create" if only_new else "overwrite")
        except AlreadyExistsError:
            return False
        return True


def names_within(place: Place) -> Iterator[str]:
    """Name all files or objects within a place, relative to it.

    Raises:
        ArchiveError: The service refuses or does not answer.
    """
    if isinstance(place, Path):
        yield from (path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
        return
    with answering(place):
        for listed in _bucket(place).list():
            yield from (found["path"] for found in listed)


@contextmanager
def answering(place: Place) -> Iterator[None]:
    """Tell what object storage refuses in one sentence without secrets; a folder's errors pass as they are.

    Raises:
        ArchiveError: In place of an error of the service or of the connection to it.
    """
    if isinstance(place, Path):
        yield
        return
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, icechunk.IcechunkError, OSError) as error:
        raise refused(place, error) from None


def refused(place: Place, error: Exception) -> ArchiveError:
    """Say that object storage cannot be used, and what it answered."""
    remedy = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL and the bucket."
    said = _CODE.search(str(error))
    found = f"{said[1]} ({without_secrets(said[2])})" if said else first_line(error)
    return ArchiveError(str(place), "object storage that answers", found, remedy)


def first_line(error: Exception) -> str:
    """Shorten an error of a library to its first telling line and the system's own word, without secrets.

    Example:
        >>> first_line(OSError("  x cannot write chunk a:\\n  | Permission denied (os error 13)"))
        'cannot write chunk a: Permission denied (os error 13)'
    """
    lines = [line.strip(" x|`->") for line in str(error).splitlines()]
    telling = next((line for line in lines if line), type(error).__name__)
    cause = next((line for line in lines if "os error" in line and line != telling), "")
    return without_secrets(f"{telling} {cause}".rstrip())


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Put … in place of every credential of the environment.

    Example:
        >>> without_secrets("key s3cr3t is unknown", {"AWS_SECRET_ACCESS_KEY": "s3cr3t"})
        'key … is unknown'
    """
    for name in SECRETS:
        if secret := environment.get(name):
            text = text.replace(secret, "…")
    return text


def _beside(place: ObjectPlace) -> S3Store:
    return _bucket(ObjectPlace(place.bucket, place.key.rpartition("/")[0]))


def _bucket(place: ObjectPlace) -> S3Store:
    environment = sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return _connected(place, hashlib.sha256(repr(environment).encode()).hexdigest(), os.getpid())


@lru_cache(maxsize=64)
def _connected(place: ObjectPlace, environment: str, process: int) -> S3Store:
    """Open a connection, once for each process and state of the environment; a connection does not survive a fork."""
    from obstore.store import S3Store

    with answering(place):
        return S3Store(
            place.bucket,
            prefix=place.key or None,
            region=_region(),
            endpoint=_endpoint(),
            client_options={"allow_http": _plain(_endpoint())},
            retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
        )


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _plain(endpoint: str | None) -> bool:
    return endpoint is not None and endpoint.startswith("http://")


def _endpoint() -> str | None:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and (urlsplit(endpoint).username or urlsplit(endpoint).password):
        raise ArchiveError("AWS_ENDPOINT_URL", "an address without user and password", "one with them",
                           "Give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")  # fmt: skip
    return endpoint or None
