"""Where an archive and its variants lie: a folder, or a prefix on object storage, which is named like one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spectral_core.errors import ArchiveError

SCHEME = "s3://"


@dataclass(frozen=True)
class ObjectPlace:
    """Everything in a bucket whose key begins with `key/`; `place / name` is a place within.

    Example:
        >>> str(ObjectPlace("lab", "nir/archive") / "variants")
        's3://lab/nir/archive/variants'
    """

    bucket: str
    key: str

    def __truediv__(self, name: str) -> ObjectPlace:
        return ObjectPlace(self.bucket, f"{self.key}/{name}")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]


Place = Path | ObjectPlace
"""A folder on disk, or a prefix on object storage."""


def place_from(text: str | Path | ObjectPlace) -> Place:
    """Read a place: `s3://bucket/prefix`, or a path.

    Raises:
        ArchiveError: The text begins with s3: and names no bucket or no prefix, or holds a user or a port.

    Example:
        >>> place_from("s3://lab/archive/"), place_from("archive").name
        (ObjectPlace(bucket='lab', key='archive'), 'archive')
    """
    if isinstance(text, ObjectPlace):
        return text
    if not str(text).startswith("s3:"):
        return Path(text)
    bucket, _, key = str(text).removeprefix(SCHEME).partition("/")
    parts = key.rstrip("/").split("/")
    if not str(text).startswith(SCHEME) or not bucket or any(c in bucket for c in ":@?") or {"", ".", ".."} & {*parts}:
        found = str(text).rpartition("@")[2]
        raise ArchiveError("a place on object storage", "s3://bucket/prefix", repr(found), "Name bucket and prefix; "
                           "credentials and AWS_ENDPOINT_URL belong in the environment.")  # fmt: skip
    return ObjectPlace(bucket, "/".join(parts))
